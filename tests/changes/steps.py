"""How a change gets from one step to the next, as the cast, and a run told by its own journal."""

from typing import Any

from django.test import Client

from tests.cast import Cast, plan_fields
from tests.records.builders import sign
from weilu.accounts.models import Person
from weilu.changes.actions import give_feedback, order_upgrade, submit_analysis, submit_plan
from weilu.changes.models import Change, PlanVersion
from weilu.changes.standard_actions import propose_template, schedule_standard
from weilu.execution import journal, lease
from weilu.execution.models import Run, RunStep
from weilu.process.actions import sign_step
from weilu.process.models import StepVisit, WorkItem
from weilu.records.models import RecordSheet
from weilu.systems.models import Installation

ANALYSIS = {"feasible": True, "analysis": "加一列即可。", "need": "预约登记时可写 200 字以内的备注。"}
FEEDBACK = {"works": True, "opinion": "备注能写了。", "satisfaction": "satisfied"}
SIGNERS = {
    "need": ("wang", "li"),
    "plan_check": ("zhou",),
    "confirm": ("zhao", "qian"),
    "security": ("wu",),
    "joint": ("zhao", "qian"),
}


def item_of(change: Change) -> WorkItem:
    """The item as it stands in the database now."""
    return WorkItem.objects.select_related("owner", "flow", "system").get(id=change.item_id)


def sign_as(cast: Cast, change: Change, *names: str) -> None:
    """Each of these people agrees with what the page shows now."""
    for name in names:
        item = item_of(change)
        sign_step(getattr(cast, name), item, turn=item.turn, subject=item.subject)


def analyse(cast: Cast, change: Change, **over: Any) -> Change:
    return submit_analysis(cast.chen, change, turn=item_of(change).turn, **(ANALYSIS | over))


def plan(cast: Cast, change: Change, **over: Any) -> PlanVersion:
    return submit_plan(cast.chen, change, turn=item_of(change).turn, **plan_fields(**over))


def template_plan(**over: Any) -> dict[str, Any]:
    """What 陈 writes as a template: any 1.1, at any hour, for two hours at most."""
    fields = plan_fields(
        version="1.1.*", window_minutes=180, window_after="", window_before="",
        way_back="恢复备份的程序与数据，重新启动 {version_from}。",
        criteria=[{"title": "版本正确", "path": "/healthz", "expect": "{version}"}],
    )  # fmt: skip
    return {key: value for key, value in fields.items() if key not in ("window_from", "window_to")} | over


def propose(cast: Cast, installation: Installation, **over: Any) -> Change:
    """A template that 陈 proposes."""
    given: dict[str, Any] = {"title": "小版本升级", "need": "每月一次，步骤不变，十次都没有回退。"}
    before = over.pop("replaces", None)
    return propose_template(cast.chen, installation, **given, plan=template_plan(**over), replaces=before)


def approved(cast: Cast, installation: Installation, **over: Any) -> Change:
    """A template in force."""
    found = propose(cast, installation, **over)
    sign_as(cast, found, "zhou", "zhao", "qian", "wu")
    return Change.objects.select_related("item", "installation__system").get(id=found.id)


def schedule(cast: Cast, change: Change, **over: Any) -> PlanVersion:
    fields = plan_fields()
    given = {key: fields[key] for key in ("version", "window_from", "window_to")}
    template = Change.objects.get(id=change.id).template
    given["digest"] = template.digest if template else ""
    return schedule_standard(cast.chen, change, turn=item_of(change).turn, **(given | over))


def bring(cast: Cast, change: Change, to: str, *, fails: str = "") -> Change:
    """Take the change from where it stands to the step `to`; "" closes it. `fails`: the step its run fails in."""
    while (step := item_of(change).step) != to:
        match step:
            case "analysis":
                analyse(cast, change)
            case "design" if item_of(change).kind == "standard_change":
                schedule(cast, change)
            case "confirm" if item_of(change).kind == "emergency_change":
                sign_as(cast, change, "zhao")  # one approval
            case "design":
                plan(cast, change)
            case "release":
                tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn), fails)
                sign_as(cast, change, "chen")
            case "feedback":
                give_feedback(cast.wang, change, turn=item_of(change).turn, **FEEDBACK)
            case "sheet":
                sheet = RecordSheet.objects.get(item_id=change.item_id)
                sign(cast.chen, sheet, "vendor")
                sign(cast.wang, sheet, "customer")
            case _:
                sign_as(cast, change, *SIGNERS[step])
    return Change.objects.select_related("item", "installation").get(id=change.id)


def tell_run(run: Run, fails: str = "") -> Run:
    """Write a run into its journal to the end, as the worker does, without a target."""
    run_id, fence = lease.claim("test") or (0, 0)
    assert run_id == run.id
    while True:
        run = Run.objects.select_related("item__owner", "item__system", "owner", "installation").get(id=run.id)
        step = run.steps.filter(state=RunStep.State.WAITING).order_by("ordinal").first()
        if step is None or not run.live:
            return run
        assert run.fence == fence
        journal.begin(run, step)
        holds = step.key != fails
        told = [{"title": row["title"], "met": holds} for row in run.plan["criteria"]] if step.key == "accept" else []
        words = f"{step.title}：{'好' if holds else '不好'}"
        journal.settle(run, step, ok=holds, words=words, result={"criteria": told} if told else {})


def visits(change: Change) -> list[tuple[str, int, str]]:
    """Step, ordinal and outcome of every visit, in order."""
    return list(
        StepVisit.objects.filter(item_id=change.item_id).order_by("id").values_list("step", "ordinal", "outcome")
    )


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(Person.objects.get(id=person.id))
    return client
