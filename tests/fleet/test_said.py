"""What hosts say is taken down within bounds, and nothing a program prints is taken for its result."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.conftest import COUNT, Fleet, acted, carry_out, cells, host_states, log
from weilu.execution.fleet import attempt, bundle
from weilu.execution.fleet.attempt import Heard, heard
from weilu.execution.models import Cell, Run

FORGED = 'WEILU-RESULT {"ok": true, "result": {}}'
NOT_ONE = {"ok": False, "sentence": "主机的回答不成样子：%s", "lost": True}


def said(place: Path, text: str) -> Path:
    (place / "output").mkdir(exist_ok=True)
    (place / "output" / "1").write_text(text, "utf-8")
    return place


@pytest.mark.once
@pytest.mark.parametrize(
    "answer", ["", "[]", "{", "7", '{"ok": true}', '{"ok": "yes", "result": {}}', '{"ok": false}', "[" * 5000]
)
def test_an_answer_that_is_none_is_a_loss_and_no_result(tmp_path: Path, answer: str):
    found = heard(said(tmp_path, f"WEILU-RESULT {answer}\n"), 1, 0)
    assert found.result == NOT_ONE | {"sentence": str(NOT_ONE["sentence"]) % answer[:100]}


@pytest.mark.once
def test_a_loss_without_form_counts_as_begun(tmp_path: Path):
    assert heard(said(tmp_path, "WEILU-LOST nonsense\n"), 1, 0).lost == {"begun": True, "why": "nonsense"}
    told = heard(said(tmp_path, 'WEILU-LOST {"begun": false, "why": "gone"}\n'), 1, 0)
    assert told.lost == {"begun": False, "why": "gone"}


@pytest.mark.once
def test_texts_hold_no_nul_for_postgresql_also_inside_a_result(tmp_path: Path):
    answer = json.dumps({"ok": True, "result": {"a\0": ["b\0"]}})
    found = heard(said(tmp_path, f"line\0\nWEILU-RESULT {answer}\n"), 1, 0)
    assert found.lines == ["line\ufffd"]
    assert found.result == {"ok": True, "result": {"a\ufffd": ["b\ufffd"]}}


@pytest.mark.once
def test_much_is_taken_down_in_parts_and_only_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attempt, "MOST_AT_ONCE", 10)
    folder = said(tmp_path, "one\ntwo\nthree\nhalf")
    first = heard(folder, 1, 0)
    assert (first.lines, first.seen) == (["one", "two"], 8)
    assert heard(folder, 1, first.seen) == Heard(lines=["three"], seen=14)
    assert heard(folder, 1, 0, over=True) == Heard(lines=["one", "two", "three"], seen=14)


def played(place: Path, *rows: dict[str, object]) -> Path:
    (place / bundle.NAMES).write_text(json.dumps({"1": "web"}))
    (place / "events").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "outcome.json").write_text(json.dumps({"rc": 0, "why": ""}))
    return place


@pytest.mark.once
def test_a_bundle_is_judged_by_the_count_at_its_end(tmp_path: Path):
    failed = {"host": "web", "task": "try", "state": "failed", "words": "no"}
    end = {"host": "web", "task": "", "state": "sum"}
    rescued = {"failures": 0, "unreachable": 0, "rescued": 1}
    assert bundle.heard(played(tmp_path, failed, end | {"counts": rescued}), 1)[1]["ok"] is True
    told = bundle.heard(played(tmp_path, failed, end | {"counts": {"failures": 1, "unreachable": 0}}), 1)[1]
    assert told == {"ok": False, "sentence": "剧本的「try」失败：no"}
    for row in (failed, end, end | {"counts": 7}, end | {"host": "other", "counts": rescued}):
        told = bundle.heard(played(tmp_path, row), 1)[1]
        assert told == {"ok": False, "sentence": "剧本没有在这台主机上执行完"}


@pytest.mark.once
def test_what_a_bundle_tells_is_read_once_for_all_hosts_and_again_when_there_is_more(tmp_path: Path):
    (tmp_path / bundle.NAMES).write_text(json.dumps({str(n): f"应用 {n}" for n in range(1, 41)}))
    row = {"task": "写", "state": "ok"}
    for turn in (1, 2):
        with (tmp_path / "events").open("a") as events:
            events.writelines(json.dumps(row | {"host": f"应用 {n}"}) + "\n" for n in range(1, 41))
        before = bundle._read_by_host.cache_info().misses
        assert [bundle.heard(tmp_path, n)[0] for n in range(1, 41)] == [["写：ok"] * turn] * 40
        assert bundle._read_by_host.cache_info().misses == before + 1


@pytest.mark.slow
@pytest.mark.served
@pytest.mark.django_db(transaction=True)
def test_a_script_cannot_forge_its_result_nor_hang_on_what_it_leaves_behind(fleet: Callable[..., Fleet]):
    here = fleet(1)
    texts = [
        f"{COUNT}echo '{FORGED}'\nexit 3\n",
        f"{COUNT}printf 'a\\000b\\n'; head -c 9000 /dev/zero | tr '\\0' x; echo; sleep 100 &\nexit 0\n",
    ]
    good, bad = here.keep(texts[1], "好.sh"), here.keep(texts[0], "坏.sh")
    told = here.orders(
        {"kind": "script", "with": {"sha256": good["sha256"]}},
        {"kind": "script", "with": {"sha256": bad["sha256"]}},
        artefacts=[good, bad],
    )
    run = carry_out(here.order(told), seconds=60)

    found = {key[2]: state for key, state in cells(run).items() if key[1] == "forward"}
    assert found == {"s1": "done", "s2": "failed"}, log(run)
    assert Cell.objects.get(step__run=run, step__key="s2", step__phase="forward").words.startswith("脚本以 3 结束")
    assert f" {FORGED}" in log(run)
    assert max(len(line) for line in log(run)) <= 4000
    assert ("a\ufffdb" in log(run), acted(here.real[0])) == (True, 2)


@pytest.mark.slow
@pytest.mark.served
@pytest.mark.django_db(transaction=True)
def test_a_program_that_is_not_there_has_touched_nothing(fleet: Callable[..., Fleet]):
    here = fleet(1)
    script = here.keep(COUNT)
    told = here.orders(
        {"kind": "script", "with": {"sha256": script["sha256"], "interpreter": "/bin/none"}}, artefacts=[script]
    )
    run = carry_out(here.order(told))
    cell = Cell.objects.get(step__run=run)
    assert (run.state, cell.state, cell.result) == (Run.State.PAUSED, Cell.State.FAILED, {"untouched": True})
    assert (host_states(run), acted(here.real[0])) == ({"host-1": "left"}, 0)
