"""Crashes on purpose: hosts on which plans are carried out again and again while something dies under them.

The short form runs with the other tests. WEILU_CRASHES=200 asks for so many random moments instead of a few, and for
so many boundaries of each plan, which is all of them: `make crash`. It tells on the terminal where it is.
"""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.crash.plans import COUNTS, Drawn, draw
from tests.fleet.conftest import Fleet, fleet  # noqa: F401  (a fixture)
from tests.hosts.packages import Repository, configured, installed
from tests.hosts.site import RealHost
from weilu.execution.models import Run

MANY = int(os.environ.get("WEILU_CRASHES", "0"))
GOOD = ("1.0.0", "1.1.0")
Tell = Callable[[str], None]


@dataclass
class Trial:
    """One plan being carried out once, and what the hosts had counted before."""

    run: Run
    drawn: Drawn
    version: str  # of the package before
    configured: list[int]  # how often it had been set up, by host
    harmed: set[str] = field(default_factory=set)  # hosts that did not only lose their worker


@dataclass
class Field:
    """Hosts, and the plans that are carried out on them."""

    fleet: Fleet
    random: random.Random

    def order(self, name: str) -> Trial:
        """A new run of that plan; whatever waits for a worker waits for the next one."""
        version = self._even()
        drawn = draw(self.fleet, name, GOOD[version == GOOD[0]])
        count = [len(configured(host)) for host in self.fleet.real]
        return Trial(self.fleet.order(drawn.orders, drawn.purpose), drawn, version, count)

    def _even(self) -> str:
        """The package is whole, at one version everywhere, and answers: what an earlier crash left is mended first."""
        for host in self.fleet.real:
            host.run("service", "jzhello", "start", check=False)
        found = [installed(host) for host in self.fleet.real]
        if len(set(found)) == 1 and found[0] in GOOD:
            return found[0]
        for host in self.fleet.real:
            mend(host)
            host.run("apt-get", "-y", "-qq", "--allow-downgrades", "install", "jzhello=1.0.0")
        return "1.0.0"

    def effects(self, trial: Trial, ordinal: int) -> dict[str, tuple[int, int]]:
        """How often each word took effect in this run and was undone, by that host's own word."""
        said = self.fleet.real[ordinal - 1].run("sh", "-c", f"cat {COUNTS} 2>/dev/null || true").splitlines()
        mark = trial.drawn.mark
        return {word: (said.count(f"{word} {mark}"), said.count(f"undone {word} {mark}")) for word in trial.drawn.words}

    def set_up(self, trial: Trial, ordinal: int) -> list[str]:
        """The versions that were set up on that host since the run was ordered."""
        return configured(self.fleet.real[ordinal - 1])[trial.configured[ordinal - 1] :]


def mend(host: RealHost) -> None:
    """What a person does with a package that was left in its middle."""
    host.run("dpkg", "--configure", "-a", check=False)


def stand_up(fleet: Callable[..., Fleet], repository: Repository, count: int = 2) -> Field:  # noqa: F811
    found = fleet(count)
    for one in found.real:
        repository.give(one)
        one.run("apt-get", "-y", "-qq", "install", "jzhello=1.0.0")
    return Field(found, random.Random(20261129))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Says in the long form where it is, past everything that pytest catches."""
    catching = request.config.pluginmanager.getplugin("capturemanager")

    def said(words: str) -> None:
        if MANY:
            with catching.global_and_fixture_disabled():
                print(f"\n{time.strftime('%H:%M:%S')} {words}", end="", flush=True)

    return said
