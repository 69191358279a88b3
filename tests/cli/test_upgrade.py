"""`weilu upgrade`: runs come to rest, everybody stops, and the data are of the new version or exactly as they were."""

import os
import signal
import subprocess
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from tests.cast import Cast, make_change, make_installation
from tests.cli.test_commands import health, port, until
from tests.support.installation import Installation, released
from weilu.cli import closing
from weilu.evidence.actions import stage
from weilu.evidence.models import Staged
from weilu.execution import lease
from weilu.execution.models import Run
from weilu.jobs.models import Job
from weilu.jobs.worker import claim
from weilu.kernel import upkeep
from weilu.kernel.times import now

__all__ = ["port"]
LATER = {"DJANGO_SETTINGS_MODULE": "tests.cli.later.settings"}
slow = pytest.mark.slow
NAMES = "SELECT name FROM accounts_organisation ORDER BY id"
MOST_RUN = "(SELECT max(id) FROM execution_run)"


def at_rest(site: Installation) -> list[tuple[object, ...]]:
    """What the database says of its own state, once nobody holds it."""
    return site.sql("SELECT state FROM kernel_upkeep")


@slow
@pytest.mark.parametrize(
    "deed, why",
    [
        ("fail", "迁移没有做完（ValueError：nothing fits）。"),
        ("forge", "迁移后的存证日志不完整（entry 0 is not what its digests say）。"),
        ("cut", "迁移后的存证日志不完整（tile 0/0 is missing）。"),
    ],
)
def test_an_upgrade_that_fails_puts_everything_back(site: Installation, tmp_path: Path, deed: str, why: str):
    before = site.content(tmp_path)

    done = site.run("upgrade", WEILU_TEST_LATER=deed, **LATER)

    assert (done.returncode, done.stderr) == (
        2, f"{why}升级前的备份已放回，数据和升级前一样。用旧版本的程序启动，并报告这个问题。\n"
    )  # fmt: skip
    assert site.content(tmp_path) == before
    assert not (site.home / "upgrade.json").exists()
    assert site.done("verify").startswith("存证日志核验通过：")
    site.done("evidence", "export", "JZ-BG-2026-0001", "--out", tmp_path / "export")  # nothing is closed


@slow
@pytest.mark.crash
def test_an_upgrade_that_is_killed_anywhere_goes_on_when_called_again(site: Installation, tmp_path: Path):
    before, ends = site.content(tmp_path), []
    for at in range(5):
        running = site.start("upgrade", WEILU_TEST_LATER="slow", **LATER)
        with suppress(subprocess.TimeoutExpired):
            running.wait(1.5 + at * 1.2)
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        ends.append(running.returncode)

    last = site.run("upgrade", **LATER)

    assert -signal.SIGKILL in ends
    assert (last.returncode, last.stderr) == (0, "")
    assert set(site.sql(NAMES)) == {("changed",)}
    assert at_rest(site) == [("open",)]
    site.sql("DELETE FROM django_migrations WHERE app = 'later'")
    after = site.content(tmp_path)
    assert (after["log"], after["serials"].keys()) == (before["log"], before["serials"].keys())


@slow
def test_an_upgrade_waits_for_a_run_and_never_cuts_one_off(tmp_path: Path):
    site = released("0.1.0", tmp_path)
    site.sql(f"UPDATE execution_run SET state = 'running' WHERE id = {MOST_RUN}")
    waited = site.run("upgrade", "--wait", "2")
    site.sql(f"UPDATE execution_run SET state = 'asks' WHERE id = {MOST_RUN}")
    asked = site.run("upgrade", "--wait", "60")
    number = site.sql(f"SELECT number FROM execution_run WHERE id = {MOST_RUN}")[0][0]

    assert (waited.returncode, waited.stdout) == (2, f"等待　　{number} 正在执行，最多等 2 秒\n")
    assert waited.stderr == (
        f"{number} 正在执行，没有开始，什么都没有改变。让工作进程（weilu worker）把它做完，再来一次。\n"
    )
    assert asked.stderr == f"{number} 待判断，没有开始，什么都没有改变。先由维护工程师在执行页面判断，再来一次。\n"
    assert site.run("serve").stderr == "数据库属于旧版本。先运行 weilu upgrade。\n"
    assert site.run("init").stderr == "数据库属于旧版本。先运行 weilu upgrade。\n"


@slow
def test_web_and_worker_stop_by_themselves_for_an_upgrade(site: Installation, port: int):
    server = site.start("serve", PORT=str(port))
    try:
        until(lambda: health(port) == 200)
        done = site.run("upgrade", **LATER)
        said, _none = server.communicate(timeout=40)
    finally:
        server.kill()
        server.wait()

    assert (done.returncode, done.stderr) == (0, "")
    assert "维录正在升级，网页和工作进程停下" in said
    assert (server.returncode, health(port)) == (0, 0)
    # the older program, which does not know the new tables, may not write any more
    refused = site.run("serve", PORT=str(port))
    assert (refused.returncode, refused.stderr) == (
        2, "数据库属于更新的版本，这个程序不能在上面写。换上新的程序，再启动。\n"
    )  # fmt: skip


@slow
def test_a_killed_command_leaves_a_place_that_is_opened_again(site: Installation, tmp_path: Path):
    site.python("from weilu.kernel import upkeep; upkeep.put('closed', '正在升级')")
    closed = site.run("worker")

    said = site.done("upgrade")

    assert (closed.returncode, closed.stderr) == (
        2, "维录正在升级，现在不能启动。做完之后再启动；中断了就再运行一次 weilu upgrade。\n"
    )  # fmt: skip
    assert said == "上次的升级或迁走中断了，没有改动什么；现在可以启动\n"
    assert at_rest(site) == [("open",)]


@pytest.fixture
def queued(cast: Cast) -> Run:
    change = make_change(cast, make_installation(cast))
    return Run.objects.create(
        owner=cast.jz, item=change.item, installation=change.installation, number="JZ-R-2026-0001", plan={},
        subject="0" * 64, window_from=now(), window_to=now() + timedelta(hours=1), version_from="1.0.0",
        ordered_by=cast.chen,
    )  # fmt: skip


def test_while_draining_a_worker_begins_nothing_and_ends_what_was_begun(queued: Run):
    Job.objects.all().delete()
    job = Job.objects.create(kind="notify.mail")
    upkeep.put(upkeep.State.DRAINING, "正在升级")
    none = (lease.claim("w1"), claim("w1"))
    Run.objects.filter(id=queued.id).update(state=Run.State.RUNNING)
    taken_over = lease.claim("w1")
    upkeep.Upkeep.objects.update(since=now() - timedelta(minutes=1))  # whoever drained was killed
    taken = claim("w2")

    assert none == (None, None)
    assert taken_over == (queued.id, 1)
    assert taken is not None
    assert taken.job.id == job.id


def test_nothing_can_be_done_while_the_log_is_sealed(cast: Cast):
    before = Staged.objects.count()
    closing.seal()
    with pytest.raises(DatabaseError, match="weilu sealed"), transaction.atomic():
        stage("accounts.signed_in", {}, actor="x", org="JZ")
    closing.open_again()
    stage("accounts.signed_in", {}, actor="x", org="JZ")

    assert Staged.objects.count() == before + 1


def test_a_page_says_that_the_database_does_not_answer_while_it_is_sealed(cast: Cast, client):
    client.force_login(cast.zheng)
    closing.seal()

    typed = {"name": "新人", "username": "xinren", "password": "weilu-demo-2026"}
    answer = client.post("/people/add", typed | {"organisation": str(cast.jz.uid)})

    assert answer.status_code == 503
