"""A list as a workbook: the rows and columns of the page, and nothing in it is reckoned."""

from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.cast import Cast, make_change
from tests.changes.steps import signed_in
from weilu.accounts.models import Person
from weilu.changes.models import Change
from weilu.process import columns
from weilu.process.filters import Filters
from weilu.process.list_actions import choose_columns
from weilu.process.workbook import workbook
from weilu.systems.models import Installation


def sheet_of(person: Person, name: str, **over: Any) -> list[tuple[Any, ...]]:
    content = workbook(person, name, over.pop("filters", Filters()), columns.chosen(person), **over)
    return list(load_workbook(BytesIO(content)).active.iter_rows(values_only=True))


def test_a_workbook_has_the_rows_and_columns_of_the_page(cast: Cast, three: list[Change]):
    choose_columns(cast.wang, ["system", "step", "requester"])

    found = sheet_of(cast.wang, "mine")

    assert found[0] == ("单号", "工单", "系统", "当前步骤", "申请人")
    assert [row[1:] for row in found[1:]] == [
        ("第三项", "网上预约平台", "可行性分析", "王敏"),
        ("第二项", "网上预约平台", "可行性分析", "王敏"),
        ("第一项", "网上预约平台", "需求确认", "王敏"),
    ]
    assert len(sheet_of(cast.wang, "mine", filters=Filters(due="overdue"))) == 1
    answer = signed_in(cast.wang).get("/lists.xlsx?tab=mine&state=open")
    assert answer["Content-Disposition"].startswith('attachment; filename="weilu-mine-')
    assert len(list(load_workbook(BytesIO(answer.content)).active.rows)) == 4


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", '=HYPERLINK("http://x")'])
def test_no_text_of_a_workbook_is_reckoned(cast: Cast, installation: Installation, title: str):
    make_change(cast, installation, title)
    content = workbook(cast.wang, "mine", Filters(), columns.chosen(cast.wang))

    cell = load_workbook(BytesIO(content)).active["B2"]

    assert (cell.value, cell.data_type, cell.quotePrefix) == (title, "s", True)


def test_a_title_that_no_xml_can_hold_leaves_the_workbook_whole(cast: Cast, installation: Installation):
    """One person's title would otherwise keep everybody from opening their list."""
    make_change(cast, installation, "升级\ufffe\uffff")
    content = workbook(cast.wang, "mine", Filters(), columns.chosen(cast.wang))
    assert load_workbook(BytesIO(content)).active["B2"].value == "升级"


def test_a_long_list_ends_with_a_sentence(cast: Cast, three: list[Change]):
    found = sheet_of(cast.wang, "mine", most=2)

    assert [row[1] for row in found[1:3]] == ["第三项", "第二项"]
    assert found[3][0] == "只导出前 2 项。用筛选缩小范围，分几次导出。"
