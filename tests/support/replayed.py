"""Rows that many tests begin with: made once by the product's own acts, and written again for every other test.

Making the cast asks the database 224 times; writing its rows again asks it once or twice for each table.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Generic, TypeVar

from django.apps import apps
from django.db import connection, models, transaction

Made = TypeVar("Made")
Rows = dict[type[models.Model], str]
COUNTED_BY_TRIGGERS = ("process_tally",)


class Replayed(Generic[Made]):
    """What `make` answers and writes in an empty database; each call answers a copy of its own, with the same rows.

    `make` may ask for nothing that differs from test to test, and must leave the rows that were there alone.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._kept: tuple[Made, Rows] | None = None

    def __call__(self) -> Made:
        if self._kept is None:
            before = {model: _literals(model) for model in _tables()}
            made = self._make()
            rows = {model: _without(_literals(model), lines) for model, lines in before.items()}
            self._kept = deepcopy(made), {model: ", ".join(lines) for model, lines in rows.items() if lines}
            return made
        made, rows_kept = self._kept
        with transaction.atomic(), connection.cursor() as cursor:  # foreign keys are looked at when it ends
            statements = [_insert(model, lines) for model, lines in rows_kept.items()]
            if connection.vendor == "postgresql":
                statements = ["; ".join([*statements, *map(_serial, rows_kept)])]
            for statement in statements:
                cursor.execute(statement)
        return deepcopy(made)


def _tables() -> list[type[models.Model]]:
    every = apps.get_models(include_auto_created=True)
    return [model for model in every if model._meta.managed and model._meta.db_table not in COUNTED_BY_TRIGGERS]


def _columns(model: type[models.Model]) -> list[str]:
    return [
        connection.ops.quote_name(field.column) for field in model._meta.local_concrete_fields if not field.generated
    ]


def _literals(model: type[models.Model]) -> list[str]:
    """Each row as the database itself writes it down."""
    quote = "quote_nullable({}::text)" if connection.vendor == "postgresql" else "quote({})"
    each = " || ',' || ".join(quote.format(column) for column in _columns(model))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT '(' || {each} || ')' FROM {model._meta.db_table}")
        return [line for (line,) in cursor.fetchall()]


def _without(after: list[str], before: list[str]) -> list[str]:
    assert set(before) <= set(after), "rows that were there have changed"
    return [line for line in after if line not in set(before)]


def _insert(model: type[models.Model], lines: str) -> str:
    return f"INSERT INTO {model._meta.db_table} ({', '.join(_columns(model))}) VALUES {lines}"


def _serial(model: type[models.Model]) -> str:
    """A truncated table may begin again at 1; keys that were written by hand are never given again."""
    table, key = model._meta.db_table, model._meta.pk.column
    if not isinstance(model._meta.pk, models.AutoField):
        return "SELECT 1"
    serial = f"pg_get_serial_sequence('{table}', '{key}')"
    return f"SELECT setval({serial}, GREATEST((SELECT max({key}) FROM {table}), pg_sequence_last_value({serial})))"
