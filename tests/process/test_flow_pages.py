"""The pages of flows: list, version, comparison, the editor with its faults, a second person's decision."""

import re
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.support.unchanged import every_row
from weilu.demo import FLOWS
from weilu.process.drafted import FlowDraft
from weilu.process.flow_actions import draft_flow, install_flow, propose_flow, publish_flow
from weilu.process.models import FlowVersion

pytestmark = pytest.mark.django_db
NORMAL = (FLOWS / "normal.yaml").read_text("utf-8")
NEXT = NORMAL.replace("title: 方案确认", "title: 方案复核").replace("hours: 16", "hours: 8", 1)
WRONG = NORMAL.replace("role(leader)", "role(leeder)")


def digest_of(source: str) -> str:
    return sha256(source.encode()).hexdigest()


def client_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def first(cast: Cast) -> FlowVersion:
    return FlowVersion.objects.get(owner=cast.jz, key="changes.normal", number=1)


def drafted(cast: Cast, source: str = NEXT) -> FlowDraft:
    return draft_flow(cast.zheng, cast.jz, source=source, base=first(cast))


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_an_administrator_begins_with_the_newest_text_keeps_faults_and_sees_them_at_their_line(cast: Cast):
    client = client_of(cast.zheng)
    client.post(f"/flows/{first(cast).uid}/draft")
    draft = FlowDraft.objects.get()
    assert (draft.source, draft.base) == (NORMAL, first(cast))

    page = f"/flows/drafts/{draft.uid}/"
    answer = client.post(page, {"act": "save", "source": WRONG.replace("\n", "\r\n"), "seen": digest_of(NORMAL)})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.source == WRONG

    line = 1 + NORMAL[: NORMAL.index("key: confirm")].count("\n")
    shown = client.get(page)
    assert f'data-goto="{line}"' in shown.content.decode()
    assert f'data-lines="{line}"' in shown.content.decode()
    assert f"第 {line} 行：步骤 confirm 的 role(leeder) 不存在" in text_of(shown)


def test_checking_keeps_nothing_and_tells_faults_chart_differences_and_who_would_get_it(cast: Cast):
    draft, client = drafted(cast, NORMAL), client_of(cast.zheng)
    before = every_row()

    shown = client.post(f"/flows/drafts/{draft.uid}/check", {"source": NEXT})
    wrong = client.post(f"/flows/drafts/{draft.uid}/check", {"source": "flow: [\n"})

    said = text_of(shown)
    assert "没有错，可以送审" in said
    assert "改动 方案确认" not in said
    assert "名称 方案确认 → 方案复核" in said
    assert "时限 16 工作小时 → 8 工作小时" in said
    assert "谁会收到？" in said
    assert '<svg class="flow-chart"' in shown.content.decode()
    assert "第 2 行不是合法的 YAML" in text_of(wrong)
    assert every_row() == before


def test_the_text_typed_stays_on_the_page_when_an_act_is_turned_down(cast: Cast):
    draft, client = drafted(cast, NORMAL), client_of(cast.zheng)

    answer = client.post(
        f"/flows/drafts/{draft.uid}/",
        {"act": "propose", "source": WRONG, "seen": digest_of(NORMAL), "words": "换领导。"},
    )

    assert answer.status_code == 409
    assert "role(leeder)" in answer.context["source"]
    assert "换领导。" in answer.content.decode()
    draft.refresh_from_db()
    assert (draft.state, draft.source) == ("draft", WRONG)


def test_a_stale_window_overwrites_nothing_and_keeps_what_it_holds(cast: Cast):
    draft, client = drafted(cast, NORMAL), client_of(cast.zheng)
    page = f"/flows/drafts/{draft.uid}/"
    client.post(page, {"act": "save", "source": NEXT, "seen": digest_of(NORMAL)})

    answer = client.post(page, {"act": "save", "source": WRONG, "seen": digest_of(NORMAL)})

    assert (answer.status_code, answer.context["source"]) == (409, WRONG)
    draft.refresh_from_db()
    assert draft.source == NEXT


def test_a_second_person_sees_what_changed_and_publishes_it(cast: Cast):
    draft = drafted(cast)
    page = f"/flows/drafts/{draft.uid}/"
    form = {"act": "propose", "source": NEXT, "seen": digest_of(NEXT), "words": "缩短时限。"}
    assert client_of(cast.zheng).post(page, form).status_code == 302

    own, other = client_of(cast.zheng).get(page), client_of(cast.zhao).get(page)
    assert "在等 赵立新" in text_of(own)
    assert "发布这一版" not in text_of(own)
    assert {"缩短时限。", "发布这一版"} <= {word for word in ("缩短时限。", "发布这一版") if word in text_of(other)}
    answer = client_of(cast.zhao).post(page, {"act": "publish", "digest": digest_of(NEXT)})

    version = FlowVersion.objects.get(owner=cast.jz, number=2)
    assert answer["Location"] == f"/flows/{version.uid}/"
    record = text_of(client_of(cast.wang).get(f"/flows/{version.uid}/"))
    assert "谁写的 郑洁 谁发布 赵立新" in record
    assert version.digest in record
    assert "名称 方案确认 → 方案复核" in record


def test_a_second_person_sends_it_back_with_the_reason(cast: Cast):
    draft = propose_flow(cast.zheng, drafted(cast), seen=digest_of(NEXT), words="缩短时限。")
    page = f"/flows/drafts/{draft.uid}/"

    client_of(cast.zhao).post(page, {"act": "reject", "digest": digest_of(NEXT), "words": "太短。"})

    assert "赵立新 没有通过：太短。" in text_of(client_of(cast.zheng).get(page))


@pytest.mark.parametrize(("act", "reason"), [("publish", "发布流程要由有"), ("discard", "写流程要由系统管理员办")])
def test_who_may_only_read_decides_nothing(cast: Cast, act: str, reason: str):
    draft = propose_flow(cast.zheng, drafted(cast), seen=digest_of(NEXT), words="缩短时限。")
    before = every_row()

    answer = client_of(cast.wang).post(f"/flows/drafts/{draft.uid}/", {"act": act, "digest": digest_of(NEXT)})

    assert (answer.status_code, reason in text_of(answer)) == (409, True)
    assert every_row() == before


def test_a_vendors_person_reads_by_grant_and_a_stranger_finds_nothing(cast: Cast):
    draft = drafted(cast)
    paths = [f"/flows/{first(cast).uid}/", f"/flows/drafts/{draft.uid}/", f"/flows/{first(cast).uid}/compare"]

    assert [client_of(cast.chen).get(path).status_code for path in paths] == [200, 200, 200]
    assert [client_of(cast.sun).get(path).status_code for path in paths] == [404, 404, 404]
    assert "江州" not in text_of(client_of(cast.sun).get("/flows/"))


def test_any_two_versions_are_compared_older_left(cast: Cast):
    one, draft = first(cast), propose_flow(cast.zheng, drafted(cast), seen=digest_of(NEXT), words="缩短。")
    two = publish_flow(cast.zhao, draft, digest=draft.digest)
    client = client_of(cast.wang)

    for page in (f"/flows/{one.uid}/compare?with={two.uid}", f"/flows/{two.uid}/compare?with={one.uid}"):
        said = text_of(client.get(page))
        assert "第 1 版与第 2 版" in said
        assert "方案确认 → 方案复核" in said
    assert "两版一字不差" in text_of(client.get(f"/flows/{one.uid}/compare?with={one.uid}"))
    assert client.get(f"/flows/{one.uid}/compare?with={first_of_others(cast).uid}").status_code == 400


def first_of_others(cast: Cast) -> FlowVersion:
    return install_flow(cast.jz, NORMAL.replace("changes.normal", "changes.other"))


def test_the_list_asks_as_often_for_one_version_as_for_three(cast: Cast):
    client = client_of(cast.zheng)
    client.get("/flows/")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/flows/").status_code == 200
        return len(queries)

    one = asked()
    for number in range(2):
        base = FlowVersion.objects.filter(owner=cast.jz).order_by("-number").first()
        source = NORMAL + f"# {number}\n"
        draft = draft_flow(cast.zheng, cast.jz, source=source, base=base)
        publish_flow(
            cast.zhao, propose_flow(cast.zheng, draft, seen=digest_of(source), words="改。"), digest=digest_of(source)
        )
        drafted(cast)
    assert asked() == one
