"""After a restored backup: the log goes on under a new name that says what is lost, once a person accepts."""

import json

import pytest

from tests.evidence.test_attacks import SEEN, Site, cut, edit, rebuild, site  # noqa: F401  (the fixture)
from tests.support.unchanged import refusal_of
from weilu.evidence.actions import tick
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.keys import log_key, public_vkey
from weilu.evidence.models import Entry, Reopening
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.reopening import reopen_log, reopening_document
from weilu.evidence.witness.accepting import accept, last_signed
from weilu.evidence.witness.asked import Answer
from weilu.evidence.witness.store import Lost, open_home
from weilu.evidence.witnesses import take_answer

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "weilu.test/log2"


def restored(site: Site) -> str:  # noqa: F811
    """A backup taken at SEEN is put back after the witness had seen three more; what its store still holds."""
    site.grow(3)
    site.ask()
    cut(SEEN)
    return last_signed(site.home)


def test_the_first_entry_names_what_was_witnessed_and_what_is_lost(site):  # noqa: F811
    old = public_vkey()
    made = reopen_log(None, origin=NEW, witnessed=restored(site))
    entry = Entry.objects.get(index=made.first)
    told = entry.said["data"]
    assert (entry.kind, entry.index, told["origin"], told["vkey"]) == ("log.reopened", SEEN, NEW, public_vkey())
    assert told["before"] == {"origin": parse_vkey(old).name, "vkey": old}
    assert (told["witnessed"]["size"], told["lost"]) == (13, {"from": SEEN, "to": 13})
    assert last_checkpoint().note.startswith(f"{NEW}\n{SEEN + 1}\n")
    site.grow()
    assert last_checkpoint().note.startswith(f"{NEW}\n")


def test_a_witness_signs_the_new_name_only_after_a_person_accepted(site):  # noqa: F811
    document = reopening_document(reopen_log(None, origin=NEW, witnessed=restored(site)))
    assert site.ask() == Answer(404, "unknown log\n")
    with pytest.raises(Lost, match="指纹与文件里的公钥不符"):
        accept(site.home, document, "0000 " * 8, "吴静")
    assert accept(site.home, document, log_key()[1].fingerprint, "吴静") == (SEEN, 13)
    assert site.ask() == Answer(409, f"{SEEN}\n")
    take_answer(None, site.witness, answer=f"409\n{SEEN}\n")
    assert site.ask().status == 200
    site.trust.write_text(f"{public_vkey()}\n{site.home.vkey}\n")
    assert site.audit() == []
    with pytest.raises(Lost, match="没有在看"):
        accept(site.home, document, log_key()[1].fingerprint, "吴静")


def test_what_was_kept_must_still_be_what_the_witness_signed(site):  # noqa: F811
    seen = restored(site)
    edit(4)
    rebuild()
    document = reopening_document(reopen_log(None, origin=NEW, witnessed=seen))
    accept(site.home, document, log_key()[1].fingerprint, "吴静")
    take_answer(None, site.witness, answer=f"409\n{SEEN}\n")
    assert site.ask() == Answer(422, "the proof does not lead from the old size to the checkpoint\n")


def test_a_reopening_that_admits_less_than_was_signed_is_not_accepted(site):  # noqa: F811
    site.grow(1)
    site.ask()
    early = last_signed(site.home)
    site.grow(2)
    site.ask()
    cut(SEEN)
    document = reopening_document(reopen_log(None, origin=NEW, witnessed=early))
    with pytest.raises(Lost, match="它承认见证到 11 条，这个见证却签到 13 条。不要接受"):
        accept(site.home, document, log_key()[1].fingerprint, "吴静")
    with open_home(site.home.folder).store() as kept:
        assert kept.execute("SELECT count(*), max(ended) FROM log").fetchone() == (1, None)


@pytest.mark.parametrize(
    "lost",
    [{"from": SEEN, "to": SEEN}, {"from": SEEN, "to": 12}, {"from": 13, "to": 10}, {"from": -1, "to": 13},
     {"from": SEEN, "to": 14}, {"from": SEEN + 1, "to": 13}, {"from": True, "to": 13}],
)  # fmt: skip
def test_a_log_that_tells_its_witness_of_less_than_is_lost_is_not_accepted(site, monkeypatch, lost):  # noqa: F811
    """Whoever holds the log's key can sign what they like: the person at the witness is told what is really lost."""
    from weilu.evidence import reopening

    honest = reopening.draft
    monkeypatch.setattr(reopening, "draft", lambda kind, data, **more: honest(kind, data | {"lost": lost}, **more))
    document = reopening_document(reopen_log(None, origin=NEW, witnessed=restored(site)))
    with pytest.raises(Lost, match="读不懂，或已被改动"):
        accept(site.home, document, log_key()[1].fingerprint, "吴静")
    with open_home(site.home.folder).store() as kept:
        assert kept.execute("SELECT count(*), max(ended) FROM log").fetchone() == (1, None)


def test_a_changed_document_is_not_accepted(site):  # noqa: F811
    document = json.loads(reopening_document(reopen_log(None, origin=NEW, witnessed=restored(site))))
    spoilt = [
        document | {"record": document["record"].replace('"to":13', '"to":11')},
        document | {"index": 3},
        document | {"path": document["path"][1:]},
        document | {"note": last_signed(site.home)},
        {},
        [],
    ]
    for one in spoilt:
        with pytest.raises(Lost, match="读不懂，或已被改动"):
            accept(site.home, json.dumps(one), log_key()[1].fingerprint, "吴静")


def test_nothing_is_reopened_that_is_not_lost(site):  # noqa: F811
    seen = last_signed(site.home)
    site.grow()

    def refused(**over: str) -> str:
        return refusal_of(lambda: reopen_log(None, **({"origin": NEW, "witnessed": seen} | over))).reason

    assert refused() == "见证签过的都还在这份日志里，没有丢失，不用重新开启"
    assert refused(origin=log_key()[1].name) == "这个日志来源已经用过，换一个新的"
    assert refused(origin="a b") == "日志来源不能有空格和加号，例如 weilu.example.cn/log2"
    assert refused(witnessed=last_checkpoint().note) == "没有登记的见证签过这个检查点"
    assert refused(witnessed="x") == "这不是这份日志被见证过的检查点。用 weilu witness last 写出的那一份"
    assert Reopening.objects.count() == 0


def test_the_commands_of_both_sides_do_the_same(site, tmp_path, capsys):  # noqa: F811
    from weilu.cli.main import main

    restored(site)
    seen, document = tmp_path / "seen", tmp_path / "reopened"
    home = ["--home", str(site.home.folder)]
    assert main(["witness", "last", "-o", str(seen), *home]) == 0
    reopen = ["evidence", "reopen", "--origin", NEW, "--witnessed", str(seen), "-o", str(document)]
    assert [main(reopen), main(reopen)] == [0, 0]
    assert main(["witness", "accept", str(document), "--fingerprint", log_key()[1].fingerprint, *home]) == 0
    tick()
    assert Reopening.objects.count() == 1
    assert "已接受。旧日志从第 10 条到第 13 条之间可能丢失" in capsys.readouterr().out
