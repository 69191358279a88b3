"""Whole runs on a real target: real application, real Ansible, real gpgv."""

import pytest

from tests.execution.conftest import Target, carry_out, facts, states
from weilu.execution.models import Run
from weilu.execution.steps import FORWARD, WAY_BACK
from weilu.execution.target.backup import code_manifest, dump_digest

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]


def test_a_good_release_is_installed_and_proved(target: Target) -> None:
    before = target.rows()
    run = carry_out(target.order("1.1.0"))

    assert (run.state, run.cause) == (Run.State.SUCCEEDED, "")
    assert states(run) == dict.fromkeys(FORWARD, "done")
    assert target.get("/healthz") == {"status": "ok", "version": "1.1.0", "schema": 2}
    assert target.rows() == [(*row, "网上") for row in before]
    assert target.book() == 201
    assert facts(run) == {
        "integrity.verified": True, "backup.restored": True, "rehearsal.matched": True,
        "window.open": True, "acceptance.passed": True, "run.concluded": True,
    }  # fmt: skip
    assert set(map(tuple, target.effects(run).values())) == {("began", "done")}
    target.installation.refresh_from_db()
    assert target.installation.version == "1.1.0"


def test_a_faulty_release_undoes_itself_and_proves_it(target: Target) -> None:
    carry_out(target.order("1.1.0"))
    code, data = code_manifest(target.root), dump_digest(target.root / "shared" / "desk.sqlite3")
    run = carry_out(target.order("1.2.0"))

    assert run.state == Run.State.WENT_BACK
    assert run.cause.startswith("验收没有通过：凭证链接能打开")
    assert [row["met"] for row in run.steps.get(key="accept").result["criteria"]] == [True, True, False]
    expected = dict.fromkeys(FORWARD, "done") | {"accept": "failed"} | dict.fromkeys(WAY_BACK, "done")
    assert states(run) == expected
    assert code_manifest(target.root) == code
    assert dump_digest(target.root / "shared" / "desk.sqlite3") == data
    assert target.get("/healthz") == {"status": "ok", "version": "1.1.0", "schema": 2}
    assert target.book() == 201
    assert facts(run) == {
        "integrity.verified": True, "backup.restored": True, "rehearsal.matched": True,
        "window.open": True, "acceptance.passed": False, "run.concluded": True,
    }  # fmt: skip
