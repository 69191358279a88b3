"""The pure rules of a run."""

import pytest

from tests.support.unchanged import Refusal, ruling
from weilu.execution import rules

PROVED = {"integrity.verified": True, "backup.restored": True, "rehearsal.matched": True}


def test_nothing_stops_before_source_backup_and_rehearsal_are_proved():
    """OPS-4: the backup of this very run has been restored and compared."""
    assert ruling(lambda: rules.check_proven(PROVED)) is None


@pytest.mark.parametrize("key", list(PROVED))
@pytest.mark.parametrize("holds", [False, None])
def test_what_is_missing_or_failed_keeps_the_old_version_running(key, holds):
    proved = {name: value for name, value in PROVED.items() if name != key} | ({} if holds is None else {key: holds})

    what = {"integrity.verified": "升级包的来源与完整性", "backup.restored": "备份可恢复", "rehearsal.matched": "演练"}
    told = Refusal(f"{what[key]}还没有证明，不能停止旧版本", "OPS-4")
    assert ruling(lambda: rules.check_proven(proved)) == told
