"""A whole run on ten real SSH hosts beside the same sequence of `ansible-playbook` calls, by turns; as root only.

Four steps for all hosts at once: a package upgrade, a file, a script, a check over HTTP. The reference calls
`ansible-playbook` once a step with the modules an administrator would use, over connections kept open between them.
Before each turn the hosts are as they were before the first. The time of the run is from its order to its end, with
every check, journal, evidence and key of it. The first line is timed as a person sees it: a worker looks for work as
it always does, the page of the run asks as often as its own words say, and the time is from the order to the answer
that holds a line; then to the first that holds a line of a host. The latter stands beside plain Ansible's own first
line of a host, in its first call.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from html import escape
from pathlib import Path
from typing import Any

HOSTS, TURNS, GOAL, GOAL_FIRST = 10, 5, 1.15, 1.0
EVERY = re.compile(r'hx-trigger="every (\d+)(ms|s)"')
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
    call_command("collectstatic", "--noinput", verbosity=0)
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
    ours, reference, first, of_host, beside_host = [], [], [], [], []
    for _turn in range(TURNS):
        line, line_of_host, took = _run(fleet)
        ours.append(took)
        first.append(line)
        of_host.append(line_of_host)
        for host in fleet.real:
            _as_before(host)
        took, line_of_host = _reference(site, folder)
        reference.append(took)
        beside_host.append(line_of_host)
        for host in fleet.real:
            _as_before(host)
    return [
        _row(f"whole run on {HOSTS} hosts, 4 steps (s)", min(ours), min(reference), GOAL),
        _row("from the order to the first line on the page, the slowest (s)", max(first), None, GOAL_FIRST),
        _row("from the order to the first line of a host on the page (s)", min(of_host), min(beside_host), None),
    ]


def _row(name: str, value: float, reference: float | None, goal: float | None) -> dict[str, Any]:
    ratio = value / reference if reference else None
    return {
        "name": name, "value": value, "reference": reference, "ratio": ratio, "goal": goal,
        "reached": (ratio if ratio is not None else value) <= goal if goal else None,
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


def _run(fleet: Any) -> tuple[float, float, float]:
    """Seconds from the order to the first line on the page, to the first of a host there, and to the end."""
    from django.test import Client

    from tests.fleet.conftest import COUNT
    from weilu.execution.worker import work_forever

    script, setting = fleet.keep(COUNT), fleet.keep("level=2", "jz.conf")
    told = fleet.orders(
        {"kind": "package", "with": {"name": "jzhello", "version": "1.1.0"}, "back": "auto"},
        {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": setting["sha256"], "mode": "0640"}, "back": "auto"},
        {"kind": "script", "with": {"sha256": script["sha256"]}},
        {"kind": "http", "with": {"port": 8080, "path": "/"}},
        artefacts=[script, setting],
    )
    told["batches"] |= {"canary": 0, "at_once": HOSTS}
    client = Client(SERVER_NAME="localhost")
    client.force_login(fleet.cast.chen)
    client.get(f"/runs/{_earlier(fleet).uid}/")  # a web process that has shown such a page before
    over = threading.Event()
    worker = threading.Thread(target=work_forever, args=(over,))
    worker.start()
    try:
        time.sleep(random.uniform(0.5, 1.0))
        began = time.monotonic()
        run = fleet.order(told)
        first, of_host = _watched(client, run, began)
        while run.state in ("queued", "running"):
            time.sleep(0.05)
            run.refresh_from_db()
        took = time.monotonic() - began
    finally:
        over.set()
        worker.join()
    if run.state != "succeeded":
        raise RuntimeError(f"{run.number} {run.state}: {run.cause}")
    return first, of_host, took


def _earlier(fleet: Any) -> Any:
    from tests.execution.fleet_rows import make_fleet, make_steps
    from weilu.execution.models import Run

    return Run.objects.last() or make_fleet(fleet.cast, (HOSTS,), make_steps(("第 1 步",)), state="succeeded")


def _watched(client: Any, run: Any, began: float) -> tuple[float, float]:
    """What the page of the run gets to see, asking as often as it does in a browser: first line, first of a host."""
    first, wait = 0.0, 1.0
    page = client.get(f"/runs/{run.uid}/?host=0").content.decode()
    if _shows(page, run.events):
        first = time.monotonic() - began
    while True:
        if told := EVERY.search(page):  # an answer without news leaves the page as it is
            wait = int(told[1]) * (0.001 if told[2] == "ms" else 1)
        time.sleep(wait)
        asked = "&host=0" if not first else ""  # the run's own log until it has a line, then the host that speaks
        page = client.get(f"/runs/{run.uid}/grid?after=0{asked}").content.decode()
        at = time.monotonic() - began
        if not first and _shows(page, run.events):
            first = at
        if _shows(page, run.events.filter(host__isnull=False)):
            return first, at


def _shows(page: str, events: Any) -> bool:
    line = events.order_by("seq").first()
    return line is not None and escape(line.text) in page


def _reference(site: Any, folder: Path) -> tuple[float, float]:
    """Seconds of the whole sequence, and until its first call said a word of a host."""
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
    first = 0.0
    for number in range(len(PLAYS)):
        command = [str(program), "-i", str(place / "hosts.json"), str(place / f"{number}.yml")]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
            said = []
            for line in process.stdout or ():
                said.append(line)
                if not first and line.startswith(("changed:", "ok:", "fatal:")):
                    first = time.monotonic() - began
        if process.returncode:
            raise RuntimeError("".join(said)[-2000:])
    return time.monotonic() - began, first
