"""安全监测 by the API: the register, the log, alarms."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts import alarms, equipment, security
from weilu.accounts.reader import reader
from weilu.accounts.security_pages import KINDS, read_on_record
from weilu.api.acts import Done, owner_named
from weilu.kernel.times import iso

router = Router()


class AlarmRulesIn(Schema):
    owner: str
    refused: int
    refused_minutes: int
    failed: int
    failed_minutes: int
    devices: bool = False


class AlarmAct(Schema):
    alarm: UUID
    verdict: str  # attack, misuse, fault or harmless
    words: str


@router.post("/accounts/set_alarms", response=Done, tags=["act"])
def set_alarms(request: HttpRequest, act: AlarmRulesIn) -> Done:
    alarms.set_alarms(reader(request), owner_named(request, act.owner), **act.dict(exclude={"owner"}))
    return Done()


@router.post("/accounts/close_alarm", response=Done, tags=["act"])
def close_alarm(request: HttpRequest, act: AlarmAct) -> Done:
    alarms.close_alarm(reader(request), security.alarm_seen(reader(request), act.alarm), **act.dict(exclude={"alarm"}))
    return Done(uid=str(act.alarm))


@router.get("/security/events", summary="What was turned down, failed sign-ins, new devices", tags=["read"])
def events(
    request: HttpRequest, kind: str = "", person: str = "", since: str = "", until: str = "", after: str = ""
) -> dict[str, Any]:
    """One page, newest first, for whoever looks after security; empty for others. `person` is a username."""
    given = {"kind": kind, "person": person, "since": since, "until": until}
    try:
        filters = security.read_filters(given, KINDS)
        read_on_record(request)
        rows = security.events(reader(request), filters, after) if security.watched_ids(reader(request)) else []
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    found = [
        {
            "uid": str(one.uid), "kind": one.kind, "person": one.person.username if one.person else "",
            "address": one.address, "acts": one.acts, "count": one.count, "at": iso(one.at), "last": iso(one.last_at),
            "number": one.number,
        }
        for one in rows
    ]  # fmt: skip
    return {"events": found, "next": str(rows[-1].id) if len(rows) == security.PAGE else ""}


@router.get("/security/log", summary="Sign-ins, privileged acts, changed security settings", tags=["read"])
def log(
    request: HttpRequest, kind: str = "", person: str = "", since: str = "", until: str = "", after: str = ""
) -> dict[str, Any]:
    """One page, newest first, for whoever looks after security. `kind` is signed-in, privileged or settings."""
    given = {"kind": kind, "person": person, "since": since, "until": until}
    try:
        filters = security.read_filters(given, security.GROUPS)
        read_on_record(request)
        rows = security.entries(reader(request), filters, after) if security.watched_ids(reader(request)) else []
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    found = [
        {"index": one.index, "at": iso(one.at), "what": one.word, "actor": one.actor, "about": one.about}
        for one in rows
    ]
    return {"entries": found, "next": str(rows[-1].index) if len(rows) == security.PAGE else ""}


@router.get("/security/alarms", summary="Alarms, the open ones first", tags=["read"])
def alarm_list(request: HttpRequest) -> list[dict[str, Any]]:
    """For whoever looks after security; empty for others."""
    return [
        {
            "uid": str(one.uid), "owner": one.owner.code, "rule": one.rule, "count": one.count, "about": one.about,
            "person": one.person.username if one.person else "", "at": iso(one.at), "last": iso(one.last_at),
            "closed_at": iso(one.closed_at) if one.closed_at else None, "verdict": one.verdict, "words": one.words,
        }
        for one in security.alarms(reader(request))
    ]  # fmt: skip


@router.get("/security/equipment", summary="Processes, ports and calls outward, what is out of use", tags=["read"])
def equipment_list(request: HttpRequest) -> dict[str, list[dict[str, Any]]]:
    """Of Weilu itself, for whoever looks after security; empty for others."""
    if not security.watched_ids(reader(request)):
        return {"processes": [], "doors": [], "out_of_use": []}
    read_on_record(request)
    found = {
        "processes": equipment.processes(), "doors": equipment.doors(),
        "out_of_use": equipment.out_of_use(reader(request)),
    }  # fmt: skip
    return {name: [vars(one) | {"last": iso(one.last) if one.last else None} for one in lines]
            for name, lines in found.items()}  # fmt: skip
