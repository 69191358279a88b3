"""What people type, made fit to keep."""

import pytest

from weilu.kernel.refused import Refused
from weilu.kernel.text import code, line, prose

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  升级  ", "升级"),
        ("cafe\u0301", "caf\u00e9"),  # composed
        ("㛃䶮𬀩𬘭", "㛃䶮𬀩𬘭"),
        ("全角，标点", "全角，标点"),
        (12, "12"),
    ],
)
def test_a_line_is_trimmed_and_composed(typed: object, kept: str):
    assert line(typed, "标题", field="title") == kept


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "标题没有填写"),
        ("　 ", "标题没有填写"),
        (None, "标题没有填写"),
        ("字" * 201, "标题有 201 字，最多 200 字"),
        ("升\x00级", "标题第 2 个字是不可见的控制字符"),
        ("升\x1b[31m", "标题第 2 个字是不可见的控制字符"),
        ("一行\n两行", "标题第 3 个字是不可见的控制字符"),
        ("半\ud800个", "标题第 2 个字是不可见的控制字符"),
    ],
)
def test_a_line_that_cannot_be_kept_says_why(typed: object, reason: str):
    with pytest.raises(Refused, match=reason) as caught:
        line(typed, "标题", field="title")

    assert caught.value.field == "title"


def test_what_may_be_empty_may_be_empty():
    assert line("", "备注", field="note", required=False) == ""


def test_prose_keeps_lines_and_folds_carriage_returns():
    assert prose("一\r\n二\r三\n\t四", "需求", field="need") == "一\n二\n三\n\t四"


def test_a_code_typed_full_width_is_made_half_width():
    assert code("１．１．０　ｒｃ", "版本", field="version") == "1.1.0 rc"
