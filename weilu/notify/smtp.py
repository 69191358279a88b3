"""One mail over SMTP: before its content is handed over everything may be tried again, after it nothing."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import BinaryIO

from django.utils.translation import gettext as _

from weilu.config import Smtp
from weilu.jobs.kinds import Hopeless, Later
from weilu.kernel.deadline import Deadline

SECONDS = 20  # for each answer of the server
ALL = 120.0  # for the whole conversation, however the server drips
LONGEST = 1_000_000  # bytes of everything a server says


class Unknown(Exception):
    """The content was handed over and no answer came: the mail may have arrived."""


class NotTaken(Exception):
    """The server has refused the content after reading it; `lasting` where trying again is of no use."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code, self.lasting = code, code >= 500


def deliver(server: Smtp, message: EmailMessage, recipient: str, handing_over: Callable[[], None]) -> None:
    """Send `message`. `handing_over` is called when the server waits for the content, and commits that it gets it.

    Raises Later or Hopeless before that, NotTaken or Unknown after it.
    """
    with _opened(server) as talk:
        _expect(talk.mail(server.sender), _("邮件服务器不接受发件地址（%(code)d）"))
        _expect(talk.rcpt(recipient), _("邮件服务器拒收这个地址（%(code)d）"))
        _expect(talk.docmd("DATA"), _("邮件服务器现在不收邮件（%(code)d）"), 354)
        handing_over()
        content = re.sub(rb"(?m)^\.", b"..", message.as_bytes(policy=SMTP))
        try:
            talk.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
            code, _said = talk.getreply()
        except (OSError, smtplib.SMTPException) as problem:
            raise Unknown from problem
        if code != 250:
            raise NotTaken(code)
        with suppress(OSError, smtplib.SMTPException):
            talk.quit()


def _expect(answer: tuple[int, bytes], words: str, *wanted: int) -> None:
    code = answer[0]
    if code in (wanted or (250, 251)):
        return
    said = words % {"code": code}
    raise Hopeless(said) if code >= 500 else Later(said)


@contextmanager
def _opened(server: Smtp) -> Iterator[smtplib.SMTP]:
    """A conversation after TLS and sign-in; every trouble up to there is one sentence and no secret."""
    deadline = Deadline(ALL)
    where = {"where": f"{server.host}:{server.port}"}
    with deadline, ExitStack() as ending:
        try:
            talk = _connected(server, deadline)
            ending.callback(talk.close)
            if server.user:
                talk.login(server.user, server.password())
        except smtplib.SMTPAuthenticationError:
            raise Later(_("邮件服务器 %(where)s 不接受用户名或密码") % where) from None
        except smtplib.SMTPNotSupportedError:
            raise Later(_("邮件服务器 %(where)s 不支持所设的加密或登录方式") % where) from None
        except ssl.SSLError:
            raise Later(_("邮件服务器 %(where)s 的证书不能核对") % where) from None
        except PermissionError:
            raise Later(_("邮件密码文件不能读。检查 WEILU_SMTP_PASSWORD_FILE")) from None
        except FileNotFoundError:
            raise Later(_("邮件密码文件不存在。检查 WEILU_SMTP_PASSWORD_FILE")) from None
        except (OSError, smtplib.SMTPException):
            raise Later(_("邮件服务器 %(where)s 连不上") % where) from None
        try:
            yield talk
        except (OSError, smtplib.SMTPException):
            raise Later(_("邮件服务器 %(where)s 中途断开") % where) from None


class _Said:
    """What the server says, line by line, and not without end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.left = file, LONGEST

    def readline(self, most: int) -> bytes:
        line = self.file.readline(most)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("the server says too much")
        return line

    def close(self) -> None:
        self.file.close()


class _Talk(smtplib.SMTP):
    """A conversation that ends."""

    def __init__(self, server: Smtp, deadline: Deadline) -> None:
        self.deadline = deadline
        super().__init__(server.host, server.port, timeout=SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.deadline.watch(line)
        return self._secured(line, host)

    def _secured(self, line: socket.socket, host: str) -> socket.socket:
        return line

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Said(self.sock.makefile("rb"))
        return super().getreply()


class _TlsTalk(_Talk):
    """The same inside TLS from the first byte on."""

    def _secured(self, line: socket.socket, host: str) -> socket.socket:
        return ssl.create_default_context().wrap_socket(line, server_hostname=host)


def _connected(server: Smtp, deadline: Deadline) -> smtplib.SMTP:
    checked = ssl.create_default_context()
    if server.tls == "tls":
        return _TlsTalk(server, deadline)
    talk = _Talk(server, deadline)
    try:
        if server.tls == "starttls":
            talk.starttls(context=checked)
        talk.ehlo_or_helo_if_needed()
    except BaseException:
        talk.close()
        raise
    return talk
