"""What is known of a host from itself, as its pages show it.

`Host.facts` is written by the room that reaches hosts. The keys below have words and units; others show as they are.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

TITLES = {
    "os": gettext_lazy("操作系统"),  # Debian 12
    "kernel": gettext_lazy("内核"),
    "arch": gettext_lazy("架构"),
    "hostname": gettext_lazy("主机自报名称"),
    "cpus": gettext_lazy("处理器"),  # number
    "memory_mb": gettext_lazy("内存"),  # MiB
    "disk_mb": gettext_lazy("磁盘"),  # MiB, of the root
    "disk_free_mb": gettext_lazy("磁盘余量"),  # MiB, of the root
    "python": "Python",
    "machine": gettext_lazy("机器标识"),  # /etc/machine-id: the same for a clone that was not given its own
    "boot": gettext_lazy("本次开机标识"),
    "drift_ms": gettext_lazy("时钟偏差"),  # milliseconds; above 0 where the host is ahead of Weilu
    "unsure_ms": gettext_lazy("时钟偏差的误差"),  # milliseconds; how much of the drift may be the line's
}
DRIFTS = 1000  # milliseconds above which a clock is told to be wrong


def lines_of(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Each fact with its title, the known ones first."""
    known = [(str(title), _words(key, facts[key])) for key, title in TITLES.items() if facts.get(key) not in (None, "")]
    return known + [(key, _words(key, facts[key])) for key in sorted(facts) if key not in TITLES]


def short(facts: dict[str, Any]) -> str:
    """What tells one host from another, in a few words; "" where nothing is known."""
    return " · ".join(_words(key, facts[key]) for key in ("os", "cpus", "memory_mb") if facts.get(key))


def drift(facts: dict[str, Any]) -> str:
    """How far its clock is off, where that is too far (OPS-7); else ""."""
    off = facts.get("drift_ms")
    return _words("drift_ms", off) if isinstance(off, int) and is_off(off, facts.get("unsure_ms") or 0) else ""


def is_off(drift_ms: int, unsure_ms: int) -> bool:
    """A clock is told to be wrong when its drift is too much, whatever of it was the line's (milliseconds)."""
    return abs(drift_ms) - unsure_ms > DRIFTS


def _words(key: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if key == "cpus":
            return _("%(n)d 核") % {"n": value}
        if key in ("memory_mb", "disk_mb", "disk_free_mb"):
            return f"{value / 1024:.1f} GiB" if value >= 1024 else f"{value} MiB"
        if key == "unsure_ms":
            return _("不超过 %(n)d 毫秒") % {"n": value}
        if key == "drift_ms":
            span = _("%(n)d 毫秒") % {"n": abs(value)} if abs(value) < 1000 else _seconds(abs(value))
            return (_("快 %(span)s") if value > 0 else _("慢 %(span)s")) % {"span": span} if value else _("没有")
    return str(value)[:200]


def _seconds(milliseconds: int) -> str:
    return _("%(n)s 秒") % {"n": f"{milliseconds / 1000:,.1f}"}
