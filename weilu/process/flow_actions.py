"""How a flow comes to be: one person writes and proposes it, a second one publishes exactly that, or sends it back."""

from __future__ import annotations

import uuid
from unicodedata import category

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Grant, Organisation, Person
from weilu.accounts.needs import hold_still
from weilu.accounts.roles import ROLES
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.times import now
from weilu.notify.actions import tell
from weilu.process import rules
from weilu.process.drafted import FlowDraft
from weilu.process.flow import Flow, WrongFlow, parse_flow
from weilu.process.models import FlowVersion
from weilu.process.publishing import check_publishable

State = FlowDraft.State
EDIT, PUBLISH = "flows.edit", "flows.publish"
LONGEST = 60_000  # characters of a flow; the longest that ships has 2,500
PRODUCT = "weilu"


@transaction.atomic
def install_flow(owner: Organisation, source: str) -> FlowVersion:
    """Make a flow that the product ships the newest version of its key for `owner`; same bytes, same version.

    No action: only setting up an installation calls it. People go by `propose_flow` and `publish_flow`.
    """
    flow = parse_flow(source)
    check_publishable(flow, owner)
    same = FlowVersion.objects.filter(owner=owner, key=flow.key, digest=sha256_hex(source.encode())).first()
    return same or _new_version(owner, flow, source, by=PRODUCT)


@action("process.draft_flow")
def draft_flow(
    by: Person,
    owner: Organisation,
    *,
    source: str,
    draft: FlowDraft | None = None,
    base: FlowVersion | None = None,
    seen: str = "",
) -> FlowDraft:
    """Keep what `by` types for `owner`, whatever its faults: as a new draft, or as the text of one's own.

    `base` is the version it changes; `seen` the SHA-256 of the text that the page began with, where
    the draft is an old one. A proposal whose text is kept anew is a draft again.
    """
    for towards in {owner.id, draft.owner_id if draft else owner.id}:
        if not by.may(EDIT, towards):
            raise Refused(_("写流程要由系统管理员办"), who="administrator")
    source = as_typed(source)
    if base is not None and base.owner_id != owner.id:
        raise Refused(_("这个版本是别的单位的"), field="base")
    if draft is None:
        return FlowDraft.objects.create(owner=owner, key=base.key if base else "", source=source, author=by, base=base)
    draft = _locked(draft)
    rules.check_own_draft(draft.author_id == by.id, draft.author.name)
    rules.check_draft_open(draft.is_open)
    if seen != sha256_hex(draft.source.encode()):
        raise Stale(_("这份草稿在别的窗口里改过。您写的还在，先看新内容再保存"), field="source")
    if draft.state == State.PROPOSED:
        _stage("process.flow_taken_back", draft, by)
    draft.source, draft.base, draft.state, draft.digest = source, base or draft.base, State.DRAFT, ""
    draft.key, draft.kept_at = draft.base.key if draft.base else "", now()
    draft.save()
    return draft


@action("process.propose_flow")
def propose_flow(by: Person, draft: FlowDraft, *, seen: str, words: str) -> FlowDraft:
    """Ask a second person to publish one's draft, with what changes and why; a text with faults is turned down.

    `seen` is the SHA-256 of the text as the page showed it: exactly that is proposed.
    """
    words = text.prose(words, _("改了什么、为什么"), field="words", longest=1000)
    draft = _locked(draft)
    _check_may(by, EDIT, draft)
    rules.check_own_draft(draft.author_id == by.id, draft.author.name)
    rules.check_draft_open(draft.is_open)
    rules.check_same_text(seen, sha256_hex(draft.source.encode()))
    flow = _checked(draft)
    draft.state, draft.digest, draft.words, draft.key = State.PROPOSED, seen, words, flow.key
    draft.proposed_at, draft.answer, draft.decided_by, draft.decided_at = now(), "", None, None
    draft.save()
    _stage("process.flow_proposed", draft, by)
    _tell(draft, by, publishers(draft), gettext_noop("待您发布：流程「%(flow)s」，%(name)s 送审"), words)
    return draft


@action("process.publish_flow")
def publish_flow(by: Person, draft: FlowDraft, *, digest: str) -> FlowVersion:
    """Make exactly the proposed text, whose SHA-256 the page showed, the newest version of its flow (ROL-1, DOC-1).

    By somebody else than who wrote and proposed it. Running items stay on their version. Raises Stale
    when the draft changed since, or a newer version came between.
    """
    draft = _locked(draft)
    _check_may(by, PUBLISH, draft)
    rules.check_second_person(by.id, draft.author_id)
    rules.check_proposed(draft.state == State.PROPOSED)
    rules.check_same_text(digest, draft.digest)
    rules.check_same_text(draft.digest, sha256_hex(draft.source.encode()))
    flow = _checked(draft)
    version = _new_version(draft.owner, flow, draft.source, by=by.actor, draft=draft)
    draft.state, draft.version, draft.decided_by, draft.decided_at = State.PUBLISHED, version, by, now()
    draft.save()
    _tell(draft, by, [draft.author], gettext_noop("流程「%(flow)s」已由 %(name)s 发布"), "", f"/flows/{version.uid}/")
    return version


@action("process.reject_flow")
def reject_flow(by: Person, draft: FlowDraft, *, digest: str, words: str) -> FlowDraft:
    """Send a proposed draft back to its author, with the reason."""
    words = text.prose(words, _("原因"), field="words", longest=1000)
    draft = _locked(draft)
    _check_may(by, PUBLISH, draft)
    rules.check_second_person(by.id, draft.author_id)
    rules.check_proposed(draft.state == State.PROPOSED)
    rules.check_same_text(digest, draft.digest)
    draft.state, draft.answer, draft.decided_by, draft.decided_at = State.REJECTED, words, by, now()
    draft.save()
    _stage("process.flow_rejected", draft, by)
    _tell(draft, by, [draft.author], gettext_noop("流程「%(flow)s」没有通过：%(name)s 退回"), words)
    return draft


@action("process.discard_flow")
def discard_flow(by: Person, draft: FlowDraft) -> FlowDraft:
    """Give a draft up; its text stays. By its author, or by another who may write flows there."""
    draft = _locked(draft)
    _check_may(by, EDIT, draft)
    rules.check_draft_open(draft.is_open)
    proposed = draft.state == State.PROPOSED
    draft.state, draft.decided_by, draft.decided_at = State.DISCARDED, by, now()
    draft.save()
    if proposed:
        _stage("process.flow_taken_back", draft, by)
    return draft


def as_typed(source: str) -> str:
    """The text with line feeds as ends of lines, else byte for byte; raises Refused for what cannot be kept at all."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if len(source) > LONGEST:
        words = {"length": len(source), "longest": LONGEST}
        raise Refused(_("流程有 %(length)d 字，最多 %(longest)d 字。删短后再保存") % words, field="source")
    if any(sign == "\0" or category(sign) == "Cs" for sign in source):
        raise Refused(_("流程里有存不下来的控制字符。删去后再保存"), field="source")
    return source


def newest(owner: Organisation, key: str) -> FlowVersion | None:
    """The version that items opened now follow; none where nothing was published."""
    found: FlowVersion | None = FlowVersion.objects.filter(owner=owner, key=key).order_by("-number").first()
    return found


def publishers(draft: FlowDraft) -> list[Person]:
    """Who may publish the draft: holders of the right towards its customer, without its author."""
    roles = [role for role in ROLES if PUBLISH in ROLES[role].rights]
    found = {one.id: one for role in roles for one in Person.objects.holding(role, draft.owner)}
    seeing = Grant.objects.in_force(now()).filter(organisation=draft.owner, person__in=found)
    return [found[one] for one in sorted(set(seeing.values_list("person_id", flat=True)) - {draft.author_id})]


def _locked(draft: FlowDraft) -> FlowDraft:
    rows = FlowDraft.objects.select_for_update(of=("self",)).select_related("owner", "author", "base")
    found: FlowDraft = rows.get(id=draft.id)
    return found


def _check_may(by: Person, right: str, draft: FlowDraft) -> None:
    if not by.may(right, draft.owner_id):
        words = _("发布流程要由有「发布流程」权限的人办") if right == PUBLISH else _("写流程要由系统管理员办")
        raise Refused(words, who="administrator")


def _checked(draft: FlowDraft) -> Flow:
    """The draft's flow: without fault, something new, and written against the version that is newest now."""
    hold_still(draft.owner)  # one publication after another, and no role ends meanwhile
    try:
        flow = parse_flow(draft.source)
    except WrongFlow as wrong:
        raise Refused(wrong.reason, rules.NO_STEP_SKIPPED, field="source", help=_("改正后再送审")) from None
    check_publishable(flow, draft.owner)
    Organisation.objects.select_for_update(no_key=True).get(
        id=draft.owner_id
    )  # one after another: numbers have no gaps
    last = newest(draft.owner, flow.key)
    based = draft.base.number if draft.base and draft.base.key == flow.key else 0
    rules.check_based_on_newest(based, last.number if last else 0)
    same = FlowVersion.objects.filter(owner=draft.owner, key=flow.key, digest=sha256_hex(draft.source.encode())).first()
    rules.check_something_new(same.number if same else 0)
    return flow


def _new_version(
    owner: Organisation, flow: Flow, source: str, *, by: str, draft: FlowDraft | None = None
) -> FlowVersion:
    last = newest(owner, flow.key)
    number = last.number + 1 if last else 1
    digest = sha256_hex(source.encode())
    data = {"flow": flow.key, "number": number, "digest": digest}
    if draft is not None:
        data |= {"author": draft.author.actor, "words": draft.words, "draft": str(draft.uid)}
    version = FlowVersion(
        owner=owner, key=flow.key, number=number, digest=digest, source=source, published_by=by,
        written_by=draft.author.actor if draft else "", words=draft.words if draft else "",
    )  # fmt: skip
    version.evidence = stage("process.flow_published", data, actor=by, org=owner.code)
    version.save()
    return version


def _stage(kind: str, draft: FlowDraft, by: Person) -> uuid.UUID:
    data = {
        "flow": draft.key, "draft": str(draft.uid), "digest": draft.digest, "author": draft.author.actor,
        "base": draft.base.digest if draft.base else "", "words": draft.answer or draft.words,
    }  # fmt: skip
    return stage(kind, data, actor=by.actor, org=draft.owner.code)


@translation.override("zh-hans")
def _tell(draft: FlowDraft, by: Person, people: list[Person], title: str, words: str, link: str = "") -> None:
    """Whom it concerns, except where nobody is there to be told; notices are Chinese, as what is on record."""
    if any(person.is_active for person in people):
        said = _(title) % {"flow": parse_flow(draft.source).title, "name": by.name}
        tell(people, said, words, link or f"/flows/drafts/{draft.uid}/", draft.owner, actor=by.actor)
