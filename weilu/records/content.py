"""What a record sheet says: the shape that other rooms fill, and the check that it is fit to freeze."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict, cast

from django.utils.translation import gettext as _

from weilu.kernel import text
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

WORK_ON_SHEET = Clause("REC-1")
# The choices of the paper form, by key; the form is an official Chinese document in every language of the page.
KINDS = {
    "upgrade": "版本升级", "defect": "缺陷修复", "patch": "补丁加载", "data": "数据维护",
    "inspection": "例行巡检", "other": "其他",
}  # fmt: skip
WAYS = {"hotline": "电话热线", "remote": "远程维护", "onsite": "现场服务", "visit": "主动巡检"}
URGENCY = {"urgent": "紧急", "important": "重要", "normal": "一般"}
SATISFACTION = {"very": "非常满意", "satisfied": "满意", "fair": "基本满意", "unsatisfied": "不满意"}
ACCEPTANCE = {"accepted": "同意验收", "again": "整改后复验"}


class TimeLine(TypedDict):
    """One instant of the work: 申请, 批准, 开始, 完成 …"""

    label: str
    at: str  # ISO 8601 with offset, as kernel.times.iso writes it; "" prints as a blank to fill in


class Level(TypedDict):
    """One service level, agreed and kept."""

    name: str
    agreed: str
    actual: str
    verdict: str  # 达标, 未达标


class Step(TypedDict):
    """One step of the run."""

    title: str
    host: str
    started_at: str  # ISO 8601 with offset; "" when it never started
    seconds: int  # how long it took; whole seconds, rounded up
    result: str  # 成功, 失败, 未执行, 已回退
    digest: str  # SHA-256 in hex of its evidence; the paper shows the first twelve


class Test(TypedDict):
    """One acceptance check or test."""

    title: str
    result: str  # 通过, 未通过
    report: NotRequired[str]  # number of a test report
    counts: NotRequired[str]  # 86 / 86


class OvertimeLine(TypedDict):
    """One person's overtime on site."""

    name: str
    since: str  # ISO 8601 with offset
    until: str
    minutes: int  # of it outside working time
    reason: str


class SheetContent(TypedDict):
    """Everything a record sheet states, apart from its number, date and signatures (REC-1).

    Lists may be empty and texts "": they print as ruled space. No floats: the record is canonical JSON.
    """

    customer: str  # 甲方, with the department
    vendor: str  # 乙方
    contract: str  # number of the contract, "" without one
    system: str
    version_from: str
    version_to: str
    kinds: list[str]  # keys of KINDS, at least one
    ways: list[str]  # keys of WAYS, at least one
    urgency: Literal["urgent", "important", "normal"]
    times: list[TimeLine]
    cause: str
    done: list[str]  # what was done, a line each
    steps: list[Step]
    tests: list[Test]
    remaining: str  # remaining problems and what follows
    engineer: str  # name of who carried it out
    levels: NotRequired[list[Level]]
    overtime: NotRequired[list[OvertimeLine]]  # absent when there was none; signed for separately (REC-5)


def checked_content(given: Any) -> SheetContent:
    """`given` cleaned and in full; raises Refused with a sentence for what is missing or does not fit."""
    if not isinstance(given, dict):
        raise Refused(_("报告单的内容不完整。重新生成报告单"), WORK_ON_SHEET)
    lines = {
        "customer": (_("甲方"), 100, True), "vendor": (_("乙方"), 100, True), "contract": (_("合同编号"), 100, False),
        "system": (_("系统名称"), 100, True), "version_from": (_("原版本"), 60, False),
        "version_to": (_("新版本"), 60, False), "engineer": (_("实施工程师"), 60, True),
    }  # fmt: skip
    found: dict[str, Any] = {
        key: text.line(given.get(key), label, field=key, longest=longest, required=required)
        for key, (label, longest, required) in lines.items()
    }
    found["cause"] = text.prose(given.get("cause"), _("维护原因"), field="cause")
    found["remaining"] = text.prose(given.get("remaining"), _("遗留问题"), field="remaining", required=False)
    found["kinds"] = _keys(given.get("kinds"), KINDS, _("维护类别"), "kinds")
    found["ways"] = _keys(given.get("ways"), WAYS, _("服务方式"), "ways")
    found["urgency"] = _keys([given.get("urgency")], URGENCY, _("紧急程度"), "urgency")[0]
    found["done"] = [text.prose(row, _("处理情况"), field="done", longest=1000) for row in _rows(given, "done", 100)]
    found["times"] = [
        {"label": text.line(row.get("label"), _("时间"), field="times", longest=30), "at": _instant(row.get("at"))}
        for row in _rows(given, "times", 20)
    ]
    found["steps"] = [_step(row) for row in _rows(given, "steps", 1000)]
    columns = ("title", "result", "report", "counts")
    found["tests"] = [_texts(row, columns, "tests") for row in _rows(given, "tests", 300)]
    levels = [_texts(row, ("name", "agreed", "actual", "verdict"), "levels") for row in _rows(given, "levels", 30)]
    return cast(SheetContent, found | ({"levels": levels} if levels else {}))


def _rows(given: dict[str, Any], key: str, most: int) -> list[Any]:
    rows = given.get(key) or []
    fits = isinstance(rows, list) and all(isinstance(row, str if key == "done" else dict) for row in rows)
    if not fits or len(rows) > most:
        raise Refused(_("报告单的内容不完整或行数太多（最多 %(most)d 行）") % {"most": most}, WORK_ON_SHEET, field=key)
    return cast(list[Any], rows)


def _keys(given: Any, known: dict[str, str], label: str, field: str) -> list[str]:
    """The keys given, in the order of the form."""
    if not isinstance(given, list) or not given or not all(isinstance(key, str) and key in known for key in given):
        raise Refused(_("%(label)s没有勾选或不在表内") % {"label": label}, WORK_ON_SHEET, field=field)
    return [key for key in known if key in given]


def _texts(row: dict[str, Any], keys: tuple[str, ...], field: str) -> dict[str, str]:
    return {
        key: text.line(row.get(key), _("表格内容"), field=field, longest=300, required=key == keys[0]) for key in keys
    }


def _instant(given: Any) -> str:
    """`given`, an ISO instant with its offset, or ""."""
    if given in (None, ""):
        return ""
    try:
        if datetime.fromisoformat(str(given)).tzinfo is not None:
            return str(given)
    except ValueError:
        pass
    raise Refused(_("时间「%(at)s」读不懂") % {"at": str(given)[:40]}, WORK_ON_SHEET, field="times")


def _step(row: dict[str, Any]) -> Step:
    seconds = row.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 10_000_000:
        raise Refused(_("步骤的耗时应是整数秒"), WORK_ON_SHEET, field="steps")
    return {
        "title": text.line(row.get("title"), _("步骤"), field="steps", longest=500),
        "host": text.line(row.get("host"), _("主机"), field="steps", longest=100, required=False),
        "started_at": _instant(row.get("started_at")),
        "seconds": seconds,
        "result": text.line(row.get("result"), _("结果"), field="steps", longest=40, required=False),
        "digest": text.line(row.get("digest"), _("证据摘要"), field="steps", longest=64, required=False),
    }
