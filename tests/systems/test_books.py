"""Workbooks of hosts: what people fill in is read, what is hostile is refused in bounded time and memory."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from django.utils.translation import override
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table

from tests.cast import Cast, make_environment, make_group, make_host, system_of
from tests.support.unchanged import Refusal, ruling
from weilu.kernel.times import now
from weilu.systems.host_workbook import COLUMNS, template, workbook
from weilu.systems.importing.book import read_book, rows_of_book
from weilu.systems.importing.files import LARGEST_BOOK, read_file
from weilu.systems.importing.reading import MOST_HOSTS, Reading, Remark, Row
from weilu.systems.models import Host

HEADS = [head for _key, head, _width, _example in COLUMNS]


def book(rows: Sequence[Sequence[object]], *, sheets: Sequence[str] = ("主机",)) -> bytes:
    """A workbook whose last sheet has these rows."""
    made = Workbook()
    made.remove(made.worksheets[0])
    for title in sheets:
        made.create_sheet(title)
    for row in rows:
        made.worksheets[-1].append(list(row))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in parts.items():
            target.writestr(name, part)
    return out.getvalue()


def changed(name: str, change: Callable[[bytes], bytes]) -> bytes:
    parts = parts_of(book([HEADS, ["CS"]]))
    parts[name] = change(parts.get(name, b""))
    return packed(parts)


def test_the_template_is_read_as_it_is_handed_out():
    kind, found = read_file("weilu-hosts.xlsx", template())
    said = {key: example for key, _head, _width, example in COLUMNS if example}
    group, name = said.pop("group"), said.pop("name")
    assert (kind, found.faults, found.left) == ("xlsx", [], [])
    assert found.rows == [Row(2, name, [group], said)]


def test_heads_may_stand_lower_in_other_words_and_order_and_more_columns_are_named():
    rows = [
        ["江州社保中心主机台账"], [], ["IP 地址", " 主机名称 ", "分组", "机柜", "端口：", "密钥指纹", "sudo"],
        ["192.0.2.1", "数据库 一", "数据库", "B7", 22, "SHA256:x", True], [], [None, "b", None, None, 2222.0],
    ]  # fmt: skip
    found = read_book(book(rows, sheets=["说明", "主机"]))
    assert found.rows == [
        Row(4, "数据库 一", ["数据库"], {"address": "192.0.2.1", "port": "22", "become": "是"}),
        Row(6, "b", [], {"port": "2222"}),
    ]
    assert (found.faults, found.left) == ([], [Remark(3, "没有带入「机柜」这一列")])


def test_cells_that_reckon_are_faults_with_their_line():
    rows = [
        ["主机名", "地址", "主机组"], ["=1+1", "192.0.2.1", "a"], ["b", "#REF!", "{{ x }}"],
        ["c", date(2026, 1, 2), "-----BEGIN RSA PRIVATE KEY-----"],
    ]  # fmt: skip
    found = read_book(book(rows))
    assert found.faults == [
        Remark(2, "「=1+1」是公式或错误值。写成固定的值"),
        Remark(3, "「#REF!」是公式或错误值。写成固定的值"),
        Remark(3, "「{{ x }}」里有模板。写成固定的值"),
        Remark(4, "「group」像是密码或私钥。放进保险库，从文件里删去"),
    ]
    assert found.rows[2].fields == {"address": "2026-01-02T00:00:00"}


def test_a_text_that_begins_like_a_formula_is_text():
    made = Workbook()
    sheet: Any = made.active
    sheet.append(["主机名"])
    sheet["A2"].value, sheet["A2"].data_type = "=1+1", "s"
    out = io.BytesIO()
    made.save(out)
    assert read_book(out.getvalue()) == Reading([Row(2, "=1+1", [], {})])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["名字", "地址"], ["a", "b"]], "前 10 行里没有「主机名」这一列。用模板的列名"),
        ([], "前 10 行里没有「主机名」这一列。用模板的列名"),
        ([["主机名", "name", "地址"], ["a", "b"]], "「主机名」有两列。留一列"),
        ([["主机名"], *([f"h{n}"] for n in range(MOST_HOSTS + 1))], "一次最多导入 1,000 台。分成几个文件再传"),
    ],
)
def test_a_sheet_that_is_no_list_is_refused(rows: list[list[str]], reason: str):
    assert ruling(lambda: read_book(book(rows))) == Refusal(reason, "", "file")


def test_a_sheet_with_heads_alone_has_no_hosts():
    assert ruling(lambda: read_file("x.xlsx", book([["主机名"], [" "]]))) == Refusal("文件里没有主机", "", "file")


DTD = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
SHEET = "xl/worksheets/sheet1.xml"
TYPES, BOOK_LINKS = "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
MACRO = "文件含有宏或嵌入的对象：「%s」。另存为 XLSX 再传"
LINK = "文件引用外部内容：「%s」。断开链接后再传"
BROKEN = "文件已损坏，打不开。用 Excel 另存后再传"


MACRO_MAIN = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
UNKNOWN = "文件含有不允许的部件「%s」。把主机清单复制到新的工作簿再传"


def as_type(name: str, kind: str) -> bytes:
    """A workbook that declares a part as this type."""
    kind = kind if kind.startswith("application/") else f"application/vnd.openxmlformats-officedocument.{kind}"
    parts = {name: b"x"} | parts_of(book([HEADS, ["CS"]]))
    present = re.sub(rb'<Override PartName="/%s"[^>]*/>' % name.encode(), b"", parts[TYPES])
    said = b'<Override PartName="/%s" ContentType="%s"/></Types>' % (name.encode(), kind.encode())
    return packed(parts | {TYPES: present.replace(b"</Types>", said)})


def linked(kind: str, target: str, *, outside: bool = False, at: str = "xl/worksheets/_rels/sheet1.xml.rels") -> bytes:
    """A workbook whose sheet has a relationship."""
    base = "http://schemas.openxmlformats.org"
    mode = ' TargetMode="External"' if outside else ""
    row = f'<Relationship Id="rId9" Type="{base}/officeDocument/2006/relationships/{kind}" Target="{target}"{mode}/>'
    said = f'<Relationships xmlns="{base}/package/2006/relationships">{row}</Relationships>'
    return packed(parts_of(book([HEADS, ["CS"]])) | {at: said.encode()})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: b"PK\x03\x04 rubbish", BROKEN),
        (lambda: b"\xd0\xcf\x11\xe0 old", "这是旧格式（.xls）或加了密码的文件。另存为没有密码的 XLSX 再传"),
        (lambda: packed({"a.txt": b"a"}), "这不是 Excel 的 XLSX 文件"),
        (lambda: packed({"xl/workbook.xml": b"<a/>"}), "这不是 Excel 的 XLSX 文件"),
        (lambda: as_type("xl/workbook.xml", "wordprocessingml.document.main+xml"), "这不是 Excel 的 XLSX 文件"),
        (
            lambda: as_type("xl/workbook.xml", "spreadsheetml.template.main+xml"),
            "这是 Excel 模板格式（.xltx）。另存为 XLSX 再传",
        ),
        (lambda: as_type("xl/workbook.xml", MACRO_MAIN), MACRO % "xl/workbook.xml"),
        (lambda: as_type("xl/x.bin", "application/vnd.ms-office.vbaProject"), MACRO % "xl/x.bin"),
        (lambda: as_type("xl/x.bin", "application/vnd.ms-excel.intlmacrosheet+xml"), MACRO % "xl/x.bin"),
        (lambda: linked("vbaProject", "x.xml"), MACRO % "x.xml"),
        (lambda: linked("image", "http://192.0.2.1/x.png", outside=True), LINK % "http://192.0.2.1/x.png"),
        (lambda: linked("image", "//files/x.png"), LINK % "//files/x.png"),
        (lambda: linked("hyperlink", "file://files/x", outside=True), LINK % "file://files/x"),
        (lambda: linked("oleObject", "http://192.0.2.1/x", outside=True), LINK % "http://192.0.2.1/x"),
        (lambda: linked("image", "http://192.0.2.1/", outside=True, at="xl/worksheets/_RELS/SHEET1.XML.RELS"),
         LINK % "http://192.0.2.1/"),
        (lambda: linked("connections", "x.xml"), UNKNOWN % "x.xml"),
        (lambda: changed("xl/x.xyz", lambda _old: b"x"), UNKNOWN % "xl/x.xyz"),
        (lambda: changed(SHEET, lambda _old: DTD), f"部件「{SHEET}」声明了 DTD 或实体"),
        (lambda: changed("xl/sharedStrings.xml", lambda _old: DTD), "部件「xl/sharedStrings.xml」声明了 DTD 或实体"),
        (lambda: changed(SHEET, lambda old: old[:-20]), f"部件「{SHEET}」不是完好的 XML"),
        (lambda: changed("xl/vbaProject.bin", lambda _old: b"x"), MACRO % "xl/vbaProject.bin"),
        (
            lambda: changed("xl/externalLinks/externalLink1.xml", lambda _old: b"<a/>"),
            LINK % "xl/externalLinks/externalLink1.xml",
        ),
        (lambda: changed("xl/connections.xml", lambda _old: b"<a/>"), LINK % "xl/connections.xml"),
        (lambda: changed("../x", lambda _old: b"x"), "文件里的路径「../x」指到文件之外"),
        (lambda: changed("xl/big.bin", lambda _old: b"\0" * 50_000_000), "文件解开后太大（压缩炸弹）"),
        (lambda: changed("xl/steep.bin", lambda _old: b"\0" * 5_000_000), "文件解开后太大（压缩炸弹）"),
        (
            lambda: packed(parts_of(book([HEADS])) | {f"x/{n}.xml": b"<a/>" for n in range(400)}),
            "文件里的部件太多（最多 400 个）",
        ),
    ],
)  # fmt: skip
def test_a_hostile_workbook_is_refused_with_a_sentence(data: Callable[[], bytes], reason: str):
    assert ruling(lambda: read_file("hosts.xlsx", data())) == Refusal(reason, "", "file")


def test_what_people_have_in_their_workbooks_beside_cells_is_no_hindrance():
    made = Workbook()
    sheet = made.worksheets[0]
    sheet.title = "主机"
    for row in (["主机名", "地址"], ["app-01", "192.0.2.1"], ["app-02", "192.0.2.2"]):
        sheet.append(row)
    sheet["A2"].comment = Comment("核对过", "郑")
    sheet["B2"].hyperlink = "http://192.0.2.1/"
    sheet["B3"].hyperlink = "mailto:zheng@example.com"
    sheet.add_table(Table(displayName="hosts", ref="A1:B3"))
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3))
    sheet.add_chart(chart, "E5")
    out = io.BytesIO()
    made.save(out)
    assert [row.fields for row in read_book(out.getvalue()).rows] == [
        {"address": "192.0.2.1"}, {"address": "192.0.2.2"},
    ]  # fmt: skip


def test_a_file_beyond_the_bound_is_not_opened_at_all():
    assert ruling(lambda: read_file("x.xlsx", b"PK\x03\x04" + b"\0" * LARGEST_BOOK)) == Refusal(
        "文件超过 5 MB", "", "file"
    )


def test_a_size_that_lies_hides_no_row():
    lying = changed(SHEET, lambda old: old.replace(b'<dimension ref="A1:M2"/>', b'<dimension ref="A1:A1"/>'))
    assert b'ref="A1:A1"' in parts_of(lying)[SHEET]
    assert [row.line for row in read_book(lying).rows] == [2]


def far_cell(place: bytes) -> bytes:
    """A workbook with one more cell in its last row."""
    row = b'<row r="99999"><c r="%s99999" t="inlineStr"><is><t>x</t></is></c></row></sheetData>' % place
    return changed(SHEET, lambda old: old.replace(b"</sheetData>", row))


def test_no_row_is_passed_over_in_silence_and_a_column_far_out_is_none():
    many = Refusal("表里超过 3,000 行。删去多余的行，分成几个文件再传", "", "file")
    assert ruling(lambda: read_book(far_cell(b"A"))) == many
    assert [row.line for row in read_book(far_cell(b"XFD")).rows] == [2]


def test_a_workbook_that_takes_too_much_is_stopped():
    heavy = book([HEADS, *([f"{n}-{m}" * 10 for m in range(20)] for n in range(2000))])
    assert ruling(lambda: read_book(heavy, megabytes=50)) in [
        Refusal("读这个文件超过了内存限制，已停止", "", "file"), Refusal(BROKEN, "", "file"),
    ]  # fmt: skip
    assert ruling(lambda: read_book(heavy, seconds=0)) == Refusal("读这个文件超过了时间限制，已停止", "", "file")


SHARED = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%s</t></si></sst>' % (
    b"x" * 8000
)
SHARED_TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    b'spreadsheetml.sharedStrings+xml"/></Types>'
)
SHARED_LINK = (
    b'<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" '
    b'Target="/xl/sharedStrings.xml" Id="rId99"/></Relationships>'
)


def test_one_long_text_in_thousands_of_cells_is_refused_before_it_is_answered():
    cell = b'<c r="%s%d" t="s"><v>0</v></c>'
    rows = (b"".join(cell % (bytes([65 + place]), n) for place in range(26)) for n in range(2, 1000))
    parts = parts_of(book([HEADS])) | {"xl/sharedStrings.xml": SHARED}
    grown = b"".join(b'<row r="%d">%s</row>' % (n, row) for n, row in enumerate(rows, start=2))
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", grown + b"</sheetData>")
    parts[TYPES] = parts[TYPES].replace(b"</Types>", SHARED_TYPE)
    parts[BOOK_LINKS] = parts[BOOK_LINKS].replace(b"</Relationships>", SHARED_LINK)
    small = packed(parts)
    assert len(small) < 100_000
    assert ruling(lambda: read_book(small)) == Refusal("文件解开后太大（压缩炸弹）", "", "file")


def test_cells_alone_are_enough_for_the_rules():
    found = rows_of_book([(1, ["主机名", "地址"]), (3, ["a"]), (4, ["", "x" * 8001])])
    assert found.rows[0] == Row(3, "a", [], {})
    assert found.faults == [Remark(4, f"「{'x' * 40}」太长")]


def test_the_template_has_the_columns_of_our_own_list():
    heads = [cell.value for cell in next(iter(load_workbook(io.BytesIO(template())).worksheets[0].rows))]
    assert heads == HEADS


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_our_own_list_is_read_back(cast: Cast, language: str):
    group = make_group(make_environment(system_of(cast)))
    host = make_host(group, site="主机房", become=True, port=2222)
    retired = make_host(group, retired_at=now())
    with override(language):
        exported = workbook(Host.objects.order_by("id"))
        found = read_book(exported)
    usual = {"system": "CS", "environment": "实验机", "user": "root", "python": "/usr/bin/python3"}
    assert found == Reading(
        [
            Row(2, host.name, ["应用"], usual | {
                "address": host.address, "port": "2222", "become": "是", "site": "主机房", "key": host.key,
            }),
            Row(3, retired.name, ["应用"], usual | {
                "address": retired.address, "port": "22", "become": "否", "key": retired.key,
            }),
        ]
    )  # fmt: skip
