"""What one call is asked to do on this host, as the worker wrote it."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

With = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """One step, forward or back; `key` names it in the journal, `of` the forward step that a way back undoes."""

    run: str  # uid: numbers of two installations may be the same
    number: str
    host: str  # uid of the host
    token: list[int]
    key: str
    of: str
    kind: str
    options: With
    back: With | None  # the plan's own way back of a step, where it names one
    seconds: int
    folder: Path  # where the artefacts of this call lie, each under its SHA-256


def read_order(text: str, folder: Path) -> Order:
    told = json.loads(base64.b64decode(text))
    return Order(
        run=str(told["run"]), number=str(told["number"]), host=str(told["host"]),
        token=[int(each) for each in told["token"]], key=str(told["key"]),
        of=str(told.get("of", "")), kind=str(told["kind"]), options=dict(told["with"]), back=told.get("back"),
        seconds=int(told["seconds"]), folder=folder,
    )  # fmt: skip
