"""An Ansible inventory as data: groups with hosts, children and variables, resolved to one row a host.

Pure, and nothing of Ansible's is run: what would run, decide or connect otherwise there is told with its line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.systems.importing.ranges import LONGEST_PATTERN, expand
from weilu.systems.importing.reading import MOST_HOSTS, Reading, Row, longest_of, too_many

FIELDS = {
    "ansible_host": "address", "ansible_ssh_host": "address", "ansible_port": "port", "ansible_ssh_port": "port",
    "ansible_user": "user", "ansible_ssh_user": "user", "ansible_become": "become", "ansible_sudo": "become",
    "ansible_python_interpreter": "python", "weilu_site": "site", "weilu_zone": "zone", "weilu_pool": "pool",
    "weilu_key": "key",
}  # fmt: skip
SAME = {"ansible_connection": ("ssh", "smart"), "ansible_become_method": ("sudo",), "ansible_become_user": ("root",)}
SECRET = re.compile(r"(?i)(^|.*[_-])(pass|passwd|password|passphrase|pwd|secret|token|api_?key)$")
PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
RUNS = re.compile(
    r"ansible_(ssh_|scp_|sftp_)?(common_|extra_)?args$|ansible_ssh_executable$|ansible_shell_.*|ansible_become_(exe|flags)$"
    r"|ansible_(?!python_)\w+_interpreter$|ansible_connection_.*|ansible_group_priority$"
)
TEMPLATE = re.compile(r"\{\{|\{%|\{#")
VAULT = "$ANSIBLE_VAULT"
NAME = re.compile(r"[^\[\]:,!&{}\x00-\x1f]+")
OURS = ("all", "ungrouped")
DEEPEST = 20  # groups within groups
MOST_GROUPS = 300
MOST_CHILDREN = 3000  # groups named in other groups, over the whole file
MOST_MENTIONS = 20 * MOST_HOSTS  # of hosts, each in several groups

Variables = dict[str, tuple[str, int]]  # value and line by name


@dataclass
class Group:
    """One group: the patterns of its hosts with their own variables, its children, its variables."""

    name: str
    line: int
    hosts: dict[str, tuple[int, Variables]] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)


@dataclass
class Inventory:
    """The groups of a file by name, and what was found wrong while it was read."""

    reading: Reading = field(default_factory=Reading)
    groups: dict[str, Group] = field(default_factory=dict)
    children: int = 0
    mentions: int = 0

    def group(self, name: str, line: int) -> Group:
        """The group of this name, made at its first mention."""
        if not NAME.fullmatch(name):
            self.reading.fault(line, _("主机组名「%(name)s」写得不对") % {"name": name[:80]})
        if len(name) > LONGEST_PATTERN:  # it would be carried to every host of the group
            self.reading.fault(line, _("「%(name)s」太长") % {"name": name[:40]})
            name = name[:LONGEST_PATTERN]
        if len(self.groups) >= MOST_GROUPS and name not in self.groups:
            raise Refused(_("主机组超过 %(most)d 个。分成几个文件再传") % {"most": MOST_GROUPS}, field="file")
        return self.groups.setdefault(name, Group(name, line))

    def host(self, group: Group, pattern: str, line: int) -> Variables:
        """The variables that this line gives the hosts of a pattern."""
        kept = group.hosts.setdefault(pattern, (line, {}))
        return kept[1]

    def child(self, group: Group, name: str, line: int) -> None:
        """A group stands in another."""
        self.children += name not in group.children
        if self.children > MOST_CHILDREN:
            words = _("主机组之间的从属关系超过 %(most)s 条。分成几个文件再传")
            raise Refused(words % {"most": f"{MOST_CHILDREN:,}"}, field="file")
        group.children.setdefault(name, line)

    def mention(self, hosts: int) -> None:
        """So many hosts are named by a line; raises Refused where the lines together name too many."""
        self.mentions += hosts
        if self.mentions > MOST_MENTIONS:
            raise too_many()

    def put(self, variables: Variables, line: int, name: str, value: str) -> None:
        """Keep a variable that was checked, if it says a field of ours; any other is told to be left out.

        What is left out is not kept: it would be carried to every host of its group.
        """
        if name in FIELDS:
            variables[name] = (value, line)
        elif name not in SAME:
            self.reading.leave(line, _("没有带入变量「%(name)s」") % {"name": name[:60]})

    def check(self, line: int, name: str, value: str) -> bool:
        """Whether a variable may stand there; what may not is a fault with its line."""
        wrong = _wrong(name, value)
        if wrong:
            self.reading.fault(line, wrong)
        return not wrong


def _wrong(name: str, value: str) -> str:
    if VAULT in value:
        return _("「%(name)s」是 Ansible Vault 密文。密码和密钥放进保险库") % {"name": name[:60]}
    if TEMPLATE.search(value) or TEMPLATE.search(name):
        return _("「%(name)s」里有模板。写成固定的值") % {"name": name[:60]}
    if SECRET.match(name) or PRIVATE.search(value):
        return _("「%(name)s」像是密码或私钥。放进保险库，从文件里删去") % {"name": name[:60]}
    if RUNS.match(name):
        return _("「%(name)s」会改变怎样连接或执行什么，不能带入。删去它") % {"name": name[:60]}
    if name in SAME and value.strip().lower() not in SAME[name]:
        said = _("「%(name)s」只能是 %(values)s，现在是「%(value)s」")
        return said % {"name": name, "values": _("、").join(SAME[name]), "value": value[:60]}
    if name in FIELDS and len(value) > longest_of(FIELDS[name]):
        return _("「%(name)s」太长") % {"name": name[:60]}
    return ""


def rows_of(inventory: Inventory, prefer: Sequence[str] = ()) -> Reading:
    """One row for each host with what its groups and its own lines say, nearest first; faults beside them.

    `prefer` names the groups to stand in, in order, for hosts that the file has in several.
    """
    reading, told = inventory.reading, len(inventory.reading.faults)
    parents = _parents(inventory)
    if len(reading.faults) > told:
        return reading
    depths = _depths(parents)
    found: dict[str, Row] = {}
    own: dict[str, Variables] = {}
    for group in inventory.groups.values():
        for name, port, line, variables in _hosts(inventory, group):
            row = found.setdefault(name, Row(line, name))
            if group.name not in OURS and group.name not in row.groups:
                row.groups.append(group.name)
            said = own.setdefault(name, {})
            said |= ({"ansible_port": (port, line)} if port else {}) | variables
            if len(found) > MOST_HOSTS:
                raise too_many()
    for name, row in found.items():
        merged = _merged(inventory, parents, depths, row.groups) | own[name]
        row.fields = _fields(merged)
        row.groups = [one for one in prefer if one in row.groups][:1] or row.groups
    reading.rows = list(found.values())
    return reading


def _hosts(inventory: Inventory, group: Group) -> Iterator[tuple[str, str, int, Variables]]:
    """Each host of the group's lines: name, port behind it, line, variables."""
    for pattern, (line, variables) in group.hosts.items():
        if len(pattern) > LONGEST_PATTERN:
            inventory.reading.fault(line, _("「%(name)s」太长") % {"name": pattern[:40]})
            continue
        try:
            bare, port = _split_port(pattern)
            names = expand(bare) if not _is_bare_ip6(bare) else [bare]
        except ValueError:
            inventory.reading.fault(line, _("「%(pattern)s」的范围写得不对") % {"pattern": pattern[:80]})
            continue
        inventory.mention(len(names))
        for name in names:
            if not _is_bare_ip6(name) and not NAME.fullmatch(name):
                inventory.reading.fault(line, _("主机名「%(name)s」写得不对") % {"name": name[:80]})
            else:
                yield name, port, line, variables


def _split_port(pattern: str) -> tuple[str, str]:
    """`web[1:3]:2222` is a pattern and a port; colons inside brackets or of an IPv6 address are none."""
    if _is_bare_ip6(pattern):
        return pattern, ""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?", pattern)
    if bracketed and _is_bare_ip6(bracketed[1]):
        return bracketed[1], bracketed[2] or ""
    found = re.fullmatch(r"(.+):([0-9]{1,5})", pattern)
    return (found[1], found[2]) if found else (pattern, "")


def _is_bare_ip6(name: str) -> bool:
    return name.count(":") > 1 and bool(re.fullmatch(r"[0-9A-Fa-f:.]+", name))


def _parents(inventory: Inventory) -> dict[str, list[str]]:
    """The groups each group stands in; a ring, or one that goes too deep, is a fault."""
    parents: dict[str, list[str]] = {name: [] for name in inventory.groups}
    for group in inventory.groups.values():
        for child, line in group.children.items():
            if child not in inventory.groups:
                inventory.reading.fault(line, _("没有主机组「%(name)s」") % {"name": child[:80]})
            elif group.name != "all":
                parents[child].append(group.name)
    depths = _depths(parents)
    for name, group in inventory.groups.items():
        if depths[name] > DEEPEST:
            inventory.reading.fault(group.line, _("主机组「%(name)s」套成了圈，或套得太深") % {"name": name})
    return parents


def _depths(parents: Mapping[str, list[str]]) -> dict[str, int]:
    """On which level each group stands, the outermost on 1; DEEPEST + 1 for the groups of a ring and below it.

    Each group is looked at once, when all over it are settled: what names everything in everything costs no more.
    """
    below: dict[str, list[str]] = {name: [] for name in parents}
    for name, over in parents.items():
        for one in over:
            below[one].append(name)
    missing = {name: len(over) for name, over in parents.items()}
    settled = {name: 1 for name, count in missing.items() if not count}
    waiting = list(settled)
    while waiting:
        one = waiting.pop()
        for name in below[one]:
            settled[name] = max(settled.get(name, 1), settled[one] + 1)
            missing[name] -= 1
            if not missing[name]:
                waiting.append(name)
    return {name: DEEPEST + 1 if missing[name] else settled[name] for name in parents}


def _merged(
    inventory: Inventory, parents: Mapping[str, list[str]], depths: Mapping[str, int], groups: Sequence[str]
) -> Variables:
    """What the groups of a host say, the outermost first and by name on one level, as Ansible has it."""
    over: set[str] = set()
    waiting = list(groups)
    while waiting:
        name = waiting.pop()
        if name not in over:
            over.add(name)
            waiting += parents[name]
    merged: Variables = {}
    ungrouped = () if groups else ("ungrouped",)
    nearest = sorted(over, key=lambda name: (depths[name], name))
    for name in ("all", *ungrouped, *nearest):
        if name in inventory.groups:
            merged |= inventory.groups[name].variables
    return merged


def _fields(variables: Variables) -> dict[str, str]:
    """The fields that variables give."""
    found: dict[str, str] = {}
    for name, (value, _line) in variables.items():
        said = value.strip()
        if FIELDS[name] != "python" or not said.lower().startswith("auto"):
            found[FIELDS[name]] = said
    return found
