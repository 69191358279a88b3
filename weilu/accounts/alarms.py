"""Alarms: when a security office is told, once, of what the register and the witnesses show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Organisation, Person
from weilu.accounts.register import MONITORED
from weilu.accounts.security import may_see, seen_by
from weilu.accounts.watched import Alarm, AlarmRules, SecurityEvent
from weilu.evidence.actions import stage
from weilu.evidence.models import Witness
from weilu.evidence.witnesses import ALARMS
from weilu.evidence.words import finding_words
from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.processes import fell_silent
from weilu.jobs.rules import Minutes
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

QUIET = timedelta(hours=1)  # an alarm that nobody closed goes on until nothing came for so long
SILENT = timedelta(hours=1)  # a witness that does not answer for so long is a problem
LOOKED_BACK = timedelta(days=1)  # for processes that fell silent while no other was there to tell of it
TURNED_DOWN = (SecurityEvent.Kind.REFUSED, SecurityEvent.Kind.DENIED, SecurityEvent.Kind.HIDDEN)
LIMITS = {"refused": (1, 1000), "refused_minutes": (1, 1440), "failed": (1, 1000), "failed_minutes": (1, 1440)}


@dataclass(frozen=True)
class Sign:
    """What the register or a witness shows now: about whom or what, how often, the last time when."""

    rule: str
    count: int
    last: datetime
    person: int | None = None
    about: str = ""


Source = Callable[[Organisation, datetime], Iterable[Sign]]
_sources: list[Source] = []


def watch(source: Source) -> None:
    """Let `source(owner, instant)` say what a room above shows of a customer now, by a rule of `Alarm.Rule`."""
    if source not in _sources:
        _sources.append(source)


def check_rules(given: dict[str, int]) -> None:
    """MONITORED: thresholds that can be reached, so that no alarm is turned off by a number."""
    for name, (least, most) in LIMITS.items():
        if not least <= given[name] <= most:
            raise Refused(
                _("应是 %(least)d 到 %(most)d 的整数") % {"least": least, "most": most}, MONITORED, field=name
            )


@action("accounts.set_alarms")
def set_alarms(
    by: Person, owner: Organisation, *, refused: int, refused_minutes: int, failed: int, failed_minutes: int,
    devices: bool,
) -> AlarmRules:  # fmt: skip
    """Other thresholds from now on: on record, and told to everybody who looks after security there."""
    may_see(by, owner, "security.manage")
    given = {"refused": refused, "refused_minutes": refused_minutes, "failed": failed, "failed_minutes": failed_minutes}
    check_rules(given)
    kept: AlarmRules = AlarmRules.objects.update_or_create(owner=owner, defaults=given | {"devices": devices})[0]
    stage("accounts.alarms_set", given | {"devices": devices}, actor=by.actor, org=owner.code)
    announce("accounts.alarms_set", owner=owner, by=by)
    return kept


@action("accounts.close_alarm")
def close_alarm(by: Person, alarm: Alarm, *, verdict: str, words: str) -> Alarm:
    """Say what it was, by a word of `Alarm.Verdict` and in one's own; what comes later raises a new one."""
    may_see(by, alarm.owner, "security.manage")
    found = Alarm.objects.select_for_update(of=("self",)).select_related("owner", "person").get(id=alarm.id)
    words = text.line(words, _("处理结果"), field="words", longest=300)
    if verdict not in Alarm.Verdict.values:
        raise Refused(_("没有选性质，选一项再处理"), MONITORED, field="verdict")
    if found.closed_at is not None:
        raise Refused(_("这个告警已经处理过"))
    found.closed_at, found.closed_by, found.verdict, found.words = now(), by, verdict, words
    found.save(update_fields=["closed_at", "closed_by", "verdict", "words"])
    data = {"alarm": str(found.uid), "rule": found.rule, "count": found.count, "verdict": verdict, "words": words}
    stage("accounts.alarm_closed", data, actor=by.actor, org=found.owner.code)
    return found


def rules_of(owner: Organisation) -> AlarmRules:
    """What holds for a customer: what was set there, or the usual."""
    return AlarmRules.objects.filter(owner=owner).first() or AlarmRules(owner=owner)


def look(doing: Doing) -> None:
    """Raise what there is to raise, for every customer; comes every minute."""
    for owner in Organisation.objects.filter(kind=Organisation.Kind.CUSTOMER).order_by("id"):
        raise_alarms(owner)


LOOK = Kind("accounts.look_for_alarms", gettext_noop("查看安全事件并告警"), look, times=Minutes(1))


@transaction.atomic
def raise_alarms(owner: Organisation) -> list[Alarm]:
    """The new alarms of a customer; one that is open only counts on."""
    instant, rules, raised = now(), rules_of(owner), []
    above = [sign for source in _sources for sign in source(owner, instant)]
    for sign in [*_many(owner, rules, instant), *_single(owner, rules, instant), *_of_all(instant), *above]:
        who = Q(person=sign.person) if sign.person else Q(person=None)
        same = Alarm.objects.filter(who, owner=owner, rule=sign.rule, about=sign.about)
        last = same.order_by("-id").first()
        if last and last.closed_at is None and last.last_at >= instant - QUIET:
            Alarm.objects.filter(id=last.id).update(
                last_at=max(sign.last, last.last_at), count=max(sign.count, last.count)
            )
        elif last is None or sign.last > (last.closed_at or last.last_at):
            raised.append(_raise(owner, sign))
    return raised


def _raise(owner: Organisation, sign: Sign) -> Alarm:
    alarm = Alarm.objects.create(
        owner=owner, rule=sign.rule, person_id=sign.person, about=sign.about, count=sign.count, last_at=sign.last
    )
    who = alarm.person.actor if alarm.person else ""
    data = {"alarm": str(alarm.uid), "rule": sign.rule, "person": who, "about": sign.about, "count": sign.count}
    stage("accounts.alarm_raised", data, actor="weilu", org=owner.code)
    announce("accounts.alarm_raised", alarm=alarm)
    return alarm


def _many(owner: Organisation, rules: AlarmRules, instant: datetime) -> Iterator[Sign]:
    """People turned down too often, accounts and addresses that failed to sign in too often."""
    turned_down = _since(owner, instant, rules.refused_minutes, "refused").filter(kind__in=TURNED_DOWN)
    failed = _since(owner, instant, rules.failed_minutes, "failed").filter(kind=SecurityEvent.Kind.FAILED)
    for rule, rows, least, by in (
        ("refused", turned_down.exclude(person=None), rules.refused, "person"),
        ("failed", failed.exclude(person=None), rules.failed, "person"),
        ("failed", failed.filter(person=None), rules.failed, "address"),
    ):
        for one in rows.order_by().values(by).annotate(total=Sum("count")).filter(total__gte=least):
            last = rows.filter(**{by: one[by]}).order_by("-last_at").values_list("last_at", flat=True)[0]
            person, about = (one["person"], "") if by == "person" else (None, one["address"])
            yield Sign(rule, one["total"], last, person, about)


def _since(owner: Organisation, instant: datetime, minutes: int, rule: str) -> QuerySet[SecurityEvent]:
    """Events of the last minutes; those that an alarm closed since then was about count no more."""
    rows = seen_by([owner.id]).filter(last_at__gte=instant - timedelta(minutes=minutes))
    for alarm in Alarm.objects.filter(owner=owner, rule=rule, closed_at__gte=instant - timedelta(minutes=minutes)):
        over = Q(last_at__lte=alarm.closed_at)
        rows = rows.exclude(
            over & (Q(person=alarm.person_id) if alarm.person_id else Q(person=None, address=alarm.about))
        )
    return rows


def _single(owner: Organisation, rules: AlarmRules, instant: datetime) -> Iterator[Sign]:
    """What one event is enough for: a lock, and where it is asked for a new device."""
    kinds = [SecurityEvent.Kind.LOCKED, *([SecurityEvent.Kind.DEVICE] if rules.devices else [])]
    rows = seen_by([owner.id]).filter(kind__in=kinds, last_at__gte=instant - timedelta(minutes=10))
    for one in rows.order_by("id"):
        yield Sign(one.kind, one.count, one.last_at, one.person_id, one.address)


def _of_all(instant: datetime) -> Iterator[Sign]:
    """Every customer's matter: witnesses that disagree with the log or are silent, processes that just stopped."""
    for one in Witness.objects.active().exclude(finding=""):
        since = one.finding_since or instant
        if one.finding in ALARMS or since <= instant - SILENT:
            yield Sign("witness", 1, since, None, one.name)
    for process in fell_silent(instant, within=LOOKED_BACK):
        yield Sign("process", 1, process.seen, None, process.holder)


def alarm_words(alarm: Alarm) -> str:
    """What is the matter, in one sentence."""
    words = {"who": alarm.person.name if alarm.person else alarm.about or "—", "count": alarm.count}
    match alarm.rule:
        case "refused":
            return _("%(who)s 短时间内 %(count)d 次被拒") % words
        case "failed":
            return _("%(who)s 短时间内 %(count)d 次登录失败") % words
        case "locked":
            return _("%(who)s 的登录锁定了") % words
        case "device":
            return _("%(who)s 在新设备登录") % words
        case "host-key":
            return _("主机 %(who)s 出示的密钥不是固定的那把，已拒绝连接") % words
        case "clock" if not alarm.about:
            return _("%(count)d 台主机的时钟同时偏差，先检查工作机自己的时钟") % words
        case "clock":
            return _("主机 %(who)s 的时钟偏差过大") % words
        case "process":
            return _("工作进程 %(who)s 没有正常结束就停了") % words
    witness = Witness.objects.filter(name=alarm.about).first()
    finding = finding_words(witness.finding, witness.finding_size) if witness else ""
    return _("见证 %(who)s：%(finding)s") % {"who": alarm.about, "finding": finding or _("现在正常")}
