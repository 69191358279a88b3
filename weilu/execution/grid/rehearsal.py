"""What a rehearsal has shown: per host what would change, and plainly what could not be tried or taken back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Length

from weilu.execution.grid.reading import StepRow
from weilu.execution.grid.shape import Column
from weilu.execution.masking import mask
from weilu.execution.models import LIVE, Cell, Run, RunHost


@dataclass(frozen=True)
class Gap:
    """A step that was not tried, or that could not be taken back, and on how many hosts."""

    title: str
    hosts: int  # 0: it is done by people, on none
    words: str = ""


@dataclass(frozen=True)
class Report:
    """What whoever approves has to know beside what would change."""

    not_tried: list[Gap]
    no_way_back: list[Gap]


@dataclass(frozen=True)
class Would:
    """What one step would change on a host; each line with how it is tinted."""

    title: str
    lines: list[tuple[str, str]]
    tried: bool
    no_way_back: str


def report_of(run: Run, columns: Sequence[Column]) -> Report:
    """Over all hosts; one question."""
    rows = Cell.objects.filter(step__run=run).values_list("step__key", KT("result__rehearsed"), KT("result__back"))
    titles = {column.key: column.title for column in columns}
    not_tried: dict[str, int] = {}
    no_way_back = []
    for key, tried, back, count in rows.annotate(count=Count("id")).order_by("step__key"):
        if str(tried).lower() in ("false", "0"):
            not_tried[key] = not_tried.get(key, 0) + count
        if back:
            no_way_back.append(Gap(titles.get(key, key), count, mask(str(back))))
    people = [Gap(column.title, 0) for column in columns if column.by_people]
    return Report([*(Gap(titles.get(key, key), count) for key, count in not_tried.items()), *people], no_way_back)


def cannot_return(item_id: int, subject: str, keys: Collection[str]) -> list[str]:
    """Names of the hosts which, by the newest rehearsal of this plan, cannot go back in one of the steps `keys`.

    The plan says that those steps are undone; the rehearsal has looked whether a host could.
    """
    runs = Run.objects.filter(item_id=item_id, subject=subject, purpose=Run.Purpose.REHEARSE).exclude(state__in=LIVE)
    rows = Cell.objects.filter(step__run=Subquery(runs.order_by("-id").values("id")[:1]), step__key__in=keys)
    gaps = rows.annotate(said=Length(KT("result__back"))).filter(said__gt=0)
    return list(gaps.order_by("host__ordinal").values_list("host__name", flat=True).distinct())


def would_of(host: RunHost, steps: Sequence[StepRow]) -> list[Would]:
    """On one host, in the order of the steps; one question."""
    told = dict(host.cells.values_list("step_id", "result"))
    return [_would(step, told[step.id]) for step in steps if "would" in told.get(step.id, {})]


def _would(step: StepRow, result: Mapping[str, Any]) -> Would:
    lines = [(look(str(line)), mask(str(line))) for line in result["would"]]
    return Would(step.title, lines, bool(result.get("rehearsed")), mask(str(result.get("back") or "")))


def look(line: str) -> str:
    """How a line of a difference is tinted; its two head lines are plain."""
    if line.startswith(("+++", "---")):
        return ""
    return {"+": "come", "-": "gone"}.get(line[:1], "")
