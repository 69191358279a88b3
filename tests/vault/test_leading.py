"""Where a credential is taken: whoever may not name what opens a host leads no credential to one either."""

from dataclasses import dataclass

import pytest

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import make_key, make_place
from weilu.accounts.models import Person
from weilu.demo import made_up_key, make_group, make_host
from weilu.systems.host_actions import change_host, pin_key, register_host, retire_host
from weilu.systems.import_actions import confirm_import, plan_of_import, propose_import
from weilu.systems.models import Host, HostGroup
from weilu.vault.actions import grant_access
from weilu.vault.models import Reaching

MINE = {"address": "10.231.250.250", "key": made_up_key("mine"), "become": True}


@dataclass(frozen=True)
class Register:
    """A group that a credential opens with a host of its own, and one that nothing opens."""

    program: Person  # 郑's token, for the register alone
    opened: HostGroup
    shut: HostGroup
    host: Host


@pytest.fixture
def register(vault: Cast) -> Register:
    opened = make_place(vault)
    shut = make_group(opened.environment, name="别的组")
    host = make_host(opened, key="")
    grant_access(vault.zheng, make_key(vault), group=opened)
    program = Person.objects.get(id=vault.zheng.id)
    program.limited_to = frozenset({"systems.manage"})
    return Register(program, opened, shut, host)


def refused(name: str) -> Refusal:
    reason = "由保险库的凭据登录（共 1 台）。登记、固定密钥和改登录方式要有「管理凭据」权限"
    return Refusal(name + reason, "CON-9")


def test_no_host_is_put_where_a_credential_opens_it_by_who_may_not_name_it(vault: Cast, register: Register):
    said = {"name": "新机"} | MINE
    assert refusal_of(lambda: register_host(register.program, register.opened, **said)) == refused("新机")
    assert refusal_of(lambda: register_host(register.program, register.opened, **(said | {"key": ""}))) == refused(
        "新机"
    )
    elsewhere = register_host(register.program, register.shut, **said)
    assert refusal_of(lambda: change_host(register.program, elsewhere, group=register.opened)) == refused("新机")
    assert change_host(vault.zheng, elsewhere, group=register.opened).group == register.opened


def test_no_host_that_is_opened_is_made_another_one(vault: Cast, register: Register):
    host, program = register.host, register.program
    for over in ({"address": MINE["address"]}, {"port": 23}, {"become": True}, {"user": "x"}, {"python": "/tmp/x"}):
        assert refusal_of(lambda over=over: change_host(program, host, **over)) == refused("app-01")
    assert refusal_of(lambda: pin_key(program, host, key=MINE["key"])) == refused("app-01")
    assert change_host(program, host, site="东机房").site == "东机房"
    retire_host(program, host, reason="下线")
    again = {"name": "app-01"} | MINE
    assert refusal_of(lambda: register_host(program, register.opened, **again)) == refused("app-01")
    assert pin_key(vault.zheng, make_host(register.opened, key="", name="b"), key=made_up_key("b")).key != ""


def test_a_credential_of_its_own_keeps_a_host_where_it_is(vault: Cast, register: Register):
    host = make_host(register.shut, key="")
    assert change_host(register.program, host, address="192.0.2.77").address == "192.0.2.77"
    grant_access(vault.zheng, make_key(vault, "自己的"), host=host)
    assert refusal_of(lambda: change_host(register.program, host, address="192.0.2.78")) == refused("app-02")


def test_an_import_leads_no_credential_anywhere_either(vault: Cast, register: Register):
    environment = register.opened.environment

    def taken_over(text: str) -> object:
        found = propose_import(register.program, vault.jz, name="hosts", data=text.encode(), environment=environment)
        return refusal_of(lambda: confirm_import(register.program, found, digest=plan_of_import(found).digest))

    key = f"weilu_key='{MINE['key']}'"
    assert taken_over(f"[应用]\n新机 ansible_host={MINE['address']} {key}\n") == refused("新机")
    assert taken_over(f"[应用]\napp-01 ansible_host=192.0.2.1 {key}\n") == refused("app-01")
    rest = f"[别的组]\n新机 ansible_host={MINE['address']} {key}\n"
    found = propose_import(register.program, vault.jz, name="hosts", data=rest.encode(), environment=environment)
    confirm_import(register.program, found, digest=plan_of_import(found).digest)
    assert list(Reaching.objects.exclude(asked_at=None).order_by("id").values_list("host__name", flat=True)) == [
        "app-01", "新机",
    ]  # fmt: skip
