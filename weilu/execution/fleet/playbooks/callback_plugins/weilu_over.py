"""Says in a file that the play has ended: a process that is gone without it was killed in its middle."""

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Needs WEILU_OVER, the file to write."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "weilu_over"

    def v2_playbook_on_stats(self, stats: Any) -> None:
        Path(os.environ["WEILU_OVER"]).touch()
