"""A real mail server on a socket of this machine, in a thread of its own, that can be told to fail in several ways."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from weilu.config import Smtp


@dataclass
class Mailbox:
    """What arrived, and what the server answers at each point; "drop" breaks the connection instead."""

    port: int = 0
    envelopes: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    rcpt: str = ""
    before_data: str = ""
    after_data: str = ""
    talks: int = 0
    users: list[tuple[str, str]] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        return [message for _sender, _to, message in self.envelopes]

    def settings(self, **over: Any) -> Smtp:
        """How Weilu is told of this server."""
        given: dict[str, Any] = {
            "host": "127.0.0.1", "port": self.port, "tls": "none", "user": "", "password_file": None,
            "sender": "weilu@jz.example.cn",
        }  # fmt: skip
        return Smtp(**(given | over))

    def environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        return {
            "WEILU_SMTP_HOST": "127.0.0.1", "WEILU_SMTP_PORT": str(self.port), "WEILU_SMTP_TLS": "none",
            "WEILU_SMTP_FROM": "weilu@jz.example.cn",
        }  # fmt: skip

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.talks += 1
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        if self.after_data.startswith(("4", "5")):
            return self.after_data
        message = message_from_bytes(content, policy=policy.default)
        self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos), message))  # type: ignore[arg-type]
        if self.after_data == "silence":
            await asyncio.sleep(5)
        if self.after_data == "drop":
            assert server.transport is not None
            server.transport.abort()
        return "250 taken"


class _Server(SMTP):
    """Refuses or breaks off at DATA where the mailbox says so."""

    async def smtp_DATA(self, arg: str) -> None:
        box: Mailbox = self.event_handler
        if box.before_data == "drop":
            self.transport.abort()  # type: ignore[union-attr]
        elif box.before_data == "silence":
            await asyncio.sleep(5)
        elif box.before_data:
            await self.push(box.before_data)
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, hostname="localhost", **self.SMTP_kwargs)


@contextmanager
def mail_server(*, tls: ssl.SSLContext | None = None, password: str = "") -> Iterator[Mailbox]:
    """A server on a free port of the loopback address; ends with the block."""
    box = Mailbox()
    given: dict[str, Any] = {}
    if tls is not None:
        given |= {"tls_context": tls, "require_starttls": True}
    if password:

        def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            box.users.append((data.login.decode(), data.password.decode()))
            return AuthResult(success=data.password.decode() == password, handled=False)

        given |= {"authenticator": check, "auth_required": True}
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = _Controller(box, hostname="127.0.0.1", port=box.port, **given)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
