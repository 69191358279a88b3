"""Access tokens: a program acts as who made the token, within its scope, until its day or its end."""

import json
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import end_role, give_role
from weilu.accounts.credentials import ApiToken, Guesses
from weilu.accounts.models import Person
from weilu.accounts.rules import MOST_TOKENS, SCOPES, WORK
from weilu.accounts.tokens import make_token, revoke_token, scopes_of
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.ids import uuid7
from weilu.kernel.models import Answered
from weilu.kernel.times import SHANGHAI, now

pytestmark = pytest.mark.django_db
HERE = "10.0.0.1"


def today() -> date:
    return now().astimezone(SHANGHAI).date()


def made(by: Person, *scope: str, **over: Any) -> tuple[ApiToken, str]:
    fields: dict[str, Any] = {"name": "对账程序", "until": today(), "password": PASSWORD, "address": HERE}
    return make_token(by, **(fields | {"scope": scope} | over))


def calls(secret: str, path: str, body: Any = None, **headers: Any) -> tuple[int, Any]:
    """Status and JSON of a call with the token, by a client that knows no session and no CSRF token."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    given = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} | headers
    if body is None:
        answer = client.get(f"/api/v1/{path}", **given)
    else:
        answer = client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", **given)
    return answer.status_code, answer.json()


def told(status: int, reason: str, help: str = "在「登录与安全」里生成一个") -> tuple[int, dict[str, Any]]:
    return status, {"reason": reason, "clause": None, "help": help}


def plainly(answer: tuple[int, Any]) -> tuple[int, Any]:
    return answer[0], {key: value for key, value in answer[1].items() if key != "number"}


def test_a_token_reads_as_its_maker_and_only_its_digest_is_kept(cast: Cast):
    token, secret = made(cast.wang)

    assert (secret[:3], len(secret), token.hint) == ("wl_", 35, secret[:7])
    assert token.digest == sha256(secret.encode()).hexdigest()
    assert secret not in json.dumps(every_row(), default=str, ensure_ascii=False)
    assert calls(secret, "items?list=mine") == (200, {"items": [], "next": ""})
    last = Staged.objects.order_by("-id").values_list("kind", "actor", "org").first()
    assert last == ("accounts.token_made", cast.wang.actor, "JZ")


def test_the_use_of_a_token_is_noted_to_the_minute_and_with_its_address(cast: Cast):
    token, secret = made(cast.wang)
    assert token.last_used_at is None

    calls(secret, "systems", REMOTE_ADDR="10.9.9.9")
    token.refresh_from_db()
    first = token.last_used_at
    calls(secret, "systems", REMOTE_ADDR="10.9.9.9")
    token.refresh_from_db()
    assert (token.last_used_from, token.last_used_at) == ("10.9.9.9", first)
    calls(secret, "systems", REMOTE_ADDR="10.9.9.8")
    token.refresh_from_db()
    assert (token.last_used_from, token.last_used_at != first) == ("10.9.9.8", True)


@pytest.mark.parametrize("secret", ["wl_nobody", "", "wl_" + "x" * 10_000, "wl_\u00e9\u00ff", "' OR 1=1 --"])
def test_a_token_that_nobody_made_is_refused_and_tells_how_to_get_one(cast: Cast, secret: str):
    before = every_row()
    assert plainly(calls(secret, "items")) == told(401, "访问令牌不对")
    assert every_row() == before


def test_revoked_expired_and_of_somebody_who_left_open_nothing(cast: Cast):
    (revoked, one), (_expired, two), (_left, three) = made(cast.wang), made(cast.li), made(cast.wu)
    revoke_token(cast.wang, revoked)
    ApiToken.objects.filter(person=cast.li).update(until=now())
    Person.objects.filter(id=cast.wu.id).update(is_active=False)
    before = every_row()

    assert plainly(calls(one, "items")) == told(401, "这个访问令牌已撤销")
    assert plainly(calls(two, "items")) == told(401, "这个访问令牌已到期")
    assert plainly(calls(three, "items")) == told(401, "访问令牌不对")
    assert every_row() == before


def test_a_wrong_token_is_not_saved_by_a_session_beside_it(cast: Cast):
    client = Client()
    client.force_login(cast.wang)
    answer = client.get("/api/v1/items", HTTP_AUTHORIZATION="Bearer wl_wrong")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/api/v1/items", HTTP_AUTHORIZATION="Basic x").status_code == 200  # a proxy's own


def test_a_token_opens_no_page(cast: Cast):
    _token, secret = made(cast.wang)
    answer = Client().get("/people/", HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert answer["Location"] == "/login?next=%2Fpeople%2F"


GIVE = {"owner": "JZ", "person": "wujing", "role": "engineer"}


@pytest.mark.parametrize(
    ("scope", "path", "body", "needed"),
    [
        ((), "notify/mark_all_read", {}, "办理工单、执行和报告单"),
        ((), "accounts/give_role", GIVE, "管理人员与角色"),
        ((WORK,), "accounts/give_role", GIVE, "管理人员与角色"),
        ((WORK,), "process/publish_flow", {"draft": str(uuid7()), "digest": "x"}, "发布流程"),
        (("people.manage",), "process/sign_step", {}, "办理工单、执行和报告单"),
        (("people.manage",), "systems/register_system", {}, "管理系统"),
    ],
)
def test_what_is_outside_the_scope_is_refused_with_403(cast: Cast, scope: Any, path: str, body: Any, needed: str):
    _token, secret = made(cast.zheng, *scope)
    calls(secret, "items")
    before = every_row()

    answer = plainly(calls(secret, path, body))

    assert answer == told(403, f"这个访问令牌的范围不含「{needed}」", "换一个范围够的令牌")
    assert every_row() == before


def test_inside_its_scope_a_token_acts_without_the_token_of_the_pages(cast: Cast):
    _token, secret = made(cast.zheng, "people.manage")
    assert calls(secret, "accounts/give_role", GIVE)[0] == 200
    assert cast.wu in Person.objects.holding("engineer", cast.jz)


def test_a_token_never_does_more_than_its_maker_may_now(cast: Cast):
    _token, secret = made(cast.zheng, "people.manage")
    give_role(cast.zheng, cast.wu, cast.jz, "administrator")
    end_role(cast.zheng, cast.zheng, cast.jz, "administrator")
    calls(secret, "items")
    before = every_row()
    assert plainly(calls(secret, "accounts/give_role", GIVE)) == told(
        409, "管理人员与角色要由系统管理员办", "系统管理员可以授予"
    )
    assert every_row() == before


def test_a_token_makes_no_token(cast: Cast):
    _token, secret = made(cast.zheng, "people.manage")
    calls(secret, "items")
    before = every_row()
    body = {"name": "又一个", "until": today().isoformat(), "password": PASSWORD}
    assert plainly(calls(secret, "accounts/make_token", body)) == told(
        409, "访问令牌不能办这件事，要本人登录后办", "在「登录与安全」里办"
    )
    assert every_row() == before


def test_a_token_is_made_by_the_api_and_its_secret_kept_nowhere(cast: Cast):
    client = Client()
    client.force_login(cast.wang)
    body = {"name": "对账程序", "until": today().isoformat(), "password": PASSWORD}

    def post(**headers: str) -> Any:
        return client.post("/api/v1/accounts/make_token", json.dumps(body), content_type="application/json", **headers)

    refused = post(HTTP_IDEMPOTENCY_KEY="once")
    assert (refused.status_code, ApiToken.objects.count(), Answered.objects.count()) == (422, 0, 0)
    answer = post().json()
    assert set(answer) == {"uid", "number", "secret"}
    listed = calls(answer["secret"], "tokens")[1]
    assert [(one["uid"], one["name"], one["scope"]) for one in listed] == [(answer["uid"], "对账程序", [])]
    assert answer["secret"] not in json.dumps(listed)


DATE = "到期日要在今天之后一年以内。改正后再提交"


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": " "}, "名称没有填写。填好后再提交", "name"),
        ({"name": "x" * 61}, "名称有 61 字，最多 60 字。删短后再提交", "name"),
        ({"scope": ["people.manage"]}, "范围里的「people.manage」您自己没有。去掉后再提交", "scope"),
        ({"scope": [WORK, "god"]}, "范围里的「god」您自己没有。去掉后再提交", "scope"),
        ({"until": today() - timedelta(days=1)}, DATE, "until"),
        ({"until": today() + timedelta(days=366)}, DATE, "until"),
        ({"until": date.max}, DATE, "until"),
    ],
)
def test_what_is_wrong_with_a_token_is_named_and_none_is_made(cast: Cast, over: Any, reason: str, field: str):
    assert refusal_of(lambda: made(cast.wang, **over)) == Refusal(reason, "", field)


def test_a_year_is_the_longest_and_the_last_day_counts(cast: Cast):
    token, _secret = made(cast.wang, until=today() + timedelta(days=365))
    end = token.until.astimezone(SHANGHAI)
    assert (end.date(), end.hour, end.minute) == (today() + timedelta(days=366), 0, 0)


def test_without_the_password_no_token_is_made_and_the_failure_counts(cast: Cast):
    refused = refusal_of(lambda: made(cast.wang, password="wrong"))
    assert (refused.field, refused.changed) == ("password", ("accounts.Guesses",))
    assert (ApiToken.objects.count(), Guesses.objects.count()) == (0, 1)


def test_names_differ_and_their_number_is_bounded_among_those_in_force(cast: Cast):
    token, _secret = made(cast.wang)
    assert refusal_of(lambda: made(cast.wang)) == Refusal("已有叫「对账程序」的令牌，换一个名称", "", "name")
    revoke_token(cast.wang, token)
    for number in range(MOST_TOKENS):
        made(cast.wang, name=f"程序 {number}")
    full = "有效的令牌已有 20 个。撤销不用的再生成"
    assert refusal_of(lambda: made(cast.wang)) == Refusal(full, "", "name")
    assert made(cast.li)[0].person == cast.li


def test_the_scopes_offered_are_the_rights_one_has(cast: Cast):
    assert list(scopes_of(cast.wang)) == [WORK, "changes.request"]
    assert set(scopes_of(cast.zheng)) >= {WORK, "people.manage", "systems.manage", "flows.publish"}
    assert set(scopes_of(cast.zheng)) < set(SCOPES)


@pytest.mark.parametrize("who", ["li", "chen", "he", "sun"])
def test_nobody_else_revokes_a_token_or_learns_of_it(cast: Cast, who: str):
    token, _secret = made(cast.wang)
    client = Client()
    client.force_login(getattr(cast, who))
    before = every_row()
    assert client.post(f"/me/tokens/{token.uid}/revoke").status_code == 404
    assert "对账程序" not in client.get("/me/tokens").content.decode()
    assert every_row() == before
    not_yours = Refusal("管理人员与角色要由系统管理员办")
    assert refusal_of(lambda: revoke_token(getattr(cast, who), token)) == not_yours


def test_an_administrator_revokes_the_token_of_somebody_on_their_page(cast: Cast):
    token, secret = made(cast.chen)
    client = Client()
    client.force_login(cast.zheng)
    assert "对账程序" in client.get(f"/people/{cast.chen.uid}/").content.decode()

    answer = client.post(f"/me/tokens/{token.uid}/revoke")

    assert answer["Location"] == f"/people/{cast.chen.uid}/"
    assert calls(secret, "items")[0] == 401
    token.refresh_from_db()
    assert token.revoked_by == cast.zheng
    last = Staged.objects.order_by("-id").values_list("kind", "actor", "org").first()
    assert last == ("accounts.token_revoked", cast.zheng.actor, cast.chen.organisation.code)
    assert refusal_of(lambda: revoke_token(cast.chen, token)) == Refusal("这个访问令牌已撤销")
    other = Client()
    other.force_login(cast.wang)  # who sees people sees no tokens
    assert "对账程序" not in other.get(f"/people/{cast.chen.uid}/").content.decode()


def test_the_page_makes_a_token_and_shows_its_secret_once(cast: Cast):
    client = Client()
    client.force_login(cast.wang)
    given = {"name": "对账程序", "until": today().isoformat(), "password": PASSWORD, "scope": [WORK]}

    page = client.post("/me/tokens", given)

    token = ApiToken.objects.get()
    body = page.content.decode()
    secret = body.partition('<code id="secret">')[2].partition("</code>")[0]
    assert (page.status_code, sha256(secret.encode()).hexdigest(), token.scope) == (200, token.digest, [WORK])
    assert "no-store" in page["Cache-Control"]
    again = client.get("/me/tokens").content.decode()
    assert (secret in again, "对账程序" in again) == (False, True)
    assert client.post(f"/me/tokens/{token.uid}/revoke")["Location"] == "/me/tokens"


@pytest.mark.parametrize("until", ["", "2031-02-31", "morgen", "0001-01-01"])
def test_what_is_typed_stays_but_the_password_and_no_token_is_made(cast: Cast, until: str):
    client = Client()
    client.force_login(cast.wang)
    before = every_row()
    page = client.post("/me/tokens", {"name": "对账程序", "until": until, "password": PASSWORD, "scope": [WORK]})
    assert (page.status_code, 'value="对账程序"' in page.content.decode()) == (422, True)
    assert PASSWORD not in page.content.decode()
    assert every_row() == before


def test_the_list_asks_as_often_for_three_tokens_as_for_one(cast: Cast):
    client = Client()
    client.force_login(cast.wang)

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/me/tokens").status_code == 200
        return len(seen)

    revoke_token(cast.wang, made(cast.wang)[0])
    asked()
    one = asked()
    for number in range(2):
        revoke_token(cast.zheng, made(cast.wang, name=f"程序 {number}")[0])
    assert asked() == one
