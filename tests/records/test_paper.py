"""The printed sheet: what stands on it, in which fonts, on which paper."""

from ctypes import create_string_buffer

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import zxingcpp

from tests.cast import cast_again
from tests.records.builders import make_sheet, sign
from weilu.documents.printing import print_form
from weilu.records.actions import cancel_number, draft_sheet
from weilu.records.models import RecordSheet
from weilu.records.paper import public_address, sheet_form

pytestmark = pytest.mark.django_db
HOSTILE = '#set text(red) $x^2$ *粗* _斜_ @ref [a] \\ // 注 `raw` <lab> ~ --- ... "q" #read("/etc/passwd") ＡＢＣ'


@pytest.fixture
def people():
    return cast_again()


def printed(sheet) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(print_form("record-sheet", sheet_form(sheet)))


def words(pdf: pypdfium2.PdfDocument) -> str:
    """All text without the breaks of lines."""
    pages = (page.get_textpage().get_text_range() for page in pdf)
    return "".join(pages).replace("\r", "").replace("\n", "").replace("\ufffe", "")


def packed(text: str) -> str:
    return "".join(text.split())


def fonts(pdf: pypdfium2.PdfDocument) -> set[tuple[str, bool]]:
    """Every font of the text and whether it is embedded."""
    found = set()
    for page in pdf:
        for one in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]):
            font = pdfium.FPDFTextObj_GetFont(one.raw)
            name = create_string_buffer(200)
            pdfium.FPDFFont_GetBaseFontName(font, name, 200)
            found.add((name.value.decode().split("+")[-1], bool(pdfium.FPDFFont_GetIsEmbedded(font))))
    return found


def test_a_signed_sheet_says_everything(people):
    sheet = make_sheet(people)
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer", opinion="功能正常，同意验收。")
    sheet.refresh_from_db()

    pdf = printed(sheet)
    text = packed(words(pdf))

    for said in (
        sheet.number,
        "JZ-BG-2026-0001",
        "江州社会保险事业管理中心",
        "禾川软件有限公司",
        "网上预约平台",
        "1.0.0→1.1.0",
        "㛃䶮𬀩𬘭",
        "核对来源与完整性",
        "abababababab",
        "2026-09-2822:04",
        "系统确认签名王敏",
        "系统确认签名陈航",
        "功能正常，同意验收。",
        "待见证",
        sheet.digest,
        sheet.sm3,
    ):
        assert said in text
    assert "草稿" not in text


def test_the_paper_is_a4_and_every_font_is_ours_and_embedded(people):
    pdf = printed(make_sheet(people))

    assert {(round(page.get_width()), round(page.get_height())) for page in pdf} == {(595, 842)}
    assert fonts(pdf) <= {
        ("NotoSansSC-Regular", True),
        ("NotoSansSC-Bold", True),
        ("NotoSerifSC-Regular", True),
        ("JetBrainsMono-Regular", True),
    }


def test_the_short_qr_leads_to_the_public_page(people):
    sheet = make_sheet(people)
    picture = printed(sheet)[0].render(scale=200 / 72).to_pil()

    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [public_address(sheet)]


def test_the_same_sheet_prints_to_the_same_bytes(people):
    form = sheet_form(make_sheet(people))

    assert print_form("record-sheet", form) == print_form("record-sheet", form)


def test_markup_in_what_people_wrote_prints_as_written(people):
    step = {"title": HOSTILE, "host": "app-01", "started_at": "", "seconds": 0, "result": "成功", "digest": ""}
    sheet = make_sheet(people, cause=HOSTILE, done=[HOSTILE], remaining=HOSTILE, steps=[step], customer=HOSTILE[:90])

    text = packed(words(printed(sheet)))
    assert text.count(packed(HOSTILE)) == 4
    assert packed(HOSTILE[:90]) in text


def test_long_words_break_and_lose_nothing(people):
    word = "/opt/app/" + "x9" * 200 + "END"
    sheet = make_sheet(people, cause=f"路径 {word} 见附件", done=[word])
    pdf = printed(sheet)

    assert words(pdf).count(word) == 2
    right_edges = [one.get_bounds()[2] for one in pdf[0].get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT])]
    assert max(right_edges) <= 595 - 18 / 25.4 * 72 + 1


def test_two_hundred_steps_go_over_pages_with_head_and_number(people):
    steps = [
        {
            "title": f"第 {at} 步",
            "host": "app-01",
            "started_at": "2026-09-28T14:00:00+00:00",
            "seconds": at,
            "result": "成功",
            "digest": "cd" * 32,
        }
        for at in range(1, 201)
    ]
    sheet = make_sheet(people, steps=steps, cause="长" * 4000)
    pdf = printed(sheet)
    pages = [packed(page.get_textpage().get_text_range()) for page in pdf]

    assert len(pages) >= 6
    assert all(f"编号{sheet.number}" in page and "（续页）" in page for page in pages[1:])
    assert all(f"第{at}页，共{len(pages)}页" in page for at, page in enumerate(pages, start=1))
    assert "第200步" in "".join(pages)


def test_a_draft_says_so_and_has_neither_number_nor_qr(people):
    from tests.records.builders import content, make_item

    draft = draft_sheet(people.chen, make_item(people), content())
    pdf = printed(draft)

    assert "尚未定稿，没有编号，不作凭证" in packed(words(pdf))
    assert zxingcpp.read_barcodes(pdf[0].render(scale=200 / 72).to_pil()) == []


def test_a_cancelled_number_prints_with_its_reason(people):
    sheet = cancel_number(people.zheng, make_sheet(people), reason="系统名称写错")

    assert "作废编号保留。原因：系统名称写错" in packed(words(printed(sheet)))


def test_a_name_instead_of_a_drawing_is_said_on_the_sheet(people):
    sheet = make_sheet(people)
    sign(people.chen, sheet, "vendor", strokes=[], name_instead=True)

    assert "未手写，以姓名代替" in packed(words(printed(RecordSheet.objects.get(id=sheet.id))))


def test_the_form_prints_with_every_blank_left_blank(people):
    sheet = make_sheet(people, contract="", version_from="", version_to="", times=[], done=[], steps=[], tests=[])

    assert len(printed(sheet)) >= 1
