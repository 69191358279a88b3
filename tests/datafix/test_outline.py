"""Which statements are allowed: INSERT, UPDATE, DELETE on one table, with values that are the same in each run."""

import pytest

from tests.datafix.reader import ALL, LITE, MY, PG, reasons, refused, told
from weilu.datafix.words import Dialect

pytestmark = pytest.mark.once


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("DAT-1", "CREATE TABLE t (a int)"),
        ("DAT-1", "ALTER TABLE t ADD a int"),
        ("DAT-1", "DROP TABLE t"),
        ("DAT-1", "TRUNCATE t"),
        ("DAT-1", "GRANT ALL ON t TO x"),
        ("DAT-2", "BEGIN"),
        ("DAT-2", "START TRANSACTION"),
        ("DAT-2", "COMMIT"),
        ("DAT-2", "ROLLBACK TO x"),
        ("DAT-2", "SAVEPOINT x"),
        ("DAT-2", "SET sql_safe_updates = 0"),
        ("DAT-2", "CALL f()"),
        ("DAT-2", "DO SLEEP(1)"),
        ("DAT-2", "EXPLAIN ANALYZE DELETE FROM t WHERE id = 1"),
        ("DAT-2", "COPY t FROM 'x'"),
        ("DAT-2", "LOAD DATA INFILE 'x' INTO TABLE t"),
        ("DAT-2", "PRAGMA writable_schema = 1"),
        ("DAT-2", "ATTACH 'x' AS y"),
        ("DAT-2", "SELECT 1"),
        ("DAT-2", "SELECT * FROM t INTO OUTFILE 'x'"),
        ("DAT-2", "WITH x AS (DELETE FROM t RETURNING *) SELECT 1"),
        ("DAT-2", "WITH x AS (SELECT 1) DELETE FROM t WHERE id = 1"),
        ("DAT-2", "(DELETE FROM t WHERE id = 1)"),
        ("DAT-2", "nonsense"),
        ("DAT-2", "'x'"),
        ("DAT-3", "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE"),
        ("DAT-3", "REPLACE INTO t (id) VALUES (1)"),
    ],
)
def test_other_statements_are_refused(clause: str, text: str, dialect: Dialect):
    assert [one[:3] for one in refused(text, dialect)] == [(1, 1, clause)]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
        "INSERT INTO t (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2",
        "INSERT OR REPLACE INTO t (id) VALUES (1)",
        "INSERT OR IGNORE INTO t (id) VALUES (1)",
        "INSERT IGNORE INTO t (id) VALUES (1)",
        "UPDATE IGNORE t SET a = 1 WHERE id = 1",
        "UPDATE OR REPLACE t SET a = 1 WHERE id = 1",
        "DELETE IGNORE FROM t WHERE id = 1",
    ],
)
def test_what_inserts_or_changes_as_it_comes_is_refused(text: str, dialect: Dialect):
    assert "不接受 REPLACE、MERGE、ON CONFLICT、ON DUPLICATE KEY 和 IGNORE" in "".join(reasons(text, dialect))


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t, u SET a = 1 WHERE t.id = 1",
        "UPDATE t JOIN u ON t.id = u.id SET a = 1 WHERE t.id = 1",
        "UPDATE t SET a = u.a FROM u WHERE t.id = u.id",
        "UPDATE t SET a = 1 FROM u WHERE t.id = 1",
        "DELETE t FROM t JOIN u ON t.id = u.id WHERE t.id = 1",
        "DELETE FROM t USING u WHERE t.id = u.id",
        "DELETE t, u FROM t, u WHERE t.id = 1",
        "DELETE FROM t, u WHERE t.id = 1",
        "UPDATE ONLY t SET a = 1 WHERE id = 1",
        "DELETE FROM ONLY t WHERE id = 1",
        "DELETE FROM t * WHERE id = 1",
        "UPDATE t PARTITION (p0) SET a = 1 WHERE id = 1",
        "UPDATE LOW_PRIORITY t SET a = 1 WHERE id = 1",
        "DELETE QUICK FROM t WHERE id = 1",
        "UPDATE t INDEXED BY i SET a = 1 WHERE id = 1",
        "UPDATE a.b.c SET a = 1 WHERE id = 1",
        "UPDATE (SELECT * FROM t) SET a = 1 WHERE id = 1",
        "UPDATE t SET u.a = 1 WHERE id = 1",
        "UPDATE t SET a = u.a WHERE id = 1",
        "UPDATE t AS x SET a = 1 WHERE t.id = 1",
        "UPDATE t SET a = 1 WHERE s.t.id = 1",
        "UPDATE t SET a = (SELECT 1) WHERE id = 1",
        "DELETE FROM t WHERE id IN (SELECT id FROM u)",
        "DELETE FROM t WHERE EXISTS (SELECT 1 FROM u)",
        "DELETE FROM t WHERE id = ANY (ARRAY(SELECT 1))",
        "DELETE FROM t WHERE CURRENT OF c",
        "INSERT INTO t (id) SELECT 1",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (id) TABLE u",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t () VALUES ()",
        "INSERT INTO t SET id = 1",
        "INSERT INTO t (id) OVERRIDING SYSTEM VALUE VALUES (1)",
        "INSERT INTO t (id, a) VALUES (1)",
        "INSERT INTO t (id) VALUES (1, 2)",
        "INSERT INTO t (id, id) VALUES (1, 2)",
        "INSERT INTO t (id) VALUES ((1, 2))",
        "INSERT INTO t (id) VALUES (DEFAULT)",
        "INSERT t (id) VALUES (1)",
        "DELETE t WHERE id = 1",
        "DELETE FROM t WHERE id = 1 RETURNING *",
        "INSERT INTO t (id) VALUES (1) RETURNING id",
        "DELETE FROM t WHERE id = 1 DELETE FROM t",
        "UPDATE t SET a = 1 WHERE id = 1 WHERE id = 2",
        "UPDATE t SET a = 1, WHERE id = 1",
        "UPDATE t SET a = 1, A = 2, a = 3 WHERE id = 1",
        "UPDATE t SET (a, b) = (1, 2) WHERE id = 1",
        "UPDATE t SET a = (1, 2) WHERE id = 1",
        "UPDATE t SET a[1] = 2 WHERE id = 1",
        "UPDATE t SET a = 1 WHERE id = 1)",
        "UPDATE t SET a = (1 WHERE id = 1",
        "UPDATE t SET a = 1 WHERE (id = 1",
        "UPDATE t SET a = WHERE id = 1",
        "UPDATE t SET a = 1 WHERE",
        "UPDATE t SET a 1 WHERE id = 1",
        "UPDATE",
        "DELETE FROM t WHERE id = 1 LIMIT 1, 2",
        "DELETE FROM t WHERE id = 1 ORDER BY id LIMIT 1 OFFSET 2",
        "DELETE FROM t WHERE id = 1 FOR UPDATE",
    ],
)
def test_anything_but_one_table_and_its_values_is_refused(text: str, dialect: Dialect):
    assert reasons(text, dialect) != []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "value",
    [
        "setval('s', 1)", "nextval('s')", "pg_terminate_backend(1)", "lo_export(1, 'x')", "dblink('x', 'y')",
        "LOAD_FILE('x')", "SLEEP(1)", "BENCHMARK(1, 2)", "GET_LOCK('x', 1)", "LAST_INSERT_ID(a)", "load_extension('x')",
        "writefile('x', 'y')", "set_config('x', 'y', false)", "txid_current()", "my_function(a)", "public.lower(a)",
        "pg_catalog.lower(a)", '"lower"(a)', "now()", "clock_timestamp()", "CURRENT_TIMESTAMP", "current_date",
        "localtime", "utc_timestamp", "sysdate()", "datetime('now')", "strftime('%s', 'now')",
        "random()", "rand()", "randomblob(4)", "uuid()", "gen_random_uuid()", "user", "current_user", "session_user",
        "version()", "changes()", "DEFAULT", "DEFAULT(a)", "VALUES(a)", "INSERT('abc', 1, 1, 'x')", "max(a)",
        "count(*)", "lower(a) OVER ()", "lower (a)", "lower(DISTINCT a)", "ROW(1)", "INTERVAL '1' DAY", "a COLLATE x",
        "a XOR b", "a DIV 2", "a & 1", "a ^ 1", "~a", "!a", "a ~ 'x'", "a @> 'x'", "CAST(a AS regclass)",
        "CAST(a AS s.t)", "CAST(a AS text[])", "CAST('now' AS date)", "(a, b)", "*", "t.*",
    ],
)  # fmt: skip
def test_values_that_change_from_run_to_run_or_act_elsewhere_are_refused(value: str, dialect: Dialect):
    assert reasons(f"UPDATE t SET a = {value} WHERE id = 1", dialect) != []
    assert reasons(f"INSERT INTO t (a) VALUES ({value})", dialect) != []
    assert reasons(f"DELETE FROM t WHERE a = {value}", dialect) != []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("value", "at"),
    [("1 AND b = 2", 20), ("1 OR b = 2", 20), ("b = 2", 20), ("b IS NULL", 20), ("b IN (1)", 20), ("1 <> b", 20)],
)
def test_a_comparison_where_a_comma_was_meant_is_refused(value: str, at: int, dialect: Dialect):
    assert [one[:3] for one in refused(f"UPDATE t SET a = {value} WHERE id = 1", dialect)] == [(1, at, "DAT-2")]


def test_a_truth_in_brackets_is_a_value():
    assert [told("UPDATE t SET a = (b = 2 AND c = 1) WHERE id = 1", one) for one in ALL] == [
        [("update", "t", ("a",), ("id",))]
    ] * 3


def test_two_bars_join_texts_but_in_mysql():
    text = "UPDATE t SET a = a || 'x' WHERE id = 1"

    assert [reasons(text, PG), reasons(text, LITE)] == [[], []]
    assert reasons(text, MY) != []


def test_columns_that_move_with_the_row_are_refused():
    assert reasons("DELETE FROM t WHERE ctid = '(0,1)'", PG) != []
    assert reasons("UPDATE t SET rowid = 1 WHERE id = 1", LITE) != []
    assert reasons("UPDATE t SET a = 1 WHERE _rowid_ = 1", LITE) != []


def test_the_present_day_is_no_value():
    assert reasons("UPDATE t SET a = date('now') WHERE id = 1", LITE)[0].startswith("函数 date")
    assert reasons("UPDATE t SET a = date('now') WHERE id = 1", PG)[0].startswith("函数 date")
    assert reasons("UPDATE t SET a = CAST(' Now ' AS timestamp) WHERE id = 1", PG)[0].startswith("「 Now 」是执行那天")
    assert reasons("UPDATE t SET a = 'today'::date WHERE id = 1", PG)[0].startswith("「today」是执行那天")


def test_limit_needs_an_order_and_a_server_that_knows_it():
    ordered, bare = "DELETE FROM t WHERE a = 1 ORDER BY id LIMIT 3", "DELETE FROM t WHERE a = 1 LIMIT 3"

    assert [told(ordered, MY), told(ordered, LITE)] == [[("delete", "t", (), ("a",))]] * 2
    assert [reasons(bare, one)[0].split("：")[0] for one in (MY, LITE)] == ["LIMIT 没有 ORDER BY"] * 2
    assert [reasons(one, PG)[0].split("。")[0] for one in (ordered, bare)] == [
        "PostgreSQL 的 UPDATE 和 DELETE 没有 ORDER BY 和 LIMIT"
    ] * 2
    assert reasons("DELETE FROM t WHERE a = 1 ORDER BY rand() LIMIT 3", MY) != []
    assert reasons("DELETE FROM t WHERE a = 1 ORDER BY lower(a) LIMIT 3", MY) == ["ORDER BY 里只写列名"]
