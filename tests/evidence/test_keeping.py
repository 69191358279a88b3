"""OPS-5: registers are kept for as long as the customer says, never for less than the floor; the log for ever."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.evidence.helpers import trust_file
from tests.support.unchanged import Refusal, every_row, refusal_of, ruling
from weilu.accounts.credentials import Visit
from weilu.accounts.keeping import PRUNE
from weilu.evidence import register
from weilu.evidence.actions import tick
from weilu.evidence.export import export_org, export_register
from weilu.evidence.keeping import (
    FLOOR,
    MOST,
    REGISTERS,
    check_months,
    months_before,
    months_of,
    prune,
    set_retention,
)
from weilu.evidence.looking import look, record_looks
from weilu.evidence.looks import Look, LookBatch, Retention
from weilu.evidence.models import Checkpoint, Entry, Staged, Tile
from weilu.evidence.verifier import verify
from weilu.jobs.kinds import Doing
from weilu.jobs.models import Job
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.models import Notice

pytestmark = pytest.mark.django_db
LONG_AGO, LATELY = timedelta(days=190), timedelta(days=170)


@pytest.fixture
def place(tmp_path, settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    return tmp_path


def a_batch(cast, age: timedelta, org: str = "JZ") -> LookBatch:
    """A batch on the log whose looks are so old; the digest is of what stands there then."""
    look(cast.wu, org=org, kind="sheet", what=str(age), words="JZ-BG-2026-0001")
    Look.objects.filter(batch=None).update(at=now() - age, last=now() - age)
    record_looks()
    tick()
    return LookBatch.objects.latest("id")


@pytest.mark.parametrize(
    ("months", "before"),
    [
        (6, (2026, 5, 25, 10)), (11, (2025, 12, 25, 10)), (12, (2025, 11, 25, 10)), (24, (2024, 11, 25, 10)),
    ],
)  # fmt: skip
def test_months_are_months_of_the_calendar(months, before):
    assert months_before(datetime(2026, 11, 25, 10, tzinfo=SHANGHAI), months) == datetime(*before, tzinfo=SHANGHAI)


def test_a_day_that_a_month_lacks_becomes_its_last():
    assert months_before(datetime(2026, 8, 31, 12, tzinfo=UTC), 6).astimezone(UTC) == datetime(
        2026, 2, 28, 12, tzinfo=UTC
    )


def test_nothing_is_kept_for_less_than_the_floor():
    words = "保留期限至少 6 个月，现在填的是 5：制度要求 3 个月，法律要求 6 个月，取长的"
    assert ruling(lambda: check_months(FLOOR - 1)) == Refusal(words, "OPS-5", "months")
    assert ruling(lambda: check_months(MOST + 1)) == Refusal("保留期限最多 600 个月", "", "months")
    assert [ruling(lambda n=n: check_months(n)) for n in (FLOOR, MOST)] == [None, None]


def test_a_customer_sets_its_periods_and_the_log_says_so(cast):
    set_retention(cast.wu, org="JZ", months={"looks": 12, "notices": FLOOR})
    assert (months_of("JZ")["looks"], months_of("HN")["looks"], Retention.objects.count()) == (12, FLOOR, 1)
    said = Staged.objects.get(kind="evidence.retention_set")
    assert (said.org, said.said["data"]) == ("JZ", {"months": {"looks": 12}, "before": {"looks": FLOOR}})


def test_a_period_below_the_floor_an_unknown_register_and_a_stranger_change_nothing(cast):
    refused = refusal_of(lambda: set_retention(cast.wu, org="JZ", months={"looks": 12, "jobs": 3}))
    assert (refused.clause, refused.field, refused.changed) == ("OPS-5", "months", ())
    refused = refusal_of(lambda: set_retention(cast.wu, org="JZ", months={"evidence": 12}))
    assert refused == Refusal("没有叫「evidence」的登记", "", "months")
    before = every_row()
    for who, org in ((cast.wang, "JZ"), (cast.he, "JZ"), (cast.wu, "HN")):
        with pytest.raises(NotVisible):
            set_retention(who, org=org, months={"looks": 12})
    assert every_row() == before


def test_what_is_older_goes_batch_by_batch_and_what_is_younger_stays(cast, place):
    old, young = a_batch(cast, LONG_AGO), a_batch(cast, LATELY)
    assert prune({"JZ"}) == 1
    assert list(Look.objects.values_list("batch_id", flat=True)) == [young.id]
    old.refresh_from_db()
    assert old.pruned_at is not None
    said = Staged.objects.get(kind="evidence.pruned").said["data"]
    assert (said["gone"], said["registers"]["looks"]["rows"]) == ([old.sha256], 1)
    assert (register.disagreements("JZ"), prune({"JZ"})) == ([], 0)


def test_a_longer_period_keeps_longer(cast, place):
    a_batch(cast, LONG_AGO)
    set_retention(cast.wu, org="JZ", months={"looks": 7})
    assert (prune({"JZ"}), Look.objects.count()) == (0, 1)


def test_every_other_register_goes_by_the_same_clock(cast):
    for age in (LONG_AGO, LATELY):
        at = now() - age
        Visit.objects.create(session_key=str(age), session_data="", expire_date=at, person=cast.wang)
        for read in (None, at):
            Notice.objects.create(owner=cast.jz, person=cast.wang, title="通知", at=at, read_at=read)
        Job.objects.create(kind="test", org="JZ", state=Job.State.DONE, at=at, ended_at=at)
        Job.objects.create(kind="test", org="JZ", state=Job.State.GIVEN_UP, at=at, ended_at=at)
    assert prune({"JZ"}) == 3
    rows = Staged.objects.get(kind="evidence.pruned").said["data"]["registers"]
    assert {key: row["rows"] for key, row in rows.items()} == {"jobs": 1, "notices": 1, "sessions": 1}
    assert [Visit.objects.count(), Notice.objects.count(), Job.objects.filter(kind="test").count()] == [1, 3, 3]


def test_the_log_is_never_pruned(cast, place):
    """There is no register of entries, and nothing that prunes touches what the log is made of."""
    assert {"evidence", "entries", "log"} & set(REGISTERS) == set()
    a_batch(cast, LONG_AGO)
    Entry.objects.update(at=now() - timedelta(days=5000))
    kept = [list(model.objects.order_by("pk").values_list("pk", flat=True)) for model in (Entry, Tile, Checkpoint)]
    PRUNE.do(Doing(Job(), 0))
    assert [list(model.objects.order_by("pk").values_list("pk", flat=True)) for model in (Entry, Tile, Checkpoint)] == (
        kept
    )
    assert Look.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_exports_verify_before_and_after_and_say_what_is_gone(cast, place):
    a_batch(cast, LONG_AGO)
    a_batch(cast, LATELY)
    earlier = export_register("JZ", place / "earlier", "郑洁")
    prune({"JZ"})
    tick()
    keys = str(trust_file(place))
    later = export_register("JZ", place / "later", "郑洁")
    assert [verify(str(one), keys)[1] for one in (earlier, later)] == [[], []]
    assert "1 个正文已依法销毁或到期清除，日志里有记录" in verify(str(later), keys)[0]
    assert verify(str(export_org("JZ", place / "all", "郑洁")), keys)[1] == []


@pytest.mark.django_db(transaction=True)
def test_lines_that_went_without_the_logs_word_fail_the_export(cast, place):
    a_batch(cast, LONG_AGO)
    Look.objects.all().delete()
    LookBatch.objects.update(pruned_at=now())
    refused = refusal_of(lambda: export_register("JZ", place / "out", "郑洁"))
    assert refused.reason == "查阅登记与存证不一致：登记的行被删改。从备份核对后再导出"


def test_the_page_shows_the_periods_and_keeps_what_was_typed(client, cast):
    client.force_login(cast.wu)
    assert 'name="looks" type="number" value="6"' in client.get("/looks/retention").content.decode()
    answer = client.post("/looks/retention", {"org": "JZ", "looks": "5", "jobs": "8"})
    page = answer.content.decode()
    assert (answer.status_code, "保留期限至少 6 个月" in page) == (409, True)
    assert {f'name="{key}" type="number" value="{typed}"' in page for key, typed in (("looks", 5), ("jobs", 8))} == {
        True
    }
    assert client.post("/looks/retention", {"org": "JZ", "looks": "18", "jobs": "8"}).status_code == 302
    assert {key: months_of("JZ")[key] for key in ("looks", "jobs")} == {"looks": 18, "jobs": 8}
    assert client.post("/looks/retention", {"org": "HN", "looks": "18"}).status_code == 404


def test_the_api_sets_periods(client, cast):
    client.force_login(cast.wu)
    body = json.dumps({"owner": "JZ", "months": {"looks": 9}})
    answer = client.post("/api/v1/evidence/set_retention", body, content_type="application/json")
    assert (answer.status_code, months_of("JZ")["looks"]) == (200, 9)
