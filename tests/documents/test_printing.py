"""The press: what it prints, what it refuses, how it is ended."""

import hashlib
from pathlib import Path

import pypdfium2
import pytest

from weilu.documents.glyphs import FACES, FONTS, characters, legible
from weilu.documents.printing import LARGEST, Press, PressFailed
from weilu.documents.qr import qr_svg
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.once
FORMS = Path(__file__).with_name("forms")
DATA = {"timestamp": 1790000000, "title": "报告单 㛃䶮𬀩𬘭"}


@pytest.fixture
def press():
    press = Press(FORMS, seconds=20)
    yield press
    press.close()


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def test_equal_data_gives_equal_bytes_also_from_another_process(press):
    first = press.print("plain", DATA)
    press.print("plain", DATA | {"title": "另一份"})
    again = press.print("plain", DATA)
    press.close()

    assert again == first
    assert press.print("plain", DATA) == first


def test_the_file_is_pdf_a_2b(press):
    pdf = press.print("plain", DATA)

    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in pdf


def test_one_process_prints_many_sheets(press):
    press.print("plain", DATA)
    first = press.pid
    press.print("plain", DATA)

    assert press.pid == first > 0


def test_a_form_that_takes_too_long_is_ended_and_the_next_one_prints(press):
    press.print("plain", DATA)
    first, press.seconds = press.pid, 1

    with pytest.raises(Refused, match="排版超过 1 秒"):
        press.print("slow", DATA)

    assert press.pid == 0
    press.seconds = 20
    assert "㛃䶮𬀩𬘭" in text_of(press.print("plain", DATA))
    assert press.pid != first


def test_a_form_that_takes_too_much_memory_is_ended_and_the_next_one_prints():
    press = Press(FORMS, seconds=60, megabytes=300)

    with pytest.raises(Refused, match="排版程序中断"):
        press.print("greedy", DATA)

    assert "报告单" in text_of(press.print("plain", DATA))
    press.close()


def test_a_process_that_keeps_too_much_is_replaced():
    press = Press(FORMS, resident=1)
    press.print("plain", DATA)

    assert press.pid == 0
    press.close()


def test_a_form_reads_no_file_outside_its_folder(press):
    with pytest.raises(PressFailed) as told:
        press.print("reads-outside", DATA)
    assert str(told.value) == 'path `"/../../../pyproject.toml"` would escape the project root'


@pytest.mark.parametrize("name", ["", "../plain", "no-such-form", "/etc/passwd", "plain.typ"])
def test_only_forms_of_the_folder_are_printed(press, name):
    with pytest.raises(PressFailed) as told:
        press.print(name, DATA)
    assert str(told.value) == f"no form is called {name!r}"


def test_too_much_text_is_refused_before_it_is_set(press):
    with pytest.raises(Refused, match="内容太多"):
        press.print("plain", DATA | {"title": "长" * LARGEST})
    assert press.pid == 0


def test_a_character_that_no_face_has_prints_as_its_code(press):
    pdf = press.print("plain", DATA | {"title": "好\U0001f600坏\u202e倒"})

    assert "好[U+1F600]坏[U+202E]倒" in text_of(pdf)


def test_legible_leaves_alone_what_can_be_printed():
    value = {"a": ["中文 ABC ＡＢＣ", 3, True, None], "b": "a\tb\u3000c"}

    assert legible(value) == {"a": ["中文 ABC ＡＢＣ", 3, True, None], "b": "a b\u3000c"}


@pytest.mark.parametrize("face", FACES)
def test_every_face_has_the_rare_name_characters(face):
    assert set("㛃䶮𬀩𬘭") <= set(characters(FONTS / face))


def test_fonts_are_those_whose_digests_are_on_record():
    lines = (FONTS / "SHA256SUMS").read_text().split("\n")[:-1]
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}

    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONTS.iterdir() if path.name in recorded
    }
    assert found == recorded
    assert {path.name for path in FONTS.glob("*.ttf")} <= set(recorded)
    assert sum(path.stat().st_size for path in FONTS.iterdir()) <= 40_000_000


def test_a_qr_code_is_drawn_as_a_vector():
    svg = qr_svg("http://127.0.0.1:8000/s/" + "a" * 40)

    assert svg.startswith("<svg")
    assert "<path" in svg
    assert "<image" not in svg
