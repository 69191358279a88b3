"""The places of the product and the counts beside them; rooms above give the counts, this room asks them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Place:
    """One line of the rail: where it leads, how it is drawn, what it is called."""

    path: str
    icon: str
    title: Promise
    right: str = ""  # a right the person must hold for the line to show


DAILY = (
    Place("/", "inbox", _("我的工作")),
    Place("/overview", "chart-bar", _("总览")),
    Place("/items/", "files", pgettext_lazy("list", "工单")),
    Place("/runs/", "player-play", _("执行")),
    Place("/calendar/", "calendar", _("日历")),
)
BUSINESS = (Place("/changes/", "git-branch", _("变更升级")),)
ARCHIVE = (
    Place("/systems/", "server-2", _("系统与主机"), "systems.see"),
    Place("/credentials/", "key", _("凭据"), "vault.manage"),
    Place("/sheets/", "file-certificate", _("报告单")),
    Place("/documents/", "files", pgettext_lazy("list", "受控文件")),
    Place("/evidence/", "fingerprint", _("存证"), "evidence.see"),
    Place("/looks/", "eye", _("查阅登记"), "looks.see"),
    Place("/flows/", "git-compare", pgettext_lazy("place", "流程"), "flows.see"),
    Place("/people/", "users", _("人员与角色"), "people.see"),
    Place("/security/", "lock", _("安全监测"), "security.see"),
    Place("/absences/", "clock", _("委托代办")),
    Place("/jobs/", "refresh", _("后台任务"), "jobs.manage"),
)
GROUPS = ((None, DAILY), (_("业务"), BUSINESS), (_("档案"), ARCHIVE))

NOTICES = "/notices/"
_counts: dict[str, Callable[[Any], int]] = {}
_owners: list[Callable[[Any], list[str]]] = []


def count_at(path: str, count: Callable[[Any], int]) -> None:
    """Show `count(person)` beside the place at `path`: only what waits for that person."""
    _counts[path] = count


def name_owners(names: Callable[[Any], list[str]]) -> None:
    """Let the organisation switch show `names(person)`, the customers whose work this person sees."""
    _owners[:] = [names]


def counts(person: Any) -> dict[str, int]:
    """Every count, by the path of its place."""
    return {path: count(person) for path, count in _counts.items()}


def owners(person: Any) -> list[str]:
    """The short names of the customers this person sees."""
    return _owners[0](person) if _owners else []


def present(path: str) -> str:
    """The path of the place that a page at `path` belongs to; "" for none."""
    if path == "/":
        return "/"
    paths = [place.path for _title, places in GROUPS for place in places if place.path != "/"]
    found = [one for one in paths if path.startswith(one)]
    return found[0] if found else ""
