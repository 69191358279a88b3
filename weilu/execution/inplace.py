"""Steps the worker takes itself, what it asks again before steps, and the sentence of each result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from weilu.execution import rules
from weilu.execution.channel import read_release
from weilu.execution.checks import check_approved
from weilu.execution.models import Run, RunStep
from weilu.execution.target.criteria import check_all
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now
from weilu.process.models import Fact

Done = tuple[str, dict[str, Any]]


def recheck(run: Run, *, approval: bool, window: bool, proof: bool) -> None:
    """Raises Refused unless, at this moment, the plan stands approved, its window is open and the proofs are there."""
    if proof:
        facts = Fact.objects.filter(item=run.item, subject=run.subject, source=run.number).order_by("id")
        rules.check_proven(dict(facts.values_list("key", "holds")))
    if approval:
        check_approved(run.item, run.subject)
    if window:
        rules.check_window(run.window_from, run.window_to, now())


def check_source(run: Run) -> Done:
    """The channel's signature, the wheel's digest, and that it is the wheel that was approved."""
    where = run.place
    release = read_release(Path(where.channel), Path(where.keyring), run.plan["version"])
    if release.sha256 != run.plan["sha256"] or release.wheel != run.plan["wheel"]:
        raise Refused(
            _("渠道里的升级包与批准的不是同一个：批准的摘要 %(approved)s，现在 %(found)s。重新送审后再执行")
            % {"approved": run.plan["sha256"][:12], "found": release.sha256[:12]}
        )
    words = _("签名 %(signer)s，SHA-256 %(sha)s，与批准的一致") % {"signer": release.signer, "sha": release.sha256[:12]}
    return words, {"sha256": release.sha256, "signer": release.signer}


def wait_window(run: Run) -> Done | None:
    """None while the window has not opened."""
    rules.check_window(run.window_from, run.window_to, now())
    if now() < run.window_from:
        return None
    start, end = (at.astimezone(SHANGHAI).strftime("%m-%d %H:%M") for at in (run.window_from, run.window_to))
    return _("窗口 %(start)s 至 %(end)s 已开") % {"start": start, "end": end}, {}


class NotAccepted(Refused):
    """Criteria were missed; `result` tells how each one ended, for the record sheet."""

    def __init__(self, reason: str, result: dict[str, Any]) -> None:
        super().__init__(reason)
        self.result = result


def accept(run: Run) -> Done:
    """Every criterion of the plan, over HTTP at the installation's own address; raises NotAccepted."""
    results = check_all(run.place.url, run.plan["criteria"])
    told_apart = {"criteria": [{"title": one["title"], "met": one["met"]} for one in results]}
    missed = [one for one in results if not one["met"]]
    if missed:
        told = "；".join(f"{one['title']}（GET {one['path']} → {one['status']} {one['got'][:160]}）" for one in missed)
        raise NotAccepted(_("验收没有通过：%(told)s") % {"told": told}, told_apart)
    return _("验收 %(count)d 项全部通过") % {"count": len(results)}, told_apart


STEPS: dict[str, Callable[[Run], Done | None]] = {
    "check_source": check_source,
    "wait_window": wait_window,
    "accept": accept,
}


def words_of(step: RunStep, result: dict[str, Any]) -> str:
    """The sentence for a step the target has done."""
    words = {
        "backup": _("代码与数据已备份"),
        "prove_backup": _("备份已在别处还原，代码清单与数据摘要一致"),
        "rehearse": _("在副本上演练通过，验收 %(matched)d 项"),
        "hold_writes": _("写入已暂停，最后备份已做好并还原比对一致"),
        "stop": _("旧版本已停止"),
        "install": _("新版本已装入 %(release)s"),
        "migrate": _("数据库已迁移到结构 %(schema)d"),
        "switch": _("版本链接已指向 %(release)s"),
        "start": _("新版本 %(version)s 已启动"),
        "open_writes": _("写入已恢复"),
        "restore_code": _("代码已恢复到 %(release)s"),
        "restore_data": _("数据已恢复"),
        "start_old": _("旧版本 %(version)s 已启动"),
        "prove_same": _("代码清单与数据摘要都与升级前一致"),
    }[step.key]
    try:
        told = words % result
    except (KeyError, TypeError):
        told = step.title
    return told + (_("（中断后由目标机的状态得知）") if result.get("probed") or result.get("already") else "")
