"""Figures of the log: the sequencer, a proof among a million entries beside pymerkle's, the tree computed anew."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench.databases import create_database

MILLION = 1_000_000
STAGED = 20_000
BATCH = 2_000
PROOFS = 200
UNCACHED = 7  # proofs without pymerkle's cache, each of which takes about a second
PATIENCE = 300  # seconds that pymerkle may take to build its tree


def rows() -> list[dict[str, Any]]:
    """Every row of the table."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return [_sequencer("SQLite"), *_postgresql(), *_million()]


def _row(name: str, value: str, goal: str, reached: bool, reference: str = "", ratio: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "reference": reference, "ratio": ratio, "goal": goal, "reached": reached}


def _sequencer(database: str) -> dict[str, Any]:
    """Entries placed each second; they were staged before, each batch is one durable transaction."""
    from django.db import transaction

    from weilu.evidence.actions import sequence, sign_checkpoint, stage

    with transaction.atomic():
        for number in range(STAGED):
            stage(
                "bench.entry",
                {"n": number, "words": "同意"},
                actor="王敏 <wangmin@JZ>",
                org="JZ",
                item=str(number % 97),
            )
    began, placed = time.perf_counter(), 0
    while done := sequence(BATCH):
        placed += done
    sign_checkpoint()
    speed = placed / (time.perf_counter() - began)
    name = f"sequencer on {database}, batches of {BATCH:,}, one checkpoint"
    return _row(name, f"{speed:,.0f} entries/s", "≥ 1,000/s", speed >= 1000)


def _postgresql() -> Iterator[dict[str, Any]]:
    """The same on a private PostgreSQL with fsync on; nothing where none can be started."""
    from tests.support.postgres import NoPostgres, private_server

    try:
        url = private_server(durable=True)
    except NoPostgres as problem:
        print(problem, file=sys.stderr)
        return
    create_database(url)
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "WEILU_DATABASE_URL": url, "WEILU_DATA_DIR": home}
        code = "from bench import evidence_bench as b; b.one_database('PostgreSQL')"
        done = subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, check=True)
    yield json.loads(done.stdout.splitlines()[-1])


def one_database(name: str) -> None:
    """Print the sequencer's row on the database that the environment names."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_sequencer(name), ensure_ascii=False))


def _million() -> Iterator[dict[str, Any]]:
    """A log of a million entries, its tiles made by the product's own code."""
    from weilu.evidence import tree
    from weilu.evidence.queries import recomputed_root
    from weilu.evidence.tiles import read_tile

    _fill()
    root = tree.root(read_tile, MILLION)
    yield from _proofs()
    began = time.perf_counter()
    if recomputed_root(MILLION) != root:
        raise AssertionError("the tiles and the leaves disagree")
    speed = MILLION / (time.perf_counter() - began)
    yield _row(
        "tree recomputed from 1,000,000 stored leaves", f"{speed:,.0f} leaves/s", "≥ 200,000/s", speed >= 200_000
    )


def _proofs() -> Iterator[dict[str, Any]]:
    """The same places proved by each: ours from the database; pymerkle from memory, from SQLite, and without its cache.

    pymerkle keeps hashes of subtrees once it has computed them, so that its first proofs and its later ones
    differ a hundredfold: every row takes the median over equally many proofs, and says what was kept.
    """
    from weilu.evidence.queries import prove

    chance = Random(1)
    places = [chance.randrange(MILLION) for _ in range(PROOFS)]
    ours = _median(lambda place: prove(place, MILLION), places)
    few = places[:UNCACHED]
    ours_few = _median(lambda place: prove(place, MILLION), few)
    for words, given, mine, theirs in (
        ("pymerkle in memory", places, ours, _pymerkle_in_memory),
        ("pymerkle on SQLite", places, ours, partial(_pymerkle_stored, disable_cache=False)),
        ("pymerkle on SQLite without its cache", few, ours_few, partial(_pymerkle_stored, disable_cache=True)),
    ):
        name = f"inclusion proof at 1,000,000 entries, from the database, median of {len(given)}, beside {words}"
        value, found = f"{mine * 1000:.2f} ms", theirs(given)
        if found is None:
            yield _row(name, value, "≤ 1/100", False, f"not built in {PATIENCE} s")
            continue
        ratio = mine / found
        shown = f"1/{1 / ratio:,.0f}" if ratio < 1 else f"{ratio:,.1f}"
        yield _row(name, value, "≤ 1/100", ratio <= 0.01, f"{found * 1000:.2f} ms", shown)


def _median(prove: Callable[[int], object], places: list[int]) -> float:
    """Seconds of the median proof."""
    seconds = []
    for place in places:
        began = time.perf_counter()
        prove(place)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def _fill() -> None:
    """Replace the log by a million entries: rows without a record worth reading, tiles as the sequencer makes them."""
    from django.db import connection, transaction

    from weilu.evidence import tree
    from weilu.evidence.models import Entry, Tile

    with transaction.atomic():
        Entry.objects.all().delete()
        Tile.objects.all().delete()
        halves = ((sha256(b"a%d" % n).digest(), sha256(b"b%d" % n).digest()) for n in range(MILLION))
        leaves, insert = [], []
        for place, (first, second) in enumerate(halves):
            leaves.append(tree.leaf_hash(first + second))
            insert.append(
                (place, f"{place:032x}", "bench", "2026-01-01 00:00:00", "", "JZ", "", False, b"{}", first, second)
            )
        columns = '"index", ref, kind, at, actor, org, item, urgent, record, sha256, sm3'
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO evidence_entry ({columns}) VALUES ({', '.join(['%s'] * 11)})", insert)
        tiles = tree.append(lambda level, index: b"", 0, leaves)
        Tile.objects.bulk_create(
            [Tile(level=at[0], index=at[1], hashes=data) for at, data in tiles.items()], batch_size=300
        )


def _pymerkle_in_memory(places: list[int]) -> float | None:
    """Seconds of pymerkle's median proof with the whole tree in memory."""
    from pymerkle import InmemoryTree

    theirs = InmemoryTree()
    began = time.perf_counter()
    for number in range(MILLION):
        theirs.append_entry(b"%d" % number)
        if not number % 10_000 and time.perf_counter() - began > PATIENCE:
            return None
    return _median(lambda place: theirs.prove_inclusion(place + 1, MILLION), places)


def _pymerkle_stored(places: list[int], *, disable_cache: bool) -> float | None:
    """Seconds of pymerkle's median proof with the leaves in SQLite, as ours are."""
    from pymerkle import SqliteTree

    with tempfile.TemporaryDirectory() as home:
        theirs = SqliteTree(str(Path(home) / "tree.sqlite3"), disable_cache=disable_cache)
        began = time.perf_counter()
        for start in range(0, MILLION, 10_000):
            theirs.append_entries([b"%d" % n for n in range(start, start + 10_000)], chunksize=10_000)
            if time.perf_counter() - began > PATIENCE:
                return None
        return _median(lambda place: theirs.prove_inclusion(place + 1, MILLION), places)


if __name__ == "__main__":
    print(json.dumps(rows(), ensure_ascii=False, indent=1))
