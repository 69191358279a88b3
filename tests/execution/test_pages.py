"""The pages of runs and systems."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from tests.cast import Cast, make_change, make_installation
from tests.execution.conftest import SUBJECT, approve
from weilu.execution.actions import order_run
from weilu.execution.checks import REGISTER
from weilu.execution.models import Run
from weilu.execution.steps import FORWARD
from weilu.kernel.times import iso, now
from weilu.process.models import WorkItem

pytestmark = pytest.mark.django_db


def make_run(cast: Cast) -> Run:
    """A run nobody has begun."""
    installation = make_installation(cast)
    item = make_change(cast, installation).item
    WorkItem.objects.filter(id=item.id).update(kind="trial", subject=SUBJECT)
    item.refresh_from_db()
    REGISTER["trial"] = approve
    orders = {
        "version": "1.1.0", "wheel": "jzdesk-1.1.0-py3-none-any.whl", "sha256": "a" * 64,
        "window_from": iso(now() - timedelta(minutes=1)), "window_to": iso(now() + timedelta(hours=1)),
        "criteria": [{"title": "版本", "path": "/healthz", "expect": "1.1.0"}], "way_back": "恢复备份",
    }  # fmt: skip
    with transaction.atomic():
        return order_run(cast.chen, item, installation, orders, SUBJECT)


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_run_page_shows_its_steps_and_follows_it(cast: Cast) -> None:
    run = make_run(cast)
    page = signed_in(cast.chen).get(f"/runs/{run.uid}/")
    text = page.content.decode()

    assert page.status_code == 200
    assert text.count('class="grid-cell') == len(FORWARD)
    assert f'hx-get="/runs/{run.uid}/live?after=0"' in text
    assert "style=" not in text.partition("<main")[2]


def test_polling_says_nothing_until_there_is_something_new(cast: Cast) -> None:
    run = make_run(cast)
    client = signed_in(cast.chen)
    assert client.get(f"/runs/{run.uid}/live?after=0").status_code == 204

    run.events.create(seq=1, text="一行 <b>", kind="line")
    page = client.get(f"/runs/{run.uid}/live?after=0")
    assert page.status_code == 200
    assert "一行 &lt;b&gt;" in page.content.decode()
    assert client.get(f"/runs/{run.uid}/live?after=1").status_code == 204
    assert client.get(f"/runs/{run.uid}/live?after=x").status_code == 400


@pytest.mark.parametrize("tail", ["", "live", "log"])
def test_another_tenants_person_finds_no_run(cast: Cast, tail: str) -> None:
    run = make_run(cast)
    assert signed_in(cast.sun).get(f"/runs/{run.uid}/{tail}").status_code == 404
    assert run.number not in signed_in(cast.sun).get("/runs/").content.decode()


def test_cancel_from_the_page(cast: Cast) -> None:
    run = make_run(cast)
    assert signed_in(cast.sun).post(f"/runs/{run.uid}/cancel").status_code == 404
    assert signed_in(cast.chen).post(f"/runs/{run.uid}/cancel").status_code == 302
    run.refresh_from_db()
    assert run.cancelled_by == cast.chen


def test_lists_and_systems(cast: Cast) -> None:
    run = make_run(cast)
    client = signed_in(cast.chen)
    assert run.number in client.get("/runs/").content.decode()
    assert "网上预约平台" in client.get("/systems/").content.decode()
    system = run.installation.system
    assert run.installation.host in client.get(f"/systems/{system.uid}/").content.decode()
    assert signed_in(cast.sun).get(f"/systems/{system.uid}/").status_code == 404
