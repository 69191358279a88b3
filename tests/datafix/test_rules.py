"""A condition has to pick rows by what stands in them; one that lets every row through is refused in any form."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.datafix.reader import ALL, LITE, PG, read, reasons, refused
from weilu.datafix.words import Dialect

pytestmark = pytest.mark.once
NO_PICK = "条件的这一部分不看行里的值，会放过所有的行。每个 OR 的两边都要有「列 = 值」这样的条件"


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("text", ["UPDATE t SET a = 1", "DELETE FROM t", "DELETE FROM t -- WHERE id = 1"])
def test_without_where_is_refused(text: str, dialect: Dialect):
    assert refused(text, dialect) == [(1, 1, "DAT-1", "没有 WHERE：会改动整张表。写明要改哪些行")]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "condition",
    [
        "1 = 1", "1", "'a' = 'a'", "'a'", "TRUE", "NOT FALSE", "NOT (1 = 0)", "NULL IS NULL", "id = id", "id >= id",
        "id = (id)", "id + 0 = id", "lower(a) = a", "id", "NOT id", "-id", "id = 1 OR 1 = 1", "1 = 1 OR id = 1",
        "id IS NOT NULL OR 1 = 1", "id = 1 OR (a = 2 OR TRUE)", "(id = 1 AND a = 2) OR 2 > 1", "NOT (id = 1 AND 1 = 0)",
        "NOT (id = 1 AND FALSE)", "NOT NOT TRUE", "id IS NULL OR id IS NOT NULL", "id = 1 OR id <> 1",
        "id = 1 OR NOT id = 1", "id > 1 OR id <= 1", "id < 1 OR (id >= 1)", "NOT (id IS NULL AND id IS NOT NULL)",
        "a LIKE '%'", "a LIKE '%%'", "a NOT LIKE '%'", "id IN (id)", "id IN (1, id)", "id BETWEEN id AND 5",
        "id = NULL", "id <> NULL", "id = 1 = 1", "1 = 1 = id", "id = (1 = 1)", "(id = 1) = (id = 1)", "1 IN (1)",
        "1 BETWEEN 0 AND 2", "'x' LIKE 'x'", "coalesce(id, 1) = 1", "coalesce(1, id) = 1", "nullif(id, id) IS NULL",
        "id * 0 = 0", "id - id = 0", "a LIKE 'x' OR a NOT LIKE 'x'", "a IN (1) OR a NOT IN (1)",
        "CASE WHEN id = 1 THEN 1 ELSE 1 END = 1", "length(a) >= 0", "(id, 1) = (id, 1)",
        "abs(id) >= 0", "CASE WHEN id = 1 THEN TRUE ELSE TRUE END", "1 = 1 AND 2 = 2", "id = 1 IS NOT NULL",
    ],
)  # fmt: skip
def test_a_condition_that_lets_every_row_through_is_refused(condition: str, dialect: Dialect):
    assert reasons(f"DELETE FROM t WHERE {condition}", dialect) == [NO_PICK]
    assert reasons(f"UPDATE t SET b = 1 WHERE {condition}", dialect) == [NO_PICK]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "condition",
    [
        "id = 1", "1 = id", "t.id = 1", "id IN (1, 2)", "id BETWEEN 1 AND 5", "id <> 1", "a LIKE 'x%'", "a IS NULL",
        "a IS NOT NULL", "NOT a IS NULL", "id = 1 AND 1 = 1", "id = 1 OR a = 2", "NOT (id = 1 OR a = 2)", "a = b",
        "lower(a) = 'x'", "trim(upper(a)) LIKE 'X%'", "id = 1 AND coalesce(a, 0) = 0", "(id, a) IN ((1, 2), (3, 4))",
        "id = 1 AND length(a) > 3", "id = 1 + 2", "id = -1", "(id = 1)", "id = 1 AND (a = 2 OR TRUE)", "a NOT IN (1)",
    ],
)  # fmt: skip
def test_a_condition_that_picks_by_a_column_is_read(condition: str, dialect: Dialect):
    assert reasons(f"DELETE FROM t WHERE {condition}", dialect) == []


def test_conditions_of_one_server_alone():
    assert [reasons("DELETE FROM t WHERE id IS DISTINCT FROM id", one) for one in (PG, LITE)] == [[NO_PICK]] * 2
    assert [reasons("DELETE FROM t WHERE id IS DISTINCT FROM 3", one) for one in (PG, LITE)] == [[]] * 2
    assert reasons("DELETE FROM t WHERE a ILIKE '%'", PG) == [NO_PICK]
    assert reasons("DELETE FROM t WHERE a ILIKE 'x%'", PG) == []
    assert reasons("DELETE FROM t WHERE a ILIKE 'x%'", LITE) != []
    assert reasons("DELETE FROM t WHERE id <=> id", Dialect.MYSQL) == [NO_PICK]
    assert reasons("DELETE FROM t WHERE id = 1 || 1", Dialect.MYSQL) != []


def test_the_reason_names_the_part_that_lets_rows_through():
    assert [one[:3] for one in refused("DELETE FROM t\nWHERE id = 1\n   OR 2 = 2", PG)] == [(3, 7, "DAT-1")]


def test_a_part_that_has_nothing_to_do_with_the_row_is_advice():
    advice = read("DELETE FROM t WHERE 1 = 1 AND id = 3", PG).advice

    assert [(*one.place, str(one.clause), one.words) for one in advice] == [
        (1, 21, "DAT-1", "条件的这一部分与行无关，可以去掉")
    ]
    assert read("DELETE FROM t WHERE id = 3", PG).advice == ()


# Any condition at all, held against SQLite: a row in which nothing stands is let through by none that was accepted.

VALUES = st.sampled_from(["1", "0", "'x'", "-1", "id", "a", "b", "coalesce(a, 1)", "lower(a)", "(id)", "a + 1", "NULL"])
PLAIN = st.builds(
    lambda one, sign, other: f"{one} {sign} {other}", VALUES, st.sampled_from(["=", "<>", "<", ">=", "LIKE"]), VALUES
)
OTHERS = st.sampled_from(["1", "TRUE", "id", "a IN (1, 2)", "a NOT IN (0)", "b BETWEEN 0 AND 2", "1 IN (1)"])
CONDITIONS = st.recursive(
    PLAIN | OTHERS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=400)
@given(CONDITIONS)
def test_no_accepted_condition_lets_an_empty_row_through(condition: str):
    text = f"DELETE FROM t WHERE {condition}"
    if reasons(text, LITE):
        return
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (id, a, b)")
        database.execute("INSERT INTO t VALUES (NULL, NULL, NULL)")

        assert database.execute(text).rowcount == 0
