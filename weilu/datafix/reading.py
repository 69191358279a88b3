"""The intake of a data correction: bytes in, the statements that will run out, or everything that is wrong with them.

A text is read twice. `scanning` and `outline` cut and read it as the servers do, and refuse what servers could read
differently; sqlglot then reads it for itself. Where the two do not tell the same tokens, names and columns, or sqlglot
cannot say again what it read, the statement counts as not read, and is refused (DAT-2).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sqlglot
from django.utils.translation import gettext as _
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token as ParserToken

from weilu.datafix.findings import AS_REVIEWED, CORRECTION, Fault, Finding, Lines, Place, WrongStatements
from weilu.datafix.outline import (
    Outline,
    TableName,
    Unread,
    Verb,
    first_word,
    is_name,
    names_in,
    outline,
    unquoted,
    vocabulary,
)
from weilu.datafix.rules import as_spoken, constant_parts, foreign, loose, moments
from weilu.datafix.scanning import Kind, Token, read_text, scan
from weilu.datafix.words import MOMENTS, Dialect

MOST_STATEMENTS = 20_000


@dataclass(frozen=True)
class Meaning:
    """What statements of one shape do; their values are those of the first one that was read."""

    verb: Verb
    table: TableName
    columns: tuple[str, ...]
    where: tuple[str, ...]
    tree: exp.Expr


@dataclass(frozen=True)
class Statement:
    """One statement as it will be sent: bytes `start` to `end` of what was handed in."""

    text: str
    start: int
    end: int
    place: Place
    verb: Verb
    table: TableName
    columns: tuple[str, ...]  # that are set or inserted, in the order written
    where: tuple[str, ...]  # columns that the condition names, in the order of their first mention
    meaning: Meaning = field(repr=False, compare=False)


@dataclass(frozen=True)
class Correction:
    """What was handed in, read whole: its digest, its statements in order, and advice on them."""

    sha256: str
    dialect: Dialect
    statements: tuple[Statement, ...]
    advice: tuple[Finding, ...]


def take_in(data: bytes, dialect: Dialect) -> Correction:
    """The statements in `data`; raises WrongStatements with all that is refused in them."""
    text = read_text(data)
    tokens, cut_wrong = scan(text, dialect)
    lines = Lines(text)
    findings = [Finding(lines.place(at), words, AS_REVIEWED) for at, words in cut_wrong]
    wrong = [at for at, _words in cut_wrong]
    reader, found, sent, told, ended = _Intake(dialect), [], 0, 0, 0
    for part, stop in _split(tokens, len(text)):
        first, until = part[0].start, part[-1].end
        in_doubt, ended = any(ended <= at < stop for at in wrong), stop
        meaning, faults = reader.read(text[first:until], part) if not in_doubt else (None, first_word(part))
        findings += [Finding(lines.place(part[one.at].start), one.words, one.clause, one.advice) for one in faults]
        if meaning is not None:
            start = sent + len(text[told:first].encode())
            sent, told = start + len(text[first:until].encode()), until
            found.append(_statement(text[first:until], start, sent, lines.place(first), meaning))
    if not found and not findings:
        findings.append(Finding(Place(1, 1), _("里面没有语句。写上要执行的语句"), CORRECTION))
    if len(found) > MOST_STATEMENTS:
        words = _("语句超过 %(most)d 条。分成几次数据维护") % {"most": MOST_STATEMENTS}
        findings.append(Finding(found[MOST_STATEMENTS].place, words, AS_REVIEWED))
    if refused := [one for one in findings if not one.advice]:
        raise WrongStatements(refused)
    return Correction(hashlib.sha256(data).hexdigest(), dialect, tuple(found), tuple(findings))


def _statement(text: str, start: int, end: int, place: Place, meaning: Meaning) -> Statement:
    return Statement(text, start, end, place, meaning.verb, meaning.table, meaning.columns, meaning.where, meaning)


def _split(tokens: Sequence[Token], length: int) -> Iterator[tuple[list[Token], int]]:
    """The tokens of each statement, and where it is over: at its semicolon, or with the text."""
    part: list[Token] = []
    for token in tokens:
        if token.text != ";":
            part.append(token)
        elif part:
            yield part, token.start
            part = []
    if part:
        yield part, length


Shape = tuple[tuple[Kind, str, bool], ...]


class _Intake:
    """Reads statement after statement; those that differ in nothing but values are read once."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.parser = sqlglot.Dialect.get_or_raise(dialect.value)
        self.read_before: dict[Shape, tuple[Meaning | None, list[Fault]]] = {}

    def read(self, text: str, tokens: Sequence[Token]) -> tuple[Meaning | None, list[Fault]]:
        shape = tuple((one.kind, _form(one), one.apart and one.text == "(") for one in tokens)
        known = self.read_before.get(shape)
        if known is None:
            known = self.read_before[shape] = self._read(text, tokens)
        elif known[0] is not None and self._cut(_blank(text, tokens), tokens) is None:
            return None, [_unread(0)]
        return known

    def _read(self, text: str, tokens: Sequence[Token]) -> tuple[Meaning | None, list[Fault]]:
        if faults := vocabulary(tokens, self.dialect):
            return None, faults
        try:
            found = outline(tokens, self.dialect)
            names = names_in(tokens, range(found.body, len(tokens)), found, self.dialect)
            picked = names_in(tokens, found.where, found, self.dialect)
        except Unread as unread:
            return None, [unread.fault]
        tree = self._parse(_blank(text, tokens), tokens)
        if tree is None:
            return None, [_unread(0)]
        if not _same(tree, tokens, found, names.written, tuple(picked.columns), self.dialect):
            return None, [_unread(0)]
        places = {token.start - tokens[0].start: at for at, token in enumerate(tokens)}
        faults = list(_judge(tree, found, places, self.dialect))
        return Meaning(found.verb, found.table, tuple(found.columns), tuple(picked.columns), tree), faults

    def _cut(self, text: str, tokens: Sequence[Token]) -> list[ParserToken] | None:
        """sqlglot's tokens, where they begin and end as ours do; it takes some pairs of words as one."""
        try:
            cut = self.parser.tokenize(text)
        except sqlglot.errors.SqlglotError:
            return None
        base, ours = tokens[0].start, iter(tokens)
        for theirs in cut:
            one = next(ours, None)
            if one is None or one.start - base != theirs.start:
                return None
            while one.end - base != theirs.end + 1:
                one = next(ours, None)
                if one is None or one.kind is not Kind.WORD or one.end - base > theirs.end + 1:
                    return None
        return cut if next(ours, None) is None else None

    def _parse(self, text: str, tokens: Sequence[Token]) -> exp.Expr | None:
        """sqlglot's tree of one statement; None unless it read all of it and can say it again."""
        cut = self._cut(text, tokens)
        if cut is None:
            return None
        try:
            trees = self.parser.parser(error_level=ErrorLevel.RAISE).parse(cut, text)
            if len(trees) != 1 or trees[0] is None or foreign(trees[0], self.dialect) is not None:
                return None
            said = self.parser.generate(trees[0], comments=False, unsupported_level=ErrorLevel.RAISE)
            again = self.parser.parser(error_level=ErrorLevel.RAISE).parse(self.parser.tokenize(said), said)
            return trees[0] if again == trees else None
        except Exception:  # what people write meets every corner of the parser; where it stumbles, it has not read
            return None


def _form(token: Token) -> str:
    """What of a token decides how its statement is read: of values only those with a meaning of their own."""
    if token.kind is Kind.NUMBER:
        return "1" if token.text.isdigit() else "1.5"
    if token.kind is Kind.HEX:
        return ""
    if token.kind is not Kind.STRING:
        return token.text
    inner = token.text[1:-1].strip().lower()
    return token.text if inner in MOMENTS or set(inner) <= {"%"} else ""


def _blank(text: str, tokens: Sequence[Token]) -> str:
    """The statement with its comments as blanks, so that both readings see the same."""
    pieces, base, place = [], tokens[0].start, 0
    for token in tokens:
        pieces += [" " * (token.start - base - place), token.text]
        place = token.end - base
    return "".join(pieces)


def _unread(at: int) -> Fault:
    return Fault(at, _("这条语句没能完整读懂，不能保证执行的就是审核的。换一种更简单的写法"), AS_REVIEWED)


def _same(
    tree: exp.Expr,
    tokens: Sequence[Token],
    found: Outline,
    names: list[str],
    where: tuple[str, ...],
    dialect: Dialect,
) -> bool:
    """Whether sqlglot's tree speaks of the same table, columns, names and values as the tokens do."""
    kinds = {Verb.INSERT: exp.Insert, Verb.UPDATE: exp.Update, Verb.DELETE: exp.Delete}
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if type(tree) is not kinds[found.verb] or not isinstance(target, exp.Table):
        return False
    said = [spelled(one, dialect) for one in tree.find_all(exp.Identifier)]
    header = [unquoted(one, dialect) for one in tokens[1 : found.body] if is_name(one)]
    literals = Counter(one.is_string for one in tree.find_all(exp.Literal))
    values = Counter(one.kind for one in tokens)
    condition = tree.args.get("where")
    return (
        Counter(said) == Counter(names) + Counter(header)
        and as_spoken(tree, Counter(one.text.upper() for one in tokens if one.kind in (Kind.WORD, Kind.SIGN)))
        and (literals[True], literals[False]) == (values[Kind.STRING], values[Kind.NUMBER])
        and sum(1 for _one in tree.find_all(exp.HexString)) == values[Kind.HEX]
        and (_name(target.args.get("db"), dialect), _name(target.this, dialect))
        == (found.table.schema, found.table.name)
        and _columns_of(tree, dialect) == tuple(found.columns)
        and {_name(one.this, dialect) for one in (condition.find_all(exp.Column) if condition else ())} == set(where)
    )


def _columns_of(tree: exp.Expr, dialect: Dialect) -> tuple[str, ...]:
    if isinstance(tree, exp.Insert):
        return tuple(_name(one, dialect) for one in tree.this.expressions)
    return tuple(_name(one.this.this, dialect) for one in tree.expressions)


def _name(node: object, dialect: Dialect) -> str:
    return spelled(node, dialect) if isinstance(node, exp.Identifier) else ""


def spelled(node: exp.Identifier, dialect: Dialect) -> str:
    """The name that a node of the tree stands for, as `unquoted` tells it of a token."""
    return node.name if node.args.get("quoted") else unquoted(Token(Kind.WORD, node.name, 0, False), dialect)


def _judge(tree: exp.Expr, found: Outline, places: dict[int, int], dialect: Dialect) -> Iterator[Fault]:
    """What is wrong with a statement that was read whole, and what is worth saying of it."""
    for node in moments(tree):
        words = _("「%(value)s」是执行那天的日期。写成确定的日期") % {"value": node.name}
        yield Fault(_at(node, places, found.where.start), words, AS_REVIEWED)
    order = tree.args.get("order")
    if order and not all(isinstance(one.this, exp.Column) for one in order.expressions):
        yield Fault(found.order.start, _("ORDER BY 里只写列名"), AS_REVIEWED)
    condition = tree.args.get("where")
    if condition is None:
        return
    if (part := loose(condition.this)) is not None:
        words = _("条件的这一部分不看行里的值，会放过所有的行。每个 OR 的两边都要有「列 = 值」这样的条件")
        yield Fault(_at(part, places, found.where.start), words, CORRECTION)
        return
    for part in constant_parts(condition):
        words = _("条件的这一部分与行无关，可以去掉")
        yield Fault(_at(part, places, found.where.start), words, CORRECTION, advice=True)


def _at(node: exp.Expr, places: dict[int, int], otherwise: int) -> int:
    """The token where a node begins, as far as sqlglot notes it."""
    starts = [one.meta["start"] for one in node.walk() if "start" in one.meta]
    return places.get(min(starts), otherwise) if starts else otherwise
