"""The whole story in Chromium, as the cast: an upgrade that succeeds, a faulty one that goes back, both signed."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.browser import FLAGS, chromium
from weilu.cli.story import UPGRADES, Upgrade
from weilu.demo import PASSWORD
from weilu.kernel.times import SHANGHAI

WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SLOW = 60_000  # milliseconds that a page may wait for a run


class Cast:
    """One browser window for each of the cast, signed in once."""

    def __init__(self, browser: Any, address: str, size: dict[str, int]) -> None:
        self.browser, self.address, self.size = browser, address, size
        self.pages: dict[str, Any] = {}
        self.troubles: list[str] = []

    def page(self, username: str) -> Any:
        if username not in self.pages:
            window = self.browser.new_context(viewport=self.size, locale="zh-CN")
            page = window.new_page()
            page.on("console", self._heard)
            page.goto(f"{self.address}/login")
            page.get_by_label("密码", exact=True).fill("不是这个密码")
            page.locator("#username").fill(username)
            press(page, "登录", exact=True)
            assert "还可试 4 次" in page.locator("form[action='/login']").inner_text()
            page.locator("#password").fill(PASSWORD)
            press(page, "登录", exact=True)
            page.wait_for_url(f"{self.address}/")
            self.pages[username] = page
        return self.pages[username]

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "401" not in message.text:
            self.troubles.append(message.text)

    def open(self, username: str, path: str) -> Any:
        page = self.page(username)
        page.goto(f"{self.address}{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.size["width"], f"{path} scrolls sideways"
        return page


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_whole_story_as_the_cast(site: str, width: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=str(chromium()), args=FLAGS)
        cast = Cast(browser, site, WIDTHS[width])
        good, faulty = UPGRADES
        played = [(good, "成功"), (faulty, "已回退")] if width == "desktop" else [(good, "成功")]
        sheets = [play(cast, upgrade, ends) for upgrade, ends in played]
        assert [re.sub(r"\d{4}-", "", number) for number in sheets] == ["JZ-WH-0001", "JZ-WH-0002"][: len(played)]
        strangers_find_nothing(cast)
        assert cast.troubles == []
        browser.close()


def play(cast: Cast, upgrade: Upgrade, ends: str) -> str:
    """One change from the request to the signed sheet; the sheet's number."""
    path = request(cast, upgrade)
    analyse(cast, upgrade, path)
    sign(cast, "wangmin", path, "与我要的一致。")
    sign(cast, "lijianguo", path, "情况属实。")
    if upgrade.first_back:
        plan(cast, upgrade, path, way_back=upgrade.first_back)
        send_back(cast, "zhouyi", path, "没有写数据如何还原。")
    plan(cast, upgrade, path)
    for username, words in (("zhouyi", "同意。"), ("zhaolixin", "同意。"), ("qianwenyuan", ""), ("wujing", "批准。")):
        sign(cast, username, path, words)
    carry_out(cast, path, ends)
    sign(cast, "chenhang", path, f"执行结束：{ends}。", button="实施完成并签名")
    hear_the_notice(cast, ends)
    feed_back(cast, upgrade, path)
    return sign_the_sheet(cast, path)


def press(page: Any, name: str, exact: bool = False) -> None:
    """Press a button that sends a form, and wait for the page that answers."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=exact).click()


def request(cast: Cast, upgrade: Upgrade) -> str:
    page = cast.open("wangmin", "/changes/new")
    chosen = page.get_by_role("option").filter(has_text="app-01")
    page.locator("#f-installation").select_option(value=chosen.get_attribute("value"))
    page.locator("#f-title").fill(upgrade.title)
    page.locator("#f-need").fill(upgrade.need)
    press(page, "发起并签名")
    page.wait_for_url(re.compile(r"/changes/[0-9a-f-]{36}/$"))
    return str(page.url).removeprefix(cast.address)


def analyse(cast: Cast, upgrade: Upgrade, path: str) -> None:
    page = cast.open("chenhang", path + "need")
    page.locator("input[name=feasible][value=yes]").check()
    page.locator("#f-analysis").fill(upgrade.analysis)
    page.locator("#f-need").fill(upgrade.analysed)
    press(page, "提交并签名")
    shown(cast, "chenhang", path, "在等 王敏")


def plan(cast: Cast, upgrade: Upgrade, path: str, **over: str) -> None:
    written = {key: value for key, value in upgrade.plan.items() if isinstance(value, str)} | over
    moment = datetime.now(SHANGHAI)
    written["window_from"] = (moment - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")
    written["window_to"] = (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    page = cast.open("chenhang", path + "plan")
    for name, value in written.items():
        page.locator(f"[name={name}]").fill(value)
    for number, criterion in enumerate(upgrade.plan["criteria"]):
        for part in ("title", "path", "expect"):
            page.locator(f"[name=criteria_{part}]").nth(number).fill(criterion[part])
    press(page, "送审并签名")
    shown(cast, "chenhang", path, "在等 周毅")


def shown(cast: Cast, username: str, path: str, words: str) -> None:
    """The item's page says `words`, in the drawing or its list of steps."""
    page = cast.open(username, path)
    assert words in re.sub(r"\s+", " ", page.locator("main").inner_text() + page.locator("main").inner_html())


def send_back(cast: Cast, username: str, path: str, words: str) -> None:
    page = cast.open(username, path + "return")
    page.locator("#f-return-words").fill(words)
    press(page, "退回并签名")
    shown(cast, username, path, words)


def sign(cast: Cast, username: str, path: str, words: str, button: str = "同意并签名") -> None:
    page = cast.open(username, path)
    page.locator("#f-words").fill(words)
    press(page, button)
    page = cast.open(username, path)
    assert page.get_by_role("button", name=button).count() == 0


def carry_out(cast: Cast, path: str, ends: str) -> None:
    page = cast.open("chenhang", path)
    press(page, "开始执行")
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    # The page brings the end by itself: nobody reloads it.
    page.get_by_text(ends, exact=True).first.wait_for(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= cast.size["width"]


def hear_the_notice(cast: Cast, ends: str) -> None:
    page = cast.open("lijianguo", "/inbox/")
    words = "网上预约平台已升级到 1.1.0" if ends == "成功" else "网上预约平台升级未成功，仍是 1.1.0"
    assert words in page.locator("main").inner_text()


def feed_back(cast: Cast, upgrade: Upgrade, path: str) -> None:
    page = cast.open("wangmin", path + "feedback")
    page.locator("input[name=works][value=yes]").check()
    page.locator("input[name=satisfaction][value=satisfied]").check()
    page.locator("#f-opinion").fill(upgrade.feedback)
    press(page, "提交并签名")
    shown(cast, "wangmin", path, "报告单签署")


def sign_the_sheet(cast: Cast, path: str) -> str:
    address = ""
    for username in ("chenhang", "wangmin"):
        page = cast.open(username, path)
        page.get_by_role("link", name="签报告单").click()
        page.wait_for_url(re.compile(r"/sheets/[0-9a-f-]{36}/$"))
        address = str(page.url).removeprefix(cast.address)
        if username == "wangmin":
            page.locator("#opinion").fill("同意验收。")
            page.locator("input[name=satisfaction][value=satisfied]").check()
            page.locator("input[name=acceptance][value=accepted]").check()
        draw(page)
        page.locator("#sign-password").fill(PASSWORD)
        press(page, "签署报告单")
    shown(cast, "wangmin", path, "已办结")
    page = cast.open("wangmin", address)
    assert "已签署" in page.locator("main").inner_text()
    paper = page.request.get(f"{cast.address}{address.rstrip('/')}.pdf")
    assert (paper.status, paper.body()[:5]) == (200, b"%PDF-")
    found = re.search(r"JZ-WH-\d{4}-\d{4}", page.locator("main").inner_text())
    assert found
    return found[0]


def draw(page: Any) -> None:
    """A signature with the mouse, as on the pad."""
    pad = page.locator("canvas")
    # To the middle of the screen: at its edge the bar at the foot of a phone would catch the pen.
    pad.evaluate("pad => pad.scrollIntoView({block: 'center'})")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 20):
        lift = (step % 5) * box["height"] / 12
        page.mouse.move(box["x"] + 20 + step * box["width"] / 30, box["y"] + box["height"] / 2 - lift)
    page.mouse.up()


def strangers_find_nothing(cast: Cast) -> None:
    """孙 of the other vendor sees none of it."""
    page = cast.open("sunli", "/changes/")
    assert "预约" not in page.locator("main").inner_text()
    for path in ("/changes/", "/runs/", "/sheets/", "/evidence/", "/systems/"):
        assert "江州" not in cast.open("sunli", path).locator("main").inner_text()
