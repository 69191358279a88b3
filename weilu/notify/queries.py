"""What the inbox and the bell show."""

from functools import cache

from weilu.accounts.models import Person
from weilu.kernel.statements import Prepared, many, slot, slots
from weilu.notify.models import Notice

MOST = 1000  # the bell says 1000+ from here on


def unread_count(person: Person) -> int:
    """How many notices `person` has not read, counted no further than MOST."""
    owners = person.owner_ids
    return _unread(len(owners)).count(person=person.id, **many("owner", owners)) if owners else 0


@cache
def _unread(owners: int) -> Prepared[Notice]:
    """What every page counts, for somebody who sees so many customers."""
    mine = Notice.objects.filter(owner__id__in=slots("owner", owners), person=slot("person"))
    return Prepared(lambda: mine.unread().order_by("-id")[:MOST])
