"""The pages of 安全监测 (OPS-9): alarms, the register, the log of who did what, and what raises an alarm."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts import alarms, equipment, security
from weilu.accounts.models import Person
from weilu.accounts.people import of_the_form
from weilu.accounts.reader import reader
from weilu.accounts.security import PAGE, Filters
from weilu.accounts.watched import Alarm, SecurityEvent
from weilu.evidence.looking import seen
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right
from weilu.kernel.times import now
from weilu.ui.retold import retold
from weilu.ui.workbook import XLSX, sheet

MOST = 10_000  # rows of a workbook
KINDS = dict(SecurityEvent.Kind.choices)
VERDICTS = dict(Alarm.Verdict.choices)
TITLES = {
    "signed-in": gettext_lazy("登录"), "privileged": gettext_lazy("特权操作"), "settings": gettext_lazy("安全设置"),
}  # fmt: skip
WHAT = {  # what failed at sign-in, by the register's own word
    "password": gettext_lazy("密码"), "code": gettext_lazy("验证码"), "signature": gettext_lazy("签署时的密码"),
    "while locked": gettext_lazy("锁定期间"), "here": gettext_lazy("这个账号在这个地址"),
    "account": gettext_lazy("整个账号"), "address": gettext_lazy("整个地址"),
    "device": gettext_lazy("这个账号在常用设备"), "again": gettext_lazy("签署时的密码"),
    "second": gettext_lazy("验证码"),
}  # fmt: skip


def open_alarms(person: Person) -> int:
    """How many alarms wait for this person; nothing is asked for who looks after no security."""
    if "security.see" not in person.rights:
        return 0
    return Alarm.objects.filter(owner__in=security.watched_ids(person), closed_at=None)[:1001].count()


def what(event: SecurityEvent) -> list[tuple[str, int]]:
    """What was asked for and how often, in words where there are any."""
    return [(str(WHAT.get(act) or retold(act)), count) for act, count in event.acts.items()]


@right("security.see")
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """The register, newest first, narrowed by kind, person and days."""
    filters, after = _asked(request, KINDS)
    rows = _found(lambda: security.events(reader(request), filters, after, PAGE + 1))
    read_on_record(request)
    shown = {
        "rows": [(one, what(one)) for one in rows[:PAGE]], "more": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "filters": filters, "kinds": KINDS, "list": "events", "place": "/security/",
        "open": open_alarms(reader(request)),
    }  # fmt: skip
    return render(request, "accounts/security-events.html", shown)


@right("security.see")
@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """Who signed in, privileged acts and changed settings, from the evidence."""
    filters, after = _asked(request, TITLES)
    rows = _found(lambda: security.entries(reader(request), filters, after, PAGE + 1))
    read_on_record(request)
    shown = {
        "rows": rows[:PAGE], "more": rows[PAGE - 1].index if len(rows) > PAGE else None,
        "filters": filters, "kinds": TITLES, "list": "log", "place": "/security/log",
        "open": open_alarms(reader(request)),
    }  # fmt: skip
    return render(request, "accounts/security-log.html", shown)


@right("security.see")
@require_GET
def alarm_list(request: HttpRequest) -> HttpResponse:
    """What was raised: the open ones first."""
    return _alarms(request)


@right("security.manage")
@require_POST
def close(request: HttpRequest, uid: str) -> HttpResponse:
    """Say what an alarm was."""
    alarm = security.alarm_seen(reader(request), uid)
    typed = {name: request.POST.get(name, "") for name in ("verdict", "words")}
    try:
        alarms.close_alarm(reader(request), alarm, **typed)
    except Refused as problem:
        return _alarms(request, of_the_form(problem), {"at": str(alarm.uid), **typed})
    messages.success(request, _("告警已处理"))
    return redirect("accounts:alarms")


def _alarms(request: HttpRequest, refused: Refused | None = None, typed: dict[str, str] | None = None) -> HttpResponse:
    filters, _after = _asked(request, VERDICTS)
    rows = security.alarms(reader(request), filters)
    read_on_record(request)
    shown = {
        "rows": [(one, alarms.alarm_words(one)) for one in rows], "refused": refused, "typed": typed or {},
        "filters": filters, "kinds": VERDICTS, "list": "alarms", "place": "/security/alarms",
        "may": "security.manage" in reader(request).rights, "open": open_alarms(reader(request)),
    }  # fmt: skip
    return render(request, "accounts/security-alarms.html", shown, status=422 if refused else 200)


@right("security.see")
@require_GET
def equipment_list(request: HttpRequest) -> HttpResponse:
    """What is watched of Weilu itself: processes, ports and calls outward, what is out of use."""
    read_on_record(request)
    parts = [
        (_("关键进程"), _("两分钟没有动静算中断，中断会告警"), _("最后一次"), equipment.processes(), ""),
        (_("端口与外连"), _("只有这些地址；由安装设置决定"), _("上次应答"), equipment.doors(), ""),
        (
            _("停用的设备与凭据"), _("见证、访问令牌、账号；重置两步验证见登录与特权操作"), _("停用时间"),
            equipment.out_of_use(reader(request)), _("没有停用的。"),
        ),
    ]  # fmt: skip
    shown = {"parts": parts, "open": open_alarms(reader(request))}
    return render(request, "accounts/security-equipment.html", shown)


@right("security.manage")
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """From how many events on an alarm is raised, by customer."""
    owners = security.watched_by(reader(request), "security.manage")
    refused, given = None, request.POST
    if request.method == "POST":
        owner = next((one for one in owners if str(one.uid) == given.get("owner", "")), None)
        if owner is None:
            raise NotVisible(given.get("owner", ""))
        try:
            numbers = {name: _number(given.get(name, "")) for name in alarms.LIMITS}
            alarms.set_alarms(reader(request), owner, devices="devices" in given, **numbers)
        except Refused as problem:
            refused = of_the_form(problem)
        else:
            messages.success(request, _("告警阈值已改"))
            return redirect("accounts:alarm-settings")
    shown: dict[str, Any] = {"customers": [(one, alarms.rules_of(one)) for one in owners], "refused": refused}
    shown |= {"typed": given, "open": open_alarms(reader(request))}
    return render(request, "accounts/security-settings.html", shown, status=422 if refused else 200)


@right("security.see")
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The list as its page shows it, as an Excel workbook, for a purpose that is asked once."""
    name = request.GET.get("list", "events")
    if name not in LISTS:
        raise BadRequest("list")
    kinds, rows_of = LISTS[name]
    filters, _after = _asked(request, kinds)
    for owner in security.watched_by(reader(request)):
        place, words = f"{owner.code}.xlsx", f"{owner.code} Excel"
        if asking := seen(request, org=owner.code, kind="security", what=place, words=words, ask=True):
            return asking
    answer = HttpResponse(_workbook(rows_of(reader(request), filters)), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="weilu-security-{name}-{now():%Y%m%d}.xlsx"'
    return answer


def read_on_record(request: HttpRequest) -> None:
    """That the register is read is registered as well (OPS-5)."""
    for owner in security.watched_by(reader(request)):
        seen(request, org=owner.code, kind="security", what=owner.code, words=owner.code)


Cells = list[str | int | datetime | None]


def _event_rows(person: Person, filters: Filters) -> Iterator[Cells]:
    yield [_("时间"), _("最后一次"), _("类型"), _("姓名"), _("工号"), _("地址"), _("次数"), _("内容"), _("编号")]
    for one in security.events(person, filters, most=MOST):
        acts = "\n".join(f"{act} × {count}" for act, count in what(one))
        who = (one.person.name, one.person.username) if one.person else ("", "")
        yield [one.at, one.last_at, str(one.get_kind_display()), *who, one.address, one.count, acts, one.number]


def _log_rows(person: Person, filters: Filters) -> Iterator[Cells]:
    yield [_("时间"), _("类型"), _("谁"), _("内容"), _("存证")]
    for one in security.entries(person, filters, most=MOST):
        yield [one.at, one.word, one.actor, one.about, one.index]


def _alarm_rows(person: Person, filters: Filters) -> Iterator[Cells]:
    yield [_("时间"), _("最后一次"), _("告警"), _("单位"), _("次数"), _("性质"), _("处理结果"), _("谁"), _("处理时间")]
    for one in security.alarms(person, filters, most=MOST):
        by = one.closed_by.name if one.closed_by else ""
        verdict = str(one.get_verdict_display())
        yield [
            one.at, one.last_at, alarms.alarm_words(one), one.owner.short_name, one.count, verdict, one.words, by,
            one.closed_at,
        ]  # fmt: skip


LISTS: dict[str, tuple[Any, Callable[[Person, Filters], Iterator[Cells]]]] = {
    "events": (KINDS, _event_rows), "log": (TITLES, _log_rows), "alarms": (VERDICTS, _alarm_rows),
}  # fmt: skip


def _workbook(rows: Iterator[Cells]) -> bytes:
    return sheet(_("安全监测"), next(rows), rows, widths=(22,) * 9)


def _asked(request: HttpRequest, kinds: Any) -> tuple[Filters, str]:
    try:
        return security.read_filters(request.GET.dict(), kinds), request.GET.get("after", "")
    except ValueError as problem:
        raise BadRequest(str(problem)) from None


def _found(read: Callable[[], list[Any]]) -> list[Any]:
    try:
        return read()
    except ValueError as problem:  # not our cursor
        raise BadRequest(str(problem)) from None


def _number(typed: str) -> int:
    typed = typed.strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else 0
