"""What a list is narrowed by, as its address says it."""

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode


def key_of(after: str) -> int:
    """The key of a row that a page of a list goes on from; raises ValueError for what no list gave."""
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise ValueError(after)
    return int(after)


@dataclass(frozen=True)
class Narrowed:
    """Of each field "" is no restriction; a list adds the fields, in the order in which its address names them."""

    @property
    def query(self) -> str:
        """As it stands in an address; "" when nothing is narrowed."""
        return urlencode([(name, value) for name, value in vars(self).items() if value])

    def but(self, **over: str) -> Self:
        """The same with some of them otherwise."""
        return replace(self, **over)
