"""Very many rows at once: one prepared statement (SQLite) or COPY (PostgreSQL) for each model, keys given beforehand.

For made-up data only. What people do is written by actions, row by row, with its evidence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import NOT_PROVIDED, Field, Model

Value = Any


class Table:
    """The columns of `model` that are given with each row, by field name; all others have the field's default."""

    def __init__(self, model: type[Model], *names: str) -> None:
        self.model = model
        fields: dict[str, Field[Any, Any]] = {field.name: field for field in model._meta.local_concrete_fields}
        self._given = [fields[name] for name in names]
        others = [field for name, field in fields.items() if name not in names and not _made_by_database(field)]
        self._constants = [_adapter(field)(field.get_default()) for field in others]
        self._columns = [str(field.column) for field in (*self._given, *others)]
        self._adapters = [_adapter(field) for field in self._given]
        self._key = model._meta.pk.column if _made_by_database(model._meta.pk) else None

    def reserve(self, count: int) -> int:
        """The first of `count` keys that nobody else gets; within the caller's transaction on SQLite."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table}"', self._key])
                name = cursor.fetchone()[0]
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
                cursor.execute("SELECT nextval(%s)", [name])
                first = int(cursor.fetchone()[0])
                cursor.execute("SELECT setval(%s, %s)", [name, first + count])
                return first
            cursor.execute(f"SELECT coalesce(max({self._key}), 0) + 1 FROM {table}")  # noqa: S608  (names of models)
            return int(cursor.fetchone()[0])

    def write(self, rows: Iterable[Sequence[Value]]) -> None:
        """Write rows whose values stand in the order of the names."""
        adapters, constants = self._adapters, self._constants
        ready = ([adapt(value) for adapt, value in zip(adapters, row, strict=True)] + constants for row in rows)
        table = f'"{self.model._meta.db_table}"'
        columns = ", ".join(f'"{column}"' for column in self._columns)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as out:
                    for row in ready:
                        out.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(self._columns))
                cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(ready))  # noqa: S608


def _made_by_database(field: Any) -> bool:
    return field.primary_key and field.get_internal_type() in ("AutoField", "BigAutoField")


def _adapter(field: Field[Any, Any]) -> Callable[[Value], Value]:
    """What turns a value of Python into one that the driver writes as it is."""
    sqlite = connection.vendor == "sqlite"
    match field.get_internal_type():
        case "DateTimeField":
            return _instant if sqlite else _same
        case "UUIDField":
            return _hex if sqlite else _same
        case "JSONField":
            return _json
        case "BooleanField":
            return int if sqlite and not field.null else _same
    return _same


def _same(value: Value) -> Value:
    return value if value is not NOT_PROVIDED else None


def _hex(value: Value) -> Value:
    return value.hex if value is not None else None


def _instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ")[: -len("+00:00")]


def _json(value: Value) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
