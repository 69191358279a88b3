"""Whether what is to be carried out stands approved, by kind of change, and its time is free; nothing is written."""

from collections.abc import Iterable

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import rules, template
from weilu.changes.carried import acts_of
from weilu.changes.kind import CHANGE, EMERGENCY, STANDARD
from weilu.changes.models import Amendment, Change, PlanTemplate, PlanVersion
from weilu.execution.models import LIVE
from weilu.kernel.canonical import digest
from weilu.kernel.refused import Refused
from weilu.planning.models import Booking
from weilu.planning.queries import WITHOUT_WAITING, check_free
from weilu.process.flow import Flow, parse_flow
from weilu.process.models import Opinion, StepVisit, WorkItem

# The steps whose approval comes before the act; a standard change has its template's instead.
BEFORE_THE_ACT = {CHANGE.key: rules.NORMAL_APPROVALS, EMERGENCY.key: ("confirm",), STANDARD.key: ()}
AMENDED = frozenset({CHANGE.key, EMERGENCY.key})  # CHG-2; the plan of a standard change is its template's
CONSENT, CONSENTING = "confirm", ("technical_head", "leader")  # step and roles of an emergency's approval
APPROVED_IN = "confirm"  # from here on need and plan are approved


def latest_plan(change: Change) -> PlanVersion:
    """The newest plan; raises Refused while there is none."""
    plan = change.plans.order_by("-number").first()
    if plan is None:
        raise Refused(_("还没有实施方案"))
    return plan


def check_item_approved(item: WorkItem, subject: str) -> None:
    """Raises Refused unless `subject` stands approved; the worker asks again before it acts (execution.checks)."""
    change = item.change
    plan, needed = latest_plan(change), BEFORE_THE_ACT[item.kind]
    approvals = {}
    standing = Prefetch("opinions", Opinion.objects.filter(withdrawal=None))
    visits = item.visits.filter(step__in=needed).order_by("id")
    for visit in visits.prefetch_related(standing):
        subjects = frozenset(opinion.subject for opinion in visit.opinions.all())
        approvals[visit.step] = rules.Approval(visit.outcome, subjects)
    running = item.system.running
    rules.check_approved(subject, digest(plan.content), item.subject, item.step, running, approvals, needed)
    if item.kind == STANDARD.key:
        check_by_template(change, plan)
    if item.kind == EMERGENCY.key:
        check_consent(item)


def check_consent(item: WorkItem) -> None:
    """Raises Refused while nobody of the customer has agreed to the emergency's present plan (SVC-7).

    Who signs counts, whatever role they were given and whoever they stand in for.
    """
    visit = item.visits.filter(step=CONSENT).order_by("-id").first()
    said = Opinion.objects.filter(visit=visit, act=Opinion.Act.AGREE, subject=item.subject, withdrawal=None)
    agreed = said.filter(person__organisation=item.owner_id).exists()
    able: dict[int, str] = {}
    for role in () if agreed else CONSENTING:
        found = Person.objects.holding(role, item.owner).filter(organisation=item.owner_id)
        able |= {one.id: one.name for one in found}
    rules.check_consented(agreed, list(able.values()))


def check_time(item: WorkItem, by: Person | None = None) -> None:
    """Raises Refused where something stands in the way of the time that is kept for the item (CHG-3).

    An emergency does not wait for a window or for the end of a freeze. `by`, who orders the run, is free as well.
    """
    but = WITHOUT_WAITING if item.kind == EMERGENCY.key else ()
    kept = Booking.objects.kept().filter(item=item).select_related("system__owner").first()
    if kept is not None:
        hosts, people = list(kept.hosts.all()), list(kept.people.all())
        check_free(item, kept.system, kept.starts, kept.ends, hosts, people, but=but, carried_by=by)


def check_ready(item: WorkItem, subject: str) -> None:
    """Raises Refused unless the plan stands approved and its time is free; the worker asks again before it acts.

    A run on hosts asks for its time at its start; between two batches only for the approval.
    """
    check_item_approved(item, subject)
    if not item.change.on_hosts:
        run = acts_of(item).filter(state__in=LIVE).select_related("ordered_by").first()
        check_time(item, run.ordered_by if run else None)


def check_by_template(change: Change, plan: PlanVersion) -> None:
    """Raises Refused unless the template stands approved as it was, and `plan` is what it makes, byte for byte."""
    used = PlanTemplate.objects.filter(changes=change).select_related("change__item").first()
    if used is None:
        raise Refused(_("标准变更没有模板，不能执行"), template.APPROVED_BEFOREHAND)
    number = used.change.item.number
    template.check_in_force(number, used.approved_at is not None, used.withdrawn_at is not None)
    approved = used.change.plans.filter(digest=used.digest).first()
    if approved is None or digest(approved.content) != used.digest:
        raise Refused(
            _("模板 %(number)s 在批准后被改动，不能按它执行") % {"number": number}, template.APPROVED_BEFOREHAND
        )
    content = {key: value for key, value in approved.content.items() if key != "number"}
    template.check_from_template(content, number, used.digest, plan.content)


def wants_amendment(change: Change, of: str) -> bool:
    """Whether the need or the design (`of`) stands approved and not carried out: another one has to be asked for."""
    if change.item.kind not in AMENDED or not change.item.step:
        return False
    return stands_approved(change, of, change.item.visits.order_by("id"), change.amendments.order_by("-id"))


def stands_approved(
    change: Change, of: str, visits: Iterable[StepVisit], amendments: Iterable[Amendment], flow: Flow | None = None
) -> bool:
    """`wants_amendment` over rows already read, the newest amendment first.

    An amendment takes the item back to before its approval; from there on until the release is reached anew, what
    it asks for is written without another one.
    """
    item = change.item
    if item.kind not in AMENDED or not item.step:
        return False
    flow = flow or parse_flow(item.flow.source)
    place = flow.place(item.step)
    if place > flow.place("release"):
        return False
    if place > flow.place(APPROVED_IN):
        return True
    asked = next((one.at for one in amendments if one.of in (Amendment.Of.NEED, of)), None)
    since = [instant for instant in (change.rerouted_at, asked) if instant]
    return any(one.step == "release" and all(one.opened_at > instant for instant in since) for one in visits)
