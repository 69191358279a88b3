"""The signing step against a bare commit, and my work among 100,000 open items, on both databases.

The bench opens its items, and brings them to the countersign, through the product's own actions; only the
100,000 items are built in bulk. Each database is measured in a process of its own, on a file (SQLite) or a
private server (PostgreSQL) on the disk of the data folder's file system, with production settings.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.databases import on_both, write_rows

PAIRS = 300
GOAL_RATIO = 2.5
ITEMS = 100_000
BATCH = 2_000
READS = 200
GOAL_READ = 3.0
INDEX = "todo"
FLOW = """
flow: bench.flow
title: 会签
steps:
  - {key: ask, title: 申请, who: requester}
  - {key: check, title: 方案确认, who: role(development_head), sign: any, not_also: [ask], hours: 8}
  - key: confirm
    title: 需求与方案确认
    who: [role(technical_head), role(leader)]
    sign: all
    not_also: [ask, check]
    gates: [integrity.verified]
    hours: 9
  - {key: security, title: 信息安全办审批, who: role(security_office), not_also: [ask, check], hours: 8}
"""
SUBJECT = "5f" * 32
WORDS = "同意，注意先备份。"


def rows() -> list[dict[str, Any]]:
    """Both databases, one after the other."""
    return [_disk(), *on_both("bench.process_bench")]


def _disk() -> dict[str, Any]:
    """What the disk itself takes to keep 4 KB: below a few tenths of a millisecond, all that counts is Python."""
    place = Path(os.environ["WEILU_DATA_DIR"]) / "fsync"
    with place.open("wb", buffering=0) as out:

        def keep() -> None:
            out.write(b"x" * 4096)
            os.fsync(out.fileno())

        took = statistics.median(_timed(keep) for _turn in range(PAIRS))
    name = "fsync of 4 KB on this disk (ms)"
    return {"name": name, "value": round(took, 2), "reference": None, "ratio": None, "goal": None, "reached": None}


def measure(name: str) -> list[dict[str, Any]]:
    """The rows of the database the settings name."""
    import django

    django.setup()
    from django.core.management import call_command

    from weilu.demo import make_cast

    call_command("migrate", verbosity=0)
    cast = make_cast()
    return [*_signing(name, cast), *_my_work(name, cast)]


def _signing(name: str, cast: Any) -> list[dict[str, Any]]:
    """Commit, first signature, commit, last signature, and so on over as many items as it takes."""
    from django.db import connection

    from weilu.accounts.models import Person
    from weilu.process.actions import sign_step
    from weilu.process.flow_actions import install_flow
    from weilu.process.vocabulary import Kind, register_kind

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id integer PRIMARY KEY, words varchar(200) NOT NULL)")
    facts = {"integrity.verified": ""}
    register_kind(Kind(key="bench", flows="bench", page="changes:change", right="changes.request", facts=facts))
    install_flow(cast.jz, FLOW)
    system = _system(cast)
    items = [_at_confirm(cast, system) for _turn in range(PAIRS + 10)]
    bare: list[float] = []
    signed: dict[str, list[float]] = {"zhaolixin": [], "qianwenyuan": []}
    for place, item in enumerate(items):
        for half, username in enumerate(signed):
            bare.append(_timed(lambda n=place * 2 + half: _commit(n)))  # type: ignore[misc]
            by = Person.objects.get(username=username)  # as a request finds who is signed in
            item.refresh_from_db()
            act = lambda: sign_step(by, item, turn=item.turn, subject=SUBJECT, words=WORDS)  # noqa: E731, B023
            signed[username].append(_timed(act))
    reference = statistics.median(bare[20:])
    return [
        _row(f"{title}, {name} (ms)", statistics.median(signed[username][10:]), reference)
        for username, title in (
            ("zhaolixin", "a signature in a countersign"),
            ("qianwenyuan", "the signature that ends the step and opens the next"),
        )
    ]


def _row(name: str, value: float, reference: float) -> dict[str, Any]:
    ratio = value / reference
    return {
        "name": name, "value": round(value, 2), "reference": round(reference, 2), "ratio": round(ratio, 2),
        "goal": GOAL_RATIO, "reached": ratio <= GOAL_RATIO,
    }  # fmt: skip


def _system(cast: Any) -> Any:
    from weilu.systems.actions import register_system
    from weilu.systems.models import System

    return register_system(
        cast.zheng, cast.jz, code="BC", name="会签", importance=System.Importance.IMPORTANT, backup_owner=cast.zheng
    )


def _at_confirm(cast: Any, system: Any) -> Any:
    """An item before its countersign: subject set, its gate open, 周 has signed."""
    from django.db import transaction

    from weilu.evidence.actions import stage
    from weilu.process.actions import open_item, record_fact, set_subject, sign_step

    with transaction.atomic():
        item = open_item(
            cast.wang,
            system=system,
            kind="change",
            series="BC",
            title="会签",
            flow="bench.flow",
            facets={},
            words="",
        )
        set_subject(item, SUBJECT)
        ref = stage("bench.checked", {}, actor="bench", org="JZ", item=str(item.uid))
        record_fact(item, "integrity.verified", SUBJECT, True, "SHA256SUMS 与签名相符", "bench", ref)
    return sign_step(cast.zhou, item, turn=item.turn, subject=SUBJECT, words=WORDS)


def _commit(number: int) -> None:
    """The reference: one row of the length of a short opinion, in a transaction of its own, through the same driver."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (id, words) VALUES (%s, %s)", [number, "x" * 200])


def _my_work(name: str, cast: Any) -> list[dict[str, Any]]:
    """The statements of `queries.todo`, run again as they are: all 100,000 items wait for the reader, and for 钱."""
    from django.db import connection

    from weilu.process.queries import todo

    _build(cast)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    said: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        said.append((sql, params))
        return execute(sql, params, many, context)

    assert cast.zhao.owner_ids  # a request has asked for the grants before
    with connection.execute_wrapper(note):
        assert len(todo(cast.zhao)) == 50
    plan = _plan(*said[0])
    print(f"{name}: {len(said)} statements, the first by\n{plan}", flush=True)
    in_sql = statistics.median(_timed(lambda: _run(said)) for _turn in range(READS))
    whole = statistics.median(_timed(lambda: todo(cast.zhao)) for _turn in range(READS // 4))
    by_index = f"index {INDEX}" if INDEX in plan else "no index"
    return [
        {
            "name": f"first 50 of my work among 100,000, {name}, {by_index} (ms)", "value": round(in_sql, 2),
            "reference": None, "ratio": None, "goal": GOAL_READ, "reached": in_sql <= GOAL_READ and INDEX in plan,
        },
        {
            "name": f"the same with the rows made into objects, {name} (ms)", "value": round(whole, 2),
            "reference": None, "ratio": None, "goal": None, "reached": None,
        },
    ]  # fmt: skip


def _run(said: list[tuple[str, Any]]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for sql, params in said:
            cursor.execute(sql, params)
            cursor.fetchall()


def _plan(sql: str, params: Any) -> str:
    from django.db import connection

    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}", params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def _build(cast: Any) -> None:
    """Open items with a visit and two seats each, due at different instants."""
    from weilu.kernel.times import now
    from weilu.process.models import FlowVersion, Seat, StepVisit, WorkItem
    from weilu.systems.models import System

    flow, instant, system = FlowVersion.objects.get(key="bench.flow"), now(), System.objects.get(code="BC")
    for start in range(0, ITEMS, BATCH):
        due = [instant + timedelta(minutes=(place * 7919) % ITEMS) for place in range(start, start + BATCH)]
        items = WorkItem.objects.bulk_create(
            WorkItem(
                owner=cast.jz, number=f"JZ-BW-2026-{start + place:06d}", kind="bench", title=f"第 {start + place} 件",
                system=system, requester=cast.wang, flow=flow, step="confirm", subject=SUBJECT, due_at=at,
            )
            for place, at in enumerate(due)
        )  # fmt: skip
        visits = StepVisit.objects.bulk_create(
            StepVisit(item=item, step="confirm", ordinal=1, due_at=item.due_at) for item in items
        )
        Seat.objects.bulk_create(
            Seat(visit=visit, item=visit.item, person=person, due_at=visit.due_at)
            for visit in visits
            for person in (cast.zhao, cast.qian)
        )


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    write_rows(measure)
