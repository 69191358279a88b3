"""Whether a file is a plain DOCX: nothing that runs, reaches outside, unfolds without end or is not what it says."""

import io
import re
import zipfile
from collections.abc import Iterator
from posixpath import dirname, join, normpath
from xml.parsers import expat

from lxml import etree

MOST_PARTS = 400
UNFOLDED = 40_000_000  # bytes of all parts together
STEEPEST = 100  # times smaller, for a part above a megabyte
TYPES = "[Content_Types].xml"
PACKAGE = "_rels/.rels"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
MAIN = WORD + "document.main+xml"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# What may lie in the file; whatever is not named here is refused.
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
RUNS = re.compile(r"macro|vba|activex|oleobject|package$|control|attachedToolbars|keyMap", re.IGNORECASE)
INSTRUCTIONS = {
    "PAGE", "NUMPAGES", "SECTION", "SECTIONPAGES", "STYLEREF", "REF", "PAGEREF", "SEQ", "TOC", "DATE", "TIME", "=",
}  # fmt: skip


class Unfit(Exception):
    """Why the file is not taken: a code, and what it is about."""

    def __init__(self, code: str, what: str = "") -> None:
        super().__init__(code)
        self.code, self.what = code, what[:120]


def checked_parts(data: bytes) -> dict[str, bytes]:
    """Every part by its name; raises Unfit."""
    parts = dict(unpacked(data))
    if TYPES not in parts or PACKAGE not in parts:
        raise Unfit("no_docx")
    for name, part in parts.items():
        if name.endswith((".xml", ".rels")):
            check_xml(name, part)
    types = _types(parts)
    for name in parts:
        if name != TYPES:
            _check_type(name, types.get(name, ""))
    links = {name: _links(name, part) for name, part in parts.items() if name.endswith(".rels")}
    main = [target for kind, target in links[PACKAGE] if kind == "officeDocument"]
    if [types.get(name) for name in main] != [MAIN]:
        raise Unfit("no_docx")
    _check_words({name: parts[name] for name, kind in types.items() if name in parts and kind.startswith(WORD)})
    return parts


def stories(parts: dict[str, bytes]) -> list[tuple[str, str]]:
    """The parts that hold text of the page: (body, header, footer or note) and name, the body first."""
    kinds = {MAIN: "body", WORD + "header+xml": "header", WORD + "footer+xml": "footer",
             WORD + "footnotes+xml": "note", WORD + "endnotes+xml": "note"}  # fmt: skip
    found = [(kinds[kind], name) for name, kind in _types(parts).items() if kind in kinds and name in parts]
    return sorted(found, key=lambda one: (list(kinds.values()).index(one[0]), one[1]))


def tree_of(part: bytes) -> etree._Element:
    """The elements of a part that was checked."""
    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts of an Office file, within the bounds above and none of them outside it; raises Unfit."""
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unfit("old_word")
    if data[:4] != b"PK\x03\x04":
        raise Unfit("no_docx")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            entries = found.infolist()
            _check_entries(entries)
            for one in entries:
                if not one.is_dir():
                    yield one.filename, found.read(one)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, RuntimeError) as problem:
        raise Unfit("broken") from problem


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [one.filename.casefold() for one in entries]
    if len(entries) > MOST_PARTS:
        raise Unfit("too_many_parts")
    if sum(one.file_size for one in entries) > UNFOLDED or any(
        one.file_size > 1_000_000 and one.file_size > STEEPEST * max(1, one.compress_size) for one in entries
    ):
        raise Unfit("bomb")
    for one in entries:
        pieces, strange = one.filename.split("/"), set(one.orig_filename) & set("\\:\0")
        if ".." in pieces or pieces[0] == "" or strange:
            raise Unfit("escapes", one.filename)
        if one.flag_bits & 0x1:
            raise Unfit("locked")
    if len(set(names)) != len(names):
        raise Unfit("broken")


def check_xml(name: str, part: bytes) -> None:
    """Well-formed, and without a DTD: no entity is ever declared."""

    def refuse(*_declared: object) -> None:
        raise Unfit("dtd", name)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except (expat.ExpatError, ValueError) as problem:
        raise Unfit("xml", name) from problem


def _types(parts: dict[str, bytes]) -> dict[str, str]:
    """The content type of each part as the package declares it."""
    rows = list(tree_of(parts[TYPES]))
    endings = {row.get("Extension", "").casefold(): row.get("ContentType", "") for row in rows if row.get("Extension")}
    named = {row.get("PartName", "").lstrip("/"): row.get("ContentType", "") for row in rows if row.get("PartName")}
    found = {name: named.get(name, endings.get(name.rpartition(".")[2].casefold(), "")) for name in parts}
    return {**named, **found}


def _check_type(name: str, kind: str) -> None:
    if RUNS.search(kind) or RUNS.search(name.rpartition("/")[2]) or "/embeddings/" in name or "/activeX/" in name:
        raise Unfit("runs", name)
    if "template.main+xml" in kind:
        raise Unfit("dotx")
    if not PARTS.fullmatch(kind):
        raise Unfit("unknown_part", name)


def _links(name: str, part: bytes) -> list[tuple[str, str]]:
    """Kind and target of every relationship; raises Unfit for those that run something or lead outside."""
    folder, found = dirname(dirname(name)), []
    for row in tree_of(part):
        kind, target = row.get("Type", "").rpartition("/")[2], row.get("Target", "")
        if kind in ("attachedTemplate", "aFChunk", "subDocument", "frame", "mailMergeSource"):
            raise Unfit("outside", target or kind)
        inside = row.get("TargetMode", "Internal").casefold() == "internal"
        if not inside or ":" in target or target.startswith(("//", "\\")):
            raise Unfit("outside", target)
        if RUNS.search(kind):
            raise Unfit("runs", target)
        if kind not in LINKS:
            raise Unfit("unknown_part", target)
        place = normpath(target.lstrip("/") if target.startswith("/") else join(folder, target))
        if place.startswith(".."):
            raise Unfit("escapes", target)
        found.append((kind, place))
    return found


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
