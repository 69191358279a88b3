"""The fixed cast and builders for tests; shared with the demo."""

from datetime import timedelta
from pathlib import Path

from tests.support.replayed import Replayed
from weilu.changes.actions import request_change
from weilu.changes.models import Change
from weilu.demo import Cast, made_up_key, make_cast, make_environment, make_group, make_host, make_system
from weilu.evidence.models import Entry, Staged
from weilu.kernel.times import now
from weilu.process.models import Fact, Opinion, Seat, StepVisit, WorkItem
from weilu.systems.models import Installation, System

__all__ = [
    "Cast", "cast_again", "made_up_key", "make_cast", "make_change", "make_environment", "make_group", "make_host",
    "make_installation", "plan_fields", "state_of_everything",
]  # fmt: skip

cast_again = Replayed(make_cast)

FLOW = """
flow: test.flow
title: 试验流程
steps:
{steps}
"""


def make_installation(
    cast: Cast, channel: Path | None = None, keyring: Path | None = None, **over: str
) -> Installation:
    """网上预约平台 with its installation; its folders need not exist unless a run is to be carried out."""
    place = channel or Path("/nonexistent")
    return make_system(
        cast, root=Path(over.get("root", "/nonexistent/app")), url=over.get("url", "http://127.0.0.1:9"),
        channel=place, keyring=keyring or place / "keyring.gpg",
    )  # fmt: skip


def make_change(cast: Cast, installation: Installation, title: str = "预约平台升级到 1.1.0") -> Change:
    """A change that 王 asks for."""
    return request_change(cast.wang, installation, title=title, need="预约时要能写备注。")


def plan_fields(**over: object) -> dict[str, object]:
    """What 陈 writes as a plan: a window around now, one criterion."""
    fields: dict[str, object] = {
        "version": "1.1.0",
        "impact": "停止预约约 1 分钟。",
        "risk": "表结构增加一列，可回退。",
        "way_back": "恢复备份的程序与数据，重新启动 1.0.0。",
        "window_from": now() - timedelta(minutes=1),
        "window_to": now() + timedelta(hours=2),
        "criteria": [{"title": "版本正确", "path": "/healthz", "expect": "1.1.0"}],
        "upgrade_notes": "预约时可以写备注。",
    }
    return fields | over


def system_of(cast: Cast, code: str = "CS", running: bool = True) -> System:
    """A bare system of 江州, without installation."""
    return System.objects.create(owner=cast.jz, code=code, name="测试系统", running=running, backup_owner=cast.zheng)


def state_of_everything() -> dict[str, list[object]]:
    """Every row that an act on a work item could touch: equal before and after a refusal."""
    return {
        "items": list(WorkItem.objects.order_by("id").values()),
        "visits": list(StepVisit.objects.order_by("id").values()),
        "seats": list(Seat.objects.order_by("id").values()),
        "opinions": list(Opinion.objects.order_by("id").values()),
        "facts": list(Fact.objects.order_by("id").values()),
        "staged": list(Staged.objects.order_by("id").values_list("id", flat=True)),
        "entries": list(Entry.objects.order_by("index").values_list("index", flat=True)),
    }
