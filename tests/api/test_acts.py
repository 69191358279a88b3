"""The API by its description: problem+json for every refusal, a sentence for every bad body, never a 500."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.api.conftest import Told
from tests.api.walk import addresses, operations
from tests.cast import plan_fields
from tests.changes.steps import bring, item_of
from tests.support.unchanged import every_row
from weilu.accounts.tokens import make_token
from weilu.demo import PASSWORD
from weilu.evidence.looks import Look
from weilu.kernel.actions import ACTIONS
from weilu.kernel.times import SHANGHAI, now
from weilu.records.models import RecordSheet

JSON = "application/json"


def signed_in(person: Any, **more: Any) -> Client:
    client = Client(raise_request_exception=False, **more)
    client.force_login(person)
    return client


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    given = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(f"/api/v1/{path}", given, content_type=JSON, **headers)


def problem(answer: Any) -> tuple[int, str, str | None]:
    """Status, reason and clause of a problem, whose shape is checked on the way."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert set(said) - {"number"} == {"reason", "clause", "help"}
    assert isinstance(said["help"], str)
    return answer.status_code, said["reason"], said["clause"]


def paths() -> list[str]:
    return [path.removeprefix("/api/v1/") for path, _schema in operations(Client().get("/api/v1/openapi.json").json())]


def test_every_action_is_one_operation_and_every_operation_one_action():
    assert sorted(paths()) == sorted(name.replace(".", "/") for name in ACTIONS)


def test_no_address_hides_an_operation():
    """`/changes/{uid}` once swallowed `/changes/submit_plan`: each path leads to a view that takes POST."""
    client = Client()
    assert {path: client.post(f"/api/v1/{path}").status_code for path in paths()} == dict.fromkeys(paths(), 401)
    views = [route for route, _view in addresses() if route.startswith("api/")]
    assert len(views) == len(set(views))


def test_a_change_goes_its_way_by_the_api_alone(cast, change):
    def act(who: str, path: str, **more: Any) -> dict[str, Any]:
        client = signed_in(getattr(cast, who))
        shown = client.get(f"/api/v1/changes/{change.item.uid}").json()
        body = {"item": shown["uid"], "turn": shown["turn"], "subject": shown["subject"]} | more
        answer = post(client, path, body)
        assert answer.status_code == 200, answer.content.decode()
        return dict(answer.json())

    act("chen", "changes/submit_analysis", feasible=True, analysis="可行。", need="备注 200 字。")
    act("wang", "process/sign_step")
    act("li", "process/return_item", to="analysis", words="再短些。")
    act("chen", "changes/submit_analysis", feasible=True, analysis="可行。", need="备注 100 字。")
    act("wang", "process/sign_step")
    act("li", "process/sign_step")
    fields = plan_fields()
    window = {key: fields[key].isoformat() for key in ("window_from", "window_to")}  # type: ignore[attr-defined]
    act("chen", "changes/submit_plan", **(fields | window))
    for who in ("zhou", "zhao", "qian", "wu"):
        act(who, "process/sign_step", words="同意。")
    run = act("chen", "changes/order_upgrade")

    assert run["number"] == f"JZ-R-{item_of(change).opened_at:%Y}-0001"
    shown = signed_in(cast.wang).get(f"/api/v1/changes/{change.item.uid}").json()
    assert (shown["step"], len(shown["needs"]), [one["state"] for one in shown["runs"]]) == ("release", 3, ["queued"])
    assert post(signed_in(cast.chen), "execution/cancel_run", {"run": run["uid"]}).json() == run
    before = every_row()
    answer = post(signed_in(cast.chen), "execution/answer_step", {"run": run["uid"], "answer": "done"})
    assert problem(answer) == (409, "这次执行没有在等人判断", None)
    assert every_row() == before


def test_a_sheet_is_signed_by_the_api(cast, change):
    from tests.records.builders import STROKES

    bring(cast, change, "sheet")
    sheet = RecordSheet.objects.get(item=change.item)
    body = {"sheet": str(sheet.uid), "password": PASSWORD, "digest": sheet.digest, "strokes": STROKES}
    said = {"side": "customer", "opinion": "好。", "satisfaction": "satisfied", "acceptance": "accepted"}
    broken = post(signed_in(cast.wang), "records/sign_sheet", body | said | {"password": "wrong\ud800"})
    assert problem(broken) == (400, "这个请求读不懂", None)
    wrong = post(signed_in(cast.wang), "records/sign_sheet", body | said | {"password": "wrong\x00"})
    assert problem(wrong) == (409, "工号或密码不对，还可试 4 次。之后会锁定", None)

    assert post(signed_in(cast.wang), "records/sign_sheet", body | said).status_code == 200
    assert post(signed_in(cast.chen), "records/sign_sheet", body | {"side": "vendor"}).status_code == 200
    assert item_of(change).state == "closed"


def test_a_refusal_names_reason_clause_and_help(told: Told):
    before = every_row()
    item = told.open.item
    body = {"item": str(item.uid), "turn": item_of(told.open).turn, "subject": item_of(told.open).subject}

    assert problem(post(signed_in(told.cast.zhou), "process/sign_step", body)) == (
        409, "这一步不能由您签：「方案确认」是您办的", "ROL-1",
    )  # fmt: skip
    stale = post(signed_in(told.cast.wu), "process/sign_step", body | {"turn": 0})
    assert problem(stale) == (409, "工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交", "CHG-1")
    other = post(signed_in(told.cast.wu), "process/sign_step", body | {"subject": "0" * 64})
    assert problem(other)[0] == 409
    assert every_row() == before


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", '"x"', "1", "{}", '{"item": 1}', '{"item": "x", "turn": "y"}', b"\xff\xfe",
        '{"item": "00000000-0000-0000-0000-000000000000", "turn": 1e400}', "[" * 100_000,
        '{"item": {"$ne": 1}, "turn": [], "subject": null, "words": {}}', '{"a":' * 50_000,
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_gets_a_sentence_from_every_operation(told: Told, body: Any):
    client, before = signed_in(told.cast.zheng), every_row("Notice")
    for path in paths():
        if path in ("notify/mark_all_read", "accounts/end_other_visits"):
            continue
        status, reason, clause = problem(post(client, path, body))
        assert (status in (400, 422), clause, reason.endswith("调用") or reason == "这个请求读不懂") == (
            True,
            None,
            True,
        ), path
    assert every_row("Notice") == before


NASTY = ["\x00", "\ud800", "字" * 100_000, "", "　", "<script>", "../..", "http://[", "http://a:99999999/", "%00"]


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_of_the_right_type_are_refused_or_kept_and_never_break(told: Told, text: str):
    """Whoever may do most sends each text in every field of every operation."""
    document = Client().get("/api/v1/openapi.json").json()
    uids = told.uids
    known = {
        "item": uids["open item"], "run": uids["run"], "sheet": uids["sheet"], "system": uids["system"],
        "installation": uids["installation"], "notice": uids["notice"], "token": uids["token"], "required": False,
        "overtime": uids["overtime"], "document": uids["document"], "version": uids["version"],
        "template": uids["version"],
    }  # fmt: skip
    for who in ("wang", "chen", "zheng"):  # 郑 can let the others go
        client = signed_in(getattr(told.cast, who))
        for path, schema in operations(document):
            fields = schema.get("properties", {})
            body = {name: _nasty(name, field, text, known) for name, field in fields.items()}
            codes = {post(client, path.removeprefix("/api/v1/"), body).status_code}
            for named in ({"owner": "JZ"}, {"owner": "JZ", "person": "wangmin"}, {"organisation": "JZ"}):
                if set(named) <= set(fields):  # the text reaches the other fields where whose they are is no question
                    codes.add(post(client, path.removeprefix("/api/v1/"), body | named).status_code)
            assert codes <= {200, 400, 404, 409, 413, 422}, (path, codes)


def _nasty(name: str, field: dict[str, Any], text: str, known: dict[str, str]) -> Any:
    if name in known:
        return known[name]
    kinds: dict[str, Any] = {
        "integer": 2**70, "boolean": True, "date-time": "9999-12-31T23:59:59Z", "array": [],
    }  # fmt: skip
    if name == "people":
        return [text]
    if name == "criteria":
        return [{"title": text, "path": text, "expect": text}]
    return kinds.get(field.get("format", ""), kinds.get(field.get("type", ""), text))


def test_an_hour_without_its_offset_is_no_instant(told: Told):
    body = {"item": told.uids["open item"], "turn": 1} | plan_fields(window_from="2031-01-01T00:00:00", window_to="x")
    answer = post(signed_in(told.cast.chen), "changes/submit_plan", body)
    assert problem(answer) == (422, "这些字段不对：window_from、window_to。按 openapi.json 改正后再调用", None)


MADE_UP = ["?after=x", "?list=mine&after=x", "?after=1_1_1", "?after=nan_1", "?after=1e300_1", "?after=%00"]


@pytest.mark.parametrize("query", ["?list=nothing", *MADE_UP, "?list=all&after=99999999999999999999999"])
def test_a_list_that_does_not_exist_or_a_made_up_cursor_is_a_bad_request(told: Told, query: str):
    answer = signed_in(told.cast.wang).get(f"/api/v1/items{query}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert problem(answer) == (400, "这个请求读不懂", None)


def test_the_wrong_method_and_an_address_that_is_none_are_problems_too(told: Told):
    client = signed_in(told.cast.wang)
    assert [client.get(f"/api/v1/{path}").status_code for path in paths()] == [405] * len(paths())
    for path in ("changes", "changes/x", "nothing", f"changes/{told.uids['run']}"):
        assert problem(client.get(f"/api/v1/{path}"))[:2] == (404, "没有这一页")


def test_without_the_token_of_the_pages_nothing_is_done(told: Told):
    client, before = signed_in(told.cast.wang, enforce_csrf_checks=True), every_row()
    body = {"installation": told.uids["installation"], "title": "升级", "need": "要。"}
    answer = post(client, "changes/request_change", body)
    assert answer.status_code == 403
    assert problem(answer)[2] is None
    assert every_row() == before

    client.get("/changes/new")
    token = client.cookies["csrftoken"].value
    assert post(client, "changes/request_change", body, HTTP_X_CSRFTOKEN=token).status_code == 200


def test_who_has_not_signed_in_is_told_where_to(told: Told):
    assert problem(Client().get("/api/v1/items")) == (401, "没有登录。先登录再调用", None)
    assert problem(post(Client(), "process/sign_step", {}))[0] == 401


def test_reading_what_is_protected_by_token_is_a_look_with_a_purpose(told: Told):
    """CON-9: a program reads in somebody's name; whoever has a place in the item need not say what for."""
    _token, secret = make_token(
        told.cast.zheng, name="审计", scope=[], until=now().astimezone(SHANGHAI).date(), password=PASSWORD,
        address="10.0.0.1",
    )  # fmt: skip
    client, bearer = Client(raise_request_exception=False), {"authorization": f"Bearer {secret}"}
    paths = [f"sheets/{told.sheet.uid}/filed", f"runs/{told.run.uid}/log", f"evidence/{told.indexes[-1]}"]
    before = list(Look.objects.values_list("kind", flat=True))
    asked = [client.get(f"/api/v1/{path}", headers=bearer) for path in paths]
    assert [problem(answer)[::2] for answer in asked] == [(409, "OPS-5")] * 3
    assert list(Look.objects.values_list("kind", flat=True)) == before
    answers = [client.get(f"/api/v1/{path}?purpose=年度审计", headers=bearer) for path in [*paths, "looks"]]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert answers[0].content.startswith(b"%PDF-")
    assert answers[1].json()["lines"][0]["seq"] == 1
    looked = [(row["kind"], row["actor"], row["purpose"]) for row in answers[3].json()["looks"]]
    kinds = ("looks", "entry", "run_log", "sheet_filed")
    assert looked[: len(kinds)] == [(kind, told.cast.zheng.actor, "年度审计") for kind in kinds]
    assert signed_in(told.cast.chen).get(f"/api/v1/runs/{told.run.uid}/log").status_code == 200
    assert Look.objects.latest("id").purpose == "办理工单"
