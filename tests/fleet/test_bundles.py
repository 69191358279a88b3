"""An uploaded bundle is a step like any other: let in, played apart, shut out, rehearsed, and never twice."""

from collections.abc import Callable

import pytest

from tests.fleet.conftest import Fleet, carry_out, cells, host_states, log
from tests.support.archives import zipped
from weilu.evidence import files
from weilu.execution.bundles import sandbox
from weilu.execution.models import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(sandbox.trouble()), reason=f"bubblewrap：{sandbox.trouble()}"),
]
Stand = Callable[..., Fleet]
PLAY = """- hosts: all
  gather_facts: false
  tasks:
    - name: 写配置
      ansible.builtin.copy: {content: "level=2\\n", dest: /etc/jz.conf}
    - name: 计数
      ansible.builtin.shell: echo acted >> /var/lib/counted
"""
WRONG = PLAY + "    - name: 坏的一步\n      ansible.builtin.command: /bin/false\n"


def bundle_step(fleet: Fleet, play: str = PLAY) -> tuple[dict[str, object], list[dict[str, object]]]:
    kept = files.keep(zipped(**{"site.yml": play}), "升级.zip")
    undo = fleet.keep("rm -f /etc/jz.conf\n")
    step = {
        "kind": "bundle", "with": {"sha256": kept.sha256, "playbook": "site.yml"}, "crash": "ask",
        "back": {"sha256": undo["sha256"]},
    }  # fmt: skip
    return step, [{"name": kept.name, "sha256": kept.sha256, "size": kept.size}, undo]


def test_a_bundle_is_played_once_on_each_host_and_its_commands_pass_the_fence(fleet: Stand) -> None:
    here = fleet(2)
    step, artefacts = bundle_step(here)

    run = carry_out(here.order(here.orders(step, artefacts=artefacts)))

    assert (run.state, host_states(run)) == ("succeeded", {"host-1": "done", "host-2": "done"}), log(run)[-20:]
    assert [host.read("/var/lib/counted") for host in here.real] == ["acted\n", "acted\n"]
    assert [host.read("/etc/jz.conf") for host in here.real] == ["level=2\n", "level=2\n"]
    assert [host.run("ls", "/var/lib/weilu/calls") for host in here.real] == ["", ""]
    # A sandbox that was left behind sends a command after the call is over: it is refused on the host.
    late = here.real[0].ssh(f"/usr/bin/python3 /var/lib/weilu/fence.pyz host-fence {run.number}-401 /bin/sh -c 'id'")
    assert (late.returncode, late.stdout) == (77, "")


def test_a_bundle_that_fails_goes_back_by_its_script(fleet: Stand) -> None:
    here = fleet(1)
    step, artefacts = bundle_step(here, WRONG)

    run = carry_out(here.order(here.orders(step, artefacts=artefacts)))

    assert (run.state, host_states(run)) == ("paused", {"host-1": "back"}), log(run)[-20:]
    assert cells(run) == {("host-1", "forward", "s1"): "failed", ("host-1", "back", "s1"): "done"}
    assert here.real[0].run("sh", "-c", "ls /etc/jz.conf 2>/dev/null || true") == ""


def test_a_bundle_is_rehearsed_with_differences_and_changes_nothing(fleet: Stand) -> None:
    here = fleet(1)
    step, artefacts = bundle_step(here)

    run = carry_out(here.order(here.orders(step, artefacts=artefacts), Run.Purpose.REHEARSE, rehearsed=False))

    assert run.state == "succeeded", log(run)[-20:]
    would = run.steps.get(key="s1").cells.get().result["would"]
    assert ("写配置：changed" in would, "+level=2" in would) == (True, True)
    assert here.real[0].run("sh", "-c", "ls /etc/jz.conf /var/lib/counted 2>/dev/null || true") == ""
