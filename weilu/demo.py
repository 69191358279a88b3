"""The demo's people and systems, made through the actions that the pages call.

The same cast stands in the tests: 王 asks, 李 heads the department, 赵 heads technology, 钱 leads,
吴 is the security office, 郑 administers; 陈 engineers, 周 heads development; 孙 is of another vendor.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from weilu.accounts.actions import add_person, found_organisation, give_role
from weilu.accounts.house import name_head
from weilu.accounts.models import Department, Organisation, Person
from weilu.kernel.times import SHANGHAI
from weilu.planning.actions import add_window
from weilu.process.flow_actions import install_flow
from weilu.systems.actions import name_users, register_installation, register_system
from weilu.systems.host_actions import register_host
from weilu.systems.layout_actions import add_environment, add_group, set_limit
from weilu.systems.models import Environment, Host, HostGroup, Installation, Limit, System

HOSTS: dict[str, dict[tuple[str, int | None], tuple[str, ...]]] = {  # by kind; groups with their bound
    "test": {("应用", None): ("lab-01",)},
    "production": {("应用", 2): ("yy-app-01", "yy-app-02", "受理大厅 叫号机"), ("数据库", 1): ("yy-db-01", "yy-db-02")},
}
UNPINNED = {"受理大厅 叫号机"}  # somebody has still to compare its key
PASSWORD = "weilu-demo-2026"  # noqa: S105  (the demo's own, printed at its start)
FLOWS = Path(__file__).with_name("changes") / "flows"


@dataclass(frozen=True)
class Cast:
    """Everybody in the demo, by the names the tests and the story use."""

    jz: Organisation
    hc: Organisation
    bl: Organisation
    hn: Organisation
    wang: Person
    li: Person
    zhao: Person
    qian: Person
    wu: Person
    zheng: Person
    chen: Person
    zhou: Person
    sun: Person
    he: Person  # 何 administers the other customer


@transaction.atomic
def make_cast() -> Cast:
    """Organisations, people, roles and the published flow; raises Refused when they exist already."""
    jz = found_organisation(None, code="JZ", name="江州社会保险事业管理中心", short_name="江州社保中心")
    hn = found_organisation(None, code="HN", name="海宁市住房公积金中心", short_name="海宁公积金中心")
    hc = found_organisation(None, code="HC", name="禾川软件有限公司", short_name="禾川软件", kind="vendor")
    bl = found_organisation(None, code="BL", name="北岭科技有限公司", short_name="北岭科技", kind="vendor")
    wang = _person(jz, "wangmin", "王敏", "养老待遇科科员", "养老待遇科", "requester")
    li = _person(jz, "lijianguo", "李建国", "养老待遇科科长", "养老待遇科", "department_head", "requester")
    zhao = _person(jz, "zhaolixin", "赵立新", "技术部门负责人", "信息科", "technical_head")
    qian = _person(jz, "qianwenyuan", "钱文远", "中心副主任", "中心领导", "leader")
    wu = _person(jz, "wujing", "吴静", "信息安全领导办公室", "信息安全办", "security_office")
    zheng = _person(jz, "zhengjie", "郑洁", "系统管理员", "信息科", "administrator")
    chen = _person(hc, "chenhang", "陈航", "维护工程师", "", ("engineer", jz))
    zhou = _person(hc, "zhouyi", "周毅", "软件开发负责人", "", ("development_head", jz))
    sun = _person(bl, "sunli", "孙莉", "维护工程师", "", ("engineer", hn))
    he = _person(hn, "helin", "何琳", "系统管理员", "信息科", "administrator", "requester")
    name_head(None, Department.objects.get(organisation=jz, name="养老待遇科"), li)
    install_flow(jz, (FLOWS / "normal.yaml").read_text("utf-8"))
    return Cast(jz, hc, bl, hn, wang, li, zhao, qian, wu, zheng, chen, zhou, sun, he)


def publish_kinds(owner: Organisation) -> None:
    """The shipped flows beside the normal one: standard and emergency changes, and templates."""
    for name in ("standard", "emergency", "template"):
        install_flow(owner, (FLOWS / f"{name}.yaml").read_text("utf-8"))


def _person(
    home: Organisation, username: str, name: str, title: str, department: str, *roles: str | tuple[str, Organisation]
) -> Person:
    person = add_person(None, home, username=username, name=name, password=PASSWORD, title=title, department=department)
    for role in roles:
        key, owner = (role, home) if isinstance(role, str) else role
        give_role(None, person, owner, key, source="在职" if owner == home else "合同 JZ-HT-2026-003")
    return person


def make_system(
    cast: Cast, *, root: Path, url: str, channel: Path, keyring: Path, version: str = "1.0.0"
) -> Installation:
    """The demo's one running application: 网上预约平台, with its users."""
    system = register_system(
        cast.zheng,
        cast.jz,
        code="YYPT",
        name="网上预约平台",
        importance=System.Importance.IMPORTANT,
        backup_owner=cast.zheng,
    )
    name_users(cast.zheng, system, [cast.wang, cast.li])
    # The story plays at whatever hour somebody starts it; a real system has its nights, or says when.
    add_window(
        cast.zheng, system, name="全天（仅供演示）", rule="FREQ=DAILY",
        starts=datetime(2026, 1, 1, tzinfo=SHANGHAI), minutes=24 * 60,
    )  # fmt: skip
    return register_installation(
        cast.zheng, system, name="jzdesk", host="app-01", root=str(root), url=url,
        channel=str(channel), keyring=str(keyring), version=version,
    )  # fmt: skip


def make_environment(system: System, **over: Any) -> Environment:
    """An environment of the system: 实验机, unless `kind` (test, standby, production) or `name` say otherwise."""
    kind = over.pop("kind", Environment.Kind.TEST)
    fields = {"name": str(Environment.Kind(kind).label)} | over
    return Environment.objects.create(owner=system.owner, system=system, kind=kind, **fields)


def make_group(environment: Environment, **over: Any) -> HostGroup:
    """A group of hosts: 应用, unless `name` says otherwise; `at_once` bounds it."""
    fields = {"name": "应用"} | over
    return HostGroup.objects.create(owner=environment.owner, environment=environment, **fields)


def make_host(group: HostGroup, **over: Any) -> Host:
    """The group's next host, app-01 and so on, with a pinned key that is its own; `key=""` leaves it unpinned."""
    number = Host.objects.filter(owner=group.owner).count() + 1
    name = over.pop("name", f"app-{number:02d}")
    fields = {"address": f"192.0.2.{number}", "key": made_up_key(name)} | over
    return Host.objects.create(owner=group.owner, group=group, name=name, **fields)


def made_up_key(name: str) -> str:
    """An Ed25519 host key as known_hosts has it; nobody has its private half."""
    kind, point = b"ssh-ed25519", sha256(name.encode()).digest()
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, point))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def register_hosts(by: Person, system: System) -> list[Host]:
    """The demo's machines, by the actions that the pages call: examples' addresses, at which nobody answers."""
    made: list[Host] = []
    for kind, groups in HOSTS.items():
        environment = add_environment(by, system, kind=kind, name=str(Environment.Kind(kind).label))
        for (name, at_once), hosts in groups.items():
            group = add_group(by, environment, name=name, at_once=at_once)
            for host in hosts:
                said = {"name": host, "address": f"192.0.2.{11 + len(made)}", "user": "deploy", "become": True}
                place = {"site": "主机房", "zone": "内网"}
                key = "" if host in UNPINNED else made_up_key(host)
                made.append(register_host(by, group, key=key, **said, **place))
    set_limit(by, system.owner, kind=Limit.Kind.SITE, name="主机房", at_once=2)
    return made


def set_stage(say: Callable[[str], None]) -> None:
    """The demo as the story finds it: channel built, 1.0.0 laid out and running, cast and system on record."""
    from demo.channel import build_channel
    from demo.target import ctl, free_port, lay_out

    place = settings.CONFIG.data_dir / "demo"
    say("搭建演示：升级包渠道、运行中的 1.0.0、人员与系统")
    channel = build_channel(place)
    root = place / "app-01"
    url = lay_out(root, channel.folder, free_port(8310))
    ctl(root, "start")
    if not Organisation.objects.filter(code="JZ").exists():
        with transaction.atomic():
            cast = make_cast()
            name_head(None, Department.objects.get(organisation=cast.jz, name="信息科"), cast.zhao)
            made = make_system(cast, root=root, url=url, channel=channel.folder, keyring=channel.keyring)
            register_hosts(cast.zheng, made.system)
    publish_kinds(Organisation.objects.get(code="JZ"))
