"""Acts on background work."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done
from weilu.jobs import actions
from weilu.jobs.queries import job_of

router = Router()


class JobAct(Schema):
    job: UUID


@router.post("/jobs/try_again", response=Done)
def try_again(request: HttpRequest, body: JobAct) -> Done:
    """Let workers begin a given-up job anew."""
    job = actions.try_again(reader(request), job_of(reader(request), body.job))
    return Done(uid=str(job.uid))
