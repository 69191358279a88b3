"""Plans for hosts and the runs that carry them out, as the pages have them."""

import base64
import binascii
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import AwareDatetime, Field

from weilu.accounts.reader import reader
from weilu.api.acts import Done, ItemAct, RunAct
from weilu.changes import host_plan
from weilu.changes.host_orders import Written
from weilu.changes.queries import change_of
from weilu.execution.fleet import actions
from weilu.execution.models import Run
from weilu.kernel import text
from weilu.kernel.refused import Refused

router = Router()


class ScriptIn(Schema, extra="forbid"):
    """`sha256` is that of a file kept by keep_plan_file."""

    sha256: str
    interpreter: str | None = None
    arguments: list[str] | None = None
    environment: dict[str, str] | None = None


class WithIn(Schema, extra="forbid"):
    """What a step acts on; each kind takes its own of these: docs/runs.md."""

    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    state: str | None = None
    path: str | None = None
    mode: str | None = None
    owner: str | None = None
    group: str | None = None
    interpreter: str | None = None
    arguments: list[str] | None = None
    environment: dict[str, str] | None = None
    probe: ScriptIn | None = None
    port: int | None = None
    expect: str | None = None
    status: int | None = None
    words: str | None = None
    role: str | None = None
    playbook: str | None = None


class StepIn(Schema):
    """`seconds` is the step's limit; `crash` idempotent, probe or ask; `back` auto, a script, or null for none."""

    kind: str
    title: str
    told: WithIn
    seconds: int = 300
    crash: str = "probe"
    back: Literal["auto"] | ScriptIn | None = None


class HealthIn(Schema):
    title: str
    port: int
    path: str
    expect: str = ""
    status: int = 200


class HostPlanIn(ItemAct):
    """`hosts` in the order in which they come in, the canary first; `then` are 25% 100%, or group:应用."""

    hosts: list[UUID]
    steps: list[StepIn]
    canary: int = 1
    then: list[str] = Field(default_factory=lambda: ["100%"])
    health: list[HealthIn] = []
    stop_done: int = 3
    stop_below: int = 80
    at_once: int = 10
    minutes: int
    at_window_end: str = "ask"
    backup_step: int = 0
    no_backup: str = ""
    window_from: AwareDatetime
    window_to: AwareDatetime
    impact: str
    risk: str
    way_back: str
    upgrade_notes: str


class PlanFileIn(Schema):
    item: UUID
    name: str
    data: str  # the file in base64


class WithWhy(RunAct):
    why: str


class HostAnswer(Schema):
    """`ordinal` is the host's in the run; `answer` retry, done or give_up."""

    ordinal: int
    answer: str


class HostAnswers(RunAct):
    answers: list[HostAnswer]


class FileIn(Schema):
    name: str
    data: str  # in base64


class ManualIn(RunAct):
    words: str
    files: list[FileIn]


class SignIn(RunAct):
    words: str = ""


class BackIn(RunAct):
    ordinal: int
    words: str


class Kept(Schema):
    sha256: str
    name: str


@router.post("/changes/keep_plan_file", response=Kept)
def keep_plan_file(request: HttpRequest, act: PlanFileIn) -> Kept:
    """Keep a file for the steps of a plan (base64; larger ones by the page); steps name it by its SHA-256."""
    change = change_of(reader(request), act.item)
    kept = host_plan.keep_plan_file(reader(request), change, data=_bytes(act.data), name=act.name)
    return Kept(sha256=kept.sha256, name=kept.name)


@router.post("/changes/submit_host_plan", response=Done)
def submit_host_plan(request: HttpRequest, act: HostPlanIn) -> Done:
    change = change_of(reader(request), act.item)
    steps = [one.dict(exclude={"told"}) | {"with": one.told.dict(exclude_none=True)} for one in act.steps]
    for step, one in zip(steps, act.steps, strict=True):
        step["back"] = one.back.dict(exclude_none=True) if isinstance(one.back, ScriptIn) else one.back
    written = Written(
        canary=act.canary, then=act.then, health=[one.dict() for one in act.health], stop_done=act.stop_done,
        stop_below=act.stop_below, at_once=act.at_once, minutes=act.minutes, at_window_end=act.at_window_end,
        backup_step=act.backup_step, no_backup=act.no_backup,
    )  # fmt: skip
    host_plan.submit_host_plan(
        reader(request), change, turn=act.turn, hosts=[str(uid) for uid in act.hosts], steps=steps, written=written,
        window_from=act.window_from, window_to=act.window_to, impact=act.impact, risk=act.risk,
        way_back=act.way_back, upgrade_notes=act.upgrade_notes,
    )  # fmt: skip
    return Done(uid=str(change.item.uid), number=change.item.number)


@router.post("/changes/rehearse_hosts", response=Done)
def rehearse_hosts(request: HttpRequest, act: ItemAct) -> Done:
    return _done(host_plan.rehearse_hosts(reader(request), change_of(reader(request), act.item), turn=act.turn))


@router.post("/execution/pause_run", response=Done)
def pause_run(request: HttpRequest, act: RunAct) -> Done:
    return _done(actions.pause_run(reader(request), _run(request, act)))


@router.post("/execution/resume_run", response=Done)
def resume_run(request: HttpRequest, act: WithWhy) -> Done:
    return _done(actions.resume_run(reader(request), _run(request, act), why=act.why))


@router.post("/execution/go_back", response=Done)
def go_back(request: HttpRequest, act: WithWhy) -> Done:
    return _done(actions.go_back(reader(request), _run(request, act), why=act.why))


@router.post("/execution/retry_failed", response=Done)
def retry_failed(request: HttpRequest, act: RunAct) -> Done:
    return _done(actions.retry_failed(reader(request), _run(request, act)))


@router.post("/execution/end_run", response=Done)
def end_run(request: HttpRequest, act: WithWhy) -> Done:
    return _done(actions.end_run(reader(request), _run(request, act), why=act.why))


@router.post("/execution/answer_hosts", response=Done)
def answer_hosts(request: HttpRequest, act: HostAnswers) -> Done:
    answers = {one.ordinal: one.answer for one in act.answers}
    return _done(actions.answer_hosts(reader(request), _run(request, act), answers=answers))


@router.post("/execution/confirm_manual", response=Done)
def confirm_manual(request: HttpRequest, act: ManualIn) -> Done:
    evidence = [(_bytes(one.data), text.line(one.name, _("文件名"), field="files", longest=100)) for one in act.files]
    return _done(actions.confirm_manual(reader(request), _run(request, act), words=act.words, evidence=evidence))


@router.post("/execution/sign_wait", response=Done)
def sign_wait(request: HttpRequest, act: SignIn) -> Done:
    return _done(actions.sign_wait(reader(request), _run(request, act), words=act.words))


@router.post("/execution/confirm_back", response=Done)
def confirm_back(request: HttpRequest, act: BackIn) -> Done:
    """A host that could not be brought back was, by hand; `ordinal` is the host's in the run."""
    ordinal = act.ordinal if 0 <= act.ordinal < 1_000_000 else 0
    return _done(actions.confirm_back(reader(request), _run(request, act), ordinal=ordinal, words=act.words))


@router.post("/execution/declare_dead", response=Done)
def declare_dead(request: HttpRequest, act: RunAct) -> Done:
    return _done(actions.declare_dead(reader(request), _run(request, act)))


def _run(request: HttpRequest, act: RunAct) -> Run:
    found: Run = Run.objects.fetch(reader(request), act.run)
    return found


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(_("文件不是 base64"), field="data") from None


def _done(row: Any) -> Done:
    return Done(uid=str(row.uid), number=row.number or "")
