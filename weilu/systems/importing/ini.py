"""An inventory in Ansible's INI form: its own reader, which runs nothing and knows its lines. Pure."""

import re
import shlex

from django.utils.translation import gettext as _

from weilu.systems.importing.inventory import VAULT, Group, Inventory, Variables

SECTION = re.compile(r"\[([^\[\]:\s]+)(?::([A-Za-z]+))?\]\s*(?:[#;].*)?")
PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)


def read_ini(text: str) -> Inventory:
    """The groups of the file, hosts before any section under `ungrouped`; what is wrong stands in its reading."""
    inventory = Inventory()
    group, kind = inventory.group("ungrouped", 1), ""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if VAULT in line:
            inventory.check(number, line[:20], line)
        elif line.startswith("[") and (section := SECTION.fullmatch(line)):
            group, kind = inventory.group(section[1], number), section[2] or ""
            if kind not in ("", "vars", "children"):
                inventory.reading.fault(number, _("不认识的段 [%(name)s]") % {"name": line[1:60].rstrip("]")})
        else:
            _read(inventory, group, kind, line, number)
    return inventory


def _read(inventory: Inventory, group: Group, kind: str, line: str, number: int) -> None:
    if kind == "vars":
        _variable(inventory, group.variables, line, number)
    elif kind == "children":
        child = line.split("#")[0].strip()
        inventory.group(child, number)
        inventory.child(group, child, number)
    else:
        _host(inventory, group, line, number)


def _host(inventory: Inventory, group: Group, line: str, number: int) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        inventory.reading.fault(number, _("引号没有成对"))
        return
    if not words:
        return
    if not _is_pattern(words[0]):
        inventory.reading.fault(number, _("「%(word)s」不是主机名") % {"word": words[0][:80]})
        return
    said = inventory.host(group, words[0], number)
    for word in words[1:]:
        found = PAIR.fullmatch(word)
        if not found:
            inventory.reading.fault(number, _("「%(word)s」应写成 名称=值") % {"word": word[:80]})
        elif inventory.check(number, found[1], found[2]):
            inventory.put(said, number, found[1], found[2])


def _is_pattern(word: str) -> bool:
    return "=" not in word and not word.startswith(("-", "!", "&", "@"))


def _variable(inventory: Inventory, variables: Variables, line: str, number: int) -> None:
    found = PAIR.fullmatch(line)
    if not found:
        inventory.reading.fault(number, _("「%(word)s」应写成 名称=值") % {"word": line[:80]})
        return
    value = _plain(found[2])
    if inventory.check(number, found[1], value):
        inventory.put(variables, number, found[1], value)


def _plain(value: str) -> str:
    """A value without the quotes around it; a remark is one only behind quotes, as Ansible has it."""
    value = value.strip()
    quoted = re.match(r"""(["'])(.*?)\1\s*(?:#.*)?$""", value)
    return quoted[2] if quoted else value
