"""Statements composed once: the SQL of Django's ORM, without composing it anew at every call.

Composing costs about ten times what a local database takes to answer. What every signature and
every step of a run does is said through this file; everything else uses the ORM as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Expression, Field, Model, QuerySet

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)


def slot(name: str) -> Any:
    """A value that is not known yet: stands in a filter, and is given by its name at each call."""
    return _Slot(name)


class _Slot(Expression):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", (self,)


class Prepared(Generic[Row]):
    """A queryset with slots, composed at its first use in a thread.

    `PEOPLE = Prepared(lambda: Person.objects.filter(name=slot("name")))`, then `PEOPLE(name="王")`
    reads its rows, as the queryset would. A slot takes an integer, a text, a truth, a UUID or an aware instant.
    """

    def __init__(self, compose: Callable[[], QuerySet[Any, Row]]) -> None:
        self._compose = compose
        self._kept = threading.local()

    def __call__(self, **given: Any) -> list[Row]:
        rows, compiler, sql, params = self._composed()
        bound = _filled(params, given)
        compiler.as_sql = lambda *_args, **_options: (sql, bound)
        return list(rows)

    def count(self, **given: Any) -> int:
        """How many rows there are; none of them is read."""
        _rows, _compiler, sql, params = self._composed()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM ({sql}) AS counted", _filled(params, given))  # noqa: S608
            return int(cursor.fetchone()[0])

    def _composed(self) -> tuple[Iterator[Row], Any, str, tuple[Any, ...]]:
        if not hasattr(self._kept, "all"):
            found: Any = self._compose()
            compiler = found.query.get_compiler(connection=connections[found.db])
            sql, params = compiler.as_sql()
            converters = compiler.get_converters([column for column, *_rest in compiler.select])
            # Django asks the query for a compiler at each reading: it gets this one, set up already.
            found.query.get_compiler = lambda *_args, **_options: compiler
            compiler.get_converters = lambda _columns: converters
            self._kept.all = found._iterable_class(found), compiler, sql, params
        kept: tuple[Iterator[Row], Any, str, tuple[Any, ...]] = self._kept.all
        return kept


class PreparedFor(Generic[Row]):
    """A queryset over a list of values beside its slots, composed once in a thread for each length of the list.

    `TOLD = PreparedFor(lambda owners: Notice.objects.filter(owner__id__in=owners, person=slot("person")))`, then
    `TOLD([3, 5], person=1)`. A relation takes the list by its key: Django would make numbers of it at once
    otherwise. An empty list finds nothing and asks nothing.
    """

    def __init__(self, compose: Callable[[list[Any]], QuerySet[Any, Row]]) -> None:
        self._compose = compose
        self._by_length: dict[int, Prepared[Row]] = {}

    def __call__(self, values: Collection[Any], **given: Any) -> list[Row]:
        return self._of(len(values))(**_listed(values), **given) if values else []

    def count(self, values: Collection[Any], **given: Any) -> int:
        """How many rows there are; none of them is read."""
        return self._of(len(values)).count(**_listed(values), **given) if values else 0

    def _of(self, length: int) -> Prepared[Row]:
        slots = [slot(str(place)) for place in range(length)]
        return self._by_length.setdefault(length, Prepared(lambda: self._compose(slots)))


def _listed(values: Collection[Any]) -> dict[str, Any]:
    return {str(place): value for place, value in enumerate(values)}


def insert(*rows: Model) -> None:
    """Write new rows, all of one model, in one statement; each gets its key. No signals are sent."""
    if not rows:
        return
    fields, sql, one = _insertion(type(rows[0]))
    base = connections[DEFAULT_DB_ALIAS]
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection=base) for row in rows for field in fields
    ]
    with base.cursor() as cursor:
        cursor.execute(sql % ", ".join([one] * len(rows)), values)
        keys = cursor.fetchall()
    for row, (key,) in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, base.alias


def change(model: type[Model], where: dict[str, Any], **values: Any) -> int:
    """Set columns of the rows whose columns equal `where`; answers how many there were."""
    fields, sql = _updating(model, tuple(values), tuple(where))
    said = [*values.values(), *where.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [field.get_db_prep_save(value, connection=connection) for field, value in zip(fields, said, strict=True)],
        )
        return int(cursor.rowcount)


@cache
def _insertion(model: type[Model]) -> tuple[list[Field[Any, Any]], str, str]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key or not _is_serial(field)]
    table, key = _quoted(model._meta.db_table), _quoted(model._meta.pk.column)
    names = ", ".join(_quoted(field.column) for field in fields)
    # Names come from models only; the row of placeholders is put in at each call, as often as there are rows.
    sql = f"INSERT INTO {table} ({names}) VALUES %s RETURNING {key}"  # noqa: S608
    return fields, sql, f"({', '.join(['%s'] * len(fields))})"


@cache
def _updating(model: type[Model], values: tuple[str, ...], where: tuple[str, ...]) -> tuple[list[Any], str]:
    fields = [model._meta.get_field(name) for name in (*values, *where)]
    columns = [f"{_quoted(str(field.column))} = %s" for field in fields]  # type: ignore[union-attr]
    table, count = _quoted(model._meta.db_table), len(values)
    sql = f"UPDATE {table} SET {', '.join(columns[:count])} WHERE {' AND '.join(columns[count:])}"  # noqa: S608
    return fields, sql


def _is_serial(field: Field[Any, Any]) -> bool:
    return field.get_internal_type() in ("AutoField", "BigAutoField")


def _quoted(name: str | None) -> str:
    return str(connection.ops.quote_name(str(name)))


def _filled(params: Iterable[Any], given: dict[str, Any]) -> list[Any]:
    return [_bound(given[one.name]) if isinstance(one, _Slot) else one for one in params]


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
