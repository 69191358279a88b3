"""What every page of a run begins with: who asks, which run, and the look on record."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.looking import seen
from weilu.execution.models import Run


def fetch_run(request: HttpRequest, uid: str, *, without_plan: bool = False) -> Run:
    """The run at this address; raises NotVisible where it is not for this person's eyes."""
    rows = Run.objects.select_related(
        "item", "owner", "installation__system", "ordered_by__organisation", "cancelled_by", "paused_by"
    )
    found: Run = (rows.defer("plan") if without_plan else rows).fetch(reader(request), uid)
    return found


def seen_run(
    request: HttpRequest, run: Run, kind: str, *, ask: bool = False, counted: bool = True
) -> HttpResponse | None:
    """Register the look; where a purpose is missing, the page that asks."""
    return seen(
        request, org=run.owner.code, kind=kind, what=run.uid, words=run.number, item=str(run.item.uid), ask=ask,
        counted=counted,
    )  # fmt: skip


def number(text: str) -> int:
    """A number of an address, 0 where there is none; anything else is answered as 400."""
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(_("参数不是数"))
    return int(text or 0)


def reader(request: HttpRequest) -> Person:
    """Who asks; the sign-in middleware has seen to it that somebody does."""
    assert isinstance(request.user, Person)  # noqa: S101
    return request.user
