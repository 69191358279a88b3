"""What the approved orders say of the grid: its columns, the names of its batches, when it stops. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from weilu.execution.fleet.orders import BY_PEOPLE, CHANGING, Orders, Step, batch_title, keys_of_batch, step_of
from weilu.execution.grid.reading import StepRow


@dataclass(frozen=True)
class Column:
    """One step as a column of the grid."""

    key: str
    title: str
    kind: str = ""  # "" for what is no step of the plan
    seconds: int = 0
    role: str = ""  # whose word a step by people waits for; "" where the plan names none
    words: str = ""  # what people are to do
    undone: bool = False  # the way back undoes it

    @property
    def by_people(self) -> bool:
        return self.kind in BY_PEOPLE

    @property
    def lasts(self) -> bool:
        """Whether it changes hosts and nothing undoes it."""
        return self.kind in CHANGING and not self.undone


def columns(told: Orders, rows: Sequence[StepRow]) -> list[Column]:
    """The steps of the plan, its health checks, then what else the journal holds, such as the proof of a way back."""
    found = [_column(step_of(told, key)) for key in keys_of_batch(told)]
    known = {column.key for column in found}
    for row in rows:
        if row.key not in known and row.batch is not None:
            known.add(row.key)
            found.append(Column(row.key, row.title))
    return found


def _column(step: Step) -> Column:
    people = step["kind"] in BY_PEOPLE
    return Column(
        key=step["key"], title=step["title"], kind=step["kind"], seconds=int(step["seconds"]),
        role=str(step["with"].get("role", "")) if people else "",
        words=str(step["with"].get("words", "")) if people else "", undone=bool(step["back"]),
    )  # fmt: skip


def batch_names(told: Orders, numbers: Sequence[int]) -> dict[int, str]:
    """`金丝雀` for the first batch where the plan has one, then `第 1 批`, `第 2 批`.

    A batch whose hosts have all moved on to be tried again keeps its number to itself.
    """
    canary = int(told.get("batches", {}).get("canary") or 0)
    return {number: batch_title(number, canary) for number in numbers}


def stop_rule(told: Orders, done: int, failed: int) -> tuple[str, str]:
    """The rule in words, and how it stands."""
    stop = told.get("batches", {}).get("stop") or {}
    least, below, ended = int(stop.get("done", 1)), int(stop.get("below", 0)), done + failed
    words = _("满 %(least)d 台后，成功低于 %(below)d%% 就停") % {"least": least, "below": below}
    if not ended:
        return words, _("还没有做完的")
    return words, _("现 %(done)d/%(ended)d 台") % {"done": done, "ended": ended}
