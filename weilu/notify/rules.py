"""What somebody may choose about being told."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from weilu.config import MAIL_ADDRESS
from weilu.kernel.refused import Refused
from weilu.notify.kinds import KINDS
from weilu.notify.models import When


def checked_address(email: str) -> str:
    """A mail address without blanks around it, or ""; raises Refused for anything else."""
    email = email.strip()
    if email and (len(email) > 254 or not MAIL_ADDRESS.fullmatch(email)):
        raise Refused(_("邮件地址应形如 name@example.cn"), field="email")
    return email


def check_hour(hour: int) -> None:
    """Raises Refused for an hour that no day has."""
    if not 0 <= hour <= 23:
        raise Refused(_("汇总的钟点应是 0 到 23 的整数"), field="digest_hour")


def checked_choices(choices: Mapping[str, str]) -> dict[str, str]:
    """Kind of notice → how; raises Refused for a kind or a way that does not exist."""
    for kind, how in choices.items():
        if kind not in KINDS or how not in When.values:
            raise Refused(_("没有这样的通知方式"), field=kind if kind in KINDS else "")
    return dict(choices)
