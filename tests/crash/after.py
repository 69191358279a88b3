"""What must hold after every crash: single effects, nothing lost, nothing left behind, a log that verifies."""

import json
from contextlib import suppress
from pathlib import Path

from tests.crash.conftest import Field, Trial
from tests.fleet.conftest import cells, host_states, log
from weilu.evidence.actions import tick
from weilu.evidence.soundness import check_log
from weilu.execution.models import Run, RunHost

ENDED = ("succeeded", "went_back", "partly", "failed")


def check_after(field: Field, trial: Trial) -> None:
    run = trial.run
    said = f"{run.number} {trial.drawn.name} {run.state} {run.cause}\n{cells(run)}\n" + "\n".join(log(run)[-25:])
    assert run.state in ENDED, said
    if not trial.harmed:
        assert run.state == trial.drawn.ends, said
    for ordinal, state in enumerate(host_states(run).values(), start=1):
        _check_host(field, trial, ordinal, state, said)
    assert not RunHost.objects.exclude(holds=None).exists(), said
    assert (run.lease_until, run.holder) == (None, ""), said
    assert agents_of(run) == [], said
    for host in field.fleet.real:  # its lock is free, and no program of the run goes on there
        host.shell("[ ! -e /var/lib/weilu/lock ] || flock -n /var/lib/weilu/lock true")
    tick()
    check_log()


def _check_host(field: Field, trial: Trial, ordinal: int, state: str, said: str) -> None:
    """Each effect once where the host is done; once and undone once where it went back; none where it was left."""
    effects, versions = field.effects(trial, ordinal), field.set_up(trial, ordinal)
    told = f"host-{ordinal} {state}: {effects} {versions}\n{said}"
    new, old = [trial.drawn.version] * bool(trial.drawn.version), [trial.version] * bool(trial.drawn.version)
    match state:
        case "done":
            assert effects == dict.fromkeys(trial.drawn.words, (1, 0)), told
            assert versions == new or _twice_by_the_journal(field, trial, ordinal), told
        case "back" if not trial.harmed:
            assert effects == dict.fromkeys(trial.drawn.words, (1, 1)), told
            assert versions == new + old or _twice_by_the_journal(field, trial, ordinal), told
        case "back":  # it may have gone back before its last step
            assert all(pair in ((0, 0), (1, 1)) for pair in effects.values()), told
            assert versions in ([], new + old) or _twice_by_the_journal(field, trial, ordinal), told
        case "left":
            assert trial.harmed, told
            assert (effects, versions) == (dict.fromkeys(trial.drawn.words, (0, 0)), []), told
        case "stuck":
            assert trial.harmed, told
            assert trial.run.hosts.get(ordinal=ordinal).words, told
            assert all(max(pair) <= 1 for pair in effects.values()), told
        case _:
            raise AssertionError(told)


def _twice_by_the_journal(field: Field, trial: Trial, ordinal: int) -> bool:
    """Whether the host's own journal says that the package was begun more than once, forward or back."""
    keys = [row["key"] for row in rows_on(field, trial, ordinal) if row["state"] == "began"]
    packages = {f"s{n}" for n, step in enumerate(trial.drawn.orders["steps"], 1) if step["kind"] == "package"}
    begun = [key for key in keys if key.rpartition("/")[2] in packages]
    return len(begun) > len(set(begun))


def rows_on(field: Field, trial: Trial, ordinal: int) -> list[dict[str, object]]:
    """What that host noted of this run."""
    uid = field.fleet.hosts[ordinal - 1].uid
    text = field.fleet.real[ordinal - 1].run("cat", f"/var/lib/weilu/{uid}/journal.jsonl", check=False)
    found = []
    for line in text.splitlines():
        with suppress(ValueError):  # torn by a full disk
            found.append(json.loads(line))
    return [row for row in found if row.get("run") == str(trial.run.uid)]


def agents_of(run: Run) -> list[str]:
    """ssh-agents that still hold a key for an attempt of this run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            if words.startswith("ssh-agent") and str(run.uid) in words:
                found.append(words)
    return found
