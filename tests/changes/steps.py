"""How a change gets from one step to the next, as the cast, and a run told by its own journal."""

from typing import Any

from tests.cast import Cast, plan_fields
from tests.records.builders import sign
from weilu.changes.actions import give_feedback, order_upgrade, submit_analysis, submit_plan
from weilu.changes.models import Change, PlanVersion
from weilu.execution import journal, lease
from weilu.execution.models import Run, RunStep
from weilu.process.actions import sign_step
from weilu.process.models import StepVisit, WorkItem
from weilu.records.models import RecordSheet

ANALYSIS = {"feasible": True, "analysis": "加一列即可。", "need": "预约登记时可写 200 字以内的备注。"}
FEEDBACK = {"works": True, "opinion": "备注能写了。", "satisfaction": "satisfied"}
SIGNERS = {"need": ("wang", "li"), "plan_check": ("zhou",), "confirm": ("zhao", "qian"), "security": ("wu",)}


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


def bring(cast: Cast, change: Change, to: str, *, fails: str = "") -> Change:
    """Take the change from where it stands to the step `to`; "" closes it. `fails`: the step its run fails in."""
    while (step := item_of(change).step) != to:
        match step:
            case "analysis":
                analyse(cast, change)
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
