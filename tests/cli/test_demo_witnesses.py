"""The demo runs a witness for each side: programs of their own, outside Weilu's data, made once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import env

pytestmark = pytest.mark.once

DEMO = """
import json
from weilu.cli import demo_witnesses
from weilu.cli.serve import end
from weilu.cli.setup import set_up
from weilu.config import read_config
sides = demo_witnesses.choose(read_config())
config = set_up()
running = demo_witnesses.run(config, sides)
try:
    from weilu.accounts.actions import found_organisation
    from weilu.evidence.actions import tick
    from weilu.evidence.asking import ask_due
    from weilu.evidence.models import Witness
    import sys, time
    found_organisation(None, code=sys.argv[1], name=sys.argv[1], short_name=sys.argv[1])
    found, until = {}, time.monotonic() + 30
    while list(found.values()) != ["", ""] and time.monotonic() < until:
        time.sleep(0.2)
        tick()
        found = ask_due(now_too=True)
    fingerprints = sorted(witness.fingerprint for witness in Witness.objects.all())
    print(json.dumps([found, [side.port for side in sides], fingerprints], sort_keys=True))
finally:
    end(running)
"""


def demo(home: Path, code: str) -> str:
    """One beginning of the demo: what the witnesses answered, their ports and their fingerprints."""
    done = subprocess.run(
        [sys.executable, "-c", DEMO, code],
        env=env(home, DJANGO_SETTINGS_MODULE="weilu.settings", WEILU_CHECKPOINT_SECONDS="1"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[-1]


def test_both_sides_witness_the_demo_s_log_and_the_same_two_do_so_again(tmp_path: Path):
    first = demo(tmp_path, "A")
    second = demo(tmp_path, "B")

    assert first.startswith('[{"hechuan.example/witness": "", "jiangzhou.example/witness": ""}, [')
    assert second == first
    assert sorted(path.name for path in (tmp_path / "data-witnesses").glob("*/*")) == ["customer", "vendor"]
