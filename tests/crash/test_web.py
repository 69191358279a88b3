"""The web process dies while a person acts through it: the act is done whole or not at all, and never twice."""

import base64
import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from http.client import HTTPException

import pytest

from demo.target import free_port
from tests.crash.after import check_after
from tests.crash.conftest import MANY, Field, Tell, Trial, stand_up
from tests.crash.deaths import end, mortal, wait_until
from tests.crash.people import attend, go_on
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository
from weilu.accounts.tokens import make_token
from weilu.cli.serve import HOST, start, web_command
from weilu.demo import PASSWORD
from weilu.evidence.actions import tick
from weilu.evidence.models import Entry
from weilu.execution.launch import descendants
from weilu.execution.models import Run
from weilu.kernel.times import SHANGHAI, now

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.crash,
    pytest.mark.timeout(20000),
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.skipif(not MANY, reason="网页进程被杀只在长试验里试：make crash")
def test_a_web_process_that_dies_leaves_an_act_done_or_not_done(
    fleet: Callable[..., Fleet], repository: Repository, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = stand_up(fleet, repository, 1)
    secret = token_of(field)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "weilu.settings")
    count = max(3, MANY // 10)
    done = 0
    for number in range(1, count + 1):
        trial = field.order("people")
        worker = mortal(0)
        port = free_port()
        web = start(web_command(port))
        try:
            wait_until(lambda port=port: answers(port))
            wait_until(lambda run=trial.run: Run.objects.get(id=run.id).state == "asks", 120)
            asking = threading.Thread(target=confirm, args=(port, secret, trial))
            asking.start()
            time.sleep(field.random.random() * 0.25)
        finally:
            for pid in (web.pid, *descendants(web.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            web.wait()
        asking.join()
        done += confirmed(trial) == 1
        attend(field, trial, [worker], 280)
        said = end(worker)
        assert worker.returncode == 0, said
        go_on(field, trial)
        check_after(field, trial)
        assert confirmed(trial) == 2  # the step by hand and the signature, each once
        tell(f"web process {number} of {count}: {done} times the act was done when it died")


def token_of(field: Field) -> str:
    until = (now() + timedelta(days=2)).astimezone(SHANGHAI).date()
    person = field.fleet.cast.chen
    _token, secret = make_token(
        person, name="试验", scope=["work"], until=until, password=PASSWORD, address="10.0.0.1"
    )  # fmt: skip
    return secret


def answers(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection((HOST, port), 1)):
        return True
    return False


def confirm(port: int, secret: str, trial: Trial) -> None:
    """The step by hand is done, said through the API; whatever becomes of the answer."""
    evidence = [{"name": "机柜.png", "data": base64.b64encode(b"picture").decode()}]
    body = json.dumps({"run": str(trial.run.uid), "words": "看过了", "files": evidence}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
    request = urllib.request.Request(f"http://{HOST}:{port}/api/v1/execution/confirm_manual", body, headers)
    with suppress(OSError, HTTPException):
        urllib.request.urlopen(request, timeout=20).close()


def confirmed(trial: Trial) -> int:
    """How often a step by people is on record as done for this run."""
    tick()
    entries = Entry.objects.filter(kind="execution.step_confirmed")
    return sum(entry.said["data"]["run"] == trial.run.number for entry in entries)
