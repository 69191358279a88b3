"""A whole run on ten real SSH hosts beside the same sequence of `ansible-playbook` calls, by turns; as root only.

Four steps for all hosts at once: a package upgrade, a file, a script, a check over HTTP. The reference calls
`ansible-playbook` once a step with the modules an administrator would use, over connections kept open between them.
Before each turn the hosts are as they were before the first. The time of the run is from its order to its end, with
every check, journal, evidence and key of it. The second figure is from the order to the first line of a host's output.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HOSTS, TURNS, GOAL, GOAL_FIRST = 10, 3, 1.15, 1.0
PLAYS = (
    "apt: {name: jzhello=1.1.0, update_cache: true, allow_downgrade: true}",
    "copy: {content: 'level=2', dest: /etc/jz.conf, mode: '0640'}",
    "script: count.sh",
    "uri: {url: 'http://127.0.0.1:8080/', return_content: true}",
)


def rows() -> list[dict[str, Any]]:
    """SQLite; nothing where hosts cannot stand up."""
    import django

    django.setup()
    from django.core.management import call_command

    from tests.hosts.site import CannotHost, Site, check_possible

    try:
        check_possible()
    except CannotHost as why:
        print(f"runs on hosts are left out: {why}", file=sys.stderr)
        return []
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="weilu-bench-") as folder:
        site = Site(Path(folder))
        try:
            return _measured(site, Path(folder))
        finally:
            site.close()


def _measured(site: Any, folder: Path) -> list[dict[str, Any]]:
    from tests.hosts.packages import build_repository

    fleet, repository = _fleet(site), build_repository(folder / "repository")
    for host in fleet.real:
        repository.give(host)
        _as_before(host)
    ours, reference, first = [], [], []
    for _turn in range(TURNS):
        took, line = _run(fleet)
        ours.append(took)
        first.append(line)
        for host in fleet.real:
            _as_before(host)
        reference.append(_reference(site, folder))
        for host in fleet.real:
            _as_before(host)
    took, beside = min(ours), min(reference)
    return [
        _row(f"whole run on {HOSTS} hosts, 4 steps (s)", took, beside, GOAL),
        _row("from the order to the first line of a host (s)", min(first), None, GOAL_FIRST),
    ]


def _row(name: str, value: float, reference: float | None, goal: float) -> dict[str, Any]:
    ratio = value / reference if reference else None
    return {
        "name": name, "value": value, "reference": reference, "ratio": ratio, "goal": goal,
        "reached": (ratio if ratio is not None else value) <= goal,
    }  # fmt: skip


def _as_before(host: Any) -> None:
    host.run("apt-get", "-qq", "update")
    host.run("apt-get", "-y", "-qq", "--allow-downgrades", "install", "jzhello=1.0.0")
    host.run("rm", "-f", "/etc/jz.conf")


def _fleet(site: Any) -> Any:
    from tests.cast import make_cast, make_change, make_installation
    from tests.fleet.conftest import APPROVED, Fleet, approved
    from weilu.demo import make_environment, make_group
    from weilu.execution.checks import ORDERS, REGISTER
    from weilu.kernel.times import now
    from weilu.planning.models import Window
    from weilu.process.models import WorkItem
    from weilu.vault import keys

    cast = make_cast()
    keys.ensure()
    installation = make_installation(cast, Path("/nowhere"), Path("/nowhere"))
    item = make_change(cast, installation).item
    WorkItem.objects.filter(id=item.id).update(kind="trial")
    item.refresh_from_db()
    REGISTER["trial"], ORDERS["trial"] = approved, lambda item, subject: APPROVED.get(item.id)
    Window.objects.create(
        owner=cast.jz, system=installation.system, name="随时", rule="FREQ=DAILY", starts=now(), minutes=24 * 60
    )
    fleet = Fleet(cast, item, make_group(make_environment(installation.system, kind="production")))
    fleet.register(site.add(HOSTS))
    return fleet


def _run(fleet: Any) -> tuple[float, float]:
    """Seconds from the order to the end, and to the first line that a host said."""
    from tests.fleet.conftest import COUNT
    from weilu.execution.worker import FOLLOW_SECONDS, Worker

    script, setting = fleet.keep(COUNT), fleet.keep("level=2", "jz.conf")
    told = fleet.orders(
        {"kind": "package", "with": {"name": "jzhello", "version": "1.1.0"}, "back": "auto"},
        {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": setting["sha256"], "mode": "0640"}, "back": "auto"},
        {"kind": "script", "with": {"sha256": script["sha256"]}},
        {"kind": "http", "with": {"port": 8080, "path": "/"}},
        artefacts=[script, setting],
    )
    told["batches"] |= {"canary": 0, "at_once": HOSTS}
    worker, first, began = Worker(), 0.0, time.monotonic()
    run = fleet.order(told)
    while run.state in ("queued", "running"):
        if not worker.work_once():
            time.sleep(FOLLOW_SECONDS)
        if not first and run.events.filter(host__isnull=False).exists():
            first = time.monotonic() - began
        run.refresh_from_db()
    if run.state != "succeeded":
        raise RuntimeError(f"{run.number} {run.state}: {run.cause}")
    return time.monotonic() - began, first


def _reference(site: Any, folder: Path) -> float:
    place = folder / "reference"
    place.mkdir(exist_ok=True)
    known = "".join(f"{host.address} {host.key_type} {host.key}\n" for host in site.hosts)
    (place / "known_hosts").write_text(known)
    (place / "count.sh").write_text("echo acted >> /var/lib/counted\n")
    hosts = {host.name: {"ansible_host": host.address, "ansible_user": host.user} for host in site.hosts}
    (place / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    for number, play in enumerate(PLAYS):
        (place / f"{number}.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {play}\n")
    options = (
        f"-i {site.key_file} -o UserKnownHostsFile={place}/known_hosts -o ControlMaster=auto -o ControlPersist=45s"
    )
    env = os.environ | {
        "ANSIBLE_SSH_ARGS": options, "ANSIBLE_FORKS": str(HOSTS), "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_HOST_KEY_CHECKING": "1",
    }  # fmt: skip
    program, began = Path(sys.executable).with_name("ansible-playbook"), time.monotonic()
    for number in range(len(PLAYS)):
        command = [str(program), "-i", str(place / "hosts.json"), str(place / f"{number}.yml")]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:])
    return time.monotonic() - began
