"""What people typed, made fit to keep: normalised, measured, without control characters."""

import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def line(value: object, label: str, *, field: str, longest: int = 200, required: bool = True) -> str:
    """One line of text, trimmed and NFC; raises Refused when missing, too long or with control characters."""
    return _clean(value, label, field, longest, required, breaks=False)


def prose(value: object, label: str, *, field: str, longest: int = 4000, required: bool = True) -> str:
    """Text of several lines (line feeds kept, CRLF folded); raises Refused as `line` does."""
    return _clean(value, label, field, longest, required, breaks=True)


def code(value: object, label: str, *, field: str, longest: int = 100, required: bool = True) -> str:
    """A version, path or number: as `line`, with full-width letters and digits made half-width."""
    return _clean(str(value or "").translate(FULL_WIDTH), label, field, longest, required, breaks=False)


def _clean(value: object, label: str, field: str, longest: int, required: bool, *, breaks: bool) -> str:
    text = unicodedata.normalize("NFC", str(value or "")).replace("\r\n", "\n").replace("\r", "\n").strip()
    if required and not text:
        raise Refused(_("%(label)s没有填写。填好后再提交") % {"label": label}, field=field)
    if len(text) > longest:
        raise Refused(
            _("%(label)s有 %(length)d 字，最多 %(longest)d 字。删短后再提交")
            % {"label": label, "length": len(text), "longest": longest},
            field=field,
        )
    for place, sign in enumerate(text, start=1):
        if unicodedata.category(sign) in ("Cc", "Cs") and not (breaks and sign in "\n\t"):
            raise Refused(
                _("%(label)s第 %(place)d 个字是不可见的控制字符。删去后再提交") % {"label": label, "place": place},
                field=field,
            )
    return text


def without_nul(value: Any) -> Any:
    """The same, with every NUL in its texts made visible: PostgreSQL keeps none."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    if isinstance(value, dict):
        return {without_nul(str(key)): without_nul(each) for key, each in value.items()}
    return value
