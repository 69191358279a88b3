"""The pure rules of going to a host: what its answers mean, and when its clock is too far off."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.systems.facts import is_off
from weilu.vault.models import Reaching

ONE_TIME = Clause("OPS-7")
TEXTS = ("os", "kernel", "arch", "hostname", "python", "boot", "machine")
NUMBERS = ("cpus", "memory_mb", "disk_mb", "disk_free_mb")
LONGEST, MOST = 100, 1 << 40
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
State = Reaching.State


@dataclass(frozen=True)
class Found:
    """What came of going to a host once."""

    state: str
    words: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    drift_ms: int | None = None
    unsure_ms: int = 0
    offered: str = ""


def check_may_ask(may: bool) -> None:
    """A host is gone to for whoever manages credentials, and for the engineers who will act on it."""
    if not may:
        raise Refused(_("连接测试由系统管理员或维护工程师办"), who="administrator")


def drifts(drift_ms: int | None, unsure_ms: int) -> bool:
    """ONE_TIME: the clock is certainly off by more than the limit, however unevenly the line was slow."""
    return drift_ms is not None and is_off(drift_ms, unsure_ms)


def read_facts(said: object) -> dict[str, Any]:
    """What a host tells of itself, as far as it has the form it may have; a host may say anything."""
    given: Mapping[str, Any] = said if isinstance(said, dict) else {}
    texts = {key: CONTROL.sub("", given[key])[:LONGEST].strip() for key in TEXTS if isinstance(given.get(key), str)}
    numbers = {key: given[key] for key in NUMBERS if type(given.get(key)) is int and 0 <= given[key] < MOST}
    return {key: value for key, value in (texts | numbers).items() if value not in ("", 0)}


def clock_of(beats: Sequence[tuple[float, float, float]]) -> tuple[int, int] | None:
    """Drift and doubt in milliseconds, out of (sent, told, heard): by the quickest answer, half its way back."""
    if not beats:
        return None
    sent, told, heard = min(beats, key=lambda beat: beat[2] - beat[0])
    half = (heard - sent) / 2
    drift = round((told - sent - half) * 1000)
    return max(-(1 << 31) + 1, min((1 << 31) - 1, drift)), min(1 << 30, round(half * 1000))


def meaning(complaint: str, code: int, user: str, python: str) -> Found:
    """What ssh's last words mean for an administrator."""
    said = complaint.lower()
    if "host key verification failed" in said or "no matching host key type" in said:
        return Found(State.REFUSED)
    if "permission denied" in said or "too many authentication failures" in said:
        words = _("主机不接受这把密钥。把公钥放进 %(user)s 的 authorized_keys")
        return Found(State.DENIED, words % {"user": user})
    for part, sentence in (
        ("could not resolve", _("域名解析不了。检查地址和工作机的 DNS")),
        ("connection refused", _("端口没有开。检查 sshd 和端口")),
        ("no route to host", _("网络不通。检查地址、路由和防火墙")),
        ("network is unreachable", _("网络不通。检查地址、路由和防火墙")),
        ("timeout", _("连上后没有了应答。检查主机是否卡住")),
        ("timed out", _("没有应答。检查主机是否开机、防火墙是否放行")),
        ("connection closed", _("主机断开了连接。检查它的 sshd 和访问限制")),
        ("connection reset", _("主机断开了连接。检查它的 sshd 和访问限制")),
        ("no matching", _("主机的 SSH 太旧，没有双方都支持的算法。升级它的 sshd")),
    ):
        if part in said:
            return Found(State.UNREACHED, sentence)
    if code in (126, 127):
        return Found(State.HALF, _("登录成功，但 %(python)s 不能运行。改登记的 Python 路径") % {"python": python})
    last = CONTROL.sub("", complaint.strip().splitlines()[-1])[:160] if complaint.strip() else ""
    if code == 255:
        return Found(State.UNREACHED, _("连不上：%(why)s") % {"why": last or code})
    if code < 0 or not last:
        return Found(State.HALF, _("登录成功，但主机没有把话说完。检查它是否卡住、磁盘是否已满"))
    return Found(State.HALF, _("登录成功，但没有得到完整的回答：%(why)s") % {"why": last})


def sudo_words(answer: str, user: str) -> str:
    """What is wrong with sudo there; "" where nothing is."""
    match answer:
        case "":
            return ""
        case "missing":
            return _("主机上没有 sudo。安装它，或改用 root 登录")
        case "asks":
            return _("%(user)s 用 sudo 要密码。指定提权密码，或在主机上允许免密") % {"user": user}
        case "wrong":
            return _("sudo 不接受提权密码，或 %(user)s 不能用 sudo") % {"user": user}
    return _("sudo 没有应答")
