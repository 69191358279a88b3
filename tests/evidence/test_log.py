"""Staging, sequencing and signing."""

import dataclasses
import signal
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from tests.evidence.helpers import other_process, stage_some
from weilu.evidence import tree
from weilu.evidence.actions import LogDamaged, sequence, sign_checkpoint, stage, tick
from weilu.evidence.checkpoint import open_note, parse_vkey
from weilu.evidence.keys import key_file, public_vkey
from weilu.evidence.models import Checkpoint, Entry, Staged, Tile
from weilu.evidence.queries import entries_of, indexes, prove, recomputed_root, tree_size
from weilu.kernel.canonical import canonical, sha256_hex, sm3_hex

TWO = """
from weilu.evidence.actions import sequence
from weilu.evidence.models import Staged
while Staged.objects.exists(): sequence(7)
"""
SLOW = """
import time
from weilu.evidence import actions
from django.db import transaction
with transaction.atomic():
    actions.sequence(20)
    print("placed", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")


def placed() -> list[int]:
    return list(Entry.objects.order_by("index").values_list("index", flat=True))


@pytest.mark.django_db
def test_a_record_is_canonical_and_the_leaf_holds_only_its_digests():
    with transaction.atomic():
        ref = stage("test.done", {"n": 1, "名": "值"}, actor="王敏", org="JZ", item="i")
    assert sequence() == 1
    entry = Entry.objects.get(ref=ref)
    record = bytes(entry.record)
    assert record == canonical(entry.said)
    assert set(entry.said) == {"v", "kind", "at", "actor", "org", "item", "data", "files", "nonce"}
    assert entry.leaf.hex() == sha256_hex(record) + sm3_hex(record)
    assert indexes([ref]) == {ref: 1}
    assert list(entries_of("i")) == [entry]


@pytest.mark.django_db(transaction=True)
def test_staging_outside_an_action_is_a_mistake():
    with pytest.raises(RuntimeError) as told:
        stage("test.done", {}, actor="王敏", org="JZ")
    assert str(told.value) == "evidence is staged only inside an action"


@pytest.mark.django_db(transaction=True)
def test_an_action_rolled_back_leaves_no_evidence():
    with pytest.raises(KeyError), transaction.atomic():  # noqa: PT012  (staged first, then failed)
        stage("test.done", {}, actor="王敏", org="JZ", urgent=True)
        raise KeyError("the action failed")
    assert (tick(), Staged.objects.count(), Entry.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_entry_0_names_the_log_and_its_key():
    stage_some(1)
    sequence()
    assert Entry.objects.get(index=0).said["data"] == {
        "origin": django_settings.CONFIG.log_origin,
        "vkey": public_vkey(),
    }


@pytest.mark.django_db
def test_tiles_and_entries_agree_over_many_batches():
    for count in (1, 254, 1, 300, 3):
        stage_some(count)
        assert sequence() == count
    size = tree_size()
    checkpoint = sign_checkpoint()
    assert size == 560
    assert recomputed_root(size) == bytes(checkpoint.root)
    entry = Entry.objects.get(index=400)
    assert tree.root_from_inclusion(entry.leaf_hash, 400, size, prove(400, size).path) == bytes(checkpoint.root)


@pytest.mark.django_db
def test_a_checkpoint_is_a_signed_note():
    stage_some(3)
    sequence()
    first = sign_checkpoint()
    head = open_note(first.note, parse_vkey(public_vkey()))
    assert (head.origin, head.size, head.root) == (django_settings.CONFIG.log_origin, 4, bytes(first.root))
    assert sign_checkpoint() == first
    assert key_file().stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_tick_signs_at_once_what_is_urgent_and_the_rest_in_time(settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, checkpoint_seconds=600)
    sizes = lambda: list(Checkpoint.objects.order_by("size").values_list("size", flat=True))  # noqa: E731
    stage_some(1)
    tick()
    stage_some(1)
    tick()
    assert sizes() == [2]
    stage_some(1, urgent=True)
    tick()
    assert sizes() == [2, 4]
    stage_some(1)
    last = Checkpoint.objects.get(size=4)
    Checkpoint.objects.filter(size=4).update(at=last.at - timedelta(seconds=600))
    tick()
    tick()
    assert sizes() == [2, 4, 5]


@pytest.mark.django_db
def test_nothing_is_signed_over_a_changed_past():
    stage_some(5)
    tick()
    tile = Tile.objects.get(level=0, index=0)
    Tile.objects.filter(id=tile.id).update(hashes=b"\x00" * 32 + bytes(tile.hashes)[32:])
    stage_some(1)
    sequence()
    with pytest.raises(LogDamaged) as told:
        sign_checkpoint()
    assert str(told.value) == "the stored tree does not lead to the root of checkpoint 6"


@pytest.mark.django_db
def test_nothing_is_signed_with_another_key():
    stage_some(1)
    tick()
    key_file().unlink()
    stage_some(1)
    sequence()
    with pytest.raises(LogDamaged) as told:
        sign_checkpoint()
    assert str(told.value) == "checkpoint 2: not signed by this key"


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_two_sequencers_place_each_entry_once():
    stage_some(300)
    running = [other_process(TWO) for _ in range(2)]
    assert [one.wait(60) for one in running] == [0, 0]
    assert Staged.objects.count() == 0
    assert placed() == list(range(301))
    assert recomputed_root(301) == bytes(sign_checkpoint().root)


@pytest.mark.django_db(transaction=True)
@pytest.mark.crash
def test_a_sequencer_killed_before_its_commit_loses_and_doubles_nothing():
    stage_some(20)
    running = other_process(SLOW)
    assert running.stdout.readline() == "placed\n"
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    running.stdout.close()
    assert (Entry.objects.count(), Staged.objects.count()) == (0, 20)
    assert sequence() == 20
    assert placed() == list(range(21))
