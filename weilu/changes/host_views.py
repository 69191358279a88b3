"""Writing, reading and rehearsing a plan for hosts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.reader import reader
from weilu.changes import forms, host_forms, host_pages, host_plan, pages
from weilu.changes.models import Change
from weilu.changes.queries import ChangeView, change_of
from weilu.changes.rules import APPROVED_AS_IS
from weilu.changes.views import of_a_field, on, opened, plan_page
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right

SUBMIT, SLOT = "submit", "slot-"


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def plan(request: HttpRequest, uid: str) -> HttpResponse:
    """The plan of a change: of an installation, or for hosts."""
    found = opened(request, uid)
    if not found.change.on_hosts:
        return plan_page(request, uid, found)
    if request.method == "POST":
        return _written(request, uid, found)
    given = host_forms.from_plan(found.plans[0].content) if found.plans else host_forms.blank()
    return _form(request, found, given)


def _written(request: HttpRequest, uid: str, found: ChangeView) -> HttpResponse:
    """One press of a button of the form: uploads are kept first, then the button does what it says."""
    given, do = host_forms.read(request.POST), request.POST.get("do", "")
    kept = False
    try:
        kept = _keep_uploads(request, found.change, given)
        if do == SUBMIT:
            entries = host_forms.entries(given, host_plan.hosts_of(found.change.item))
            turn = forms.turn_of(request.POST)
            plan = host_plan.submit_host_plan(reader(request), found.change, turn=turn, **entries)
            words = {"number": found.change.item.number, "version": plan.number}
            return on(request, found.change.item, _("已送审 %(number)s 方案第 %(version)d 版") % words)
    except Refused as problem:
        return _form(request, opened(request, uid), given, _row_of(problem), of_a_field(problem))
    focus = host_forms.change_rows(given["steps"], do)
    if do.startswith(SLOT):
        given["window_from"], _dash, given["window_to"] = do.removeprefix(SLOT).partition("/")
    return _form(request, opened(request, uid) if kept else found, given, focus)


def _row_of(problem: Refused) -> int:
    """The number of the step that a refusal belongs to; 0 for none."""
    before, _dash, rest = problem.field.partition("-")
    return forms.whole(rest.partition("-")[0]) if before == "step" else 0


def _keep_uploads(request: HttpRequest, change: Change, given: host_forms.Typed) -> bool:
    """Keep what was chosen on the reader's machine, so that it is not lost whatever follows; the row names it.

    Whether there was anything to keep.
    """
    uploads = list(host_forms.uploads(given, list(request.FILES)))
    for n, entry, name in uploads:
        upload = request.FILES[name]
        assert not isinstance(upload, list)  # noqa: S101
        field = f"step-{n}-{entry}"
        if (upload.size or 0) > host_plan.LARGEST:
            raise Refused(_("「%(name)s」超过 50 MB。换一个小的") % {"name": str(upload.name)[:80]}, field=field)
        try:
            file = host_plan.keep_plan_file(reader(request), change, data=upload.read(), name=str(upload.name or ""))
        except Refused as problem:
            raise Refused(problem.reason, problem.clause, help=problem.help, field=field) from None
        given["steps"][n - 1][entry] = file.sha256
    return bool(uploads)


def _form(
    request: HttpRequest, found: ChangeView, given: host_forms.Typed, focus: int = 0, refused: Refused | None = None
) -> HttpResponse:
    shown = pages.plan_page(found, reader(request))
    if request.method == "POST" and not shown["writes"] and refused is None:
        refused = Refused(_("现在不是写方案的时候"), APPROVED_AS_IS)
    shown |= {"refused": refused}
    if shown["writes"] or refused:
        shown |= host_pages.form_part(found, given, reader(request), focus, refused)
    return render(request, "changes/host-plan.html", shown, status=422 if refused else 200)


@right(SIGNED_IN)
@require_POST
def rehearse(request: HttpRequest, uid: str) -> HttpResponse:
    """Try the present plan on its hosts; nothing there is changed."""
    change = change_of(reader(request), uid)
    run = host_plan.rehearse_hosts(reader(request), change, turn=forms.turn_of(request.POST))
    return redirect(f"/runs/{run.uid}/")
