"""Sign-in at the organisation's identity provider (OpenID Connect): the code flow with state, nonce and PKCE."""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from weilu.config_sign_in import Oidc
from weilu.kernel.outgoing import call
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

BACK = "/login/oidc/back"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # keys that only the provider has; never a shared secret, never none
LEEWAY = 60  # seconds that the provider's clock may differ
PLAIN = re.compile(r"[!#-;=?-\[\]^_a-z~]+")  # no blank, quote or backslash: browsers would read another host in it
VALID = 600  # seconds from leaving to coming back
PATIENCE, LONGEST = 5.0, 1_000_000  # seconds for each whole answer, bytes of it


@dataclass(frozen=True)
class Journey:
    """What the browser's session keeps between leaving for the provider and coming back; used once."""

    state: str
    nonce: str
    verifier: str
    target: str
    left: float

    def kept(self) -> dict[str, Any]:
        return asdict(self)


def away() -> Refused:
    """The sentence when the provider does not answer, or answers what it should not."""
    return Refused(_("单位统一身份没有应答，请稍后再试"), help=_("有本地密码的人仍可登录"))


def not_believed() -> Refused:
    """The one sentence for every answer of a provider that does not check out."""
    return Refused(_("单位统一身份的回答对不上，没有登录。从头再试一次"))


def leave(target: str, site: str) -> tuple[str, Journey]:
    """Where to send the browser, and what to keep until it is back; raises Refused when the provider is away."""
    config = _config()
    found = _described(config)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _one in range(3))
    journey = Journey(state, nonce, verifier, target, now().timestamp())
    challenge = base64.urlsafe_b64encode(sha256(journey.verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "client_id": config.client_id, "redirect_uri": site + BACK, "scope": "openid profile",
        "state": journey.state, "nonce": journey.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    where = str(found["authorization_endpoint"])
    return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}", journey


def come_back(given: Mapping[str, str], kept: Mapping[str, Any] | None, site: str) -> tuple[str, str]:
    """The name the provider vouches for, and where the browser wanted to go; raises Refused.

    `given` is the query the browser came back with, `kept` the session's Journey, which must be gone from it by now.
    """
    config = _config()
    if not kept:
        raise not_believed()
    journey = Journey(**kept)
    check_return(given, journey, config.issuer, now().timestamp())
    found = _described(config)
    claims = _claims(config, found, given["code"], journey, site)
    check_claims(claims, config.issuer, config.client_id, journey.nonce, now().timestamp())
    name = claims.get(config.claim)
    if config.claim == "email" and claims.get("email_verified") is not True:
        raise not_believed()  # anybody could have typed it there
    if not isinstance(name, str) or not name:
        raise not_believed()
    return name, journey.target


def check_return(given: Mapping[str, str], journey: Journey, issuer: str, at: float) -> None:
    """Whoever comes back left from this browser within VALID, and comes from the provider that was asked."""
    if not hmac.compare_digest(given.get("state", "").encode(), journey.state.encode()):
        raise not_believed()
    if not 0 <= at - journey.left <= VALID or given.get("iss", issuer) != issuer:
        raise not_believed()
    if given.get("error") or not given.get("code"):
        raise Refused(_("单位统一身份没有让您登录"))


def check_claims(claims: Mapping[str, Any], issuer: str, client: str, nonce: str, at: float) -> None:
    """The token is of this provider, for us alone, of this journey, and of now."""
    heard = claims.get("aud")
    audience = [heard] if isinstance(heard, str) else heard if isinstance(heard, list) else []
    expires, issued = claims.get("exp"), claims.get("iat")
    fits = (
        claims.get("iss") == issuer
        and client in audience
        and (len(audience) == 1 or claims.get("azp") == client)
        and claims.get("azp", client) == client
        and isinstance(expires, int | float)
        and isinstance(issued, int | float)
        and issued - LEEWAY <= at < expires + LEEWAY
        and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
    )
    if not fits:
        raise not_believed()


def _config() -> Oidc:
    config: Oidc | None = settings.OIDC
    if config is None:
        raise Refused(_("这里没有设单位统一身份"))
    return config


def _described(config: Oidc) -> dict[str, Any]:
    """What the provider says of itself: of the configured issuer, with every address we call on its own host."""
    found = _asked(config, f"{config.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != config.issuer:
        raise not_believed()
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if _origin(str(found.get(name, ""))) != _origin(config.issuer):
            raise not_believed()
    return found


def _claims(config: Oidc, found: dict[str, Any], code: str, journey: Journey, site: str) -> dict[str, Any]:
    """The claims of the ID token that the code is worth, its signature checked."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": site + BACK,
        "code_verifier": journey.verifier,
    }  # fmt: skip
    basic = f"{quote(config.client_id, safe='')}:{quote(config.client_secret(), safe='')}"
    told = _asked(config, found["token_endpoint"], form, base64.b64encode(basic.encode()).decode())
    keys = _asked(config, found["jwks_uri"])
    try:
        token = jwt.decode(str(told.get("id_token", "")), KeySet.import_key_set(keys), algorithms=list(ALGORITHMS))  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError):
        raise not_believed() from None
    return dict(token.claims)


def _asked(config: Oidc, url: str, form: dict[str, str] | None = None, basic: str = "") -> dict[str, Any]:
    """The JSON object at `url`, which must be on the issuer's host: no redirects, no proxy, no file."""
    if _origin(url) != _origin(config.issuer):
        raise not_believed()
    headers = {"Accept": "application/json"} | ({"Authorization": f"Basic {basic}"} if basic else {})
    body = urlencode(form).encode() if form else None
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        status, said = call(url, body=body, headers=headers, patience=PATIENCE, longest=LONGEST)
        found = json.loads(said)
    except (OSError, HTTPException, ValueError, RecursionError):
        raise away() from None
    if status != HTTPStatus.OK or not isinstance(found, dict):
        raise away()
    return found


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        if not PLAIN.fullmatch(url):
            return "", url, None
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return "", url, None
