"""ROL-1: a body that must go is destroyed by two people of the customer; the tree and every proof stay whole."""

import dataclasses
import json
from hashlib import sha256

import pytest

from tests.evidence.helpers import ITEM, stage_some, trust_file
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import give_role
from weilu.evidence import tree
from weilu.evidence.actions import tick
from weilu.evidence.bodies import Body, Shredding
from weilu.evidence.export import export_item, export_org
from weilu.evidence.files import keep, path_of, read, seal_old
from weilu.evidence.keys import log_key
from weilu.evidence.models import Entry, Staged
from weilu.evidence.queries import last_checkpoint, recomputed_root, tree_size
from weilu.evidence.shredding import ask_shredding, decide_shredding
from weilu.evidence.tiles import read_tile
from weilu.evidence.verifier import verify
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.sealing import Unreadable, kept_key, unseal_under
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db(transaction=True)
SCAN = b"%PDF a scan with a name and a signature"
DIGEST = sha256(SCAN).hexdigest()
OTHER = "01935e1a-0000-7000-8000-000000000002"
WHY = {"reason": "扫描件里有无关人员的个人信息", "ground": "个人信息保护法第四十七条"}


@pytest.fixture
def index(cast, tmp_path, settings):
    """The place of the entry that names the scan."""
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    stage_some(2, item=ITEM, urgent=True)
    stage_some(1, item=ITEM, file=keep(SCAN, "scan.pdf"))
    stage_some(1, item=ITEM, file=keep(b"another", "other.pdf"))
    tick()
    return next(entry.index for entry in Entry.objects.filter(item=ITEM) if DIGEST in str(entry.said["files"]))


def shred(cast, index: int) -> Shredding:
    return decide_shredding(cast.qian, ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY), approve=True)


def test_two_people_destroy_it_and_the_log_says_what_and_why(cast, index):
    sealed = path_of(Body.objects.get(sha256=DIGEST).stored)
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    assert (read(DIGEST), asked.state) == (SCAN, "asked")
    done = decide_shredding(cast.qian, asked, approve=True)
    body = Body.objects.get(sha256=DIGEST)
    assert (done.state, body.stored, bytes(body.wrapped), sealed.exists()) == ("done", "", b"", False)
    with pytest.raises(Refused, match="已依法销毁，日志里只留摘要"):
        read(DIGEST)
    said = Staged.objects.get(kind="evidence.shredded")
    assert (said.actor, said.org, said.item, said.urgent) == (cast.qian.actor, "JZ", ITEM, True)
    data = said.said["data"]
    assert (data["gone"], data["entries"], data["asked_by"]) == ([DIGEST], [index], cast.wu.actor)
    assert {key: data[key] for key in WHY} == WHY
    with pytest.raises(Refused, match="已依法销毁，不能再存"):
        keep(SCAN, "scan.pdf")


def test_leaf_digest_and_tree_stay_as_they_were(cast, index):
    before, leaf = last_checkpoint(), Entry.objects.get(index=index).leaf
    shred(cast, index)
    tick()
    assert Entry.objects.get(index=index).leaf == leaf
    assert tree.root(read_tile, before.size) == bytes(before.root)
    assert recomputed_root(tree_size()) == bytes(last_checkpoint().root)
    assert log_key()[1].name


def test_exports_from_before_and_after_verify_and_the_later_says_what_is_gone(cast, index, tmp_path):
    before = export_item(ITEM, "JZ", tmp_path / "before", "吴静")
    shred(cast, index)
    after = export_item(ITEM, "JZ", tmp_path / "after", "吴静")
    keys = str(trust_file(tmp_path))
    assert [verify(str(one), keys)[1] for one in (before, after)] == [[], []]
    assert "1 个正文已依法销毁或到期清除，日志里有记录" in verify(str(after), keys)[0]
    assert verify(str(export_org("JZ", tmp_path / "all", "吴静")), keys)[1] == []


def test_a_body_that_is_missing_without_the_logs_word_fails(cast, index, tmp_path):
    """Whoever owns the database calls it destroyed: no entry says so, and export and verifier do not believe it."""
    after = export_item(ITEM, "JZ", tmp_path / "before", "吴静")
    (after / "files" / DIGEST).unlink()
    assert verify(str(after))[1] == [f"files/{DIGEST}：文件缺失，导出清单里有它"]
    Body.objects.filter(sha256=DIGEST).update(shredded_at=now(), wrapped=b"")
    with pytest.raises(Refused, match="已依法销毁"):
        export_item(ITEM, "JZ", tmp_path / "after", "吴静")


def test_old_copies_of_the_sealed_bytes_do_not_open_without_the_key(cast, index):
    body = Body.objects.get(sha256=DIGEST)
    kept = path_of(body.stored).read_bytes()
    shred(cast, index)
    path_of(body.stored).write_bytes(kept)  # the file's old backup put back
    with pytest.raises(Refused, match="已依法销毁"):
        read(DIGEST)
    with pytest.raises(Unreadable):
        unseal_under(kept_key("bodies.key"), kept, DIGEST)


def test_every_item_that_names_it_gets_its_entry(cast, index, tmp_path):
    stage_some(1, item=OTHER, file=keep(SCAN, "copy.pdf"))
    tick()
    shred(cast, index)
    assert sorted(Staged.objects.filter(kind="evidence.shredded").values_list("item", flat=True)) == [ITEM, OTHER]
    for item in (ITEM, OTHER):
        assert verify(str(export_item(item, "JZ", tmp_path / item, "吴静")))[1] == []


def test_what_another_customer_also_keeps_is_not_destroyed(cast, index):
    stage_some(1, org="HN", item=OTHER, file=keep(SCAN, "theirs.pdf"))
    tick()
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    refused = refusal_of(lambda: decide_shredding(cast.qian, asked, approve=True))
    assert refused == Refusal("这份文件还在别处使用，不能在这里销毁")
    assert read(DIGEST) == SCAN


def test_a_file_from_before_sealing_goes_too_even_when_the_machine_stopped_in_between(cast, index):
    Body.objects.filter(sha256=DIGEST).delete()
    path_of(DIGEST).parent.mkdir(exist_ok=True)
    path_of(DIGEST).write_bytes(SCAN)
    shred(cast, index)
    assert path_of(DIGEST).exists() is False
    path_of(DIGEST).write_bytes(SCAN)
    assert (seal_old(), path_of(DIGEST).exists()) == (0, False)


def test_nobody_approves_what_they_asked_for(cast, index):
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    refused = refusal_of(lambda: decide_shredding(cast.wu, asked, approve=True))
    assert refused == Refusal("销毁要由另一个人批准：申请是您提的", "ROL-1")
    assert read(DIGEST) == SCAN


def test_only_the_customers_own_people_with_the_right_ask_and_decide(cast, index):
    give_role(None, cast.chen, cast.jz, "administrator", source="合同")
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    words = "销毁正文只能由本单位有「销毁正文」权限的人办"
    for who in (cast.chen, cast.wang):
        assert refusal_of(lambda who=who: decide_shredding(who, asked, approve=True)) == Refusal(words)
        assert refusal_of(lambda who=who: ask_shredding(who, index=index, sha256=DIGEST, **WHY)) == Refusal(words)
    before = every_row()
    with pytest.raises(NotVisible):
        ask_shredding(cast.he, index=index, sha256=DIGEST, **WHY)
    assert every_row() == before


def test_asking_needs_words_a_file_of_the_entry_and_happens_once(cast, index):
    for field in ("reason", "ground"):
        refused = refusal_of(lambda field=field: ask_shredding(
            cast.wu, index=index, sha256=DIGEST, **(WHY | {field: "短"})
        ))  # fmt: skip
        assert (refused.field, refused.changed) == (field, ())
    assert refusal_of(lambda: ask_shredding(cast.wu, index=index, sha256="0" * 64, **WHY)).reason == (
        "这条记录里没有这份文件"
    )
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    assert refusal_of(lambda: ask_shredding(cast.zheng, index=index, sha256=DIGEST, **WHY)) == Refusal(
        "这份文件已有人申请销毁，等另一个人批准"
    )
    decide_shredding(cast.qian, asked, approve=True)
    assert refusal_of(lambda: decide_shredding(cast.qian, asked, approve=True)) == Refusal("这份申请已经办过")
    assert refusal_of(lambda: ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)) == Refusal("这份文件已经销毁")


def test_a_request_can_be_turned_down_and_the_file_stays(cast, index):
    asked = ask_shredding(cast.wu, index=index, sha256=DIGEST, **WHY)
    decide_shredding(cast.qian, asked, approve=False, words="还在保存期内")
    assert (read(DIGEST), Shredding.objects.get().state) == (SCAN, "refused")
    assert Staged.objects.get(kind="evidence.shredding_refused").said["data"]["words"] == "还在保存期内"
    shred(cast, index)


def test_the_pages_lead_from_the_entry_to_the_second_person(client, cast, index):
    client.force_login(cast.wu)
    assert f"/evidence/{index}/shred" in client.get(f"/evidence/{index}/").content.decode()
    typed = {"sha256": DIGEST, "reason": "短", "ground": WHY["ground"]}
    answer = client.post(f"/evidence/{index}/shred", typed)
    assert (answer.status_code, WHY["ground"] in answer.content.decode()) == (409, True)
    assert client.post(f"/evidence/{index}/shred", WHY | {"sha256": DIGEST}).status_code == 302
    page = client.get("/evidence/shreddings/").content.decode()
    assert ("等另一个人批准" in page, "批准并销毁" in page) == (True, False)
    uid = Shredding.objects.get().uid
    assert client.post(f"/evidence/shreddings/{uid}", {"approve": "1"}).status_code == 409
    client.force_login(cast.he)
    assert client.post(f"/evidence/shreddings/{uid}", {"approve": "1"}).status_code == 404
    client.force_login(cast.qian)
    assert "批准并销毁" in client.get("/evidence/shreddings/").content.decode()
    assert client.post(f"/evidence/shreddings/{uid}", {"approve": "1"}).status_code == 302
    assert "正文已依法销毁" in client.get(f"/evidence/{index}/").content.decode()


def test_the_list_asks_as_often_for_three_as_for_one(client, cast, index, django_assert_max_num_queries):
    for number in range(3):
        Shredding.objects.create(
            org="JZ", entry=index, sha256=f"{number}" * 64, name="a", reason="b", ground="c", asked_by="d"
        )
        client.force_login(cast.qian)
        client.get("/evidence/shreddings/")
        with django_assert_max_num_queries(13):
            assert client.get("/evidence/shreddings/").status_code == 200


def test_the_api_does_the_same(client, cast, index):
    client.force_login(cast.wu)
    body = json.dumps(WHY | {"index": index, "sha256": DIGEST})
    asked = client.post("/api/v1/evidence/ask_shredding", body, content_type="application/json").json()
    client.force_login(cast.qian)
    body = json.dumps({"shredding": asked["uid"], "approve": True})
    answer = client.post("/api/v1/evidence/decide_shredding", body, content_type="application/json")
    assert (answer.status_code, Shredding.objects.get().state) == (200, "done")
