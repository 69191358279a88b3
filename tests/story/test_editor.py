"""A flow is edited with a fault, mended at its line, proposed; a second person publishes it, a running item moves."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import ROOT, own_environment, serving
from tests.support.browser import FLAGS, chromium
from weilu.demo import PASSWORD

BRING = """
import django; django.setup()
import sys
from dataclasses import replace
from pathlib import Path
from weilu.cli.story import UPGRADES, Story
from weilu.demo import PASSWORD
story = Story(Path(sys.argv[1]), PASSWORD, print)
story._begun(replace(UPGRADES[0], rests_at="analysis"))
"""


def signed_in(browser: Any, address: str, username: str, troubles: list[str]) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN").new_page()
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda said: troubles.append(str(said)))
    page.goto(f"{address}/login")
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(f"{address}/")
    return page


def replace_in(page: Any, old: str, new: str) -> None:
    """As somebody would: the words picked, and others typed over them."""
    page.evaluate(
        """old => { const text = document.getElementById("source"), at = text.value.indexOf(old);
                    text.focus(); text.setSelectionRange(at, at + old.length); }""",
        old,
    )
    page.keyboard.insert_text(new)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_flow_is_written_by_one_published_by_another_and_a_running_item_follows_it(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    env = own_environment(tmp_path / "var")
    troubles: list[str] = []
    with serving(env, tmp_path) as address, sync_playwright() as tool:
        done = subprocess.run([sys.executable, "-c", BRING, str(tmp_path)], env=env, cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        browser = tool.chromium.launch(executable_path=str(chromium()), args=FLAGS)

        writer = signed_in(browser, address, "zhengjie", troubles)
        writer.get_by_role("link", name="流程", exact=True).click()
        normal = writer.locator("section", has_text="changes.normal")
        normal.get_by_role("link", name="第 1 版").click()
        writer.get_by_role("button", name="改写").click()
        replace_in(writer, "role(leader)", "role(leeder)")
        fault = writer.locator("[data-goto]")
        fault.wait_for()
        line = int(fault.get_attribute("data-goto"))
        assert "role(leeder) 不存在" in fault.inner_text()
        assert writer.locator(".gutter .wrong").all_inner_texts() == [str(line)]
        assert writer.get_by_role("button", name="送审：还有 1 处要改").is_visible()
        fault.click()
        picked = "const t = document.getElementById('source'); t.value.slice(t.selectionStart, t.selectionEnd)"
        assert writer.evaluate(picked) == "  - key: confirm"
        replace_in(writer, "role(leeder)", "role(leader)")
        replace_in(writer, "hours: 16", "hours: 8")
        writer.get_by_text("没有错，可以送审").wait_for()
        assert "16 工作小时 → 8 工作小时" in writer.locator(".live").inner_text()
        assert writer.locator(".simulated").get_by_text("赵立新").is_visible()
        writer.locator("#f-words").fill("缩短分析的时限。")
        writer.get_by_role("button", name="送审", exact=True).click()
        writer.get_by_text("已送审，等另一个人发布").wait_for()
        proposal = writer.url
        assert writer.get_by_role("button", name="发布这一版").count() == 0

        second = signed_in(browser, address, "zhaolixin", troubles)
        second.goto(proposal)
        assert "16 工作小时 → 8 工作小时" in second.locator(".differences").inner_text()
        assert second.locator(".diff .come mark").all_inner_texts() == ["8"]
        second.get_by_role("button", name="发布这一版").click()
        second.get_by_text("已发布为第 2 版").wait_for()
        assert "郑洁" in second.locator(".record").inner_text()

        writer.goto(f"{address}/flows/")
        normal.get_by_role("link", name="第 1 版").click()
        writer.get_by_role("link", name="看一看、迁移").click()
        writer.locator("#f-words").fill("按新时限办。")
        writer.get_by_role("button", name="迁移选中的").click()
        writer.get_by_text("1 项中迁了 1 项").wait_for()
        writer.locator(".moved a").click()
        assert "从流程第 1 版迁到第 2 版：按新时限办。" in writer.locator(".timeline").inner_text()
        browser.close()
    rows = sqlite3.connect(tmp_path / "var" / "weilu.sqlite3").execute(
        "SELECT number, written_by, published_by FROM process_flowversion WHERE key = 'changes.normal' ORDER BY number"
    )
    assert [(number, written[:2], published[:3]) for number, written, published in rows] == [
        (1, "", "wei"), (2, "郑洁", "赵立新"),
    ]  # fmt: skip
    assert troubles == []
