"""Telling people, and reading what one was told."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify.models import Notice

EVERY_USER_TOLD = Clause("CHG-6")


@transaction.atomic
def tell(
    people: Iterable[Person],
    title: str,
    body: str,
    link: str,
    owner: Organisation,
    item: str = "",
    *,
    actor: str = "weilu",
) -> int:
    """Put one notice into the inbox of each of `people`, once each; answers how many were told.

    Evidence lists by name who was told and what (EVERY_USER_TOLD). Raises Refused when nobody is left to tell.
    """
    told = list({person.id: person for person in people if person.is_active}.values())
    if not told:
        raise Refused(_("没有可以通知的人。先登记系统的用户"), EVERY_USER_TOLD, help=_("系统管理员可以登记"))
    title = text.line(title, _("通知标题"), field="title")
    body = text.prose(body, _("通知内容"), field="body", longest=20_000, required=False)
    if link and (not link.startswith("/") or not url_has_allowed_host_and_scheme(link, None)):
        raise ValueError("a notice links only to a page of this site")
    Notice.objects.bulk_create(
        Notice(owner=owner, person=person, title=title, body=body, link=link, item=item) for person in told
    )
    stage(
        "notify.told",
        {"title": title, "body": body, "people": sorted(person.actor for person in told)},
        actor=actor,
        org=owner.code,
        item=item,
    )
    return len(told)


@action("notify.mark_read")
def mark_read(by: Person, notice: Notice) -> None:
    """`by` has read this notice; a second time changes nothing."""
    if notice.person_id != by.id:
        raise Refused(_("这条通知不是发给您的"))
    Notice.objects.filter(id=notice.id, read_at=None).update(read_at=now())


@action("notify.mark_all_read")
def mark_all_read(by: Person) -> int:
    """`by` has read everything in the inbox; answers how many were unread."""
    return int(Notice.objects.of(by).unread().order_by().update(read_at=now()))
