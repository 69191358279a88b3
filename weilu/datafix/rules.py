"""Which rows a condition picks, and whether it picks any at all: read from sqlglot's tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlglot import exp

from weilu.datafix.words import MOMENTS, Dialect, these

# What a tree may be made of, beside functions, whose names were looked at before.
ALLOWED = frozenset(
    {
        exp.Update, exp.Insert, exp.Delete, exp.Schema, exp.Table, exp.TableAlias, exp.Identifier, exp.Column,
        exp.Where, exp.Values, exp.Tuple, exp.Order, exp.Ordered, exp.Limit, exp.Paren, exp.Literal, exp.HexString,
        exp.Null, exp.Boolean, exp.DataType, exp.DataTypeParam, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
        exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Not, exp.And,
        exp.Or, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe,
    }
)  # fmt: skip
# What stands in a tree as often as its words and signs in the text: else the parser has passed over one.
SPOKEN_AS: tuple[tuple[tuple[type[exp.Expr], ...], frozenset[str]], ...] = (
    ((exp.And, exp.Between), these("AND")), ((exp.Or,), these("OR")), ((exp.Between,), these("BETWEEN")),
    ((exp.In,), these("IN")), ((exp.Like, exp.ILike), these("LIKE ILIKE")), ((exp.Escape,), these("ESCAPE")),
    ((exp.Null,), these("NULL")), ((exp.Boolean,), these("TRUE FALSE")), ((exp.Case,), these("CASE")),
    ((exp.Add,), these("+")), ((exp.Sub, exp.Neg), these("-")), ((exp.Mul,), these("*")), ((exp.Div,), these("/")),
    ((exp.Mod,), these("% MOD")), ((exp.DPipe,), these("||")), ((exp.EQ,), these("=")), ((exp.NEQ,), these("<> !=")),
    ((exp.GT,), these(">")), ((exp.GTE,), these(">=")), ((exp.LT,), these("<")), ((exp.LTE,), these("<=")),
)  # fmt: skip
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.ILike)
PREDICATES = (*COMPARISONS, exp.Is, exp.In, exp.Between, exp.Not, exp.And, exp.Or)
# A column stays itself under these: what it is compared with still tells rows apart.
SOFT = (exp.Paren, exp.Lower, exp.Upper, exp.Trim, exp.Cast)
OPPOSITES: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.NEQ: exp.EQ, exp.GTE: exp.LT, exp.GT: exp.LTE, exp.NullSafeNEQ: exp.NullSafeEQ,
}  # fmt: skip


def foreign(tree: exp.Expr, dialect: Dialect) -> exp.Expr | None:
    """The first node that no allowed statement has."""
    for node in tree.walk():
        if isinstance(node, exp.Anonymous) or (type(node) not in ALLOWED and not isinstance(node, exp.Func)):
            return node
        if isinstance(node, exp.ILike) and dialect is not Dialect.POSTGRESQL:
            return node
        if isinstance(node, exp.In) and not node.expressions:
            return node
        if isinstance(node, exp.Tuple) and not _compares_rows(node) and not isinstance(node.parent, exp.Values):
            return node
    return None


def as_spoken(tree: exp.Expr, words: Counter[str]) -> bool:
    """Whether the tree holds as many of each kind of node as the statement has words and signs for them."""
    nodes = Counter(type(node) for node in tree.walk())
    turned = nodes[exp.Not] + sum(1 for node in tree.walk() if node.args.get("negate"))
    return words["NOT"] == turned + nodes[exp.NullSafeEQ] - words["<=>"] and all(
        sum(nodes[kind] for kind in kinds) == sum(words[word] for word in said) for kinds, said in SPOKEN_AS
    )


def _compares_rows(node: exp.Tuple) -> bool:
    """`(a, b) IN ((1, 2), (3, 4))` in a condition."""
    return isinstance(node.parent, exp.In | exp.EQ) and not isinstance(node.parent.parent, exp.Update)


def loose(node: exp.Expr, negated: bool = False, never_null: frozenset[str] = frozenset()) -> exp.Expr | None:
    """The part of a condition that lets rows through whatever they hold; None where each row is picked by a column.

    Of parts joined by AND one that picks is enough, of parts joined by OR each has to; NOT turns this round.
    """
    while isinstance(node, exp.Paren | exp.Not):
        negated = negated != isinstance(node, exp.Not)
        node = node.this
    if not isinstance(node, exp.And | exp.Or):
        return None if _picks(node, negated, never_null) else node
    parts = list(node.flatten())
    judged = [loose(part, negated, never_null) for part in parts]
    if isinstance(node, exp.And) != negated:
        return None if None in judged else judged[0]
    return next((part for part in judged if part is not None), None) or _both_ways(parts)


def _both_ways(parts: list[exp.Expr]) -> exp.Expr | None:
    """The part of an OR whose opposite is there as well: `x = 1 OR x <> 1`."""
    seen: dict[exp.Expr, bool] = {}
    for part in parts:
        plain, turned = _sided(part)
        if seen.setdefault(plain, turned) != turned:
            return part
    return None


def _sided(node: exp.Expr) -> tuple[exp.Expr, bool]:
    """A part as its positive form, and whether it stood negated."""
    turned = False
    while isinstance(node, exp.Paren | exp.Not):
        turned = turned != isinstance(node, exp.Not)
        node = node.this
    if (other := OPPOSITES.get(type(node))) is not None:
        return other(this=node.this.copy(), expression=node.expression.copy()), not turned
    if node.args.get("negate"):  # how the parser keeps some of `IS NOT`, `NOT LIKE`
        node = node.copy()
        node.set("negate", None)
        return node, not turned
    return node, turned


def _picks(node: exp.Expr, negated: bool, never_null: frozenset[str]) -> bool:
    """Whether one comparison asks something of a column that not every row answers alike."""
    if isinstance(node, COMPARISONS):
        other = node.expression
        if isinstance(node, exp.Like | exp.ILike) and _matches_all(other):
            return False
        if isinstance(other, exp.Null) and not isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
            return False
        if isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ) and isinstance(other, exp.Null):
            return _is_column(node.this) and not _names(node.this) <= never_null
        return _apart(node.this, [other]) or _apart(other, [node.this])
    if isinstance(node, exp.Is):
        tested = node.expression
        return _is_column(node.this) and not (isinstance(tested, exp.Null) and _names(node.this) <= never_null)
    if isinstance(node, exp.In):
        return bool(node.expressions) and _apart(node.this, node.expressions)
    if isinstance(node, exp.Between):
        return _apart(node.this, [node.args["low"], node.args["high"]])
    return False


def _apart(one: exp.Expr, others: Iterable[exp.Expr]) -> bool:
    """Whether `one` is a column and none of `others` speaks of it or is itself a condition."""
    return _is_column(one) and not any(_names(one) & _names(other) or _has_condition(other) for other in others)


def _is_column(node: exp.Expr) -> bool:
    while isinstance(node, SOFT):
        if isinstance(node, exp.Trim) and node.expression is not None:
            return False
        node = node.this
    if isinstance(node, exp.Tuple):
        return bool(node.expressions) and all(isinstance(one, exp.Column) for one in node.expressions)
    return isinstance(node, exp.Column)


def _names(node: exp.Expr) -> frozenset[str]:
    return frozenset(one.name.lower() for one in node.find_all(exp.Column))


def _has_condition(node: exp.Expr) -> bool:
    return node.find(*PREDICATES) is not None


def _matches_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and bool(node.name) and set(node.name) <= {"%"}


def constant_parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The comparisons of a condition that name no column."""
    for node in condition.walk(prune=lambda one: isinstance(one, PREDICATES) and not _joins(one)):
        if not _joins(node) and not isinstance(node, exp.Where) and not _names(node):
            yield node


def _joins(node: exp.Expr) -> bool:
    return isinstance(node, exp.And | exp.Or | exp.Not | exp.Paren)


def moments(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Texts cast to a date or time that mean the present day or moment."""
    for cast in tree.find_all(exp.Cast):
        inner = cast.this.unnest()
        if isinstance(inner, exp.Literal) and inner.name.strip().lower() in MOMENTS:
            yield inner
