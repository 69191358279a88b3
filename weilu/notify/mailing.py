"""Notices as mail: who gets one, what stands in it, and that none is sent twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Person
from weilu.jobs.kinds import Doing, Kind, Later
from weilu.jobs.rules import Minutes
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.addresses import send_code
from weilu.notify.kinds import KINDS, still_concerning
from weilu.notify.models import Choice, Mail, Notice, When
from weilu.notify.posting import SENDING, check_not_handed_over, hand_over, leave_out, send_later, written
from weilu.ui.dates import CALENDAR
from weilu.ui.retold import retold

MOST = 50  # notices in one digest; the others are in the inbox
DIGEST_DAYS = timedelta(days=7)  # what was said longer ago is no news


def wanted(choice: Choice | None, kind: str) -> str:
    """How a person with this choice is told of a notice of `kind`."""
    if choice is None or not choice.email:
        return When.INBOX
    return str(choice.choices.get(kind) or KINDS[kind].usual)


def mail_at_once(notices: Sequence[Notice], by: Person | None) -> None:
    """Enqueue a mail for whoever wants one at once, in the caller's transaction; nobody gets one for an own act."""
    if settings.CONFIG.smtp is None or not notices:
        return
    choices = {one.person_id: one for one in Choice.objects.filter(person__in={one.person_id for one in notices})}
    for notice in notices:
        own = by is not None and by.id == notice.person_id
        if not own and wanted(choices.get(notice.person_id), notice.kind) == When.NOW:
            notice.mail = Mail.objects.create(person=notice.person)
            notice.save(update_fields=["mail"])
            send_later(notice.mail, notice.owner.code)


def begin_digests(doing: Doing) -> None:
    """Every minute of a working day: a digest for each person whose hour has come and who has something to read."""
    local = now().astimezone(SHANGHAI)
    if settings.CONFIG.smtp is None or not CALENDAR.is_workday(local.date()):
        return
    begin_digests_at(local.date(), local.hour)


def begin_digests_at(day: date, hour: int) -> None:
    """The digests of one hour; a second call makes no second digest."""
    new = Notice.objects.filter(person=OuterRef("person"), read_at=None, mail=None, at__gt=now() - DIGEST_DAYS)
    due = Choice.objects.filter(~Q(email=""), Exists(new), digest_hour=hour, person__is_active=True)
    for choice in due.exclude(person__mails__day=day).select_related("person__organisation"):
        if _for_digest(choice.person, choice):
            send_later(Mail.objects.create(person=choice.person, day=day), choice.person.organisation.code)


def _for_digest(person: Person, choice: Choice, mail: Mail | None = None) -> list[Notice]:
    """What belongs into the digest now, the oldest first; with what `mail` could not deliver before."""
    kinds = [kind for kind in KINDS if wanted(choice, kind) == When.DIGEST]
    since = now() - DIGEST_DAYS
    rows = Notice.objects.of(person).unread().filter(kind__in=kinds, at__gt=since)
    rows = rows.filter(Q(mail=None) | Q(mail=mail)) if mail else rows.filter(mail=None)
    return _concerning(person, rows.order_by("id")[:MOST])


def _concerning(person: Person, notices: Iterable[Notice]) -> list[Notice]:
    found = list(notices)
    still = still_concerning([(one.id, one.kind, one.item, one.about) for one in found], person.id)
    return [one for one in found if one.id in still]


def send(doing: Doing) -> None:
    """Carry one mail to the server; what no longer concerns its reader is left out, an empty mail is not sent."""
    server = settings.CONFIG.smtp
    mail = Mail.objects.select_related("person__organisation").get(id=doing.payload["mail"])
    if mail.sent_at or mail.left_out_at:
        return
    check_not_handed_over(mail)
    if server is None:
        raise Later(_("邮件服务器没有设置（WEILU_SMTP_HOST）"))
    if mail.confirms:
        send_code(doing, mail, server)
        return
    choice = Choice.objects.filter(person=mail.person).exclude(email="").first()
    notices = _of_mail(mail, choice) if choice and mail.person.is_active else []
    if choice is None or not notices:
        leave_out(doing, mail)
        return
    carried = Notice.objects.filter(id__in=[one.id for one in notices])
    message = compose(mail, server.sender, choice.email, notices)

    def keep() -> None:
        carried.update(mail=mail)

    hand_over(doing, mail, server, choice.email, message, keep)


def _of_mail(mail: Mail, choice: Choice | None) -> list[Notice]:
    if mail.day is not None and choice is not None:
        return _for_digest(mail.person, choice, mail)
    return _concerning(mail.person, Notice.objects.of(mail.person).unread().filter(mail=mail))


@dataclass(frozen=True)
class Line:
    """One notice as a mail tells it: nothing but number, title, step, due time and where to go on."""

    title: str
    facts: list[tuple[str, str]]
    link: str


def compose(mail: Mail, sender: str, address: str, notices: Sequence[Notice]) -> EmailMessage:
    """The mail, as text and as HTML, in the language of its reader."""
    person = mail.person
    with translation.override("en" if person.language == "en" else "zh-hans"):
        lines = [_line(notice) for notice in notices]
        counted = _("维录每日汇总：%(count)d 条通知") % {"count": len(lines)}
        subject = lines[0].title if mail.day is None else counted
        return written(mail, sender, address, subject, "notify/mail", {"lines": lines})


def _line(notice: Notice) -> Line:
    about: dict[str, Any] = notice.about
    facts = [(_("单号"), about.get("number", "")), (_("标题"), about.get("title", ""))]
    facts.append((_("步骤"), _(about["step"]) if about.get("step") else ""))
    if about.get("due"):
        facts.append((_("到期"), f"{datetime.fromisoformat(about['due']).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"))
    link = settings.CONFIG.site + (notice.link or "/notices/")
    return Line(retold(notice.title), [(name, value) for name, value in facts if value], link)


SEND = Kind(SENDING, gettext_noop("发邮件"), send, outward=True, tries=12)
DIGESTS = Kind("notify.digests", gettext_noop("准备每日汇总"), begin_digests, times=Minutes(1))
