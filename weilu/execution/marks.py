"""What the calendar says of planned work that is being carried out, or was: how its last run stands."""

from collections.abc import Collection

from weilu.execution.models import Run
from weilu.execution.pages import look_of
from weilu.planning.board import Mark


def marks_of(items: Collection[int]) -> dict[int, Mark]:
    """By the item's id; rehearsals and queued runs say nothing. One query."""
    rows = Run.objects.filter(item__in=items, purpose=Run.Purpose.CARRY_OUT).exclude(state=Run.State.QUEUED)
    return {
        run.item_id: Mark(look_of(run), str(run.get_state_display()), f"/runs/{run.uid}/")
        for run in rows.order_by("id")
    }
