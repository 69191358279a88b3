"""Old beside new."""

from hypothesis import given
from hypothesis import strategies as st

from weilu.ui.diff import Piece, Row, Side, compare, first_difference, summary


def texts(rows: list[Row], side: str) -> list[str]:
    sides = [getattr(row, side) for row in rows]
    return ["".join(piece.text for piece in one.pieces) for one in sides if one is not None]


def test_equal_versions_fold_to_one_line():
    assert compare(["甲", "乙", "丙"], ["甲", "乙", "丙"]) == [Row("folded", folded=3)]


def test_a_changed_line_shows_the_words_that_changed():
    rows = compare(["升级主机 app-01"], ["升级备机 app-02"])

    assert rows == [
        Row(
            "changed",
            Side(1, (Piece("升级", False), Piece("主", True), Piece("机 app-", False), Piece("01", True))),
            Side(1, (Piece("升级", False), Piece("备", True), Piece("机 app-", False), Piece("02", True))),
        )
    ]


def test_lines_that_are_not_alike_go_and_come():
    rows = compare(["回退：重新部署"], ["abc 123"])

    assert [row.kind for row in rows] == ["gone", "come"]


def test_the_first_difference_has_both_sides_where_there_are_two():
    assert first_difference(compare(["甲", "乙"], ["甲", "乙"])) is None
    found = first_difference(compare(["同", "回退：重新部署。"], ["同", "先停应用，再恢复备份的程序与数据。"]))
    assert found == Row(
        "replaced",
        Side(2, (Piece("回退：重新部署。", True),)),
        Side(2, (Piece("先停应用，再恢复备份的程序与数据。", True),)),
    )
    gone = first_difference(compare(["同", "旧"], ["同"]))
    assert (gone.kind, gone.new) == ("gone", None)
    assert first_difference(compare(["升级主机 app-01"], ["升级备机 app-02"])).kind == "changed"


def test_a_line_added_beside_a_changed_one_keeps_the_pair():
    old, new = ["回退：重新部署 1.0.0"], ["抽查 20 条预约", "回退：还原后重新部署 1.0.0"]

    assert [row.kind for row in compare(old, new)] == ["come", "changed"]


def test_unchanged_lines_near_a_change_stay():
    old = [str(n) for n in range(10)]
    new = [*old[:5], "x", *old[6:]]
    rows = compare(old, new)

    assert [(row.kind, row.folded) for row in rows if row.kind == "folded"] == [("folded", 3), ("folded", 2)]
    assert summary(rows) == (0, 1, 1)


@given(st.lists(st.text("甲乙ab1 ", max_size=6), max_size=8), st.lists(st.text("甲乙ab1 ", max_size=6), max_size=8))
def test_both_sides_read_as_they_were_written(old: list[str], new: list[str]):
    rows = compare(old, new, fold=False)

    assert texts(rows, "old") == old
    assert texts(rows, "new") == new
    assert [row.old.number for row in rows if row.old] == list(range(1, len(old) + 1))
    assert [row.new.number for row in rows if row.new] == list(range(1, len(new) + 1))


def test_a_thousand_lines_that_changed_are_paired_by_how_they_begin_and_at_once():
    """Word by word, each with each, a plan for a thousand hosts took half a minute to compare."""
    old = [f"主机 app-{n}（应用）：root@192.0.2.1:22，密钥 SHA256:{n}" for n in range(1000)]
    new = [f"主机 app-{n}（应用）：admin@192.0.2.1:22，密钥 SHA256:{n}x" for n in range(1, 1001)]
    rows = compare(old, new, fold=False)
    assert summary(rows) == (999, 1, 1)
    assert (rows[0].kind, rows[-1].kind) == ("gone", "come")
    changed = rows[1]
    assert changed.old is not None
    assert changed.new is not None
    assert (changed.old.number, changed.new.number) == (2, 1)
    assert [piece.text for piece in changed.new.pieces if piece.changed] == ["admin", "1x"]
