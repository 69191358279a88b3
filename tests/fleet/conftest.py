"""Runs on real hosts: their keys pinned, a credential in the vault, an item whose orders stand approved."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from tests.cast import Cast, cast_again, make_change, make_installation
from tests.hosts.packages import Repository
from tests.hosts.site import RealHost
from weilu.changes.host_plan import entry_of
from weilu.demo import make_environment, make_group, make_host
from weilu.evidence import files
from weilu.execution.checks import ORDERS, REGISTER
from weilu.execution.fleet import attempt
from weilu.execution.fleet.actions import order_run_on_hosts
from weilu.execution.models import Cell, Run, RunHost, RunStep
from weilu.execution.worker import Worker
from weilu.kernel.canonical import digest
from weilu.kernel.ids import uuid7
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning.models import Window
from weilu.process.actions import record_fact
from weilu.process.models import Fact, WorkItem
from weilu.systems.models import Host, HostGroup
from weilu.vault import keys
from weilu.vault.actions import add_credential, grant_access

COUNTER = "/var/lib/counted"  # on each host: a line for every time the script of the plan acted
COUNT = f"echo acted >> {COUNTER}\n"
RealHosts = Callable[..., list[RealHost]]
APPROVED: dict[int, dict[str, Any]] = {}  # for each item: the orders that stand approved


@dataclass
class Fleet:
    """Real hosts, what the register says of them, and an item that acts on them."""

    cast: Cast
    item: WorkItem
    group: HostGroup
    real: list[RealHost] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)

    def register(self, real: list[RealHost], **over: Any) -> None:
        for one in real:
            fields = {"name": one.name, "address": one.address, "user": one.user, "key": f"{one.key_type} {one.key}"}
            self.hosts.append(make_host(self.group, **(fields | over)))
        self.real += real
        if real:
            secret = real[0].site.key_file.read_text()
            key = add_credential(
                self.cast.zheng, self.cast.jz, name=f"密钥 {len(self.hosts)}", kind="ssh_key", secret=secret
            )
            with contextlib.suppress(Refused):  # the group has one already
                grant_access(self.cast.zheng, key, group=self.group)

    def keep(self, text: str, name: str = "脚本.sh") -> dict[str, Any]:
        kept = files.keep(text.encode(), name)
        return {"name": name, "sha256": kept.sha256, "size": kept.size}

    def orders(self, *steps: dict[str, Any], **over: Any) -> dict[str, Any]:
        """Orders for all hosts: one canary, then all; `steps` without what is usual are filled in."""
        artefacts = over.pop("artefacts", [])
        usual = {"seconds": 60, "crash": "probe", "back": None}
        return {
            "hosts": [entry_of(host) for host in self.hosts],
            "steps": [{"key": f"s{n}", "title": f"第 {n} 步"} | usual | one for n, one in enumerate(steps, start=1)],
            "batches": {"canary": 1, "then": ["100%"], "health": [], "stop": {"done": 3, "below": 80}, "at_once": 10},
            "window_from": iso(now() - timedelta(minutes=1)), "window_to": iso(now() + timedelta(hours=2)),
            "minutes": 10, "at_window_end": "ask", "backup": {"none": "只改一个包，随时可退"}, "artefacts": artefacts,
            "program": attempt.program(),
        } | over  # fmt: skip

    def approve(self, told: dict[str, Any], *, rehearsed: bool = True) -> str:
        """The orders stand approved under their digest, and a rehearsal has passed, unless said otherwise."""
        subject = digest(told)
        WorkItem.objects.filter(id=self.item.id).update(subject=subject)
        self.item.refresh_from_db()
        APPROVED[self.item.id] = told
        if rehearsed:
            record_fact(self.item, "rehearsal.matched", subject, True, "演练通过", "R", uuid7())
        return subject

    def order(self, told: dict[str, Any], purpose: str = "carry_out", *, rehearsed: bool = True) -> Run:
        subject = self.approve(told, rehearsed=rehearsed)
        with transaction.atomic():
            return order_run_on_hosts(self.cast.chen, self.item, told, subject, purpose)


def approved(item: WorkItem, subject: str) -> None:
    """What the room above would say: the digest is that of what was approved."""
    if digest(APPROVED[item.id]) != subject:
        raise Refused("没有批准")


@pytest.fixture
def fleet(
    transactional_db: None, tmp_path: Any, real_hosts: Callable[..., list[RealHost]]
) -> Iterator[Callable[..., Fleet]]:
    """`fleet(n)`: n real hosts registered in one group of 现网."""

    def stand_up(count: int, **over: Any) -> Fleet:
        cast = cast_again()
        keys.ensure()
        installation = make_installation(cast, tmp_path / "channel", tmp_path / "keyring.gpg")
        item = make_change(cast, installation).item
        WorkItem.objects.filter(id=item.id).update(kind="trial")
        item.refresh_from_db()
        REGISTER["trial"], ORDERS["trial"] = approved, lambda item, subject: APPROVED.get(item.id)
        Window.objects.create(
            owner=cast.jz, system=installation.system, name="随时", rule="FREQ=DAILY",
            starts=now() - timedelta(days=2), minutes=24 * 60,
        )  # fmt: skip
        group = make_group(make_environment(installation.system, kind="production"))
        found = Fleet(cast, item, group)
        found.register(real_hosts(count), **over)
        return found

    yield stand_up
    APPROVED.clear()


@pytest.fixture
def packages(fleet: Callable[..., Fleet], repository: Repository) -> Callable[..., Fleet]:
    """`packages(n)`: as `fleet`, each host with jzhello 1.0.0 of our signed repository."""

    def stand_up(count: int) -> Fleet:
        found = fleet(count)
        for one in found.real:
            repository.give(one)
            one.run("apt-get", "-qq", "update")
            one.run("apt-get", "-y", "-qq", "install", "jzhello=1.0.0")
        return found

    return stand_up


def carry_out(run: Run, worker: Worker | None = None, seconds: float = 120) -> Run:
    """Let a worker work until the run rests."""
    worker = worker or Worker()
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not worker.work_once():
            time.sleep(0.03)
        run.refresh_from_db()
        if run.state not in (Run.State.QUEUED, Run.State.RUNNING):
            return run
    raise AssertionError(f"still {run.state} after {seconds} s: {cells(run)} {log(run)[-12:]}")


def host_states(run: Run) -> dict[str, str]:
    return dict(RunHost.objects.filter(run=run).order_by("ordinal").values_list("name", "state"))


def cells(run: Run) -> dict[tuple[str, str, str], str]:
    """State by host, phase and step; the newest batch of a host that has two."""
    rows = Cell.objects.filter(step__run=run).order_by("step__ordinal").select_related("step", "host")
    return {(cell.host.name, str(cell.step.phase), cell.step.key): str(cell.state) for cell in rows}


def steps(run: Run) -> list[tuple[int | None, str, str, str]]:
    rows = RunStep.objects.filter(run=run).order_by("ordinal")
    return [(one.batch, str(one.phase), one.key, str(one.state)) for one in rows]


def log(run: Run) -> list[str]:
    return list(run.events.order_by("seq").values_list("text", flat=True))


def facts(run: Run) -> dict[str, bool]:
    return {fact.key: fact.holds for fact in Fact.objects.filter(item=run.item, subject=run.subject).order_by("id")}


def acted(host: RealHost) -> int:
    """How often the counting script took effect on the host, by the host's own word."""
    return host.run("sh", "-c", f"cat {COUNTER} 2>/dev/null || true").count("acted")
