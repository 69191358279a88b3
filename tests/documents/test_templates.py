"""Customers' Word templates (DOC-1): checked when they come, with the paragraph named; filled in with texts only."""

import io
import random
import struct
import time
import zipfile

import pytest

from tests.documents.word import (
    REQUIRED,
    broken_over_runs,
    changed,
    in_body,
    linked,
    made,
    packed,
    parts_of,
    texts,
    with_part,
)
from weilu.documents.templating import FIT_TO_FILL, FORMS, Field, Form, Values, check_template, fill_template
from weilu.documents.word.filling import plain
from weilu.kernel.refused import Refused
from weilu.records.template import FIELDS, LISTS, RECORD_SHEET, SAMPLE

pytestmark = pytest.mark.once
TINY = Form("tiny", "试", (Field("number", "编号", "1"),), {}, ("number",), {"number": "1"})


def told(data: bytes) -> list[str]:
    """The sentences by which a template is refused, each for one thing."""
    with pytest.raises(Refused) as caught:
        check_template(data, RECORD_SHEET)
    assert (caught.value.clause, caught.value.field) == (FIT_TO_FILL, "file")
    return caught.value.reason.split("\n")


def values(**over: object) -> Values:
    return SAMPLE | over


def filled(data: bytes, **over: object) -> list[str]:
    check_template(data, RECORD_SHEET)
    return texts(fill_template(data, values(**over)))


def test_a_template_is_filled_in_everywhere_text_stands():
    data = made("甲方 {{ customer }}", header="页眉 {{ number }}", footer="页脚{{date}}", rows=["表 {{ system }}"])
    assert filled(data) == [
        "甲方 某市某某中心 业务科",
        "编号 XX-WH-2026-0001 摘要 9f86d081… 模板 XX-MB-01 V1.0 3ac41f0e92bd",
        "表 某某业务系统", "页眉 XX-WH-2026-0001", "页脚2026 年 9 月 28 日",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_and_paragraphs_repeat_as_often_as_there_is_something(count: int):
    rows = ["步骤", "{%tr for step in steps %}", "{{ step.number }} {{ step.title }}", "{%tr endfor %}"]
    data = made("{%p for line in done %}", "· {{ line.text }}", "{%p endfor %}",
                "{% for test in tests %}{{ test.title }}；{% endfor %}",
                "{% if remaining %}有{% else %}没有{% endif %}", rows=rows)  # fmt: skip
    steps = [{**SAMPLE["steps"][0], "number": str(at), "title": f"第 {at} 步"} for at in range(1, count + 1)]
    done = [{"number": str(at), "text": f"做了 {at}"} for at in range(1, count + 1)]
    tests = [{**SAMPLE["tests"][0], "title": f"试 {at}"} for at in range(1, count + 1)]
    found = filled(data, steps=steps, done=done, tests=tests, remaining="x" * (count > 1))
    middle = [f"· 做了 {at}" for at in range(1, count + 1)]
    after = ["".join(f"试 {at}；" for at in range(1, count + 1)), "有" if count > 1 else "没有"]
    assert found[: count + 2] == middle + after
    assert found[count + 3 : -2] == ["步骤", *(f"{at} 第 {at} 步" for at in range(1, count + 1))]


def test_fields_broken_over_several_runs_are_read_as_word_shows_them():
    assert filled(broken_over_runs("系统：{", "{ sys", "tem", " }", "} 完"))[0] == "系统：某某业务系统 完"


HOSTILE = [
    "{{ number }} {% for x in y %} {# 注 #} {_{ }_} {_% %_}", '<w:p/> & "引号" \' &lt; ]]> <!-- -->',
    "长" * 4000, "一行\n二行\t制表", "%s %(x)s {0} $x \\n", "{{ ''.__class__.__mro__ }}", "", "_", "{{r x }}",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_what_people_wrote_is_printed_as_written(words: str):
    data = made("原因：{{ cause }}", header="{{ cause }}", rows=["{{ cause }}"])
    found = filled(data, cause=words)
    assert [found[0], found[2], found[3]] == [f"原因：{words}", words, words]


def test_signs_that_xml_or_the_eye_cannot_hold_show_as_their_code():
    shown = "[U+0000][U+0007][U+202E][U+FFFE][U+D800][U+F8F1][U+000C]好"
    assert plain("\0\a\u202e\ufffe\ud800\uf8f1\f好") == shown
    assert filled(made("{{ cause }}"), cause="\0\a\u202e\ufffe\ud800\uf8f1\f好")[0] == shown


def test_the_same_texts_give_the_same_bytes():
    data = made("{{ system }}", header="{{ number }}")
    first = fill_template(data, values())
    time.sleep(2.1)  # the dates in a zip count two seconds
    assert fill_template(data, values()) == first
    assert {one.date_time for one in zipfile.ZipFile(io.BytesIO(first)).infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (made("第一段", "系统：{{ sytem }}"), ["正文第 2 段「系统：{{ sytem }}」：没有「{{ sytem }}」这个字段"]),
        (made("{{ step.title }}"), ["正文第 1 段「{{ step.title }}」：没有「{{ step.title }}」这个字段"]),
        (made("{{ steps }}"), ["正文第 1 段「{{ steps }}」：没有「{{ steps }}」这个字段"]),
        (made(header="{{ nothing }}"), ["页眉第 1 段「{{ nothing }}」：没有「{{ nothing }}」这个字段"]),
        (made(footer="{{ nothing }}"), ["页脚第 1 段「{{ nothing }}」：没有「{{ nothing }}」这个字段"]),
        (made("a", rows=["b", "{{ cell }}"]), ["正文第 4 段「{{ cell }}」：没有「{{ cell }}」这个字段"]),
        (made("{% for s in steps %}{{ s.name }}{% endfor %}"),
         ["正文第 1 段「{% for s in steps %}{{ s」：没有「{{ s.name }}」这个字段"]),
        (made("{{ a }}", "{{ b }}"),
         ["正文第 1 段「{{ a }}」：没有「{{ a }}」这个字段", "正文第 2 段「{{ b }}」：没有「{{ b }}」这个字段"]),
        (made("系统 {{ system"), ["正文第 1 段「系统 {{ system」：「{{」没有结束"]),
        (made("{% if system %}有"), ["正文第 1 段「{% if system %}有」：「{% if system %}」没有结束"]),
        (made("{%p for s in steps %}"), ["正文第 1 段「{%p for s in steps %}」：「{%p for s in steps %}」没有结束"]),
        (made("x {% endif %}"), ["正文第 1 段「x {% endif %}」：「{% endif %}」与前面的开头不成对"]),
        (made("{%p if system %} x", "{%p endif %}"),
         ["正文第 1 段「{%p if system %} x」：「{%p if system %}」要独占一段或一行",
          "正文第 2 段「{%p endif %}」：「{%p endif %}」与前面的开头不成对"]),
        (made("{%p for s in steps %}", "{%p for t in tests %}", "{%p endfor %}", "{%p endfor %}"),
         ["正文第 2 段「{%p for t in tests %}」：「{%p for t in tests %}」：循环里不能再循环"]),
        (made("没有", required=False),
         ["缺少必须印出的字段 {{ number }}", "缺少必须印出的字段 {{ sha256 }}", "缺少必须印出的字段 {{ template }}"]),
    ],
)  # fmt: skip
def test_each_wrong_tag_is_named_with_its_paragraph(data: bytes, reasons: list[str]):
    assert told(data) == reasons


CONSTRUCTS = [
    "{{ ''.__class__ }}", "{{ number|upper }}", "{{ number[0] }}", "{{ 1 + 1 }}", "{{ loop.index }}", "{{ self }}",
    "{% set x = 1 %}", "{% include 'x' %}", "{% import 'x' as y %}", "{% raw %}", "{% macro m() %}", "{# 注 #}",
    "{% if number == '1' %}x{% endif %}", "{% for k in number %}x{% endfor %}", "{{r number }}", "{%- if number %}",
    "{% colspan number %}", "{% cellbg number %}", "{%tc for s in steps %}", "{% vm %}", "{{ number.__init__ }}",
    "{% elif number %}", "{% for number in steps %}{% endfor %}", "{{ NUMBER }}", "{{ number() }}", "{{}}",
]  # fmt: skip


@pytest.mark.parametrize("words", CONSTRUCTS)
def test_what_is_beyond_fields_loops_and_conditions_is_refused(words: str):
    found = told(made(words))
    assert found
    assert all(one.startswith("正文第 1 段「") for one in found)


OLE = "application/vnd.openxmlformats-officedocument.oleObject"
VBA = "http://schemas.microsoft.com/office/2006/relationships/vbaProject"
RELS = "word/_rels/document.xml.rels"
DTD = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]>'


def bomb() -> bytes:
    parts = parts_of(made())
    return packed(parts | {"word/media/a.png": b"\0" * 30_000_000})


def lying_about_its_size() -> bytes:
    """The directory says ten bytes, the part unfolds to a million."""
    data = bytearray(packed({**parts_of(made()), "word/theme/theme1.xml": b" " * 1_000_000}))
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        if data[at + 46 :].startswith(b"word/theme/theme1.xml"):
            data[at + 24 : at + 28] = struct.pack("<I", 10)
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def locked() -> bytes:
    data = bytearray(made())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7", "这不是 Word 的 DOCX 文件"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "这是旧格式（.doc）或加了密码的文件。另存为没有密码的 DOCX 再传"),
        (packed({"a.txt": b"x"}), "这不是 Word 的 DOCX 文件"),
        (made()[:-200], "文件已损坏，打不开。用 Word 另存后再传"),
        (locked(), "文件加了密码。去掉密码后再传"),
        (lying_about_its_size(), "文件已损坏，打不开。用 Word 另存后再传"),
        (bomb(), "文件解开后太大（压缩炸弹）"),
        (packed(parts_of(made()) | {f"word/x{at}.xml": b"<a/>" for at in range(400)}),
         "文件里的部件太多（最多 400 个）"),
        (packed(parts_of(made()) | {"../evil.xml": b"<a/>"}), "文件里的路径「../evil.xml」指到文件之外"),
        (packed(parts_of(made()) | {"/etc/evil.xml": b"<a/>"}), "文件里的路径「/etc/evil.xml」指到文件之外"),
        (changed("word/styles.xml", lambda part: DTD + b"<a>&x;</a>"), "部件「word/styles.xml」声明了 DTD 或实体"),
        (changed("word/styles.xml", lambda part: (DTD + b"<a/>").decode().encode("utf-16")),
         "部件「word/styles.xml」声明了 DTD 或实体"),
        (changed("word/styles.xml", lambda part: b"<a>"), "部件「word/styles.xml」不是完好的 XML"),
        (changed("[Content_Types].xml", lambda part: part.replace(
            b"wordprocessingml.document.main+xml", b"wordprocessingml.template.main+xml")),
         "这是 Word 模板格式（.dotx）。另存为 DOCX 再传"),
        (changed("[Content_Types].xml", lambda part: part.replace(
            b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            b"application/vnd.ms-word.document.macroEnabled.main+xml")),
         "文件含有宏、ActiveX 或嵌入的对象：「word/document.xml」。删去后另存为 DOCX 再传"),
        (with_part("word/vbaProject.bin", b"x", "application/vnd.ms-office.vbaProject"),
         "文件含有宏、ActiveX 或嵌入的对象：「word/vbaProject.bin」。删去后另存为 DOCX 再传"),
        (with_part("word/activeX/activeX1.xml", b"<a/>", "application/vnd.ms-office.activeX+xml"),
         "文件含有宏、ActiveX 或嵌入的对象：「word/activeX/activeX1.xml」。删去后另存为 DOCX 再传"),
        (with_part("word/embeddings/o.bin", b"x", OLE),
         "文件含有宏、ActiveX 或嵌入的对象：「word/embeddings/o.bin」。删去后另存为 DOCX 再传"),
        (with_part("word/media/p.png", b"x", "image/png", VBA),
         "文件含有宏、ActiveX 或嵌入的对象：「media/p.png」。删去后另存为 DOCX 再传"),
        (with_part("word/afchunk.html", b"<html/>", "text/html", "aFChunk"),
         "文件含有不允许的部件「word/afchunk.html」。删去后再传"),
        (with_part("word/media/p.svg", b"<svg/>", "image/svg+xml", "image"),
         "文件含有不允许的部件「word/media/p.svg」。删去后再传"),
        (changed(RELS, linked("image", "http://evil.example/x.png", "External")),
         "文件引用外部内容：「http://evil.example/x.png」。删去链接或改成嵌入后再传"),
        (changed(RELS, linked("image", "file:///etc/passwd")), "文件引用外部内容：「file:///etc/passwd」。删去链接或改成嵌入后再传"),
        (changed(RELS, linked("image", r"\\host\share\x.png", "External")),
         r"文件引用外部内容：「\\host\share\x.png」。删去链接或改成嵌入后再传"),
        (changed(RELS, linked("hyperlink", "https://example.org/", "External")),
         "文件引用外部内容：「https://example.org/」。删去链接或改成嵌入后再传"),
        (changed(RELS, linked("attachedTemplate", "x.dotm")), "文件引用外部内容：「x.dotm」。删去链接或改成嵌入后再传"),
        (changed(RELS, linked("image", "../../../etc/passwd")), "文件里的路径「../../../etc/passwd」指到文件之外"),
        (in_body('<w:p><w:r><w:instrText>INCLUDETEXT "x"</w:instrText></w:r></w:p>'),
         "文件含有不允许的域「INCLUDETEXT」。删去后再传"),
        (in_body('<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDE</w:instrText></w:r><w:r>'
                 '<w:instrText>AUTO c calc</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'),
         "文件含有不允许的域「DDEAUTO」。删去后再传"),
        (in_body('<w:p><w:fldSimple w:instr="MACROBUTTON x y"/></w:p>'),
         "文件含有不允许的域「MACROBUTTON」。删去后再传"),
        (in_body('<w:p><w:del w:id="1"><w:r><w:delText>{{ number }}</w:delText></w:r></w:del></w:p>'),
         "文件里还有修订痕迹。接受或拒绝全部修订后再传"),
        (in_body('<w:p><w:bookmarkStart w:id="1" w:name="{{ number }}"/></w:p>'),
         "正文文字以外（如图片说明、书签）也有标签。删去后再传"),
        (changed("docProps/core.xml", lambda part: part.replace(b"python-docx", b"{{ number }}")),
         "文档属性里有标签。在 Word「文件 → 信息」里删去"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_with_its_own_sentence(data: bytes, reason: str):
    assert told(data) == [reason]


def test_a_field_for_page_numbers_is_no_danger():
    data = in_body('<w:p><w:fldSimple w:instr=" PAGE \\* MERGEFORMAT "/></w:p>')
    assert check_template(data, RECORD_SHEET)[:2] == b"PK"


def test_a_file_that_is_too_large_or_none_is_refused():
    assert told(b"PK\x03\x04" + b"\0" * 5_000_000) == ["模板超过 5 MB。压缩图片后再传"]
    with pytest.raises(Refused, match="没有选文件"):
        check_template(b"", RECORD_SHEET)


def test_time_ends_a_template_that_takes_too_long():
    chance = random.Random(7)
    words = (chance.randbytes(30).hex() for _paragraph in range(12_000))
    data = made(*("{% if number %}" + one + "{% endif %}" for one in words))
    began = time.monotonic()
    with pytest.raises(Refused, match="超过了时间限制"):
        check_template(data, RECORD_SHEET, seconds=2)
    assert time.monotonic() - began < 12


def test_memory_ends_a_template_that_takes_too_much():
    data = made("{%p for line in done %}", *["{{ line.text }}"] * 50, "{%p endfor %}")
    large = values(done=[{"number": "1", "text": "长" * 100_000}] * 100)
    with pytest.raises(Refused, match="超过了内存限制"):
        fill_template(data, large, megabytes=300)


def test_numbers_and_objects_never_reach_a_template():
    with pytest.raises(Refused):
        fill_template(made("{{ number }}"), values(number=1))


def test_no_column_hides_behind_what_every_row_can_do():
    """A row is a dict: a column called like one of its methods would print the method."""
    assert [one.name for _meaning, row in LISTS.values() for one in row if hasattr(dict, one.name)] == []
    assert set(SAMPLE) == {one.name for one in FIELDS} | set(LISTS)
    assert FORMS["record-sheet"] is RECORD_SHEET


def test_another_form_has_its_own_vocabulary():
    assert texts(check_template(made("{{ number }}", required=False), TINY))[0] == "1"
    with pytest.raises(Refused, match="没有「{{ sha256 }}」这个字段"):
        check_template(made("{{ number }}", REQUIRED, required=False), TINY)
