"""Whether a step took effect on this target, for a worker that does not know: done, undone, failed or unknown."""

from typing import Any

from .backup import dump_digest
from .fence import Fence
from .place import Installation
from .steps import Order, schema_of


def probe(step: str, order: Order, place: Installation, fence: Fence) -> dict[str, Any]:
    """What journal and installation show of `step` of this run."""
    last = fence.last(step)
    state = last.get("state")
    if state == "done":
        return {"state": "done", "result": last["result"]}
    if state == "failed":
        return {"state": "failed", "sentence": last["sentence"], "untouched": last["untouched"]}
    if state is None:
        return {"state": "undone"}
    return {"state": _seen(step, order, place), "result": {}}


def _seen(step: str, order: Order, place: Installation) -> str:
    """A step that began and told no result: what the installation itself shows."""
    release = place.release(order.version, order.sha256)
    if step == "install":
        return "done" if place.manifest(release).get("sha256") == order.sha256 else "undone"
    if step == "switch":
        return "done" if place.present() == release else "undone"
    if step == "stop":
        return "undone" if place.running()["running"] else "done"
    if step == "start":
        return "done" if place.running()["health"].get("version") == order.version else "undone"
    if step == "migrate":
        return _migrated(order, place)
    return "undone"


def _migrated(order: Order, place: Installation) -> str:
    present = schema_of(place.database)
    if present == schema_of(order.final / "data.sqlite3"):
        same = dump_digest(place.database) == (order.final / "data.digest").read_text()
        return "undone" if same else "unknown"
    return "done" if present == order.schema else "unknown"
