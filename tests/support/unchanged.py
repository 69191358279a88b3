"""Every row of the product, and a refusal that must leave all of them as they were."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.apps import apps

from tests.cast import state_of_everything
from weilu.kernel.refused import Refused

NOT_STATE = ("Visit", "SecurityEvent")  # a refusal is registered (OPS-9), and changes nothing else


def every_row(*left_out: str) -> dict[str, list[object]]:
    """All rows of all tables, apart from visits, the register of what was turned down, and the models named."""
    found: dict[str, list[object]] = dict(state_of_everything())
    for model in apps.get_models():
        if model._meta.label.split(".")[0] in ("sessions", "contenttypes") or model.__name__ in NOT_STATE + left_out:
            continue
        rows = model._default_manager.order_by("pk").values()
        found[model._meta.label] = [{key: _plain(row[key]) for key in row if key != "last_login"} for row in rows]
    return found


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


class Refusal(NamedTuple):
    """How an act was turned down: sentence, clause, field, and the tables it changed all the same: none."""

    reason: str
    clause: str = ""
    field: str = ""
    changed: tuple[str, ...] = ()


def refusal_of(act: Callable[[], object]) -> Refusal:
    """How `act` is refused, and what it changed on the way; fails when it is not refused at all."""
    before = every_row()
    with pytest.raises(Refused) as caught:
        act()
    after, told = every_row(), caught.value
    changed = tuple(table for table in after if after[table] != before.get(table))
    return Refusal(told.reason, str(told.clause or ""), told.field, changed)


def ruling(rule: Callable[[], object]) -> Refusal | None:
    """How a pure rule turns its facts down; None where it lets them pass."""
    try:
        rule()
    except Refused as told:
        return Refusal(told.reason, str(told.clause or ""), told.field)
    return None
