"""What only the catalogue knows: the table, its key, its engine, its columns and their types (DAT-1, DAT-2, DAT-3)."""

from dataclasses import replace

import pytest

from tests.datafix.reader import ALL, LITE, MY, PG, read
from weilu.datafix.facts import Column, Family, Table, TableKind, check_tables, family_of
from weilu.datafix.findings import WrongStatements
from weilu.datafix.words import Dialect

pytestmark = pytest.mark.once
ACCOUNT = Table(
    schema="public",
    name="t",
    kind=TableKind.TABLE,
    columns=(
        Column("id", "bigint", nullable=False),
        Column("num", "integer"),
        Column("price", "numeric(10,2)"),
        Column("code", "varchar(20)", nullable=False),
        Column("note", "text"),
        Column("day", "date"),
        Column("flag", "boolean"),
        Column("total", "integer", generated=True),
    ),
    primary_key=("id",),
    unique=(("code",), ("note",)),
)


def judged(text: str, dialect: Dialect = PG, *tables: Table) -> list[tuple[str, str]]:
    """Clause and first words of what the facts forbid; empty where they forbid nothing."""
    try:
        check_tables(read(text, dialect), tables or [ACCOUNT])
    except WrongStatements as wrong:
        return [(str(one.clause), one.words) for one in wrong.findings]
    return []


@pytest.mark.parametrize("dialect", ALL)
def test_a_table_that_is_not_there_is_refused(dialect: Dialect):
    assert judged("DELETE FROM x WHERE id = 1", dialect) == [("DAT-2", "没有表 x。检查名称")]
    assert judged("DELETE FROM other.t WHERE id = 1", dialect) == [("DAT-2", "没有表 other.t。检查名称")]
    assert judged("DELETE FROM public.t WHERE id = 1", dialect) == []


def test_a_name_that_means_two_tables_is_refused():
    twin = replace(ACCOUNT, schema="archive")

    assert judged("DELETE FROM t WHERE id = 1", PG, ACCOUNT, twin) == [("DAT-2", "叫 t 的表不止一张。写上模式名")]
    assert judged("DELETE FROM archive.t WHERE id = 1", PG, ACCOUNT, twin) == []


def test_capitals_of_names_count_where_the_server_counts_them():
    assert judged('DELETE FROM t WHERE "ID" = 1', PG) == [("DAT-2", "表 t 没有列 ID。检查列名")]
    assert [judged("DELETE FROM T WHERE ID = 1", one) for one in (PG, LITE)] == [[], []]
    assert judged("DELETE FROM T WHERE id = 1", MY) == [("DAT-2", "没有表 T。检查名称")]
    assert judged("DELETE FROM t WHERE ID = 1", MY) == []


@pytest.mark.parametrize("kind", [TableKind.VIEW, TableKind.FOREIGN, TableKind.TEMPORARY, TableKind.OTHER])
def test_only_base_tables_are_written_to(kind: TableKind):
    assert judged("DELETE FROM t WHERE id = 1", PG, replace(ACCOUNT, kind=kind)) == [
        ("DAT-2", "t 不是基本表。写改动真正落到的那张表")
    ]


def test_a_partitioned_table_is_a_table():
    assert judged("DELETE FROM t WHERE id = 1", PG, replace(ACCOUNT, kind=TableKind.PARTITIONED)) == []


def test_a_table_without_primary_key_is_refused():
    assert judged("DELETE FROM t WHERE num = 1", PG, replace(ACCOUNT, primary_key=())) == [
        ("DAT-3", "表 t 没有主键，认不出改的是哪几行。先加主键")
    ]


def test_an_engine_without_transactions_is_refused():
    assert judged("DELETE FROM t WHERE id = 1", MY, replace(ACCOUNT, engine="MyISAM")) == [
        ("DAT-3", "表 t 的引擎 MyISAM 没有事务，改了就退不回。先换成 InnoDB")
    ]
    assert judged("DELETE FROM t WHERE id = 1", MY, replace(ACCOUNT, engine="InnoDB")) == []


@pytest.mark.parametrize("dialect", ALL)
def test_a_column_that_is_not_there_is_refused(dialect: Dialect):
    """SQLite would take a quoted one for a string, and the condition for a constant."""
    text = 'DELETE FROM t WHERE code = "nix"' if dialect is not MY else "DELETE FROM t WHERE code = nix"

    assert judged(text, dialect) == [("DAT-2", "表 t 没有列 nix。检查列名")]


@pytest.mark.parametrize("dialect", ALL)
def test_a_primary_key_is_not_changed_but_inserted(dialect: Dialect):
    changed = [("DAT-3", "ID 属于主键，改了就认不出原来的行。改成删除旧行、插入新行")]

    assert judged("UPDATE t SET ID = 2 WHERE id = 1", dialect) == [
        (clause, words.replace("ID", "id") if dialect is PG else words) for clause, words in changed
    ]
    assert judged("INSERT INTO t (id, code) VALUES (1, 'x')", dialect) == []


@pytest.mark.parametrize("dialect", ALL)
def test_a_generated_column_is_not_written(dialect: Dialect):
    assert judged("UPDATE t SET total = 2 WHERE id = 1", dialect) == [
        ("DAT-2", "列 total 由数据库算出，不能写。去掉它")
    ]


def test_a_key_that_the_database_gives_is_advice():
    advice = check_tables(read("INSERT INTO t (code) VALUES ('x')"), [ACCOUNT])

    assert [(str(one.clause), one.words) for one in advice] == [
        ("DAT-2", "没有写主键的值：由数据库给出，预演和执行时可能不同")
    ]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "condition", ["id IS NOT NULL", "code IS NOT NULL", "num IS NULL OR id IS NOT NULL", "NOT (id IS NULL)"]
)
def test_asking_a_column_that_is_never_empty_whether_it_is_picks_nothing(condition: str, dialect: Dialect):
    assert [clause for clause, _words in judged(f"DELETE FROM t WHERE {condition}", dialect)] == ["DAT-1"]
    assert judged("DELETE FROM t WHERE num IS NOT NULL", dialect) == []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "condition",
    [
        "num = '1abc'", "num = '1'", "'1' = num", "price > '1.5'", "code = 0", "note = 1.5", "day = 20240101",
        "num IN (1, 'x')", "num BETWEEN 1 AND '2'", "(id, code) IN ((1, 2))", "code = num", "day = note",
        "id = 1 AND num = '1'", "NOT num = '1'", "lower(code) = 1", "coalesce(num, 0) = 'x' AND id = 1", "flag = 't'",
    ],
)  # fmt: skip
def test_a_comparison_that_turns_types_in_silence_is_refused(condition: str, dialect: Dialect):
    (found,) = judged(f"DELETE FROM t WHERE {condition}", dialect)

    assert (found[0], found[1].split("，")[0].endswith("类型不同")) == ("DAT-2", True)


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "condition",
    [
        "num = 1", "price = -1.5", "code = '1abc'", "day = '2024-01-31'", "flag = TRUE", "id IN (1, 2)", "num = price",
        "code = note", "lower(code) = 'x'", "(id, code) IN ((1, 'x'))", "id = 1 AND length(code) = 3", "num <> 1 + 2",
    ],
)  # fmt: skip
def test_a_comparison_within_one_family_is_read(condition: str, dialect: Dialect):
    assert judged(f"DELETE FROM t WHERE {condition}", dialect) == []


def test_a_truth_is_a_number_but_in_postgresql():
    assert [len(judged("DELETE FROM t WHERE num = TRUE", one)) for one in ALL] == [1, 0, 0]


def test_postgresql_reads_now_as_the_present_day_where_a_date_stands():
    assert [clause for clause, _words in judged("UPDATE t SET day = 'Now' WHERE id = 1")] == ["DAT-2"]
    assert [
        clause for clause, _words in judged("INSERT INTO t (id, day) VALUES (1, '2024-01-01'), (2, ' today ')")
    ] == ["DAT-2"]
    assert [clause for clause, _words in judged("DELETE FROM t WHERE day < 'yesterday'")] == ["DAT-2"]
    assert judged("UPDATE t SET note = 'now' WHERE id = 1") == []


def test_every_statement_of_a_shape_is_judged_by_its_own_moment():
    rest = "".join(f"UPDATE t SET day = '2024-01-{n:02d}' WHERE id = {n};" for n in range(1, 30))

    assert judged(rest) == []
    assert len(judged(rest + "UPDATE t SET day = 'now' WHERE id = 1;")) == 1


@pytest.mark.parametrize("dialect", [MY, LITE])
def test_a_limit_needs_an_order_that_leaves_no_two_rows_side_by_side(dialect: Dialect):
    by = {
        one: judged(f"DELETE FROM t WHERE num = 1 ORDER BY {one} LIMIT 3", dialect)
        for one in ("num, ID", "code", "num", "note")
    }

    assert {one: [clause for clause, _words in found] for one, found in by.items()} == {
        "num, ID": [],
        "code": [],
        "num": ["DAT-2"],
        "note": ["DAT-2"],
    }


def test_types_belong_to_families():
    families = {
        "int(11) unsigned": Family.NUMBER, "double precision": Family.NUMBER, "timestamp with time zone": Family.TIME,
        "character varying(3)": Family.TEXT, "tinyint(1)": Family.NUMBER, "enum('a','b')": Family.TEXT,
        "set('a')": Family.TEXT, "jsonb": Family.OTHER, "int4range": Family.OTHER, "integer[]": Family.OTHER,
        "uuid": Family.OTHER, "bytea": Family.OTHER, "point": Family.OTHER, "bool": Family.TRUTH, "": Family.OTHER,
        "interval": Family.TIME, "year(4)": Family.TIME, "money": Family.OTHER, "tsvector": Family.OTHER,
    }  # fmt: skip

    assert {one: family_of(one) for one in families} == families
