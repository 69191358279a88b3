"""Which characters the vendored faces can print, and what is printed in place of the others."""

import re
import struct
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

FONTS = Path(__file__).with_name("fonts")
FACES = ("NotoSansSC-Regular.ttf", "NotoSansSC-Bold.ttf", "NotoSerifSC-Regular.ttf")


def legible(value: Any) -> Any:
    """`value` with every string made printable: a character that no face has becomes its code, [U+1F600].

    Invisible format characters, those that turn the writing direction above all, show as codes too:
    paper must not read otherwise than the record.
    """
    if isinstance(value, str):
        return value if printable().issuperset(value) else "".join(map(_sign, value))
    if isinstance(value, dict):
        return {key: legible(item) for key, item in value.items()}
    return [legible(item) for item in value] if isinstance(value, list) else value


def _sign(sign: str) -> str:
    if sign in printable():
        return sign
    if sign == "\t" or unicodedata.category(sign) == "Zs":
        return " "
    return f"[U+{ord(sign):04X}]"


@cache
def printable() -> frozenset[str]:
    """The characters that every face has, without invisible ones; a line feed counts as one of them."""
    shared = set.intersection(*(set(characters(FONTS / name)) for name in FACES))
    return frozenset({sign for sign in shared if unicodedata.category(sign) not in ("Cc", "Cf", "Co", "Cn")} | {"\n"})


def characters(font: Path) -> list[str]:
    """Every character in the cmap (format 12) of a TrueType file."""
    data = font.read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    tables = {data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in range(12, 12 + 16 * count, 16)}
    cmap = tables[b"cmap"]
    (parts,) = struct.unpack_from(">H", data, cmap + 2)
    for part in range(parts):
        start = cmap + struct.unpack_from(">I", data, cmap + 8 + 8 * part)[0]
        if struct.unpack_from(">H", data, start)[0] == 12:
            groups = struct.unpack_from(">I", data, start + 12)[0]
            spans = struct.iter_unpack(">III", data[start + 16 : start + 16 + 12 * groups])
            return [chr(sign) for first, last, _ in spans for sign in range(first, last + 1)]
    raise ValueError(f"{font.name} has no cmap of format 12")


FORM_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
