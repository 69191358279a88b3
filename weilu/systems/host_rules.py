"""The pure rules of the register of hosts: what may be written of one, and what must hold before it goes."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel import text
from weilu.kernel.refused import Refused

LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
DNS_NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
POOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
PYTHON = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._+-]*)+")
MOST_AT_ONCE = 10_000
USUAL: dict[str, Any] = {
    "port": 22, "user": "root", "become": False, "site": "", "zone": "", "pool": "", "python": "/usr/bin/python3",
}  # fmt: skip
COUNTED_ON = frozenset({"group", "address", "port", "user", "become", "python"})  # by what acts on a host
FIELDS = ("name", "address", *USUAL)  # what an administrator writes of a host; its key is an act of its own


def checked_host(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a host as they are kept; raises Refused with the field that is wrong.

    What is missing or empty beside name and address takes its usual value.
    """
    said = {key: given.get(key) if given.get(key) not in (None, "") else usual for key, usual in USUAL.items()}
    return {
        "name": name_of(given.get("name"), _("主机名"), field="name", longest=100),
        "address": checked_address(given.get("address")),
        "port": number_of(said["port"], _("端口"), field="port", most=65535),
        "user": _formed(said["user"], USER, _("登录用户"), "user", _("字母、数字和 . _ -，最多 32 字")),
        "become": said["become"] is True,
        "site": name_of(said["site"], _("机房"), field="site", longest=60, required=False),
        "zone": name_of(said["zone"], _("网络区"), field="zone", longest=60, required=False),
        "pool": _formed(said["pool"], POOL, _("工作机标签"), "pool", _("字母、数字和 . _ -，最多 40 字"), empty=True),
        "python": _python(said["python"]),
    }


def name_of(value: object, label: str, *, field: str, longest: int, required: bool = True) -> str:
    """One line that people can read back: letters of any script and spaces, nothing that does not show."""
    name = " ".join(text.code(value, label, field=field, longest=longest, required=required).split())
    for sign in name:
        if unicodedata.category(sign) in ("Cf", "Co", "Cn", "Zl", "Zp"):
            said = _("%(label)s里有看不见的字符 U+%(code)s。删去后再提交")
            raise Refused(said % {"label": label, "code": f"{ord(sign):04X}"}, field=field)
    return name


def checked_address(value: object) -> str:
    """An IP address in its one spelling, or a DNS name in small letters; raises Refused."""
    given = text.code(value, _("地址"), field="address", longest=100).lower().removesuffix(".")
    try:
        address = ip_address(given)
    except ValueError:
        if DNS_NAME.fullmatch(given) and not given.rpartition(".")[2].isdigit():
            return given
        raise Refused(_("「%(value)s」不是 IP 地址或域名") % {"value": given[:80]}, field="address") from None
    if address.is_unspecified or address.is_multicast or given in ("255.255.255.255",) or "%" in given:
        raise Refused(_("%(value)s 不是一台主机的地址") % {"value": given}, field="address")
    return str(address)


def number_of(value: object, label: str, *, field: str, most: int) -> int:
    """A whole number from 1 to `most`, as typed or as a program gave it."""
    given = text.code(str(value), label, field=field, longest=20)
    if isinstance(value, bool) or not (given.isascii() and given.isdigit() and 1 <= int(given) <= most):
        said = _("%(label)s「%(value)s」应是 1 到 %(most)d 的整数")
        raise Refused(said % {"label": label, "value": given, "most": most}, field=field)
    return int(given)


def checked_bound(value: object) -> int | None:
    """How many hosts may change at once; None where that is left open."""
    if value in (None, ""):
        return None
    return number_of(value, _("同时最多"), field="at_once", most=MOST_AT_ONCE)


def _formed(value: object, form: re.Pattern[str], label: str, field: str, words: str, *, empty: bool = False) -> str:
    given = text.code(value, label, field=field, longest=200, required=not empty)
    if not form.fullmatch(given) and not (empty and not given):
        said = _("%(label)s「%(value)s」写得不对：%(words)s")
        raise Refused(said % {"label": label, "value": given[:60], "words": words}, field=field)
    return given


def _python(value: object) -> str:
    given = text.code(value, "Python", field="python", longest=200)
    if not PYTHON.fullmatch(given):
        said = _("「%(path)s」应是 Python 的完整路径，如 /usr/bin/python3")
        raise Refused(said % {"path": given[:80]}, field="python")
    return given


def reason_of(value: object) -> str:
    """Why, in one line, for acts that must be explained."""
    given = text.line(value, _("原因"), field="reason", longest=200)
    if len(given) < 2:
        raise Refused(_("原因太短，写几个字：为什么"), field="reason")
    return given


def check_nothing_holds(holds: Sequence[str]) -> None:
    """A host that something still counts on stays; `holds` say what, as rooms above know it."""
    if holds:
        raise Refused(_("现在不能停用：%(why)s") % {"why": _("；").join(holds)})


def check_may_move(changed: Collection[str], holds: Sequence[str]) -> None:
    """Where a host stands and how it is entered stay while something acts on it; other fields are free."""
    if holds and COUNTED_ON & set(changed):
        raise Refused(_("现在不能换组或更改怎样登录：%(why)s") % {"why": _("；").join(holds)})


def check_key_is_new(pinned: str, given: str) -> None:
    """Pinning is for a host without a key; another key takes its place only by the act that says why."""
    if pinned == given:
        raise Refused(_("已固定的就是这把密钥，没有变化"), field="key")
    if pinned:
        raise Refused(_("这台主机已固定另一把密钥。核实后用「更换密钥」，并写明原因"), field="key")


def check_key_changes(pinned: str, given: str) -> None:
    """Another key than the pinned one; the first is pinned by an act of its own."""
    if not pinned:
        raise Refused(_("这台主机还没有固定密钥，先固定"), field="key")
    if pinned == given:
        raise Refused(_("已固定的就是这把密钥，没有变化"), field="key")


def check_is_a_person(limited_to: object) -> None:
    """A host key is changed by a person who compared it, never by a program's token."""
    if limited_to is not None:
        raise Refused(_("更换主机密钥由人在页面上办，访问令牌不行"))
