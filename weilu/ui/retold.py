"""Sentences that were stored, told again in the language of the page.

What the product itself writes on record (a line of a timeline, the proof of a fact, a notice) is
stored as the finished sentence, in the language of whoever acted. The catalogue knows the pattern
each was made by: the sentence is taken apart by it and put together again in the reader's language.
People's own words are not sent through here; what matches no pattern stays as it was written.
"""

import re
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path

MESSAGES = Path(__file__).parents[1] / "locale" / "en" / "LC_MESSAGES" / "django.mo"
PLACE = re.compile(r"%\((\w+)\)(\d*)([sd])|%%")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LETTER = re.compile(r"[\u4e00-\u9fffA-Za-z]")
ENGLISH = re.compile(r"[A-Za-z]{2,}[ :]")
NUMBERED = re.compile(r"([A-Z]{2,}-[A-Z]+-\d{4}-\d{4,}) (.+)")  # the number of a run before its sentence
REMARKED = re.compile(r"(.+?)(（[^（）]+）|\([^()]+\))")
TYPED = {"name", "names", "reason"}  # values that people gave are never told otherwise
LEAST = 2  # letters a pattern has beside its places; with fewer it would fit anything


def retold(words: object, *, english: bool | None = None) -> str:
    """`words`, line by line, in the language that is active now, or as `english` says; needs no settings then."""
    if english is None:
        from django.utils.translation import get_language  # the witness speaks where there is no Django

        english = (get_language() or "").startswith("en")
    lines = str(words or "").split("\n")
    return "\n".join(_retell(line, english) if len(line) <= LONGEST else line for line in lines)


LONGEST = 2000  # characters of a line; no sentence of ours is longer, and what was read is kept in memory


@lru_cache(maxsize=4096)
def _retell(words: str, english: bool) -> str:
    if not (CHINESE if english else ENGLISH).search(words):
        return words
    whole, patterns = _catalogue(english)
    if words in whole:
        return whole[words]
    numbered = NUMBERED.fullmatch(words)
    if numbered and (rest := _retell(numbered[2], english)) != numbered[2]:
        return f"{numbered[1]} {rest[0].lower() + rest[1:] if english else rest}"
    for pattern, made, numbers in patterns:
        found = pattern.fullmatch(words)
        if found:
            values = {name: _value(name, text, english, numbers) for name, text in found.groupdict().items()}
            return made % values
    remarked = REMARKED.fullmatch(words)
    if remarked and remarked[2] in whole:
        return _retell(remarked[1], english) + whole[remarked[2]]
    return words


def _value(name: str, text: str, english: bool, numbers: frozenset[str]) -> object:
    if name in numbers:
        return int(text)
    return text if name in TYPED else _retell(text, english)


Pattern = tuple[re.Pattern[str], str, frozenset[str]]


@lru_cache(maxsize=2)
def _catalogue(english: bool) -> tuple[dict[str, str], list[Pattern]]:
    """What is told as it stands, and what has places; the patterns with most words of their own come first."""
    whole: dict[str, str] = {}
    weighed: list[tuple[int, Pattern]] = []
    for key, made in _messages().items():
        if not isinstance(key, str) or "\x04" in key or not CHINESE.search(key) or not made:
            continue
        source, target = (key, made) if english else (made, key)
        if "%(" not in source:
            whole.setdefault(source, target)
            continue
        weight = len(LETTER.findall(PLACE.sub("", source)))
        if weight >= LEAST:
            weighed.append((weight, (_regex(source), target, _numbers(source))))
    weighed.sort(key=lambda one: -one[0])
    return whole, [pattern for _weight, pattern in weighed]


def _messages() -> dict[object, str]:
    """Our own catalogue as a table; the command line reads it before there are settings."""
    with MESSAGES.open("rb") as file:
        return GNUTranslations(file)._catalog  # type: ignore[attr-defined, no-any-return]


def _numbers(source: str) -> frozenset[str]:
    return frozenset(place[1] for place in PLACE.finditer(source) if place[3] == "d")


def _regex(source: str) -> re.Pattern[str]:
    parts, end, seen = [], 0, set()
    for place in PLACE.finditer(source):
        parts.append(re.escape(source[end : place.start()]))
        end, name = place.end(), place[1]
        if name is None:
            parts.append("%")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{r'-?[0-9]+' if place[3] == 'd' else '.+?'})")
    return re.compile("".join(parts) + re.escape(source[end:]))
