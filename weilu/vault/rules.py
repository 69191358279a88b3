"""The pure rules of the vault."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

NAMED_ONLY = Clause("CON-9")
RIGHT = "vault.manage"


def check_may_manage(may: bool) -> None:
    """NAMED_ONLY: who gets into the customer's hosts is settled by whoever was named for it."""
    if not may:
        raise Refused(_("凭据由系统管理员管理"), NAMED_ONLY, who="administrator")


def check_may_lead(opened: Sequence[str]) -> None:
    """NAMED_ONLY: where a credential is taken, and to whom, is settled by whoever may name it; to these it is taken."""
    if opened:
        words = {"hosts": _("、").join(opened[:5]), "count": len(opened)}
        reason = (
            _("%(hosts)s由保险库的凭据登录（共 %(count)d 台）。登记、固定密钥和改登录方式要有「管理凭据」权限") % words
        )
        raise Refused(reason, NAMED_ONLY, help=_("由系统管理员办。用令牌办，令牌要有「管理凭据」"), who="administrator")


def check_not_retired(retired: bool) -> None:
    """A retired credential opens nothing, and its content is gone."""
    if retired:
        raise Refused(_("这个凭据已停用。换一个凭据"))


def check_same_owner(same: bool) -> None:
    """NAMED_ONLY: a customer's credential opens that customer's hosts and no other."""
    if not same:
        raise Refused(_("凭据和主机不属于同一个单位"), NAMED_ONLY)


def check_all_open(without: Sequence[str]) -> None:
    """A host is only gone to with a key that somebody named for it."""
    if without:
        words = {"hosts": _("、").join(without[:5]), "count": len(without)}
        reason = _("%(hosts)s没有可用的 SSH 密钥（共 %(count)d 台）") % words
        raise Refused(reason, NAMED_ONLY, help=_("系统管理员在「凭据」里指定"), who="administrator")


def check_all_pinned(without: Sequence[str]) -> None:
    """NAMED_ONLY: a host is known by its pinned key; nothing is sent to one that anybody could be."""
    if without:
        words = {"hosts": _("、").join(without[:5]), "count": len(without)}
        reason = _("%(hosts)s还没有登记主机密钥（共 %(count)d 台）") % words
        raise Refused(reason, NAMED_ONLY, help=_("系统管理员核对指纹后登记"), who="administrator")
