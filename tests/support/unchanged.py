"""Every row of the product, and a refusal that must leave all of them as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps

from tests.cast import state_of_everything
from weilu.kernel.refused import Refused


def every_row(*left_out: str) -> dict[str, list[object]]:
    """All rows of all tables, apart from visits and the models named (`SignInTry`)."""
    found: dict[str, list[object]] = dict(state_of_everything())
    for model in apps.get_models():
        if model._meta.label.split(".")[0] in ("sessions", "contenttypes") or model.__name__ in left_out:
            continue
        rows = model._default_manager.order_by("pk").values()
        found[model._meta.label] = [{key: _plain(row[key]) for key in row if key != "last_login"} for row in rows]
    return found


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


@contextmanager
def refusal(reason: str, clause: str = "", field: str = "") -> Iterator[None]:
    """The act within is refused with exactly this sentence, clause and field, and changes no row."""
    before = every_row()
    with pytest.raises(Refused) as caught:
        yield
    assert (caught.value.reason, str(caught.value.clause or ""), caught.value.field) == (reason, clause, field)
    assert every_row() == before
