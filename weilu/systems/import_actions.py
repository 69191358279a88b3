"""Taking lists of hosts over: an upload is read and kept, a person confirms what it shows, all of it or nothing."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.evidence.files import keep
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.times import now
from weilu.systems.actions import check_manages, hold_register
from weilu.systems.history import facts_of
from weilu.systems.host_rules import FIELDS
from weilu.systems.importing.files import read_file
from weilu.systems.importing.plan import Line, Plan, plan_of
from weilu.systems.importing.reading import from_data
from weilu.systems.keys import fingerprint
from weilu.systems.models import Environment, Host, HostEvent, HostGroup, HostImport

OPEN_FOR = timedelta(days=7)  # an upload that nobody confirms
MOST_OPEN = 20  # uploads of one customer that wait for a word


def propose_import(
    by: Person,
    owner: Organisation,
    *,
    name: str,
    data: bytes,
    environment: Environment | None = None,
    prefer: Sequence[str] = (),
) -> HostImport:
    """Read an uploaded list and keep it for a while; nothing of it is on the register yet.

    Not one transaction with the reading: no lock is held while a hostile file is looked at.
    `environment` is for rows that name none, `prefer` the groups to stand in for hosts that are in several.
    Raises Refused for a file that cannot be read as a list of hosts; what single lines may not say is shown instead.
    """
    check_manages(by, owner)
    name = text.line(name, _("文件名"), field="file", longest=100)
    kind, reading = read_file(name, data, [one.strip() for one in prefer if one.strip()])
    if kind != HostImport.Kind.EXCEL and environment is None:
        raise Refused(_("没有选导入到哪个环境"), field="environment")
    if environment is not None and environment.owner_id != owner.id:
        raise Refused(_("没有选导入到哪个环境"), field="environment")
    with transaction.atomic():
        hold_register(by, owner)
        forget_old_uploads(owner)
        if HostImport.objects.filter(owner=owner, settled_at=None).count() >= MOST_OPEN:
            raise Refused(_("有 %(n)d 次上传还没有办。先导入或删去几次再传") % {"n": MOST_OPEN}, field="file")
        return HostImport.objects.create(
            owner=owner, environment=environment, kind=kind, name=name, sha256=sha256(data).hexdigest(), source=data,
            read=reading.as_data(), made_by=by,
        )  # fmt: skip


ACTIONS["systems.propose_import"] = propose_import


@action("systems.confirm_import")
def confirm_import(by: Person, found: HostImport, *, digest: str) -> HostImport:
    """Take over what was shown under `digest`, in one go; raises Stale where the register has moved on since."""
    found = _held(by, found)
    if found.made_at < now() - OPEN_FOR:
        raise Refused(_("这次上传已超过 %(n)d 天，不能再导入。重新上传文件") % {"n": OPEN_FOR.days})
    hosts = Host.objects.filter(owner=found.owner, retired_at=None).order_by("id")
    list(hosts.select_for_update(no_key=True).values_list("id"))  # no run takes one between the look and the act
    plan = plan_of_import(found)
    if plan.digest != digest:
        raise Stale(_("名册在您查看之后有变动。重新看过再导入"))
    if plan.faults or plan.counts["refused"]:
        raise Refused(_("还有 %(n)d 行被拒。改正文件后重新上传") % {"n": plan.counts["refused"] or plan.faults})
    if not plan.fits:
        raise Refused(_("文件与名册一致，没有要导入的"))
    groups = _make_groups(found.owner, plan)
    files = [keep(bytes(found.source), found.name), keep(plan.data, "import.json")]
    said = {"file": found.name, "sha256": found.sha256, "plan": digest, "counts": plan.counts, "groups": plan.groups}
    ref = stage("systems.hosts_imported", said, actor=by.actor, org=found.owner.code, files=files)
    done = _apply(found.owner, plan, groups)
    HostEvent.objects.bulk_create(
        HostEvent(host=host, kind=kind, actor=by.actor, data=facts_of(host) | data, ref=ref)
        for host, line in done
        for kind, data in _told(line)
    )
    announce("systems.hosts_imported", hosts=[(host, _touched(line)) for host, line in done], by=by)
    return _settle(found, by, plan.counts)


@action("systems.drop_import")
def drop_import(by: Person, found: HostImport) -> HostImport:
    """Leave an upload: nothing of it is kept."""
    return _settle(_held(by, found), by, None)


def forget_old_uploads(owner: Organisation | None = None) -> None:
    """Let go of uploads that nobody confirmed in OPEN_FOR, of one customer or of all; each is one statement."""
    stale = HostImport.objects.filter(settled_at=None, made_at__lt=now() - OPEN_FOR)
    (stale.filter(owner=owner) if owner else stale).update(settled_at=now(), source=b"", read={})


def plan_of_import(found: HostImport) -> Plan:
    """What an open import would do to the register as it is now."""
    inventory = found.kind != HostImport.Kind.EXCEL
    return plan_of(found.owner, from_data(found.read), found.environment, inventory=inventory)


def _held(by: Person, found: HostImport) -> HostImport:
    hold_register(by, found.owner)
    rows = HostImport.objects.select_for_update(of=("self",)).select_related("owner", "environment__system")
    held: HostImport = rows.get(id=found.id)
    if held.settled_at is not None:
        raise Refused(_("这次导入已经办结。要再导入，重新上传文件"))
    return held


def _settle(found: HostImport, by: Person, done: dict[str, int] | None) -> HostImport:
    found.source, found.read, found.settled_at, found.settled_by, found.done = b"", {}, now(), by, done
    found.save(update_fields=["source", "read", "settled_at", "settled_by", "done"])
    return found


def _make_groups(owner: Organisation, plan: Plan) -> dict[tuple[str, ...], HostGroup]:
    """Every group that the plan names, those that are new made."""
    environments = {
        (one.system.code, one.name): one for one in Environment.objects.filter(owner=owner).select_related("system")
    }
    HostGroup.objects.bulk_create(
        HostGroup(owner=owner, environment=environments[code, environment], name=name)
        for code, environment, name in plan.groups
    )
    rows = HostGroup.objects.filter(owner=owner).select_related("environment__system")
    return {(one.environment.system.code, one.environment.name, one.name): one for one in rows}


def _apply(owner: Organisation, plan: Plan, groups: dict[tuple[str, ...], HostGroup]) -> list[tuple[Host, Line]]:
    """Do what the lines say, checked when the plan was made under the same lock; each host with its line."""
    new = [line for line in plan.lines if line.state == "new"]
    changed = [line for line in plan.lines if line.state == "changed"]
    made = Host.objects.bulk_create(
        Host(owner=owner, group=groups[tuple(line.place)], key=line.key, **line.fields) for line in new
    )
    known = {str(one.uid): one for one in Host.objects.filter(uid__in=[line.host for line in changed])}
    hosts = [_change(known[line.host], line, groups) for line in changed]
    Host.objects.bulk_update(hosts, [*FIELDS, "group", "key"], batch_size=200)
    return list(zip((*made, *hosts), (*new, *changed), strict=True))


def _touched(line: Line) -> frozenset[str]:
    """What of a host is other than before, as `systems.host_changed` names it; `registered` for a new one."""
    return frozenset([*line.changed, *(["key"] if line.key else []), *(["registered"] if line.state == "new" else [])])


def _change(host: Host, line: Line, groups: dict[tuple[str, ...], HostGroup]) -> Host:
    for name, (_old, value) in line.changed.items():
        if name != "group":
            setattr(host, name, value)
    host.group, host.key = groups[tuple(line.place)], line.key or host.key
    return host


def _told(line: Line) -> list[tuple[str, dict[str, Any]]]:
    """Kind and facts of the lines of one host's history, as if each had been done by hand."""
    told: list[tuple[str, dict[str, Any]]] = []
    if line.state == "new":
        fields = {name: value for name, value in line.fields.items() if name != "name"}
        told.append(("systems.host_registered", {"fields": fields}))
    elif line.changed:
        told.append(("systems.host_changed", {"changed": line.changed}))
    if line.key:
        told.append(("systems.key_pinned", {"key": fingerprint(line.key)}))
    return told
