"""The pages of the log, and who sees what."""

import dataclasses
import io
import re
import zipfile

import pytest

from tests.evidence.helpers import ITEM, stage_some
from tests.evidence.witnesses import allow, enrol, new_witness
from weilu.accounts.actions import give_role
from weilu.evidence.actions import tick
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.keys import public_vkey
from weilu.evidence.models import Entry
from weilu.evidence.offline.single import single_file
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.witness.asked import add_checkpoint
from weilu.evidence.witnesses import request_for, retire_witness, take_answer

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
    assert "还没有见证，只有维录自己的签名" in page
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
    refused = client.post(f"/evidence/item/{ITEM}.zip")
    assert (refused.status_code, "用途没有写明" in refused.content.decode(), log.count()) == (409, True, 2)
    answer = client.post(f"/evidence/item/{ITEM}.zip", {"purpose": "核对升级记录"})
    names = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()
    assert sum("/records/" in name for name in names) == 3
    assert Entry.objects.get(kind="evidence.exported").actor == cast.wu.actor


def test_pages_ask_the_database_a_fixed_number_of_times(client, cast, log, django_assert_max_num_queries):
    client.force_login(cast.wu)
    with django_assert_max_num_queries(32):
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


def enrolled(log, tmp_path, settings, side="customer", url=""):
    allow(settings, *([url] if url else []))
    home = new_witness(tmp_path / side, parse_vkey(public_vkey()), f"{side}.test/witness")
    return enrol(home, url, side), home


def cosign_newest(witness, home):
    witness.refresh_from_db()
    request = request_for(witness, last_checkpoint())
    answer = add_checkpoint(home, request)
    text = request.partition("\n\n")[2] + answer.body if answer.status == 200 else f"{answer.status}\n{answer.body}"
    return take_answer(None, witness, answer=text)


def limits(page: str) -> list[str]:
    box = page.partition('<ul class="box-body limits">')[2].partition("</ul>")[0]
    return re.findall(r"<li>(.*?)</li>", box)


def test_both_witnesses_stand_beside_each_checkpoint(client, cast, log, tmp_path, settings):
    customer, vendor = enrolled(log, tmp_path, settings), enrolled(log, tmp_path, settings, "vendor")
    tick()
    cosign_newest(*customer)
    cosign_newest(*vendor)
    first = last_checkpoint().size
    stage_some(3, item=ITEM, urgent=True)
    tick()
    cosign_newest(*customer)
    client.force_login(cast.wu)
    shown = client.get("/evidence/")
    newest, *older = [[(cell.state, cell.word) for cell in cells] for _row, cells in shown.context["checkpoints"]]
    assert newest == [("passed", "已见证"), ("watch", "待见证")]
    assert older == [[("passed", "已见证"), ("passed", "已见证")]] * len(older)
    assert [(side.cell.state, side.cell.word) for side in shown.context["sides"]] == [
        ("passed", "跟上"), ("watch", "落后 3 条"),
    ]  # fmt: skip
    assert (shown.context["both"], limits(shown.content.decode())[0]) == (
        first, "甲乙双方串通。需要时请第三方再设一个见证。",
    )  # fmt: skip
    assert f"双方见证到 {first} 之后的 3 条。只有维录自己的签名。" in limits(shown.content.decode())
    assert [line.words for line in shown.context["verified"].lines][-1] == "只有一方的见证签过盖住它的检查点"
    cosign_newest(*vendor)
    shown = client.get("/evidence/")
    assert [line.words for line in shown.context["verified"].lines][-1] == "两个见证都签过盖住它的检查点"


SAME = "见证与维录运行在同一台机器上，对外什么也不能证明。把它们移到双方各自的机器上。"
SAME_OTHER = "两个见证运行在同一台机器上，对外什么也不能证明。把它们移到双方各自的机器上。"


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:2", SAME),
        ("http://localhost:1", "http://[::1]:2", SAME),
        ("https://10.0.0.1:1", "https://10.0.0.1:2", SAME_OTHER),
        ("https://10.0.0.1:1", "https://10.0.0.2:2", "甲乙双方串通。需要时请第三方再设一个见证。"),
        ("http://127.0.0.1:1", "", "甲乙双方串通。需要时请第三方再设一个见证。"),
    ],
)
def test_witnesses_on_one_machine_prove_nothing_to_outsiders(
    client, cast, log, tmp_path, settings, first, second, line
):
    enrolled(log, tmp_path, settings, "customer", first)
    enrolled(log, tmp_path, settings, "vendor", second)
    client.force_login(cast.wu)
    assert limits(client.get("/evidence/").content.decode())[0] == line
    assert limits(client.get(f"/evidence/{log[0].index}/").content.decode())[0] == line


def test_a_log_older_than_its_witness_says_so_in_red(client, cast, log, tmp_path, settings):
    witness, _home = enrolled(log, tmp_path, settings)
    take_answer(None, witness, answer="409\n48196\n")
    client.force_login(cast.wu)
    page = client.get("/evidence/").content.decode()
    assert '<p class="note refused">' in page
    assert "这份日志比见证记得的短：见证已签到 48,196 条" in page


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_as_much_for_three_witnesses_as_for_one(client, cast, log, tmp_path, settings, count,
                                                                 django_assert_max_num_queries):  # fmt: skip
    for number in range(count):
        home = new_witness(tmp_path / str(number), parse_vkey(public_vkey()), f"w{number}.test/witness")
        retire_witness(None, enrol(home), why="换了机器")
    client.force_login(cast.wu)
    with django_assert_max_num_queries(32):
        assert client.get("/evidence/").status_code == 200
