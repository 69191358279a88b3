"""Bytes into statements: what is told of them is what a server would do, and what could be read two ways is refused."""

import hashlib

import pytest

from tests.datafix.reader import ALL, LITE, MY, PG, read, reasons, refused, told
from weilu.datafix.findings import MOST_FINDINGS, WrongStatements
from weilu.datafix.scanning import MOST_BYTES, MOST_TOKENS
from weilu.datafix.words import Dialect

pytestmark = pytest.mark.once
SAME = [("update", "t", ("a",), ("id",))]


def first(text: str | bytes, dialect: Dialect) -> str:
    """The first word or two of the only reason, which says what it is about."""
    (reason,) = reasons(text, dialect)
    return reason.split("。")[0].split("：")[0]


# What is told.


@pytest.mark.parametrize("dialect", ALL)
def test_statements_are_told_in_order_with_their_own_bytes(dialect: Dialect):
    text = "-- 更正\nUPDATE 客户 SET 姓名 = '王''五' WHERE 编号 = 3;\n\nDELETE FROM s.u AS x WHERE x.id IN (1, 2)\n;"
    data = text.encode()

    correction = read(data, dialect)

    assert correction.sha256 == hashlib.sha256(data).hexdigest()
    assert [data[one.start : one.end].decode() for one in correction.statements] == [
        "UPDATE 客户 SET 姓名 = '王''五' WHERE 编号 = 3",
        "DELETE FROM s.u AS x WHERE x.id IN (1, 2)",
    ]
    assert [one.text.encode() for one in correction.statements] == [
        data[one.start : one.end] for one in correction.statements
    ]
    assert [tuple(one.place) for one in correction.statements] == [(2, 1), (4, 1)]
    assert told(data, dialect) == [("update", "客户", ("姓名",), ("编号",)), ("delete", "s.u", (), ("id",))]


@pytest.mark.parametrize("dialect", ALL)
def test_an_insert_tells_its_columns(dialect: Dialect):
    assert told("INSERT INTO t (id, a) VALUES (1, 'x'), (2, NULL)", dialect) == [("insert", "t", ("id", "a"), ())]


def test_names_are_those_the_server_would_look_for():
    assert told('UPDATE S.T SET A = 1 WHERE "ID" = 2', PG) == [("update", "s.t", ("a",), ("ID",))]
    assert told("UPDATE S.T SET A = 1 WHERE `I``D` = 2", MY) == [("update", "S.T", ("A",), ("I`D",))]
    assert told('UPDATE "T" SET "a ""b" = 1 WHERE ID = 2', LITE) == [("update", "T", ('a "b',), ("ID",))]


@pytest.mark.parametrize("dialect", ALL)
def test_what_stands_in_quotes_or_comments_is_no_statement(dialect: Dialect):
    text = "UPDATE t SET a = '; DROP TABLE t; -- ' /* ; DELETE FROM t */ WHERE id = 1 -- ; DELETE FROM t\n;"

    assert told(text, dialect) == SAME


@pytest.mark.parametrize("dialect", ALL)
def test_the_same_shape_with_other_values_is_read_alike(dialect: Dialect):
    text = "".join(f"UPDATE t SET a = 's{n}' WHERE id = {n};\n" for n in range(300))

    correction = read(text, dialect)

    assert told(text, dialect) == SAME * 300
    assert [tuple(one.place) for one in correction.statements] == [(n + 1, 1) for n in range(300)]
    assert refused(text + "UPDATE t SET a = 's' WHERE id = id;", dialect)[0][:3] == (301, 28, "DAT-1")


@pytest.mark.parametrize("dialect", ALL)
def test_functions_that_answer_alike_are_allowed(dialect: Dialect):
    values = "lower(a)", "trim(a)", "coalesce(a, 'x')", "replace(a, 'x', 'y')", "round(a, 2)", "(a = 1)", "-a * 2"
    values += "CASE WHEN a = 1 THEN 2 ELSE NULL END", "substr(a, 1, 2)", "length(a) % 3"

    assert [told(f"UPDATE t SET a = {value} WHERE id = 1", dialect) for value in values] == [SAME] * len(values)


# All findings at once, with their place.


def test_every_finding_is_told_at_once_with_line_column_and_clause():
    text = "DROP TABLE t;\nUPDATE t SET a = now() WHERE id = 1;\nREPLACE INTO t (a) VALUES (1);\n  DELETE FROM t"

    assert [one[:3] for one in refused(text, PG)] == [
        (1, 1, "DAT-1"),
        (2, 18, "DAT-2"),
        (3, 1, "DAT-3"),
        (4, 3, "DAT-1"),
    ]


def test_findings_are_bounded_and_the_sentence_is_short():
    with pytest.raises(WrongStatements) as wrong:
        read("DROP TABLE t;" * 500, PG)

    assert len(wrong.value.findings) == MOST_FINDINGS
    assert "另有 495 处" in wrong.value.reason


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("text", ["", " \n", ";;", "-- nothing"])
def test_an_empty_text_is_refused(text: str, dialect: Dialect):
    assert [one[:3] for one in refused(text, dialect)] == [(1, 1, "DAT-1")]


# Comments and quotes, as each server cuts them.


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("comment", ["/*! OR 1=1 */", "/*!50000 OR 1=1 */", "/*M! OR 1=1 */", "/*M!100100 OR 1=1*/"])
def test_executable_comments_are_refused_wherever_they_are_read(comment: str, dialect: Dialect):
    assert [one[:3] for one in refused(f"DELETE FROM t WHERE id = 1 {comment}", dialect)] == [(1, 28, "DAT-2")]


@pytest.mark.parametrize("dialect", ALL)
def test_hints_are_refused(dialect: Dialect):
    assert first("UPDATE /*+ NO_INDEX(t) */ t SET a = 1 WHERE id = 1", dialect) == "不接受优化提示"


@pytest.mark.parametrize("dialect", ALL)
def test_a_comment_in_a_comment_is_refused(dialect: Dialect):
    """PostgreSQL ends it at the second sign, the others at the first: a statement could hide between."""
    assert reasons("DELETE FROM t WHERE id = 1 /* /* */ OR TRUE -- */", dialect)[0].startswith("注释里又有注释")


@pytest.mark.parametrize("dialect", ALL)
def test_a_comment_without_end_is_refused(dialect: Dialect):
    assert first("DELETE FROM t WHERE id = 1 /* OR 1=1", dialect) == "注释没有结束"


def test_two_dashes_without_a_blank_are_a_comment_but_in_mysql():
    text = "UPDATE t SET a = 5--1\n WHERE id = 1"

    assert [told(text, PG), told(text, LITE)] == [SAME, SAME]
    assert first(text, MY) == "两个运算符连在一起，数据库可能当成一个"


def test_a_hash_is_a_comment_in_mysql_only():
    text = "UPDATE t SET a = 1 # SET a = 2\n WHERE id = 1"

    assert told(text, MY) == SAME
    assert [first(text, PG), first(text, LITE)] == ["「#」在这种数据库里不是注释"] * 2


def test_a_backslash_is_plain_in_standard_strings_and_refused_before_a_quote_in_mysql():
    plain, before_quote = r"UPDATE t SET a = 'C:\\x' WHERE id = 1", r"UPDATE t SET a = 'x\' WHERE id = 1"

    assert [told(plain, one) for one in ALL] == [SAME] * 3
    assert [told(before_quote, PG), told(before_quote, LITE)] == [SAME, SAME]
    assert reasons(before_quote, MY) != []
    assert first(r"UPDATE t SET a = 'x\' OR 1=1 -- ' WHERE id = 1", MY).startswith(r"「\'」")
    assert first(r"UPDATE t SET a = 'x\\\'y' WHERE id = 1", MY).startswith(r"「\'」")
    assert told(r"UPDATE t SET a = 'x\\' WHERE id = 1", MY) == SAME


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("quoted", ["E'x'", "U&'x'", "N'x'", "_utf8'x'", "B'1'", "date'2024-01-01'"])
def test_strings_with_a_prefix_are_refused(quoted: str, dialect: Dialect):
    assert first(f"UPDATE t SET a = {quoted} WHERE id = 1", dialect).startswith("不接受带前缀的字符串")


def test_hexadecimal_strings_are_bytes_in_mysql_and_sqlite_only():
    text = "UPDATE t SET a = x'00ff' WHERE id = 1"

    assert [told(text, MY), told(text, LITE), len(reasons(text, PG))] == [SAME, SAME, 1]


def test_a_string_or_a_name_is_never_guessed():
    assert first('UPDATE t SET a = "x" WHERE id = 1', MY) == "双引号在不同设置下是字符串或名称"
    assert reasons("UPDATE t SET a = `x` WHERE id = 1", PG) != []
    assert reasons("UPDATE t SET a = [x] WHERE id = 1", LITE) != []
    assert [first("UPDATE t SET a = 'x' 'y' WHERE id = 1", one) for one in ALL] == ["两个字符串连在一起"] * 3


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("text", ["UPDATE t SET a = 'x WHERE id = 1", "UPDATE t SET a = '' WHERE id = '"])
def test_a_quote_without_end_is_refused(text: str, dialect: Dialect):
    assert first(text, dialect) == "引号没有结束，或里面是空的"


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("quoted", ["$$x; DROP TABLE t;$$", "$x$;$x$"])
def test_dollar_quotes_are_refused(quoted: str, dialect: Dialect):
    assert first(f"UPDATE t SET a = {quoted} WHERE id = 1", dialect) == "不接受 $$ 引号"


@pytest.mark.parametrize("dialect", ALL)
def test_a_delimiter_of_a_client_is_refused(dialect: Dialect):
    assert "DELIMITER 是客户端的命令" in reasons("DELIMITER //\nDELETE FROM t WHERE id = 1//", dialect)[0]


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("operators", ["a%-1", "a||-1", "a*-1", "a<<1", "a->>'x'", "a==1", "a!==1", "a=>1"])
def test_operators_without_a_blank_between_are_refused(operators: str, dialect: Dialect):
    """PostgreSQL would take them for one, which anybody may have defined."""
    assert reasons(f"UPDATE t SET a = ({operators}) WHERE id = 1", dialect) != []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("number", ["1x", "0x41", "1_000", "1.2.3", "1e", "１"])
def test_numbers_that_run_into_letters_are_refused(number: str, dialect: Dialect):
    assert reasons(f"UPDATE t SET a = {number} WHERE id = 1", dialect) != []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("placeholder", ["?", ":x", "%s", "%(x)s", "$1", "?1"])
def test_placeholders_are_refused(placeholder: str, dialect: Dialect):
    assert reasons(f"DELETE FROM t WHERE id = {placeholder}", dialect)[0].startswith("占位符")


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("variable", ["@x", "@@sql_mode", "@x := 1"])
def test_variables_are_refused(variable: str, dialect: Dialect):
    assert reasons(f"DELETE FROM t WHERE id = {variable}", dialect)[0].startswith("不接受变量")


# Bytes and characters.


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "sign",
    tuple("\x00\x01\x0b\x0c\x1a\x7f\x85\u00ad\u200b\u200e\u202e\u2028\u2066\u2800\u3164\ufeff\ufe0f"),
)
def test_characters_that_nobody_sees_are_refused_also_in_strings_and_comments(sign: str, dialect: Dialect):
    texts = f"DELETE FROM t WHERE a = 'x{sign}'", f"DELETE FROM t /* {sign} */ WHERE id = 1", f"DELETE FROM{sign}t"

    assert [one[:3] for text in texts for one in refused(text, dialect)] == [
        (1, 27, "DAT-2"),
        (1, 18, "DAT-2"),
        (1, 12, "DAT-2"),
    ]


@pytest.mark.parametrize("dialect", ALL)
def test_a_lone_carriage_return_is_refused_and_one_before_a_line_feed_is_not(dialect: Dialect):
    assert reasons("DELETE FROM t -- x\rWHERE id = 1", dialect)[0].startswith("这里有看不见的字符 U+000D")
    assert told("UPDATE t SET a = 1 -- x\r\nWHERE id = 1\r\n", dialect) == SAME


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "text", ["DELETE\u00a0FROM t WHERE id = 1", "DELETE\u3000FROM t WHERE id = 1", "UPDATE t ſET a = 1 WHERE id = 1"]
)
def test_blanks_and_letters_that_only_look_like_them_are_refused(text: str, dialect: Dialect):
    assert reasons(text, dialect) != []


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("\ufeffDELETE FROM t WHERE id = 1".encode(), (1, 1)),
        ("DELETE FROM t WHERE id = 1".encode("utf-16"), (1, 1)),
        ("DELETE FROM t\nWHERE a = '王'".encode("gbk"), (2, 12)),
        (b"DELETE FROM t WHERE a = '\xc0\x27'", (1, 26)),
        (b"DELETE FROM t WHERE a = '\xed\xa0\x80'", (1, 26)),
    ],
)
def test_other_encodings_are_refused_at_their_first_byte(data: bytes, place: tuple[int, int], dialect: Dialect):
    assert [one[:3] for one in refused(data, dialect)] == [(*place, "DAT-2")]


# What the parser guesses or passes over.


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "value",
    [
        "escape", "lower(escape)", "asc", "(b BETWEEN 1 2)", "(b IN c)", "(b IN ())", "round(, b)", "round(b, )",
        "lower()", "+1", "+", "t.null", "coalesce(b, , 1)", "(b NOT 1)", "(b IS IS NULL)", "b c", "1 2", "'x' b",
        "CASE END", "()",
    ],
)  # fmt: skip
def test_what_the_parser_only_guesses_is_refused(value: str, dialect: Dialect):
    assert reasons(f"UPDATE t SET a = {value} WHERE id = 1", dialect) != []
    assert reasons(f"INSERT INTO t (id, a) VALUES (1, {value})", dialect) != []


UNREAD = "这条语句没能完整读懂，不能保证执行的就是审核的。换一种更简单的写法"


def test_what_the_parser_cannot_say_again_is_refused():
    """MySQL keeps the word for a type; the parser takes it for a column, and prints it in quotes."""
    assert reasons("UPDATE t SET a = int WHERE id = 1", MY) == [UNREAD]
    assert reasons("UPDATE t SET a = t.null WHERE id = 1", PG) == [UNREAD]


@pytest.mark.parametrize("dialect", ALL)
def test_a_word_that_is_neither_spoken_nor_a_name_is_refused(dialect: Dialect):
    assert reasons("UPDATE t SET a = lower(asc) WHERE id = 1", dialect) == [UNREAD]
    assert reasons("UPDATE t SET a = (b BETWEEN c d) WHERE id = 1", dialect) == [UNREAD]


# Size and depth.


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t WHERE " + "(" * 5000 + "id = 1" + ")" * 5000,
        "DELETE FROM t WHERE " + "(" * 5000,
        "DELETE FROM t WHERE " + "NOT " * 5000 + "id = 1",
        "UPDATE t SET a = " + "- " * 5000 + "1 WHERE id = 1",
        "UPDATE t SET a = " + "CASE WHEN a = 1 THEN " * 3000 + "1" + " END" * 3000 + " WHERE id = 1",
        "UPDATE t SET a = " + "lower(" * 3000 + "a" + ")" * 3000 + " WHERE id = 1",
        "DELETE FROM t WHERE id = 1" + " = 1" * 5000,
        "DELETE FROM t WHERE id = " + "1 " * 60_000,
        ";" * (MOST_TOKENS + 1),
        "x" * (MOST_BYTES + 1),
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str, dialect: Dialect):
    assert len(reasons(text, dialect)) == 1


@pytest.mark.parametrize("dialect", ALL)
def test_long_lists_and_wide_conditions_are_read(dialect: Dialect):
    numbers = ", ".join(str(n) for n in range(5000))
    either = " OR ".join(f"id = {n}" for n in range(2000))

    assert told(f"UPDATE t SET a = 1 WHERE id IN ({numbers})", dialect) == SAME
    assert told(f"UPDATE t SET a = 1 WHERE {either}", dialect) == SAME
