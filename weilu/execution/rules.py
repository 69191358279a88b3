"""The pure rules of a run."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

BACKUP_FIRST = Clause("OPS-4")
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!_-]{0,39}")
WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,150}\.whl")
SHA256 = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
PLACE = re.compile(r"/[^\x00-\x1f]{0,290}")
MOST_CRITERIA = 50
PROVEN_FIRST = {
    "integrity.verified": gettext_noop("升级包的来源与完整性"),
    "backup.restored": gettext_noop("备份可恢复"),
    "rehearsal.matched": gettext_noop("演练"),
}


def check_orders(orders: dict[str, Any]) -> None:
    """Every value that reaches a target has the one form it may have."""
    for key, form, label in (
        ("version", VERSION, _("版本")),
        ("wheel", WHEEL, _("升级包")),
        ("sha256", SHA256, _("摘要")),
    ):
        if not form.fullmatch(str(orders.get(key, ""))):
            raise Refused(
                _("%(label)s写得不对：%(value)s") % {"label": label, "value": str(orders.get(key, ""))[:60]}, field=key
            )
    criteria = orders.get("criteria") or []
    if not 1 <= len(criteria) <= MOST_CRITERIA:
        raise Refused(_("验收标准应有 1 到 %(most)d 条") % {"most": MOST_CRITERIA}, field="criteria")
    for one in criteria:
        if not re.fullmatch(r"/[\x21-\x7e]{0,200}", str(one.get("path", ""))) or not one.get("title"):
            raise Refused(
                _("验收标准的路径应以 / 开头：%(path)s") % {"path": str(one.get("path", ""))[:60]}, field="criteria"
            )


def check_place(name: str, root: str, channel: str) -> None:
    """The installation's own record is fit to be given to a target."""
    if not NAME.fullmatch(name) or not all(PLACE.fullmatch(path) for path in (root, channel)):
        raise Refused(_("安装登记的应用名或路径不能用于执行。管理员改正后再执行"))


def check_window(start: datetime, end: datetime, at: datetime) -> None:
    """Raises Refused when the window is over."""
    if end <= start:
        raise Refused(_("窗口的结束早于开始"), field="window_to")
    if at >= end:
        raise Refused(_("窗口已关闭。重新安排窗口并送审后再执行"), field="window_to")


def check_proven(proved: Mapping[str, bool]) -> None:
    """BACKUP_FIRST: nothing stops before this very run has proved source, backup and rehearsal.

    `proved` tells for each key of a fact how it stands on record from this run.
    """
    for key, words in PROVEN_FIRST.items():
        if not proved.get(key):
            raise Refused(_("%(what)s还没有证明，不能停止旧版本") % {"what": _(words)}, BACKUP_FIRST)


def check_may_cancel(live: bool, stopped: bool) -> None:
    """A run can be cancelled until the old version is being stopped; after that only the way back leads out."""
    if not live:
        raise Refused(_("这次执行已结束，不能取消"))
    if stopped:
        raise Refused(_("已开始停止旧版本，不能取消。验收不通过会自动回退"))


def check_answer(asks: bool, answer: str) -> None:
    """A person answers only a step that asks, with one of the three answers."""
    if not asks:
        raise Refused(_("这次执行没有在等人判断"))
    if answer not in ("retry", "done", "give_up"):
        raise Refused(_("回答应是重试、已完成或放弃"), field="answer")
