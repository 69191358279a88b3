"""Signing in by the organisation's directory, against a real slapd."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Cast
from tests.support.slapd import ADMIN, ADMIN_PASSWORD, Directory, running
from tests.support.unchanged import every_row
from weilu.accounts.actions import check_password, sign_in
from weilu.accounts.credentials import Guesses
from weilu.accounts.directory import entry_of
from weilu.accounts.models import Person
from weilu.config_sign_in import WrongSignIn, read_ldap
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db
HERE, THEIRS = "10.0.0.1", "the directory's word"
FOUR_LEFT = "工号或密码不对，还可试 4 次。之后会锁定"
AWAY = "单位的目录服务没有应答，请稍后再试"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    people = [("wangmin", "王敏", THEIRS), ("liuyang", "刘洋", THEIRS), ("o*", "Star", THEIRS)]
    with running(tmp_path_factory.mktemp("slapd"), people) as found:
        yield found


@pytest.fixture
def use(settings: Any, directory: Directory, tmp_path: Path) -> Any:
    """Let Weilu ask the directory, with these settings over the usual ones."""

    def configure(**over: str) -> None:
        secret = tmp_path / "ldap-password"
        secret.write_text(ADMIN_PASSWORD + "\n")
        env = {
            "WEILU_LDAP_URL": directory.tls, "WEILU_LDAP_CA": str(directory.ca), "WEILU_LDAP_BIND_DN": ADMIN,
            "WEILU_LDAP_BIND_PASSWORD_FILE": str(secret), "WEILU_LDAP_BASE": "ou=people,dc=example,dc=cn",
        }  # fmt: skip
        settings.LDAP = read_ldap(env | over)

    return configure


def said(username: str, password: str) -> str:
    """Who is let in, or what is said; a refusal changes nothing but the counts."""
    before = every_row("Guesses")
    try:
        return sign_in(username, password, HERE).username
    except Refused as refused:
        assert every_row("Guesses") == before
        return refused.reason


@pytest.mark.parametrize("way", ["tls", "starttls", "loopback"])
def test_the_directorys_password_lets_in_whom_weilu_knows(cast: Cast, use: Any, directory: Directory, way: str):
    plain = {"WEILU_LDAP_URL": directory.plain}
    use(**{"tls": {}, "starttls": plain | {"WEILU_LDAP_STARTTLS": "1"}, "loopback": plain}[way])

    assert said("wangmin", THEIRS) == "wangmin"
    assert said("wangmin", PASSWORD) == "wangmin"  # one's own password still does
    assert said("wangmin", "wrong") == FOUR_LEFT
    check_password(cast.wang, THEIRS, HERE)  # and it signs sheets
    assert Staged.objects.filter(kind="accounts.signed_in", actor=cast.wang.actor).count() == 2


def test_without_a_directory_its_password_is_wrong(cast: Cast):
    assert said("wangmin", THEIRS) == FOUR_LEFT


def test_whom_weilu_does_not_know_is_let_in_only_where_that_is_set_and_then_without_rights(cast: Cast, use: Any):
    use()
    assert said("liuyang", THEIRS) == FOUR_LEFT
    use(WEILU_LDAP_CREATE_IN="JZ")
    assert said("liuyang", "wrong") == "工号或密码不对，还可试 3 次。之后会锁定"
    assert Person.objects.filter(username="liuyang").count() == 0

    assert said("ＬＩＵＹＡＮＧ", THEIRS) == "liuyang"  # as the directory spells it

    made = Person.objects.get(username="liuyang")
    assert (made.name, made.organisation, made.has_usable_password()) == ("刘洋", cast.jz, False)
    assert (made.owner_ids, made.rights) == (frozenset(), frozenset())
    kinds = list(Staged.objects.order_by("id").values_list("kind", "actor"))[-2:]
    assert kinds == [("accounts.person_added", "weilu"), ("accounts.signed_in", made.actor)]
    assert said("liuyang", THEIRS) == "liuyang"
    assert Person.objects.filter(name="刘洋").count() == 1


def test_who_has_left_weilu_is_not_let_in_by_the_directory(cast: Cast, use: Any):
    use(WEILU_LDAP_CREATE_IN="JZ")
    Person.objects.filter(id=cast.wang.id).update(is_active=False)
    assert said("wangmin", THEIRS) == FOUR_LEFT


@pytest.mark.parametrize(
    "username", ["*", "w*", "wangmin)(uid=*", "*)(objectClass=*", "wangmin\x00", "\\2a", "uid=wangmin", "(|(uid=*))"]
)
def test_a_name_that_is_a_filter_finds_nobody(cast: Cast, use: Any, username: str):
    use(WEILU_LDAP_CREATE_IN="JZ")
    assert said(username, THEIRS) == FOUR_LEFT


def test_an_escaped_name_is_found_as_it_is_spelt(use: Any):
    use()
    found = entry_of("o*", THEIRS)
    assert found is not None
    assert found.name == "Star"


@pytest.mark.parametrize("password", ["", "\x00", "密" * 5000, ADMIN_PASSWORD])
def test_no_password_is_not_a_password(cast: Cast, use: Any, password: str):
    """A directory lets a bind without a password pass, as nobody."""
    use(WEILU_LDAP_CREATE_IN="JZ")
    assert said("liuyang", password) == FOUR_LEFT


def test_a_filter_that_fits_several_means_nobody(cast: Cast, use: Any):
    use(WEILU_LDAP_FILTER="(|(uid={username})(objectClass=inetOrgPerson))")
    assert said("wangmin", THEIRS) == FOUR_LEFT


def test_guesses_at_the_directory_are_counted_however_the_name_is_spelt(cast: Cast, use: Any):
    use()
    for name in ("wangmin", "WANGMIN", "Wangmin", "wAngmin", "waNgmin"):
        said(name, "wrong")
    assert said("wangmin", THEIRS) == "密码错了太多次，约 1 分钟后可再试"


@pytest.mark.parametrize(
    "over",
    [
        {"WEILU_LDAP_URL": "ldaps://127.0.0.1:9"},
        {"WEILU_LDAP_CA": ""},  # a certificate that nobody vouches for
        {"WEILU_LDAP_BIND_DN": "cn=nobody,dc=example,dc=cn"},
        {"WEILU_LDAP_URL": "ldaps://localhost:{port}"},  # the certificate is of another name
    ],
)
def test_a_directory_that_cannot_be_asked_counts_no_guess_and_own_passwords_still_open(
    cast: Cast, use: Any, directory: Directory, over: dict[str, str]
):
    use(**{name: value.replace("{port}", directory.tls.rpartition(":")[2]) for name, value in over.items()})
    for _ in range(7):
        assert said("wangmin", THEIRS) == AWAY
    assert Guesses.objects.filter(failures__gt=0).count() == 0
    assert said("wangmin", PASSWORD) == "wangmin"


BASE = {"WEILU_LDAP_URL": "ldaps://ldap.example.cn", "WEILU_LDAP_BASE": "dc=example,dc=cn"}


@pytest.mark.once
@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"WEILU_LDAP_URL": "http://ldap.example.cn"}, "WEILU_LDAP_URL"),
        ({"WEILU_LDAP_URL": "ldap://ldap.example.cn"}, "明文"),
        ({"WEILU_LDAP_FILTER": "(uid=x)"}, "WEILU_LDAP_FILTER"),
        ({"WEILU_LDAP_BASE": ""}, "WEILU_LDAP_BASE"),
        ({"WEILU_LDAP_CA": "/nonexistent"}, "WEILU_LDAP_CA"),
        ({"WEILU_LDAP_BIND_PASSWORD_FILE": "/nonexistent"}, "WEILU_LDAP_BIND_PASSWORD_FILE"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told(over: dict[str, str], named: str):
    with pytest.raises(WrongSignIn, match=named):
        read_ldap(BASE | over)


@pytest.mark.once
def test_no_directory_is_asked_where_none_is_set():
    assert read_ldap({}) is None


def test_a_directory_that_drips_holds_up_nobody(cast: Cast, use: Any, monkeypatch: pytest.MonkeyPatch):
    """Whoever asks has not signed in yet, and a page is served by one of a few threads."""
    monkeypatch.setattr("weilu.accounts.directory.ALL", 0.6)

    def drip(listener: socket.socket) -> None:
        line, _address = listener.accept()
        with line, suppress(OSError):
            line.sendall(b"\x30\x84\x00\xff\xff\xff")  # a message of 16 MB begins
            for _ in range(80):
                line.sendall(b"\0")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        use(WEILU_LDAP_URL=f"ldap://127.0.0.1:{listener.getsockname()[1]}")
        began = time.monotonic()
        assert said("wangmin", THEIRS) == AWAY
        assert time.monotonic() - began < 5
        thread.join()
