"""A flow is written by one person and published by another: drafts, proposals, and what they turn down."""

import json
from hashlib import sha256
from typing import Any

import pytest
from django.db import transaction

from tests.cast import Cast, system_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.actions import give_role
from weilu.evidence.models import Staged
from weilu.notify.models import Notice
from weilu.process import flow_actions
from weilu.process.actions import open_item
from weilu.process.drafted import FlowDraft
from weilu.process.flow_actions import discard_flow, draft_flow, install_flow, propose_flow, publish_flow, reject_flow
from weilu.process.models import FlowVersion

HEAD = "flow: test.flow\ntitle: 试验\nsteps:\n  - {key: ask, title: 申请, who: requester}\n"
FIRST = HEAD + "  - {key: check, title: 审核, who: role(leader)}\n"
SECOND = FIRST.replace("审核", "复核")
WORDS = "名称改得准确些。"


def digest_of(source: str) -> str:
    return sha256(source.encode()).hexdigest()


def drafted(cast: Cast, source: str = SECOND, **over: Any) -> FlowDraft:
    base = install_flow(cast.jz, FIRST)
    return draft_flow(cast.zheng, cast.jz, source=source, base=base, **over)


def proposed(cast: Cast, source: str = SECOND) -> FlowDraft:
    return propose_flow(cast.zheng, drafted(cast, source), seen=digest_of(source), words=WORDS)


def said(kind: str) -> list[dict[str, Any]]:
    found = Staged.objects.filter(kind=kind).order_by("id")
    return [json.loads(bytes(one.record)) for one in found]


def test_a_second_person_publishes_exactly_what_was_proposed_and_both_stand_on_record(cast: Cast):
    draft = proposed(cast)

    version = publish_flow(cast.zhao, draft, digest=digest_of(SECOND))

    assert (version.key, version.number, version.source, version.digest) == ("test.flow", 2, SECOND, digest_of(SECOND))
    assert (version.written_by, version.published_by) == (cast.zheng.actor, cast.zhao.actor)
    assert version.words == WORDS
    draft.refresh_from_db()
    assert (draft.state, draft.version, draft.decided_by) == ("published", version, cast.zhao)
    entry = said("process.flow_published")[-1]
    assert (entry["actor"], entry["org"]) == (cast.zhao.actor, "JZ")
    assert entry["data"] == {
        "flow": "test.flow", "number": 2, "digest": digest_of(SECOND), "author": cast.zheng.actor, "words": WORDS,
        "draft": str(draft.uid),
    }  # fmt: skip
    assert Staged.objects.get(ref=version.evidence).kind == "process.flow_published"


def test_items_opened_before_stay_on_their_version_and_new_ones_follow_the_new_one(cast: Cast):
    draft = proposed(cast)
    system = system_of(cast)

    def opened() -> int:
        with transaction.atomic():
            return open_item(
                cast.wang, system=system, kind="test", series="CS", title="试", flow="test.flow", facets={}, words="",
            ).flow.number  # fmt: skip

    assert opened() == 1
    publish_flow(cast.zhao, draft, digest=draft.digest)
    assert opened() == 2


def test_nobody_publishes_or_sends_back_what_they_wrote(cast: Cast):
    draft = proposed(cast)
    give_role(None, cast.zheng, cast.jz, "technical_head", source="在职")
    own = Refusal("这份流程是您写的，要由另一个人发布", "ROL-1")

    assert refusal_of(lambda: publish_flow(cast.zheng, draft, digest=draft.digest)) == own
    assert refusal_of(lambda: reject_flow(cast.zheng, draft, digest=draft.digest, words="不妥。")) == own


@pytest.mark.parametrize("who", ["wang", "qian", "chen", "sun", "he"])
def test_who_lacks_the_right_neither_writes_nor_publishes(cast: Cast, who: str):
    draft, by = proposed(cast), getattr(cast, who)
    lacks = Refusal("写流程要由系统管理员办")

    assert refusal_of(lambda: draft_flow(by, cast.jz, source=SECOND)) == lacks
    assert refusal_of(lambda: discard_flow(by, draft)) == lacks
    assert refusal_of(lambda: publish_flow(by, draft, digest=draft.digest)) == Refusal(
        "发布流程要由有「发布流程」权限的人办"
    )


def test_an_administrator_elsewhere_keeps_no_text_in_a_draft_of_ours(cast: Cast):
    draft = drafted(cast)

    told = refusal_of(lambda: draft_flow(cast.he, cast.hn, source="x", draft=draft, seen=digest_of(SECOND)))

    assert told == Refusal("写流程要由系统管理员办")


def test_only_who_wrote_a_draft_changes_and_proposes_it(cast: Cast):
    draft = drafted(cast)
    give_role(None, cast.wu, cast.jz, "administrator", source="在职")
    others = Refusal("这份草稿是郑洁写的，只有本人可以改和送审")
    seen = digest_of(SECOND)

    assert refusal_of(lambda: draft_flow(cast.wu, cast.jz, source="x", draft=draft, seen=seen)) == others
    assert refusal_of(lambda: propose_flow(cast.wu, draft, seen=seen, words=WORDS)) == others
    assert discard_flow(cast.wu, draft).state == "discarded"


@pytest.mark.parametrize(
    "source", ["", "flow: [", "\tx: 1\n", "  \n# 全是说明\n", "a: &a b\n", "\x07", "steps: 甲\n\n\n"]
)
def test_whatever_was_typed_is_kept_to_the_letter_with_all_its_faults(cast: Cast, source: str):
    draft = drafted(cast, source)

    assert FlowDraft.objects.get(id=draft.id).source == source


def test_ends_of_lines_are_line_feeds(cast: Cast):
    assert drafted(cast, "a\r\nb\rc\n").source == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a\0", "流程里有存不下来的控制字符。删去后再保存"),
        ("a\ud800", "流程里有存不下来的控制字符。删去后再保存"),
        ("字" * 60_001, "流程有 60001 字，最多 60000 字。删短后再保存"),
    ],
)
def test_what_no_database_could_keep_is_refused(cast: Cast, source: str, reason: str):
    install_flow(cast.jz, FIRST)

    assert refusal_of(lambda: draft_flow(cast.zheng, cast.jz, source=source)) == Refusal(reason, field="source")


def test_a_draft_kept_in_another_window_is_not_overwritten(cast: Cast):
    draft = drafted(cast)
    draft_flow(cast.zheng, cast.jz, source=FIRST, draft=draft, seen=digest_of(SECOND))

    told = refusal_of(lambda: draft_flow(cast.zheng, cast.jz, source="x", draft=draft, seen=digest_of(SECOND)))

    assert told == Refusal("这份草稿在别的窗口里改过。您写的还在，先看新内容再保存", field="source")


@pytest.mark.parametrize(
    ("steps", "reason", "clause"),
    [
        ("  - {key: b, title: 乙, who: role(leeder)}\n", "第 6 行：步骤 b 的 role(leeder) 不存在。", "CHG-1"),
        ("  - {key: b, title: 乙}\n", "第 6 行：步骤 b 要么写 who，要么写 auto", "CHG-1"),
        ("  - {key: b, title: 乙, who: role(leader), not_also: [check]}\n",
         "第 6 行：「乙」要 1 人，除去办过「复核」的人，只剩 0 人", "CHG-1"),
        ("x: [\n", "第 7 行不是合法的 YAML。改正后再发布", "CHG-1"),
    ],
)  # fmt: skip
def test_a_draft_with_a_fault_is_kept_and_not_proposed(cast: Cast, steps: str, reason: str, clause: str):
    draft = drafted(cast, SECOND + steps)

    told = refusal_of(lambda: propose_flow(cast.zheng, draft, seen=digest_of(SECOND + steps), words=WORDS))

    assert (told.reason[: len(reason)], told.clause, told.field, told.changed) == (reason, clause, "source", ())


def test_a_proposal_says_what_changes_and_why(cast: Cast):
    draft = drafted(cast)

    told = refusal_of(lambda: propose_flow(cast.zheng, draft, seen=digest_of(SECOND), words="  "))

    assert told == Refusal("改了什么、为什么没有填写。填好后再提交", field="words")


def test_what_is_proposed_and_published_is_what_the_page_showed(cast: Cast):
    stale = Refusal("草稿在您打开页面之后已改。看过新内容再办", field="source")
    draft = drafted(cast)

    assert refusal_of(lambda: propose_flow(cast.zheng, draft, seen=digest_of(FIRST), words=WORDS)) == stale
    draft = propose_flow(cast.zheng, draft, seen=digest_of(SECOND), words=WORDS)
    assert refusal_of(lambda: publish_flow(cast.zhao, draft, digest=digest_of(FIRST))) == stale
    assert refusal_of(lambda: reject_flow(cast.zhao, draft, digest=digest_of(FIRST), words="不妥。")) == stale


def test_a_proposal_that_its_author_changes_is_a_draft_again_and_the_old_one_cannot_be_published(cast: Cast):
    draft = proposed(cast)
    third = SECOND + "# 说明\n"

    draft_flow(cast.zheng, cast.jz, source=third, draft=draft, seen=digest_of(SECOND))

    not_there = Refusal("这份草稿不在待发布。可能已收回、退回或发布")
    assert refusal_of(lambda: publish_flow(cast.zhao, draft, digest=digest_of(SECOND))) == not_there
    assert [one["data"]["digest"] for one in said("process.flow_taken_back")] == [digest_of(SECOND)]
    again = propose_flow(cast.zheng, draft, seen=digest_of(third), words=WORDS)
    assert publish_flow(cast.zhao, again, digest=digest_of(third)).source == third


def test_a_text_changed_behind_the_actions_is_not_published(cast: Cast):
    draft = proposed(cast)
    FlowDraft.objects.filter(id=draft.id).update(source=SECOND + "# 悄悄加的\n")

    told = refusal_of(lambda: publish_flow(cast.zhao, draft, digest=digest_of(SECOND)))

    assert told == Refusal("草稿在您打开页面之后已改。看过新内容再办", field="source")


def test_a_draft_never_undoes_a_version_that_came_between(cast: Cast):
    draft, between = proposed(cast), SECOND.replace("复核", "终审")
    other = draft_flow(cast.zheng, cast.jz, source=between, base=draft.base)
    other = propose_flow(cast.zheng, other, seen=digest_of(between), words=WORDS)
    publish_flow(cast.zhao, other, digest=other.digest)

    told = refusal_of(lambda: publish_flow(cast.zhao, draft, digest=draft.digest))
    assert told == Refusal("已有第 2 版，这份草稿是按第 1 版写的", "CHG-1", "source")

    newest = flow_actions.newest(cast.jz, "test.flow")
    seen = digest_of(SECOND)
    draft = draft_flow(cast.zheng, cast.jz, source=SECOND, draft=draft, base=newest, seen=seen)
    draft = propose_flow(cast.zheng, draft, seen=seen, words=WORDS)
    assert publish_flow(cast.zhao, draft, digest=seen).number == 3


def test_a_new_flow_from_nothing_has_no_base_and_an_existing_key_needs_one(cast: Cast):
    install_flow(cast.jz, FIRST)
    own = SECOND.replace("test.flow", "test.other")
    draft = draft_flow(cast.zheng, cast.jz, source=own)
    draft = propose_flow(cast.zheng, draft, seen=digest_of(own), words=WORDS)
    assert publish_flow(cast.zhao, draft, digest=digest_of(own)).number == 1

    same = draft_flow(cast.zheng, cast.jz, source=SECOND)
    told = refusal_of(lambda: propose_flow(cast.zheng, same, seen=digest_of(SECOND), words=WORDS))
    assert told == Refusal("已有第 1 版，这份草稿不是按它写的", "CHG-1", "source")


def test_a_text_that_is_a_version_already_is_none_anew(cast: Cast):
    draft = drafted(cast, FIRST)

    told = refusal_of(lambda: propose_flow(cast.zheng, draft, seen=digest_of(FIRST), words=WORDS))

    assert told == Refusal("与第 1 版一字不差", field="source")


def test_one_sent_back_carries_the_reason_and_can_be_mended(cast: Cast):
    draft = reject_flow(cast.zhao, proposed(cast), digest=digest_of(SECOND), words="名称与制度不一致。")

    assert (draft.state, draft.answer, draft.decided_by) == ("rejected", "名称与制度不一致。", cast.zhao)
    assert [one["data"]["words"] for one in said("process.flow_rejected")] == ["名称与制度不一致。"]
    again = draft_flow(cast.zheng, cast.jz, source=SECOND + "# 改\n", draft=draft, seen=digest_of(SECOND))
    assert again.state == "draft"


def test_what_was_published_or_given_up_stays_as_it_is(cast: Cast):
    over = Refusal("这份草稿已经发布或放弃，不能再改")
    published = proposed(cast)
    publish_flow(cast.zhao, published, digest=published.digest)
    given_up = discard_flow(cast.zheng, draft_flow(cast.zheng, cast.jz, source="x"))

    for draft in (published, given_up):
        seen = digest_of(draft.source)
        assert refusal_of(lambda d=draft, s=seen: draft_flow(cast.zheng, cast.jz, source="y", draft=d, seen=s)) == over
        assert refusal_of(lambda d=draft, s=seen: propose_flow(cast.zheng, d, seen=s, words=WORDS)) == over
        assert refusal_of(lambda d=draft: discard_flow(cast.zheng, d)) == over


def test_who_can_publish_hears_of_a_proposal_and_its_author_of_the_end(cast: Cast):
    draft = proposed(cast)
    first = list(Notice.objects.order_by("id").values_list("person__name", "title", "link"))
    publish_flow(cast.zhao, draft, digest=draft.digest)

    assert first == [("赵立新", "待您发布：流程「试验」，郑洁 送审", f"/flows/drafts/{draft.uid}/")]
    last = Notice.objects.order_by("-id").first()
    version = FlowVersion.objects.get(number=2)
    assert (last.person, last.title, last.link) == (
        cast.zheng, "流程「试验」已由 赵立新 发布", f"/flows/{version.uid}/",
    )  # fmt: skip
