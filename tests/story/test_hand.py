"""An item is returned and signed again, by a colleague who stands in and with a signer who was added."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.story.conftest import ROOT, own_environment, serving
from tests.story.test_browser import WIDTHS, Cast, plan, press, send_back, sign
from tests.support.browser import FLAGS, chromium
from weilu.cli.story import UPGRADES
from weilu.kernel.times import SHANGHAI

BRING = """
import django; django.setup()
import sys
from dataclasses import replace
from pathlib import Path
from weilu.changes import queries
from weilu.cli.story import UPGRADES, Story
from weilu.demo import PASSWORD
story = Story(Path(sys.argv[1]), PASSWORD, lambda *_words: None)
upgrade = replace(UPGRADES[0], rests_at="confirm", first_back="")
change = story._begun(upgrade)
while change.item.step != "confirm":
    story._next(upgrade, change)
    change = queries.change_of(story.person("chenhang"), change.item.uid)
print(f"/changes/{change.item.uid}/")
"""


def be_absent(cast: Cast, username: str, deputy: str) -> None:
    page, moment = cast.open(username, "/absences/"), datetime.now(SHANGHAI)
    page.locator("#f-delegate").select_option(deputy)
    page.locator("#f-since").fill((moment - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"))
    page.locator("#f-until").fill((moment + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    page.locator("#f-reason").fill("出差")
    press(page, "安排代办")
    page.get_by_text("代办已安排").first.wait_for()


def add_after(cast: Cast, username: str, path: str, person: str) -> None:
    page = cast.open(username, path)
    page.get_by_role("link", name="加签", exact=True).click()
    page.locator("#f-person").select_option(person)
    page.locator("#f-when").select_option("after")
    page.locator("#f-words").fill("请信息安全办一起签。")
    press(page, "加签", exact=True)
    page.wait_for_url(f"{cast.address}{path}")


def pictures(cast: Cast, username: str, path: str, place: Path, name: str) -> None:
    """At desktop and phone, in Chinese and English, for whoever wants to look."""
    kept = cast.page(username).context.storage_state()
    for width, size in WIDTHS.items():
        for language in ("zh-CN", "en-US"):
            window = cast.browser.new_context(viewport=size, locale=language, storage_state=kept)
            page = window.new_page()
            page.goto(f"{cast.address}{path}")
            page.screenshot(path=place / f"{name}-{width}-{language}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, width, language)
            window.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_returned_and_signed_again_with_an_added_signer_and_a_delegate(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    env = own_environment(tmp_path / "var")
    with serving(env, tmp_path) as address, sync_playwright() as tool:
        done = subprocess.run(
            [sys.executable, "-c", BRING, str(tmp_path)], env=env, cwd=ROOT, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        path = done.stdout.decode().split()[-1]
        browser = tool.chromium.launch(executable_path=str(chromium()), args=FLAGS)
        cast = Cast(browser, address, WIDTHS["desktop"])

        be_absent(cast, "zhaolixin", "lijianguo")
        add_after(cast, "qianwenyuan", path, "wujing")
        page = cast.open("lijianguo", path)
        assert "您代赵立新签，记为「李建国 代 赵立新」。" in page.locator(".sign-form").inner_text()
        pictures(cast, "lijianguo", path, tmp_path, "for-another")
        send_back(cast, "lijianguo", path, "风险没有写全。")

        plan(cast, UPGRADES[0], path)
        sign(cast, "zhouyi", path, "同意。")
        sign(cast, "lijianguo", path, "代签，同意。")
        add_after(cast, "qianwenyuan", path, "wujing")
        sign(cast, "qianwenyuan", path, "同意。")
        page = cast.open("wujing", path)
        assert "钱文远加您会签。" in page.locator(".sign-form").inner_text()
        pictures(cast, "wujing", path, tmp_path, "added")
        page.locator("#f-words").fill("会签同意。")
        press(page, "同意并签名")

        page = cast.open("qianwenyuan", path)
        said = " ".join(page.locator(".timeline").inner_text().split())
        for words in (
            "李建国 代 赵立新 退回 · 需求与方案确认", "李建国 代 赵立新 同意 · 需求与方案确认", "会签同意。",
            "加吴静会签「需求与方案确认」：请信息安全办一起签。",
        ):  # fmt: skip
            assert words in said
        assert page.locator(".flow-chart .flow-return").count() == 1
        assert "在等 吴静" in " ".join(page.locator(".panel").inner_text().split())  # on to the security office
        pictures(cast, "qianwenyuan", path, tmp_path, "signed-again")
        assert cast.troubles == []
        browser.close()
