"""Whatever is typed is refused, or told as the server would do it; nothing else ever comes out."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.datafix.reader import ALL, LITE, read, reasons, told
from weilu.datafix.words import Dialect

pytestmark = pytest.mark.once
TABLES = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE TABLE u (id INTEGER PRIMARY KEY, a, b)"
VALID = [
    "UPDATE t SET a = 'x', b = lower(a) WHERE id = 1 AND b <> 'y'",
    "UPDATE main.t AS z SET a = CASE WHEN b = 1 THEN 2 ELSE a END WHERE z.id IN (1, 2) OR z.b BETWEEN 1 AND 3",
    "DELETE FROM t WHERE id = 1 -- one\n AND a IS NULL",
    "DELETE FROM u WHERE \"a\" LIKE 'x%' /* two */ AND NOT (b = 1)",
    "INSERT INTO t (id, a) VALUES (1, 'x'), (2, -3)",
    "UPDATE u SET b = coalesce(a, 'it''s') || '--' WHERE (id, a) IN ((1, 2))",
]
PIECES = [
    *"'\"`;#\\\n(),.=%?@[]\x00b1", "--", "/*", "*/", "/*!", "$$", "||", "x'", "E'", " OR 1=1 ", " OR ", " AND ",
    " NOT ", " u ", " t ", " id ", " a ", " WHERE ", " SET ", " FROM ", " LIMIT 1", " ORDER BY id", " RETURNING *",
    " SELECT ", " DELETE FROM u ", "; DELETE FROM u", " UPDATE ", " INSERT ", " VALUES ", " AS ", " IS NULL", " IN ",
    " random() ", " current_date ", " NULL ", " CASE ", " END ", " COLLATE nocase ", " rowid ",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(VALID))
    for _turn in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        kept = draw(st.integers(at, min(len(text), at + 12)))
        text = text[:at] + draw(st.sampled_from(["", *PIECES]) | st.text(max_size=2)) + text[kept:]
    return text


def done(text: str) -> tuple[set[tuple[str, str, str]], set[str]]:
    """What SQLite says of a statement as it compiles it: (verb, table, column) written, and columns read."""
    written, looked = set(), set()

    def note(action: int, table: str | None, column: str | None, _schema: str | None, _inside: str | None) -> int:
        verbs = {sqlite3.SQLITE_UPDATE: "update", sqlite3.SQLITE_INSERT: "insert", sqlite3.SQLITE_DELETE: "delete"}
        if action in verbs:
            written.add((verbs[action], str(table), column or ""))
        elif action == sqlite3.SQLITE_READ:
            looked.add(f"{table}.{column}".lower())
        elif action not in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_TRANSACTION}:
            written.add((f"action {action}", str(table), str(column)))
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(TABLES)
        database.set_authorizer(note)
        database.execute("EXPLAIN " + text)
    return written, looked


@settings(max_examples=600)
@given(mutated())
@example(VALID[0])
@example(VALID[1])
@example(VALID[2])
@example(VALID[3])
@example(VALID[4])
@example(VALID[5])
def test_what_is_told_is_what_sqlite_does(text: str):
    if reasons(text, LITE):
        return
    for statement in read(text, LITE).statements:
        try:
            written, looked = done(statement.text)
        except sqlite3.Error:
            continue  # the server refuses it, which changes nothing either
        verb, table = statement.verb.value, statement.table.name.lower()
        columns = {one.lower() for one in statement.columns} if verb == "update" else {""}
        assert {(verb, table.lower(), column.lower()) for verb, table, column in written} == {
            (verb, table, column) for column in columns
        }
        asked = {f"{table}.{one.lower()}" for one in statement.where}
        known = {f"{table}.{one}" for one in ("id", "a", "b")}
        assert asked & known <= looked | {f"{table}.id"}
        assert {one.split(".")[0] for one in looked} <= {table}


@settings(max_examples=300)
@given(mutated())
def test_dialects_that_accept_a_text_tell_the_same_of_it(text: str):
    accepted = [told(text, one) for one in ALL if not reasons(text, one)]

    assert all(str(one).lower() == str(accepted[0]).lower() for one in accepted)


@settings(max_examples=300)
@given(mutated(), st.sampled_from(ALL))
def test_what_is_told_lies_at_its_bytes_and_is_told_again_of_them_alone(text: str, dialect: Dialect):
    if reasons(text, dialect):
        return
    data = text.encode()
    for statement in read(data, dialect).statements:
        alone = data[statement.start : statement.end]

        assert alone == statement.text.encode()
        assert told(alone, dialect) == [
            (statement.verb.value, str(statement.table), statement.columns, statement.where)
        ]


@settings(max_examples=400)
@given(st.binary(max_size=200), st.sampled_from(ALL))
def test_any_bytes_are_refused_or_read(data: bytes, dialect: Dialect):
    assert reasons(data, dialect) or read(data, dialect).statements


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), st.sampled_from(ALL))
def test_any_text_is_refused_or_read(pieces: list[str], dialect: Dialect):
    data = "UPDATE t SET a = 1 WHERE id = 1".join(["", "".join(pieces)]).encode("utf-8", "replace")

    assert reasons(data, dialect) or read(data, dialect).statements
