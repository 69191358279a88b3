"""What goes wrong before and during a run: a clear sentence, and nothing changed that should not be."""

import base64
import json
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from demo.channel import sign_sums, sums_of
from tests.execution.conftest import Target, carry_out, facts, states
from weilu.execution import actions
from weilu.execution.ansible import helper
from weilu.execution.channel import read_release
from weilu.execution.models import Run
from weilu.execution.steps import FORWARD
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.process.models import WorkItem

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


def untouched(target: Target, run: Run) -> bool:
    """The old version runs, takes writes, and nothing from `stop` on was begun."""
    begun = set(target.effects(run)) & set(FORWARD[FORWARD.index("stop") : -1])
    return target.get("/healthz")["version"] == "1.0.0" and target.book() == 201 and not begun - {"stop"}


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def wrong_hash(target: Target) -> str:
    spoil(next(target.channel.folder.glob("jzdesk-1.1.0-*.whl")))
    return "与渠道公布的 SHA-256 不一致"


def wrong_signature(target: Target) -> str:
    sign_sums(target.channel.folder, target.root.parent / "strangers.gpg")
    return "签名核对不通过"


def altered_list(target: Target) -> str:
    spoil(next(target.channel.folder.glob("jzdesk-1.1.0-*.whl")))
    (target.channel.folder / "SHA256SUMS").write_text(sums_of(target.channel.folder))
    return "签名核对不通过"


def channel_gone(target: Target) -> str:
    shutil.rmtree(target.channel.folder)
    return "升级包渠道不可用"


def another_wheel(target: Target) -> str:
    """Properly signed by the registered key's successor, yet not what was approved."""
    spoil(next(target.channel.folder.glob("jzdesk-1.1.0-*.whl")))
    sign_sums(target.channel.folder, target.channel.keyring)
    return "与批准的不是同一个"


@pytest.mark.parametrize("harm", [wrong_hash, wrong_signature, altered_list, channel_gone, another_wheel])
def test_a_source_that_cannot_be_trusted_stops_the_run(target: Target, harm: object) -> None:
    run = target.order()
    sentence = harm(target)  # type: ignore[operator]

    carry_out(run)

    assert run.state == Run.State.FAILED
    assert sentence in run.cause
    assert facts(run) == {"integrity.verified": False, "run.concluded": False}
    assert untouched(target, run)
    assert target.effects(run) == {}
    if harm is not another_wheel:
        with pytest.raises(Refused, match=sentence):
            read_release(target.channel.folder, target.channel.keyring, "1.1.0")


def test_a_plan_changed_after_approval_is_not_carried_out(target: Target) -> None:
    run = target.order()
    WorkItem.objects.filter(id=run.item_id).update(subject="6" * 64)

    carry_out(run)

    assert (run.state, run.cause) == (Run.State.FAILED, "方案在批准之后已改动，这次执行按旧方案，不再进行")
    assert target.effects(run) == {}


def test_a_closed_window_is_refused_at_the_order(target: Target) -> None:
    with pytest.raises(Refused, match="窗口已关闭"):
        target.order(window_from=iso(now() - timedelta(hours=2)), window_to=iso(now() - timedelta(hours=1)))
    assert Run.objects.count() == 0


def test_one_live_run_per_installation(target: Target) -> None:
    first = target.order()
    with pytest.raises(Refused, match=f"正由 {first.number} 占用"):
        target.order()


@pytest.mark.parametrize(
    ("orders", "sentence"),
    [
        ({"version": "1.1; rm"}, "版本"),
        ({"sha256": "A" * 64}, "摘要"),
        ({"wheel": "../x.whl"}, "升级包"),
        ({"criteria": []}, "验收标准"),
    ],
)
def test_orders_that_could_harm_are_refused(target: Target, orders: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        _order(target, orders)
    assert Run.objects.count() == 0


def _order(target: Target, over: dict[str, object]) -> None:
    from django.db import transaction

    from tests.execution.conftest import SUBJECT

    with transaction.atomic():
        actions.order_run(target.cast.chen, target.item, target.installation, target.orders() | over, SUBJECT)


@pytest.mark.slow
def test_a_window_that_closes_meanwhile_ends_the_run(target: Target) -> None:
    run = target.order()
    carry_out(run, until="check_source")
    Run.objects.filter(id=run.id).update(window_to=now() - timedelta(seconds=1), lease_until=None)

    carry_out(run)

    assert run.state == Run.State.FAILED
    assert "窗口已关闭" in run.cause
    assert facts(run)["window.open"] is False
    assert untouched(target, run)


@pytest.mark.slow
def test_a_damaged_backup_closes_its_gate(target: Target) -> None:
    run = target.order()
    carry_out(run, until="backup")
    spoil(target.root / "backups" / run.number / "first" / "data.sqlite3")
    Run.objects.filter(id=run.id).update(lease_until=None)

    carry_out(run)

    assert run.state == Run.State.FAILED
    assert run.cause.startswith("备份文件 data.sqlite3 已损坏")
    assert facts(run)["backup.restored"] is False
    assert untouched(target, run)


@pytest.mark.slow
def test_a_damaged_final_backup_opens_writes_again_and_stops(target: Target) -> None:
    run = target.order()
    carry_out(run, until="hold_writes")
    assert target.book() == 503
    spoil(target.root / "backups" / run.number / "final" / "code.tar")
    Run.objects.filter(id=run.id).update(lease_until=None)

    carry_out(run)

    assert run.state == Run.State.FAILED
    assert run.cause.startswith("备份文件 code.tar 已损坏")
    assert states(run)["open_writes"] == "done"
    assert untouched(target, run)


@pytest.mark.slow
def test_a_cancelled_run_changes_nothing(target: Target) -> None:
    run = target.order()
    carry_out(run, until="backup")
    actions.cancel_run(target.cast.chen, run)
    Run.objects.filter(id=run.id).update(lease_until=None)

    carry_out(run)

    assert (run.state, run.cause) == (Run.State.FAILED, "陈航 取消了这次执行")
    assert untouched(target, run)


@pytest.mark.slow
def test_a_port_in_use_is_said_and_waits_for_a_person(target: Target) -> None:
    run = target.order()
    carry_out(run, until="stop")
    port = int(target.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        Run.objects.filter(id=run.id).update(lease_until=None)
        carry_out(run)
    assert run.state == Run.State.ASKS
    assert f"端口 {port} 已被别的程序占用" in run.cause
    assert states(run)["start_old"] == "asks"

    actions.answer_step(target.cast.chen, run, answer="retry")
    carry_out(run)
    assert run.state == Run.State.WENT_BACK
    assert target.get("/healthz")["version"] == "1.0.0"
    assert target.book() == 201


@pytest.fixture
def small_disk(target: Target) -> Iterator[Path]:
    """A file system of 32 KB where the backups go."""
    place = target.root / "backups"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root; run the tests as root to include it")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_during_backup_leaves_nothing_half_written(target: Target, small_disk: Path) -> None:
    run = carry_out(target.order())

    assert run.state == Run.State.FAILED
    assert run.cause.startswith("备份时磁盘空间不够")
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    assert untouched(target, run)


def test_a_file_limit_during_backup_leaves_nothing_half_written(target: Target, tmp_path: Path) -> None:
    program = tmp_path / "helper.pyz"
    program.write_bytes(helper())
    order = {
        "run": "R-1", "fence": 1, "root": str(target.root), "name": "jzdesk", "version": "1.1.0", "sha256": "a" * 64,
        "wheel": "x.whl", "channel": "/", "criteria": [], "schema": -1,
    }  # fmt: skip
    text = base64.b64encode(json.dumps(order).encode()).decode()
    done = subprocess.run(
        [sys.executable, str(program), "do", "backup", text], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000)),
    )  # fmt: skip
    assert done.returncode == 1
    assert "备份时磁盘空间不够" in done.stdout
    assert [path for path in (target.root / "backups").rglob("*") if path.is_file()] == []
