"""`weilu move --to URL`: the same rows and log in the other kind of database; the old one has no second life."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import VENDOR, Installation, new_database
from weilu.cli.move import shown

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.skipif(VENDOR != "postgresql", reason="needs both databases; runs in PostgreSQL's turn"),
]
ACT = """
from weilu.accounts.actions import give_role
from weilu.accounts.models import Organisation, Person
who = Person.objects.get(username="zhengjie")
home = Organisation.objects.get(code="JZ")
give_role(who, Person.objects.get(username="wangmin"), home, "security_office", source="在职")
"""
SEARCH = """
from weilu.accounts.models import Person
from weilu.process.search import find
print(len(find(Person.objects.get(username="chenhang"), "预约").ids))
"""


def same(content: dict[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in ("migrations", "tables", "serials", "log", "files")}


def test_a_move_there_and_back_keeps_every_row_key_and_the_root(site: Installation, tmp_path: Path):
    before, found = site.content(tmp_path), site.python(SEARCH)
    stops = [f"sqlite:///{tmp_path / 'moved.sqlite3'}", new_database()]
    places = [site]
    for url in stops:
        said = places[-1].done("move", "--to", url)
        assert f"已迁到 {shown(url)}：" in said
        places.append(Installation(site.home, url))
        assert same(places[-1].content(tmp_path)) == same(before)
        assert places[-1].python(SEARCH) == found != "0\n"

    closed = [place.run("serve") for place in places[:-1]]
    left = [place.sql("SELECT count(*) FROM evidence_entry") for place in places]
    refused = [place.run("upgrade") for place in places[:-1]]
    with pytest.raises(AssertionError, match="weilu sealed"):
        site.python(ACT)
    places[-1].python(ACT)
    places[-1].done("evidence", "export", "JZ-BG-2026-0001", "--out", tmp_path / "export")

    assert [one.stderr for one in closed] == [
        f"维录已迁到 {shown(url)}，这里不再写入。把 WEILU_DATABASE_URL 指向那里，再启动。\n" for url in stops
    ]
    assert left[0] == left[1] == left[2]
    assert [one.returncode for one in refused] == [2, 2]
    assert places[-1].done("verify").startswith("存证日志核验通过：")


def test_a_move_that_cannot_be_made_leaves_the_old_place_at_work(site: Installation, tmp_path: Path):
    before = site.content(tmp_path)
    full = new_database()
    Installation(tmp_path / "other", full).done("init")
    answers = [
        site.run("move", "--to", url)
        for url in (full, "mysql://x/y", "postgresql://weilu@127.0.0.1:1/weilu", site.url, f"sqlite:////proc/{'x' * 9}")
    ]

    assert [(one.returncode, len(one.stderr.splitlines())) for one in answers] == [(2, 1)] * 5
    assert "数据库里已有数据，没有恢复" in answers[0].stderr
    assert answers[3].stderr == "目的地就是现在的数据库。换一个空的数据库。\n"
    assert site.content(tmp_path) == before
    assert site.sql("SELECT state FROM kernel_upkeep") == [("open",)]
    site.python(ACT)


@pytest.mark.crash
def test_a_move_that_is_killed_is_made_again_or_given_up(site: Installation, tmp_path: Path):
    before, target, ends = site.content(tmp_path), f"sqlite:///{tmp_path / 'moved.sqlite3'}", []
    for at in range(3):
        running = site.start("move", "--to", target)
        with suppress(subprocess.TimeoutExpired):
            running.wait(0.7 + at * 0.6)  # before the new place is whole, also on a quick machine
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        ends.append(running.returncode)
    given_up = site.run("upgrade")
    assert (given_up.returncode, given_up.stderr) == (0, "")
    site.python(ACT.replace("security_office", "leader"))
    grown = site.content(tmp_path)

    site.done("move", "--to", target)

    assert ends == [-signal.SIGKILL] * 3
    assert same(Installation(site.home, target).content(tmp_path)) == same(grown) != same(before)
