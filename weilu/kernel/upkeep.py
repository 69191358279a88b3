"""Whether the installation is at work: while it is looked after, workers take nothing new, and then everybody stops."""

import logging
import threading
from datetime import timedelta
from threading import Event

from django.db import DatabaseError, close_old_connections

from weilu.kernel.models import Upkeep
from weilu.kernel.times import now

log = logging.getLogger(__name__)
State = Upkeep.State
PAUSE = 1.0  # seconds between two looks
FADES = timedelta(seconds=30)  # whoever drains says so again and again; what a killed one said last ends by itself


def standing() -> tuple[str, str]:
    """The state the installation is in, and the sentence or place that goes with it."""
    found = Upkeep.objects.filter(id=Upkeep.ONLY).values_list("state", "words").first()
    return found or (State.OPEN, "")


def put(state: str, words: str = "") -> None:
    """Say the state to every process, on whatever machine."""
    Upkeep.objects.update_or_create(id=Upkeep.ONLY, defaults={"state": state, "words": words, "since": now()})


def resting() -> bool:
    """Whether workers take no new run and no job."""
    found = Upkeep.objects.filter(id=Upkeep.ONLY).first()
    if found is None or found.state == State.OPEN:
        return False
    return found.state != State.DRAINING or now() - found.since < FADES


def ended() -> bool:
    """Whether every process has to stop."""
    return standing()[0] in (State.CLOSED, State.MOVED)


def watch(stop: Event) -> threading.Thread:
    """Set `stop` once every process has to end; looks from a thread of its own."""
    thread = threading.Thread(target=_watch, args=(stop,), name="upkeep", daemon=True)
    thread.start()
    return thread


def _watch(stop: Event) -> None:
    while not stop.wait(PAUSE):
        try:
            if ended():
                stop.set()
        except DatabaseError:
            # The edge of this thread: a database that is locked or away comes back.
            log.warning("the database did not say whether it is closed")
        finally:
            close_old_connections()
