"""The pages of the log, and who sees what."""

import dataclasses
import io
import zipfile

import pytest

from tests.evidence.helpers import ITEM, stage_some
from weilu.accounts.actions import give_role
from weilu.evidence.actions import tick
from weilu.evidence.models import Entry
from weilu.evidence.offline.single import single_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(cast, tmp_path, settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    stage_some(2, item=ITEM, urgent=True)
    tick()
    return Entry.objects.filter(item=ITEM).order_by("index")


def test_the_overview_says_that_there_is_no_witness(client, cast, log):
    client.force_login(cast.wu)
    page = client.get("/evidence/").content.decode()
    assert "这个版本还没有见证，只有维录自己的签名" in page
    assert "这份存证不能说明什么" in page
    assert "核验通过" in page


def test_an_entry_is_verified_and_drawn(client, cast, log):
    client.force_login(cast.wu)
    page = client.get(f"/evidence/{log[0].index}/").content.decode()
    assert "内容与叶子摘要一致" in page
    assert "检查点签名有效" in page
    assert '<svg class="proof-path"' in page
    assert 'style="' not in page


def test_a_changed_record_is_shown_as_such(client, cast, log):
    Entry.objects.filter(index=log[0].index).update(record=bytes(log[0].record).replace(b'"n":0', b'"n":9'))
    client.force_login(cast.wu)
    page = client.get(f"/evidence/{log[0].index}/").content.decode()
    assert "内容与叶子摘要不一致" in page
    assert "核验不通过" in page


def test_the_other_vendor_finds_nothing(client, cast, log):
    client.force_login(cast.sun)
    own = set(Entry.objects.visible_to({"HN"}).values_list("index", flat=True))
    for index in range(Entry.objects.count() + 2):
        assert client.get(f"/evidence/{index}/").status_code == (200 if index in own else 404)
    assert client.get(f"/evidence/item/{ITEM}.zip").status_code == 404
    assert client.post(f"/evidence/item/{ITEM}.zip").status_code == 404
    listed = client.get("/evidence/").context["rows"]
    assert {row.index for row, _word in listed} <= own
    assert client.get(f"/evidence/{10**30}/").status_code == 404


def test_entries_of_the_installation_belong_to_nobody_s_page(client, cast, log):
    client.force_login(cast.wu)
    assert client.get("/evidence/0/").status_code == 404


def test_an_export_needs_its_right_and_goes_on_record(client, cast, log):
    client.force_login(cast.wang)
    assert client.post(f"/evidence/item/{ITEM}.zip").status_code == 403
    client.force_login(cast.wu)
    assert "2 条记录" in client.get(f"/evidence/item/{ITEM}.zip").content.decode()
    assert log.count() == 2
    answer = client.post(f"/evidence/item/{ITEM}.zip")
    names = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()
    assert sum("/records/" in name for name in names) == 3
    assert Entry.objects.get(kind="evidence.exported").actor == cast.wu.actor


def test_pages_ask_the_database_a_fixed_number_of_times(client, cast, log, django_assert_max_num_queries):
    client.force_login(cast.wu)
    with django_assert_max_num_queries(25):
        assert client.get("/evidence/").status_code == 200


def test_a_right_held_towards_another_customer_does_not_export(client, cast, log):
    give_role(None, cast.wang, cast.hn, "leader", source="借调")
    client.force_login(cast.wang)
    before = Entry.objects.count()
    refused = client.post(f"/evidence/item/{ITEM}.zip")
    assert (refused.status_code, "您在这个单位没有" in refused.content.decode()) == (409, True)
    assert "导出这件工单的存证包" not in client.get(f"/evidence/{log[0].index}/").content.decode()
    assert Entry.objects.count() == before


def test_the_verifier_is_handed_out_as_it_is(client, cast, log):
    client.force_login(cast.wang)
    assert client.get("/evidence/verifier.py").content == single_file()
