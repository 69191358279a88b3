"""Finding work items by their number or by their words, on both databases.

A word of a query is found where every pair of neighbouring characters in it stands in the item's title, system,
requester or hosts. The newest come first, in pages by key. Only items of customers that the person sees are
read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from weilu.accounts.models import Organisation, Person
from weilu.kernel.models import Series
from weilu.process import bigrams
from weilu.process.models import WorkItem
from weilu.ui.narrowing import key_of

PAGE = 50
PROBE = 2_000  # how many of the newest items PostgreSQL looks through before it asks the index
NUMBER = re.compile(r"(?:([A-Z0-9]+)-)?([A-Z]+)-(\d{4})-(\d{1,9})", re.IGNORECASE | re.ASCII)
DIGITS = re.compile(r"\d{1,9}", re.ASCII)
MOST = 9_223_372_036_854_775_807


@dataclass(frozen=True)
class Found:
    """One page of what was found; `next` continues it, "" on the last; `short`: there was nothing to ask for."""

    ids: list[int]
    next: str
    short: bool = False


def keep_words(item: WorkItem, also: Iterable[str] = ()) -> None:
    """Let a new item be found by its title, system, requester and `also`; within the transaction that opens it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO process_words (item_id, owner_id, text) VALUES (%s, %s, %s)",
            [item.id, item.owner_id, words_of(item, also)],
        )


def rename(item: WorkItem, title: str) -> None:
    """Give an item another title, by which alone it is found from now on; its words begin with the title."""
    kept = len(bigrams.fold(item.title))
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM process_words WHERE item_id = %s", [item.id])
        for (text,) in cursor.fetchall():
            new = bigrams.fold(title) + text[kept:]
            cursor.execute("UPDATE process_words SET text = %s WHERE item_id = %s", [new, item.id])
    item.title = title
    item.save(update_fields=["title"])


def words_of(item: WorkItem, also: Iterable[str] = ()) -> str:
    """The folded words of an item."""
    return bigrams.fold(" ".join([item.title, item.system.name, item.system.code, item.requester.name, *also]))


def find(person: Person, query: str, after: str = "", limit: int = PAGE) -> Found:
    """Ids of the visible items that `query` names by number or, where it names none, by words; newest first.

    Raises ValueError for an `after` that this function did not give.
    """
    before = key_of(after) if after else MOST
    folded = bigrams.fold(query.replace("\0", " ")[: bigrams.LONGEST])
    wanted = bigrams.pairs(folded)
    owners = sorted(person.owner_ids)
    numbered = _numbered(owners, query)
    if not owners or not (wanted or numbered):
        return Found([], "", short=not wanted and not numbered)
    if numbered:
        return Found(numbered, "")
    ids = _worded(owners, wanted, before, limit + 1)
    return Found(ids[:limit], str(ids[limit - 1]) if len(ids) > limit else "")


def _numbered(owners: Sequence[int], query: str) -> list[int]:
    """The items whose number is `query`: whole, without its organisation, or its last digits alone."""
    given = bigrams.fold(query).upper()
    if whole := NUMBER.fullmatch(given):
        code, kind, year, digits = whole.groups()
        series = [(code, kind, int(year))] if code else [(one, kind, int(year)) for one in _codes(owners)]
    elif DIGITS.fullmatch(given):
        digits = given
        rows = Series.objects.filter(owner__in=_codes(owners), last__gte=int(digits)).order_by("-year", "owner", "kind")
        series = list(rows.values_list("owner", "kind", "year"))
    else:
        return []
    numbers = [f"{owner}-{kind}-{year}-{int(digits):04d}" for owner, kind, year in series]
    found = WorkItem.objects.filter(number__in=numbers).values_list("id", "owner_id")
    return sorted((id for id, owner in found if owner in owners), reverse=True)[:PAGE]


def _codes(owners: Sequence[int]) -> list[str]:
    return list(Organisation.objects.filter(id__in=owners).order_by("code").values_list("code", flat=True))


def _worded(owners: Sequence[int], wanted: Sequence[str], before: int, limit: int) -> list[int]:
    if connection.vendor == "sqlite":
        return _ids(
            "SELECT rowid FROM process_words_index WHERE process_words_index MATCH %s AND rowid < %s"
            " ORDER BY rowid DESC LIMIT %s",
            [bigrams.match(owners, wanted), before, limit],
        )
    # Ordered by key and limited, PostgreSQL walks the key through the whole table for a rare word. So the newest are
    # looked through first, which fills the page for a common word; else the index names all, which are few.
    like = ["%" + re.sub(r"([\\%_])", r"\\\1", pair) + "%" for pair in wanted]
    recent = _ids(
        "SELECT item_id FROM (SELECT item_id, owner_id, text FROM process_words WHERE item_id < %s"
        " ORDER BY item_id DESC LIMIT %s) newest"
        " WHERE owner_id = ANY(%s::bigint[]) AND text LIKE ALL(%s::text[]) ORDER BY item_id DESC LIMIT %s",
        [before, PROBE, list(owners), like, limit],
    )
    if len(recent) == limit:
        return recent
    asked = " OR ".join(["weilu_bigrams(owner_id, text) @> %s::text[]"] * len(owners))
    sets = [[f"{owner}:{pair}" for pair in wanted] for owner in owners]
    return _ids(
        f"WITH hits AS MATERIALIZED (SELECT item_id FROM process_words WHERE {asked})"  # noqa: S608  (marks only)
        " SELECT item_id FROM hits WHERE item_id < %s ORDER BY item_id DESC LIMIT %s",
        [*sets, before, limit],
    )


def _ids(sql: str, params: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


def teach(connection: BaseDatabaseWrapper, **_facts: object) -> None:
    """Let SQLite's triggers call `weilu_bigrams`; on PostgreSQL it is a function of the database."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("weilu_bigrams", 2, bigrams.tokens, deterministic=True)
