"""What a person reads of something in the way: a sentence, whom to ask, and nothing that is not theirs to see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.planning.models import Booking, Freeze
from weilu.planning.rules import LEAST_EFFECT, Clash, Kind
from weilu.process.pages import item_url
from weilu.systems.models import System
from weilu.ui.dates import when, window

APPROVERS = ("security_office", "leader")  # roles whose holders approve an exception of a freeze


@dataclass(frozen=True)
class Conflict:
    """One thing in the way of planned work, as its reader may know it."""

    kind: Kind
    words: str  # 同一系统已有安排
    detail: str  # which, when; "" where that is not theirs to see
    clause: Clause
    help: str  # who can help, or what would
    link: str = ""  # the page of the other work, where the reader sees it
    yields: bool = False  # the other was booked later: it has to give way
    freeze: Freeze | None = None  # the freeze to be excepted from

    @property
    def sentence(self) -> str:
        """Both parts as one sentence."""
        return _("%(words)s：%(detail)s") % {"words": self.words, "detail": self.detail} if self.detail else self.words


@dataclass(frozen=True)
class Seen:
    """What clashes are told from: rows by id, names, and whose rows the reader sees."""

    owners: Collection[int]
    bookings: Mapping[int, Booking]
    freezes: Mapping[int, Freeze]
    systems: Mapping[int, str]
    system: System
    hosts: Mapping[str, str]
    people: Mapping[int, str]
    windows: bool  # whether the system has windows of its own
    able: Sequence[str]  # names of those who approve an exception
    at: datetime


def tell_clash(clash: Clash, seen: Seen, yields: bool) -> Conflict:
    """A clash in the words of its reader's language."""
    if clash.kind == Kind.FREEZE:
        return _freeze(seen.freezes[clash.of], seen)
    if clash.kind == Kind.OUTSIDE:
        return _outside(seen)
    other = seen.bookings[clash.of]
    visible = other.owner_id in seen.owners
    words = _shared(clash, seen) or (_closeness(clash, other, seen) if visible else _("已占用"))
    if not visible:
        return Conflict(clash.kind, words, "", LEAST_EFFECT, _("换一个时段"), yields=yields)
    span = window(other.starts, other.ends, seen.at)
    detail = _("%(number)s %(title)s，%(span)s") % {
        "number": other.item.number, "title": other.item.title, "span": span,
    }  # fmt: skip
    helper = _("它排在后面，由它让开") if yields else _("与 %(name)s 商量，或换一个时段") % {"name": other.by.name}
    return Conflict(clash.kind, words, detail, LEAST_EFFECT, helper, item_url(other.item), yields)


def _shared(clash: Clash, seen: Seen) -> str:
    """What both want: a host or a person, which the reader has named themselves."""
    if clash.kind == Kind.HOST:
        return _("主机 %(names)s 已占用") % {"names": _("、").join(sorted({seen.hosts[one] for one in clash.hosts}))}
    if clash.kind == Kind.PERSON:
        return _("%(names)s 已有安排") % {"names": _("、").join(sorted(seen.people[one] for one in clash.people))}
    return ""


def _closeness(clash: Clash, other: Booking, seen: Seen) -> str:
    name = seen.systems.get(other.system_id, other.system.name)
    if clash.kind == Kind.NEEDS:
        return _("所依赖的 %(system)s 已有安排") % {"system": name}
    if clash.kind == Kind.NEEDED_BY:
        return _("依赖它的 %(system)s 已有安排") % {"system": name}
    return _("同一系统已有安排")


def _freeze(one: Freeze, seen: Seen) -> Conflict:
    if one.system_id not in (None, seen.system.id):
        words = _("依赖它的 %(system)s 处在「%(name)s」") % {"system": seen.systems[one.system_id], "name": one.name}
    else:
        words = _("处在「%(name)s」") % {"name": one.name}
    detail = _("%(start)s 至 %(end)s") % {"start": when(one.starts, seen.at), "end": when(one.ends, seen.at)}
    names = _("、").join(seen.able)
    helper = _("破例须由 %(names)s 批准") % {"names": names} if names else _("没有人能批准破例。系统管理员可授予角色")
    return Conflict(Kind.FREEZE, words, detail, LEAST_EFFECT, helper, freeze=one)


def _outside(seen: Seen) -> Conflict:
    if seen.windows:
        words, detail = _("不在维护窗口之内"), ""
        helper = _("换到窗口之内的时段，或由系统管理员改窗口")
    else:
        words, detail = _("不在夜间"), _("这个系统没有登记窗口，默认 22:00–06:00")
        helper = _("换到夜间，或由系统管理员登记窗口")
    return Conflict(Kind.OUTSIDE, words, detail, LEAST_EFFECT, helper)
