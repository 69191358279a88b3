"""Every row of an installation as lines of JSON, the same from SQLite and from PostgreSQL, whatever its version.

The models are those of the migrations that the database has, never those of this program.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps.registry import Apps
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

LEFT_OUT = ("kernel_upkeep", "jobs_process")  # what belongs to the place, not to its content
AT_ONCE = 1000
MODULUS = 1 << 256


class Tally:
    """Number and digest of a table's rows; the digest is the sum of theirs, so that their order does not matter."""

    def __init__(self) -> None:
        self.rows, self.sum = 0, 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self.sum = (self.sum + int.from_bytes(sha256(line).digest())) % MODULUS

    def facts(self) -> dict[str, Any]:
        return {"rows": self.rows, "digest": f"{self.sum:064x}"}


def models_of(apps: Apps) -> list[type[Model]]:
    """The models with a table that holds content, by the name of the table."""
    found = apps.get_models(include_auto_created=True)
    kept = [one for one in found if one._meta.managed and not one._meta.proxy and one._meta.db_table not in LEFT_OUT]
    return sorted(kept, key=lambda model: model._meta.db_table)


def lines_of(model: type[Model], alias: str) -> Iterator[bytes]:
    """Each row as one line of JSON: columns by name, in the order of the key."""
    fields = model._meta.local_concrete_fields
    names = [field.attname for field in fields]
    columns = [str(field.column) for field in fields]
    rows = model._base_manager.using(alias).order_by("pk").values_list(*names)
    for row in rows.iterator(AT_ONCE):
        said = {column: _plain(value) for column, value in zip(columns, row, strict=True)}
        yield json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def tally(model: type[Model], alias: str = "default") -> dict[str, Any]:
    """Number and digest of what stands in the table of `model`."""
    counted = Tally()
    for line in lines_of(model, alias):
        counted.add(line)
    return counted.facts()


def _plain(value: Any) -> Any:
    match value:
        case bytes() | memoryview() | bytearray():
            return base64.b64encode(bytes(value)).decode()
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date() | UUID() | Decimal():
            return str(value)
    return value  # JSON already, or json.dumps says that it is not


def write_lines(model: type[Model], lines: Iterable[bytes]) -> int:
    """Write rows into the empty table of `model` in the default database; answers how many."""
    fields = model._meta.local_concrete_fields
    makers = [(str(field.column), _maker(field)) for field in fields]
    table, quote = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name
    names = ", ".join(quote(column) for column, _make in makers)
    marks = ", ".join(["%s"] * len(makers))
    sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  (names of models only)
    source, written = iter(lines), 0
    with connection.cursor() as cursor:
        while block := list(islice(source, AT_ONCE)):
            said = [json.loads(line) for line in block]
            cursor.executemany(sql, [[make(row[column]) for column, make in makers] for row in said])
            written += len(block)
    return written


def _maker(field: Any) -> Callable[[Any], Any]:
    """What turns a value of a line into the one that the driver writes."""
    while field.remote_field:
        field = field.target_field
    kind = field.get_internal_type()
    if kind == "JSONField":
        return lambda value: None if value is None else field.get_db_prep_save(value, connection=connection)
    if kind == "BinaryField":
        return lambda value: None if value is None else base64.b64decode(value)

    def make(value: Any) -> Any:
        return None if value is None else field.get_db_prep_save(field.to_python(value), connection=connection)

    return make


def settle_references_later() -> None:
    """Let rows point at rows that are not written yet, until the transaction ends.

    Tables point at one another in circles; migrations of the same transaction left what they added checked at once.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def in_order(models: list[type[Model]]) -> list[type[Model]]:
    """First the tables that others point at, then the rest: what triggers wrote there meanwhile is taken out before."""
    aims = {_aim(field) for one in models for field in one._meta.local_fields}
    return sorted(models, key=lambda model: model._meta.db_table not in aims)


def _aim(field: Any) -> str:
    return str(field.related_model._meta.db_table) if field.remote_field else ""


def empty(model: type[Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608


def serials(models: list[type[Model]], base: BaseDatabaseWrapper) -> dict[str, int]:
    """The last key that was given in each table whose keys the database gives, also where that row is gone."""
    found: dict[str, int] = {}
    for model in models:
        key, table = model._meta.pk, model._meta.db_table
        if key.get_internal_type() not in ("AutoField", "BigAutoField"):
            continue
        with base.cursor() as cursor:
            if base.vendor == "sqlite":
                cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
            else:
                cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table}"', key.column])
                name = cursor.fetchone()[0]
                cursor.execute(f"SELECT last_value FROM {name} WHERE is_called")  # noqa: S608  (named by the server)
            row = cursor.fetchone()
            found[table] = int(row[0]) if row else 0
    return found


def put_serials(models: list[type[Model]], last: dict[str, int]) -> None:
    """Go on counting keys where the other database stopped."""
    for model in models:
        table, key = model._meta.db_table, str(model._meta.pk.column)
        given = last.get(table, 0)
        if not given:
            continue
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, given])
            else:
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', key, given])
