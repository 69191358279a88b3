"""What pages of work items are made of: lines of a list, a timeline, the neighbours of an item in my work."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from weilu.accounts.models import Person
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now
from weilu.process.kept import Watch
from weilu.process.lists import Gates, place_of, todo_count
from weilu.process.models import Opinion, StepVisit, WorkItem
from weilu.process.queries import ItemView, Row
from weilu.process.vocabulary import kind_of
from weilu.ui.retold import retold

WATCHED = Prepared(lambda: Watch.objects.filter(person=slot("person"), item=slot("item")).values_list("id", flat=True))
TABS = (
    ("todo", gettext_lazy("待办")),
    ("done", gettext_lazy("已办")),
    ("mine", gettext_lazy("我发起")),
    ("watched", pgettext_lazy("list", "关注")),
)
EVENT_ICONS = {
    "file": "file-text",
    "run": "player-play",
    "notice": "bell",
    "flow": "git-branch",
    "hand": "users",
    "urge": "bell",
}


@dataclass(frozen=True)
class Tab:
    """One list of my work with its count."""

    key: str
    title: Promise
    count: int


@dataclass(frozen=True)
class Line:
    """A row of a list, ready to be shown."""

    row: Row
    url: str
    first: Person | None
    waiting: str
    waiting_more: str
    place: str
    overdue: bool
    gates: Gates | None = None

    @property
    def picked(self) -> str:
        """What is sent when the row is ticked: the item as it is shown here."""
        return f"{self.row.item.uid}:{self.row.item.turn}:{self.row.item.subject}"


def tabs(counted: Mapping[str, int]) -> list[Tab]:
    """The lists of my work with their counts."""
    return [Tab(key, title, counted[key]) for key, title in TABS]


def item_url(item: WorkItem) -> str:
    """The page of an item, whatever its kind."""
    return reverse(kind_of(item.kind).page, args=[item.uid])


def lines(
    rows: Iterable[Row],
    reader: Person,
    *,
    in_turn: bool = False,
    at: datetime | None = None,
    gates: Mapping[int, Gates] | None = None,
) -> list[Line]:
    """The lines of a list as `reader` sees them; asks the database nothing."""
    at = at or now()
    return [_line(row, reader, at, in_turn, (gates or {}).get(row.item.id)) for row in rows]


def _line(row: Row, reader: Person, at: datetime, in_turn: bool, gates: Gates | None) -> Line:
    people = sorted(row.waiting, key=lambda person: person != reader)
    others = [person.name for person in people if person != reader]
    more = ""
    if people and people[0] == reader and others and row.step:
        more = _("会签，还等 %(names)s") if row.step.sign == "all" else _("或签，您或 %(names)s")
        more %= {"names": _("、").join(others)}
    elif len(people) > 1:
        more = _("还有 %(names)s") % {"names": _("、").join(others[1:])}
    if row.step is None:
        place = ""
    elif row.step.mark:
        place = _("第 %(place)d 步之后") % {"place": row.place}
    else:
        place = _("第 %(place)d/%(steps)d 步") % {"place": row.place, "steps": row.steps}
    first = people[0] if people else None
    name = _("您") if first == reader else first.name if first else ""
    late = row.due_at is not None and row.due_at <= at and row.step is not None
    return Line(row, item_url(row.item), first, name, more, place, late, gates)


@dataclass(frozen=True)
class Moment:
    """One line of a timeline: an opinion, or something a person or the machine did."""

    at: datetime
    kinds: str  # words sign run file notice flow, for the filter chips
    person: Person | None
    icon: str
    verb: str
    state: str  # watch for a return, refused for a no
    where: str
    words: str
    link: str
    evidence: uuid.UUID | None
    quote: str = ""
    behalf: str = ""  # the name of the absent one for whom `person` acted
    taken_back: bool = False  # a signature withdrawn: it stays, and no longer counts


def timeline(view: ItemView) -> list[Moment]:
    """Everything that happened to an item, newest first."""
    moments = [_said(view, opinion) for opinion in view.opinions]
    moments += [
        Moment(
            event.at, event.kind, event.actor, EVENT_ICONS.get(event.kind, "info-circle"), "", "", "", event.words,
            event.link, event.evidence,
        )
        for event in view.events
    ]  # fmt: skip
    skipped = [visit for visit in view.visits if visit.outcome == StepVisit.Outcome.NOT_REQUIRED]
    for visit in skipped:
        words = _("「%(step)s」%(reason)s") % {
            "step": _(view.flow.step(visit.step).title),
            "reason": retold(visit.reason),
        }
        moments.append(Moment(visit.opened_at, "flow", None, "circle-minus", "", "", "", words, "", None))
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def _said(view: ItemView, opinion: Opinion) -> Moment:
    step = view.flow.step(opinion.visit.step)
    where = _(step.title)
    if opinion.visit.ordinal > 1:
        where += _("（第 %(n)d 次）") % {"n": opinion.visit.ordinal}
    verb, state = {
        Opinion.Act.AGREE: (pgettext("done", "办理") if step.form else pgettext("done", "同意"), ""),
        Opinion.Act.RETURN: (pgettext("done", "退回"), "watch"),
        Opinion.Act.REFUSE: (pgettext("done", "不同意"), "refused"),
    }[Opinion.Act(opinion.act)]
    kinds = "sign words" if opinion.words else "sign"
    return Moment(
        opinion.at, kinds, opinion.person, "", verb, state, where, "", "", opinion.evidence, opinion.words,
        opinion.on_behalf.name if opinion.on_behalf else "", hasattr(opinion, "withdrawal"),
    )  # fmt: skip


def chips(moments: list[Moment]) -> list[tuple[str, str, int]]:
    """The filter chips of a timeline: which kind, its word, how many."""
    names = (("words", _("意见")), ("sign", _("签名")), ("run", _("执行")), ("file", _("文件")))
    counted = [(kind, name, sum(kind in moment.kinds.split() for moment in moments)) for kind, name in names]
    return [("", _("全部"), len(moments)), *(chip for chip in counted if chip[2])]


@dataclass(frozen=True)
class Neighbours:
    """Where an item stands among what waits for a person; `place` is 0 when it does not wait for them."""

    place: int
    total: int
    previous: str
    next: str


def neighbours(person: Person, item: WorkItem) -> Neighbours:
    """The items before and after this one in my work."""
    found = place_of(person, item)
    previous, following = (
        reverse(kind_of(one[1]).page, args=[one[0]]) if one else "" for one in (found.previous, found.next)
    )
    return Neighbours(found.place, found.total, previous, following)


def waiting_for(person: Person) -> int:
    """How many items wait for `person`, to CAP at most."""
    return todo_count(person)


def watches(person: Person, item: WorkItem) -> bool:
    """Whether `person` follows the item."""
    return bool(WATCHED(person=person.id, item=item.id))
