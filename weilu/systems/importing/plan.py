"""What an import would do to the register: one line a host, to be shown and then done exactly so.

The lines are canonical JSON; their digest is what a person confirms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from weilu.accounts.models import Organisation
from weilu.kernel.canonical import canonical
from weilu.kernel.refused import Refused
from weilu.systems import host_rules as rules
from weilu.systems.holding import holds_of
from weilu.systems.importing.reading import Reading, Row
from weilu.systems.keys import fingerprint, read_key
from weilu.systems.models import Environment, Host, HostGroup, System

YES = {"yes": True, "true": True, "on": True, "1": True, "是": True, "y": True, "t": True} | dict.fromkeys(
    ("no", "false", "off", "0", "否", "n", "f"), False
)


@dataclass
class Line:
    """One host of the file: new, changed, unchanged or refused, and why."""

    line: int
    name: str
    state: str = "refused"
    place: list[str] = field(default_factory=list)  # code of the system, name of environment and group
    fields: dict[str, Any] = field(default_factory=dict)  # of a new host
    changed: dict[str, list[Any]] = field(default_factory=dict)  # of a known one: old and new
    key: str = ""  # to be pinned
    reason: str = ""
    host: str = ""  # uid of the known one

    def refuse(self, reason: str) -> None:
        """Nothing of the line is done."""
        self.state, self.reason, self.fields, self.changed, self.key = "refused", reason, {}, {}, ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


@dataclass
class Plan:
    """All lines, and the groups that come with them."""

    lines: list[Line]
    groups: list[list[str]]  # to be made: code of the system, environment, group
    faults: int  # of the file itself

    @property
    def data(self) -> bytes:
        """What is shown, as canonical JSON."""
        return canonical({"lines": [asdict(line) for line in self.lines], "groups": self.groups, "faults": self.faults})

    @property
    def digest(self) -> str:
        return sha256(self.data).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """How many lines of each state."""
        found = Counter(line.state for line in self.lines)
        return {state: found[state] for state in ("new", "changed", "unchanged", "refused")}

    @property
    def fits(self) -> bool:
        """Whether it can be done: nothing refused, and something to do."""
        counts = self.counts
        return not self.faults and not counts["refused"] and bool(counts["new"] + counts["changed"])


@dataclass
class Register:
    """The customer's register as the import meets it."""

    systems: dict[str, System]  # by code and by name, folded
    environments: dict[tuple[int, str], Environment]  # by system and folded name
    groups: dict[tuple[int, str], HostGroup]  # by environment and folded name
    hosts: dict[str, Host]  # by folded name, those in use
    target: Environment | None
    inventory: bool
    new_groups: dict[tuple[int, str], str] = field(default_factory=dict)  # the spelling of groups to be made


@override("zh-hans")  # the lines are one text with one digest, whoever reads them
def plan_of(owner: Organisation, reading: Reading, target: Environment | None, *, inventory: bool) -> Plan:
    """Hold what was read against the register; five queries, whatever the file's length.

    In an `inventory` a host without an address is reached by its name, and all of it is about `target`; a workbook's
    rows fall back to `target` only for hosts that are new.
    """
    register = _register(owner, target, inventory)
    counted = Counter(_name(row).casefold() for row in reading.rows)
    lines = [_line(register, row, counted) for row in reading.rows]
    _refuse_shared(register, lines)
    _refuse_held(register, lines)
    groups = []
    for line in lines:
        if line.state in ("new", "changed") and line.place and not _known_group(register, line.place):
            groups.append(line.place)
    made = [list(place) for place in dict.fromkeys(map(tuple, groups))]
    return Plan(lines, made, len(reading.faults))


def _register(owner: Organisation, target: Environment | None, inventory: bool) -> Register:
    systems = list(System.objects.filter(owner=owner))
    by_name = {one.name.casefold(): one for one in systems} | {one.code.casefold(): one for one in systems}
    environments = Environment.objects.filter(owner=owner).select_related("system")
    groups = HostGroup.objects.filter(owner=owner).select_related("environment__system")
    hosts = Host.objects.filter(owner=owner, retired_at=None).select_related("group__environment__system")
    return Register(
        by_name,
        {(one.system_id, one.name.casefold()): one for one in environments},
        {(one.environment_id, one.name.casefold()): one for one in groups},
        {one.name.casefold(): one for one in hosts},
        target,
        inventory,
    )


def _line(register: Register, row: Row, counted: Counter[str]) -> Line:
    line = Line(row.line, _name(row))
    try:
        times, known = counted[line.name.casefold()], register.hosts.get(line.name.casefold())
        if line.name and times > 1:
            raise Refused(_("「%(name)s」在文件里出现 %(n)d 次") % {"name": line.name, "n": times})
        line.place = _place(register, row, known)
        if known is None:
            _new(line, row, inventory=register.inventory)
        else:
            _changed(line, row, known)
    except Refused as refused:
        line.refuse(refused.reason)
    return line


def _name(row: Row) -> str:
    """The name as it would be kept; what may be none stays as it was written, to be refused with its line."""
    try:
        return rules.name_of(row.name, "", field="name", longest=100)
    except Refused:
        return row.name[:100]


def _place(register: Register, row: Row, known: Host | None) -> list[str]:
    """Where the host is to stand, as the register spells it; raises Refused where that is not known."""
    environment = _environment(register, row, known)
    present = known.group if known is not None and known.group.environment_id == environment.id else None
    named = [_group_name(name) for name in row.groups]
    if present is not None and (not named or present.name.casefold() in [name.casefold() for name in named]):
        return [environment.system.code, environment.name, present.name]
    if not named:
        raise Refused(_("没有写主机组"))
    if len(named) > 1:
        said = _("在几个主机组里：%(groups)s。在「先取的主机组」里写明取哪个")
        raise Refused(said % {"groups": _("、").join(named[:6])})
    at = (environment.id, named[0].casefold())
    group = register.groups.get(at)
    name = group.name if group else register.new_groups.setdefault(at, named[0])
    return [environment.system.code, environment.name, name]


def _environment(register: Register, row: Row, known: Host | None) -> Environment:
    """The environment that the row or the form names; a known host stays in its system."""
    present = known.group.environment if known else None
    said, fallback = row.fields, present or register.target
    system = fallback.system if fallback else None
    if said.get("system"):
        system = register.systems.get(said["system"].casefold())
        if system is None:
            raise Refused(_("没有系统「%(name)s」") % {"name": said["system"][:60]})
    if system is None:
        raise Refused(_("没有写系统代号"))
    if present is not None and present.system_id != system.id:
        raise Refused(_("已登记在「%(system)s」，不能由导入换系统") % {"system": present.system.name})
    if said.get("environment"):
        found = register.environments.get((system.id, said["environment"].casefold()))
        if found is None:
            words = _("「%(system)s」没有环境「%(name)s」，先添加环境")
            raise Refused(words % {"system": system.name, "name": said["environment"][:60]})
        return found
    if present is not None and not register.inventory:
        return present
    if register.target is not None and register.target.system_id == system.id:
        return register.target
    if present is not None:
        return present
    raise Refused(_("没有写环境"))


def _group_name(given: str) -> str:
    return rules.name_of(given, _("主机组名称"), field="group", longest=60)


def _new(line: Line, row: Row, *, inventory: bool) -> None:
    usual = {"address": row.name} if inventory else {}
    said = rules.checked_host(usual | _given(row) | {"name": row.name})
    line.key = read_key(row.fields["key"], said["address"], said["port"]) if row.fields.get("key") else ""
    line.name, line.fields, line.state = said["name"], said, "new"


def _changed(line: Line, row: Row, known: Host) -> None:
    before = {name: getattr(known, name) for name in rules.FIELDS}
    said = rules.checked_host(before | _given(row) | {"name": known.name})
    line.host, line.name = str(known.uid), known.name
    line.changed = {name: [before[name], value] for name, value in said.items() if value != before[name]}
    group = known.group
    if [group.environment.system.code, group.environment.name, group.name] != line.place:
        line.changed["group"] = [f"{group.environment.name} / {group.name}", " / ".join(line.place[1:])]
    if row.fields.get("key"):
        key = read_key(row.fields["key"], said["address"], said["port"])
        if known.key and known.key != key:
            raise Refused(_("密钥与已固定的不同。核实后在主机页更换，要写原因"))
        line.key = "" if known.key else key
    line.state = "changed" if line.changed or line.key else "unchanged"


def _given(row: Row) -> dict[str, Any]:
    """What the file says of the fields; raises Refused for a yes or no that is neither."""
    given: dict[str, Any] = {name: row.fields[name] for name in rules.FIELDS if row.fields.get(name)}
    if "become" in given:
        if given["become"].lower() not in YES:
            raise Refused(_("sudo「%(value)s」应是 是 或 否") % {"value": given["become"][:20]})
        given["become"] = YES[given["become"].lower()]
    return given


def _refuse_shared(register: Register, lines: list[Line]) -> None:
    """Two hosts at one address and port, once everything were done: the lines that lead there are refused."""
    places = {name: (host.address, host.port) for name, host in register.hosts.items()}
    for line in lines:
        if line.state == "refused":
            continue
        known = register.hosts.get(line.name.casefold())
        said = line.fields or ({"address": known.address, "port": known.port} if known else {})
        said = said | {name: new for name, (_old, new) in line.changed.items()}
        places[line.name.casefold()] = (said["address"], said["port"])
    at: dict[tuple[str, int], list[str]] = {}
    for name, place in places.items():
        at.setdefault(place, []).append(name)
    for line in (line for line in lines if line.state in ("new", "changed")):
        own = line.name.casefold()
        others = [name for name in at[places[own]] if name != own]
        if others:
            host = register.hosts.get(others[0])
            address, port = places[own]
            words = _("%(address)s 端口 %(port)d 也是「%(name)s」的。一台机器只登记一次")
            line.refuse(words % {"address": address, "port": port, "name": host.name if host else others[0]})


def _refuse_held(register: Register, lines: list[Line]) -> None:
    """Hosts that something acts on now are neither moved nor entered otherwise."""
    moved = [line for line in lines if rules.COUNTED_ON & set(line.changed)]
    holds = holds_of([register.hosts[line.name.casefold()] for line in moved])
    for line in moved:
        try:
            rules.check_may_move(line.changed, holds[register.hosts[line.name.casefold()].id])
        except Refused as refused:
            line.refuse(refused.reason)


def _known_group(register: Register, place: list[str]) -> bool:
    system = register.systems[place[0].casefold()]
    environment = register.environments[system.id, place[1].casefold()]
    return (environment.id, place[2].casefold()) in register.groups
