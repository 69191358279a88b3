"""`weilu person`, run as people run it: whoever is at the machine opens the door again."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
WEILU = [sys.executable, "-m", "weilu.cli.main"]
MAKE = """
import django; django.setup()
from tests.cast import make_cast
from weilu.accounts.actions import sign_in
from weilu.kernel.refused import Refused
make_cast()
for _ in range(5):
    try: sign_in("zhengjie", "wrong", "10.0.0.1")
    except Refused: pass
"""
TRY = """
import django, sys; django.setup()
from weilu.accounts.actions import sign_in
from weilu.kernel.refused import Refused
try: print(sign_in("zhengjie", sys.argv[1], "10.0.0.1").username)
except Refused as refused: print(refused.reason)
"""


def run(home: Path, *args: str, given: str = "") -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEILU_", "DJANGO_", "PORT"))}
    env = kept | {"WEILU_DATA_DIR": str(home), "DJANGO_SETTINGS_MODULE": "weilu.settings"}
    return subprocess.run(list(args), env=env, input=given, capture_output=True, text=True, timeout=120, check=False)


def said(home: Path, *args: str, given: str = "") -> tuple[int, str, str]:
    done = run(home, *WEILU, "person", *args, given=given)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def enters(home: Path, password: str) -> str:
    return run(home, sys.executable, "-c", TRY, password).stdout.strip()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation whose administrator has guessed wrong five times."""
    place = tmp_path_factory.mktemp("rescue")
    assert run(place, *WEILU, "init").returncode == 0
    made = run(place, sys.executable, "-c", MAKE)
    assert (made.returncode, made.stderr) == (0, "")
    return place


def test_the_administrator_is_unlocked_and_given_a_new_password_at_the_machine(home: Path):
    from weilu.demo import PASSWORD

    assert enters(home, PASSWORD) == "密码错了太多次，约 1 分钟后可再试"
    assert said(home, "unlock", "zhengjie") == (0, "已解锁：zhengjie", "")
    assert enters(home, PASSWORD) == "zhengjie"
    assert said(home, "unlock", "zhengjie") == (2, "", "郑洁 的登录没有锁定。")

    short = said(home, "password", "zhengjie", given="short\n")
    assert short == (2, "", "密码至少 10 个字符。")
    done = said(home, "password", "zhengjie", given="a new pass phrase\n")
    assert done == (0, "已设新密码：zhengjie。以前的登录都已结束。", "")
    assert enters(home, "a new pass phrase") == "zhengjie"
    kinds = sqlite3.connect(home / "weilu.sqlite3").execute("SELECT kind FROM evidence_staged ORDER BY id").fetchall()
    assert [kind for (kind,) in kinds if kind.startswith("accounts.") and "add" not in kind][-5:] == [
        "accounts.sign_in_locked", "accounts.sign_in_unlocked", "accounts.signed_in", "accounts.password_set",
        "accounts.signed_in",
    ]  # fmt: skip


def test_a_name_that_is_nobodys_is_said_to_be_so(home: Path):
    assert said(home, "unlock", "nobody") == (2, "", "没有工号「nobody」。核对后再试。")
