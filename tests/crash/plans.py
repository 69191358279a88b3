"""The plans that are crashed: every kind of step, those that fail and go back, ask on purpose, wait for people.

Every effect counts itself on the host under the run's own mark: a script or bundle by a line, the package by the
version that its set-up wrote down. What undoes a script counts as well.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fleet.conftest import Fleet
from tests.support.archives import zipped
from weilu.evidence import files

COUNTS = "/var/lib/counts"
COUNTING = f'sleep 0.1; echo "$1 $2" >> {COUNTS} || exit 9; echo counted; sleep 0.1\n'
DYING = COUNTING + "kill -9 $PPID\n"  # whoever started it tells no result: nobody can know
UNDOING = f'grep -qx "$1 $2" {COUNTS} || exit 0; echo "undone $1 $2" >> {COUNTS} || exit 9; sleep 0.1\n'
SHOWING = f'grep -qx "undone $1 $2" {COUNTS} && exit 1; grep -qx "$1 $2" {COUNTS} && exit 0; exit 1\n'
PLAY = """- hosts: all
  gather_facts: false
  tasks:
    - name: 计数
      ansible.builtin.shell: {command}
"""
WRONG_PAGE = {"port": 8080, "path": "/", "expect": "这里没有的字"}
Step = dict[str, Any]


@dataclass
class Drawn:
    """One plan as it is carried out once: its orders, and what they do to a host that takes them whole."""

    name: str
    ends: str  # how the run ends where nothing but workers and Ansible dies
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    purpose: str = "carry_out"
    orders: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)  # what scripts and bundles count, each once
    version: str = ""  # of the package, where it changes
    asks: bool = False  # whether somebody is asked although nobody dies


class Drawing:
    """What the plans are put together from."""

    def __init__(self, fleet: Fleet, drawn: Drawn, version: str) -> None:
        self.fleet, self.drawn, self.other = fleet, drawn, version
        self.artefacts: list[Step] = []

    def kept(self, text: str, name: str) -> str:
        found = self.fleet.keep(text, name)
        if found not in self.artefacts:
            self.artefacts.append(found)
        return str(found["sha256"])

    def file(self) -> Step:
        text = f"level={self.drawn.mark}\n"
        return {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": self.kept(text, "jz.conf")}, "back": "auto"}

    def package(self, version: str = "") -> Step:
        self.drawn.version = version or self.other
        return {"kind": "package", "with": {"name": "jzhello", "version": self.drawn.version}, "back": "auto"}

    def script(self, word: str, *, shows: bool = True, text: str = COUNTING) -> Step:
        """A script with its way back; `shows`: a second script tells whether it took effect, else a person does."""
        self.drawn.words.append(word)
        told: Step = {"sha256": self.kept(text, "计数.sh"), "arguments": [word, self.drawn.mark]}
        back = {"sha256": self.kept(UNDOING, "退回.sh"), "arguments": [word, self.drawn.mark]}
        if shows:
            told["probe"] = {"sha256": self.kept(SHOWING, "检查.sh"), "arguments": [word, self.drawn.mark]}
        return {"kind": "script", "with": told, "back": back, "crash": "probe" if shows else "ask"}

    def bundle(self, word: str = "bundled") -> Step:
        self.drawn.words.append(word)
        play = PLAY.format(command=f"echo {word} {self.drawn.mark} >> {COUNTS}")
        kept = files.keep(zipped(**{"site.yml": play}), "升级.zip")
        self.artefacts.append({"name": kept.name, "sha256": kept.sha256, "size": kept.size})
        back = {"sha256": self.kept(UNDOING, "退回.sh"), "arguments": [word, self.drawn.mark]}
        return {
            "kind": "bundle", "with": {"sha256": kept.sha256, "playbook": "site.yml"}, "crash": "ask", "back": back,
        }  # fmt: skip

    def put(self, *steps: Step, canary: int = 0) -> None:
        self.drawn.orders = self.fleet.orders(*steps, artefacts=self.artefacts)
        self.drawn.orders["batches"] |= {"canary": canary}


SERVICE = {"kind": "service", "with": {"name": "jzhello", "state": "restarted"}, "crash": "idempotent"}
PAGE = {"kind": "http", "with": {"port": 8080, "path": "/"}, "crash": "idempotent"}
NO_PAGE = {"kind": "http", "with": WRONG_PAGE, "crash": "idempotent", "seconds": 1}
BY_HAND = {"kind": "manual", "with": {"words": "看一眼机柜"}}
SIGNED = {"kind": "signature", "with": {"words": "确认可以继续", "role": "security_office"}}


def _kinds(on: Drawing) -> None:
    """Every kind that the program on the host knows, the canary first."""
    on.put(on.package(), on.file(), on.script("shown"), on.script("unshown", shows=False), SERVICE, PAGE, canary=1)


def _faulty(on: Drawing) -> None:
    """A release that installs and then answers wrongly: every host goes back by itself, and the run stops."""
    on.put(on.script("shown"), on.file(), on.package("1.2.0"), NO_PAGE)
    on.drawn.ends = "went_back"


def _broken(on: Drawing) -> None:
    """A package whose set-up fails: every host goes back from its middle."""
    on.put(on.script("unshown", shows=False), on.package("1.3.0"))
    on.drawn.ends = "went_back"


def _asking(on: Drawing) -> None:
    """A script that takes its caller along: nobody can tell, a person is asked, whoever dies."""
    on.put(on.script("unshown", shows=False, text=DYING), on.script("shown"))
    on.drawn.asks = True


def _people(on: Drawing) -> None:
    """Steps by people between steps by the worker."""
    on.put(on.script("first"), BY_HAND, on.script("second", shows=False), SIGNED)
    on.drawn.asks = True


def _bundle(on: Drawing) -> None:
    on.put(on.file(), on.bundle(), PAGE)


def _back(on: Drawing) -> None:
    """A person brings everything back in the middle of a run that went well."""
    on.put(on.file(), on.package(), on.script("shown"), on.script("unshown", shows=False), BY_HAND)
    on.drawn.asks, on.drawn.ends = True, "went_back"


def _bundle_back(on: Drawing) -> None:
    on.put(on.bundle(), NO_PAGE)
    on.drawn.ends = "went_back"


def _rehearsal(on: Drawing) -> None:
    """What would change is told, and nothing does."""
    on.put(on.package(), on.file(), on.script("shown"), SERVICE, PAGE)
    on.drawn.purpose, on.drawn.words, on.drawn.version = "rehearse", [], ""


PLANS: dict[str, Callable[[Drawing], None]] = {
    "kinds": _kinds, "faulty": _faulty, "broken": _broken, "asking": _asking, "people": _people, "bundle": _bundle,
    "back": _back, "bundle_back": _bundle_back, "rehearsal": _rehearsal,
}  # fmt: skip


def draw(fleet: Fleet, name: str, version: str) -> Drawn:
    """The plan of this name, new; `version`: what the package is not at now."""
    drawing = Drawing(fleet, Drawn(name, "succeeded"), version)
    PLANS[name](drawing)
    return drawing.drawn
