"""The entries of a step on the form of a plan for hosts, by kind: names, labels, hints and what can be chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from weilu.accounts.roles import ROLES
from weilu.execution.fleet.orders import BY_PEOPLE, KINDS

Choices = Sequence[tuple[str, str]]
FILES = ("file", "probe", "back_file")  # entries that name a kept file; beside each one may be uploaded


@dataclass(frozen=True)
class Entry:
    """One entry as the form asks for it."""

    name: str
    label: str
    hint: str = ""
    kind: str = "text"  # text, number, lines, choice, file
    choices: Choices = ()
    optional: bool = False
    mono: bool = False
    more: bool = False  # rarely written: folded until something stands in it


def _optional(name: str, label: str, hint: str = "", kind: str = "text") -> Entry:
    return Entry(name, label, hint, kind, optional=True, mono=True)


def _more(name: str, label: str, hint: str = "", kind: str = "text") -> Entry:
    return Entry(name, label, hint, kind, optional=True, mono=True, more=True)


def _package() -> list[Entry]:
    return [
        Entry("name", _("软件包"), mono=True), Entry("version", _("版本"), mono=True),
        _optional("sha256", _("软件包的 SHA-256"), _("写了就只装这一个，源里换了也不装")),
    ]  # fmt: skip


def _service() -> list[Entry]:
    states = [
        ("restarted", _("重启")), ("started", _("启动")), ("stopped", _("停止")), ("reloaded", _("重新加载")),
    ]  # fmt: skip
    return [Entry("name", _("服务名"), mono=True), Entry("state", _("要到的状态"), kind="choice", choices=states)]


def _file() -> list[Entry]:
    return [
        Entry("file", _("文件"), kind="file"), Entry("path", _("主机上的完整路径"), "/etc/jz/app.conf", mono=True),
        _optional("mode", _("权限"), "0640"), _optional("owner", _("属主")), _optional("group", _("属组")),
    ]  # fmt: skip


def _script() -> list[Entry]:
    lines = _("一行一个；前后有空格或含换行的写在双引号里")
    return [
        Entry("file", _("脚本"), kind="file"), _optional("interpreter", _("解释器"), "/bin/bash"),
        _optional("arguments", _("参数"), lines, "lines"),
        _optional("environment", _("变量"), _("一行一个，例如 LEVEL=2"), "lines"),
        Entry(
            "probe", _("检查脚本"), _("结果丢失时用它查：退出码 0 是已生效，1 是没有"), "file", optional=True
        ),
        _more("probe_interpreter", _("检查脚本的解释器"), "/bin/bash"),
        _more("probe_arguments", _("检查脚本的参数"), _("一行一个"), "lines"),
        _more("probe_environment", _("检查脚本的变量"), _("一行一个，例如 LEVEL=2"), "lines"),
    ]  # fmt: skip


def _bundle() -> list[Entry]:
    hint = _("zip 或 tar.gz；只在隔离的环境里执行")
    return [Entry("file", _("剧本包"), hint, "file"), Entry("playbook", _("剧本"), "site.yml", mono=True)]


def _http() -> list[Entry]:
    return [
        Entry("port", _("端口"), kind="number"), Entry("path", _("路径"), "/healthz", mono=True),
        Entry("expect", _("应含内容"), optional=True),
        Entry("status", _("应答码"), "200", "number", optional=True),
    ]  # fmt: skip


def _manual() -> list[Entry]:
    return [Entry("words", _("要人做什么"), _("做完写经过并附文件，执行才继续"), "lines")]


def _signature() -> list[Entry]:
    roles = [(key, str(role.title)) for key, role in ROLES.items()]
    return [
        Entry("role", _("由谁签"), kind="choice", choices=roles), Entry("words", _("签什么"), kind="lines"),
    ]  # fmt: skip


OF_KIND: dict[str, Callable[[], list[Entry]]] = {
    "package": _package, "service": _service, "file": _file, "script": _script, "bundle": _bundle, "http": _http,
    "manual": _manual, "signature": _signature,
}  # fmt: skip


def entries_of(kind: str) -> list[Entry]:
    """All entries of a step of this kind, its name first, its way back last."""
    found = [Entry("title", _("名称")), *OF_KIND[kind]()]
    if kind in BY_PEOPLE:
        return found
    crash = [
        ("probe", _("先查主机再定")), ("idempotent", _("重做，多做一次无妨")), ("ask", _("由人判断")),
    ]  # fmt: skip
    found += [
        Entry("seconds", _("时限（秒）"), kind="number"), Entry("crash", _("结果丢失时"), kind="choice", choices=crash),
    ]  # fmt: skip
    if kind in ("package", "service", "file"):
        backs = [("auto", _("恢复到这一步之前记下的样子")), ("", _("没有回退"))]
        found.append(Entry("back", _("回退"), kind="choice", choices=backs))
    elif kind in ("script", "bundle"):
        found.append(Entry("back_file", _("回退脚本"), _("不选就是没有回退，审批时写明"), "file", optional=True))
        found.append(_optional("back_arguments", _("回退脚本的参数"), _("一行一个"), "lines"))
        found.append(_more("back_interpreter", _("回退脚本的解释器"), "/bin/bash"))
        found.append(_more("back_environment", _("回退脚本的变量"), _("一行一个，例如 LEVEL=2"), "lines"))
    return found


def kind_title(kind: str) -> str:
    return str(KINDS[kind])
