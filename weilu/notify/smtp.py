"""One mail over SMTP: before its content is handed over everything may be tried again, after it nothing."""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP

from django.utils.translation import gettext as _

from weilu.config import Smtp
from weilu.jobs.kinds import Hopeless, Later

SECONDS = 20  # for each answer of the server


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
    talk: smtplib.SMTP | None = None
    where = {"where": f"{server.host}:{server.port}"}
    try:
        try:
            talk = _connected(server)
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
    finally:
        if talk is not None:
            talk.close()


def _connected(server: Smtp) -> smtplib.SMTP:
    checked = ssl.create_default_context()
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=checked)
    talk = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    try:
        if server.tls == "starttls":
            talk.starttls(context=checked)
        talk.ehlo_or_helo_if_needed()
    except BaseException:
        talk.close()
        raise
    return talk
