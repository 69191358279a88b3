"""What the pages of controlled documents show."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from weilu.accounts.models import Department, Grant, Organisation, Person
from weilu.documents import rules
from weilu.documents.models import OVERSEE, Document, Documents, Receipt, Version, today
from weilu.kernel.refused import NotVisible
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now

MOST = 1000
UNCONFIRMED = Prepared(
    lambda: Receipt.objects.filter(person=slot("person"), confirmed_at=None).values_list("id", flat=True)[:1]
)


def documents_of(person: Person, *, waiting: bool = False, before: int | None = None) -> Documents:
    """The documents `person` sees, the newest first; `waiting`: those they have not confirmed or may approve."""
    rows = Document.objects.visible_to(person)
    rows = rows.annotate(
        unread=Exists(Receipt.objects.filter(version=OuterRef("current"), person=person, confirmed_at=None)),
        proposed=Exists(Version.objects.filter(document=OuterRef("pk"), state="proposed")),
    )
    if waiting:
        rows = rows.filter(unread=True)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found: Documents = rows.select_related("owner", "current__keeper").prefetch_related("versions").order_by("-id")
    return found


def waiting_count(person: Person) -> int:
    """How many documents wait for `person` to confirm that they have come."""
    if not UNCONFIRMED(person=person.id):
        return 0
    mine = Receipt.objects.filter(version=OuterRef("current"), person=person, confirmed_at=None)
    return int(Document.objects.visible_to(person).filter(Exists(mine))[:MOST].count())


@dataclass
class Line:
    """A version on the page: where it stands today."""

    version: Version
    standing: str


def lines_of(document: Document, person: Person) -> list[Line]:
    """The versions `person` may see, the newest first: proposals only where they oversee documents."""
    rows = document.versions.select_related("keeper", "proposed_by", "decided_by").prefetch_related(
        "recipients__organisation", "recipients__department", "recipients__person"
    )
    versions = list(rows.order_by("-ordinal"))
    lines = [Line(one, rules.standing(one, versions, today())) for one in versions]
    return [one for one in lines if oversees(person, document.owner_id) or one.version.state == "approved"]


def oversees(person: Person, owner_id: int) -> bool:
    """Whether `person` sees every document of this customer, proposals too."""
    return any(person.may(right, owner_id) for right in OVERSEE)


def version_of(person: Person, document: Document, uid: Any) -> Version:
    """A version of a document that `person` was fetched, by its uid; raises NotVisible for what they may not see."""
    found = document.versions.filter(uid=uid).first()
    if found is None or (found.state != "approved" and not oversees(person, document.owner_id)):
        raise NotVisible(str(uid))
    return found


def version_fetched(person: Person, uid: Any) -> Version:
    """A visible version by its own uid; raises NotVisible."""
    found = Version.objects.select_related("document__owner").filter(uid=uid).first()
    if found is None:
        raise NotVisible(str(uid))
    document = Document.objects.select_related("owner").fetch(person, found.document.uid)
    return version_of(person, document, uid)


def template_in_force(owner_id: int, form: str) -> list[Version]:
    """The templates of a form that count today, one of each document."""
    rows = Document.objects.filter(owner_id=owner_id, form=form, current__isnull=False).prefetch_related("versions")
    found = [rules.in_force(list(one.versions.all()), today()) for one in rows.order_by("number")]
    return [one for one in found if isinstance(one, Version)]


@dataclass
class Choices:
    """Whom a document of this customer can be given to."""

    organisations: list[Organisation]
    departments: list[Department]
    people: list[Person]


def choices_of(owner: Organisation) -> Choices:
    """Organisations, departments and people who see this customer's matters."""
    seeing = Grant.objects.in_force(now()).filter(organisation=owner).values("person_id")
    people = list(Person.objects.filter(id__in=seeing, is_active=True).order_by("organisation__code", "name", "id"))
    organisations = {one.organisation_id: one.organisation for one in people}
    return Choices(list(organisations.values()), list(owner.departments.order_by("id")), people)
