"""A planted secret appears nowhere; first it is shown that a leak would be found."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from tests.execution.conftest import SECRET, Target, carry_out, states
from weilu.execution.models import Run, RunEvent
from weilu.execution.worker import Worker, attempt_folder

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]

TOKEN = "planted-in-the-environment-9876543210"
CANARY = "canary-that-leaks-on-purpose-5566778899"


def places_of(secret: str, folders: Iterable[Path], said: str = "") -> list[str]:
    """Everywhere `secret` can be read: files, rows of every table, what was printed."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    for model in apps.get_models():
        for row in model._default_manager.values():
            if secret in json.dumps(row, default=repr, ensure_ascii=False):
                found.append(model._meta.label)
    return found + (["printed"] if secret in said else [])


def processes_showing(secret: str, folder: Path) -> list[str]:
    """Processes working for an attempt below `folder` whose command line or environment holds `secret`."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit() or int(place.name) == os.getpid():
            continue
        try:
            line, env = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line + env and secret.encode() in line + env:
            found.append(line.decode(errors="replace"))
    return found


def test_a_deliberate_leak_would_be_found(target: Target, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = target.order()
    leak = tmp_path / "attempts" / "a" / "command"
    leak.parent.mkdir(parents=True)
    leak.write_text(json.dumps({"env": {"TOKEN": CANARY}}))
    RunEvent.objects.create(run=run, seq=1, text=f"token={CANARY}")
    print(CANARY)

    found = places_of(CANARY, [tmp_path], capfd.readouterr().out)

    assert found == ["attempts/a/command", "execution.RunEvent", "printed"]


def test_planted_secrets_appear_nowhere(
    target: Target, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESK_TOKEN", TOKEN)
    ctl = target.root / "bin" / "ctl"
    told = '    print("secret:", *(path.read_text() for path in (ROOT / "shared").glob("secret")))\n'
    chatty = ctl.read_text().replace("def stop() -> int:\n", "def stop() -> int:\n" + told)
    ctl.write_text(chatty)
    secrets = [SECRET, TOKEN, settings.SECRET_KEY]
    attempts = Path(settings.CONFIG.data_dir) / "attempts"
    run, worker, shown = target.order(), Worker(), []
    while run.state in (Run.State.QUEUED, Run.State.RUNNING):
        worker.work_once()
        shown += [line for secret in secrets for line in processes_showing(secret, attempts)]
        run.refresh_from_db()

    assert run.state == Run.State.SUCCEEDED, states(run)
    assert shown == []
    assert run.events.filter(text__contains="secret: ●●●●").exists()
    said = "".join(capfd.readouterr())
    found = {secret: places_of(secret, [Path(settings.CONFIG.data_dir), target.root], said) for secret in secrets}
    assert found == {SECRET: ["shared/secret"], TOKEN: [], settings.SECRET_KEY: []}  # its one rightful place


def test_an_attempts_folder_is_private_and_scrubbed(target: Target) -> None:
    run = carry_out(target.order(), until="backup")
    folder = attempt_folder(run, run.steps.get(key="backup"))

    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["artifacts", "launched.json", "output"]
    assert not (folder / "artifacts" / "a" / "command").exists()


def test_masking_knows_what_the_environment_calls_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from weilu.execution.masking import mask

    monkeypatch.setenv("DESK_TOKEN", TOKEN)
    assert mask(f"a {TOKEN} b {settings.SECRET_KEY}\x1b[0m") == "a ●●●● b ●●●●[0m"
