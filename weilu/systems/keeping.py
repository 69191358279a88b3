"""Background work of the register of hosts."""

from datetime import time

from django.utils.translation import gettext_noop

from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.rules import Daily
from weilu.systems.import_actions import forget_old_uploads


def _forget(_doing: Doing) -> None:
    forget_old_uploads()


FORGET_UPLOADS = Kind(
    "systems.forget_uploads", gettext_noop("删去一周没有确认的主机清单"), _forget, times=Daily(time(3, 20))
)
