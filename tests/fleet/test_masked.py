"""What hosts say goes on record without the secrets of this process, whatever way it takes."""

from collections.abc import Iterator

import pytest

from tests.cast import Cast
from tests.execution.fleet_rows import make_fleet, make_steps, settle
from tests.support.unchanged import every_row
from weilu.execution.fleet import engine
from weilu.execution.masking import known_secrets
from weilu.execution.models import Cell, Run

PLANTED = "planted-0123456789"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WEILU_PLANTED_SECRET", PLANTED)
    known_secrets.cache_clear()
    yield
    known_secrets.cache_clear()


@pytest.mark.django_db
def test_why_a_rehearsal_did_not_pass_is_told_without_secrets(cast: Cast, planted: None) -> None:
    run = make_fleet(cast, (1,), make_steps(["装补丁"]), purpose=Run.Purpose.REHEARSE, state=Run.State.RUNNING)
    settle(run, 1, "s1", "failed")
    Cell.objects.filter(step__run=run).update(words=f"口令 {PLANTED} 不对")

    engine.advance(run)

    run.refresh_from_db()
    assert (run.state, run.cause) == (Run.State.FAILED, "wb-app-01：口令 ●●●● 不对")
    assert [table for table, rows in every_row("Cell").items() if PLANTED in str(rows)] == []
