"""What pages read of changes; no function here writes."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, prefetch_related_objects

from weilu.accounts.models import Person
from weilu.changes.approval import AMENDED
from weilu.changes.kind import EMERGENCY, TEMPLATE
from weilu.changes.models import (
    AffectedDocument,
    Amendment,
    Change,
    Emergency,
    Feedback,
    NeedVersion,
    PlanFile,
    PlanTemplate,
    PlanVersion,
)
from weilu.execution.models import Run
from weilu.kernel.refused import NotVisible
from weilu.kernel.statements import Prepared, PreparedFor, slot
from weilu.process.models import WorkItem
from weilu.process.queries import ItemView, item_view
from weilu.systems.models import Host, Installation, System

MOST_TEMPLATES = 200
# What the page of every change reads.
ITEMS = PreparedFor(
    lambda owners: WorkItem.objects.filter(uid=slot("uid"), owner__id__in=owners).select_related(
        "system", "flow", "owner", "requester__organisation"
    )
)
CHANGES = Prepared(lambda: Change.objects.filter(item=slot("item")).select_related("installation", "follows__item"))
NEEDS = Prepared(
    lambda: NeedVersion.objects.filter(change=slot("change")).select_related("author__organisation").order_by("-number")
)
PLANS = Prepared(
    lambda: PlanVersion.objects.filter(change=slot("change")).select_related("author__organisation").order_by("-number")
)
RUNS = Prepared(lambda: Run.objects.filter(item=slot("item")).order_by("-id"))
FEEDBACK = Prepared(lambda: Feedback.objects.filter(change=slot("change")).select_related("by").order_by("id")[:1])
AMENDMENTS = Prepared(
    lambda: Amendment.objects.filter(change=slot("change")).select_related("by__organisation").order_by("-id")
)


@dataclass(frozen=True)
class ChangeView:
    """Everything the page of a change shows, read in a fixed number of queries."""

    change: Change
    view: ItemView
    needs: list[NeedVersion]  # newest first
    plans: list[PlanVersion]  # newest first
    runs: list[Run]  # newest first
    feedback: Feedback | None
    template: PlanTemplate | None  # by which it is made, or which it is
    emergency: Emergency | None
    amendments: list[Amendment]  # newest first, with their documents
    files: list[PlanFile]  # for steps on hosts, in the order in which they were kept

    @property
    def acts(self) -> list[Run]:
        """The runs that carry a plan out; rehearsals are none."""
        return [run for run in self.runs if run.purpose == Run.Purpose.CARRY_OUT]


def change_of(person: Person, uid: UUID | str) -> Change:
    """The change whose item has this uid; raises NotVisible whether it is hidden or does not exist."""
    try:
        items = ITEMS(person.owner_ids, uid=UUID(str(uid)))
    except ValueError:
        items = []
    changes = CHANGES(item=items[0].id) if items else []
    if not changes:  # hidden, none, or of another kind
        raise NotVisible(str(uid))
    found: Change = changes[0]
    found.item = items[0]
    return found


def change_view(person: Person, uid: UUID | str) -> ChangeView:
    """What `person` sees of one change; raises NotVisible."""
    change = change_of(person, uid)
    return ChangeView(
        change=change,
        view=item_view(change.item, person),
        needs=NEEDS(change=change.id),
        plans=PLANS(change=change.id),
        runs=RUNS(item=change.item.id),
        feedback=next(iter(FEEDBACK(change=change.id)), None),
        template=_template(change),
        emergency=Emergency.objects.filter(change=change).first() if change.item.kind == EMERGENCY.key else None,
        amendments=_amendments(change) if change.item.kind in AMENDED else [],
        files=list(change.files.order_by("id")) if change.on_hosts else [],
    )


def _template(change: Change) -> PlanTemplate | None:
    if change.item.kind == TEMPLATE.key:
        mine = PlanTemplate.objects.filter(change=change)
    elif change.template_id:
        mine = PlanTemplate.objects.filter(id=change.template_id)
    else:
        return None
    found: PlanTemplate | None = mine.select_related("change__item", "withdrawn_by", "replaces__change__item").first()
    return found


def _amendments(change: Change) -> list[Amendment]:
    filed = AMENDMENTS(change=change.id)
    documents = Prefetch("documents", AffectedDocument.objects.select_related("updated_by").order_by("id"))
    prefetch_related_objects(filed, documents)
    return filed


def templates_of(person: Person, *, in_force: bool = False) -> list[PlanTemplate]:
    """The templates `person` may see, newest first; `in_force` those that standard changes can be opened by."""
    rows = PlanTemplate.objects.filter(change__item__owner_id__in=person.owner_ids)
    if in_force:
        owners = person.owner_ids & person.owners_with("changes.request")
        rows = rows.in_force().filter(change__item__owner_id__in=owners)
    named = rows.select_related("change__item__system", "change__installation__system", "withdrawn_by")
    return list(named.order_by("-id")[:MOST_TEMPLATES])


def titled(person: Person, title: str) -> Change | None:
    """The newest visible change of this title; None when there is none."""
    return Change.objects.visible_to(person).filter(item__title=title).select_related("item").order_by("-id").first()


def place_of(person: Person, uid: str) -> Installation | System | None:
    """What `person` may ask for a change of by this uid: an installation, or a system with hosts."""
    found = installation_of(person, uid)
    if found is not None:
        return found
    try:
        systems = System.objects.visible_to(person).filter(uid=UUID(uid))
    except ValueError:
        return None
    system: System | None = systems.select_related("owner").first()
    return system if system and person.may("changes.request", system.owner_id) else None


def systems_with_hosts(person: Person) -> list[System]:
    """The systems for whose hosts `person` may ask for a change."""
    owners = person.owner_ids & person.owners_with("changes.request")
    hosts = Host.objects.filter(group__environment__system=OuterRef("id"), retired_at=None)
    return list(System.objects.filter(Exists(hosts), owner_id__in=owners).order_by("name", "id"))


def installation_of(person: Person, uid: str, right: str = "changes.request") -> Installation | None:
    """The installation of this uid, if `person` may ask for a change of it (or has another `right` there)."""
    try:
        asked = UUID(uid)
    except ValueError:
        return None
    found = Installation.objects.visible_to(person).filter(uid=asked).select_related("system__owner").first()
    return found if found and person.may(right, found.owner_id) else None


def installations_of(person: Person, right: str = "changes.request") -> list[Installation]:
    """The installations for which `person` may ask for a change (or has another `right`)."""
    owners = person.owner_ids & person.owners_with(right)
    return list(
        Installation.objects.filter(owner_id__in=owners).select_related("system").order_by("system__name", "id")
    )
