"""What was read from an uploaded list: rows as written, what may not stand there, and what is left out.

Pure. Whatever the file's kind, a row holds texts by field; a field that is absent leaves a known host's as it is.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

MOST_HOSTS = 1000  # of one import
MOST_TOLD = 50  # faults and remarks on the page
MOST_KEPT = 1000  # of each, before they are put in order
LONGEST, LONGEST_KEY = 200, 1200  # characters of one field


@dataclass(frozen=True)
class Remark:
    """A sentence about a line of the file; line 0 is about the whole."""

    line: int
    words: str


@dataclass
class Row:
    """One host as the file has it; `groups` are the host groups it may stand in."""

    line: int
    name: str
    groups: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Reading:
    """A whole file: rows, what forbids taking it over, and what it says that is not taken over."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Remark] = field(default_factory=list)
    left: list[Remark] = field(default_factory=list)

    def fault(self, line: int, words: str) -> None:
        _keep(self.faults, Remark(line, words))

    def leave(self, line: int, words: str) -> None:
        _keep(self.left, Remark(line, words))

    def as_data(self) -> dict[str, Any]:
        """As it is kept between showing and taking over."""
        return {
            "rows": [asdict(row) for row in self.rows],
            "faults": [asdict(one) for one in _once(self.faults)],
            "left": [asdict(one) for one in _once(self.left)],
        }


def from_data(kept: dict[str, Any]) -> Reading:
    return Reading(
        [Row(**row) for row in kept["rows"]],
        [Remark(**one) for one in kept["faults"]],
        [Remark(**one) for one in kept["left"]],
    )


def longest_of(field: str) -> int:
    """How many characters a field of a host may have in a file."""
    return LONGEST_KEY if field == "key" else LONGEST


def _keep(remarks: list[Remark], one: Remark) -> None:
    """A file of a million mistakes is told by its first ones."""
    if len(remarks) <= MOST_KEPT:
        remarks.append(one)


def _once(remarks: list[Remark]) -> list[Remark]:
    ordered = sorted(dict.fromkeys(remarks), key=lambda one: (one.line, one.words))
    if len(ordered) <= MOST_TOLD:
        return ordered
    if len(remarks) > MOST_KEPT:
        return [*ordered[:MOST_TOLD], Remark(0, _("还有很多同类问题没有列出"))]
    more = _("还有 %(n)d 条同类问题没有列出") % {"n": len(ordered) - MOST_TOLD}
    return [*ordered[:MOST_TOLD], Remark(0, more)]


def too_many() -> Refused:
    """More hosts than one import takes."""
    return Refused(_("一次最多导入 %(most)s 台。分成几个文件再传") % {"most": f"{MOST_HOSTS:,}"}, field="file")
