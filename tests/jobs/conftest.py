"""Kinds for trial, for this test only."""

from collections.abc import Iterator

import pytest

from tests.jobs.trial import register_all
from weilu.jobs.kinds import KINDS


@pytest.fixture
def kinds() -> Iterator[None]:
    kept = dict(KINDS)
    register_all()
    yield
    KINDS.clear()
    KINDS.update(kept)
