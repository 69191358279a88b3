"""An identity provider that answers what a test wants: by default the truth."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

US = "weilu"


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class Liar:
    """A provider that answers what a test wants: by default the truth."""

    def __init__(self) -> None:
        self.key, self.foreign = RSAKey.generate_key(2048, auto_kid=True), RSAKey.generate_key(2048, auto_kid=True)
        self.paths: list[str] = []
        self.reset()
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                liar.answer(self)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                liar.form = query("?" + self.rfile.read(length).decode())
                liar.basic = self.headers.get("Authorization", "")
                liar.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.redirect, self.nonce, self.form, self.basic = "", "", {}, ""
        self.endless, self.how = "", ""
        self.paths.clear()

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def go_on(self, asked: BaseHTTPRequestHandler) -> None:
        """A byte now and then, a flood, or brackets that never close; ends when the other side hangs up."""
        asked.send_response(200)
        asked.end_headers()
        with suppress(OSError):
            if self.how == "nested":
                asked.wfile.write(b"[" * 200_000)
            for _ in range(40 if self.how == "drip" else 80 if self.how == "flood" else 0):
                asked.wfile.write(b" " if self.how == "drip" else b" " * 1_000_000)
                time.sleep(0.1 if self.how == "drip" else 0)

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        self.paths.append(asked.path)
        if self.redirect and self.redirect in asked.path:
            asked.send_response(302)
            asked.send_header("Location", f"{self.issuer}/elsewhere")
            asked.end_headers()
            return
        if self.endless and self.endless in asked.path:
            self.go_on(asked)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": US, "sub": "1", "iat": now, "exp": now + 300, "nonce": self.nonce,
            "preferred_username": "wangmin",
        } | self.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        told: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            } | self.document,
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
            "/token": {"id_token": self.sign(claims), "access_token": "x", "token_type": "Bearer"},
        }  # fmt: skip
        body = json.dumps(told.get(asked.path, {})).encode()
        asked.send_response(200)
        asked.send_header("Content-Length", str(len(body)))
        asked.end_headers()
        asked.wfile.write(body)
