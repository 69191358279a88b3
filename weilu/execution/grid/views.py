"""The live page of a run on hosts: the whole page, what has changed since, and its log."""

import re
from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from weilu.execution.asking import fetch_run, number, reader, seen_run
from weilu.execution.grid import reading
from weilu.execution.grid.pages import Asked, GridView, grid_view, stamp
from weilu.execution.grid.reading import Place
from weilu.execution.masking import mask
from weilu.execution.models import Run
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now

PLACE = re.compile(r"([0-9]{1,4})\.([0-9]{1,9})")
RENEWED = 15  # seconds after which the clocks of the page are renewed though nothing was said


def show(
    request: HttpRequest, run: Run, *, refused: Refused | None = None, act: str = "",
    answers: Mapping[int, str] | None = None,
) -> HttpResponse:  # fmt: skip
    """The whole page; after a refusal with what was typed, the sentence beside the button that was pressed.

    Where the reader's page has no such button, the refusal is raised: its own page says who can act.
    """
    view = grid_view(run, reader(request), asked(request), now())
    if refused and not view.offers(act):
        raise refused
    shown = {"view": view, "refused": refused, "refused_act": act, "typed": request.POST, "answers": answers or {}}
    return render(request, "execution/grid.html", shown, status=409 if refused else 200)


@right(SIGNED_IN)
@require_GET
def live(request: HttpRequest, uid: str) -> HttpResponse:
    """The parts of the page that changed since the line numbered `after`; 204 while there is nothing newer.

    `marks` say what each part on the page looks like; `at` is when its clocks were drawn, in seconds since 1970.
    """
    run = fetch_run(request, uid, without_plan=True)
    if not run.on_hosts:
        raise NotVisible(uid)
    seen_run(request, run, "run", counted=False)
    after, at = number(request.GET.get("after", "")), now()
    if run.live and run.lines <= after and _same(request, run) and not _old(request, at):
        return HttpResponse(status=204)
    view = grid_view(run, reader(request), asked(request), at, after=after if run.live else 0)
    marks = dict(mark.split(".", 1) for mark in request.GET.get("marks", "").split("-") if "." in mark)
    return render(request, "execution/grid-live.html", {"view": view, **_changed(view, marks)})


def _same(request: HttpRequest, run: Run) -> bool:
    return request.GET.get("as") in (None, stamp(run))


def _old(request: HttpRequest, at: datetime) -> bool:
    drawn = number(request.GET.get("at", ""))
    return bool(drawn) and at.timestamp() - drawn >= RENEWED


def _changed(view: GridView, marks: dict[str, str]) -> dict[str, object]:
    """Which parts to send: single rows where the page has the same hosts, else the whole table."""
    present = dict(mark.split(".", 1) for mark in view.marks.split("-"))
    new = {name for name, value in present.items() if marks.get(name) != value}
    return {"new": new, "whole": [*marks] != [*present]}


def asked(request: HttpRequest) -> Asked:
    """Filter, host and place in the list as the address has them; 400 where they are none."""
    show, host, place = (request.GET.get(name, "") for name in ("show", "host", "from"))
    found = PLACE.fullmatch(place)
    if show not in reading.SHOWS or (place and not found):
        raise BadRequest(_("没有这样的筛选"))
    after = Place(int(found[1]), int(found[2])) if found else None
    return Asked(show, number(host) if host else None, after)


def download(request: HttpRequest, run: Run) -> HttpResponse:
    """Every line, or every line of one host (`?host=`), as text: time, host, what was said."""
    wanted = number(request.GET.get("host", "")) or None
    names = dict(run.hosts.values_list("ordinal", "name"))
    if wanted is not None and wanted not in names:
        raise NotVisible(str(wanted))
    lines = (
        f"{event.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} {names.get(event.host or 0, '-')} {mask(event.text)}\n"
        for event in reading.whole_log(run, wanted).iterator(2000)
    )
    answer = HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")
    name = run.number if wanted is None else f"{run.number}-{wanted}"
    answer["Content-Disposition"] = f'attachment; filename="{name}.log"'
    return answer
