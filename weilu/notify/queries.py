"""What the inbox and the bell show."""

from weilu.accounts.models import Person
from weilu.notify.models import Notice

MOST = 1000  # the bell says 1000+ from here on


def unread_count(person: Person) -> int:
    """How many notices `person` has not read, counted no further than MOST."""
    return int(Notice.objects.of(person).unread()[:MOST].count())
