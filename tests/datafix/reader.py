"""What tests of the intake ask: what is told of a text, or what is refused in it and where."""

from weilu.datafix.findings import WrongStatements
from weilu.datafix.reading import Correction, take_in
from weilu.datafix.words import Dialect

PG, MY, LITE = Dialect
ALL = tuple(Dialect)
Told = list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]


def read(text: str | bytes, dialect: Dialect = PG) -> Correction:
    return take_in(text if isinstance(text, bytes) else text.encode(), dialect)


def told(text: str | bytes, dialect: Dialect = PG) -> Told:
    """Verb, table, columns and the columns of the condition, of each statement."""
    return [(one.verb.value, str(one.table), one.columns, one.where) for one in read(text, dialect).statements]


def refused(text: str | bytes, dialect: Dialect = PG) -> list[tuple[int, int, str, str]]:
    """Line, column, clause and the first words of all that is refused; empty where nothing is."""
    try:
        read(text, dialect)
    except WrongStatements as wrong:
        return [(*one.place, str(one.clause), one.words) for one in wrong.findings]
    return []


def reasons(text: str | bytes, dialect: Dialect = PG) -> list[str]:
    return [words for _line, _column, _clause, words in refused(text, dialect)]
