"""Work is dragged to another day in a real browser: the panel answers at once, and saving moves it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from tests.planning.builders import at, make_freeze
from weilu.planning.models import Booking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def dragged(page, days: int) -> None:
    """Take the one box that can be moved, and hold it so many days further on."""
    box, area = page.locator("[data-booking]").bounding_box(), page.locator("[data-booking-area]").bounding_box()
    x, y = box["x"] + 12, box["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    for part in range(1, 5):
        page.mouse.move(x + area["width"] / 14 * days * part / 4, y)


@pytest.fixture
def aside():
    """Runs what touches the database in a thread of its own: the browser's driver runs a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda act, *given: thread.submit(act, *given).result()
        thread.submit(connections.close_all).result()


@pytest.fixture
def booked(cast, plan, movable):
    """One change on the 29th; the freeze of National Day follows."""
    make_freeze(cast.jz)
    plan("09-29T22:00", "09-30T01:00", title="升级数据库", people=(cast.chen,))
    client = Client()
    client.force_login(cast.chen)
    return client.cookies["sessionid"].value


@pytest.fixture
def calendar(booked, live_server, chromium_page):
    """陈 looks at those weeks."""
    chromium_page.context.add_cookies([{"name": "sessionid", "value": booked, "url": live_server.url}])
    chromium_page.goto(f"{live_server.url}/calendar/?from=2031-09-28")
    return chromium_page


def start() -> object:
    return Booking.objects.kept().get().starts


def test_a_day_in_the_freeze_answers_with_it_and_a_free_one_saves(calendar, aside):
    dragged(calendar, 2)
    calendar.wait_for_selector("text=处在「国庆封网」")
    assert calendar.locator(".cal-save").count() == 0
    calendar.keyboard.press("Escape")
    calendar.mouse.up()
    calendar.wait_for_selector(".cal-panel >> text=没有冲突")
    dragged(calendar, 11)
    calendar.mouse.up()
    calendar.wait_for_selector(".cal-save")
    assert "拟改到 2031-10-10 周五 22:00–01:00" in calendar.locator(".cal-subject").inner_text()
    calendar.click(".cal-save button")
    calendar.wait_for_selector("text=已改到")
    assert aside(start) == at("10-10T22:00")


def test_a_click_opens_the_work_beside_the_calendar_and_moves_nothing(calendar, aside):
    calendar.click("[data-booking]")
    calendar.wait_for_selector(".cal-panel >> text=升级数据库")
    assert aside(start) == at("09-29T22:00")
