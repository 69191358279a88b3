"""What the inbox and the bell show."""

from weilu.accounts.models import Person
from weilu.kernel.statements import PreparedFor, slot
from weilu.notify.models import Notice

MOST = 1000  # the bell says 1000+ from here on
UNREAD = PreparedFor(  # counted on every page
    lambda owners: Notice.objects.filter(owner__id__in=owners, person=slot("person")).unread().order_by("-id")[:MOST]
)


def unread_count(person: Person) -> int:
    """How many notices `person` has not read, counted no further than MOST."""
    return UNREAD.count(person.owner_ids, person=person.id)
