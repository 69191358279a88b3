"""`weilu seed`: made-up work items are like real ones, the same every time, and never get into real work."""

import pytest
from django.db.models import Count

from weilu.accounts.models import Organisation, Person
from weilu.changes.models import Change, NeedVersion, PlanVersion
from weilu.changes.queries import change_view
from weilu.cli.seed import seed
from weilu.evidence.models import Staged
from weilu.kernel.canonical import digest
from weilu.kernel.models import Series
from weilu.kernel.refused import Refused
from weilu.process.actions import sign_step
from weilu.process.flow import parse_flow
from weilu.process.kept import Words
from weilu.process.models import Opinion, Seat, StepVisit, WorkItem
from weilu.process.queries import gates_of
from weilu.process.search import words_of

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, str, str]]:
    return list(WorkItem.objects.order_by("id").values_list("number", "title", "step", "subject"))


def test_items_are_made_once_and_the_rest_is_added_later(settings):
    seed(300)
    first = told()
    seed(300)
    assert told() == first

    seed(420)

    assert WorkItem.objects.count() == 420
    assert told()[:300] == first
    assert Series.objects.get(owner="*").last == 420
    numbers = Series.objects.filter(kind="BG").values_list("owner", "year", "last")
    assert {row[2] for row in numbers} == {
        WorkItem.objects.filter(number__startswith=f"{owner}-BG-{year}-").count() for owner, year, _last in numbers
    }


def test_each_item_stands_as_the_actions_would_have_left_it():
    seed(400)

    assert {row.state for row in WorkItem.objects.all()} == {"open", "closed"}
    for item in WorkItem.objects.select_related("flow", "system", "owner"):
        flow = parse_flow(item.flow.source)
        visits = list(StepVisit.objects.filter(item=item).order_by("id"))
        closed = item.state == "closed"
        assert [visit.outcome == "open" for visit in visits] == [False] * (len(visits) - (not closed)) + [True] * (
            not closed
        )
        assert visits[-1].step == (item.step or flow.steps[-1].key)
        assert Seat.objects.filter(item=item, open=True).exists() is not closed
        assert (Change.objects.get(item=item).feasible is True) == (len(visits) > 2 or closed)
        plan = PlanVersion.objects.filter(change__item=item).first()
        assert item.subject == (plan.digest if plan else "")
        assert plan is None or digest(plan.content) == plan.digest
    assert NeedVersion.objects.count() == 400
    assert not Opinion.objects.values("visit", "person").annotate(n=Count("id")).filter(n__gt=1).exists()


def test_a_made_up_item_goes_on_by_the_ordinary_action():
    seed(600)
    item = WorkItem.objects.filter(step="plan_check", state="open").order_by("id")[0]
    person = Seat.objects.filter(item=item, open=True).order_by("id")[0].person
    assert [gate.open for gate in gates_of(item, parse_flow(item.flow.source).step("plan_check"))] == [True]
    assert change_view(person, item.uid).view.seat is not None

    moved = sign_step(person, item, turn=item.turn, subject=item.subject, words="同意")

    assert moved.step == "confirm"
    assert Staged.objects.filter(item=str(item.uid)).count() == 1


def test_made_up_items_are_found_by_the_words_the_actions_would_have_kept():
    seed(50)

    for item in WorkItem.objects.select_related("system", "requester", "change__installation"):
        installation = item.change.installation
        assert Words.objects.get(item=item).text == words_of(item, (installation.name, installation.host))


def test_a_database_with_other_customers_is_left_alone():
    Organisation.objects.create(code="ZZ", name="别的单位", short_name="别的", kind="customer")

    with pytest.raises(Refused, match="只写进空库或演示库"):
        seed(10)

    assert not WorkItem.objects.exists()
    assert not Person.objects.exists()
