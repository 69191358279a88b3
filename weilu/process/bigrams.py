"""Words as pairs of neighbouring characters: what finds two Chinese characters, where words have no gaps."""

import unicodedata
from collections.abc import Iterable

JOINING = frozenset(".-_/@#+")  # stand inside versions, numbers and addresses
LONGEST = 100  # characters of a query


def fold(text: str) -> str:
    """`text` as it is compared: NFKC (full-width becomes half-width), lower case, every other sign a gap."""
    signs = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(sign if sign.isalnum() or sign in JOINING else " " for sign in unicodedata.normalize("NFKC", signs))
    return " ".join(kept.split())


def pairs(folded: str) -> list[str]:
    """Every two neighbouring characters of a folded text, each once, none across a gap."""
    found = (word[at : at + 2] for word in folded.split() for at in range(len(word) - 1))
    return list(dict.fromkeys(found))


def token(owner: int, pair: str) -> str:
    """A pair as one word of SQLite's index: with its owner, so that nobody's search reads what they may not see."""
    return f"{owner:x}g{ord(pair[0]):x}g{ord(pair[1]):x}"


def tokens(owner: int, folded: str) -> str:
    """What SQLite's index holds of one item; its triggers call this as `weilu_bigrams`."""
    return " ".join(token(owner, pair) for pair in pairs(folded))


def match(owners: Iterable[int], wanted: Iterable[str]) -> str:
    """The FTS5 expression for items of any of `owners` with every pair of `wanted`."""
    alternatives = (" AND ".join(f'"{token(owner, pair)}"' for pair in wanted) for owner in sorted(owners))
    return " OR ".join(f"({one})" for one in alternatives)
