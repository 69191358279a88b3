"""What lists keep beside the items themselves: the words an item is found by."""

from django.db import models

from weilu.accounts.models import Organisation
from weilu.process.models import WorkItem


class Words(models.Model):
    """The words of one item, folded (`bigrams.fold`); a trigger (SQLite) or an index (PostgreSQL) holds their pairs."""

    item = models.OneToOneField(WorkItem, models.PROTECT, primary_key=True, related_name="found_by")
    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()
