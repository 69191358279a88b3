"""Background work that looks after registers: the rooms below know what to do, not when."""

from datetime import datetime, time

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from weilu.accounts.credentials import Visit
from weilu.accounts.models import Organisation
from weilu.accounts.register import old_events
from weilu.evidence.destroying import StillRead, wipe
from weilu.evidence.files import seal_old
from weilu.evidence.keeping import Gone, Register, months_of, prune, prune_rows
from weilu.evidence.looking import record_looks
from weilu.evidence.register import check_all
from weilu.jobs.kinds import Doing, Kind, Later
from weilu.jobs.models import Job
from weilu.jobs.rules import Daily, Minutes


def _record(_doing: Doing) -> None:
    while record_looks():
        pass


def _check(_doing: Doing) -> None:
    check_all()


def _seal_old(_doing: Doing) -> None:
    seal_old()


def _wipe(_doing: Doing) -> None:
    try:
        wipe()
    except StillRead:
        raise Later(_("数据库正在被读取，残留还没有清完")) from None


def _prune(_doing: Doing) -> None:
    prune(Organisation.objects.filter(kind=Organisation.Kind.CUSTOMER).values_list("code", flat=True))


def _old_visits(org: str, before: datetime) -> Gone:
    """Sign-ins of the customer's own people that ended by themselves; those ended by hand are in the log."""
    return prune_rows(Visit.objects.filter(person__organisation__code=org, expire_date__lt=before))


def _old_jobs(org: str, before: datetime) -> Gone:
    return prune_rows(Job.objects.filter(org=org, state=Job.State.DONE, ended_at__lt=before).order_by("id"))


def _old_events(org: str, before: datetime) -> Gone:
    """Events of the customer's own people; those of nobody or a vendor are kept as long as any customer says."""
    customers = Organisation.objects.filter(kind=Organisation.Kind.CUSTOMER)
    kept = {code: months_of(code)[SECURITY.key] for code in customers.values_list("code", flat=True)}
    whose = Q(person__organisation__code=org)
    if kept[org] == max(kept.values()):
        whose |= ~Q(person__organisation__in=customers) | Q(person=None)
    return prune_rows(old_events(before).filter(whose).order_by("id"))


VISITS = Register("sessions", gettext_lazy("登录的设备"), _old_visits)
SECURITY = Register("security", gettext_lazy("安全监测"), _old_events)
JOBS = Register("jobs", gettext_lazy("后台任务"), _old_jobs)
RECORD_LOOKS = Kind("evidence.record_looks", gettext_noop("查阅登记编入存证"), _record, times=Minutes(5))
CHECK_LOOKS = Kind("evidence.check_looks", gettext_noop("核对查阅登记与存证"), _check, times=Daily(time(4, 20)))
WIPE = Kind(
    "evidence.wipe", gettext_noop("清除数据库里已销毁正文的残留"), _wipe, outward=True, times=Daily(time(2, 40))
)
SEAL_OLD = Kind("evidence.seal_old", gettext_noop("封好早先存下的文件"), _seal_old, times=Daily(time(4, 50)))
PRUNE = Kind("evidence.prune", gettext_noop("清除过了保留期限的登记"), _prune, times=Daily(time(3, 40)))
