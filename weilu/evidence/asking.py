"""Asking witnesses over the network: only where the list allows, for a limited time, following nothing."""

import http.client
import logging
import threading
from datetime import timedelta
from threading import Event

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Q

from weilu.evidence.models import Checkpoint, Witness
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.witnesses import place_of, request_for, settle
from weilu.kernel.outgoing import call
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds for one answer, all in all
LONGEST = 16 * 1024  # bytes of an answer
AGAIN = timedelta(seconds=30)  # after a witness did not cosign
PAUSE = 3.0  # seconds between two looks


def ask_due(*, now_too: bool = False) -> dict[str, str]:
    """Ask every witness that has an address and lacks the newest checkpoint; name and finding of each asked.

    `now_too` asks also those that were asked a moment ago.
    """
    checkpoint = last_checkpoint()
    if checkpoint is None:
        return {}
    due = Witness.objects.active().exclude(url="").exclude(cosignatures__checkpoint=checkpoint)
    if not now_too:
        due = due.filter(Q(asked_at=None) | Q(finding="") | Q(asked_at__lt=now() - AGAIN))
    return {witness.name: ask(witness, checkpoint) for witness in due.order_by("id")}


def ask(witness: Witness, checkpoint: Checkpoint) -> str:
    """Ask one witness; once more when it stands further than we knew, since its last answer was lost."""
    Witness.objects.filter(id=witness.id).update(asked_at=now())
    finding = _ask_once(witness, checkpoint)
    return _ask_once(witness, checkpoint) if finding == "ahead" else finding


def _ask_once(witness: Witness, checkpoint: Checkpoint) -> str:
    witness.refresh_from_db()
    try:
        status, body = send(witness.url, request_for(witness, checkpoint).encode())
    except (OSError, http.client.HTTPException, Refused, ValueError) as problem:
        log.info("witness %s: %s", witness.name, problem)
        status, body = 0, ""
    with transaction.atomic():
        found = Witness.objects.select_for_update().get(id=witness.id)
        return settle(found, checkpoint, status, body)


def send(url: str, body: bytes) -> tuple[int, str]:
    """POST to the one address the list allows; the name is resolved once and the connection made to that answer."""
    if place_of(url) not in settings.CONFIG.witness_hosts:
        raise Refused(f"{url} is not on the list of witnesses")
    kind = {"Content-Type": "text/plain"}
    status, said = call(f"{url}/add-checkpoint", body=body, headers=kind, patience=PATIENCE, longest=LONGEST)
    return status, said.decode("utf-8")


def ask_forever(stop: Event) -> None:
    """Ask whoever is due until told to stop; runs beside the worker, whose steps no silent witness may hold up."""
    while not stop.wait(PAUSE):
        try:
            ask_due()
        except DatabaseError:
            # The edge of this thread: a database that is locked or away comes back.
            log.exception("the database did not answer; trying again")
        except Refused as refused:
            log.warning("%s", refused)
        finally:
            close_old_connections()


def begin(stop: Event) -> threading.Thread:
    """`ask_forever` in a thread of its own."""
    thread = threading.Thread(target=ask_forever, args=(stop,), name="witnesses", daemon=True)
    thread.start()
    return thread
