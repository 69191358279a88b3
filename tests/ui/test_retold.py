"""Stored sentences in the language of the page."""

import pytest
from django.utils import translation

from weilu.ui.retold import _retell, retold

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("备份", "Backup"),
        ("已升级到 1.1.0", "Upgraded to 1.1.0"),
        ("JZ-R-2026-0002 已升级到 1.1.0", "JZ-R-2026-0002 upgraded to 1.1.0"),
        ("开始：备份", "Begun: Backup"),
        ("需求第 2 版", "Need version 2"),
        ("甲方拒签，原因：备份", "The customer refused to sign: 备份"),
        ("预约平台", "预约平台"),
        ("", ""),
    ],
)
def test_a_stored_sentence_is_told_in_english(stored, told):
    with translation.override("en"):
        assert retold(stored) == told


@pytest.mark.parametrize("stored", ["已升级到 1.1.0", "需求第 2 版", "窗口 11-24 09:59 至 11-24 12:00 已开"])
def test_what_was_stored_on_an_english_page_reads_as_chinese(stored):
    with translation.override("en"):
        in_english = retold(stored)

    assert (in_english != stored, retold(in_english)) == (True, stored)


def test_a_chinese_page_leaves_chinese_as_it_is():
    assert (
        retold("签名 江州软件发布 <release@jzdesk.example>，一致") == "签名 江州软件发布 <release@jzdesk.example>，一致"
    )


def test_each_line_of_a_notice_is_told():
    with translation.override("en"):
        assert retold("已升级到 1.1.0\n预约平台") == "Upgraded to 1.1.0\n预约平台"


def test_a_line_longer_than_any_sentence_of_ours_is_left_as_it_is_and_not_kept_in_memory():
    line, kept = "已升级到 " + "1" * 3000, _retell.cache_info().currsize
    with translation.override("en"):
        assert retold(line) == line
    assert _retell.cache_info().currsize == kept
