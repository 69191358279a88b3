"""What a statement is, read from its tokens alone: verb, table, columns, and where its parts begin and end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.translation import gettext as _

from weilu.datafix.findings import AS_REVIEWED, CORRECTION, WAY_BACK, Fault
from weilu.datafix.scanning import Kind, Token
from weilu.datafix.words import (
    FUNCTIONS,
    HIDDEN,
    SCHEMA,
    SPOKEN,
    TYPES,
    Dialect,
    first_words,
    inner_words,
    these,
    upsert,
)

DEEPEST = 20  # brackets and CASE within each other
LONGEST = 50_000  # tokens of one statement
PARTS = these("SET WHERE ORDER BY LIMIT INTO VALUES")
COMPARES = these("= <> != < > <= >= <=>")
FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Verb(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class TableName:
    """A table as the statement calls it; `schema` is empty where none is written."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass
class Outline:
    """The parts of one statement; ranges are of its tokens, the end not included."""

    verb: Verb
    table: TableName = field(default_factory=lambda: TableName("", ""))
    called: str = ""  # what stands before the point of its columns
    columns: dict[str, int] = field(default_factory=dict)  # that are set or inserted, with the token of each
    values: list[range] = field(default_factory=list)
    where: range = field(default_factory=lambda: range(0))
    order: range = field(default_factory=lambda: range(0))
    limit: int = -1  # its token
    body: int = 0  # the token behind the table


class Unread(Exception):
    """The tokens are no statement that is allowed; `fault` says where and why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def unquoted(token: Token, dialect: Dialect) -> str:
    """The name that a token stands for."""
    if token.kind is Kind.NAME:
        return token.text[1:-1].replace(token.text[0] * 2, token.text[0])
    return token.text.translate(FOLD) if dialect is Dialect.POSTGRESQL else token.text


def is_name(token: Token) -> bool:
    return token.kind is Kind.NAME or (token.kind is Kind.WORD and token.word not in SPOKEN)


def _opens(token: Token) -> int:
    """1 where a bracket or CASE begins, -1 where one ends."""
    return (token.text == "(" or token.word == "CASE") - (token.text == ")" or token.word == "END")


def first_word(tokens: Sequence[Token]) -> list[Fault]:
    """Why a statement may not begin as it does."""
    first = tokens[0].word
    if first in {"INSERT", "UPDATE", "DELETE"}:
        return []
    said = first_words().get(first) or _("只接受 INSERT、UPDATE 和 DELETE。改写或去掉这条语句")
    clause = CORRECTION if first in SCHEMA else WAY_BACK if first in {"MERGE", "REPLACE"} else AS_REVIEWED
    return [Fault(0, said, clause)]


def vocabulary(tokens: Sequence[Token], dialect: Dialect) -> list[Fault]:
    """Every word, function and type that a statement may not use; its first word and what is deep as well."""
    if faults := first_word(tokens):
        return faults
    if len(tokens) > LONGEST:
        return [Fault(0, _("这条语句太长。分成几条"), AS_REVIEWED)]
    inner, depth = inner_words(), 0
    found: list[Fault] = []
    for at, token in enumerate(tokens):
        word, following = token.word, tokens[at + 1].text if at + 1 < len(tokens) else ""
        depth += (token.text == "(" or word == "CASE") - (token.text == ")" or word == "END")
        if depth > DEEPEST:
            return [*found, Fault(at, _("括号或 CASE 套得太深。分步写"), AS_REVIEWED)]
        if at and _out_of_place(tokens, at, depth):
            found.append(Fault(at, _("这里不应有 %(word)s。一条语句写完用分号隔开") % {"word": word}, AS_REVIEWED))
        elif word in inner and not (word == "REPLACE" and following == "(") and tokens[at - 1].text != ".":
            clause = WAY_BACK if inner[word] == upsert() else AS_REVIEWED
            found.append(Fault(at, inner[word] % {"word": token.text}, clause))
        elif word in HIDDEN[dialect]:
            words = _("「%(word)s」是数据库自己的行号，会变。用表的主键；若是列名，加上引号") % {"word": token.text}
            found.append(Fault(at, words, AS_REVIEWED))
        elif token.text in {"(", ","} and following in {")", ","} and not _called_in_vain(tokens, at, dialect):
            found.append(Fault(at + 1, _("这里缺少内容"), AS_REVIEWED))
        elif following == "(" and is_name(token):
            found += _function(tokens, at, dialect)
    return found


def _out_of_place(tokens: Sequence[Token], at: int, depth: int) -> bool:
    """A word that begins a statement or a part of one, where none can begin."""
    word, before = tokens[at].word, tokens[at - 1].word
    if word == "DISTINCT":
        return before not in {"IS", "NOT"}
    if word == "FROM" and depth:
        return before != "DISTINCT"
    return word in {"INSERT", "UPDATE", "DELETE"} or (depth > 0 and word in PARTS)


def _called_in_vain(tokens: Sequence[Token], at: int, dialect: Dialect) -> bool:
    """The bracket of a function of which it is said already that it is refused."""
    name = tokens[at - 1]
    return tokens[at].text == "(" and is_name(name) and name.word not in FUNCTIONS[dialect]


def _function(tokens: Sequence[Token], at: int, dialect: Dialect) -> Iterator[Fault]:
    if _opens_columns(tokens, at):
        return
    token = tokens[at]
    if at and tokens[at - 1].text == ".":
        yield Fault(at, _("不接受带模式名的函数：谁都可以定义。用数据库自带的函数"), AS_REVIEWED)
    elif at and (tokens[at - 1].word == "AS" or tokens[at - 1].text == "::"):
        return  # a type with its length
    elif token.word not in FUNCTIONS[dialect]:
        words = _("函数 %(name)s 每次的值可能不同，或会改动别处。写成预演时确定的值") % {"name": token.text}
        yield Fault(at, words, AS_REVIEWED)
    elif tokens[at + 1].apart:
        yield Fault(at, _("函数名和括号之间不留空：留空时可能是别人定义的同名函数"), AS_REVIEWED)


def _opens_columns(tokens: Sequence[Token], at: int) -> bool:
    """Whether the bracket after `at` is the list of columns of an INSERT."""
    return tokens[0].word == "INSERT" and not any(token.text == "(" for token in tokens[:at])


@dataclass
class Names:
    """The names in some tokens: all as they are written, and the columns among them with a token of each."""

    written: list[str] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)


def names_in(tokens: Sequence[Token], part: range, found: Outline, dialect: Dialect) -> Names:
    """The names in a part behind the table; raises Unread for a type or a table that is not allowed there."""
    names = Names()
    for at in part:
        token, before = tokens[at], tokens[at - 1]
        following = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if before.word == "AS" or before.text == "::":
            if token.word not in TYPES[dialect]:
                raise Unread(Fault(at, _("类型 %(name)s 不在可用的类型里") % {"name": token.text}, AS_REVIEWED))
        elif is_name(token) and (following != "(" or _opens_columns(tokens, at)):
            name = unquoted(token, dialect)
            names.written.append(name)
            if following != ".":
                names.columns.setdefault(name, at)
            elif name != found.called or before.text == ".":
                words = _("列名前的「%(name)s」不是要改的表") % {"name": token.text}
                raise Unread(Fault(at, words, AS_REVIEWED))
    return names


class _Reader:
    """Goes over the tokens of one statement from left to right."""

    def __init__(self, tokens: Sequence[Token], dialect: Dialect) -> None:
        self.tokens, self.dialect, self.at = tokens, dialect, 0

    @property
    def here(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def stop(self, words: str, at: int | None = None) -> Unread:
        place = min(self.at if at is None else at, len(self.tokens) - 1)
        return Unread(Fault(place, words, AS_REVIEWED))

    def takes(self, word: str) -> bool:
        """Whether this word or sign stands here; then goes on behind it."""
        here = self.here
        if here is None or word not in (here.word, here.text if here.kind is Kind.SIGN else ""):
            return False
        self.at += 1
        return True

    def name(self, words: str) -> str:
        here = self.here
        if here is None or not is_name(here):
            raise self.stop(words)
        self.at += 1
        return unquoted(here, self.dialect)

    def part(self, *ends: str) -> range:
        """From here to the first of these words, or commas, that no bracket or CASE encloses, or to the end."""
        first, depth = self.at, 0
        while (here := self.here) is not None:
            if depth == 0 and here.kind in (Kind.WORD, Kind.SIGN) and here.text.upper() in ends:
                break
            depth += _opens(here)
            if depth < 0:
                raise self.stop(_("括号不成对"))
            self.at += 1
        if depth or first == self.at:
            raise self.stop(_("括号不成对") if depth else _("这里缺少内容"), first)
        return range(first, self.at)


def outline(tokens: Sequence[Token], dialect: Dialect) -> Outline:
    """The parts of a statement; raises Unread where they are not those of an allowed one."""
    reader = _Reader(tokens, dialect)
    found = Outline(Verb(tokens[0].word.lower()))
    reader.at = 1
    if found.verb is Verb.INSERT:
        _insert(reader, found)
        return found
    if found.verb is Verb.DELETE and not reader.takes("FROM"):
        raise reader.stop(_("DELETE 之后写 FROM 和一个表名"))
    _table(reader, found)
    if found.verb is Verb.UPDATE:
        _set(reader, found)
    if not reader.takes("WHERE"):
        if reader.here is None or reader.here.word in {"ORDER", "LIMIT"}:
            raise Unread(Fault(0, _("没有 WHERE：会改动整张表。写明要改哪些行"), CORRECTION))
        raise reader.stop(_("一条语句只改一张表，这里应是 WHERE。去掉 FROM、连接和别的写法"))
    found.where = reader.part("ORDER", "LIMIT", "SET", "WHERE", "VALUES", "INTO", ",")
    _order_and_limit(reader, found)
    return found


def _table(reader: _Reader, found: Outline) -> None:
    """`schema.table AS alias`, and nothing else: other words and signs here change what is written to."""
    where = _("这里应是一个表名。去掉 %(verb)s 与表名之间的其他词") % {"verb": found.verb.upper()}
    schema, name = "", reader.name(where)
    if reader.takes("."):
        schema, name = name, reader.name(where)
    found.table, found.called = TableName(schema, name), name
    if reader.takes("AS") or (reader.here and is_name(reader.here) and found.verb is not Verb.INSERT):
        found.called = reader.name(_("AS 之后应是别名"))
    found.body = reader.at


def _set(reader: _Reader, found: Outline) -> None:
    if not reader.takes("SET"):
        raise reader.stop(_("一条语句只改一张表，表名之后应是 SET"))
    while True:
        if reader.here and reader.here.text == "(":
            raise reader.stop(_("不接受 (a, b) = (…)。一列一列写"))
        at, column = reader.at, reader.name(_("SET 里应是「列 = 值」"))
        if reader.takes("."):
            if column != found.called:
                raise reader.stop(_("列名前的「%(name)s」不是要改的表") % {"name": column}, at)
            at, column = reader.at, reader.name(_("SET 里应是「列 = 值」"))
        _keep_column(reader, found, column, at)
        if not reader.takes("="):
            raise reader.stop(_("SET 里应是「列 = 值」"))
        value = reader.part(",", "WHERE", "ORDER", "LIMIT", "FROM", "SET", "VALUES", "INTO")
        found.values.append(value)
        _check_plain(reader, value)
        if not reader.takes(","):
            return


def _keep_column(reader: _Reader, found: Outline, column: str, at: int) -> None:
    known = (
        {one.translate(FOLD) for one in found.columns} if reader.dialect is not Dialect.POSTGRESQL else found.columns
    )
    if (column.translate(FOLD) if reader.dialect is not Dialect.POSTGRESQL else column) in known:
        raise reader.stop(_("列 %(name)s 写了两次") % {"name": column}, at)
    found.columns[column] = at


def _check_plain(reader: _Reader, value: range) -> None:
    """`SET a = 1 AND b = 2` sets one column to the truth of both: nobody means that."""
    depth = 0
    for at in value:
        token = reader.tokens[at]
        depth += _opens(token)
        if depth or at == value.start:
            continue
        if token.word in {"AND", "OR"}:
            words = _("SET 里用了 %(word)s：只会改一列，值是条件的真假。列之间用逗号") % {"word": token.word}
            raise reader.stop(words, at)
        if token.text in COMPARES or token.word in {"IS", "IN", "LIKE", "ILIKE", "BETWEEN", "NOT"}:
            raise reader.stop(_("SET 的值是一个比较。若真要条件的真假，加上括号"), at)


def _insert(reader: _Reader, found: Outline) -> None:
    if reader.here and reader.here.word == "OR":
        raise Unread(Fault(reader.at, upsert(), WAY_BACK))
    if not reader.takes("INTO"):
        raise reader.stop(_("INSERT 之后写 INTO 和一个表名"))
    _table(reader, found)
    if not reader.takes("("):
        raise reader.stop(_("INSERT 要写明列：INSERT INTO 表 (列, …) VALUES (值, …)"))
    while True:
        at = reader.at
        _keep_column(reader, found, reader.name(_("这里应是列名")), at)
        if reader.takes(")"):
            break
        if not reader.takes(","):
            raise reader.stop(_("列之间用逗号，最后是右括号"))
    if not reader.takes("VALUES"):
        raise reader.stop(_("列之后应是 VALUES。不接受 INSERT … SELECT 和 INSERT … SET"))
    while True:
        _row(reader, found)
        if reader.here is None:
            return
        if not reader.takes(","):
            raise reader.stop(_("VALUES 的行之后不能再有别的。去掉它"))


def _row(reader: _Reader, found: Outline) -> None:
    first = reader.at
    if not reader.takes("("):
        raise reader.stop(_("VALUES 之后应是括号里的值"))
    count = 0
    while True:
        found.values.append(reader.part(",", ")"))
        _check_plain(reader, found.values[-1])
        count += 1
        if reader.takes(")"):
            break
        if not reader.takes(","):
            raise reader.stop(_("括号不成对"), first)
    if count != len(found.columns):
        words = _("这一行有 %(values)d 个值，列有 %(columns)d 个") % {"values": count, "columns": len(found.columns)}
        raise reader.stop(words, first)


def _order_and_limit(reader: _Reader, found: Outline) -> None:
    if (reader.here and reader.here.word in {"ORDER", "LIMIT"}) and reader.dialect is Dialect.POSTGRESQL:
        raise reader.stop(_("PostgreSQL 的 UPDATE 和 DELETE 没有 ORDER BY 和 LIMIT。用 WHERE 写明要改哪些行"))
    if reader.takes("ORDER"):
        if not reader.takes("BY"):
            raise reader.stop(_("ORDER 之后应是 BY"))
        found.order = reader.part("LIMIT")
    if reader.takes("LIMIT"):
        found.limit = reader.at - 1
        if not found.order:
            raise reader.stop(_("LIMIT 没有 ORDER BY：改到哪几行不一定。按主键排序，或用 WHERE 写明"), found.limit)
        if reader.here is None or reader.here.kind is not Kind.NUMBER or not reader.here.text.isdigit():
            raise reader.stop(_("LIMIT 之后应是一个整数"))
        reader.at += 1
    if reader.here is not None:
        raise reader.stop(_("语句到这里应该结束。去掉后面的内容"))
