"""Kinds of job that leave a trace which can be counted: a row for work inside the transaction, a line outside of it."""

import os
import signal
import time
from pathlib import Path

from weilu.jobs.kinds import Doing, Hopeless, Kind, Later, register
from weilu.kernel.models import Series

EVERY_KIND = ("trial.row", "trial.line", "trial.fails", "trial.hopeless", "trial.broken")


def row(doing: Doing) -> None:
    """One row in the job's own transaction; killed between the row and its commit where the payload says so."""
    Series.objects.create(owner="TRIAL", kind="row", year=doing.payload["n"])
    if doing.payload.get("dies") and not Path(doing.payload["dies"]).exists():
        Path(doing.payload["dies"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def line(doing: Doing) -> None:
    """One line in a file, after some time; killed before it where the payload says so."""
    place = Path(doing.payload["file"])
    with place.with_suffix(".begun").open("a") as out:
        out.write(f"{doing.payload['n']}\n")
    time.sleep(doing.payload.get("seconds", 0))
    if doing.payload.get("dies") and not Path(doing.payload["dies"]).exists():
        Path(doing.payload["dies"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with place.open("a") as out:
        out.write(f"{doing.payload['n']}\n")


def fails(doing: Doing) -> None:
    Series.objects.create(owner="TRIAL", kind="row", year=1)
    raise Later("邮件服务器没有回答")


def hopeless(doing: Doing) -> None:
    raise Hopeless("收件人没有邮箱")


def broken(doing: Doing) -> None:
    raise KeyError("secret")


def register_all(tries: int = 3) -> None:
    register(Kind("trial.row", "试验", row, tries=tries))
    register(Kind("trial.line", "试验", line, outward=True, tries=tries))
    register(Kind("trial.fails", "试验", fails, tries=tries))
    register(Kind("trial.hopeless", "试验", hopeless, tries=tries))
    register(Kind("trial.broken", "试验", broken, tries=tries))
