"""What the text alone does not show: the tables that statements write to, held against the catalogue's facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from sqlglot import exp

from weilu.datafix.findings import AS_REVIEWED, CORRECTION, WAY_BACK, Fault, Finding, WrongStatements
from weilu.datafix.outline import FOLD, TableName, Verb
from weilu.datafix.reading import Correction, Meaning, spelled
from weilu.datafix.rules import COMPARISONS, loose
from weilu.datafix.words import MOMENTS, Dialect


class TableKind(StrEnum):
    """What the catalogue calls it."""

    TABLE = "table"
    PARTITIONED = "partitioned"
    VIEW = "view"
    FOREIGN = "foreign"  # its rows are kept elsewhere
    TEMPORARY = "temporary"
    OTHER = "other"


class Family(StrEnum):
    """Types that compare with each other without being turned into another one."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    TRUTH = "truth"
    OTHER = "other"
    QUOTED = "quoted"  # a text in quotes, which takes on the type of what it meets
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # as the catalogue writes it
    nullable: bool = True
    generated: bool = False


@dataclass(frozen=True)
class Table:
    """One table as its database describes it."""

    schema: str
    name: str
    kind: TableKind
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()  # keys whose columns no two rows share
    engine: str = ""  # MySQL and MariaDB only


TRANSACTIONAL = frozenset({"innodb"})
FAMILIES = (
    (Family.TIME, re.compile(r"date|time|year|interval")),
    (Family.TRUTH, re.compile(r"bool")),
    (Family.TEXT, re.compile(r"char|text|clob|string|name$|enum|^set\b")),
    (Family.NUMBER, re.compile(r"int|serial|decimal|numeric|number|real|double|float|^dec\b|fixed")),
)
TEXTS = (
    exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.ConcatWs, exp.Substring, exp.Left, exp.Right, exp.Replace, exp.Pad,
    exp.DPipe, exp.Chr, exp.Reverse, exp.Repeat, exp.MD5, exp.Hex, exp.SplitPart,
)  # fmt: skip
NUMBERS = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Length, exp.Sign,
    exp.StrPosition,
)  # fmt: skip
FIRST_OF = (exp.Paren, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least)
Columns = dict[str, Column]


def family_of(type_name: str) -> Family:
    lowered = type_name.lower()
    if "range" in lowered or "[]" in lowered or lowered.startswith(("point", "json")):
        return Family.OTHER
    return next((family for family, pattern in FAMILIES if pattern.search(lowered)), Family.OTHER)


def check_tables(correction: Correction, tables: Iterable[Table]) -> tuple[Finding, ...]:
    """Advice on the statements; raises WrongStatements with all that the facts of their tables forbid."""
    known, findings = list(tables), []
    judged: dict[int, list[Fault]] = {}  # statements of one shape differ in values only
    for statement in correction.statements:
        meaning = statement.meaning
        if id(meaning) not in judged:
            judged[id(meaning)] = list(_judge(meaning, known, correction.dialect))
        findings += [Finding(statement.place, one.words, one.clause, one.advice) for one in judged[id(meaning)]]
    if refused := [one for one in findings if not one.advice]:
        raise WrongStatements(refused)
    return tuple(findings)


def _key(name: str, dialect: Dialect) -> str:
    """By what columns are told apart: only PostgreSQL looks at capitals."""
    return name if dialect is Dialect.POSTGRESQL else name.translate(FOLD)


def _judge(meaning: Meaning, tables: list[Table], dialect: Dialect) -> Iterator[Fault]:
    found = [one for one in tables if _is_meant(meaning.table, one, dialect)]
    if len(found) != 1:
        words = _("没有表 %(table)s。检查名称") if not found else _("叫 %(table)s 的表不止一张。写上模式名")
        yield Fault(0, words % {"table": meaning.table}, AS_REVIEWED)
        return
    table = found[0]
    yield from _judge_table(table)
    columns = {_key(one.name, dialect): one for one in table.columns}
    named = {spelled(one.this, dialect) for one in meaning.tree.find_all(exp.Column)} | set(meaning.columns)
    unknown = sorted(one for one in named if _key(one, dialect) not in columns)
    for name in unknown:
        words = _("表 %(table)s 没有列 %(name)s。检查列名") % {"table": meaning.table, "name": name}
        yield Fault(0, words, AS_REVIEWED)
    if not unknown:
        yield from _judge_written(meaning, table, columns, dialect)
        yield from _judge_condition(meaning, table, columns, dialect)


def _is_meant(name: TableName, table: Table, dialect: Dialect) -> bool:
    """SQLite alone tells tables apart without their capitals wherever it runs."""
    pairs = [(name.name, table.name)] + ([(name.schema, table.schema)] if name.schema else [])
    if dialect is Dialect.SQLITE:
        pairs = [(one.translate(FOLD), other.translate(FOLD)) for one, other in pairs]
    return all(one == other for one, other in pairs)


def _judge_table(table: Table) -> Iterator[Fault]:
    if table.kind not in {TableKind.TABLE, TableKind.PARTITIONED}:
        words = _("%(table)s 不是基本表。写改动真正落到的那张表") % {"table": table.name}
        yield Fault(0, words, AS_REVIEWED)
    if table.engine and table.engine.lower() not in TRANSACTIONAL:
        words = _("表 %(table)s 的引擎 %(engine)s 没有事务，改了就退不回。先换成 InnoDB")
        yield Fault(0, words % {"table": table.name, "engine": table.engine}, WAY_BACK)
    if not table.primary_key:
        words = _("表 %(table)s 没有主键，认不出改的是哪几行。先加主键") % {"table": table.name}
        yield Fault(0, words, WAY_BACK)


def _judge_written(meaning: Meaning, table: Table, columns: Columns, dialect: Dialect) -> Iterator[Fault]:
    """The columns that are set or inserted: no key is changed, nothing is written that the database reckons."""
    keys = {_key(one, dialect) for one in table.primary_key}
    written = {_key(one, dialect) for one in meaning.columns}
    for name in meaning.columns:
        column = columns[_key(name, dialect)]
        if meaning.verb is Verb.UPDATE and _key(name, dialect) in keys:
            words = _("%(name)s 属于主键，改了就认不出原来的行。改成删除旧行、插入新行") % {"name": name}
            yield Fault(0, words, WAY_BACK)
        if column.generated:
            yield Fault(0, _("列 %(name)s 由数据库算出，不能写。去掉它") % {"name": name}, AS_REVIEWED)
    if meaning.verb is Verb.INSERT and not keys <= written:
        words = _("没有写主键的值：由数据库给出，预演和执行时可能不同")
        yield Fault(0, words, AS_REVIEWED, advice=True)
    for name, value in _assigned(meaning.tree, dialect):
        if _is_moment(value, dialect) and family_of(columns[_key(name, dialect)].type) is Family.TIME:
            words = _("「%(value)s」写进 %(name)s 时是执行那天的日期。写成确定的日期")
            yield Fault(0, words % {"value": value.name, "name": name}, AS_REVIEWED)


def _assigned(tree: exp.Expr, dialect: Dialect) -> Iterator[tuple[str, exp.Expr]]:
    """Each column with each value that is written to it."""
    if isinstance(tree, exp.Update):
        yield from ((spelled(one.this.this, dialect), one.expression.unnest()) for one in tree.expressions)
    elif isinstance(tree, exp.Insert):
        names = [spelled(one, dialect) for one in tree.this.expressions]
        for row in tree.expression.expressions:
            values = row.expressions if isinstance(row, exp.Tuple) else [row]
            yield from ((name, value.unnest()) for name, value in zip(names, values, strict=True))


def _is_moment(node: exp.Expr, dialect: Dialect) -> bool:
    """PostgreSQL alone reads a text as the present moment where it expects a time."""
    if dialect is not Dialect.POSTGRESQL or not isinstance(node, exp.Literal):
        return False
    return bool(node.is_string) and node.name.strip().lower() in MOMENTS


def _judge_condition(meaning: Meaning, table: Table, columns: Columns, dialect: Dialect) -> Iterator[Fault]:
    condition = meaning.tree.args.get("where")
    if condition is None:
        return
    keys = {_key(one, dialect) for one in table.primary_key}
    full = frozenset(one.name.lower() for one in table.columns if not one.nullable or _key(one.name, dialect) in keys)
    if loose(condition.this, never_null=full) is not None:
        words = _("条件只问一个必填的列是否为空，会放过所有的行。写明要改哪些行")
        yield Fault(0, words, CORRECTION)
    order = meaning.tree.args.get("order")
    if meaning.tree.args.get("limit") and not _is_unique(order, table, full, dialect):
        words = _("LIMIT 的排序不能分出先后：改到哪几行不一定。按主键排序，或用 WHERE 写明")
        yield Fault(0, words, AS_REVIEWED)
    for one, other in _compared(condition):
        first, second = _family(one, columns, dialect), _family(other, columns, dialect)
        if not _alike(first, second, dialect):
            words = _("「%(one)s」和「%(other)s」类型不同，比较时会暗中转换。两边写成同一类型，数字不加引号")
            yield Fault(0, words % {"one": one.sql(dialect.value), "other": other.sql(dialect.value)}, AS_REVIEWED)
        elif _is_moment(other, dialect) and first is Family.TIME:
            words = _("「%(value)s」是执行那天的日期。写成确定的日期") % {"value": other.name}
            yield Fault(0, words, AS_REVIEWED)


def _is_unique(order: exp.Expr | None, table: Table, full: frozenset[str], dialect: Dialect) -> bool:
    """Whether the order leaves no two rows side by side: it holds a key none of whose columns can be empty."""
    if order is None:
        return False
    by = {_key(spelled(one.this.this, dialect), dialect) for one in order.expressions}
    whole = [key for key in table.unique if all(name.lower() in full for name in key)]
    return any(key and {_key(name, dialect) for name in key} <= by for key in [table.primary_key, *whole])


def _compared(condition: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """Every two values that a condition compares."""
    for node in condition.walk():
        if isinstance(node, exp.In):
            pairs = [(node.this, one) for one in node.expressions]
        elif isinstance(node, exp.Between):
            pairs = [(node.this, node.args["low"]), (node.this, node.args["high"])]
        elif isinstance(node, COMPARISONS):
            pairs = [(node.this, node.expression)]
        else:
            continue
        for one, other in pairs:
            if isinstance(one, exp.Tuple) and isinstance(other, exp.Tuple):
                yield from zip(one.expressions, other.expressions, strict=False)
            else:
                yield one, other


def _family(node: exp.Expr, columns: Columns, dialect: Dialect) -> Family:
    if isinstance(node, exp.Column):
        return family_of(columns[_key(spelled(node.this, dialect), dialect)].type)
    if isinstance(node, exp.Literal):
        return Family.QUOTED if node.is_string else Family.NUMBER
    if isinstance(node, exp.Boolean):
        return Family.TRUTH
    if isinstance(node, exp.Cast):
        return family_of(node.to.sql(dialect.value))
    if isinstance(node, FIRST_OF):
        return _family(node.this, columns, dialect)
    return Family.TEXT if isinstance(node, TEXTS) else Family.NUMBER if isinstance(node, NUMBERS) else Family.UNKNOWN


def _alike(one: Family, other: Family, dialect: Dialect) -> bool:
    """Whether two values compare as they are. A text in quotes takes on the type of what it meets, but for numbers."""
    pair = {one, other}
    if len(pair) == 1 or Family.UNKNOWN in pair:
        return True
    if Family.QUOTED in pair:
        return not pair & {Family.NUMBER, Family.TRUTH}
    return pair == {Family.NUMBER, Family.TRUTH} and dialect is not Dialect.POSTGRESQL
