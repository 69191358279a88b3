"""What a later version's migrations do to the data, as the test asks: well, or badly."""

import os
import time


def first(apps: object, editor: "object") -> None:
    editor.execute("UPDATE accounts_organisation SET name = 'changed'")  # type: ignore[attr-defined]


def second(apps: object, editor: "object") -> None:
    match os.environ.get("WEILU_TEST_LATER", ""):
        case "fail":
            raise ValueError("nothing fits")
        case "forge":
            editor.execute("UPDATE evidence_entry SET actor = actor, sm3 = sha256")  # type: ignore[attr-defined]
        case "cut":
            editor.execute("DELETE FROM evidence_tile")  # type: ignore[attr-defined]
        case "slow":
            time.sleep(3)
