"""What people do with lists: search, export, keep filters, choose columns, follow, and sign several at once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import now
from weilu.process import columns, list_actions, lists
from weilu.process.actions import sign_step
from weilu.process.bigrams import LONGEST
from weilu.process.kept import SavedFilter
from weilu.process.models import WorkItem
from weilu.process.pages import item_url, lines
from weilu.process.queries import PAGE, Row
from weilu.process.search import find
from weilu.process.views import asked
from weilu.process.workbook import workbook
from weilu.ui.workbook import XLSX


@right(SIGNED_IN)
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Fifty items that a number or words name, newest first; the next fifty by the last one's key."""
    query, after = request.GET.get("q", "").strip()[:LONGEST], request.GET.get("after", "")
    try:
        found = find(reader(request), query, after)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    rows = lists.found_rows(reader(request), found.ids)
    shown = {
        "query": query, "after": after, "rows": lines(rows, reader(request)), "more": found.next,
        "short": bool(query) and found.short, "columns": columns.chosen(reader(request)),
    }  # fmt: skip
    return render(request, "process/search.html", shown)


@right(SIGNED_IN)
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The list as the page shows it, as an Excel workbook."""
    tab, filters = request.GET.get("tab", "todo"), asked(request)
    if tab not in lists.LISTS:
        raise BadRequest("tab")
    content = workbook(reader(request), tab, filters, columns.chosen(reader(request)))
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="weilu-{tab}-{now():%Y%m%d}.xlsx"'
    return answer


def _back(request: HttpRequest) -> HttpResponse:
    """To the page the form was on."""
    target = request.POST.get("back", "/")
    return redirect(target if url_has_allowed_host_and_scheme(target, {request.get_host()}) else "/")


@right(SIGNED_IN)
@require_POST
def choose_columns(request: HttpRequest) -> HttpResponse:
    """Show the columns that were ticked."""
    list_actions.choose_columns(reader(request), request.POST.getlist("columns"))
    return _back(request)


@right(SIGNED_IN)
@require_POST
def save_filter(request: HttpRequest) -> HttpResponse:
    """Keep the present filter under a title."""
    given = request.POST
    try:
        kept = list_actions.save_filter(
            reader(request), title=given.get("title", ""), tab=given.get("tab", ""), query=given.get("query", ""),
            shared="shared" in given,
        )  # fmt: skip
        messages.success(request, _("已保存筛选「%(title)s」") % {"title": kept.title})
    except Refused as problem:
        if not problem.field:
            raise
        messages.error(request, problem.reason)
    return _back(request)


@right(SIGNED_IN)
@require_POST
def drop_filter(request: HttpRequest, uid: str) -> HttpResponse:
    """Delete a filter of one's own."""
    list_actions.drop_filter(reader(request), SavedFilter.objects.fetch(reader(request), uid))
    return redirect("/")


@right(SIGNED_IN)
@require_POST
def watch(request: HttpRequest, uid: str) -> HttpResponse:
    """Follow an item, or no longer."""
    item = WorkItem.objects.fetch(reader(request), uid)
    if request.POST.get("on") == "1":
        list_actions.watch_item(reader(request), item)
    else:
        list_actions.unwatch_item(reader(request), item)
    return redirect(item_url(item))


@dataclass(frozen=True)
class Picked:
    """One item as the page showed it when it was ticked."""

    uid: str
    turn: int
    subject: str

    def __str__(self) -> str:
        return f"{self.uid}:{self.turn}:{self.subject}"


def _picked(request: HttpRequest) -> list[Picked]:
    found = []
    for value in request.POST.getlist("item"):
        uid, turn, subject = (*value.split(":"), "", "")[:3]
        if not (turn.isascii() and turn.isdigit() and len(turn) < 10):
            raise BadRequest("item")
        found.append(Picked(uid, int(turn), subject))
    if len(found) > PAGE:
        raise BadRequest("item")
    return found


@right(SIGNED_IN)
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """What exactly would be signed: each item ticked, and why some of them cannot be."""
    person, picked = reader(request), {one.uid: one for one in _picked(request)}
    seats = lists.waiting_for(person).filter(item__uid__in=_uids(picked)).values_list("item_id", flat=True)
    rows = lists.found_rows(person, list(dict.fromkeys(seats)))
    gates = lists.gates_of_rows(rows)
    checked = [
        (line, picked[str(line.row.item.uid)], _in_the_way(line.row, picked[str(line.row.item.uid)], gates))
        for line in lines(rows, person, gates=gates)
    ]
    ready = [one for _line, one, why in checked if not why]
    return render(request, "process/bulk.html", {"checked": checked, "ready": ready, "gone": len(picked) - len(rows)})


def _uids(picked: dict[str, Picked]) -> list[str]:
    try:
        return [str(UUID(uid)) for uid in picked]
    except ValueError:
        raise BadRequest("item") from None


def _in_the_way(row: Row, picked: Picked, gates: dict[int, lists.Gates]) -> str:
    """Why this item is not signed with the others; the action itself decides again."""
    counted = gates.get(row.item.id)
    if row.item.turn != picked.turn or row.item.subject != picked.subject:
        return _("您打开列表之后已有变动，单独打开再看")
    if row.step is None or row.step.form:
        return _("这一步要填写内容，单独办理")
    if counted and counted.open < counted.all:
        return _("还差 %(n)d 项关口") % {"n": counted.all - counted.open}
    return ""


@right(SIGNED_IN)
@require_POST
def bulk_sign(request: HttpRequest) -> HttpResponse:
    """Sign each item by the ordinary action, with what the page showed; one that is refused stops no other."""
    person, words = reader(request), request.POST.get("words", "")
    results: list[tuple[WorkItem, str, Refused | None]] = []
    for one in _picked(request):
        try:
            item = WorkItem.objects.fetch(person, one.uid)
        except NotVisible:
            continue
        try:
            sign_step(person, item, turn=one.turn, subject=one.subject, words=words)
            results.append((item, item_url(item), None))
        except Refused as problem:
            results.append((item, item_url(item), problem))
    signed = sum(problem is None for _item, _url, problem in results)
    return render(request, "process/bulk-done.html", {"results": results, "signed": signed})
