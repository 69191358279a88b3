"""Changing the vault's keys: everything opens as before, with the new key alone; what is killed is gone on with."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.conf import settings

from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from tests.vault.conftest import make_key, make_place, staged
from weilu.cli.check import vault as checked
from weilu.jobs.models import Process
from weilu.kernel.times import now
from weilu.vault import keys, rotation
from weilu.vault.actions import add_credential, grant_access, retire_credential
from weilu.vault.models import Access, Credential, VaultKey
from weilu.vault.sealing import public_of, unseal


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, settings) -> None:
    """A key file of the test's own."""
    settings.CONFIG = replace(settings.CONFIG, vault_key=tmp_path / "vault.key")


def contents() -> dict[str, bytes]:
    """What each credential holds, opened with the key it is sealed to."""
    rows = Credential.objects.active().select_related("sealed_to")
    return {one.name: unseal(bytes(one.sealed), keys.private(one.sealed_to), one.uid, one.kind) for one in rows}


def in_file() -> list[str]:
    return [public_of(key) for key in keys.read_file()]


def with_credentials(cast: Cast) -> dict[str, bytes]:
    make_key(cast, "一")
    add_credential(cast.zheng, cast.jz, name="二", kind="become_password", secret="密 码")
    add_credential(cast.he, cast.hn, name="海宁的", kind="ssh_key", make=True)
    retire_credential(cast.zheng, make_key(cast, "停用的"))
    return contents()


def test_every_credential_opens_as_before_with_the_new_key_alone(vault: Cast):
    before, old = with_credentials(vault), keys.ensure()
    assert rotation.rotate() == rotation.Rotated("done", 2, 3)
    new = VaultKey.objects.get(retired_at=None)
    assert (contents(), in_file(), new.number) == (before, [new.public], 2)
    assert Credential.objects.active().exclude(sealed_to=new).count() == 0
    assert staged("vault.keys_rotated") == [{"number": 2, "public": new.public, "before": old.public, "credentials": 3}]
    assert (keys.key_file().stat().st_mode & 0o777, checked(settings.CONFIG).state) == (0o600, "well")
    assert rotation.rotate().number == 3
    assert contents() == before


def test_a_credential_that_does_not_open_stops_it_by_name_and_nothing_has_changed(vault: Cast):
    with_credentials(vault)
    Credential.objects.filter(name="一").update(sealed=b"x" * 60)
    told = refusal_of(rotation.rotate)
    assert told == Refusal("凭据「一」的封存内容不是它自己的，或被改动过，没有轮换")
    retire_credential(vault.zheng, Credential.objects.get(name="一"))
    assert rotation.rotate() == rotation.Rotated("done", 2, 2)


def test_where_workers_live_on_other_machines_it_is_prepared_first(vault: Cast):
    before, old = with_credentials(vault), keys.ensure()
    here = socket.gethostname()[:40]
    for holder in (f"{here}:1:aa", "worker-2:7:bb", "worker-2:8:cc"):
        Process.objects.create(holder=holder)
    Process.objects.create(holder="worker-3:9:dd", ended_at=now())
    rows = every_row()
    assert rotation.rotate() == rotation.Rotated("prepared", 2, machines=("worker-2",))
    prepared = in_file()
    assert (prepared[0], len(prepared), every_row() == rows, contents()) == (old.public, 2, True, before)
    assert rotation.rotate() == rotation.Rotated("prepared", 2, machines=("worker-2",))
    assert in_file() == prepared  # again does not make yet another
    assert rotation.rotate(copied=True) == rotation.Rotated("done", 2, 3)
    assert (in_file(), contents()) == (prepared[1:], before)


def test_a_worker_that_starts_elsewhere_drops_what_nothing_is_sealed_to(vault: Cast):
    with_credentials(vault)
    old = keys.read_file()
    rotation.rotate()
    keys.write_file([*old, *keys.read_file()])  # as the file was copied there
    assert (rotation.tidy(), in_file()) == (True, [VaultKey.objects.get(retired_at=None).public])
    assert rotation.tidy() is False
    keys.write_file(old)  # a machine that was forgotten keeps what it has, and says what it lacks
    assert (rotation.tidy(), len(in_file())) == (False, 1)
    assert checked(settings.CONFIG).state == "watch"


def test_a_lost_key_ends_every_credential_and_a_new_one_is_begun_with(vault: Cast):
    with_credentials(vault)
    grant_access(vault.zheng, Credential.objects.get(name="一"), group=make_place(vault))
    there = Refusal("这台机器的保险库密钥没有丢，不必重新开始")
    assert refusal_of(rotation.begin_anew) == there
    keys.key_file().unlink()
    assert checked(settings.CONFIG).state == "watch"
    assert rotation.begin_anew() == ["一", "二", "海宁的"]
    assert (Credential.objects.active().count(), Access.objects.count(), contents()) == (0, 0, {})
    assert [bytes(sealed) for sealed in Credential.objects.values_list("sealed", flat=True)] == [b""] * 4
    assert [said["lost"] for said in staged("vault.keys_lost")] == [3]
    make_key(vault, "一")
    assert list(contents()) == ["一"]


def test_check_names_what_is_wrong_with_the_remedy(vault: Cast):
    config = settings.CONFIG
    place = config.vault_key
    VaultKey.objects.all().delete()
    found = [checked(config)]
    place.unlink()
    keys.ensure()
    make_key(vault)
    found.append(checked(config))
    place.chmod(0o604)
    found.append(checked(config))
    place.chmod(0o600)
    present = VaultKey.objects.get()
    VaultKey.objects.create(number=2, public=public_of(X25519PrivateKey.generate()))
    VaultKey.objects.filter(number=1).update(retired_at=now())
    found.append(checked(config))
    VaultKey.objects.filter(number=2).update(public="x", retired_at=now())
    VaultKey.objects.filter(number=1).update(public="y")
    VaultKey.objects.create(number=3, public=present.public)
    found.append(checked(config))
    assert [(one.state, one.seen.replace(str(place), "FILE").split("（")[0]) for one in found] == [
        ("watch", "还没有密钥"),
        ("well", "编号 1，FILE，只有本用户可读"),
        ("problem", "别人能读保险库密钥 FILE"),
        ("watch", "这台机器的 FILE 里没有编号 2 的保险库密钥"),
        ("problem", "1 个凭据封存给旧密钥"),
    ]
    assert all(one.remedy for one in found if one.state != "well")


DYING = """
import os, signal, sys, django; django.setup()
from weilu.vault import keys, rotation
place, at = sys.argv[1:3]
def die(*_said, **_more): os.kill(os.getpid(), signal.SIGKILL)
if at == "before-file": keys.write_file = die
if at == "after-file":
    rotation._change_over = die
if at == "inside":
    rotation.stage = die
if at == "after-change":
    change = rotation._change_over
    def changed(public):
        change(public); die()
    rotation._change_over = changed
rotation.rotate()
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", ["before-file", "after-file", "inside", "after-change"])
def test_killed_at_any_moment_it_is_gone_on_with(vault: Cast, at: str):
    before = with_credentials(vault)
    place = str(keys.key_file())
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "weilu.settings", "WEILU_VAULT_KEY": place}
    done = subprocess.run([sys.executable, "-c", DYING, place, at], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert contents() == before  # nothing is lost in between
    said = rotation.rotate()
    assert said == (rotation.Rotated("finished", 2) if at == "after-change" else rotation.Rotated("done", 2, 3))
    assert (contents(), in_file()) == (before, [VaultKey.objects.get(retired_at=None).public])
    assert len(staged("vault.keys_rotated")) == 1


def weilu(home: Path, *args: str, **over: str) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEILU_", "DJANGO_", "PORT"))}
    env = kept | {"WEILU_DATA_DIR": str(home)} | over
    command = [sys.executable, "-m", "weilu.cli.main", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.once
def test_the_command_makes_shows_and_changes_the_key(tmp_path: Path):
    home = tmp_path / "data"
    assert weilu(home, "init").returncode == 0
    place = home / "keys" / "vault.key"
    first = place.read_text()
    shown = weilu(home, "vault", "init")
    assert (shown.returncode, shown.stdout.startswith("保险库密钥　编号 1，"), place.read_text()) == (0, True, first)
    changed = weilu(home, "vault", "rotate")
    assert (changed.returncode, changed.stdout.splitlines()[0]) == (
        0, "已换成编号 2 的密钥，重新封存了 0 个凭据；旧私钥已删去。",
    )  # fmt: skip
    assert first not in place.read_text()
    place.unlink()
    lost = weilu(home, "vault", "init")
    assert (lost.returncode, lost.stderr) == (
        2, f"这台机器没有保险库密钥 {place}。从有它的工作机或备份取来，不要新建\n",
    )  # fmt: skip
    anew = weilu(home, "vault", "init", "--lost", WEILU_LANGUAGE="en")
    assert (anew.returncode, anew.stderr) == (0, "")
    assert anew.stdout == f"A new pair of keys was made: {place}\n"
