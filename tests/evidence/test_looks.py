"""OPS-5, CON-9: every look at something protected is on record, and the record cannot be altered unseen."""

import dataclasses
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from tests.evidence.helpers import trust_file
from tests.records.builders import make_item, make_sheet
from tests.support.unchanged import Refusal, every_row, refusal_of, ruling
from weilu.accounts.keeping import CHECK_LOOKS, RECORD_LOOKS
from weilu.accounts.models import Grant
from weilu.evidence import register
from weilu.evidence.actions import tick
from weilu.evidence.export import export_org, export_register
from weilu.evidence.looking import LONGEST, READING, WORKING, check_purpose, look, record_looks
from weilu.evidence.looks import Look, LookBatch
from weilu.evidence.models import Entry, Staged
from weilu.evidence.verifier import verify
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db
EARLIER = timedelta(minutes=30)
Transaction = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(tmp_path, settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    return tmp_path


def lines() -> list[tuple[str, str, str, str, str, int]]:
    rows = Look.objects.order_by("id").values_list("actor", "side", "kind", "words", "purpose", "times")
    return [(actor.split()[0], *rest) for actor, *rest in rows]


def looked(cast, count: int = 3, org: str = "JZ", by=None) -> None:
    """Closed looks of half an hour ago, each at another sheet."""
    for number in range(count):
        look(by or cast.wu, org=org, kind="sheet", what=f"{number}", words=f"{org}-BG-2026-{number:04}")
    Look.objects.filter(batch=None, kind="sheet").update(at=now() - EARLIER, last=now() - EARLIER)


def on_the_log(cast, count: int = 3) -> LookBatch:
    looked(cast, count)
    record_looks()
    tick()
    return LookBatch.objects.order_by("-id")[0]


# What is a look


def test_whoever_works_on_the_item_is_registered_without_being_asked(client, cast, place):
    sheet = make_sheet(cast)
    client.force_login(cast.wang)
    assert client.get(f"/sheets/{sheet.uid}.pdf").headers["Content-Type"] == "application/pdf"
    client.get(f"/sheets/{sheet.uid}/")
    assert lines() == [
        ("王敏", "JZ", "sheet_print", sheet.number, WORKING, 1), ("王敏", "JZ", "sheet", sheet.number, WORKING, 1),
    ]  # fmt: skip


def test_others_say_once_for_each_item_what_they_fetch_it_for(client, cast, place):
    sheet = make_sheet(cast)
    client.force_login(cast.zheng)
    before = every_row()
    asked = client.get(f"/sheets/{sheet.uid}.pdf")
    assert (asked.status_code, "先写用途" in asked.content.decode(), every_row()) == (200, True, before)
    entries = {"key": str(sheet.item.uid), "thing": "", "onward": f"/sheets/{sheet.uid}.pdf", "purpose": "核对编号"}
    assert client.post("/looks/purpose", entries).headers["Location"] == f"/sheets/{sheet.uid}.pdf"
    for _again in range(2):
        assert client.get(f"/sheets/{sheet.uid}.pdf").headers["Content-Type"] == "application/pdf"
    assert lines() == [("郑洁", "JZ", "sheet_print", sheet.number, "核对编号", 2)]


def test_a_purpose_that_says_nothing_is_asked_again_and_what_was_typed_stays(client, cast, place):
    client.force_login(cast.zheng)
    answer = client.post("/looks/purpose", {"key": "k", "thing": "报告单", "onward": "/sheets/", "purpose": " 看 "})
    page = answer.content.decode()
    assert (answer.status_code, "用途没有写明" in page, 'value="/sheets/"' in page) == (409, True, True)
    assert client.post("/looks/purpose", {"onward": "//evil.example/", "purpose": "核对"}).headers["Location"] == "/"


def test_the_rule_of_purposes():
    assert check_purpose("  核对\n编号 ") == "核对 编号"
    empty = Refusal("用途没有写明，写几个字：为什么要看", "OPS-5", "purpose")
    assert ruling(lambda: check_purpose(" ")) == empty
    assert ruling(lambda: check_purpose("\x07\x07\x07")) == empty
    assert ruling(lambda: check_purpose("看" * (LONGEST + 1))) == Refusal(
        f"用途最多 {LONGEST} 个字，现在 {LONGEST + 1} 个", "", "purpose"
    )


def test_plain_pages_are_registered_as_read(client, cast, place):
    sheet = make_sheet(cast)
    tick()
    client.force_login(cast.zheng)
    client.get(f"/sheets/{sheet.uid}/")
    client.get("/evidence/")
    client.get(f"/evidence/{Entry.objects.filter(org='JZ').latest('index').index}/")
    client.get("/looks/")
    assert [(kind, purpose) for _a, _s, kind, _w, purpose, _t in lines()] == [
        ("sheet", READING), ("log", READING), ("entry", READING), ("looks", READING)
    ]  # fmt: skip


def test_a_vendors_people_are_registered_at_every_page_of_the_customer(client, cast, place):
    item = make_item(cast)
    client.force_login(cast.chen)
    client.get("/systems/")
    client.get(f"/systems/{item.system.uid}/")
    assert [line[:4] for line in lines()] == [
        ("陈航", "HC", "systems", "JZ"), ("陈航", "HC", "system", "YYPT")
    ]  # fmt: skip
    client.force_login(cast.wang)
    client.get("/systems/")
    assert len(lines()) == 2  # the customer's own people read their own list


def test_who_may_not_see_it_leaves_no_line(client, cast, place):
    sheet = make_sheet(cast)
    client.force_login(cast.sun)
    assert {client.get(f"/sheets/{sheet.uid}{end}").status_code for end in ("/", ".pdf", "/filed.pdf")} == {404}
    assert lines() == []


def test_looks_within_ten_minutes_are_one_line_with_a_count(cast):
    for _again in range(3):
        look(cast.wu, org="JZ", kind="sheet", what="1", words="A")
    look(cast.wu, org="JZ", kind="sheet", what="1", words="A", counted=False)
    look(cast.wu, org="JZ", kind="sheet", what="2", words="B")
    look(cast.wu, org="JZ", kind="sheet", what="1", words="A", purpose="核对")
    look(cast.wang, org="JZ", kind="sheet", what="1", words="A")
    Look.objects.filter(what="1").update(at=now() - timedelta(minutes=10, seconds=1))
    look(cast.wu, org="JZ", kind="sheet", what="1", words="A", counted=False)
    assert [(actor, words, times) for actor, _s, _k, words, _p, times in lines()] == [
        ("吴静", "A", 3), ("吴静", "B", 1), ("吴静", "A", 1), ("王敏", "A", 1), ("吴静", "A", 1)
    ]  # fmt: skip


# On the log


def test_closed_lines_go_onto_the_log_by_customer_in_numbered_batches(cast):
    looked(cast, 2)
    looked(cast, 1, org="HN", by=cast.he)
    look(cast.wu, org="JZ", kind="sheet", what="x", words="still open")
    assert record_looks() == 3
    looked(cast, 1)
    record_looks()
    staged = [(one.org, one.said["data"]) for one in Staged.objects.filter(kind="evidence.looks_recorded")]
    assert staged == [
        ("JZ", {"batch": 1, "lines": 2}), ("HN", {"batch": 1, "lines": 1}), ("JZ", {"batch": 2, "lines": 2})
    ]  # fmt: skip
    assert record_looks() == 0
    assert register.check_all() == 0


def test_a_line_on_the_log_is_counted_up_no_more(cast):
    batch = on_the_log(cast, 1)
    look(cast.wu, org="JZ", kind="sheet", what="0", words="JZ-BG-2026-0000")
    assert [one.times for one in batch.looks.all()] == [1]
    assert Look.objects.count() == 2


@pytest.mark.parametrize(
    ("attack", "left"),
    [
        (lambda rows: rows[1].delete(), 2),
        (lambda rows: Look.objects.filter(id=rows[1].id).update(actor="别人 <nobody@JZ>"), 3),
        (lambda rows: Look.objects.filter(id=rows[1].id).update(at=now()), 3),
        (lambda rows: Look.objects.filter(id=rows[1].id).update(batch=None), 2),
        (lambda rows: Look.objects.create(org="JZ", actor="别人", side="JZ", kind="sheet", words="", purpose="",
                                          batch=rows[0].batch), 4),
        (lambda rows: (Look.objects.all().delete(), LookBatch.objects.all().delete()), 0),
        (lambda rows: (Look.objects.all().delete(), LookBatch.objects.update(pruned_at=now())), 0),
    ],
    ids=["deleted", "renamed", "misdated", "taken out", "put in", "batch deleted", "called pruned"],
)  # fmt: skip
def test_whoever_alters_the_register_is_found(cast, place, attack, left):
    batch = on_the_log(cast)
    attack(list(batch.looks.order_by("id")))
    assert register.disagreements("JZ") == [(1, f"第 1 批登记与存证不一致，现在有 {left} 行")]


@Transaction
def test_an_altered_register_is_put_on_record_once_and_not_exported(client, cast, place):
    batch = on_the_log(cast)
    batch.looks.order_by("id")[0].delete()
    assert [register.check_all(), register.check_all()] == [1, 1]
    tick()
    entry = Entry.objects.get(kind="evidence.looks_disagree")
    assert (entry.org, entry.said["data"], entry.urgent) == ("JZ", {"batches": [1]}, True)
    client.force_login(cast.zheng)
    assert "第 1 批登记与存证不一致" in client.get("/looks/").content.decode()
    refused = refusal_of(lambda: export_register("JZ", place / "out", "郑洁"))
    assert refused == Refusal("查阅登记与存证不一致：登记的行被删改。从备份核对后再导出")
    assert not (place / "out").exists()


def test_the_worker_does_both_by_the_table_of_times():
    from weilu.jobs.kinds import KINDS

    assert {KINDS[one.key] for one in (RECORD_LOOKS, CHECK_LOOKS)} == {RECORD_LOOKS, CHECK_LOOKS}
    assert (str(RECORD_LOOKS.times), str(CHECK_LOOKS.times).startswith("Daily")) == ("Minutes(every=5)", True)


# The export


@Transaction
def test_the_register_is_exported_and_verified_offline(cast, place):
    on_the_log(cast, 2)
    on_the_log(cast, 1)
    folder = export_register("JZ", place / "out", "郑洁")
    keys = trust_file(place)
    good, wrong = verify(str(folder), str(keys))
    assert (wrong, "2 个文件与记录里的摘要一致" in good) == ([], True)
    said = [file.read_text().count('"kind":"sheet"') for file in sorted((folder / "files").iterdir())]
    assert sorted(said) == [1, 2]
    assert verify(str(export_org("JZ", place / "all", "郑洁")), str(keys))[1] == []


@Transaction
def test_a_line_cut_from_the_export_is_found(cast, place):
    on_the_log(cast, 2)
    folder = export_register("JZ", place / "out", "郑洁")
    file = next((folder / "files").iterdir())
    file.write_bytes(file.read_bytes().split(b"\n", 1)[1])
    assert verify(str(folder))[1] == [f"files/{file.name}：内容已被改动，摘要对不上"]


@Transaction
def test_a_batch_left_out_by_the_operator_is_found_by_its_number(cast, place):
    """An operator who owns the database lists what they like; the numbers have a gap then."""
    on_the_log(cast, 1)
    on_the_log(cast, 1)
    Entry.objects.filter(kind="evidence.looks_recorded").order_by("index")[0:1].get().delete()
    folder = export_register("JZ", place / "out", "郑洁")
    index = Entry.objects.get(kind="evidence.looks_recorded").index
    assert f"records/{index}.json：查阅登记应是第 1 批，却是第 2 批，中间有缺" in verify(str(folder))[1]


# The page


def test_a_customer_sees_looks_at_its_own_and_nobody_elses(client, cast, place):
    looked(cast, 1)
    looked(cast, 1, org="HN", by=cast.he)
    client.force_login(cast.wu)
    page = client.get("/looks/").content.decode()
    assert ("JZ-BG-2026-0000" in page, "HN-BG-2026-0000" in page) == (True, False)
    client.force_login(cast.wang)
    assert client.get("/looks/").status_code == 403
    client.force_login(cast.he)
    page = client.get("/looks/").content.decode()
    assert ("JZ-BG-2026-0000" in page, "HN-BG-2026-0000" in page) == (False, True)


def test_the_register_is_narrowed_by_person_thing_side_kind_and_day(client, cast, place):
    look(cast.wu, org="JZ", kind="sheet", what="1", words="SHEET-ONE")
    look(cast.chen, org="JZ", kind="scan", what="2", words="SCAN-TWO")
    Look.objects.filter(kind="scan").update(at=now() - timedelta(days=40), last=now() - timedelta(days=40))
    client.force_login(cast.wu)

    def found(query: str) -> list[str]:
        page = client.get(f"/looks/?{query}").content.decode()
        return [word for word in ("SHEET-ONE", "SCAN-TWO") if word in page]

    recent = (now() - timedelta(days=10)).date()
    assert found("") == ["SHEET-ONE", "SCAN-TWO"]
    assert found("who=chenhang") == ["SCAN-TWO"]
    assert found("kind=sheet") == ["SHEET-ONE"]
    assert found("side=HC") == ["SCAN-TWO"]
    assert found(f"since={recent}") == ["SHEET-ONE"]
    assert found(f"until={recent}") == ["SCAN-TWO"]
    assert {client.get(f"/looks/?{wrong}").status_code for wrong in ("since=yesterday", "kind=x")} == {400}


def test_the_register_goes_on_by_key_and_asks_as_often_for_three_lines_as_for_one(client, cast, place):
    client.force_login(cast.wu)
    client.get("/looks/")
    counts = []
    for _more in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get("/looks/")
        counts.append(len(queries))
        looked(cast, 3)
    assert counts[0] == counts[1]
    looked(cast, 55)
    page = client.get("/looks/").content.decode()
    last = Look.objects.order_by("-id")[49].id
    assert f"before={last}" in page
    assert "更早的登记" not in client.get(f"/looks/?before={last}").content.decode()


def test_the_workbook_asks_for_a_purpose_and_is_a_look_itself(client, cast, place):
    looked(cast, 2)
    client.force_login(cast.zheng)
    assert "先写用途" in client.get("/looks/looks.xlsx").content.decode()
    client.post("/looks/purpose", {"key": "looks_export:JZ", "onward": "/looks/looks.xlsx", "purpose": "季度审计"})
    rows = list(load_workbook(io.BytesIO(client.get("/looks/looks.xlsx?kind=sheet").content)).active.values)
    assert [row[6] for row in rows] == ["名称", "JZ-BG-2026-0001", "JZ-BG-2026-0000"]
    assert lines()[-1] == ("郑洁", "JZ", "looks_export", "Excel", "季度审计", 1)


@Transaction
def test_the_page_exports_the_register_for_a_purpose(client, cast, place):
    on_the_log(cast, 2)
    client.force_login(cast.zheng)
    before = every_row()
    refused = client.post("/looks/export", {"org": "JZ", "purpose": ""})
    hidden = client.post("/looks/export", {"org": "HN", "purpose": "审计"})
    assert (refused.status_code, hidden.status_code) == (409, 404)
    assert every_row() == before
    answer = client.post("/looks/export", {"org": "JZ", "purpose": "季度审计"})
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        archive.extractall(place / "got")
    folder = next(Path(place / "got").iterdir())
    assert verify(str(folder), str(trust_file(place)))[1] == []
    assert lines()[-1] == ("郑洁", "JZ", "looks_export", "", "季度审计", 1)


def test_an_administrator_whose_grant_ended_sees_no_register(client, cast):
    looked(cast, 1)
    Grant.objects.filter(person=cast.zheng).update(until=now())
    client.force_login(cast.zheng)
    assert "JZ-BG-2026-0000" not in client.get("/looks/").content.decode()
