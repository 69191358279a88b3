"""The chips above a list: saved filters first, then one menu for each field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.process.filters import DUE, PRIORITIES, STATES, Filters, read_filters
from weilu.process.kept import SavedFilter
from weilu.process.lists import counts_of_filters
from weilu.process.vocabulary import kind_keys, kind_title
from weilu.systems.models import System


@dataclass(frozen=True)
class Chip:
    """One choice: where it leads, whether it is the present one, how many it would show."""

    title: str
    url: str
    on: bool
    count: int | None = None
    kept: SavedFilter | None = None


@dataclass(frozen=True)
class Menu:
    """A field and what it can be narrowed to; the first choice is no restriction."""

    title: str
    value: str
    on: bool
    choices: list[Chip]


def list_url(tab: str, filters: Filters, **more: str) -> str:
    """The address of a list; my work is the first page of the site, everything stands at /items/."""
    given = [("tab", tab)] if tab not in ("todo", "all") else []
    query = urlencode(given) + ("&" if given and filters.query else "") + filters.query
    query += ("&" if query and more else "") + urlencode(more)
    return ("/items/" if tab == "all" else "/") + (f"?{query}" if query else "")


def saved_chips(person: Person, tab: str, filters: Filters, total: int | None) -> list[Chip]:
    """The whole list, what falls due today, and the filters kept for this list; counted where few wait."""
    whole = {"todo": _("全部待办"), "all": _("全部工单")}.get(tab, _("全部"))
    offered: list[tuple[str, Filters, SavedFilter | None]] = [(whole, Filters(), None)]
    if tab == "todo":
        offered.append((_("今天到期"), Filters(due="today"), None))
    for kept in SavedFilter.objects.usable_by(person).filter(tab=tab).select_related("person"):
        offered.append((kept.title, _read(kept.query), kept))
    counted: list[int | None] = [None] * len(offered)
    if tab == "todo" and total is not None:
        counted = [total, *counts_of_filters(person, [one for _title, one, _kept in offered[1:]], total)]
    return [
        Chip(title, list_url(tab, one), one == filters, count, kept)
        for (title, one, kept), count in zip(offered, counted, strict=True)
    ]


def _read(query: str) -> Filters:
    from django.http import QueryDict

    try:
        return read_filters(QueryDict(query).dict())
    except ValueError:  # kept when there was a kind that is no more
        return Filters()


def menus(person: Person, tab: str, filters: Filters) -> list[Menu]:
    """A menu for each field this list can be narrowed by."""
    systems = [
        (str(uid), name)
        for uid, name in System.objects.visible_to(person).order_by("name", "id").values_list("uid", "name")
    ]
    fields: list[tuple[str, str, str, Iterable[tuple[str, object]]]] = [
        ("kind", _("类型"), _("全部"), [(key, kind_title(key)) for key in kind_keys()]),
        ("system", _("系统"), _("全部"), systems),
        ("priority", _("缓急"), _("全部"), PRIORITIES.items()),
        ("due", _("到期"), _("不限"), DUE.items()),
    ]
    if tab != "todo":
        fields.append(("state", _("状态"), _("不限"), STATES.items()))
    found = []
    for name, title, whole, values in fields:
        present = getattr(filters, name)
        choices = [Chip(whole, list_url(tab, filters.but(**{name: ""})), not present)]
        choices += [
            Chip(str(word), list_url(tab, filters.but(**{name: value})), value == present) for value, word in values
        ]
        shown = next((one.title for one in choices if one.on), "—")
        found.append(Menu(title, shown, bool(present), choices))
    return found
