"""The orders of a run on hosts: what is approved, as data. Pure: every value has the one form it may have.

{"hosts":    [{"uid", "name", "address", "port", "user", "become", "python", "key", "group", "site", "zone", "pool"}],
 "steps":    [{"key": "s1", "kind", "title", "with": {…}, "seconds", "crash", "back"}],
 "batches":  {"canary": 1, "then": ["25%", "100%"] or ["group:应用"], "health": [{"title", "port", "path", …}],
              "stop": {"done": 3, "below": 80}, "at_once": 10},
 "window_from", "window_to", "minutes", "at_window_end": "finish_batch" | "go_back" | "ask",
 "backup":   {"step": "s1"} or {"none": "why"},
 "artefacts": [{"name", "sha256", "size"}],
 "program":  SHA-256 of what Weilu carries to the hosts and plays there}

`back` of a step: null (none), "auto" (what the host noted before is brought back), or a script's own options.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

BACKUP_FIRST = Clause("OPS-4")
Orders = dict[str, Any]
Step = dict[str, Any]
MOST_HOSTS, MOST_STEPS, MOST_BATCHES, LONGEST_STEP, MOST_ARGUMENTS = 2000, 40, 50, 12 * 3600, 40
KINDS = {
    "package": gettext_lazy("升级软件包"), "service": gettext_lazy("服务"), "file": gettext_lazy("文件"),
    "script": gettext_lazy("脚本"), "http": gettext_lazy("HTTP 检查"), "bundle": gettext_lazy("剧本包"),
    "manual": gettext_lazy("人工步骤"), "signature": gettext_lazy("等待签名"),
}  # fmt: skip
CHANGING = ("package", "service", "file", "script", "bundle")  # the others leave a host as it is
BY_PEOPLE = ("manual", "signature")
CRASH = ("idempotent", "probe", "ask")
AT_WINDOW_END = ("finish_batch", "go_back", "ask")
SHA256 = re.compile(r"[0-9a-f]{64}")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,100}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+:~-]{0,100}")
SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,100}")
ABSOLUTE = re.compile(r"/[^\x00-\x1f]{0,400}")
MODE = re.compile(r"0[0-7]{3}")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
INTERPRETER = re.compile(r"/[A-Za-z0-9/._-]{1,100}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
PAGE = re.compile(r"/[\x21-\x7e]{0,200}")
PERCENT = re.compile(r"([1-9][0-9]?|100)%")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def check_orders(orders: Orders) -> None:
    """Raises Refused at the first value that could not be given to a host, naming step and field."""
    if not 1 <= len(orders["hosts"]) <= MOST_HOSTS:
        raise Refused(_("主机应有 1 到 %(most)d 台") % {"most": MOST_HOSTS}, field="hosts")
    for host in orders["hosts"]:
        if not host.get("key"):
            raise Refused(_("主机「%(name)s」还没有登记主机密钥，不能执行") % {"name": host["name"]}, field="hosts")
    if len({host["pool"] for host in orders["hosts"]}) > 1:
        raise Refused(_("这些主机由不同的工作机组到达。分成几个方案"), field="hosts")
    if not 1 <= len(orders["steps"]) <= MOST_STEPS:
        raise Refused(_("步骤应有 1 到 %(most)d 步") % {"most": MOST_STEPS}, field="steps")
    if any(step.get("kind") == "bundle" for step in orders["steps"]):
        _check_alike(orders["hosts"])
    known = {one["sha256"] for one in orders["artefacts"]}
    for number, step in enumerate(orders["steps"], start=1):
        check_step(number, step, known)
    _check_batches(orders["batches"])
    split(orders)
    if orders["at_window_end"] not in AT_WINDOW_END:
        raise Refused(_("窗口到点怎么办没有选"), field="at_window_end")
    _check_backup(orders)


def _check_alike(hosts: list[dict[str, Any]]) -> None:
    """One sandbox plays on all hosts of a batch, and each of its commands passes the fence in the same way."""
    if any(host["become"] for host in hosts):
        raise Refused(_("剧本包不能在要用 sudo 的主机上执行。改用能直接执行的登录用户，或不用剧本包"), field="hosts")
    if len({(host["user"], host["python"]) for host in hosts}) > 1:
        raise Refused(_("有剧本包的方案，主机的登录用户和 Python 要一样。分成几个方案"), field="hosts")


def check_step(number: int, step: Step, artefacts: set[str]) -> None:
    """Raises Refused where the step, the plan's `number`th, could not be given to a host with these files.

    Its field is `step-2`, or `step-2-version` where one entry is wrong.
    """

    def wrong(what: str, entry: str = "") -> Refused:
        words = _("第 %(number)d 步：%(what)s") % {"number": number, "what": what}
        return Refused(words, field=f"step-{number}-{entry}" if entry else f"step-{number}")

    kind, told = step.get("kind"), step.get("with")
    if kind not in KINDS or not isinstance(told, dict):
        raise wrong(_("没有这种步骤"))
    if step.get("key") != f"s{number}":
        raise wrong(_("步骤的编号应是 s%(number)d") % {"number": number})
    title = step.get("title")
    if not isinstance(title, str) or not title.strip() or len(title) > 60 or CONTROL.search(title):
        raise wrong(_("名称没有写，或超过 60 字"), "title")
    if not isinstance(step.get("seconds"), int) or not 1 <= step["seconds"] <= LONGEST_STEP:
        raise wrong(_("时限应是 1 秒到 12 小时"), "seconds")
    if step.get("crash") not in CRASH:
        raise wrong(_("中断后怎么办没有选"), "crash")
    CHECKS[kind](told, artefacts, wrong)
    _check_back(kind, step.get("back"), artefacts, wrong)


class Wrong(Protocol):
    """Makes the refusal of a step, or of one entry of it."""

    def __call__(self, what: str, entry: str = "") -> Refused: ...


def _form(told: Step, field: str, form: re.Pattern[str], label: str, wrong: Wrong, *, needed: bool = True) -> None:
    value = told.get(field, "")
    if not needed and value in ("", None):
        return
    if not isinstance(value, str) or not form.fullmatch(value):
        raise wrong(_("%(label)s写得不对：%(value)s") % {"label": label, "value": str(value)[:60]}, field)


def _only(told: Step, wrong: Wrong, *known: str) -> None:
    if strange := sorted(set(told) - set(known)):
        raise wrong(_("不认识的内容「%(name)s」") % {"name": strange[0][:40]})


def _file_of(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    if told.get("sha256") not in artefacts:
        raise wrong(_("没有选文件"), "file")


def _package(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "name", "version", "sha256")
    _form(told, "name", PACKAGE, _("软件包"), wrong)
    _form(told, "version", VERSION, _("版本"), wrong)
    _form(told, "sha256", SHA256, _("摘要"), wrong, needed=False)


def _service(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "name", "state")
    _form(told, "name", SERVICE, _("服务名"), wrong)
    if told.get("state") not in ("started", "stopped", "restarted", "reloaded"):
        raise wrong(_("服务要到的状态没有选"), "state")


def _file(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "path", "sha256", "mode", "owner", "group")
    _form(told, "path", ABSOLUTE, _("路径"), wrong)
    if {"..", "."} & set(told["path"].split("/")) or told["path"].endswith("/"):
        raise wrong(_("路径应是一个文件的完整路径，不含 .."), "path")
    _file_of(told, artefacts, wrong)
    _form(told, "mode", MODE, _("权限"), wrong, needed=False)
    _form(told, "owner", ACCOUNT, _("属主"), wrong, needed=False)
    _form(told, "group", ACCOUNT, _("属组"), wrong, needed=False)


def _script(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "sha256", "interpreter", "arguments", "environment", "probe")
    _file_of(told, artefacts, wrong)
    _form(told, "interpreter", INTERPRETER, _("解释器"), wrong, needed=False)
    words, names = told.get("arguments", []), told.get("environment", {})
    if not isinstance(words, list) or len(words) > MOST_ARGUMENTS or not all(map(_plain, words)):
        raise wrong(_("参数里有不能用的字符，或太多"), "arguments")
    if not isinstance(names, dict) or len(names) > MOST_ARGUMENTS or not all(map(_plain, names.values())):
        raise wrong(_("变量里有不能用的字符，或太多"), "environment")
    for name in names:
        if not NAME.fullmatch(name) or name.startswith(("LD_", "WEILU_")) or name in ("PATH", "IFS", "BASH_ENV", "ENV"):
            raise wrong(_("变量名写得不对：%(value)s") % {"value": name[:60]}, "environment")
    if told.get("probe") is not None:
        if "probe" in told["probe"]:
            raise wrong(_("检查脚本不能再有检查脚本"), "probe")
        _script(told["probe"], artefacts, _within("probe", wrong, file="probe"))


def _within(part: str, wrong: Wrong, *, file: str) -> Wrong:
    """The same for the entries of a script within the step, its probe or its way back."""

    def inner(what: str, entry: str = "") -> Refused:
        return wrong(what, file if entry == "file" else f"{part}_{entry}" if entry else file)

    return inner


def _plain(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 2000 and not CONTROL.search(value)


def _http(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "port", "path", "expect", "status", "title")
    if not isinstance(told.get("port"), int) or not 1 <= told["port"] <= 65535:
        raise wrong(_("端口应是 1 到 65535"), "port")
    _form(told, "path", PAGE, _("路径"), wrong)
    if not isinstance(told.get("status", 200), int) or not isinstance(told.get("expect", ""), str):
        raise wrong(_("应答的要求写得不对"))


def _bundle(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "sha256", "playbook")
    _file_of(told, artefacts, wrong)
    if not isinstance(told.get("playbook"), str) or not re.fullmatch(r"[\w./-]{1,200}\.ya?ml", told["playbook"]):
        raise wrong(_("剧本的文件名写得不对"), "playbook")


def _by_people(told: Step, artefacts: set[str], wrong: Wrong) -> None:
    _only(told, wrong, "words", "role")
    if not isinstance(told.get("words"), str) or not told["words"].strip() or len(told["words"]) > 2000:
        raise wrong(_("要人做什么没有写"), "words")


CHECKS: dict[str, Callable[[Step, set[str], Wrong], None]] = {
    "package": _package, "service": _service, "file": _file, "script": _script, "http": _http, "bundle": _bundle,
    "manual": _by_people, "signature": _by_people,
}  # fmt: skip


def _check_back(kind: str, back: Any, artefacts: set[str], wrong: Wrong) -> None:
    if back is None:
        return
    if kind in ("package", "service", "file"):
        if back != "auto":
            raise wrong(_("这种步骤的回退只能是自动恢复，或没有"), "back")
    elif kind in ("script", "bundle") and isinstance(back, dict):
        _only(back, wrong, "sha256", "interpreter", "arguments", "environment")
        _script(back, artefacts, _within("back", wrong, file="back_file"))
    else:
        raise wrong(_("这种步骤不能有回退"))


def _check_batches(told: Orders) -> None:
    def wrong(what: str, entry: str = "") -> Refused:
        return Refused(what, field="batches")

    if not isinstance(told.get("canary"), int) or not 0 <= told["canary"] <= MOST_HOSTS:
        raise wrong(_("金丝雀的台数写得不对"))
    then = told.get("then")
    if not isinstance(then, list) or not 1 <= len(then) <= MOST_BATCHES:
        raise wrong(_("批次没有写"))
    for word in then:
        if not isinstance(word, str) or not (PERCENT.fullmatch(word) or word.startswith("group:")):
            raise wrong(_("批次写得不对：%(word)s。写百分比或主机组") % {"word": str(word)[:40]})
    if not all(PERCENT.fullmatch(word) for word in then) and any(PERCENT.fullmatch(word) for word in then):
        raise wrong(_("批次不能又按百分比又按主机组"))
    if not isinstance(told.get("at_once"), int) or not 1 <= told["at_once"] <= 100:
        raise wrong(_("同时执行的台数应是 1 到 100"))
    stop = told.get("stop", {})
    if not isinstance(stop.get("done"), int) or not isinstance(stop.get("below"), int):
        raise wrong(_("停止规则没有写"))
    if stop["done"] < 1 or not 0 <= stop["below"] <= 100:
        raise wrong(_("停止规则应是至少几台做完、成功率低于百分之几"))
    for one in told.get("health", []):
        _http(one, set(), wrong)


def _check_backup(orders: Orders) -> None:
    """BACKUP_FIRST: the plan names the step that backs up, or says why none is needed; everybody signs that too."""
    told, steps = orders.get("backup") or {}, orders["steps"]
    if "step" in told:
        place = next((n for n, one in enumerate(steps) if one["key"] == told["step"] and one["kind"] == "script"), None)
        if place is None:
            raise Refused(_("备份的步骤应是方案里的一个脚本步骤"), BACKUP_FIRST, field="backup")
        if any(one["kind"] in CHANGING and one["kind"] != "script" for one in steps[:place]):
            raise Refused(_("备份的步骤应在改动主机的步骤之前"), BACKUP_FIRST, field="backup")
    elif not str(told.get("none", "")).strip():
        raise Refused(_("没有写哪一步做备份，也没有写为什么不需要"), BACKUP_FIRST, field="backup")


def split(orders: Orders) -> list[list[int]]:
    """The ordinals of hosts (from 1) of each batch, in order; raises Refused when a host is in none.

    The canary first; then percentages of all hosts, each reaching that far, or groups by name.
    """
    hosts, told = orders["hosts"], orders["batches"]
    canary = min(int(told["canary"]), len(hosts))
    batches = [list(range(1, canary + 1))] if canary else []
    if all(PERCENT.fullmatch(word) for word in told["then"]):
        reached = canary
        for word in told["then"]:
            upto = -(-len(hosts) * int(word[:-1]) // 100)
            if upto > reached:
                batches.append(list(range(reached + 1, upto + 1)))
                reached = upto
        left = list(range(reached + 1, len(hosts) + 1))
    else:
        rest = range(canary + 1, len(hosts) + 1)
        for word in told["then"]:
            _check_one_environment(hosts, word.removeprefix("group:"))
            mine = [n for n in rest if hosts[n - 1]["group"] == word.removeprefix("group:")]
            if mine:
                batches.append(mine)
        named = {n for batch in batches for n in batch}
        left = [n for n in rest if n not in named]
    if left:
        name = hosts[left[0] - 1]["name"]
        raise Refused(_("主机「%(name)s」不在任何批次里。最后一批写到 100%%") % {"name": name}, field="batches")
    return batches


def _check_one_environment(hosts: list[dict[str, Any]], group: str) -> None:
    """A group's name says one group only: 备机/应用 and 现网/应用 are not one batch."""
    if len({host["environment"] for host in hosts if host["group"] == group}) > 1:
        words = _("主机组「%(name)s」在选中的几个环境里都有，不能按组分批。改用百分比，或分成几个方案")
        raise Refused(words % {"name": group}, field="batches")


def batch_title(number: int, canary: int) -> str:
    """What the batch with this number is called everywhere: the canary first, where there is one; then from 1 on."""
    if canary and number == 1:
        return _("金丝雀")
    return _("第 %(n)d 批") % {"n": number - bool(canary)}


def minutes_needed(orders: Orders, batches: int) -> int:
    """What the plan says one batch takes at most, in minutes, for so many batches."""
    return int(orders["minutes"]) * batches


def window(orders: Orders) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(orders["window_from"]), datetime.fromisoformat(orders["window_to"])


def step_of(orders: Orders, key: str) -> Step:
    """The step of the plan with this key; a health check of a batch has a key of its own, h1, h2 …"""
    if key.startswith("h"):
        told = orders["batches"]["health"][int(key[1:]) - 1]
        wanted = {name: told[name] for name in ("port", "path", "expect", "status") if name in told}
        return {
            "key": key, "kind": "http", "title": told.get("title") or _("健康检查"), "with": wanted,
            "seconds": 30, "crash": "idempotent", "back": None,
        }  # fmt: skip
    return dict(orders["steps"][int(key[1:]) - 1])


def keys_of_batch(orders: Orders) -> list[str]:
    """The steps each batch goes through, in order: the plan's, then its health checks."""
    checks = [f"h{n}" for n in range(1, len(orders["batches"].get("health", [])) + 1)]
    return [step["key"] for step in orders["steps"]] + checks
