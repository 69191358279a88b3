"""An inventory in Ansible's YAML form, read as nodes so that each word keeps its line. Pure."""

from collections.abc import Iterator

import yaml
from django.utils.translation import gettext as _

from weilu.systems.importing.inventory import Group, Inventory, Variables
from weilu.systems.importing.reading import MOST_HOSTS

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 60  # levels of nesting: three for each group within a group
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}


def read_yaml(text: str) -> Inventory:
    """The groups of the file; what is wrong stands in its reading."""
    inventory = Inventory()
    top = _top(inventory, text)
    if top is None:
        return inventory
    for key, value in _pairs(inventory, top):
        if key.value == "plugin":
            inventory.reading.fault(_line(key), _("这是清单插件的设置，不是主机清单"))
        elif key.value == "_meta":
            inventory.reading.fault(_line(key), _("这是动态清单的输出，不是主机清单"))
        else:
            _group(inventory, str(key.value), _line(key), value)
    return inventory


def _top(inventory: Inventory, text: str) -> yaml.MappingNode | None:
    """The one document; None where it is none, which is a fault then.

    An alias can make a few lines stand for millions, and nesting exhausts a reader: both are seen in the events.
    """
    line, depth = 1, 0
    try:
        for event in yaml.parse(text, Loader=LOADER):
            line = event.start_mark.line + 1 if event.start_mark else line
            wrong = _event_wrong(event, depth)
            if wrong:
                inventory.reading.fault(line, wrong)
                return None
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        top = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        last = text.count("\n") + 1
        inventory.reading.fault(min(mark.line + 1, last) if mark else line, _("不是有效的 YAML"))
        return None
    if not isinstance(top, yaml.MappingNode):
        inventory.reading.fault(1, _("应以主机组开头，例如 all:"))
        return None
    return top


def _event_wrong(event: yaml.Event, depth: int) -> str:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        return _("不能用 & 和 * 代替内容，写全它")
    tag = str(getattr(event, "tag", None) or "")
    if tag == "!vault":
        return _("有 Ansible Vault 密文。密码和密钥放进保险库")
    if tag and tag not in PLAIN | {"!"}:
        return _("不能用标记 %(tag)s") % {"tag": tag[:40]}
    return _("一层套一层太深") if depth > DEEPEST else ""


def _group(inventory: Inventory, name: str, line: int, node: yaml.Node) -> None:
    group = inventory.group(name, line)
    for key, value in _pairs(inventory, node):
        if key.value == "hosts":
            _hosts(inventory, group, value)
        elif key.value == "vars":
            _variables(inventory, group.variables, value)
        elif key.value == "children":
            for child, inside in _pairs(inventory, value):
                inventory.child(group, str(child.value), _line(child))
                _group(inventory, str(child.value), _line(child), inside)
        else:
            said = _("「%(word)s」不是 hosts、vars 或 children")
            inventory.reading.fault(_line(key), said % {"word": str(key.value)[:60]})


def _hosts(inventory: Inventory, group: Group, node: yaml.Node) -> None:
    for key, value in _pairs(inventory, node):
        if len(group.hosts) > MOST_HOSTS:
            return  # told when they are counted
        _variables(inventory, inventory.host(group, str(key.value), _line(key)), value)


def _variables(inventory: Inventory, variables: Variables, node: yaml.Node) -> None:
    for key, value in _pairs(inventory, node):
        name, line = str(key.value), _line(key)
        for inner in _scalars(value):
            if not inventory.check(line, name, inner):
                break
        else:
            if isinstance(value, yaml.ScalarNode):
                inventory.put(variables, line, name, value.value)
            elif name not in variables:
                inventory.put(variables, line, name, "")


def _scalars(node: yaml.Node) -> Iterator[str]:
    """Every text inside a value: what may not stand there may not hide in a list either."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, yaml.ScalarNode):
            yield str(each.value)
        elif isinstance(each, yaml.MappingNode):
            waiting += [part for pair in each.value for part in pair]
        elif isinstance(each, yaml.SequenceNode):
            waiting += each.value


def _pairs(inventory: Inventory, node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Keys and values of a mapping, each key once; nothing of an empty value. Anything else is a fault."""
    if isinstance(node, yaml.ScalarNode) and node.value.lower() in ("", "null", "~"):
        return
    if not isinstance(node, yaml.MappingNode):
        inventory.reading.fault(_line(node), _("这里应是 名称: 内容"))
        return
    known: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            inventory.reading.fault(_line(key), _("这里应是 名称: 内容"))
        elif key.value in known:
            inventory.reading.fault(_line(key), _("「%(word)s」写了两次") % {"word": key.value[:60]})
        else:
            known.add(key.value)
            yield key, value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
