"""Keeping windows and freezes: who may, what is refused, and what goes on record (CHG-3)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning import rules
from weilu.planning.models import Freeze, Window
from weilu.systems.models import System

KEEP = "planning.keep"


@action("planning.add_window")
def add_window(
    by: Person,
    system: System,
    *,
    name: str,
    rule: str,
    starts: datetime,
    minutes: int,
    left_out: Collection[str] = (),
    days: str = rules.Days.ANY,
) -> Window:
    """Open the system for changes at a time that comes again by `rule` (RFC 5545), first at `starts`.

    It does not open on the days `left_out` (2026-10-01), and with `days` only on working days or days off.
    """
    _may_keep(by, system.owner)
    fields = _window_fields(name, rule, starts, minutes, left_out, days)
    found = Window.objects.create(owner=system.owner, system=system, **fields)
    _tell_window("planning.window_added", found, by)
    return found


@action("planning.change_window")
def change_window(
    by: Person,
    window: Window,
    *,
    name: str,
    rule: str,
    starts: datetime,
    minutes: int,
    left_out: Collection[str] = (),
    days: str = rules.Days.ANY,
) -> Window:
    """Change a window as a whole; the log keeps what it was. What is planned stays, and shows where it is outside."""
    _may_keep(by, window.owner)
    found = _live_window(window)
    fields = _window_fields(name, rule, starts, minutes, left_out, days)
    Window.objects.filter(id=found.id).update(**fields)
    found.refresh_from_db()
    _tell_window("planning.window_changed", found, by)
    return found


@action("planning.end_window")
def end_window(by: Person, window: Window) -> Window:
    """The window opens no more; a system without any has the night."""
    _may_keep(by, window.owner)
    found = _live_window(window)
    found.ended_at = now()
    found.save(update_fields=["ended_at"])
    _tell_window("planning.window_ended", found, by)
    return found


@action("planning.add_freeze")
def add_freeze(
    by: Person,
    owner: Organisation,
    *,
    system: System | None = None,
    name: str,
    starts: datetime,
    ends: datetime,
    reason: str,
) -> Freeze:
    """From `starts` to `ends` the system, or every system of the customer, is not changed without an exception."""
    _may_keep(by, owner)
    if system is not None and system.owner_id != owner.id:
        raise Refused(_("这个系统不是这个单位的"), field="system")
    rules.check_freeze(starts, ends, now())
    found = Freeze.objects.create(
        owner=owner,
        system=system,
        name=text.line(name, _("名称"), field="name", longest=60),
        starts=starts,
        ends=ends,
        reason=text.line(reason, _("原因"), field="reason", longest=300),
    )
    _tell_freeze("planning.freeze_added", found, by, {"reason": found.reason})
    return found


@action("planning.end_freeze")
def end_freeze(by: Person, freeze: Freeze, *, reason: str) -> Freeze:
    """Lift a freeze, before or within its time, and say why; one that is over stays as it was."""
    _may_keep(by, freeze.owner)
    reason = text.line(reason, _("原因"), field="reason", longest=300)
    found: Freeze = Freeze.objects.select_for_update(of=("self",)).select_related("owner", "system").get(id=freeze.id)
    if found.ended_at is not None or found.ends <= now():
        raise Refused(_("这个封网期已经结束"), rules.LEAST_EFFECT)
    found.ended_at = now()
    found.save(update_fields=["ended_at"])
    _tell_freeze("planning.freeze_ended", found, by, {"reason": reason})
    return found


def _may_keep(by: Person, owner: Organisation) -> None:
    if not by.may(KEEP, owner.id):
        raise Refused(
            _("窗口与封网期由系统管理员、技术部门负责人或信息安全办维护"), rules.LEAST_EFFECT, who="administrator"
        )


def _live_window(window: Window) -> Window:
    """The window as it is now, locked till the action ends."""
    rows = Window.objects.select_for_update(of=("self",)).select_related("owner", "system")
    found: Window = rows.get(id=window.id)
    if found.ended_at is not None:
        raise Refused(_("这个窗口已经停用。另登记一个"), rules.LEAST_EFFECT)
    return found


def _window_fields(
    name: str, rule: str, starts: datetime, minutes: int, left_out: Collection[str], days: str
) -> dict[str, Any]:
    read = rules.check_window(rule, starts, minutes, left_out, days)
    return {
        "name": text.line(name, _("名称"), field="name", longest=60),
        "rule": rule.strip().upper().removeprefix("RRULE:"),
        "starts": starts,
        "minutes": minutes,
        "left_out": sorted(day.isoformat() for day in read.left_out),
        "days": days,
    }


def _tell_window(kind: str, window: Window, by: Person) -> None:
    data = {
        "window": str(window.uid), "system": window.system.code, "name": window.name, "rule": window.rule,
        "starts": iso(window.starts), "minutes": window.minutes, "left_out": window.left_out, "days": window.days,
    }  # fmt: skip
    stage(kind, data, actor=by.actor, org=window.owner.code)


def _tell_freeze(kind: str, freeze: Freeze, by: Person, more: dict[str, str]) -> None:
    data = {
        "freeze": str(freeze.uid), "system": freeze.system.code if freeze.system else "", "name": freeze.name,
        "starts": iso(freeze.starts), "ends": iso(freeze.ends),
    }  # fmt: skip
    stage(kind, data | more, actor=by.actor, org=freeze.owner.code)
