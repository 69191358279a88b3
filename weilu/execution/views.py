"""The pages of runs: the list, one run as it happens, cancelling and answering."""

from django.db.models import Count
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from weilu.execution import actions, pages
from weilu.execution.asking import fetch_run, number, reader, seen_run
from weilu.execution.grid import views as grid
from weilu.execution.models import Run, RunHost
from weilu.kernel.refused import NotVisible
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now

PAGE = 50


@right(SIGNED_IN)
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Every run one may see, newest first."""
    after = number(request.GET.get("after", ""))
    found = (
        Run.objects.visible_to(reader(request))
        .select_related("item", "installation__system", "ordered_by")
        .defer("plan")  # of a thousand hosts it is half a megabyte
        .annotate(version_to=KT("plan__version"))
        .order_by("-id")
    )
    page = list(found.filter(id__lt=after)[:PAGE] if after else found[:PAGE])
    more = page[-1].id if len(page) == PAGE else 0
    sizes = _sizes(page)
    rows = [(one, pages.look_of(one), sizes.get(one.id)) for one in page]
    return render(request, "execution/runs.html", {"rows": rows, "more": more})


def _sizes(runs: list[Run]) -> dict[int, dict[str, int]]:
    """How many hosts and batches each run on hosts has."""
    counted = RunHost.objects.filter(run_id__in=[one.id for one in runs if one.on_hosts]).values("run_id")
    found = counted.annotate(hosts=Count("id"), batches=Count("batch", distinct=True)).order_by()
    return {row["run_id"]: {"hosts": row["hosts"], "batches": row["batches"]} for row in found}


@right(SIGNED_IN)
@require_GET
def run(request: HttpRequest, uid: str) -> HttpResponse:
    """One run, followed live while it lasts."""
    found = fetch_run(request, uid, without_plan=True)
    seen_run(request, found, "run")
    if found.on_hosts:
        return grid.show(request, found)
    return render(request, "execution/run.html", {"view": pages.run_view(found, reader(request), now())})


@right(SIGNED_IN)
@require_GET
def live(request: HttpRequest, uid: str) -> HttpResponse:
    """The moving part of the page; 204 while there is nothing newer than `after`."""
    found = fetch_run(request, uid)
    if found.on_hosts:
        raise NotVisible(uid)
    seen_run(request, found, "run", counted=False)
    after = number(request.GET.get("after", ""))
    if found.live and not found.events.filter(seq__gt=after).exists():
        return HttpResponse(status=204)
    return render(request, "execution/live.html", {"view": pages.run_view(found, reader(request), now())})


@right(SIGNED_IN)
@require_GET
def log(request: HttpRequest, uid: str) -> HttpResponse:
    """The whole log as text; of a run on hosts, `?host=` takes one host's lines."""
    found = fetch_run(request, uid)
    if asking := seen_run(request, found, "run_log", ask=True):
        return asking
    if found.on_hosts:
        return grid.download(request, found)
    lines = (
        f"{event.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} {event.text}\n" for event in found.events.order_by("seq")
    )
    answer = HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.number}.log"'
    return answer


@right(SIGNED_IN)
@require_POST
def cancel(request: HttpRequest, uid: str) -> HttpResponse:
    """Cancel before the run acts."""
    actions.cancel_run(reader(request), fetch_run(request, uid))
    return redirect("execution:run", uid)


@right(SIGNED_IN)
@require_POST
def answer(request: HttpRequest, uid: str) -> HttpResponse:
    """A person's word on a step that asks."""
    actions.answer_step(reader(request), fetch_run(request, uid), answer=request.POST.get("answer", ""))
    return redirect("execution:run", uid)
