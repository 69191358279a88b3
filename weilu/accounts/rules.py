"""When sign-in waits, and who may hold what."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

TRIES = 5  # failures of one name from one address before it waits
TRIES_OF_ADDRESS = 30  # failures of one address, whatever the names
WAIT = timedelta(minutes=15)


def check_not_throttled(of_name: list[datetime], of_address: list[datetime], now: datetime) -> None:
    """Refuse while too many failures (instants within WAIT) stand against this name here, or this address."""
    for failures, limit in ((of_name, TRIES), (of_address, TRIES_OF_ADDRESS)):
        if len(failures) >= limit:
            until = sorted(failures)[-limit] + WAIT
            minutes = max(1, -(-int((until - now).total_seconds()) // 60))
            raise Refused(_("密码错了太多次，约 %(minutes)d 分钟后可再试") % {"minutes": minutes}, field="password")


def wrong_password(failures: int) -> Refused:
    """The sentence after the `failures`-th wrong password; the same for a name that does not exist."""
    left = TRIES - failures
    if left > 0:
        text = _("工号或密码不对，还可试 %(left)d 次。之后要等 15 分钟") % {"left": left}
    else:
        text = _("工号或密码不对。现在要等 15 分钟才能再试")
    return Refused(text, field="password")
