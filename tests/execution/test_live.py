"""Output as it happens: each line once, in order, while its step still works, whoever dies meanwhile."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from tests.execution.conftest import Target, carry_out, states
from tests.execution.on_target import kill_step
from tests.execution.test_crash import ONCE, die_at
from weilu.execution.ansible import helper
from weilu.execution.models import Run
from weilu.execution.target import live
from weilu.execution.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.django_db(transaction=True)]

BEGUN, RESTORED = ("plain", "开始：演练"), ("line", "副本已还原，试用端口 N")
DONE = [
    ("line", "已装入 1.1.0-X"), ("line", "schema 2"), ("line", "迁移完成"), ("line", "演练 通过：健康检查报告 1.1.0"),
    ("line", "演练 通过：原有预约仍在"), ("line", "演练 通过：按事项汇总可用"),
    ("plain", "在副本上演练通过，验收 3 项"),
]  # fmt: skip


def held_rehearsal(target: Target) -> Path:
    """The copy of a rehearsal starts only once this file is there: until then the step goes on."""
    gate = target.root.parent / "gate"
    ctl = target.root / "bin" / "ctl"
    wait = f'    while ROOT.parent.name == "scratch" and not Path("{gate}").exists():\n        time.sleep(0.02)\n'
    ctl.write_text(ctl.read_text().replace("def start() -> int:\n", "def start() -> int:\n" + wait))
    return gate


def told(run: Run) -> list[tuple[str, str]]:
    """The log of the rehearsal, with what differs from run to run left out."""
    lines = []
    for kind, text in run.events.filter(step="rehearse").order_by("seq").values_list("kind", "text"):
        text = "副本已还原，试用端口 N" if text.startswith("副本已还原") else text
        lines.append((kind, "已装入 1.1.0-X" if text.startswith("已装入") else text))
    return lines


def work_until(worker: Worker, there: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not there():
        assert time.monotonic() < limit
        if not worker.work_once():
            time.sleep(0.05)


def numbers(run: Run) -> list[int]:
    return list(run.events.order_by("seq").values_list("seq", flat=True))


def test_a_line_stands_on_the_page_while_its_step_still_works(target: Target) -> None:
    gate, run, worker, client = held_rehearsal(target), target.order(), Worker(), Client()
    client.force_login(target.cast.chen)
    page = f"/runs/{run.uid}/live?after=0"

    work_until(worker, lambda: "副本已还原，试用端口" in client.get(page).content.decode())
    work_until(worker, lambda: "迁移完成" in client.get(page).content.decode())
    assert (states(run)["rehearse"], target.effects(run)["rehearse"]) == ("started", ["began"])
    assert told(run) == [BEGUN, RESTORED, *DONE[:3]]

    gate.touch()
    carry_out(run, worker, until="rehearse")
    assert (states(run)["rehearse"], target.effects(run)["rehearse"]) == ("done", ONCE)
    assert told(run) == [BEGUN, RESTORED, *DONE]
    run.refresh_from_db()
    assert numbers(run) == list(range(1, run.lines + 1))


@pytest.mark.crash
def test_a_worker_killed_amid_output_leaves_every_line_to_be_told_once(target: Target) -> None:
    gate, run = held_rehearsal(target), target.order()
    die_at(run, "after-first-lines", "rehearse")
    assert told(run)[:2] == [BEGUN, RESTORED]

    gate.touch()
    carry_out(run, until="rehearse")
    assert told(run) == [BEGUN, RESTORED, *DONE]
    assert (target.effects(run)["rehearse"], run.steps.get(key="rehearse").attempt) == (ONCE, 1)
    run.refresh_from_db()
    assert numbers(run) == list(range(1, run.lines + 1))


@pytest.mark.crash
def test_a_step_that_dies_alone_on_the_target_is_looked_at_before_it_is_done_again(target: Target) -> None:
    gate, run, worker = held_rehearsal(target), target.order(), Worker()
    work_until(worker, lambda: ("line", "迁移完成") in told(run))
    assert kill_step(str(target.root), "rehearse") == 1

    gate.touch()
    carry_out(run, worker, until="rehearse")
    assert target.effects(run)["rehearse"] == ["began", "began", "done"]
    assert told(run) == [
        BEGUN, RESTORED, *DONE[:3], ("plain", "执行中断，没有结果；先查看目标机，再决定是否重做"),
        ("plain", "目标机显示这一步没有做过，现在重做"), RESTORED, *DONE,
    ]  # fmt: skip


def test_a_step_goes_on_without_whoever_began_it_and_is_read_from_any_byte(tmp_path: Path) -> None:
    program, out = tmp_path / "helper.pyz", tmp_path / "output"
    program.write_bytes(helper())
    order = "e30="  # an empty order: the step ends at once, with an error
    done = subprocess.run(
        [sys.executable, str(program), "begin", str(out), "do", "backup", order],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first = json.loads(done.stdout)
    assert (first["text"], first["at"], first["works"]) == ("", 0, False)
    assert first["errors"].endswith("KeyError: 'run'\n")


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    out = tmp_path / "output"
    live.errors_of(out).write_text("")
    with out.open("ab") as lines:
        live.fcntl.flock(lines, live.fcntl.LOCK_EX)
        lines.write("一\n二".encode())
        lines.flush()
        assert live.read(out, 0, 0) == {"text": "一\n", "at": 4, "works": True, "errors": ""}
        assert live.read(out, 4, 0) == {"text": "", "at": 4, "works": True, "errors": ""}
    assert live.read(out, 4, 0) == {"text": "二", "at": 7, "works": False, "errors": ""}
