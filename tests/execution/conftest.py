"""A real target for each test: jzdesk running, a channel signed anew, an item whose plan stands approved."""

import json
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from demo.channel import CRITERIA, Channel, build_channel
from demo.target import ctl, free_port, lay_out
from tests.cast import Cast, cast_again, make_change, make_installation
from weilu.execution.actions import order_run
from weilu.execution.channel import read_release
from weilu.execution.checks import REGISTER
from weilu.execution.masking import known_secrets
from weilu.execution.models import Run, RunStep
from weilu.execution.worker import Worker
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.process.models import Fact, WorkItem
from weilu.systems.models import Installation

SUBJECT = "5" * 64
SECRET = "planted-in-shared-0123456789"


def approve(item: WorkItem, subject: str) -> None:
    """What the room above would say: the test's item is approved with SUBJECT."""
    if subject != SUBJECT:
        raise Refused("没有批准")


@dataclass
class Target:
    """The installation, its folders and what tests ask of it."""

    cast: Cast
    installation: Installation
    item: WorkItem
    root: Path
    channel: Channel
    url: str

    def orders(self, version: str = "1.1.0", **over: object) -> dict[str, object]:
        release = read_release(self.channel.folder, self.channel.keyring, version)
        return {
            "version": version, "wheel": release.wheel, "sha256": release.sha256,
            "window_from": iso(now() - timedelta(minutes=1)), "window_to": iso(now() + timedelta(hours=1)),
            "criteria": CRITERIA.get(version, CRITERIA["1.1.0"]), "way_back": "恢复备份",
        } | over  # fmt: skip

    def order(self, version: str = "1.1.0", **over: object) -> Run:
        with transaction.atomic():
            return order_run(self.cast.chen, self.item, self.installation, self.orders(version, **over), SUBJECT)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def book(self) -> int:
        """The status of an attempt to book an appointment; 0 when nobody answers."""
        body = json.dumps({"name": "试", "phone": "1", "matter": "试", "day": "2026-10-01"}).encode()
        request = urllib.request.Request(self.url + "/api/appointments", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def rows(self) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.root / "shared" / "desk.sqlite3")) as db:
            return db.execute("SELECT * FROM appointment ORDER BY id").fetchall()

    def effects(self, run: Run) -> dict[str, list[str]]:
        """For each step of a run, what the target's own journal says happened, in order."""
        journal = self.root / ".weilu" / "journal.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
        told: dict[str, list[str]] = {}
        for line in lines:
            if line["run"] == run.number:
                told.setdefault(line["step"], []).append(line["state"])
        return told


@pytest.fixture(autouse=True)
def secrets_read_anew() -> Iterator[None]:
    """Each test is a process with an environment of its own, as far as masking goes."""
    known_secrets.cache_clear()
    yield
    known_secrets.cache_clear()


@pytest.fixture(scope="session")
def channel_source(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    return build_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def target(transactional_db: None, tmp_path: Path, channel_source: Channel) -> Iterator[Target]:
    shutil.copytree(channel_source.folder, tmp_path / "channel")
    shutil.copyfile(channel_source.keyring, tmp_path / "keyring.gpg")
    channel = Channel(tmp_path / "channel", tmp_path / "keyring.gpg")
    root = tmp_path / "app-01"
    url = lay_out(root, channel.folder, free_port(), SECRET)
    ctl(root, "start")
    cast = cast_again()
    installation = make_installation(cast, channel.folder, channel.keyring, root=str(root), url=url)
    item = make_change(cast, installation).item
    WorkItem.objects.filter(id=item.id).update(kind="trial", subject=SUBJECT)
    item.refresh_from_db()
    REGISTER["trial"] = approve
    yield Target(cast, installation, item, root, channel, url)
    ctl(root, "stop")


def carry_out(run: Run, worker: Worker | None = None, until: str = "", seconds: float = 90) -> Run:
    """Let a worker work until the run rests, or until step `until` is settled."""
    worker = worker or Worker()
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not worker.work_once():
            time.sleep(0.05)
        run.refresh_from_db()
        if run.state not in (Run.State.QUEUED, Run.State.RUNNING):
            return run
        if until and states(run).get(until) not in ("waiting", "started"):
            return run
    raise AssertionError(f"still {run.state} after {seconds} s: {states(run)}")


def states(run: Run) -> dict[str, str]:
    """State by step, the later row of a key that occurs twice."""
    return {step.key: step.state for step in RunStep.objects.filter(run=run).order_by("ordinal")}


def facts(run: Run) -> dict[str, bool]:
    return {fact.key: fact.holds for fact in Fact.objects.filter(item=run.item, subject=run.subject).order_by("id")}
