"""A record that must go: its body is wiped, leaf and tree stay, and export and verifier say who destroyed it."""

import dataclasses
import json

import pytest
from django.db import transaction

from tests.accounts.test_people_pages import signed_in
from tests.evidence.helpers import ITEM, stage_some, trust_file
from tests.support.unchanged import Refusal, refusal_of
from weilu.evidence.actions import LogDamaged, stage, tick
from weilu.evidence.export import export_item
from weilu.evidence.files import keep
from weilu.evidence.models import Entry, Staged
from weilu.evidence.queries import recomputed_root, tree_size
from weilu.evidence.shredding import ask_shredding, decide_shredding
from weilu.evidence.soundness import check_log
from weilu.evidence.verifier import verify
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db(transaction=True)
LINE = "张三的身份证号是一串数字"
OTHER = "01935e1a-0000-7000-8000-000000000002"
WHY = {"reason": "写进了无关人员的个人信息", "ground": "个人信息保护法第四十七条"}


@pytest.fixture
def entry(cast, tmp_path, settings):
    """What 王 wrote; another record repeats its line, one says something else, one was signed by both sides."""
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    said = (
        ("test.said", LINE),
        ("test.said", f"他说：{LINE}"),
        ("test.said", "与它无关的另一句话"),
        ("records.signed", LINE),
    )
    with transaction.atomic():
        for kind, words in said:
            stage(kind, {"words": words}, actor="王敏", org="JZ", item=ITEM)
        stage("test.said", {"words": LINE}, actor="王敏", org="JZ", item=OTHER)
    tick()
    return Entry.objects.filter(item=ITEM).order_by("index")[0]


def destroy(cast, entry):
    asked = ask_shredding(cast.wu, index=entry.index, sha256=entry.digest, **WHY)
    return decide_shredding(cast.qian, asked, approve=True)


def bodies() -> list[bool]:
    """Of the records above, in their order, which still have a body."""
    return [bool(bytes(one.record)) for one in Entry.objects.filter(kind__in=["test.said", "records.signed"])
            .order_by("index")]  # fmt: skip


def test_two_people_destroy_a_record_and_those_of_its_item_that_repeat_it(cast, entry):
    before, leaves = recomputed_root(tree_size()), [one.leaf for one in Entry.objects.order_by("index")]

    asked = ask_shredding(cast.wu, index=entry.index, sha256=entry.digest, **WHY)
    assert bodies() == [True] * 5
    done = decide_shredding(cast.qian, asked, approve=True)

    assert (done.state, bodies()) == ("done", [False, False, True, True, True])
    assert [one.leaf for one in Entry.objects.order_by("index")][: len(leaves)] == leaves
    assert recomputed_root(len(leaves)) == before
    said = Staged.objects.get(kind="evidence.shredded").said
    assert (said["actor"], said["data"]["asked_by"], said["data"]["entries"]) == (
        cast.qian.actor, cast.wu.actor, [entry.index, entry.index + 1],
    )  # fmt: skip
    assert {key: said["data"][key] for key in WHY} == WHY


def test_log_backup_check_export_and_verifier_say_who_destroyed_it(cast, entry, tmp_path):
    destroy(cast, entry)
    check_log()
    tick()
    check_log()

    good, wrong = verify(str(export_item(ITEM, "JZ", tmp_path / "out", "吴静")), str(trust_file(tmp_path)))

    assert (wrong, sum("依法销毁（个人信息保护法第四十七条）" in line for line in good)) == ([], 2)


def test_an_export_that_leaves_the_word_of_the_log_out_does_not_verify(cast, entry, tmp_path):
    destroy(cast, entry)
    tick()
    out = export_item(ITEM, "JZ", tmp_path / "out", "吴静")
    said = Entry.objects.get(kind="evidence.shredded")
    (out / "records" / f"{said.index}.json").unlink()
    (out / "proofs" / f"{said.index}.json").unlink()

    wrong = verify(str(out), str(trust_file(tmp_path)))[1]

    assert f"records/{entry.index}.json：正文缺失，日志里没有销毁它的记录" in wrong


def test_a_leaf_that_is_not_the_trees_does_not_verify(cast, entry, tmp_path):
    destroy(cast, entry)
    tick()
    out = export_item(ITEM, "JZ", tmp_path / "out", "吴静")
    place = out / "proofs" / f"{entry.index}.json"
    proof = json.loads(place.read_text())
    place.write_text(json.dumps(proof | {"leaf": "0" * 128}, separators=(",", ":"), sort_keys=True))

    wrong = verify(str(out), str(trust_file(tmp_path)))[1]

    assert f"proofs/{entry.index}.json：证明不能从这个叶子走到检查点的根" in wrong


def test_a_record_missing_without_the_logs_word_is_damage(cast, entry, tmp_path):
    Entry.objects.filter(index=entry.index).update(record=b"")

    with pytest.raises(LogDamaged):
        check_log()
    with pytest.raises(Refused, match="正文缺失"):
        export_item(ITEM, "JZ", tmp_path / "out", "吴静")
    assert "核验不通过" in signed_in(cast.wu).get(f"/evidence/{entry.index}/").content.decode()


def test_what_both_sides_signed_and_what_is_gone_already_is_not_asked_for(cast, entry):
    signed = Entry.objects.get(kind="records.signed")
    sentence = "只有工单办理的记录可以销毁正文；报告单、存证和人员权限的记录是凭据"
    asked = refusal_of(lambda: ask_shredding(cast.wu, index=signed.index, sha256=signed.digest, **WHY))
    assert asked == Refusal(sentence, field="sha256")

    destroy(cast, entry)
    again = refusal_of(lambda: ask_shredding(cast.wu, index=entry.index, sha256=entry.digest, **WHY))
    assert again == Refusal("这条记录的正文已经销毁", field="sha256")


def test_a_record_that_names_a_file_waits_until_the_file_is_destroyed(cast, entry):
    stage_some(1, item=ITEM, file=keep(b"scan", "scan.pdf"))
    tick()
    naming = Entry.objects.filter(kind="test.done").order_by("-index")[0]
    given = {"index": naming.index, "sha256": naming.digest, **WHY}
    told = refusal_of(lambda: ask_shredding(cast.wu, **given))
    assert told == Refusal("这条记录引用了文件。先销毁文件，再销毁正文", field="sha256")

    file = ask_shredding(cast.wu, **(given | {"sha256": naming.said["files"][0]["sha256"]}))
    decide_shredding(cast.qian, file, approve=True)
    tick()
    decide_shredding(cast.qian, ask_shredding(cast.wu, **given), approve=True)
    check_log()


def test_the_page_says_before_what_goes_along_and_what_stays(cast, entry):
    page = signed_in(cast.wu).get(f"/evidence/{entry.index}/shred").content.decode()

    assert f'href="/evidence/{entry.index + 1}/"' in page.split("一起销毁的记录")[1].split("</p>")[0]
    assert f'href="/evidence/{entry.index + 3}/"' in page.split("这些记录也写着同样的话")[1].split("</p>")[0]
    assert f'href="/evidence/{entry.index + 2}/"' not in page
