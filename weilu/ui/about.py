"""What the page of a refusal tells beside the reason: which work it is about, where that stands, who can do it.

Rooms above know; each says so for the addresses that are its own, by their namespace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest

from weilu.kernel.refused import NotVisible


@dataclass(frozen=True)
class Helper:
    """Somebody who can do what was refused; `words` say in what capacity."""

    person: Any
    words: str


@dataclass(frozen=True)
class About:
    """The work a refused act was about, as its reader may see it."""

    title: str = ""  # JZ-BG-2026-0150 缴费接口超时调整
    url: str = ""
    back: str = ""  # what the button that leads to `url` says
    standing: str = ""  # 工单仍在「方案确认」，剩 6 小时 19 分
    helpers: Sequence[Helper] = field(default_factory=tuple)


Find = Callable[[Any, Mapping[str, Any]], About]
_finds: dict[str, Find] = {}
_holders: list[Callable[[Any, str], list[Helper]]] = []


def tell_about(namespace: str, find: Find) -> None:
    """Ask `find(reader, arguments of the address)` about refusals under this namespace; it may raise NotVisible."""
    _finds[namespace] = find


def name_holders(holders: Callable[[Any, str], list[Helper]]) -> None:
    """Let `holders(reader, role)` name those who hold a role towards the customers that the reader sees."""
    _holders[:] = [holders]


def about(request: HttpRequest, role: str = "") -> About:
    """What is known of the work behind this request; where none is, those who hold `role`."""
    reader = getattr(request, "user", None)
    if reader is None or not reader.is_authenticated:
        return About()
    match = request.resolver_match
    find = _finds.get(match.namespace) if match else None
    try:
        found = find(reader, match.kwargs) if find and match else About()
    except NotVisible:
        found = About()
    if found.helpers or not role or not _holders:
        return found
    return replace(found, helpers=_holders[0](reader, role))
