"""Canonical JSON against the RFC's own vectors, and digests against published ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weilu.kernel.canonical import canonical, digest, sha256_hex, sm3_hex

pytestmark = pytest.mark.once


def test_members_are_sorted_by_utf16_code_units():
    """RFC 8785, section 3.2.3."""
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }

    assert canonical(value).decode() == (
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",'
        '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )


def test_strings_and_literals_are_written_one_way():
    """RFC 8785, section 3.2.2, without its numbers, which are floats."""
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "n": -12}

    assert canonical(value).decode() == (
        '{"literals":[null,true,false],"n":-12,"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize("value", [1.0, {"a": [{"b": 0.5}]}, (float("nan"),)])
def test_a_float_has_no_place_in_a_record(value: object):
    with pytest.raises(ValueError, match="no floats") as told:
        canonical(value)
    assert str(told.value) == "a canonical record holds no floats"


def test_a_number_too_big_for_every_reader_is_turned_down():
    with pytest.raises(ValueError, match="JSON floats") as told:
        canonical(2**53)
    assert str(told.value) == "9007199254740992 exceeds safe integer domain for JSON floats"


def test_known_digests():
    """`abc`, in FIPS 180-4 and GB/T 32905."""
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sm3_hex(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@given(st.dictionaries(st.text(), st.integers(-(2**53) + 1, 2**53 - 1)))
def test_the_order_of_members_does_not_matter(value: dict[str, int]):
    assert digest(dict(reversed(value.items()))) == digest(value)
