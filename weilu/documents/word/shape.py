"""Whether a file is a plain DOCX: nothing that runs, reaches outside, unfolds without end or is not what it says."""

import re
from collections.abc import Iterator

from lxml import etree

from weilu.documents.package import Allowed, Unfit, checked, tree_of, types_of

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
MAIN = WORD + "document.main+xml"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PARTS = re.compile(
    r"application/vnd\.openxmlformats-officedocument\.(wordprocessingml\.(document\.main|document\.glossary|styles|"
    r"settings|webSettings|fontTable|numbering|footnotes|endnotes|header|footer|comments|commentsExtended|commentsIds|"
    r"commentsExtensible|people)|theme|extended-properties|custom-properties|customXmlProperties)\+xml"
    r"|application/vnd\.openxmlformats-package\.(relationships|core-properties)\+xml"
    r"|application/vnd\.ms-word\.stylesWithEffects\+xml|application/vnd\.openxmlformats-officedocument\.obfuscatedFont"
    r"|application/xml|text/xml|image/(png|jpe?g|gif|bmp|tiff|x-emf|x-wmf)"
)
LINKS = {
    "officeDocument", "core-properties", "extended-properties", "custom-properties", "styles", "stylesWithEffects",
    "settings", "webSettings", "fontTable", "font", "numbering", "footnotes", "endnotes", "header", "footer", "theme",
    "image", "thumbnail", "comments", "commentsExtended", "commentsIds", "commentsExtensible", "people", "customXml",
    "customXmlProps", "glossaryDocument",
}  # fmt: skip
INSTRUCTIONS = {
    "PAGE", "NUMPAGES", "SECTION", "SECTIONPAGES", "STYLEREF", "REF", "PAGEREF", "SEQ", "TOC", "DATE", "TIME", "=",
}  # fmt: skip
PLAIN = Allowed(MAIN, PARTS, frozenset(LINKS))


def checked_parts(data: bytes) -> dict[str, bytes]:
    """Every part by its name; raises Unfit."""
    parts, types = checked(data, PLAIN)
    _check_words({name: parts[name] for name, kind in types.items() if name in parts and kind.startswith(WORD)})
    return parts


def stories(parts: dict[str, bytes]) -> list[tuple[str, str]]:
    """The parts that hold text of the page: (body, header, footer or note) and name, the body first."""
    kinds = {MAIN: "body", WORD + "header+xml": "header", WORD + "footer+xml": "footer",
             WORD + "footnotes+xml": "note", WORD + "endnotes+xml": "note"}  # fmt: skip
    found = [(kinds[kind], name) for name, kind in types_of(parts).items() if kind in kinds and name in parts]
    return sorted(found, key=lambda one: (list(kinds.values()).index(one[0]), one[1]))


def _check_words(parts: dict[str, bytes]) -> None:
    """No field that fetches or runs, no mail merge, nothing of tracked changes, whose deleted words would count too."""
    for part in parts.values():
        root = tree_of(part)
        if root.find(f".//{W}mailMerge") is not None or root.find(f".//{W}altChunk") is not None:
            raise Unfit("outside", "mailMerge")
        if any(root.find(f".//{W}{name}") is not None for name in ("ins", "del", "moveFrom", "moveTo", "delText")):
            raise Unfit("tracked")
        for words in _instructions(root):
            code = words.split(maxsplit=1)[0].upper() if words.strip() else "="
            if code not in INSTRUCTIONS and not code.startswith("="):
                raise Unfit("instruction", code)


def _instructions(root: etree._Element) -> Iterator[str]:
    """The instructions of fields, simple ones and those spread over runs."""
    for simple in root.iter(f"{W}fldSimple"):
        yield str(simple.get(f"{W}instr", ""))
    depth: list[str] = []
    for one in root.iter(f"{W}fldChar", f"{W}instrText"):
        if one.tag == f"{W}instrText":
            if not depth:
                yield str(one.text or "")
            else:
                depth[-1] += str(one.text or "")
        elif one.get(f"{W}fldCharType") == "begin":
            depth.append("")
        elif one.get(f"{W}fldCharType") in ("separate", "end") and depth:
            yield depth[-1]
            if one.get(f"{W}fldCharType") == "end":
                depth.pop()
