"""The pure rules of a run."""

import pytest

from weilu.execution import rules
from weilu.kernel.refused import Refused

PROVED = {"integrity.verified": True, "backup.restored": True, "rehearsal.matched": True}


def test_nothing_stops_before_source_backup_and_rehearsal_are_proved():
    """OPS-4: the backup of this very run has been restored and compared."""
    rules.check_proven(PROVED)


@pytest.mark.parametrize("key", list(PROVED))
@pytest.mark.parametrize("holds", [False, None])
def test_what_is_missing_or_failed_keeps_the_old_version_running(key, holds):
    proved = {name: value for name, value in PROVED.items() if name != key} | ({} if holds is None else {key: holds})

    with pytest.raises(Refused, match="OPS-4"):
        rules.check_proven(proved)
