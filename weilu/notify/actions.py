"""Telling people, reading what one was told, and choosing how one is told."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.jobs.models import Job
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify import rules
from weilu.notify.addresses import ask_for_code
from weilu.notify.kinds import SYSTEM
from weilu.notify.mailing import SEND, mail_at_once
from weilu.notify.models import Choice, Mail, Notice

EVERY_USER_TOLD = Clause("CHG-6")


@transaction.atomic
def put(
    people: Iterable[Person],
    title: str,
    *,
    kind: str,
    owner: Organisation,
    item: str = "",
    body: str = "",
    link: str = "",
    about: dict[str, Any] | None = None,
    key: str = "",
    by: Person | None = None,
) -> list[Notice]:
    """Put one notice into the inbox of each of `people`, once each, and enqueue a mail for those who want it.

    With a `key`, whoever was told it before is not told again. `by` is whose act it is: no mail goes to them.
    """
    told = {person.id: person for person in people if person.is_active}
    if key:
        before = Notice.objects.filter(person__in=told, key=key).values_list("person_id", flat=True)
        for number in before:
            del told[number]
    if link and (not link.startswith("/") or not url_has_allowed_host_and_scheme(link, None)):
        raise ValueError("a notice links only to a page of this site")
    found = [
        Notice(
            owner=owner, person=person, title=title, body=body, link=link, item=item, kind=kind, key=key,
            about=about or {},
        )
        for person in told.values()
    ]  # fmt: skip
    Notice.objects.bulk_create(found)
    mail_at_once(found, by)
    return found


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
    kind: str = SYSTEM,
    about: dict[str, Any] | None = None,
    key: str = "",
) -> int:
    """`put`, with evidence; answers how many were told, which with a `key` may be none.

    Evidence lists by name who was told and what (EVERY_USER_TOLD). Raises Refused when nobody is left to tell.
    """
    told = list({person.id: person for person in people if person.is_active}.values())
    if not told:
        raise Refused(_("没有可以通知的人。先登记系统的用户"), EVERY_USER_TOLD, help=_("系统管理员可以登记"))
    title = text.line(title, _("通知标题"), field="title")
    body = text.prose(body, _("通知内容"), field="body", longest=20_000, required=False)
    made = put(told, title, kind=kind, owner=owner, item=item, body=body, link=link, about=about, key=key)
    if not made:
        return 0
    stage(
        "notify.told",
        {"title": title, "body": body, "people": sorted(one.person.actor for one in made)},
        actor=actor,
        org=owner.code,
        item=item,
    )
    return len(made)


def settle(item: str, kinds: Iterable[str], *, still: set[int]) -> None:
    """What notices of an item asked for is done: they are read, apart from those about the seats `still` open."""
    unread = Notice.objects.filter(item=item, kind__in=kinds, read_at=None)
    done = [one.id for one in unread if one.about.get("seat") not in still]
    Notice.objects.filter(id__in=done).update(read_at=now())


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


@action("notify.choose")
def choose(by: Person, *, email: str, digest_hour: int, choices: Mapping[str, str]) -> Choice:
    """From now on `by` is told as chosen: each kind of notice by mail at once, in the digest, or not by mail.

    A new address is used when it was confirmed, see `confirm_address`; until then the old one is. An empty
    address ends all mail. Evidence has the domain of the address, not the address.
    """
    email = rules.checked_address(email)
    rules.check_hour(digest_hour)
    kept = rules.checked_choices(choices)
    found: Choice = Choice.objects.get_or_create(person=by)[0]
    found.digest_hour, found.choices, found.code, found.code_at = digest_hour, kept, "", None
    found.email, found.pending = (email, "") if email in ("", found.email) else (found.email, email)
    found.save()
    if found.pending:
        ask_for_code(found)
    stage(
        "notify.chosen",
        {"domain": email.rpartition("@")[2], "digest_hour": digest_hour, "choices": kept},
        actor=by.actor,
        org=by.organisation.code,
    )
    return found


def put_on_record_again(job: Job, by: Person) -> None:
    """An administrator has ordered a given-up job again: an interrupted mail may then be sent once more."""
    stage("jobs.tried_again", {"kind": job.kind, "reason": job.reason}, actor=by.actor, org=job.org)
    if job.kind == SEND.key:
        Mail.objects.filter(id=job.payload["mail"], sent_at=None).update(handed_at=None)


def tell_of_document(people: list[Person], title: str, body: str, link: str, owner: Organisation) -> None:
    """A controlled document concerns these people: it waits for them, or was given to them (DOC-1)."""
    tell(people, title, body, link, owner)
