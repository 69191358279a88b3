"""The page of background work."""

import uuid
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.jobs.actions import Keeper, try_again
from weilu.jobs.queries import board, job_of
from weilu.kernel.rights import right


@right("jobs.manage")
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """What was given up and why, what fails and is tried again, and the table of times."""
    return render(request, "jobs/jobs.html", {"board": board(_keeper(request))})


@right("jobs.manage")
@require_POST
def again(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Try a given-up job again."""
    try_again(_keeper(request), job_of(_keeper(request), uid))
    messages.success(request, _("已重新排上，稍后看结果"))
    return redirect("jobs:jobs")


def _keeper(request: HttpRequest) -> Keeper:
    """The person signed in; the right of these pages asks for one."""
    return cast(Keeper, request.user)
