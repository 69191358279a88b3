"""Signing in at an identity provider: a real one as a process, and one that lies in every way we know."""

import base64
import hmac
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.test import Client
from joserfc import jwt

from tests.cast import Cast
from tests.support.liar import US, Liar, query
from tests.support.unchanged import every_row
from weilu.accounts.models import Person
from weilu.accounts.second import confirm_second_factor, enrol_second_factor
from weilu.config_sign_in import WrongSignIn, read_oidc
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged

pytestmark = pytest.mark.django_db
NOT_BELIEVED = "单位统一身份的回答对不上，没有登录。从头再试一次"
AWAY = "单位统一身份没有应答，请稍后再试"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def liar(server: Liar, use: Any) -> Liar:
    server.reset()
    use(server.issuer)
    return server


@pytest.fixture
def use(settings: Any, tmp_path: Path) -> Any:
    def configure(issuer: str, **over: str) -> None:
        secret = tmp_path / "client-secret"
        secret.write_text("s3cret&+\n")
        env = {"WEILU_OIDC_ISSUER": issuer, "WEILU_OIDC_CLIENT_ID": US, "WEILU_OIDC_CLIENT_SECRET_FILE": str(secret)}
        settings.OIDC = read_oidc(env | over)

    return configure


def left(client: Client, target: str = "/people/") -> dict[str, str]:
    """What the browser carries to the provider."""
    answer = client.get("/login/oidc", {"next": target})
    assert answer.status_code == 302
    return query(answer["Location"])


def came_back(client: Client, **given: str) -> tuple[int, str]:
    """Status, and where to or what is said; whoever is not let in leaves no row changed."""
    before = every_row()
    answer: Any = client.get("/login/oidc/back", given)
    if answer.status_code == 302:
        return 302, answer["Location"]
    assert every_row() == before
    assert client.get("/people/").status_code == 302
    return answer.status_code, answer.context["refused"].reason


def journey(client: Client, liar: Liar, **over: str) -> tuple[int, str]:
    asked = left(client)
    liar.nonce = asked["nonce"]
    return came_back(client, **({"state": asked["state"], "code": "c"} | over))


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider as people run it: its own process, where 王 has an account."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        for sub, name in (("1", "wangmin"), ("2", "nobody")):
            body = json.dumps({"preferred_username": name}).encode()
            put = Request(
                f"{issuer}/users/{sub}", data=body, method="PUT", headers={"Content-Type": "application/json"}
            )
            build_opener().open(put, timeout=10)
        yield issuer
    finally:
        process.terminate()
        process.wait(20)


def agreed(url: str, sub: str) -> dict[str, str]:
    """Agree at the provider as `sub`; what the browser brings back."""
    with pytest.raises(HTTPError) as answer:
        build_opener(_Stay).open(url, data=urlencode({"sub": sub}).encode(), timeout=10)
    assert answer.value.code == 302
    return query(answer.value.headers["Location"])


def test_whom_a_real_provider_vouches_for_is_let_in(cast: Cast, provider: str, use: Any):
    use(provider)
    client = Client()
    url = client.get("/login/oidc", {"next": "/people/"})["Location"]
    assert url.startswith(f"{provider}/oauth2/authorize?")

    brought = agreed(url, "1")

    assert came_back(client, **brought) == (302, "/people/")
    assert client.get("/people/").status_code == 200
    entry = Staged.objects.get(kind="accounts.signed_in")
    assert (entry.actor, json.loads(bytes(entry.record))["data"]["by"]) == (cast.wang.actor, "oidc")
    other = Client()
    other.get("/login/oidc")
    assert came_back(other, **brought) == (401, NOT_BELIEVED)  # what one browser brought back is of no use in another


def test_whom_weilu_does_not_know_or_who_has_left_is_not_let_in(cast: Cast, provider: str, use: Any):
    use(provider)
    unknown = "单位统一身份认得您，但维录里没有这个工号"
    client = Client()
    assert came_back(client, **agreed(client.get("/login/oidc")["Location"], "2")) == (401, unknown)
    Person.objects.filter(id=cast.wang.id).update(is_active=False)
    assert came_back(client, **agreed(client.get("/login/oidc")["Location"], "1")) == (401, unknown)


def test_the_journey_carries_state_nonce_and_a_challenge_that_the_code_is_bound_to(cast: Cast, liar: Liar):
    client = Client()
    asked = left(client)
    liar.nonce = asked["nonce"]
    assert came_back(client, state=asked["state"], code="c", iss=liar.issuer) == (302, "/people/")

    challenge = base64.urlsafe_b64encode(sha256(liar.form["code_verifier"].encode()).digest()).decode().rstrip("=")
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (challenge, "S256")
    assert liar.form["redirect_uri"] == asked["redirect_uri"] == "http://testserver/login/oidc/back"
    assert base64.b64decode(liar.basic.removeprefix("Basic ")) == b"weilu:s3cret%26%2B"
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {43}


def test_an_answer_is_used_once(cast: Cast, liar: Liar):
    client = Client()
    asked = left(client)
    assert came_back(client, state="wrong", code="c") == (401, NOT_BELIEVED)
    liar.nonce = asked["nonce"]
    assert came_back(client, state=asked["state"], code="c") == (401, NOT_BELIEVED)  # the journey is gone


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"state": ""}, NOT_BELIEVED), ({"state": "é"}, NOT_BELIEVED), ({"iss": "https://evil.example"}, NOT_BELIEVED),
        ({"code": ""}, "单位统一身份没有让您登录"), ({"error": "access_denied"}, "单位统一身份没有让您登录"),
    ],
)  # fmt: skip
def test_whoever_comes_back_with_something_else_is_not_let_in(cast: Cast, liar: Liar, over: Any, reason: str):
    assert journey(Client(), liar, **over) == (401, reason)


def test_who_never_left_does_not_come_back(cast: Cast, liar: Liar):
    assert came_back(Client(), state="", code="c") == (401, NOT_BELIEVED)
    assert liar.paths == []


def test_who_comes_back_after_ten_minutes_begins_anew(cast: Cast, liar: Liar):
    client = Client()
    asked = left(client)
    session = client.session
    session["oidc"] = session["oidc"] | {"left": session["oidc"]["left"] - 601}
    session.save()
    assert came_back(client, state=asked["state"], code="c") == (401, NOT_BELIEVED)


PAST, LATER = int(time.time()) - 3600, int(time.time()) + 36000


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": []},
        {"aud": ["weilu", "another"]}, {"aud": ["weilu", "another"], "azp": "another"}, {"azp": "another"},
        {"exp": PAST}, {"exp": None}, {"exp": "never"}, {"iat": LATER}, {"iat": None}, {"nonce": "other"},
        {"nonce": None}, {"preferred_username": None}, {"preferred_username": ""}, {"preferred_username": ["wangmin"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_is_not_of_here_and_now_is_not_believed(cast: Cast, liar: Liar, claims: dict[str, Any]):
    liar.claims = claims
    assert journey(Client(), liar) == (401, NOT_BELIEVED)


def test_a_token_for_us_among_others_names_us_as_who_asked(cast: Cast, liar: Liar):
    liar.claims = {"aud": ["weilu", "another"], "azp": "weilu"}
    assert journey(Client(), liar) == (302, "/people/")


def of_nobody(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."


@pytest.mark.parametrize("how", ["foreign key", "none", "shared secret", "changed", "no token"])
def test_a_token_with_another_signature_is_not_believed(cast: Cast, liar: Liar, how: str):
    liar.sign = {
        "foreign key": lambda claims: jwt.encode({"alg": "RS256", "kid": liar.key.kid}, claims, liar.foreign),
        "none": of_nobody,
        "shared secret": lambda claims: _by_secret(claims, liar.key.as_pem(private=False)),
        "changed": lambda claims: _changed(liar.signed(claims)),
        "no token": lambda _claims: "x",
    }[how]
    assert journey(Client(), liar) == (401, NOT_BELIEVED)


def _by_secret(claims: dict[str, Any], secret: bytes) -> str:
    """Signed with what everybody knows, the public key, taken as a shared secret."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    said = ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
    signature = hmac.new(secret, said.encode(), sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = json.dumps(claims | {"preferred_username": "zhengjie"}).encode()
    return ".".join([head, base64.urlsafe_b64encode(other).decode().rstrip("="), signature])


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "issuer"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x",
        "https://evil.example/x",
        "file:///etc/passwd",
        "http://[",
        "",
        "http://evil.example\\@US/x",
    ],
)
def test_no_call_goes_anywhere_but_to_the_issuer(cast: Cast, liar: Liar, name: str, url: str):
    liar.document = {name: url.replace("US", liar.issuer.removeprefix("http://"))}
    answer: Any = Client().get("/login/oidc")
    assert (answer.status_code, answer.context["refused"].reason) == (401, NOT_BELIEVED)
    assert liar.paths == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("path", ["openid-configuration", "token", "jwks"])
def test_a_redirect_is_not_followed(cast: Cast, liar: Liar, path: str):
    client = Client()
    asked = left(client)
    liar.nonce, liar.redirect = asked["nonce"], path
    assert came_back(client, state=asked["state"], code="c") == (401, AWAY)
    assert "/elsewhere" not in liar.paths


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/logout", "javascript:alert(1)", "/\\evil"]
)
def test_the_way_back_leads_to_this_site_only(cast: Cast, liar: Liar, target: str):
    client = Client()
    asked = left(client, target)
    liar.nonce = asked["nonce"]
    assert came_back(client, state=asked["state"], code="c") == (302, "/")


@pytest.mark.parametrize("path", ["openid-configuration", "token", "jwks"])
@pytest.mark.parametrize("how", ["drip", "flood", "nested"])
def test_a_provider_that_answers_without_end_holds_up_nobody(
    cast: Cast, liar: Liar, monkeypatch: Any, path: str, how: str
):
    """A page is served by one of a few threads; whoever asks for it need not have signed in."""
    client = Client()
    asked = left(client)
    liar.nonce, liar.endless, liar.how = asked["nonce"], path, how
    monkeypatch.setattr("weilu.accounts.oidc.PATIENCE", 0.6)
    began = time.monotonic()
    assert came_back(client, state=asked["state"], code="c") == (401, AWAY)
    assert time.monotonic() - began < 4


def test_a_question_that_the_provider_already_has_in_its_address_stays(cast: Cast, liar: Liar):
    liar.document = {"authorization_endpoint": f"{liar.issuer}/authorize?policy=p"}
    location = Client().get("/login/oidc")["Location"]
    assert location.startswith(f"{liar.issuer}/authorize?policy=p&response_type=code&")


@pytest.mark.parametrize(("verified", "status"), [(True, 302), (False, 401), (None, 401), ("true", 401)])
def test_a_mail_address_names_somebody_only_where_the_provider_has_verified_it(
    cast: Cast, liar: Liar, use: Any, verified: Any, status: int
):
    use(liar.issuer, WEILU_OIDC_CLAIM="email")
    liar.claims = {"email": "wangmin", "email_verified": verified}
    assert journey(Client(), liar)[0] == status


def test_a_provider_that_is_away_is_said_to_be_so_and_the_password_still_opens(cast: Cast, use: Any):
    use(f"http://127.0.0.1:{free_port()}")
    client = Client()
    answer: Any = client.get("/login/oidc")
    assert (answer.status_code, answer.context["refused"].reason) == (401, AWAY)
    assert client.post("/login", {"username": "wangmin", "password": PASSWORD}).status_code == 302


def test_the_second_step_is_asked_for_all_the_same(cast: Cast, liar: Liar):
    import pyotp

    address = enrol_second_factor(cast.wang, password=PASSWORD, address="10.0.0.1")
    phone = pyotp.parse_uri(address)
    assert isinstance(phone, pyotp.TOTP)
    confirm_second_factor(cast.wang, code=phone.now())
    client = Client()
    assert journey(client, liar) == (302, "/login/second?next=%2Fpeople%2F")
    assert client.get("/people/").status_code == 302


def test_where_no_provider_is_set_there_is_no_way_to_it(cast: Cast, liar: Liar, settings: Any):
    assert "/login/oidc" in Client().get("/login").content.decode()
    settings.OIDC = None
    assert "/login/oidc" not in Client().get("/login").content.decode()
    for path in ("/login/oidc", "/login/oidc/back"):
        answer: Any = Client().get(path)
        assert (answer.status_code, answer.context["refused"].reason) == (401, "这里没有设单位统一身份")
    assert liar.paths == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"WEILU_OIDC_ISSUER": "http://id.example.cn"}, "WEILU_OIDC_ISSUER"),
        ({"WEILU_OIDC_ISSUER": "id.example.cn"}, "WEILU_OIDC_ISSUER"),
        ({"WEILU_OIDC_CLIENT_ID": ""}, "WEILU_OIDC_CLIENT_ID"),
        ({"WEILU_OIDC_CLIENT_SECRET_FILE": "/nonexistent"}, "WEILU_OIDC_CLIENT_SECRET_FILE"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told(over: dict[str, str], named: str):
    with pytest.raises(WrongSignIn, match=named):
        read_oidc({"WEILU_OIDC_ISSUER": "https://id.example.cn", "WEILU_OIDC_CLIENT_ID": "weilu"} | over)


@pytest.mark.once
def test_no_provider_is_asked_where_none_is_set():
    assert read_oidc({}) is None
