"""What somebody wrote into a change and must go: nowhere in the rooms' tables, nor in the files they lie in."""

import dataclasses
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as present
from django.db import connection, transaction

from tests.cast import Cast, make_change
from tests.changes.steps import bring, item_of, signed_in
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.changes.actions import request_change
from weilu.changes.models import Change, NeedVersion
from weilu.evidence.actions import tick
from weilu.evidence.bodies import Shredding
from weilu.evidence.destroying import StillRead, wipe
from weilu.evidence.models import Entry
from weilu.evidence.shredding import ask_shredding, decide_shredding
from weilu.evidence.soundness import check_log
from weilu.kernel.models import Answered
from weilu.notify.models import Notice
from weilu.process.actions import sign_step
from weilu.process.models import Opinion, WorkItem
from weilu.process.search import find
from weilu.systems.models import Installation

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "张三身份证号330102198001017777，系统里查不到"
WHY = {"reason": "写进了无关人员的个人信息", "ground": "个人信息保护法第四十七条"}


@pytest.fixture(autouse=True)
def own_place(settings, tmp_path: Path) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")


def opinionated(cast: Cast, installation: Installation) -> Change:
    """A change in which 李 wrote what does not belong there."""
    change = bring(cast, make_change(cast, installation), "need")
    for person, words in ((cast.wang, ""), (cast.li, SAID)):
        item = item_of(change)
        sign_step(person, item, turn=item.turn, subject=item.subject, words=words)
    return change


def saying(change: Change) -> Entry:
    """The record in which it stands."""
    tick()
    own = Entry.objects.filter(item=str(change.item.uid)).order_by("index")
    return next(one for one in own if "张三" in str(one.said["data"]))


def destroy(cast: Cast, entry: Entry) -> Shredding:
    asked = ask_shredding(cast.wu, index=entry.index, sha256=entry.digest, **WHY)
    return decide_shredding(cast.qian, asked, approve=True)


def holding(words: str) -> list[str]:
    """The tables with these words in any row, as text or in bytes."""
    shapes = (words, words.encode().__repr__()[2:-1])
    tables = {table: rows for table, rows in every_row().items() if "." in table}
    return [table for table, rows in tables.items() if any(shape in str(rows) for shape in shapes)]


def test_while_the_item_is_open_nothing_of_it_is_destroyed(cast: Cast, installation: Installation):
    entry = saying(opinionated(cast, installation))
    asked = ask_shredding(cast.wu, index=entry.index, sha256=entry.digest, **WHY)

    told = refusal_of(lambda: decide_shredding(cast.qian, asked, approve=True))

    assert told == Refusal("工单还没有办完，办理要看这些内容。办完后再批准销毁")


def test_an_opinion_that_must_go_stands_in_no_table_any_more(cast: Cast, installation: Installation):
    change = bring(cast, opinionated(cast, installation), "")
    with transaction.atomic():
        Notice.objects.create(
            owner=cast.jz, person=cast.wang, title="意见", body=f"李国华：{SAID}", item=str(change.item.uid)
        )
        Answered.objects.create(
            who=cast.li.uid, key="k", asked="x", status=200, answer=f'{{"words":"{SAID}"}}'.encode()
        )
    entry = saying(change)
    assert set(holding("330102198001017777")) == {
        "evidence.Entry", "process.Opinion", "notify.Notice", "kernel.Answered"
    }  # fmt: skip

    done = destroy(cast, entry)

    assert holding("330102198001017777") == []
    assert Opinion.objects.get(evidence=entry.ref).words == f"〔已销毁 {done.id}〕"
    tick()
    check_log()
    page = signed_in(cast.wang).get(f"/changes/{change.item.uid}/").content.decode()
    assert (f"〔已销毁 {done.id}〕" in page, "张三" in page) == (True, False)
    page = signed_in(cast.wu).get(f"/evidence/{entry.index}/").content.decode()
    assert ("依法销毁" in page, "核验通过" in page) == (True, True)


def test_a_need_goes_with_the_title_and_what_it_is_found_by_but_the_signed_sheet_stays(
    cast: Cast, installation: Installation
):
    title = "给张三330102198001017777补登"
    change = request_change(cast.wang, installation, title=title, need=f"{title}。\n{SAID}")
    change = bring(cast, change, "")
    entry = saying(change)
    assert find(cast.wang, "张三").ids == [change.item_id]
    form = signed_in(cast.wu).get(f"/evidence/{entry.index}/shred").content.decode()
    assert "够不到的：已签的报告单" in form

    done = destroy(cast, entry)

    assert holding("330102198001017777") == []
    assert NeedVersion.objects.filter(text__contains="张三").count() == 0
    assert WorkItem.objects.get(id=change.item_id).title == f"〔已销毁 {done.id}〕"
    assert find(cast.wang, "张三").ids == []
    assert find(cast.wang, "网上预约").ids == [change.item_id]
    assert signed_in(cast.wang).get(f"/changes/{change.item.uid}/").status_code == 200


@pytest.mark.once
def test_by_night_the_database_s_files_lose_it_too(cast: Cast, installation: Installation):
    change = bring(cast, opinionated(cast, installation), "")
    entry = saying(change)
    assert found_in_files() > 0

    destroy(cast, entry)
    assert wipe() == 1

    assert found_in_files() == 0
    assert Shredding.objects.get().wiped_at is not None
    assert wipe() == 0


@pytest.mark.once
def test_while_somebody_reads_what_stood_before_it_is_not_called_wiped(cast: Cast, installation: Installation):
    change = bring(cast, opinionated(cast, installation), "")
    entry = saying(change)
    with closing(sqlite3.connect(str(connection.settings_dict["NAME"]))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM process_opinion").fetchone()
        destroy(cast, entry)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 200")
        with pytest.raises(StillRead):
            wipe()
        assert Shredding.objects.get().wiped_at is None

    assert wipe() == 1
    assert found_in_files() == 0


def test_wiping_leaves_every_row_as_it_was(cast: Cast, installation: Installation):
    destroy(cast, saying(bring(cast, opinionated(cast, installation), "")))
    before = every_row("Shredding")

    assert wipe() == 1

    assert every_row("Shredding") == before


def found_in_files() -> int:
    """How often it stands in any file of the database or of Weilu's data."""
    connection.close()
    database = Path(str(connection.settings_dict["NAME"]))
    places = [database.with_name(database.name + rest) for rest in ("", "-wal", "-shm")]
    for folder, _names, files in os.walk(present.CONFIG.data_dir):
        places += [Path(folder) / name for name in files]
    return sum(place.read_bytes().count(b"330102198001017777") for place in places if place.exists())
