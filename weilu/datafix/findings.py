"""What is wrong with the statements of a data correction: each with its place, its reason and its clause."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

CORRECTION = Clause("DAT-1")
AS_REVIEWED = Clause("DAT-2")
WAY_BACK = Clause("DAT-3")
MOST_FINDINGS = 100
FEW = 5  # findings that fit into one sentence


class Place(NamedTuple):
    """Where something stands: line and column as an editor counts them, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what is wrong and what to do, where, and under which clause."""

    place: Place
    words: str
    clause: Clause
    advice: bool = False  # told, not refused

    def __str__(self) -> str:
        return _("第 %(line)d 行第 %(column)d 列：%(words)s") % {
            "line": self.place.line,
            "column": self.place.column,
            "words": self.words,
        }


class Fault(NamedTuple):
    """A finding inside one statement, at its token `at`; statements of the same shape share it."""

    at: int
    words: str
    clause: Clause
    advice: bool = False


class WrongStatements(Refused):
    """The statements are not accepted; `findings` are all that were found, in their order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(sorted(findings, key=lambda one: one.place))[:MOST_FINDINGS]
        said = [str(one) for one in self.findings[:FEW]]
        if len(findings) > FEW:
            said.append(_("另有 %(count)d 处") % {"count": len(findings) - FEW})
        super().__init__(_("；").join(said), self.findings[0].clause, field="statements")


class Lines:
    """Where the lines of a text begin."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(place + 1 for place, sign in enumerate(self.text) if sign == "\n")]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)
