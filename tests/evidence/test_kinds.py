"""OPS-9: the log of who did what reads few kinds out of very many entries, by an index and not by walking the log."""

import pytest
from django.db import connection

from tests.evidence.helpers import stage_some
from weilu.evidence.actions import tick
from weilu.evidence.models import Entry
from weilu.kernel.canonical import canonical

pytestmark = pytest.mark.django_db(transaction=True)


def plan_of(kind: str) -> str:
    rows = Entry.objects.filter(kind=kind).order_by("-index")[:50]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return rows.explain()


def test_entries_of_one_kind_are_found_by_its_index_newest_first():
    stage_some(1)
    tick()
    first = Entry.objects.get(index=1)
    names = [field.attname for field in Entry._meta.concrete_fields if field.attname not in ("index", "ref")]
    said = {name: getattr(first, name) for name in names} | {"record": canonical({})}
    Entry.objects.bulk_create([Entry(index=at, **said) for at in range(2, 3000)])
    plan = plan_of("accounts.signed_in")
    assert ("entries_of_kind" in plan, "SCAN evidence_entry" in plan, "Seq Scan" in plan) == (True, False, False)
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
