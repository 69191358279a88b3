"""迁移: an open item goes on under the newest version of its flow, where what it has behind it is so there too."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.kernel import text, worktime
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.actions import note
from weilu.process.drafted import FlowMove
from weilu.process.flow import Step, parse_flow
from weilu.process.flow_actions import newest
from weilu.process.models import UNDATED, Fact, FlowVersion, Opinion, Seat, StepVisit, WorkItem
from weilu.process.moving import OPEN, Past, Seated, check_may_move, reseat
from weilu.process.queries import acted
from weilu.process.seats import locked
from weilu.process.walk import OFFICE, OPENED, stand
from weilu.process.who import people_asked

MOVE = "flows.move"
Part = Seat.Part


@action("process.move_item")
def move_item(by: Person, item: WorkItem, *, turn: int, words: str) -> WorkItem:
    """Let an open item follow the newest version of its flow from where it is; recorded, with the reason.

    Opinions stay as they are. Who is asked is asked anew by the new version; a place that vanishes is
    closed, one that comes is opened. Raises Refused where a step passed would be missing or otherwise.
    """
    item, old = locked(item)
    if not by.may(MOVE, item.owner_id):
        raise Refused(_("迁移工单要由系统管理员办"), who="administrator")
    words = text.line(words, _("迁移原因"), field="words", longest=300)
    rules.check_turn(turn, item.turn)
    before, after = item.flow, newest(item.owner, item.flow.key)
    if after is None or after.id == before.id:
        raise Refused(_("这张工单已经走最新的一版"))
    new = parse_flow(after.source)
    check_may_move(old, new, pasts([item])[item.id])
    item.turn += 1
    opened = OPENED(item=item.id)
    fresh = [person for visit in opened for person in _seat_again(item, visit, new.step(visit.step))]
    WorkItem.objects.filter(id=item.id).update(flow=after)
    item.flow = after
    stand(item, new, opened)
    _record(by, item, before, after, words)
    announce("process.item_moved", item=item, by=by, people=fresh, words=words)
    return item


def _seat_again(item: WorkItem, visit: StepVisit, step: Step) -> list[Person]:
    """Ask in an open visit whom the new version asks; answers those who come."""
    visit.due_at = worktime.add(visit.opened_at, step.hours * 60, OFFICE) if step.hours else None
    StepVisit.objects.filter(id=visit.id).update(due_at=visit.due_at)
    if step.auto:
        return []
    seats = list(Seat.objects.filter(visit=visit).exclude(part=Part.GONE).select_related("person").order_by("id"))
    people = people_asked(step, item, rules.barred(step, acted(item, step.not_also)))
    rules.check_enough(step, [person.id for person in people])
    if step.personal and any(seat.authority_id for seat in seats):
        raise Refused(_("不能迁到新版：「%(step)s」转办过，新版要本人办") % {"step": step.title}, rules.NOT_ONES_OWN)
    said = _said(visit)
    names = {seat.person_id: seat.person.name for seat in seats}
    places = reseat(step, [_seated(seat, said) for seat in seats], [person.id for person in people], names)
    due = visit.due_at or UNDATED
    Seat.objects.filter(visit=visit, person__in=places.leave).update(open=False, part=Part.GONE)
    Seat.objects.filter(visit=visit, open=True).update(due_at=due, personal=step.personal)
    fresh = [person for person in people if person.id in places.come]
    asked = {
        "item": item, "open": True, "part": Part.ASKED, "due_at": due, "personal": step.personal, "since": now(),
        "authority": None, "asked_by": None,
    }  # fmt: skip
    for person in fresh:  # somebody who once handed the place on has a row already
        Seat.objects.update_or_create(visit=visit, person=person, defaults=asked)
    _check_still_open(visit, step, said)
    return fresh


def _said(visit: StepVisit) -> dict[int, str]:
    """What was said in a visit, by whose place it was said from; taken-back words left out."""
    heard = Opinion.objects.filter(visit=visit, withdrawal=None).order_by("id")
    return {absent or person: act for person, absent, act in heard.values_list("person_id", "on_behalf_id", "act")}


def _seated(seat: Seat, said: Mapping[int, str]) -> Seated:
    agreed = said.get(seat.person_id) is not None
    counts = seat.part not in Seat.ADDED
    return Seated(seat.person_id, seat.authority_id or seat.person_id, counts, agreed, seat.asked_by_id or 0)


def _check_still_open(visit: StepVisit, step: Step, said: Mapping[int, str]) -> None:
    """A move ends no step: whoever is asked there still has to say something."""
    asked = set(Seat.objects.filter(visit=visit, part=Part.ASKED).values_list("person_id", flat=True))
    agreed = {person for person in asked if said.get(person) == Opinion.Act.AGREE}
    refused = {person for person in asked if said.get(person) == Opinion.Act.REFUSE}
    waits = Seat.objects.filter(visit=visit, open=True).exists()
    added = Seat.objects.filter(visit=visit, open=True, part__in=Seat.ADDED).exists()
    if not waits or (rules.outcome(step, asked, agreed, refused) != "open" and not added):
        words = {"step": step.title}
        raise Refused(
            _("不能迁到新版：「%(step)s」按新版已经有结果") % words,
            rules.NO_STEP_SKIPPED,
            help=_("先办完这一步，再迁移"),
        )


def _record(by: Person, item: WorkItem, before: FlowVersion, after: FlowVersion, words: str) -> None:
    data = {
        "number": item.number, "flow": before.key, "from": before.digest, "to": after.digest,
        "from_number": before.number, "to_number": after.number, "step": item.step, "words": words,
    }  # fmt: skip
    ref = stage("process.item_moved", data, actor=by.actor, org=item.owner.code, item=str(item.uid))
    FlowMove.objects.create(item=item, before=before, after=after, by=by, words=words, evidence=ref)
    numbers = {"before": before.number, "after": after.number, "words": words}
    note(item, "flow", _("从流程第 %(before)d 版迁到第 %(after)d 版：%(words)s") % numbers, by, evidence=ref)


def pasts(items: Collection[WorkItem]) -> dict[int, Past]:
    """What each of `items` has behind it, by id; a fixed number of queries."""
    ids = [item.id for item in items]
    visits: dict[int, list[StepVisit]] = {}
    for visit in StepVisit.objects.filter(item__in=ids).order_by("id"):
        visits.setdefault(visit.item_id, []).append(visit)
    heard = Opinion.objects.filter(item__in=ids, act=Opinion.Act.AGREE, withdrawal=None)
    said: dict[int, set[int]] = {}  # by visit: who agreed, each absent one as well
    names: dict[int, str] = {}
    columns = ("visit", "person", "on_behalf", "person__name", "on_behalf__name")
    for visit_id, person, absent, name, absent_name in heard.values_list(*columns):
        names |= {person: name} | ({absent: absent_name} if absent else {})
        said.setdefault(visit_id, set()).update(one for one in (person, absent) if one)
    facts: dict[int, dict[tuple[str, str], bool]] = {}
    newest_last = Fact.objects.filter(item__in=ids).order_by("id")
    for item_id, key, subject, holds in newest_last.values_list("item", "key", "subject", "holds"):
        facts.setdefault(item_id, {})[key, subject] = holds
    return {item.id: _past(item, visits.get(item.id, []), said, facts.get(item.id, {}), names) for item in items}


def _past(
    item: WorkItem,
    visits: Collection[StepVisit],
    said: Mapping[int, set[int]],
    facts: Mapping[tuple[str, str], bool],
    names: Mapping[int, str],
) -> Past:
    agreed: dict[str, frozenset[int]] = {}
    signed: dict[str, frozenset[int]] = {}
    for visit in visits:
        people = frozenset(said.get(visit.id, ()))
        agreed[visit.step] = agreed.get(visit.step, frozenset()) | people
        if visit.outcome == StepVisit.Outcome.DONE:
            signed[visit.step] = people
    return Past(
        facets=item.facets,
        visits=[(visit.step, str(visit.outcome)) for visit in visits],
        agreed=agreed,
        signed=signed,
        holding={key for (key, subject), holds in facts.items() if holds and subject == item.subject},
        resumes=[visit.resume for visit in visits if visit.outcome == OPEN and visit.resume],
        names=names,
    )
