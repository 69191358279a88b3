"""What kinds of background work there are; rooms above register theirs in `apps.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from weilu.jobs.models import Job
from weilu.jobs.rules import Times


class Later(Exception):
    """The work failed for now; the message is the sentence an administrator reads."""


class Hopeless(Exception):
    """The work can never succeed; given up at once, with this sentence."""


class Fenced(Exception):
    """Another worker has taken this job; nothing was written."""


@dataclass(frozen=True)
class Doing:
    """A job in a worker's hands."""

    job: Job
    fence: int

    @property
    def payload(self) -> dict[str, Any]:
        """What was enqueued."""
        return dict(self.job.payload)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction in which the job is certainly ours; raises Fenced when it is not."""
        with transaction.atomic():
            ours = Job.objects.select_for_update().filter(id=self.job.id, fence=self.fence, state=Job.State.WAITING)
            if ours.first() is None:
                raise Fenced(f"job {self.job.id}, fence {self.fence}")
            yield


@dataclass(frozen=True)
class Kind:
    """A kind of job. `do` runs in the transaction that marks the job as done, so its effect is there exactly once.

    `outward` work (a mail) runs outside of any transaction, under a lease with heartbeat, and settles itself
    what a crash in the middle means. Work that answers an instant is done again then. After `tries` failures
    the job is given up; one with `times` waits for its next time instead.
    """

    key: str
    title: str  # gettext_noop
    do: Callable[[Doing], datetime | None]
    outward: bool = False
    tries: int = 10
    times: Times | None = None


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Let workers carry out `kind`."""
    KINDS[kind.key] = kind


def repeated() -> list[Kind]:
    """The table of times: every kind that comes again by itself."""
    return [kind for _key, kind in sorted(KINDS.items()) if kind.times is not None]
