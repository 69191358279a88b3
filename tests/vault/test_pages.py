"""The pages of credentials, and the box on a host's page: what they show, what they never show, who meets them."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from tests.cast import Cast, make_change, make_installation
from tests.support.unchanged import every_row
from tests.vault.conftest import Hosts, made_up_private, make_key, make_place, open_hosts
from tests.vault.test_reach import gone_to
from weilu.accounts.tokens import make_token
from weilu.demo import PASSWORD, make_group, make_host
from weilu.kernel.times import SHANGHAI, now
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.vault.actions import add_credential, grant_access, retire_credential
from weilu.vault.models import Access, Credential, Reaching
from weilu.vault.queries import PAGE
from weilu.vault.reach import jobs
from weilu.vault.reach.rules import Found, State
from weilu.vault.reach.visiting import keep


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text_of(page: Any) -> str:
    """What a reader reads, tags left out and spaces folded."""
    said = re.sub(r"<(style|script|option|svg).*?</\1>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", said.partition("<main")[2]).split())


def test_a_key_is_made_on_its_page_and_only_its_public_half_is_shown(vault: Cast):
    client = signed_in(vault.zheng)
    assert "新建 SSH 密钥" in text_of(client.get("/credentials/new"))
    answer = client.post("/credentials/new", {"way": "make", "owner": "JZ", "name": "部署密钥"}, follow=True)
    made = Credential.objects.get()
    assert answer.redirect_chain == [(f"/credentials/{made.uid}/", 302)]
    said = text_of(answer)
    assert (f"{made.public} weilu" in said, fingerprint(made.public) in said, "PRIVATE" in said) == (True, True, False)


def test_a_pasted_key_and_a_password_are_sealed_and_never_come_back(vault: Cast):
    client, private = signed_in(vault.zheng), made_up_private()
    middle = private.splitlines()[4]

    def post(**said: str) -> Any:
        return client.post("/credentials/new", {"owner": "JZ"} | said, follow=True)

    pages = [
        post(way="paste", name="", secret=private, passphrase="p-7788"),
        post(way="paste", name="密钥", secret=private),
        post(way="paste", name="再来", secret=private),
        post(way="password", name="密钥", secret="sudo-7788"),
        post(way="password", name="提权", secret="sudo-7788"),
        client.get("/credentials/"),
    ]  # fmt: skip
    assert [page.status_code for page in pages] == [409, 200, 409, 409, 200, 200]
    assert [word for page in pages for word in (middle, "7788") if word in page.content.decode()] == []
    assert "名称没有填写。填好后再提交" in text_of(pages[0])
    assert "私钥和口令不会留在页面上，请再贴一次。" in text_of(pages[0])
    assert 'value="再来"' in pages[2].content.decode()
    assert "这个密钥已在保险库里，叫「密钥」" in text_of(pages[2])
    assert "密码不会留在页面上，请再输一次。" in text_of(pages[3])
    assert [one.kind for one in Credential.objects.order_by("id")] == ["ssh_key", "become_password"]
    assert "no-store" in pages[0]["Cache-Control"]


def test_a_credential_is_assigned_taken_back_and_retired_on_its_page(vault: Cast):
    client, credential, group = signed_in(vault.zheng), make_key(vault), make_place(vault)
    host, place = make_host(group), f"/credentials/{credential.uid}/"
    page = client.post(f"{place}grant", {"group": str(group.uid)}, follow=True)
    assert "测试系统 · 实验机 · 应用" in text_of(page)
    assert Reaching.objects.get(host=host).asked_at is not None
    assert "没有选主机组" in text_of(client.post(f"{place}grant", {"group": ""}))
    access = Access.objects.get()
    page = client.post(f"/credentials/access/{access.uid}/revoke", follow=True)
    assert (Access.objects.count(), "凭据已收回" in page.content.decode()) == (0, True)
    page = client.post(f"{place}retire", follow=True)
    assert "已停用，封存的内容已删去" in text_of(page)
    assert client.post(f"{place}retire").status_code == 409
    assert "应用主机密钥" not in text_of(client.get("/credentials/"))
    assert "应用主机密钥" in text_of(client.get("/credentials/?retired=1"))


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_whoever_does_not_manage_them_meets_no_credential(vault: Cast, who: str):
    credential, group = make_key(vault), make_place(vault)
    host = make_host(group)
    access = grant_access(vault.zheng, credential, group=group)
    client, before = signed_in(getattr(vault, who)), every_row("Look")
    met = [
        client.get("/credentials/"), client.get("/credentials/export"), client.get("/credentials/new"),
        client.post("/credentials/new", {"way": "make", "owner": "JZ", "name": "x"}),
        client.get(f"/credentials/{credential.uid}/"),
        client.post(f"/credentials/{credential.uid}/grant", {"group": str(group.uid)}),
        client.post(f"/credentials/{credential.uid}/retire"),
        client.post(f"/credentials/access/{access.uid}/revoke"),
        client.post(f"/hosts/{host.uid}/assign", {"credential": str(credential.uid)}),
    ]  # fmt: skip
    if who == "he":  # she administers another customer: pages of her own, nothing of this one
        assert [one.status_code for one in met] == [200, 200, 200, 404, 404, 404, 404, 404, 404]
        assert "应用主机密钥" not in met[0].content.decode()
    else:
        assert {one.status_code for one in met} == {403}
    assert every_row("Look") == before


def test_strangers_find_no_host_to_reach(vault: Cast):
    host = make_host(make_place(vault))
    for who in (vault.he, vault.sun):
        client = signed_in(who)
        assert client.get(f"/hosts/{host.uid}/reached").status_code == 404
        assert client.post(f"/hosts/{host.uid}/test").status_code == 404
    assert signed_in(vault.wang).post(f"/hosts/{host.uid}/test").status_code == 409
    assert Reaching.objects.count() == 0


def answered(host: Host, state: str, words: str = "", **more: Any) -> None:
    jobs.ask([host])
    keep(Reaching.objects.select_related("host").get(host=host), Found(state, words, **more))


def panel(client: Client, host: Host) -> tuple[str, str]:
    page = client.get(f"/hosts/{host.uid}/reached")
    whole = "<main" + page.content.decode()
    page.content = whole.encode()
    return text_of(page), whole


def test_the_page_of_a_host_shows_how_it_answers_and_lets_people_test(vault: Cast):
    group = make_place(vault)
    host = make_host(group, pool="dmz")
    client, chen, wang = signed_in(vault.zheng), signed_in(vault.chen), signed_in(vault.wang)
    assert "还没有测试过。" in text_of(client.get(f"/systems/hosts/{host.uid}/"))
    assert ("测试连接" in panel(chen, host)[0], ">测试连接<" in panel(wang, host)[1]) == (True, False)
    assert "<summary" not in panel(chen, host)[1]

    assert chen.post(f"/hosts/{host.uid}/test").status_code == 302
    said, whole = panel(chen, host)
    assert ("正在测试，结果出来后自己显示。" in said, 'hx-trigger="every 2s"' in whole) == (True, True)
    Reaching.objects.update(asked_at=now() - timedelta(minutes=2))
    said, whole = panel(chen, host)
    assert "没有工作机来测试。检查标签「dmz」的工作机是否在运行。" in said
    assert 'hx-trigger="every 15s"' in whole

    answered(host, State.DENIED, "主机不接受这把密钥。把公钥放进 root 的 authorized_keys")
    said, whole = panel(chen, host)
    assert ("主机不让登录" in said, "hx-get" in whole) == (True, False)
    english = Client(headers={"accept-language": "en"})
    english.force_login(vault.zheng)
    assert "The host does not accept this key" in panel(english, host)[0]


def test_a_credential_of_its_own_is_given_to_a_host_on_its_page(vault: Cast):
    group = make_place(vault)
    host, client = make_host(group), signed_in(vault.zheng)
    grant_access(vault.zheng, make_key(vault, "组的"), group=group)
    own = make_key(vault, "自己的")
    assert "SSH 密钥 组的 主机组的" in panel(client, host)[0]
    client.post(f"/hosts/{host.uid}/assign", {"credential": str(own.uid)})
    assert "SSH 密钥 自己的 这台主机自己的" in panel(client, host)[0]
    page = client.get(f"/systems/hosts/{host.uid}/")
    assert "郑洁 指定凭据" in text_of(page)
    answer = client.post(f"/credentials/access/{Access.objects.get(host=host).uid}/revoke", {"back": "host"})
    assert answer["Location"] == f"/systems/hosts/{host.uid}/"
    assert "SSH 密钥 组的 主机组的" in panel(client, host)[0]
    assert client.post(f"/hosts/{host.uid}/assign", {"credential": ""}).status_code == 409


def test_an_offered_key_is_pinned_by_whoever_compared_it(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    Host.objects.filter(id=host.id).update(key="")
    host.refresh_from_db()
    gone_to(host)
    client = signed_in(vault.zheng)
    said, whole = panel(client, host)
    shown = fingerprint(f"{real.key_type} {real.key}")
    assert ("指纹相同，固定这把密钥" in said, shown in said) == (True, True)
    assert "固定这把密钥" not in panel(signed_in(vault.chen), host)[0]
    action = re.search(r'action="([^"]*/pin)"', whole)[1]
    key = re.search(r'name="key" value="([^"]*)"', whole)[1]
    assert client.post(action, {"key": key}).status_code == 302
    host.refresh_from_db()
    assert host.key == f"{real.key_type} {real.key}"


def test_a_changed_key_is_red_and_offers_no_quick_way(vault: Cast):
    host = make_host(make_place(vault))
    other = make_host(host.group).key
    answered(host, State.REFUSED, "主机出示的密钥不是固定的那把，已拒绝连接。查明原因前不要改", offered=other)
    said, whole = panel(signed_in(vault.zheng), host)
    assert ("密钥不符，拒绝连接" in said, fingerprint(other) in said, "note refused" in whole) == (True, True, True)
    assert "/pin" not in whole
    history = text_of(signed_in(vault.zheng).get(f"/systems/hosts/{host.uid}/"))
    assert f"weilu 主机密钥不符，拒绝连接 正在存证 {fingerprint(other)}" in history


def test_a_vendor_s_look_is_registered(vault: Cast):
    from weilu.evidence.looks import Look

    host = make_host(make_place(vault))
    signed_in(vault.zheng).get(f"/hosts/{host.uid}/reached")
    assert Look.objects.count() == 0
    signed_in(vault.chen).get(f"/hosts/{host.uid}/reached")
    assert list(Look.objects.values_list("kind", "what")) == [("host", str(host.uid))]
    Look.objects.all().delete()
    assert signed_in(vault.zheng).get(f"/api/v1/vault/hosts/{host.uid}").json()["waits_since"] is None
    assert Look.objects.count() == 0
    assert signed_in(vault.chen).get(f"/api/v1/vault/hosts/{host.uid}").json()["opened_by"] == []
    assert list(Look.objects.values_list("kind", "what")) == [("host", str(host.uid))]


@pytest.mark.parametrize("rows", [1, 3])
def test_pages_ask_as_often_for_three_rows_as_for_one(vault: Cast, rows: int):
    group = make_place(vault)
    for number in range(rows):
        credential = make_key(vault, f"密钥{number}")
        grant_access(vault.zheng, credential, group=make_group(group.environment, name=f"组{number}"))
        host = make_host(group)
        grant_access(vault.zheng, credential, host=host)
        retire_credential(vault.zheng, make_key(vault, f"旧{number}"))
    grant_access(vault.zheng, credential, group=group)
    client = signed_in(vault.zheng)
    queries = {
        "/credentials/": 14, "/credentials/?retired=1": 14, "/credentials/export": 7,
        f"/credentials/{credential.uid}/": 14, f"/hosts/{host.uid}/reached": 15, "/api/v1/vault/credentials": 7,
        f"/api/v1/vault/hosts/{host.uid}": 6,
    }  # fmt: skip
    met = {}
    for path in queries:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200, path
        met[path] = len(asked)
    assert met == queries


def test_the_list_goes_on_by_the_key_of_its_last_row(vault: Cast):
    key, by = make_key(vault, "0").sealed_to, vault.zheng
    rows = [
        Credential(owner=vault.jz, name=f"{n}", kind="ssh_key", sealed=b"", sealed_to=key, made_by=by)
        for n in range(1, PAGE + 1)
    ]  # fmt: skip
    Credential.objects.bulk_create(rows)
    client = signed_in(vault.zheng)
    names = r'class="row-title" href="/credentials/[^"]*">([^<]*)<'
    page = client.get("/credentials/").content.decode()
    more = re.search(r'href="(\?after=\d+)"', page)[1]
    rest = client.get(f"/credentials/{more}").content.decode()
    assert re.findall(names, page) + re.findall(names, rest) == [str(n) for n in range(PAGE, -1, -1)]
    assert client.get("/credentials/?after=x").status_code == 400
    assert client.get("/credentials/new?way=x").status_code == 400


def test_the_workbook_names_what_the_list_shows_and_holds_no_secret(vault: Cast):
    group = make_place(vault)
    private = made_up_private()
    grant_access(vault.zheng, make_key(vault, "=1+1", private), group=group)
    answer = signed_in(vault.zheng).get("/credentials/export")
    sheet = load_workbook(BytesIO(answer.content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    print_ = fingerprint(Credential.objects.get().public)
    assert rows[1][:5] == ("=1+1", "SSH 密钥", print_, "测试系统 · 实验机 · 应用", "郑洁")
    assert (sheet["A2"].data_type, len(rows)) == ("s", 2)


def test_the_api_tells_what_the_pages_tell(vault: Cast):
    group = make_place(vault)
    host, credential = make_host(group), make_key(vault)
    access = grant_access(vault.zheng, credential, group=group)
    answered(host, State.OK, drift_ms=3, unsure_ms=1, facts={"os": "Debian"})
    client = signed_in(vault.zheng)
    (told,) = client.get("/api/v1/vault/credentials").json()["credentials"]
    assert {key: told[key] for key in ("uid", "name", "kind", "public", "fingerprint", "owner")} == {
        "uid": str(credential.uid), "name": "应用主机密钥", "kind": "ssh_key", "public": credential.public,
        "fingerprint": fingerprint(credential.public), "owner": "JZ",
    }  # fmt: skip
    assert told["opens"] == [
        {"access": str(access.uid), "host": None, "group": str(group.uid), "words": "测试系统 · 实验机 · 应用"}
    ]
    assert not {"sealed", "secret"} & set(told)
    said = client.get(f"/api/v1/vault/hosts/{host.uid}").json()
    assert {key: said[key] for key in ("state", "drift_ms", "facts", "opened_by")} == {
        "state": "ok", "drift_ms": 3, "facts": {"os": "Debian", "drift_ms": 3, "unsure_ms": 1},
        "opened_by": [{"kind": "ssh_key", "credential": "应用主机密钥", "own": False}],
    }  # fmt: skip
    assert signed_in(vault.chen).get("/api/v1/vault/credentials").json() == {"credentials": [], "next": ""}
    assert signed_in(vault.he).get(f"/api/v1/vault/hosts/{host.uid}").status_code == 404
    assert client.get("/api/v1/vault/credentials?after=x").status_code == 400


def test_a_token_manages_credentials_only_with_that_scope(vault: Cast):
    until = now().astimezone(SHANGHAI).date()
    said = {"owner": "JZ", "name": "x", "kind": "ssh_key", "make": True}
    met = []
    for scope in (["systems.manage"], ["vault.manage"]):
        secret = make_token(
            vault.zheng, name=scope[0], scope=scope, until=until, password=PASSWORD, address="10.0.0.1"
        )[1]
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        answer = Client().post("/api/v1/vault/add_credential", said, content_type="application/json", **bearer)
        met.append(answer.status_code)
    assert met == [403, 200]


def test_the_rail_leads_administrators_to_credentials(vault: Cast):
    make_change(vault, make_installation(vault))
    assert 'href="/credentials/"' in signed_in(vault.zheng).get("/").content.decode()
    assert 'href="/credentials/"' not in signed_in(vault.wang).get("/").content.decode()


def test_a_password_has_no_public_half(vault: Cast):
    made = add_credential(vault.zheng, vault.jz, name="提权", kind="become_password", secret="sudo 的")
    said = text_of(signed_in(vault.zheng).get(f"/credentials/{made.uid}/"))
    assert ("提权密码" in said, "公钥" in said) == (True, False)
