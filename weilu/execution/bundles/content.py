"""What an uploaded bundle may say. For clarity, not for safety: the sandbox holds what this overlooks.

Pure: files in, or Refused with file and line.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml
from django.utils.translation import gettext as _

from weilu.execution.bundles.archive import Files
from weilu.kernel.refused import Refused

CODE_FOLDERS = {
    "action_plugins", "become_plugins", "cache_plugins", "callback_plugins", "cliconf_plugins", "connection_plugins",
    "filter_plugins", "httpapi_plugins", "inventory_plugins", "library", "lookup_plugins", "module_utils",
    "netconf_plugins", "plugins", "shell_plugins", "strategy_plugins", "terminal_plugins", "test_plugins",
    "vars_plugins", "doc_fragments", "modules",
}  # fmt: skip
INVENTORIES = {"inventory", "inventories", "hosts"}
REHEARSED = {"check_mode"}  # a task that acts also where it is only rehearsed
PLACES = {"connection", "delegate_to", "local_action", "delegate_facts", "vars_prompt", "remote_user", "port"}
ABOUT_PLACE = re.compile(r"ansible_(connection|host|port|user|password|ssh_.*|become_pass.*|.*_interpreter|shell_.*)$")
LOOKUP = re.compile(r"\b(?:lookup|query|q)\s*\(\s*(?:(['\"])([\w.]+)\1)?")
HARMLESS = {
    "items", "dict", "sequence", "subelements", "nested", "together", "vars", "varnames", "list", "indexed_items",
    "flattened", "template", "random_choice", "first_found",
}  # fmt: skip
OUTWARD = re.compile(r"^/|(^|/)\.\.(/|$)|\{[{%]")
INCLUDES = (
    "import_playbook",
    "import_tasks",
    "include_tasks",
    "include_vars",
    "vars_files",
    "import_role",
    "include_role",
)
LARGEST_YAML = 1 << 20
VAULT = "$ANSIBLE_VAULT"


def check_content(files: Files, playbook: str, hosts: frozenset[str] | None = None) -> None:
    """Raises Refused for what a bundle may not hold; `hosts` are the plan's names of hosts and groups, once known."""
    if playbook not in files:
        raise Refused(_("剧本包里没有「%(name)s」这个剧本") % {"name": playbook})
    for name, content in files.items():
        _check_file_name(name)
        if b"\0" in content[:8192]:
            continue
        text = content.decode("utf-8", "replace")
        _check_text(name, text)
        if name.endswith((".yml", ".yaml")):
            _check_yaml(name, text, hosts)


def _wrong(file: str, line: int, what: str) -> Refused:
    return Refused(_("剧本包 %(file)s 第 %(line)d 行：%(what)s") % {"file": file, "line": line, "what": what})


def _check_file_name(name: str) -> None:
    path = PurePosixPath(name.lower())
    if code := CODE_FOLDERS & set(path.parts[:-1]):
        said = _("剧本包里「%(name)s」在 %(folder)s 目录：不收插件和自带模块，只用 Ansible 自带的")
        raise Refused(said % {"name": name, "folder": sorted(code)[0]})
    if path.name == "ansible.cfg":
        raise Refused(_("剧本包里有「%(name)s」：Ansible 的设置由维录给出") % {"name": name})
    if INVENTORIES & {*path.parts[:1], path.stem if len(path.parts) == 1 else ""}:
        raise Refused(_("剧本包里「%(name)s」是主机清单：主机只由方案给出") % {"name": name})


def _check_text(name: str, text: str) -> None:
    if (at := text.find(VAULT)) >= 0:
        raise _wrong(name, text.count("\n", 0, at) + 1, _("有 Ansible Vault 密文。密码和密钥放进维录的保险库"))
    for found in LOOKUP.finditer(text):
        kind = (found[2] or "").removeprefix("ansible.builtin.")
        if kind not in HARMLESS:
            line = text.count("\n", 0, found.start()) + 1
            raise _wrong(name, line, _("不能用 lookup「%(kind)s」：它在工作机上读取或执行") % {"kind": kind or "?"})


def _check_yaml(name: str, text: str, hosts: frozenset[str] | None) -> None:
    if len(text) > LARGEST_YAML:
        raise Refused(_("剧本包里「%(name)s」超过 1 MB，不像剧本") % {"name": name})
    try:
        for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
            for play in document.value if isinstance(document, yaml.SequenceNode) else []:
                _check_hosts(name, play, hosts)
            for key, value in _pairs(name, document):
                _check_pair(name, key, value)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise _wrong(name, line, _("不是有效的 YAML")) from None
    except (yaml.YAMLError, RecursionError):
        raise Refused(_("剧本包里「%(name)s」不是有效的 YAML") % {"name": name}) from None


def _pairs(name: str, top: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Every key with its value, each node once, however often aliases name it."""
    seen: set[int] = set()
    waiting = [top] if top is not None else []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag.startswith("!") and node.tag != "!unsafe":
            raise _wrong(name, node.start_mark.line + 1, _("不能用标记 %(tag)s") % {"tag": node.tag[:40]})
        if isinstance(node, yaml.MappingNode):
            yield from node.value
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _check_hosts(name: str, play: yaml.Node, hosts: frozenset[str] | None) -> None:
    """A play's `hosts` names the plan's hosts and groups only, or all of them."""
    if not isinstance(play, yaml.MappingNode):
        return
    for key, value in play.value:
        if key.value == "hosts":
            nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
            named = {word.strip("!& ") for each in nodes for word in re.split(r"[,:]", str(each.value))} - {"", "all"}
            strange = sorted(word for word in named if OUTWARD.search(word) or word == "localhost")
            strange += sorted(named - hosts) if hosts is not None else []
            if strange:
                raise _wrong(name, key.start_mark.line + 1, _("主机「%(host)s」不在方案里") % {"host": strange[0]})


def _check_pair(name: str, key: yaml.Node, value: yaml.Node) -> None:
    word, line = str(key.value).removeprefix("ansible.builtin."), key.start_mark.line + 1
    if word in REHEARSED:
        raise _wrong(name, line, _("不能写 %(word)s：演练时什么都不执行") % {"word": word})
    if word in PLACES or ABOUT_PLACE.match(word):
        raise _wrong(name, line, _("不能写 %(word)s：在哪台主机、以谁的身份执行由方案决定") % {"word": word})
    if word.startswith("with_") and word.removeprefix("with_") not in HARMLESS:
        kind = word.removeprefix("with_")
        raise _wrong(name, line, _("不能用 lookup「%(kind)s」：它在工作机上读取或执行") % {"kind": kind})
    if word in INCLUDES:
        for each in _scalars(value):
            if OUTWARD.search(each):
                raise _wrong(
                    name, line, _("%(word)s 指向包外或不确定的文件「%(path)s」") % {"word": word, "path": each[:80]}
                )


def _scalars(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            if isinstance(each, yaml.ScalarNode):
                yield str(each.value)
    elif isinstance(node, yaml.MappingNode):
        for _key, each in node.value:
            if isinstance(each, yaml.ScalarNode):
                yield str(each.value)
