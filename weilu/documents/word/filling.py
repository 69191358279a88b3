"""A template filled in with plain texts: the same bytes for the same texts."""

import io
import unicodedata
import zipfile
from typing import Any

from docx import Document
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from weilu.documents.package import TYPES, Unfit, tree_of
from weilu.documents.word.shape import stories

# Signs of people's text that Jinja or docxtpl would read as theirs travel as signs of private use.
AWAY = {ord(sign): 0xF8F1 + place for place, sign in enumerate("{}%#_")}
BACK = {place: chr(sign) for sign, place in AWAY.items()}
EPOCH = (1980, 1, 1, 0, 0, 0)


def filled(data: bytes, values: dict[str, Any]) -> bytes:
    """`data` with every tag replaced; `values` are texts, and lists of rows of texts."""
    template = DocxTemplate(io.BytesIO(data))
    template.render(_sent(values), SandboxedEnvironment(undefined=StrictUndefined), autoescape=True)
    out = io.BytesIO()
    template.docx.save(out)
    return _packed(out.getvalue())


def _sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _sent(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_sent(one) for one in value]
    if not isinstance(value, str):
        raise TypeError("a template is filled in with texts")
    return plain(value).translate(AWAY)


def plain(text: str) -> str:
    """`text` as XML can hold it and a reader can see it: invisible and private signs show as their code, [U+202E]."""
    return "".join(sign if _is_seen(sign) else f"[U+{ord(sign):04X}]" for sign in text)


def _is_seen(sign: str) -> bool:
    return sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Co", "Cn", "Cs")


def _packed(data: bytes) -> bytes:
    """The package in one order and with one date; people's signs are theirs again."""
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        parts = {one.filename: found.read(one) for one in found.infolist()}
    for _story, name in stories(parts):
        parts[name] = parts[name].decode("utf-8").translate(BACK).encode("utf-8")
        tree_of(parts[name])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in sorted(parts, key=lambda one: (one != TYPES, one)):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            made.writestr(entry, parts[name])
    return out.getvalue()


def check_opens(data: bytes) -> None:
    """Raises Unfit when what was filled in cannot be opened again."""
    try:
        Document(io.BytesIO(data))
    except (KeyError, ValueError, SyntaxError) as problem:
        raise Unfit("trial") from problem
