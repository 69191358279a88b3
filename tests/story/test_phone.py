"""赵 signs on a phone, from the link of a real mail: one screen, no scrolling, and the next item after it."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import ROOT, own_environment, serving
from tests.support.browser import FLAGS, chromium
from tests.support.mailbox import Mailbox, mail_server
from weilu.demo import PASSWORD

PHONE = {"width": 390, "height": 844}
TITLES = ("预约平台升级到 1.1.0：预约登记来源", "预约平台再升级一次：" + "窗口与网上两边都要核对的很长的题目" * 5)
BRING = """
import django; django.setup()
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from weilu.changes import queries
from weilu.cli.story import UPGRADES, Story
from weilu.demo import PASSWORD
story = Story(Path(sys.argv[1]), PASSWORD, print)
for days, title, back in zip((0, 2), sys.argv[2:4], ("重新部署 1.0.0。", "什么也不做。" * 40)):
    upgrade = replace(UPGRADES[0], title=title, first_back=back, rests_at="confirm", later=timedelta(days=days))
    change = story._begun(upgrade)
    while change.item.step != "confirm":
        story._next(upgrade, change)
        change = queries.change_of(story.person("chenhang"), change.item.uid)
    if title == sys.argv[3]:
        from weilu.process.actions import sign_step
        qian, item = story.person("qianwenyuan"), change.item
        words = "务必在国庆封网前完成，发放业务不能受影响。" * 12
        sign_step(qian, item, turn=item.turn, subject=item.subject, words=words)
"""


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as found:
        yield found


def signed_in(window: Any, address: str, username: str) -> Any:
    page = window.new_page()
    page.goto(f"{address}/login")
    enter(page, username)
    page.wait_for_url(f"{address}/")
    return page


def enter(page: Any, username: str) -> None:
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()


def choose_mail(page: Any, address: str, box: Mailbox) -> None:
    """赵 asks for mail at once, on the page 通知设置, and confirms the address by the code that comes there."""
    page.goto(f"{address}/notices/")
    page.get_by_role("link", name="通知设置").click()
    page.get_by_label("邮件地址").fill("zhao@jz.example.cn")
    assert page.get_by_label("等我办理").input_value() == "now"
    page.get_by_role("button", name="保存", exact=True).click()
    page.get_by_text("通知设置已保存").wait_for()
    until(lambda: len(box.mails) == 1)
    code = re.search(r"确认码：(\S+)", box.mails[0].get_body(("plain",)).get_content())[1]
    page.get_by_label("确认码").fill(code)
    page.get_by_role("button", name="确认地址").click()
    page.get_by_text("邮件地址已确认").wait_for()
    box.envelopes.clear()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def link_in(message: Any, address: str) -> str:
    """The one link to an item; a plain address without anything to act by."""
    text = message.get_body(("plain",)).get_content()
    found = re.findall(rf"{re.escape(address)}/changes/[0-9a-f-]{{36}}/\S*", text)
    assert len(found) == 1
    assert re.fullmatch(rf"{re.escape(address)}/changes/[0-9a-f-]{{36}}/\?one=1", found[0])
    return str(found[0])


def assert_one_screen(page: Any, *texts: str) -> None:
    """Everything that is asked for is seen whole at 390 × 844, nothing covers it, and nothing scrolls."""
    for _moment in range(2):  # as it opens, and after somebody tries to scroll
        assert page.evaluate("[scrollX, scrollY]") == [0, 0]
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(150)
    tall = page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    assert tall == [PHONE["height"], PHONE["width"]]
    foot = page.locator(".sign-form").bounding_box()
    places = ["h1", ".dots", ".clock.line", ".to-sign", ".old-new .old", ".old-new .new", ".gates", ".last-word"]
    ends = []
    for place in places:
        shown = page.locator(f"{place} >> visible=true").first.bounding_box()
        assert shown is not None, place
        assert shown["y"] >= 48, place
        assert shown["y"] + shown["height"] <= foot["y"], place
        ends.append(shown["y"])
    assert ends == sorted(ends)
    for place, least in (("#f-words", 40), (".back-act", 44), (".main-act", 48), (".signs", 12)):
        shown = page.locator(place).bounding_box()
        assert shown["height"] >= least, place
        assert shown["y"] + shown["height"] <= PHONE["height"], place
    for text in texts:
        assert page.get_by_text(text).locator("visible=true").first.is_visible(), text
    for gate in page.locator(".gate").all():
        assert gate.bounding_box()["height"] < 40
    assert re.search(r"SHA-256 [0-9a-f]{4}…[0-9a-f]{4}", page.locator(".signs").inner_text())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_step_is_signed_on_a_phone_from_the_link_of_a_mail(tmp_path: Path, box: Mailbox) -> None:
    from playwright.sync_api import sync_playwright

    program = chromium()
    env = own_environment(tmp_path / "var") | box.environment()
    with serving(env, tmp_path) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=str(program), args=FLAGS)
        choose_mail(signed_in(browser.new_context(viewport=PHONE, locale="zh-CN"), address, "zhaolixin"), address, box)
        done = subprocess.run(
            [sys.executable, "-c", BRING, str(tmp_path), *TITLES], env=env, cwd=ROOT, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        until(lambda: len(box.mails) == 2)
        first, second = sorted(box.mails, key=lambda mail: str(mail["Subject"]))
        assert [one["To"] for one in box.mails] == ["zhao@jz.example.cn"] * 2
        assert re.fullmatch(r"待您办理：JZ-BG-\d{4}-0001 需求与方案确认", first["Subject"])

        phone = browser.new_context(
            viewport=PHONE, locale="zh-CN", device_scale_factor=2, has_touch=True, is_mobile=True
        )
        page = phone.new_page()
        page.goto(link_in(first, address))
        assert page.url.startswith(f"{address}/login?next=")  # the link alone shows nothing and signs nothing
        enter(page, "zhaolixin")
        page.wait_for_url(link_in(first, address))
        page.screenshot(path=tmp_path / "first.png")
        assert_one_screen(page, TITLES[0], "需求与方案确认", "会签 0/2", "您将签署", "待办第 1 项，共 2 项")
        assert "王敏" not in page.locator(".panel").inner_text()

        page.locator("#f-words").fill("同意。")
        page.get_by_role("button", name="同意并签名").click()
        page.wait_for_url(link_in(second, address))
        page.screenshot(path=tmp_path / "second.png")
        assert_one_screen(page, "已签", "会签 1/2", "待办第 1 项，共 1 项", "钱文远")
        assert page.locator("h1").inner_text() == TITLES[1]

        page.goto(link_in(first, address))  # signed once; the link leads there, and asks for nothing more
        assert page.locator(".sign-form").count() == 0
        assert page.get_by_text("同意。").locator("visible=true").first.is_visible()
        browser.close()
    assert len(box.mails) == 2
