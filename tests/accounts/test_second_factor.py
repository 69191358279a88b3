"""The second step of sign-in: codes by time, each once; recovery codes, each once; what an organisation asks for."""

import json
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.db.models import F
from django.test import Client

from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import sign_in
from weilu.accounts.credentials import Guesses, RecoveryCode, SecondFactor
from weilu.accounts.models import Organisation, Person
from weilu.accounts.queries import has_second_factor
from weilu.accounts.sealing import Unreadable, seal, unseal
from weilu.accounts.second import (
    confirm_second_factor,
    drop_second_factor,
    enrol_second_factor,
    require_second_factor,
    reset_second_factor,
    second_step,
)
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db
HERE = "10.0.0.1"


def anew(person: Person) -> Person:
    return Person.objects.get(id=person.id)


def enrolled(person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """The phone of `person`, and the recovery codes; a code of the present time can be used again."""
    address = enrol_second_factor(person, password=PASSWORD, address=HERE)
    phone = pyotp.parse_uri(address)
    assert isinstance(phone, pyotp.TOTP)
    codes = confirm_second_factor(person, code=phone.now())
    SecondFactor.objects.filter(person=person).update(last_step=0)
    return phone, codes


def wrong(phone: pyotp.TOTP) -> str:
    """A code of six digits that is not right now."""
    near = {phone.at(now() + timedelta(seconds=30 * step)) for step in range(-2, 3)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


def at_the_code(who: str = "wangmin") -> Client:
    """A browser in which the password was given."""
    client = Client()
    answer = client.post("/login", {"username": who, "password": PASSWORD, "next": "/people/"})
    assert answer["Location"] == "/login/second?next=%2Fpeople%2F"
    return client


def is_in(client: Client) -> bool:
    return client.get("/people/").status_code == 200


@pytest.mark.once
@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(at: int, code: str):
    """RFC 6238, appendix B, SHA-1: the last six digits of its eight."""
    assert pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(at) == code


@pytest.mark.once
def test_a_sealed_secret_opens_for_its_owner_only():
    sealed = seal(b"secret", "one")
    assert (unseal(sealed, "one"), b"secret" in sealed, seal(b"secret", "one") == sealed) == (b"secret", False, False)
    for broken, owner in ((sealed, "two"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "one"), (b"", "one")):
        with pytest.raises((Unreadable, ValueError)):
            unseal(broken, owner)


def test_password_and_code_sign_in_and_the_password_alone_does_not(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    client = at_the_code()
    assert not is_in(client)
    assert Staged.objects.filter(kind="accounts.signed_in").count() == 0

    answer = client.post("/login/second", {"code": f" {phone.now()[:3]} {phone.now()[3:]}", "next": "/people/"})

    assert (answer["Location"], is_in(client)) == ("/people/", True)
    entry = Staged.objects.get(kind="accounts.signed_in")
    assert (entry.actor, json.loads(bytes(entry.record))["data"]["second"]) == (cast.wang.actor, "totp")


def test_the_secret_is_sealed_and_the_codes_are_digests(cast: Cast):
    phone, codes = enrolled(cast.wang)
    kept = json.dumps(every_row(), default=repr, ensure_ascii=False)
    assert [one for one in (phone.secret, *codes, *(code.replace("-", "") for code in codes)) if one in kept] == []
    assert (len(codes), len(set(codes)), {len(one) for one in codes}) == (10, 10, {19})


def test_a_code_opens_once_and_older_ones_no_more(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    present, earlier = phone.now(), phone.at(now() - timedelta(seconds=30))
    assert second_step(cast.wang, present, HERE) == cast.wang
    for code in (present, earlier):
        refused = refusal_of(lambda code=code: second_step(cast.wang, code, HERE))
        assert (refused.field, refused.reason.startswith("验证码不对或已用过")) == ("code", True)
        assert refused.changed == ("accounts.Guesses",)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_of_another_time_is_wrong(cast: Cast, steps: int):
    phone, _codes = enrolled(cast.wang)
    other = phone.at(now() + timedelta(seconds=30 * steps))
    if other in {phone.at(now() + timedelta(seconds=30 * near)) for near in (-1, 0, 1)}:
        pytest.skip("两个时间的验证码碰巧相同")
    assert refusal_of(lambda: second_step(cast.wang, other, HERE)).field == "code"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "\x00", "x" * 10_000, "-1234 5"])
def test_what_no_code_can_be_is_a_wrong_code(cast: Cast, code: str):
    enrolled(cast.wang)
    left = "验证码不对或已用过，还可试 4 次。之后会锁定"
    assert refusal_of(lambda: second_step(cast.wang, code, HERE)) == Refusal(left, "", "code", ("accounts.Guesses",))


def test_a_recovery_code_opens_once_however_it_is_typed(cast: Cast):
    _phone, codes = enrolled(cast.wang)
    client = at_the_code()
    client.post("/login/second", {"code": codes[0].upper().replace("-", " ")})
    assert is_in(client)
    assert RecoveryCode.objects.filter(person=cast.wang, used_at=None).count() == 9
    assert refusal_of(lambda: second_step(cast.wang, codes[0], HERE)).field == "code"
    assert refusal_of(lambda: second_step(cast.li, codes[1], HERE)).field == "code"  # nobody else's


def test_wrong_codes_lock_and_the_right_one_waits_too(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    client, code = at_the_code(), wrong(phone)
    pages: list[Any] = [client.post("/login/second", {"code": code}) for _ in range(6)]
    assert [page.status_code for page in pages] == [401] * 6
    assert "验证码不对或已用过，已锁定 1 分钟" in pages[4].content.decode()
    assert client.post("/login/second", {"code": phone.now()}).status_code == 401
    Guesses.objects.update(until=F("until") - timedelta(minutes=2))
    assert client.post("/login/second", {"code": phone.now()}).status_code == 302
    assert Staged.objects.filter(kind="accounts.sign_in_locked").count() == 1


def test_without_the_password_nobody_is_asked_for_a_code(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    client = Client()
    assert client.post("/login/second", {"code": phone.now()})["Location"] == "/login"
    assert not is_in(client)


def test_half_a_sign_in_ends_after_five_minutes_and_with_a_new_password(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    late, changed = at_the_code(), at_the_code()
    session = late.session
    uid, at, sealed = session["half"]
    session["half"] = [uid, (now() - timedelta(minutes=6)).isoformat(), sealed]
    session.save()
    assert (bool(at), late.post("/login/second", {"code": phone.now()})["Location"]) == (True, "/login")
    person = anew(cast.wang)
    person.set_password("a new pass phrase")
    person.save()
    assert changed.post("/login/second", {"code": phone.now()})["Location"] == "/login"
    assert not is_in(late)
    assert not is_in(changed)


def test_the_way_back_leads_to_this_site_only(cast: Cast):
    phone, _codes = enrolled(cast.wang)
    answer = at_the_code().post("/login/second", {"code": phone.now(), "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_the_page_turns_it_on_with_a_first_code_and_shows_the_codes_once(cast: Cast):
    client = Client()
    client.post("/login", {"username": "wangmin", "password": PASSWORD})
    client.post("/me/second-factor", {"act": "enrol", "password": PASSWORD})
    page = client.get("/me/second-factor").content.decode()
    phone = pyotp.TOTP(page.partition('<code id="secret">')[2].partition("</code>")[0])
    assert ("<svg" in page, "style=" in page, has_second_factor(cast.wang)) == (True, False, False)

    before = every_row()
    refused = client.post("/me/second-factor", {"act": "confirm", "code": wrong(phone)})
    assert (refused.status_code, every_row() == before) == (422, True)
    shown: Any = client.post("/me/second-factor", {"act": "confirm", "code": phone.now()})

    assert (shown.content.decode().count("<li>"), "no-store" in shown["Cache-Control"]) == (10, True)
    assert has_second_factor(cast.wang)
    later = client.get("/me/second-factor").content.decode()
    assert ("<li>" in later, phone.secret in later, "恢复码还剩 10 个" in later) == (False, False, True)
    client.post("/me/second-factor", {"act": "drop", "password": PASSWORD})
    assert not has_second_factor(cast.wang)
    assert [row.kind.rpartition(".")[2] for row in Staged.objects.order_by("id")][-3:] == [
        "second_factor_begun", "second_factor_confirmed", "second_factor_dropped",
    ]  # fmt: skip


def test_a_wrong_password_turns_nothing_on_or_off(cast: Cast):
    for act in (enrol_second_factor, drop_second_factor):
        if act is drop_second_factor:
            enrolled(cast.wang)
        refused = refusal_of(lambda act=act: act(cast.wang, password="wrong", address=HERE))
        assert (refused.field, refused.changed) == ("password", ("accounts.Guesses",))
    assert has_second_factor(cast.wang)


def test_one_in_use_is_not_replaced_by_beginning_anew(cast: Cast):
    enrolled(cast.wang)
    assert refusal_of(lambda: enrol_second_factor(cast.wang, password=PASSWORD, address=HERE)) == Refusal(
        "两步验证已经开启"
    )
    nothing = Refusal("先开始开启，再输入验证码", "", "code")
    assert refusal_of(lambda: confirm_second_factor(cast.wang, code="000000")) == nothing


@pytest.mark.parametrize("who", ["wang", "li", "chen", "sun", "he"])
def test_nobody_but_an_administrator_of_the_organisation_resets_or_requires(cast: Cast, who: str):
    enrolled(cast.li)
    by, not_yours = getattr(cast, who), Refusal("管理人员与角色要由系统管理员办")
    assert refusal_of(lambda: reset_second_factor(by, cast.li)) == not_yours
    assert refusal_of(lambda: require_second_factor(by, cast.jz, required=True)) == not_yours
    client = Client()
    client.force_login(by)
    before = every_row()
    for path in (f"{cast.li.uid}/reset-second-factor", f"{cast.jz.uid}/require-second-factor"):
        assert client.post(f"/people/{path}", {"required": "1"}).status_code in (403, 404)
    assert every_row() == before


def test_an_administrator_does_not_reset_it_for_a_vendors_person(cast: Cast):
    enrolled(cast.chen)
    assert refusal_of(lambda: reset_second_factor(cast.zheng, cast.chen)) == Refusal("管理人员与角色要由系统管理员办")
    reset_second_factor(None, cast.chen)  # whoever is at the machine can
    assert not has_second_factor(cast.chen)


def test_an_administrator_who_is_only_signed_in_does_not_take_off_their_own(cast: Cast):
    """Whoever finds their browser open could otherwise do without password and code."""
    enrolled(cast.zheng)
    own = Refusal("自己的两步验证不能在这里重置。不用了在「登录与安全」里关闭；手机丢了用恢复码，或请另一位系统管理员")
    assert refusal_of(lambda: reset_second_factor(cast.zheng, cast.zheng)) == own
    client = Client()
    client.force_login(cast.zheng)
    client.post(f"/people/{cast.zheng.uid}/reset-second-factor")
    assert has_second_factor(cast.zheng)


def test_a_secret_that_was_never_confirmed_is_forgotten_after_a_quarter_of_an_hour(cast: Cast):
    """It stands on the page without a password: whoever finds the browser open later must not take it over."""
    client = Client()
    client.post("/login", {"username": "wangmin", "password": PASSWORD})
    client.post("/me/second-factor", {"act": "enrol", "password": PASSWORD})
    page = client.get("/me/second-factor").content.decode()
    phone = pyotp.TOTP(page.partition('<code id="secret">')[2].partition("</code>")[0])
    SecondFactor.objects.update(made_at=F("made_at") - timedelta(minutes=15))

    assert phone.secret not in client.get("/me/second-factor").content.decode()
    nothing = Refusal("先开始开启，再输入验证码", "", "code")
    assert refusal_of(lambda: confirm_second_factor(cast.wang, code=phone.now())) == nothing
    enrolled(cast.wang)
    assert has_second_factor(cast.wang)


def test_an_administrator_resets_it_for_somebody_who_lost_the_phone(cast: Cast):
    enrolled(cast.wang)
    client = Client()
    client.force_login(cast.zheng)
    page = f"/people/{cast.wang.uid}/"
    assert "reset-second-factor" in client.get(page).content.decode()

    assert client.post(f"{page}reset-second-factor")["Location"] == page

    assert "reset-second-factor" not in client.get(page).content.decode()
    assert RecoveryCode.objects.filter(person=cast.wang).count() == 0
    assert sign_in("wangmin", PASSWORD, HERE) == cast.wang
    kinds = Staged.objects.filter(kind="accounts.second_factor_reset").values_list("actor", "org")
    assert list(kinds) == [(cast.zheng.actor, "JZ")]


def test_where_the_organisation_asks_for_it_every_page_leads_to_turning_it_on(cast: Cast):
    admin, wang, chen = Client(), Client(), Client()
    for client, person in ((admin, cast.zheng), (wang, cast.wang), (chen, cast.chen)):
        client.force_login(person)
    admin.post(f"/people/{cast.jz.uid}/require-second-factor", {"required": "1"})
    assert Organisation.objects.get(id=cast.jz.id).second_factor_required

    for path in ("/", "/people/", "/me/tokens", "/me/password"):
        assert wang.get(path)["Location"] == "/me/second-factor"
    said = wang.get("/api/v1/items")
    assert (said.status_code, said.json()["reason"]) == (403, "本单位要求两步验证，先开启")
    assert wang.get("/me/second-factor").status_code == 200
    assert is_in(chen)  # the vendor's people answer to the vendor

    wang.post("/me/second-factor", {"act": "enrol", "password": PASSWORD})
    page = wang.get("/me/second-factor").content.decode()
    phone = pyotp.TOTP(page.partition('<code id="secret">')[2].partition("</code>")[0])
    wang.post("/me/second-factor", {"act": "confirm", "code": phone.now()})
    assert is_in(wang)
    refused = refusal_of(lambda: drop_second_factor(anew(cast.wang), password=PASSWORD, address=HERE))
    assert refused == Refusal("本单位要求两步验证，不能关闭")


def test_who_signed_in_with_the_password_alone_signs_in_again_when_it_is_asked_for(cast: Cast):
    enrolled(cast.wang)
    old = Client()
    old.force_login(cast.wang)  # as before it was turned on in another browser
    require_second_factor(cast.zheng, cast.jz, required=True)
    assert old.get("/me/second-factor")["Location"] == "/login"
    assert old.get("/people/")["Location"] == "/login?next=%2Fpeople%2F"
    again = Refusal("已经是这样了")
    assert refusal_of(lambda: require_second_factor(cast.zheng, cast.jz, required=True)) == again


def test_what_tells_a_secret_takes_no_idempotency_key(cast: Cast):
    client = Client()
    client.force_login(cast.wang)
    for verb, body in (("enrol_second_factor", {"password": PASSWORD}), ("confirm_second_factor", {"code": "1"})):
        path = f"/api/v1/accounts/{verb}"
        answer = client.post(path, json.dumps(body), content_type="application/json", HTTP_IDEMPOTENCY_KEY="a")
        assert answer.status_code == 422
    assert SecondFactor.objects.count() == 0
