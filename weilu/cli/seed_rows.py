"""The rows of one made-up change, as the actions would have written them, from its place alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from weilu.changes.models import Change, NeedVersion, PlanVersion
from weilu.cli import seed_words as words
from weilu.cli.seed_cast import Customer
from weilu.kernel.bulk import Table
from weilu.kernel.canonical import sha256_hex, sm3_hex
from weilu.kernel.times import iso
from weilu.process.bigrams import fold
from weilu.process.flow import Flow, Step, parse_flow
from weilu.process.kept import Words
from weilu.process.models import UNDATED, Event, Fact, Opinion, Seat, StepVisit, WorkItem

SPAN = timedelta(days=3 * 365)  # from the first item to the last
OPEN_SHARE = 0.03  # the newest items that are still on their way
STRAGGLERS = 0.004  # older items that have got stuck
STUCK_AT = 8  # an item that is open stands at one of the steps before this one: no run is made up
PRIORITIES = ("normal",) * 14 + ("important",) * 4 + ("urgent",)


class Batch:
    """Items from place `first` to before `last` of `total`, with everything that belongs to them."""

    def __init__(self, customers: list[Customer], first: int, last: int, total: int, until: datetime) -> None:
        self.first, self.last, self.total, self.until = first, last, total, until
        self._customers = customers
        self._flows = {one.owner.id: parse_flow(one.flow.source) for one in customers}
        self.tables = {
            WorkItem: Table(
                WorkItem, "id", "uid", "owner", "number", "kind", "title", "system", "requester", "flow", "step",
                "state", "priority", "facets", "subject", "turn", "opened_at", "due_at", "closed_at",
            ),
            StepVisit: Table(
                StepVisit, "id", "item", "step", "ordinal", "outcome", "reason", "opened_at", "due_at", "closed_at"
            ),
            Seat: Table(Seat, "visit", "item", "person", "open", "due_at", "since"),
            Opinion: Table(Opinion, "visit", "item", "person", "act", "words", "subject", "at", "evidence"),
            Fact: Table(Fact, "item", "key", "subject", "holds", "proof", "source", "at", "evidence"),
            Event: Table(Event, "item", "at", "actor", "kind", "words", "evidence"),
            Words: Table(Words, "item", "owner", "text"),
            Change: Table(Change, "id", "item", "installation", "feasible", "analysis"),
            NeedVersion: Table(NeedVersion, "change", "number", "text", "author", "at", "digest", "evidence"),
            PlanVersion: Table(PlanVersion, "change", "number", "content", "digest", "sm3", "author", "at", "evidence"),
        }  # fmt: skip
        self.rows: dict[Any, list[tuple[Any, ...]]] = {model: [] for model in self.tables}

    def make(self, numbers: dict[tuple[str, int], int]) -> None:
        """Compose every row; `numbers` holds the last number of each customer and year, and is moved on."""
        count = self.last - self.first
        self._item = self.tables[WorkItem].reserve(count)
        self._change = self.tables[Change].reserve(count)
        self._visit = self.tables[StepVisit].reserve(count * 12)
        for place in range(self.first, self.last):
            self._one(place, numbers)
            self._item += 1
            self._change += 1

    def write(self) -> None:
        """Write every row, models that others point to first."""
        for model, table in self.tables.items():
            table.write(self.rows[model])

    def _one(self, place: int, numbers: dict[tuple[str, int], int]) -> None:
        random = Random(place * 2_654_435_761 + 97)  # noqa: S311  (the same rows every time)
        customer = self._customers[random.random() < 0.08]
        share = place / self.total
        opened = self.until - SPAN * (1 - share) - timedelta(seconds=random.randrange(600))
        flow = self._flows[customer.owner.id]
        installation, requester = random.choice(customer.installed), random.choice(customer.requesters)
        system = installation.system
        title, said = words.title(random, system.name)
        is_open = share > 1 - OPEN_SHARE or random.random() < STRAGGLERS
        stop = random.randrange(1, STUCK_AT) if is_open else len(flow.steps)
        if is_open and flow.steps[stop].mark and not system.running:
            stop += 1  # the security office is not asked
        series = customer.owner.code, (opened + timedelta(hours=8)).year
        numbers[series] = numbers.get(series, 0) + 1
        number = f"{series[0]}-BG-{series[1]}-{numbers[series]:04d}"
        made = _Made(self, customer, flow, random, requester.id, self._item, opened)
        made.said = said | {"title": title, "number": number}
        made.walk(stop, system.running, installation)
        step = flow.steps[stop].key if is_open else ""
        closed = None if is_open else made.at
        self.rows[WorkItem].append((
            self._item, made.uuid(), customer.owner.id, number, "change", title, system.id, requester.id,
            customer.flow.id, step, "open" if is_open else "closed", random.choice(PRIORITIES),
            _facets(system.running, system.importance), made.subject, stop + 1, opened, made.due, closed,
        ))  # fmt: skip
        also = (installation.name, installation.host)
        text = fold(" ".join([title, system.name, system.code, requester.name, *also]))
        self.rows[Words].append((self._item, customer.owner.id, text))
        analysed = stop > 1 or not is_open
        analysis = random.choice(words.ANALYSES).format(**said) if analysed else ""
        self.rows[Change].append((self._change, self._item, installation.id, True if analysed else None, analysis))


class _Made:
    """One item as it is being walked through its flow."""

    def __init__(
        self, batch: Batch, customer: Customer, flow: Flow, random: Random, requester: int, item: int, opened: datetime
    ) -> None:
        self.batch, self.customer, self.flow, self.random = batch, customer, flow, random
        self.requester, self.item, self.at = requester, item, opened
        self.due: datetime | None = None
        self.subject = ""
        self.said: dict[str, Any] = {}
        self._released_by = 0

    def uuid(self) -> UUID:
        """A version 7 identifier of the instant reached, from the item's own chance."""
        value = (int(self.at.timestamp() * 1000) << 80) | self.random.getrandbits(80)
        value = (value & ~(0xF << 76)) | (0x7 << 76)
        return UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))

    def walk(self, stop: int, running: bool, installation: Any) -> None:
        """Pass the steps before `stop`, and open the one there, if the flow has it."""
        for place, step in enumerate(self.flow.steps[: stop + 1]):
            visit = self.batch._visit
            self.batch._visit += 1
            if step.when is not None and not running:
                reason = f"不需要，因为 {step.when.text} 不成立"
                self._visit(visit, step, "not-required", self.at, reason)
            elif place == stop:
                self._wait(visit, step)
            else:
                self._pass(visit, step, installation)

    def _pass(self, visit: int, step: Step, installation: Any) -> None:
        opened = self.at
        due = opened + timedelta(hours=3 * step.hours) if step.hours else None
        asked = self._asked(step)
        if step.key != "request":
            self.at = min(self.at + timedelta(seconds=self.random.randrange(600, 90_000)), self.batch.until)
        acting = asked if step.sign == "all" else [self.random.choice(asked)] if asked else []
        if step.key == "design":
            self._plan(acting[0], installation)
        if step.key == "release":
            self._released_by = acting[0]
        self._visit(visit, step, "done", opened, "", due, self.at)
        if step.key != "request":
            seats = self.batch.rows[Seat]
            seats.extend((visit, self.item, person, False, due or UNDATED, opened) for person in asked)
        subject = self.subject if step.key != "sheet" else ""
        self.batch.rows[Opinion].extend(
            (visit, self.item, one, "agree", self.random.choice(words.AGREED), subject, self.at, self.uuid())
            for one in acting
        )
        if step.key == "request":
            self._need(acting[0])

    def _wait(self, visit: int, step: Step) -> None:
        """The present step: its seats are open, it falls due some working days around `until`."""
        opened = max(self.at, self.batch.until - timedelta(hours=self.random.randrange(1, 60)))
        due = opened + timedelta(hours=3 * step.hours)
        self.due = due.replace(hour=1 + due.hour % 9, minute=0, second=0, microsecond=0)  # in office hours
        self._visit(visit, step, "open", opened, "", self.due, None)
        seats = self.batch.rows[Seat]
        seats.extend((visit, self.item, person, True, self.due, opened) for person in self._asked(step))

    def _visit(
        self, visit: int, step: Step, outcome: str, opened: datetime, reason: str,
        due: datetime | None = None, closed: datetime | None = None,
    ) -> None:  # fmt: skip
        ended = None if outcome == "open" else closed or opened
        self.batch.rows[StepVisit].append((visit, self.item, step.key, 1, outcome, reason, opened, due, ended))

    def _asked(self, step: Step) -> list[int]:
        found: list[int] = []
        for who in step.who:
            match who.kind:
                case "requester":
                    found.append(self.requester)
                case "dept_head":
                    found.append(self.customer.heads[self.requester])
                case "actor":
                    found.append(self._released_by)
                case "contract_engineer":
                    found += self.customer.roles["engineer"]
                case "role":
                    found += self.customer.roles[who.name]
        return list(dict.fromkeys(found))

    def _need(self, author: int) -> None:
        text = self.random.choice(words.NEEDS).format(**self.said)
        ref = self.uuid()
        need = (self.batch._change, 1, text, author, self.at, sha256_hex(text.encode()), ref)
        self.batch.rows[NeedVersion].append(need)
        self.batch.rows[Event].append((self.item, self.at, author, "file", "需求第 1 版", ref))
        self.said["digest"] = need[5]

    def _plan(self, author: int, installation: Any) -> None:
        """A plan in the form of `changes.plan`; its canonical bytes hold no floats and only names in ASCII."""
        start = (self.at + timedelta(days=2)).replace(hour=14, minute=0, second=0, microsecond=0)
        thing, version = self.said["thing"], f"5.3.{self.random.randrange(2, 90)}"
        digits = f"{self.random.getrandbits(256):064x}"
        content: dict[str, Any] = {
            "impact": words.PLANNED[0], "risk": words.PLANNED[1], "way_back": words.PLANNED[2], "need_number": 1,
            "need_digest": self.said["digest"], "installation": str(installation.uid),
            "host": installation.host, "version_from": installation.version, "version": version,
            "wheel": f"{installation.name.replace('-', '_')}-{version}-py3-none-any.whl", "sha256": digits,
            "signer": digits[:40].upper(), "window_from": iso(start), "window_to": iso(start + timedelta(hours=3)),
            "criteria": [{"title": f"{thing}可用", "path": "/health", "expect": "ok"}],
            "upgrade_notes": f"{thing}已{self.said['doing']}，办理步骤不变。", "number": 1,
        }  # fmt: skip
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        self.subject = sha256_hex(text.encode())
        ref, at, item = self.uuid(), self.at, self.item
        change = self.batch._change
        self.batch.rows[PlanVersion].append((change, 1, text, self.subject, sm3_hex(text.encode()), author, at, ref))
        proof = f"签名 {digits[:40].upper()}，SHA-256 {digits[:12]}"
        self.batch.rows[Fact].append((item, "integrity.verified", self.subject, True, proof, "weilu", at, ref))
        self.batch.rows[Event].append((item, at, author, "file", "方案第 1 版", ref))


def _facets(running: bool, importance: str) -> str:
    return f'{{"running": {"true" if running else "false"}, "importance": "{importance}"}}'


def batches(customers: list[Customer], done: int, total: int, until: datetime, size: int) -> Iterator[Batch]:
    """The batches still to be made, from place `done` on."""
    for first in range(done, total, size):
        yield Batch(customers, first, min(first + size, total), total, until)


def midnight(day: datetime) -> datetime:
    """Up to when items are made up on `day`: 10:00 in Shanghai, so that the same day makes the same rows."""
    return day.astimezone(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
