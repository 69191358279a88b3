"""Sheets to try things on, with real people, a real item and real files."""

from typing import Any

from weilu.demo import PASSWORD, Cast
from weilu.evidence.models import Entry, Staged
from weilu.process.models import Event, FlowVersion, WorkItem
from weilu.records.actions import freeze_sheet, sign_sheet
from weilu.records.models import RecordSheet, SheetSignature
from weilu.systems.models import System

STROKES = [[[40, 120], [90, 40], [140, 160], [210, 60], [260, 150]], [[300, 50], [360, 150], [420, 60], [520, 110]]]
__all__ = ["PASSWORD", "STROKES", "Cast"]


def content(**over: Any) -> dict[str, Any]:
    """What the sheet of a plain upgrade says."""
    said: dict[str, Any] = {
        "customer": "江州社会保险事业管理中心养老待遇科", "vendor": "禾川软件有限公司", "contract": "JZ-HT-2026-003",
        "system": "网上预约平台", "version_from": "1.0.0", "version_to": "1.1.0",
        "kinds": ["upgrade"], "ways": ["remote"], "urgency": "important",
        "times": [
            {"label": "申请", "at": "2026-09-20T08:42:00.000000Z"},
            {"label": "完成", "at": "2026-09-28T14:04:00.000000Z"},
        ],
        "cause": "预约时要能写备注。经办人：㛃䶮𬀩𬘭。",
        "done": ["按批准的方案执行。", "窗口内由 1.0.0 升级到 1.1.0，验收检查全部通过。"],
        "steps": [
            {"title": "核对来源与完整性", "host": "app-01", "started_at": "2026-09-28T14:00:00.000000Z", "seconds": 3,
             "result": "成功", "digest": "ab" * 32},
        ],
        "tests": [{"title": "版本正确", "result": "通过"}],
        "remaining": "", "engineer": "陈航",
    }  # fmt: skip
    return said | over


def make_item(cast: Cast, number: str = "JZ-BG-2026-0001") -> WorkItem:
    """A work item of 江州, in no particular step."""
    flow, _new = FlowVersion.objects.get_or_create(
        owner=cast.jz, key="sheets.test", number=1, defaults={"digest": "0" * 64, "source": "", "published_by": "test"}
    )
    system, _new = System.objects.get_or_create(owner=cast.jz, code="YYPT", defaults={"name": "网上预约平台"})
    return WorkItem.objects.create(
        owner=cast.jz, number=number, kind="test", title="预约平台升级", system=system, requester=cast.wang,
        flow=flow, step="sheet",
    )  # fmt: skip


def make_sheet(cast: Cast, item: WorkItem | None = None, **over: Any) -> RecordSheet:
    """A frozen sheet that 王 may sign for the customer and 陈 for the vendor."""
    return freeze_sheet(cast.chen, item or make_item(cast), content(**over), customer_signers=[cast.wang])


def sign(by: Any, sheet: RecordSheet, side: str, **over: Any) -> SheetSignature:
    """Sign as the page does."""
    given: dict[str, Any] = {
        "side": side, "password": PASSWORD, "address": "127.0.0.1", "digest": sheet.digest, "strokes": STROKES,
    }  # fmt: skip
    if side == "customer":
        given |= {"opinion": "同意验收。", "satisfaction": "satisfied", "acceptance": "accepted"}
    return sign_sheet(by, sheet, **(given | over))


def everything() -> dict[str, list[Any]]:
    """All rows that an act on a sheet could touch: equal before and after a refusal."""
    return {
        "sheets": list(RecordSheet.objects.order_by("id").values()),
        "signatures": list(SheetSignature.objects.order_by("id").values()),
        "timeline": list(Event.objects.order_by("id").values_list("id", flat=True)),
        "staged": list(Staged.objects.order_by("id").values_list("id", flat=True)),
        "entries": list(Entry.objects.order_by("index").values_list("index", flat=True)),
    }


def kinds_staged() -> list[str]:
    """The kinds of what waits for its place in the log and concerns sheets, in order."""
    return list(Staged.objects.filter(kind__startswith="records.").order_by("id").values_list("kind", flat=True))
