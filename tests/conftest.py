"""What every test can ask for, and the account of what was skipped."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from zlib import crc32

import hypothesis
import pytest
from django.utils import translation

if TYPE_CHECKING:
    from tests.cast import Cast
    from tests.hosts.packages import Repository
    from tests.hosts.site import RealHost

# A machine that is busy elsewhere is no fault of what is tried; how many examples, and how fit, stays as it is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_report_header() -> str:
    return f"database: {os.environ.get('WEILU_TEST_DATABASE', 'sqlite')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each turn leaves out what the other one shows; the long form of the crash tests leaves out nothing.

    Where both turns run side by side (`make test`), tests of these rooms are dealt between them: each room meets both
    databases, no test both. What tries two at once, or commits, is never dealt.
    """
    if os.environ.get("WEILU_CRASHES"):
        return
    if os.environ.get("WEILU_TEST_DATABASE") == "postgresql":
        left = [item for item in items if _marked(item, "browser", "once") or _dealt(item, 0)]
    else:
        left = [item for item in items if _marked(item, "served") or _dealt(item, 1)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


DEALT = {
    "accounts", "api", "changes", "documents", "evidence", "execution", "jobs", "notify", "planning", "process",
    "records", "systems", "ui", "vault",
}  # fmt: skip
WHOLE = {"test_carrying_out.py", "test_upgrade.py"}  # slow, and most of what they show hangs on no database


def _dealt(item: pytest.Item, side: int) -> bool:
    """Whether the test is the other turn's."""
    if not os.environ.get("WEILU_TEST_DEALT") or (item.path.parent.name not in DEALT and item.path.name not in WHOLE):
        return False
    database = item.get_closest_marker("django_db")
    if database is not None and database.kwargs.get("transaction") and item.path.name not in WHOLE:
        return False
    return not _marked(item, "browser", "once", "served") and crc32(item.nodeid.encode()) % 2 == side


def _marked(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per reason: how many tests did not run, why, and what would help."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(r.longrepr[2] if isinstance(r.longrepr, tuple) else r.longrepr) for r in skipped)
    terminalreporter.section("skipped")
    terminalreporter.write_line(f"{len(skipped)} skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"  {count} × {reason.removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """What one test reads in English must not make the next one's sentences English."""
    yield
    translation.deactivate()


@pytest.fixture
def cast(db: None) -> "Cast":
    """The fixed people and organisations, made by the demo's own builders."""
    from tests.cast import cast_again

    return cast_again()


@pytest.fixture
def chromium_page() -> Iterator[object]:
    """A fresh browser page at desktop width."""
    from playwright.sync_api import sync_playwright

    from tests.support.browser import FLAGS, chromium

    program = chromium()
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=str(program), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="zh-CN")
        yield page
        browser.close()


@pytest.fixture
def real_hosts(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Callable[..., list[RealHost]]]":
    """`real_hosts(n)` stands up n more hosts, gone at the end; skips with the reason where that cannot be."""
    from tests.hosts.site import CannotHost, Site

    sites: list[Site] = []

    def stand_up(count: int, **over: str) -> "list[RealHost]":
        try:
            if not sites:
                sites.append(Site(tmp_path_factory.mktemp("site")))
            return sites[0].add(count, **over)
        except CannotHost as why:
            pytest.skip(f"没有测试用的主机：{why}")

    yield stand_up
    for site in sites:
        site.close()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> "Repository":
    """A signed APT repository with the package jzhello in four versions."""
    from tests.hosts.packages import build_repository

    missing = [name for name in ("apt-get", "dpkg-deb", "apt-ftparchive", "gpg") if not shutil.which(name)]
    if missing:
        pytest.skip(f"没有 {'、'.join(missing)}；apt-get install -y apt-utils gnupg（以 root）")
    return build_repository(tmp_path_factory.mktemp("packages") / "repository")
