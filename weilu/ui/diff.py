"""Old beside new: which lines stayed, went, came or changed, and which words of a changed line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

WORDS = re.compile(r"[0-9A-Za-z_.]+|\s+|.", re.DOTALL)
ALIKE = 0.35  # below it two lines are not one line changed
MOST_PAIRS = 60 * 60  # of lines that are compared word by word; a larger block is paired by what its lines begin with
HEAD = re.compile(r"[^：:]*")
CONTEXT = 2  # unchanged lines kept beside a change


@dataclass(frozen=True)
class Piece:
    """Part of a line; `changed` parts carry the stronger tint."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Side:
    """One side of a row: its line number and its pieces."""

    number: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Row:
    """One row of the comparison: `same`, `changed`, `gone`, `come`, or `folded` with how many lines it hides."""

    kind: str
    old: Side | None = None
    new: Side | None = None
    folded: int = 0


def compare(old: Sequence[str], new: Sequence[str], *, fold: bool = True) -> list[Row]:
    """Rows in reading order; with `fold`, runs of unchanged lines shrink to CONTEXT at each change."""
    rows: list[Row] = []
    for verb, a, b, c, d in SequenceMatcher(None, list(old), list(new), autojunk=False).get_opcodes():
        if verb == "equal":
            for i, j in zip(range(a, b), range(c, d), strict=True):
                rows.append(Row("same", _whole(i + 1, old[i]), _whole(j + 1, new[j])))
        else:
            rows += _replaced([*enumerate(old)][a:b], [*enumerate(new)][c:d])
    return _folded(rows) if fold else rows


def first_difference(rows: Sequence[Row]) -> Row | None:
    """The first line that differs; one that went with another in its place is a `replaced` one, with both sides."""
    place = next((place for place, row in enumerate(rows) if row.kind in ("changed", "come", "gone")), None)
    if place is None:
        return None
    first = rows[place]
    after = rows[place + 1] if place + 1 < len(rows) else None
    if first.kind == "gone" and after is not None and after.kind == "come":
        return Row("replaced", first.old, after.new)
    return first


def summary(rows: Sequence[Row]) -> tuple[int, int, int]:
    """How many lines changed, came and went."""
    kinds = [row.kind for row in rows]
    return kinds.count("changed"), kinds.count("come"), kinds.count("gone")


def _whole(number: int, text: str, changed: bool = False) -> Side:
    return Side(number, (Piece(text, changed),) if text else ())


def _replaced(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> list[Row]:
    """Pair the lines of a replaced block that are alike, in order, so that the likeness is greatest."""
    if len(old) * len(new) > MOST_PAIRS:
        return _by_heads(old, new)
    likeness = [[_alike(a, b) for _place, b in new] for _at, a in old]
    best = [[0.0] * (len(new) + 1) for _row in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + likeness[i][j])
    rows, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and likeness[i][j] and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            rows.append(_changed(old[i], new[j]))
            i, j = i + 1, j + 1
        elif i < len(old) and (j == len(new) or best[i][j] == best[i + 1][j]):
            rows.append(Row("gone", old=_whole(old[i][0] + 1, old[i][1], True)))
            i += 1
        else:
            rows.append(Row("come", new=_whole(new[j][0] + 1, new[j][1], True)))
            j += 1
    return rows


def _by_heads(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> list[Row]:
    """Pair lines with the same words before their first colon, as those of the same host; the others go and come."""
    before, after = ([_head(text) for _place, text in side] for side in (old, new))
    rows: list[Row] = []
    for verb, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if verb == "equal":
            rows += [_changed(one, other) for one, other in zip(old[a:b], new[c:d], strict=True)]
        else:
            rows += [Row("gone", old=_whole(place + 1, text, True)) for place, text in old[a:b]]
            rows += [Row("come", new=_whole(place + 1, text, True)) for place, text in new[c:d]]
    return rows


def _head(text: str) -> str:
    found = HEAD.match(text)
    return found[0] if found else text


def _alike(old: str, new: str) -> float:
    ratio = SequenceMatcher(None, WORDS.findall(old), WORDS.findall(new), autojunk=False).ratio()
    return ratio if ratio >= ALIKE else 0.0


def _changed(old: tuple[int, str], new: tuple[int, str]) -> Row:
    before, after = WORDS.findall(old[1]), WORDS.findall(new[1])
    left: list[Piece] = []
    right: list[Piece] = []
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for place, (verb, a, b, c, d) in enumerate(codes):
        # A single sign that happens to agree between two changes would only sprinkle the line.
        chance = verb == "equal" and len("".join(before[a:b])) < 2 and 0 < place < len(codes) - 1
        left.append(Piece("".join(before[a:b]), verb != "equal" or chance))
        right.append(Piece("".join(after[c:d]), verb != "equal" or chance))
    return Row("changed", Side(old[0] + 1, _joined(left)), Side(new[0] + 1, _joined(right)))


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if joined and joined[-1].changed == piece.changed:
            joined[-1] = Piece(joined[-1].text + piece.text, piece.changed)
        else:
            joined.append(piece)
    return tuple(joined)


def _folded(rows: list[Row]) -> list[Row]:
    """Unchanged runs longer than what the changes beside them need, replaced by their count."""
    near = {at + step for at, row in enumerate(rows) if row.kind != "same" for step in range(-CONTEXT, CONTEXT + 1)}
    kept: list[Row] = []
    for at, row in enumerate(rows):
        if row.kind != "same" or at in near:
            kept.append(row)
        elif kept and kept[-1].kind == "folded":
            kept[-1] = Row("folded", folded=kept[-1].folded + 1)
        else:
            kept.append(Row("folded", folded=1))
    return kept
