"""What changes systems: registering them, their installations and their users."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.systems.models import Environment, HostGroup, Installation, System


@action("systems.register_system")
def register_system(
    by: Person,
    owner: Organisation,
    *,
    code: str,
    name: str,
    importance: str,
    running: bool = True,
    backup_owner: Person | None = None,
) -> System:
    """Put a system of the customer on the register; only its administrator may."""
    check_manages(by, owner)
    code = text.code(code, _("系统代号"), field="code", longest=20)
    if System.objects.filter(owner=owner, code=code).exists():
        raise Refused(_("代号 %(code)s 已被使用，换一个") % {"code": code}, field="code")
    if importance not in System.Importance.values:
        raise Refused(_("重要程度没有选"), field="importance")
    system = System.objects.create(
        owner=owner,
        code=code,
        name=text.line(name, _("系统名称"), field="name", longest=100),
        importance=importance,
        running=running,
        backup_owner=backup_owner,
    )
    stage("systems.system_registered", {"code": code, "name": system.name}, actor=by.actor, org=owner.code)
    return system


@action("systems.register_installation")
def register_installation(
    by: Person, system: System, *, name: str, host: str, root: str, url: str, channel: str, keyring: str, version: str
) -> Installation:
    """Record where an application of the system runs and where its releases come from."""
    check_manages(by, system.owner)
    url = text.code(url, _("地址"), field="url", longest=200)
    if not _is_address(url):
        raise Refused(_("地址应形如 http://主机:端口，不带用户名"), field="url")
    places = {"root": (_("安装目录"), root), "channel": (_("渠道"), channel), "keyring": (_("密钥环"), keyring)}
    for field, (label, path) in places.items():
        path = text.line(path, label, field=field, longest=300)
        if not path.startswith("/") or ".." in path.split("/"):
            raise Refused(_("%(path)s 应是完整路径，不含 ..") % {"path": path[:80]}, field=field)
    found = Installation.objects.create(
        owner=system.owner,
        system=system,
        name=text.code(name, _("应用名"), field="name", longest=60),
        host=text.code(host, _("主机"), field="host", longest=100),
        root=root.strip(),
        url=url.rstrip("/"),
        channel=channel.strip(),
        keyring=keyring.strip(),
        version=text.code(version, _("版本"), field="version", longest=40),
    )
    data = {"system": system.code, "name": found.name, "host": found.host, "root": root, "channel": channel}
    stage("systems.installation_registered", data, actor=by.actor, org=system.owner.code)
    return found


@action("systems.name_users")
def name_users(by: Person, system: System, users: Sequence[Person]) -> None:
    """Set who uses the system: whoever must get its upgrade notes (CHG-6); people of its customer only."""
    check_manages(by, system.owner)
    strangers = [person.name for person in users if person.organisation_id != system.owner_id]
    if strangers:
        raise Refused(_("%(names)s 不是本单位的人") % {"names": _("、").join(strangers)}, field="users")
    system.users.set(users)
    names = sorted(person.actor for person in users)
    stage("systems.users_named", {"system": system.code, "users": names}, actor=by.actor, org=system.owner.code)


def _is_address(url: str) -> bool:
    """Whether it names a scheme, a host and perhaps a port of HTTP, and nobody's password."""
    try:
        address = urlsplit(url)
        return (
            address.scheme in ("http", "https")
            and bool(address.hostname)
            and not address.username
            and address.port != 0
        )
    except ValueError:  # brackets that do not close, a port beyond 65535
        return False


def check_manages(by: Person, owner: Organisation) -> None:
    """Raises Refused unless `by` looks after the customer's register of systems."""
    if not by.may("systems.manage", owner.id):
        raise Refused(_("系统档案由系统管理员维护"), who="administrator")


def hold_register(by: Person, owner: Organisation) -> None:
    """Let nobody else change the customer's register until the transaction ends; raises Refused as above."""
    check_manages(by, owner)
    Organisation.objects.select_for_update(no_key=True).get(id=owner.id)  # rows that name the customer still come in


def read_again(row: Environment | HostGroup) -> None:
    """The row as it is now, under the register's lock; raises Refused where somebody has just dropped it."""
    try:
        row.refresh_from_db()
    except (Environment.DoesNotExist, HostGroup.DoesNotExist):
        raise Refused(_("「%(name)s」已被别人删去") % {"name": row.name}) from None
