"""Four real hosts in Chromium, as the cast: canary, a batch with one faulty host, stop rule, whole way back, sheet."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.packages import Repository, installed
from tests.hosts.site import RealHost
from tests.story.conftest import ROOT, own_environment, serving
from tests.story.test_browser import WIDTHS, Cast, analyse, feed_back, press, shown, sign, sign_the_sheet
from tests.support.browser import FLAGS, chromium
from weilu.cli.story import UPGRADES
from weilu.kernel.times import SHANGHAI

REGISTER = """
import django; django.setup()
import json, sys
from weilu.accounts.models import Person
from weilu.demo import make_environment, make_group, make_host
from weilu.systems.models import System
from weilu.vault.actions import add_credential, grant_access
told = json.loads(sys.stdin.read())
system, zheng = System.objects.get(code="YYPT"), Person.objects.get(username="zhengjie")
group = make_group(make_environment(system, kind="production", name="分中心"), name="应答")
for one in told["hosts"]:
    make_host(group, **one)
key = add_credential(zheng, system.owner, name="应用主机", kind="ssh_key", secret=told["secret"])
grant_access(zheng, key, group=group)
print(system.uid, group.uid)
"""
SLOW = 120_000  # milliseconds that a page may wait for a run on hosts
STORY = replace(UPGRADES[0], title="应用主机换 jzhello 1.1.0", feedback="应答与原来一样。")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(540)
def test_a_faulty_host_stops_the_run_it_goes_back_and_both_sides_sign(
    tmp_path: Path, real_hosts: Callable[..., list[RealHost]], repository: Repository
) -> None:
    from playwright.sync_api import sync_playwright

    hosts = real_hosts(4)
    for host in hosts:
        repository.give(host)
        host.run("apt-get", "-y", "-qq", "install", "jzhello=1.0.0")
    env = own_environment(tmp_path / "var")
    with serving(env, tmp_path) as address, sync_playwright() as tool:
        system, group = register(env, hosts)
        browser = tool.chromium.launch(executable_path=str(chromium()), args=FLAGS)
        cast = Cast(browser, address, WIDTHS["desktop"])
        path = request(cast, system)
        analyse(cast, STORY, path)
        sign(cast, "wangmin", path, "与我要的一致。")
        sign(cast, "lijianguo", path, "情况属实。")
        write_the_plan(cast, path, group)
        rehearse(cast, path)
        for username in ("zhouyi", "zhaolixin", "qianwenyuan", "wujing"):
            sign(cast, username, path, "同意。")
        hosts[2].write("/etc/apt/weilu-tests.list", "")  # host-3 has lost its software source since
        carry_out(cast, path)
        assert [installed(host) for host in hosts] == ["1.0.0"] * 4
        sign(cast, "chenhang", path, "已回退，先查 host-3 的软件源。", button="实施完成并签名")
        assert "网上预约平台维护未成功，已恢复原样" in main_of(cast.open("lijianguo", "/inbox/"))
        feed_back(cast, STORY, path)
        read_the_sheet(cast, path)
        sign_the_sheet(cast, path)
        assert [one for one in cast.troubles if "422" not in one] == []  # the slip in the plan
        browser.close()


def register(env: dict[str, str], hosts: list[RealHost]) -> tuple[str, str]:
    """The hosts in the register, their key in the vault; the uids of the system and of the hosts' group."""
    told = {
        "hosts": [
            {"name": one.name, "address": one.address, "user": one.user, "key": f"{one.key_type} {one.key}"}
            for one in hosts
        ],
        "secret": hosts[0].site.key_file.read_text(),
    }
    done = subprocess.run(
        [sys.executable, "-c", REGISTER], env=env, cwd=ROOT, check=False, capture_output=True,
        input=json.dumps(told).encode(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    system, group = done.stdout.decode().split()
    return system, group


def main_of(page: Any) -> str:
    return str(page.locator("main").inner_text())


def request(cast: Cast, system: str) -> str:
    page = cast.open("wangmin", "/changes/new")
    page.locator("#f-installation").select_option(system)
    page.locator("#f-title").fill(STORY.title)
    page.locator("#f-need").fill("应答页换成 1.1.0。")
    press(page, "发起并签名")
    page.wait_for_url(re.compile(r"/changes/[0-9a-f-]{36}/$"))
    return str(page.url).removeprefix(cast.address)


def write_the_plan(cast: Cast, path: str, group: str) -> None:
    """A canary of one, then the other three; the first try has a slip in it, and comes back with all that was typed."""
    page, moment = cast.open("chenhang", path + "plan"), datetime.now(SHANGHAI)
    box = page.locator("fieldset.group").filter(has=page.locator(f"[name=groups][value='{group}']"))
    box.locator("[name=groups]").check()
    box.locator("[name=canary]").first.check()
    press(page, "升级软件包")
    for name, value in {"s1-title": "升级 jzhello", "s1-name": "jz hello", "s1-version": "1.1.0"}.items():
        page.locator(f"[name={name}]").fill(value)
    for name, value in {"title": "应答新版本", "port": "8080", "path": "/", "expect": "1.1.0"}.items():
        page.locator(f"[name=health_{name}]").first.fill(value)
    written = {
        "then": "100%", "no_backup": "只换一个软件包，随时可退", "impact": "逐台停约 1 分钟。", "risk": "新版不应答。",
        "way_back": "逐台恢复原来的软件包。", "upgrade_notes": "应答页已更新。",
        "window_from": (moment - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"),
        "window_to": (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"),
    }  # fmt: skip
    for name, value in written.items():
        page.locator(f"[name={name}]").fill(value)
    press(page, "送审并签名")
    assert "第 1 步：软件包写得不对：jz hello" in main_of(page)
    page.locator("[name=s1-name]").fill("jzhello")
    press(page, "送审并签名")
    shown(cast, "chenhang", path, "在等 周毅")


def rehearse(cast: Cast, path: str) -> None:
    page = cast.open("chenhang", path)
    press(page, "演练", exact=True)
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    ended(page, "成功")
    report = re.sub(r"\s+", " ", main_of(cast.open("zhouyi", path)))
    assert "演练通过" in report
    assert "host-1、host-2、host-3、host-4 jzhello 1.0.0 → 1.1.0" in report


def carry_out(cast: Cast, path: str) -> None:
    page = cast.open("chenhang", path)
    press(page, "开始执行")
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}/$"))
    page.get_by_text("停止规则：已做完 4 台，成功 3 台，低于 80%").first.wait_for(timeout=SLOW)
    page.locator("summary", has_text="回退").click()
    page.locator("form[action*='/acts/back'] textarea").fill("先查明 host-3 的原因")
    with page.expect_navigation():
        page.locator("form[action*='/acts/back'] button").click()
    ended(page, "已回退")


def read_the_sheet(cast: Cast, path: str) -> None:
    """What the sheet says before it is signed: every host with its end, the one that failed and why, the way back."""
    page = cast.open("wangmin", path)
    page = cast.open("wangmin", str(page.locator("main a[href*='/sheets/']").first.get_attribute("href")))
    paper = page.locator("article.paper")
    done = [
        re.sub("SHA-256 [0-9a-f]{12}|JZ-R-[0-9]{4}", "…", line) for line in paper.locator("ol li").all_inner_texts()
    ]
    assert done == [
        "按批准的方案（…）执行，编号 …-0002，4 台主机。",
        "执行前在这些主机上演练通过。没有另做备份：只换一个软件包，随时可退。",
        "金丝雀 1 台。已回退 1 台：host-1。",
        "第 1 批 3 台。已回退 2 台：host-2、host-4；失败，未改变 1 台：host-3。",
    ]
    steps, tests = (cells_of(table) for table in paper.locator("table.paper-steps").all()[:2])
    assert [(title, host, result) for _n, title, host, _at, _took, result, _digest in steps] == [
        ("开始前核对", "", "成功"),
        ("金丝雀：升级 jzhello", "host-1", "成功"),
        ("金丝雀：应答新版本", "host-1", "成功"),
        ("第 1 批：升级 jzhello", "3 台", "成功 2，失败 1"),
        ("第 1 批：应答新版本", "2 台", "成功"),
        ("第 1 批：回退：升级 jzhello", "2 台", "成功"),
        ("金丝雀：回退：升级 jzhello", "host-1", "成功"),
        ("金丝雀主机", "host-1", "已回退"),
        ("第 1 批主机", "host-2", "已回退"),
        ("第 1 批主机", "host-3", "失败，未改变"),
        ("第 1 批主机", "host-4", "已回退"),
    ]
    assert tests == [["1", "验收：应答新版本", "部分检查"]]
    assert paper.locator("h3:has-text('六、遗留问题') + .paper-prose").inner_text().split("\n") == [
        "失败，未改变：host-3：软件源里没有 jzhello 1.1.0",
        "已恢复原样的 3 台：host-1、host-2、host-4",
        "原因：先查明 host-3 的原因",
        "原因查明后另行变更。",
    ]


def cells_of(table: Any) -> list[list[str]]:
    return [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]


def ended(page: Any, state: str) -> None:
    """The page has brought the end of the run by itself."""
    page.locator(".number-line .tag").filter(has_text=state).first.wait_for(timeout=SLOW)
