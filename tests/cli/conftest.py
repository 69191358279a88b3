"""An installation with a story in it, upgraded once; each test works on its own copy."""

from pathlib import Path

import pytest

from tests.support.installation import Installation, released


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    site = released("0.1.0", tmp_path_factory.mktemp("played"))
    site.done("upgrade")
    return site


@pytest.fixture
def site(played: Installation, tmp_path: Path) -> Installation:
    return played.copy(tmp_path / "site")
