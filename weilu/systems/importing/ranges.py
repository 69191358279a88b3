"""Ranges in the names of an inventory: web[01:03], db-[a:c], node[1:9:2]. Pure."""

import re
from itertools import product
from string import ascii_letters

from weilu.systems.importing.reading import MOST_HOSTS, too_many

RANGE = re.compile(r"\[([0-9]{0,9}|[A-Za-z]?):([0-9]{1,9}|[A-Za-z])(?::([0-9]{1,9}))?\]")

LONGEST_PATTERN = 300  # characters; each name that it stands for is as long


def expand(pattern: str) -> list[str]:
    """Every name that a pattern stands for, in order; one without a range is itself.

    Raises ValueError for a range that is none (ends before it begins, mixed widths or kinds) or is too long,
    Refused for one that stands for more hosts than an import takes.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(pattern[:LONGEST_PATTERN])
    pieces: list[list[str]] = []
    end, count = 0, 1
    for found in RANGE.finditer(pattern):
        pieces.append([pattern[end : found.start()]])
        values = _values(found[1], found[2], int(found[3] or 1))
        count *= len(values)
        if count > MOST_HOSTS:
            raise too_many()
        pieces.append(values)
        end = found.end()
    rest = pattern[end:]
    if any(sign in "[]" for piece in (*pieces[::2], [rest]) for sign in piece[0]):
        raise ValueError(pattern)
    return ["".join(chosen) for chosen in product(*pieces, [rest])]


def _values(first: str, last: str, step: int) -> list[str]:
    """As Ansible counts: both ends belong to it, and a first number that begins with 0 sets the width of all."""
    if step < 1:
        raise ValueError(step)
    if last.isdigit():
        if first and not first.isdigit():
            raise ValueError(first)
        begin, end = int(first or 0), int(last)
        width = len(first) if len(first) > 1 and first.startswith("0") else 0
        if begin > end or (width and width != len(last)):
            raise ValueError(last)
        if (end - begin) // step + 1 > MOST_HOSTS:
            raise too_many()
        return [f"{number:0{width}d}" if width else str(number) for number in range(begin, end + 1, step)]
    begin, end = ascii_letters.find(first), ascii_letters.find(last)
    if not first or begin < 0 or begin > end:
        raise ValueError(first)
    return list(ascii_letters[begin : end + 1 : step])
