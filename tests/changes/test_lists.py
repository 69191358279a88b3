"""My work for real use: filters, counts, following, columns, workbooks, and signing several at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_change
from tests.changes.steps import bring, item_of, sign_as, signed_in
from tests.support.unchanged import refusal_of
from weilu.accounts.models import Person
from weilu.changes.models import Change
from weilu.evidence.actions import stage
from weilu.kernel.times import now
from weilu.process import columns, lists
from weilu.process.actions import record_fact
from weilu.process.filters import Filters, read_filters
from weilu.process.kept import Columns, SavedFilter, Watch
from weilu.process.list_actions import choose_columns, drop_filter, save_filter, unwatch_item, watch_item
from weilu.process.models import Opinion, Seat, WorkItem
from weilu.systems.models import Installation


def titles(person: Person, name: str, **narrowed: str) -> list[str]:
    return [row.item.title for row in lists.rows(person, name, Filters(**narrowed))]


def test_each_list_holds_its_own(cast: Cast, three: list[Change]):
    watch_item(cast.wu, three[1].item)

    assert titles(cast.wang, "todo") == ["第一项"]
    assert titles(cast.chen, "todo") == ["第二项", "第三项"]
    assert titles(cast.chen, "done") == ["第一项"]
    assert titles(cast.wang, "mine") == ["第三项", "第二项", "第一项"]
    assert titles(cast.wu, "watched") == ["第二项"]
    assert titles(cast.wu, "all") == ["第三项", "第二项", "第一项"]
    assert lists.counts(cast.wu) == {"todo": 0, "done": 0, "mine": 0, "watched": 1}
    for name in lists.LISTS:
        assert titles(cast.sun, name) == []


def test_an_item_one_has_spoken_in_twice_stands_once_among_the_done(cast: Cast, three: list[Change]):
    sign_as(cast, three[0], "wang")

    assert Opinion.objects.filter(person=cast.wang, item=three[0].item).count() == 2
    assert titles(cast.wang, "done") == ["第一项", "第三项", "第二项"]
    assert lists.counts(cast.wang)["done"] == 3


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({}, 3),
        ({"kind": "change"}, 3),
        ({"priority": "urgent"}, 1),
        ({"state": "open"}, 3),
        ({"state": "closed"}, 0),
        ({"due": "overdue"}, 1),
        ({"due": "week", "priority": "normal"}, 2),
    ],
)
def test_filters_narrow_every_list(cast: Cast, three: list[Change], narrowed: dict[str, str], found: int):
    WorkItem.objects.filter(id=three[2].item_id).update(priority="urgent", due_at=now() - timedelta(hours=1))

    assert len(titles(cast.zhou, "all", **narrowed)) == found


def test_a_system_narrows_to_its_items_and_a_hidden_one_to_nothing(cast: Cast, three: list[Change]):
    system = str(three[0].item.system.uid)

    assert len(titles(cast.chen, "todo", system=system)) == 2
    assert titles(cast.sun, "all", system=system) == []
    assert titles(cast.chen, "todo", system="00000000-0000-0000-0000-000000000000") == []


@pytest.mark.parametrize("query", ["kind=x", "due=never", "priority=1", "state=%00", "system=x", "tab=x", "tab=all"])
def test_a_filter_no_chip_offers_is_a_bad_request(cast: Cast, query: str):
    client = signed_in(cast.wang)

    assert client.get(f"/?{query}").status_code == 400
    assert client.get(f"/lists.xlsx?{query}").status_code == (200 if query == "tab=all" else 400)


@pytest.mark.parametrize("name", ["todo", "done", "mine", "watched", "all"])
def test_every_list_goes_on_by_key_without_a_gap(cast: Cast, installation: Installation, name: str):
    person = cast.chen if name == "todo" else cast.wang
    for number in range(5):
        watch_item(cast.wang, make_change(cast, installation, f"第 {number} 项").item)
    Seat.objects.update(due_at=now())  # all at one instant: the key alone decides
    whole = [row.item.id for row in lists.rows(person, name)]
    paged: list[int] = []
    after = ""
    while page := lists.rows(person, name, after=after, limit=2):
        paged += [row.item.id for row in page]
        after = page[-1].cursor

    assert len(whole) == 5
    assert paged == whole


@pytest.mark.parametrize("address", ["/", "/?tab=done", "/?tab=mine", "/?tab=watched", "/items/", "/search?q=第"])
def test_a_list_asks_the_same_for_one_row_and_for_three(cast: Cast, installation: Installation, address: str):
    client = signed_in(cast.wang)

    def add(title: str) -> None:
        change = bring(cast, make_change(cast, installation, title), "need")
        watch_item(cast.wang, change.item)

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as said:
            assert client.get(address).status_code == 200
        return len(said)

    add("第一项")
    asked()
    one = asked()
    add("第二项")
    add("第三项")

    assert asked() == one


def test_gates_are_counted_on_the_row(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    row = lists.rows(cast.zhou, "todo")
    assert lists.gates_of_rows(row) == {change.item_id: lists.Gates(1, 1)}
    assert "关口 1/1" in signed_in(cast.zhou).get("/").content.decode()

    close_gate(change)

    assert lists.gates_of_rows(row) == {change.item_id: lists.Gates(0, 1)}
    assert "关口 0/1" in signed_in(cast.zhou).get("/").content.decode()


def close_gate(change: Change) -> None:
    from django.db import transaction

    item = item_of(change)
    with transaction.atomic():
        ref = stage("test", {}, actor="test", org="JZ", item=str(item.uid))
        record_fact(item, "integrity.verified", item.subject, False, "不符", "test", ref)


def test_signing_several_signs_exactly_what_was_shown(cast: Cast, three: list[Change]):
    """One is ready, one asks for a form, one moved on since the list was opened, one belongs to nobody here."""
    bring(cast, three[1], "need")
    client = signed_in(cast.wang)
    bring(cast, three[2], "need")
    page = client.get("/").content.decode()
    shown = [line.picked for line in client.get("/").context["rows"]]
    assert (len(shown), page.count('name="item"')) == (3, 3)
    sign_as(cast, three[1], "li")  # the countersign goes on: another turn? the act of 李 leaves its mark
    WorkItem.objects.filter(id=three[1].item_id).update(turn=99)

    checked = client.post("/bulk", {"item": shown})
    assert [why for _line, _picked, why in checked.context["checked"]].count("") == 2
    assert "您打开列表之后已有变动" in checked.content.decode()

    done = client.post("/bulk/sign", {"item": shown, "words": "同意"})

    assert done.context["signed"] == 2
    outcome = {item.title: problem and problem.reason for item, _url, problem in done.context["results"]}
    assert outcome["第一项"] is None
    assert outcome["第三项"] is None
    assert "变动" in outcome["第二项"]
    said = Opinion.objects.filter(person=cast.wang, visit__step="need").values_list("item__title", "words")
    assert sorted(said) == [("第一项", "同意"), ("第三项", "同意")]


def test_a_closed_gate_keeps_an_item_out_also_when_it_is_sent_all_the_same(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    close_gate(change)
    client = signed_in(cast.zhou)
    picked = [line.picked for line in client.get("/").context["rows"]]

    checked = client.post("/bulk", {"item": picked})
    assert [why for *_rest, why in checked.context["checked"]] == ["还差 1 项关口"]
    assert checked.context["ready"] == []
    before = Opinion.objects.count()
    done = client.post("/bulk/sign", {"item": picked})

    assert (done.context["signed"], Opinion.objects.count(), item_of(change).step) == (0, before, "plan_check")


def test_a_form_is_never_signed_with_others(cast: Cast, three: list[Change]):
    client = signed_in(cast.chen)
    picked = [line.picked for line in client.get("/").context["rows"]]

    done = client.post("/bulk/sign", {"item": picked})

    assert done.context["signed"] == 0
    assert {item_of(one).step for one in three[1:]} == {"analysis"}


@pytest.mark.parametrize("value", ["", "x", "x:1:", "::", "00000000-0000-0000-0000-000000000000:1e9:"])
def test_what_no_row_offers_is_a_bad_request(cast: Cast, value: str):
    assert signed_in(cast.wang).post("/bulk", {"item": value}).status_code == 400


def test_a_stranger_signs_nothing_of_ours(cast: Cast, three: list[Change]):
    item = item_of(three[0])
    before = Opinion.objects.count()

    done = signed_in(cast.sun).post("/bulk/sign", {"item": f"{item.uid}:{item.turn}:"})

    assert (done.context["results"], Opinion.objects.count()) == ([], before)


def test_following_lists_an_item_until_one_follows_no_longer(cast: Cast, three: list[Change]):
    client, item = signed_in(cast.wu), three[0].item
    assert client.post(f"/items/{item.uid}/watch", {"on": "1"}).status_code == 302
    watch_item(cast.wu, item)
    assert Watch.objects.filter(person=cast.wu).count() == 1
    assert "取消关注" in client.get(f"/changes/{item.uid}/").content.decode()

    unwatch_item(cast.wu, item)

    assert titles(cast.wu, "watched") == []


def test_a_saved_filter_is_one_s_own_until_it_is_shared(cast: Cast, three: list[Change]):
    save_filter(cast.chen, title="紧急", tab="todo", query="priority=urgent")
    assert [one.title for one in SavedFilter.objects.usable_by(cast.zhou)] == []

    shared = save_filter(cast.zhao, title="本周", tab="todo", query="due=week", shared=True)

    assert [one.title for one in SavedFilter.objects.usable_by(cast.wang)] == ["本周"]
    assert [one.title for one in SavedFilter.objects.usable_by(cast.zhou)] == []  # another organisation
    assert "本周" in signed_in(cast.wang).get("/").content.decode()
    reason = refusal_of(lambda: drop_filter(cast.wang, shared))
    assert "只有本人可以删" in reason.reason
    drop_filter(cast.zhao, shared)
    assert [one.title for one in SavedFilter.objects.usable_by(cast.wang)] == []


def test_the_same_title_again_replaces_the_filter(cast: Cast):
    save_filter(cast.chen, title="我的", tab="todo", query="due=today")
    save_filter(cast.chen, title="我的", tab="todo", query="priority=urgent&due=week&x=1")

    assert list(SavedFilter.objects.values_list("title", "query")) == [("我的", "priority=urgent&due=week")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"title": ""}, "名称没有填写"),
        ({"title": "长" * 21}, "最多 20 字"),
        ({"query": ""}, "还没有选筛选条件"),
        ({"query": "due=never"}, "还没有选筛选条件"),
        ({"tab": "x"}, "还没有选筛选条件"),
        ({"shared": True}, "共享筛选"),
    ],
)
def test_a_filter_that_cannot_be_kept_is_refused(cast: Cast, given: dict[str, Any], said: str):
    fields = {"title": "我的", "tab": "todo", "query": "due=today"} | given

    assert said in refusal_of(lambda: save_filter(cast.chen, **fields)).reason
    assert not SavedFilter.objects.exists()


def test_there_is_an_end_to_filters(cast: Cast):
    for number in range(20):
        save_filter(cast.chen, title=f"第 {number} 个", tab="todo", query="due=today")

    assert (
        "最多保存 20 个"
        in refusal_of(lambda: save_filter(cast.chen, title="再一个", tab="todo", query="due=today")).reason
    )
    save_filter(cast.chen, title="第 3 个", tab="todo", query="due=week")


def test_columns_are_each_person_s_own(cast: Cast, three: list[Change]):
    choose_columns(cast.wang, ["requester", "system"])

    assert [one.key for one in columns.chosen(cast.wang)] == ["system", "requester"]
    assert [one.key for one in columns.chosen(cast.zhao)] == list(columns.USUAL)
    page = signed_in(cast.wang).get("/items/").content.decode().split("<tbody>")[1]
    assert ("w-requester" in page, "w-clock" in page) == (True, False)
    assert "没有这样的列" in refusal_of(lambda: choose_columns(cast.wang, ["system", "x"])).reason
    assert Columns.objects.get(person=cast.wang).names == ["system", "requester"]


def test_the_page_counts_what_each_chip_would_show(cast: Cast, three: list[Change]):
    WorkItem.objects.filter(id=three[2].item_id).update(priority="urgent")
    save_filter(cast.chen, title="紧急的", tab="todo", query="priority=urgent")

    chips = signed_in(cast.chen).get("/").context["chips"]

    assert [(chip.title, chip.count, chip.on) for chip in chips] == [
        ("全部待办", 2, True), ("今天到期", 0, False), ("紧急的", 1, False),
    ]  # fmt: skip


def test_an_item_knows_its_place_and_the_next_one_opens_after_signing(cast: Cast, three: list[Change]):
    for change in three[1:]:
        bring(cast, change, "need")
    first, second, third = (item_of(change) for change in three)
    place = lists.place_of(cast.wang, second)
    assert (place.place, place.total, place.previous, place.next) == (
        2, 3, (first.uid, "change"), (third.uid, "change"),
    )  # fmt: skip
    client = signed_in(cast.wang)
    assert "待办第 2 项，共 3 项" in client.get(f"/changes/{second.uid}/").content.decode()

    answer = client.post(f"/changes/{first.uid}/sign", {"turn": first.turn, "subject": "", "words": ""})

    assert answer["Location"] == f"/changes/{second.uid}/"


def test_filters_are_read_back_as_they_were_written():
    filters = read_filters({"due": "today", "kind": "change", "tab": "x"})
    assert (filters.query, filters) == ("kind=change&due=today", Filters(kind="change", due="today"))
    with pytest.raises(ValueError, match="never"):
        read_filters({"due": "never"})


def test_the_api_has_the_same_lists_and_filters(cast: Cast, three: list[Change]):
    client = signed_in(cast.wang)

    found = client.get("/api/v1/items?list=mine&state=open&due=week").json()["items"]

    assert [row["title"] for row in found] == ["第三项", "第二项", "第一项"]
    assert client.get("/api/v1/items?list=mine&due=never").status_code == 400
    assert (
        client.post(
            "/api/v1/process/save_filter",
            {"title": "t", "tab": "todo", "query": "due=today"},
            content_type="application/json",
        ).status_code
        == 200
    )
    assert [one["title"] for one in client.get("/api/v1/filters").json()] == ["t"]


def test_what_people_wrote_is_text_on_every_list(cast: Cast, installation: Installation):
    change = make_change(cast, installation, "<b>升级</b>&amp;\"'")
    watch_item(cast.wang, change.item)
    choose_columns(cast.wang, list(columns.COLUMNS))
    client = signed_in(cast.wang)

    for address in ("/?tab=mine", "/?tab=watched", "/items/", "/search?q=升级"):
        page = client.get(address).content.decode()
        assert "&lt;b&gt;升级&lt;/b&gt;&amp;amp;&quot;&#x27;" in page, address
        assert "<b>升级" not in page
