"""What people do on the page of a run on hosts: each act is one POST; a refusal comes back with all that was typed."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from weilu.accounts.models import Person
from weilu.execution.actions import cancel_run
from weilu.execution.asking import fetch_run, number, reader
from weilu.execution.fleet import actions as fleet
from weilu.execution.fleet import rules
from weilu.execution.grid.views import show
from weilu.execution.models import Run
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right

Do = Callable[[Person, Run, HttpRequest], Any]


def _answers(request: HttpRequest) -> dict[int, str]:
    """The judgement per host, by the host's ordinal."""
    found = {}
    for name, value in request.POST.items():
        _before, _dash, ordinal = name.partition("host-")
        if ordinal.isascii() and ordinal.isdigit() and len(ordinal) < 7:
            found[int(ordinal)] = str(value)
    return found


def _files(request: HttpRequest) -> list[tuple[bytes, str]]:
    given = request.FILES.getlist("files")
    if given:  # before they are read; that there are none is said by the act, after what else is missing
        rules.check_evidence([(str(one.name), one.size or 0) for one in given])
    return [(one.read(), str(one.name or "")) for one in given]


def _words(request: HttpRequest, name: str = "words") -> str:
    return request.POST.get(name, "")


ACTS: Mapping[str, Do] = {
    "pause": lambda by, run, request: fleet.pause_run(by, run),
    "resume": lambda by, run, request: fleet.resume_run(by, run, why=_words(request, "why")),
    "cancel": lambda by, run, request: cancel_run(by, run),
    "back": lambda by, run, request: fleet.go_back(by, run, why=_words(request, "why")),
    "retry": lambda by, run, request: fleet.retry_failed(by, run),
    "end": lambda by, run, request: fleet.end_run(by, run, why=_words(request, "why")),
    "dead": lambda by, run, request: fleet.declare_dead(by, run),
    "judge": lambda by, run, request: fleet.answer_hosts(by, run, answers=_answers(request)),
    "manual": lambda by, run, request: fleet.confirm_manual(by, run, words=_words(request), evidence=_files(request)),
    "sign": lambda by, run, request: fleet.sign_wait(by, run, words=_words(request)),
    "brought": lambda by, run, request: fleet.confirm_back(
        by, run, ordinal=number(_words(request, "host")), words=_words(request)
    ),
}


@right(SIGNED_IN)
@require_POST
def act(request: HttpRequest, uid: str, name: str) -> HttpResponse:
    """Do what a button of the page says, and return to the page as it stood."""
    run = fetch_run(request, uid, without_plan=True)
    if not run.on_hosts or name not in ACTS:
        raise NotVisible(uid)
    try:
        ACTS[name](reader(request), run, request)
    except Refused as refused:
        return show(
            request, fetch_run(request, uid, without_plan=True), refused=refused, act=name, answers=_answers(request)
        )
    query = request.META.get("QUERY_STRING", "")
    return redirect(reverse("execution:run", args=[uid]) + (f"?{query}" if query else ""))
