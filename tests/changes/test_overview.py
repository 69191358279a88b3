"""The overview counts as things happen, each customer's own, however the sums are folded."""

from collections.abc import Mapping

import pytest
from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncMonth
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_change
from tests.changes.steps import bring
from weilu.changes.models import Change
from weilu.kernel.times import SHANGHAI, now
from weilu.process.kept import Tally
from weilu.process.models import WorkItem
from weilu.process.overview import overview
from weilu.process.tallies import fold, sums
from weilu.systems.models import Installation


def counted() -> dict[str, dict[str, int]]:
    """The same figures, counted from the items themselves."""
    items, is_open = WorkItem.objects.all(), WorkItem.objects.filter(state="open")

    def by(rows: object, name: str) -> dict[str, int]:
        found = rows.values_list(name).annotate(n=Count("id")).order_by(name)  # type: ignore[attr-defined]
        return {str(key): n for key, n in found if key}

    def months(name: str) -> dict[str, int]:
        rows = items.exclude(**{name: None}).annotate(month=TruncMonth(name, tzinfo=SHANGHAI)).values_list("month")
        return {f"{month:%Y-%m}": n for month, n in rows.annotate(n=Count("id")).order_by("month")}

    kinds = items.annotate(month=TruncMonth("opened_at", tzinfo=SHANGHAI)).values_list("month", "kind")
    by_kind = {f"{month:%Y-%m}:{kind}": n for month, kind, n in kinds.annotate(n=Count("id")).order_by("month", "kind")}
    return {
        "kind": by_kind,
        "system": by(is_open, "system_id"), "step": by(is_open, "step"),
        "opened": months("opened_at"), "closed": months("closed_at"),
    }  # fmt: skip


def kept(cast: Cast) -> Mapping[str, dict[str, int]]:
    return sums([cast.jz.id])


@pytest.mark.parametrize("step", ["analysis", "need", "plan_check", "release", "sheet", ""])
def test_counters_agree_with_the_items_at_every_step(cast: Cast, installation: Installation, step: str):
    first = bring(cast, make_change(cast, installation), step)
    make_change(cast, installation, "另一项")

    assert kept(cast) == counted()
    fold()
    assert kept(cast) == counted()
    assert first.item.step == step


def test_folding_leaves_one_row_for_each_sum(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    before = kept(cast)
    assert Tally.objects.count() > 4

    fold()
    fold()

    assert kept(cast) == before
    assert sorted(Tally.objects.values_list("name", "n")) == [("kind", 1), ("opened", 1), ("step", 1), ("system", 1)]
    bring(cast, change, "confirm")
    assert kept(cast)["step"] == {"confirm": 1}


def test_the_page_shows_one_s_own_customer_and_a_stranger_nothing(cast: Cast, change: Change):
    ours, theirs = overview(cast.wang, now()), overview(cast.sun, now())

    assert (ours["open"], ours["opened"], [line.title for line in ours["steps"]]) == (1, 1, ["可行性分析"])
    assert [(line.title, line.count, line.share) for line in ours["systems"]] == [("网上预约平台", 1, 100)]
    assert (theirs["open"], theirs["overdue"], theirs["systems"], theirs["steps"]) == (0, 0, [], [])
    client = Client()
    client.force_login(cast.wang)
    assert "网上预约平台" in client.get("/overview").content.decode()
    assert client.get("/api/v1/overview").json()["open"] == 1


def test_the_overview_asks_the_same_for_one_item_and_for_three(cast: Cast, installation: Installation):
    def asked() -> int:
        with CaptureQueriesContext(connection) as said:
            overview(cast.wang, now())
        return len(said)

    assert cast.wang.owner_ids
    make_change(cast, installation)
    one = asked()
    make_change(cast, installation)
    bring(cast, make_change(cast, installation), "need")

    assert asked() == one
