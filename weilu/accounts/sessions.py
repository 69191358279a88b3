"""Where sessions are kept (Django's SESSION_ENGINE): rows that know whose they are, so that they can be ended."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.http import HttpRequest

from weilu.accounts.credentials import Visit
from weilu.kernel.ids import uuid7
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now

NOTE = "visit"  # the key under which a session's data holds the facts of its row
SEEN_EVERY = timedelta(minutes=5)
KEPT = Prepared(lambda: Visit.objects.filter(session_key=slot("key"), expire_date__gt=slot("at")))


class SessionStore(db.SessionStore):
    """Sessions in the table of `Visit`."""

    seen: datetime | None = None  # when the row that was read said it was last used

    @classmethod
    def get_model_class(cls) -> type[Visit]:
        return Visit

    def _get_session_from_db(self) -> Any:
        row = next(iter(KEPT(key=self.session_key, at=now())), None)
        if row is None:
            self._session_key = None  # as Django does: a key that is not known is never taken over
        self.seen = row.last_seen if row else None
        return row

    def create_model_instance(self, data: dict[str, Any]) -> Visit:
        """The row for `data`: what it says beside the data is kept in the data too, and so outlives a new key."""
        if SESSION_KEY in data:
            data.setdefault(NOTE, facts())
        known = data.get(NOTE, {})
        return Visit(
            session_key=self._get_or_create_session_key(),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            person_id=data.get(SESSION_KEY),
            uid=UUID(known["uid"]) if known else uuid7(),
            address=known.get("address", ""),
            agent=known.get("agent", ""),
            since=datetime.fromisoformat(known["since"]) if known else now(),
        )


def facts(address: str = "", agent: str = "") -> dict[str, str]:
    """What a session's row says, for a visit that begins now."""
    return {"uid": str(uuid7()), "address": address, "agent": agent[:200], "since": now().isoformat()}


def visit_uid(request: HttpRequest) -> str:
    """The uid of the visit this request belongs to; "" for a program's."""
    note = getattr(request, "session", {}).get(NOTE, {})
    return str(note.get("uid", ""))


def note_seen(request: HttpRequest) -> None:
    """Write that the visit is still used, at most every SEEN_EVERY."""
    instant, seen = now(), getattr(request.session, "seen", None)
    if seen is not None and seen < instant - SEEN_EVERY:
        Visit.objects.filter(session_key=request.session.session_key).update(last_seen=instant)
