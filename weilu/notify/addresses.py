"""A mail address is used once a code that was sent to it has come back."""

import hmac
import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.config import Smtp
from weilu.evidence.actions import stage
from weilu.jobs.kinds import Doing
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify.models import Choice, Mail
from weilu.notify.posting import hand_over, leave_out, send_later, written

SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 8  # 40 bits: nobody guesses it in a day
VALID = timedelta(hours=24)
MOST_A_DAY = 5


def ask_for_code(choice: Choice) -> None:
    """Send a code to the address that waits for it; raises Refused after MOST_A_DAY in a day."""
    if settings.CONFIG.smtp is None:
        raise Refused(_("这里还没有设置邮件服务器，不能核对地址"), field="email", who="administrator")
    if Mail.objects.filter(person=choice.person, made_at__gt=now() - VALID).exclude(confirms="").count() >= MOST_A_DAY:
        raise Refused(_("今天已发过 %(count)d 次确认码，明天再试") % {"count": MOST_A_DAY}, field="email")
    send_later(Mail.objects.create(person=choice.person, confirms=choice.pending), choice.person.organisation.code)


def send_code(doing: Doing, mail: Mail, server: Smtp) -> None:
    """Make a code, send it, and keep its digest; a code for an address that was changed meanwhile is not sent."""
    choice = Choice.objects.filter(person=mail.person, pending=mail.confirms).first()
    if choice is None or not mail.person.is_active:
        leave_out(doing, mail)
        return
    code = "".join(secrets.choice(SIGNS) for _sign in range(LENGTH))
    with translation.override("en" if mail.person.language == "en" else "zh-hans"):
        shown = {"code": f"{code[:4]}-{code[4:]}"}
        message = written(mail, server.sender, mail.confirms, _("维录：确认这个邮件地址"), "notify/code", shown)

    def keep() -> None:
        Choice.objects.filter(id=choice.id).update(code=_digest(choice, code), code_at=now())

    hand_over(doing, mail, server, mail.confirms, message, keep)


@action("notify.confirm_address")
def confirm_address(by: Person, *, code: str) -> Choice:
    """The code that came by mail shows that `by` reads there: from now on mail goes to this address."""
    choice: Choice | None = Choice.objects.select_for_update().filter(person=by).exclude(pending="").first()
    if choice is None:
        raise Refused(_("没有等待确认的邮件地址"), field="code")
    typed = "".join(sign for sign in code.upper() if sign in SIGNS)
    if not choice.code or choice.code_at is None or choice.code_at < now() - VALID:
        raise Refused(_("确认码已过期或还没有发出。再保存一次，会再发一封"), field="code")
    if not hmac.compare_digest(choice.code, _digest(choice, typed)):
        raise Refused(_("确认码不对。看邮件里的 8 个字符"), field="code")
    choice.email, choice.pending, choice.code, choice.code_at = choice.pending, "", "", None
    choice.save(update_fields=["email", "pending", "code", "code_at"])
    domain = choice.email.rpartition("@")[2]
    stage("notify.address_confirmed", {"domain": domain}, actor=by.actor, org=by.organisation.code)
    return choice


def _digest(choice: Choice, code: str) -> str:
    """Of code and address: a code sent to one address does not confirm another."""
    return sha256(f"{choice.person_id}\0{choice.pending}\0{code}".encode()).hexdigest()
