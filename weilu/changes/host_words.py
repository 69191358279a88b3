"""The orders for hosts in words, one fact a line: what approvers read, and what two versions are compared by."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.roles import ROLES
from weilu.execution.fleet import orders as fleet
from weilu.systems.keys import fingerprint

NAMED = 12  # hosts that a line names one by one
STATES = {
    "started": lambda: _("启动"), "stopped": lambda: _("停止"), "restarted": lambda: _("重启"),
    "reloaded": lambda: _("重新加载"),
}  # fmt: skip


def crash_words(policy: str) -> str:
    """What follows when the result of a step was lost."""
    return {
        "idempotent": _("结果丢失时重做"), "probe": _("结果丢失时先查主机再定"), "ask": _("结果丢失时由人判断"),
    }[policy]  # fmt: skip


def window_end_words(rule: str) -> str:
    """What the plan says for a window that ends under the run."""
    return {
        "finish_batch": _("窗口到点：做完这一批，后面的不做"), "go_back": _("窗口到点：整体回退"),
        "ask": _("窗口到点：停下，由人决定"),
    }[rule]  # fmt: skip


def named(names: Sequence[str]) -> str:
    """Some names, and how many there are when they are many."""
    if len(names) <= NAMED:
        return _("、").join(names)
    return _("%(names)s 等 %(n)d 台") % {"names": _("、").join(names[:NAMED]), "n": len(names)}


def step_words(told: fleet.Orders, step: fleet.Step) -> str:
    """What the step does, on which path, package or service."""
    return WORDS[step["kind"]](step["with"], _names(told))


def back_words(told: fleet.Orders, step: fleet.Step) -> str:
    """How the step is undone; said plainly where it is not."""
    back = step["back"]
    if back == "auto":
        return _("回退：恢复到这一步之前记下的样子")
    if isinstance(back, dict):
        return _("回退：%(words)s") % {"words": _script(back, _names(told))}
    return _("没有回退") if step["kind"] in fleet.CHANGING else _("不改变主机，不用回退")


def without_back(told: fleet.Orders) -> list[fleet.Step]:
    """The steps that change a host and are not undone by themselves."""
    return [step for step in told["steps"] if step["kind"] in fleet.CHANGING and step["back"] is None]


def check_words(one: Mapping[str, Any]) -> str:
    """What a health check asks of each host."""
    return _http(one, {})


def batch_names(told: fleet.Orders) -> list[tuple[str, list[str]]]:
    """Each batch by its title, with the names of its hosts."""
    found = []
    for number, batch in enumerate(fleet.split(told), start=1):
        title = fleet.batch_title(number, told["batches"]["canary"])
        found.append((title, [told["hosts"][ordinal - 1]["name"] for ordinal in batch]))
    return found


def stop_words(told: fleet.Orders) -> str:
    """When no further batch begins."""
    stop = told["batches"]["stop"]
    words = _("做完至少 %(done)d 台且成功率低于 %(below)d%% 就停") % stop
    return _("金丝雀有一台不通过就停；%(words)s") % {"words": words} if told["batches"]["canary"] else words


def backup_words(told: fleet.Orders) -> str:
    """Which step backs up, or why none does (OPS-4)."""
    key = told["backup"].get("step")
    if key:
        step = fleet.step_of(told, key)
        return _("备份：第 %(n)s 步「%(title)s」") % {"n": key[1:], "title": step["title"]}
    return _("不另做备份，因为：%(why)s") % {"why": told["backup"]["none"]}


def host_lines(told: fleet.Orders) -> list[str]:
    """The orders as wording, one fact a line."""
    found = [_("主机 %(count)d 台") % {"count": len(told["hosts"])}]
    for host in told["hosts"]:
        where = f"{host['user']}@{host['address']}:{host['port']}" + (" sudo" if host["become"] else "")
        where += f" {host['python']}" if host["python"] else ""
        found.append(
            _("主机 %(name)s（%(group)s）：%(where)s，密钥 %(key)s")
            % {"name": host["name"], "group": host["group"], "where": where, "key": fingerprint(host["key"])}
        )
    for title, names in batch_names(told):
        words = {"title": title, "count": len(names), "names": named(names)}
        found.append(_("%(title)s，%(count)d 台：%(names)s") % words)
    found.append(_("同时执行最多 %(n)d 台") % {"n": told["batches"]["at_once"]})
    found.append(_("停止规则：%(words)s") % {"words": stop_words(told)})
    found += [_step_line(told, number, step) for number, step in enumerate(told["steps"], start=1)]
    left = [step["title"] for step in without_back(told)]
    gone = _("、").join(f"「{title}」" for title in left)
    found.append(_("没有回退的步骤：%(words)s") % {"words": gone} if left else _("改变主机的每一步都有回退"))
    for one in told["batches"].get("health", []):
        found.append(_("每批之后检查：%(title)s（%(words)s）") % {"title": one["title"], "words": check_words(one)})
    found += [backup_words(told), _("每批最多 %(n)d 分钟") % {"n": told["minutes"]}]
    found.append(window_end_words(told["at_window_end"]))
    found += [f"{one['name']} SHA-256 {one['sha256']}" for one in told["artefacts"]]
    found.append(_("维录执行程序 SHA-256 %(digest)s") % {"digest": told["program"]})
    return found


def _step_line(told: fleet.Orders, number: int, step: fleet.Step) -> str:
    parts = [step_words(told, step)]
    if step["kind"] not in fleet.BY_PEOPLE:
        parts += [_("时限 %(n)d 秒") % {"n": step["seconds"]}, crash_words(step["crash"])]
    parts.append(back_words(told, step))
    words = {"n": number, "title": step["title"], "words": _("；").join(parts)}
    return _("第 %(n)d 步 %(title)s：%(words)s") % words


def _names(told: fleet.Orders) -> dict[str, str]:
    """What each file of the plan is called, by digest."""
    return {one["sha256"]: one["name"] for one in told["artefacts"]}


def _file_name(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return f"{names.get(told['sha256'], '')}（SHA-256 {told['sha256'][:12]}）"


def _package(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    words = _("软件包 %(name)s 升级到 %(version)s") % told
    return words + (f"（SHA-256 {told['sha256'][:12]}）" if told.get("sha256") else "")


def _service(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return _("服务 %(name)s：%(state)s") % {"name": told["name"], "state": STATES[told["state"]]()}


def _file(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    words = _("文件 %(file)s放到 %(path)s") % {"file": _file_name(told, names), "path": told["path"]}
    if told.get("mode"):
        words += _("，权限 %(mode)s") % told
    if told.get("owner") or told.get("group"):
        words += _("，属主 %(owner)s") % {"owner": f"{told.get('owner', '')}:{told.get('group', '')}".strip(":")}
    return words


def _script(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    words = _("执行脚本 %(file)s") % {"file": _file_name(told, names)}
    if told.get("interpreter"):
        words += _("，解释器 %(interpreter)s") % told
    if told.get("arguments"):
        words += _("，参数 %(words)s") % {"words": " ".join(map(_plainly, told["arguments"]))}
    if told.get("environment"):
        said = " ".join(f"{name}={_plainly(value)}" for name, value in sorted(told["environment"].items()))
        words += _("，变量 %(words)s") % {"words": said}
    if told.get("probe"):
        words += _("，是否已生效这样查：%(words)s") % {"words": _script(told["probe"], names)}
    return words


def _plainly(value: str) -> str:
    """One argument or value; in quotes where one could not see where it ends."""
    plain = value and not any(sign.isspace() or sign in "\"'" for sign in value)
    return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())


def _http(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    words = _("访问主机端口 %(port)d 的 %(path)s，应答 %(status)d") % {"status": 200, **told}
    return words + (_("，含「%(expect)s」") % told if told.get("expect") else "")


def _bundle(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return _("执行剧本包 %(file)s 的 %(playbook)s") % {"file": _file_name(told, names), "playbook": told["playbook"]}


def _manual(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return _("人工：%(words)s") % {"words": " ".join(told["words"].split())}


def _signature(told: Mapping[str, Any], names: Mapping[str, str]) -> str:
    role = ROLES.get(told.get("role") or "engineer")
    words = {"role": role.title if role else told["role"], "words": " ".join(told["words"].split())}
    return _("等%(role)s签名：%(words)s") % words


WORDS = {
    "package": _package, "service": _service, "file": _file, "script": _script, "http": _http, "bundle": _bundle,
    "manual": _manual, "signature": _signature,
}  # fmt: skip
