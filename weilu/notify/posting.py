"""A mail on its way: how it is written, and that it is handed over once."""

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from weilu.config import Smtp
from weilu.jobs.actions import enqueue
from weilu.jobs.kinds import Doing, Hopeless, Later
from weilu.kernel.times import now
from weilu.notify import smtp
from weilu.notify.models import Mail

SENDING = "notify.mail"  # the kind of job


def send_later(mail: Mail, org: str) -> None:
    """Enqueue the sending of a mail in the caller's transaction; `org` is the code of the customer it is about."""
    enqueue(SENDING, {"mail": mail.id}, key=str(mail.uid), org=org)


def written(
    mail: Mail, sender: str, address: str, subject: str, template: str, shown: Mapping[str, Any]
) -> EmailMessage:
    """The mail as text and as HTML, from `template`.txt and .html."""
    links = {"person": mail.person, "settings": f"{settings.CONFIG.site}/notices/settings"}
    text, page = (render_to_string(f"{template}.{ending}", {**links, **shown}) for ending in ("txt", "html"))
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())[:150]
    message["From"] = formataddr(("维录", sender))
    message["To"] = address
    message["Date"] = format_datetime(mail.made_at)
    message["Message-ID"] = f"<{mail.uid}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="base64")
    message.add_alternative(page, subtype="html", cte="base64")
    return message


def check_not_handed_over(mail: Mail) -> None:
    """Raises Hopeless where the server may have this mail already."""
    if mail.handed_at:
        raise Hopeless(_("发送中断，不知道对方是否已收到，没有再发。「再试一次」会再发一封"))


def hand_over(
    doing: Doing, mail: Mail, server: Smtp, address: str, message: EmailMessage, also: Callable[[], None]
) -> None:
    """Give the mail to the server: that it gets it is committed before, together with `also`, its answer after."""

    def handing_over() -> None:
        with doing.held():
            Mail.objects.filter(id=mail.id).update(handed_at=now())
            also()

    try:
        smtp.deliver(server, message, address, handing_over)
    except smtp.Unknown:
        mail.handed_at = now()
        check_not_handed_over(mail)
    except smtp.NotTaken as problem:
        with doing.held():
            Mail.objects.filter(id=mail.id).update(handed_at=None)
        said = _("邮件服务器没有收下（%(code)d）") % {"code": problem.code}
        raise Hopeless(said) if problem.lasting else Later(said) from None
    with doing.held():
        Mail.objects.filter(id=mail.id).update(sent_at=now())


def leave_out(doing: Doing, mail: Mail) -> None:
    """There is nothing left to say: the mail is not sent."""
    with doing.held():
        Mail.objects.filter(id=mail.id).update(left_out_at=now())
