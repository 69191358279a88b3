"""Whether an uploaded Office file is a plain one: nothing that runs, reaches outside, unfolds without end or lies.

Each kind of file says what may lie in it (`Allowed`); whatever it does not name is refused.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from xml.parsers import expat

from lxml import etree

MOST_PARTS = 400
UNFOLDED = 40_000_000  # bytes of all parts together
STEEPEST = 100  # times smaller, for a part above a megabyte
TYPES = "[Content_Types].xml"
PACKAGE = "_rels/.rels"
RUNS = re.compile(r"macro|vba|activex|oleobject|package$|control|attachedToolbars|keyMap", re.IGNORECASE)
OUTSIDE = re.compile(r"externalLink|connections|queryTable", re.IGNORECASE)
PRESSED = re.compile(r"(https?|mailto):", re.IGNORECASE)
FETCHED = ("attachedTemplate", "aFChunk", "subDocument", "frame", "mailMergeSource", "externalLinkPath")


class Unfit(Exception):
    """Why the file is not taken: a code, and what it is about."""

    def __init__(self, code: str, what: str = "") -> None:
        super().__init__(code)
        self.code, self.what = code, what[:120]


@dataclass(frozen=True)
class Allowed:
    """What may lie in a kind of file."""

    main: str  # content type of the part that the package opens with
    parts: re.Pattern[str]  # content types
    links: frozenset[str]  # last words of relationship types
    pressed: frozenset[str] = frozenset()  # those that may lead outside, since only a person who clicks follows them


def checked(data: bytes, allowed: Allowed) -> tuple[dict[str, bytes], dict[str, str]]:
    """Every part by its name, and its content type; raises Unfit."""
    parts = dict(unpacked(data))
    if TYPES not in parts or PACKAGE not in parts:
        raise Unfit("other_kind")
    for name, part in parts.items():
        if name.lower().endswith((".xml", ".rels", ".vml")):
            check_xml(name, part)
    types = types_of(parts)
    for name in parts:
        if name != TYPES:
            _check_type(name, types.get(name, ""), allowed)
    links = {name: _links(name, part, allowed) for name, part in parts.items() if name.lower().endswith(".rels")}
    main = [target for kind, target in links[PACKAGE] if kind == "officeDocument"]
    if [types.get(name) for name in main] != [allowed.main]:
        raise Unfit("other_kind")
    return parts, types


def tree_of(part: bytes) -> etree._Element:
    """The elements of a part that was checked."""
    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts of an Office file, within the bounds above and none of them outside it; raises Unfit."""
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unfit("old_kind")
    if data[:4] != b"PK\x03\x04":
        raise Unfit("other_kind")
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


def types_of(parts: dict[str, bytes]) -> dict[str, str]:
    """The content type of each part as the package declares it."""
    rows = list(tree_of(parts[TYPES]))
    endings = {row.get("Extension", "").casefold(): row.get("ContentType", "") for row in rows if row.get("Extension")}
    named = {row.get("PartName", "").lstrip("/"): row.get("ContentType", "") for row in rows if row.get("PartName")}
    found = {name: named.get(name, endings.get(name.rpartition(".")[2].casefold(), "")) for name in parts}
    return {**named, **found}


def _check_type(name: str, kind: str, allowed: Allowed) -> None:
    folders = name.lower()
    if RUNS.search(kind) or RUNS.search(name.rpartition("/")[2]) or "/embeddings/" in folders or "/activex/" in folders:
        raise Unfit("runs", name)
    if "template.main+xml" in kind:
        raise Unfit("template")
    if OUTSIDE.search(kind) or OUTSIDE.search(name):
        raise Unfit("outside", name)
    if kind.endswith(".main+xml") and kind != allowed.main:
        raise Unfit("other_kind")
    if not allowed.parts.fullmatch(kind):
        raise Unfit("unknown_part", name)


def _links(name: str, part: bytes, allowed: Allowed) -> list[tuple[str, str]]:
    """Kind and target of every relationship; raises Unfit for those that run something or lead outside."""
    folder, found = dirname(dirname(name)), []
    for row in tree_of(part):
        kind, target = row.get("Type", "").rpartition("/")[2], row.get("Target", "")
        if kind in FETCHED:
            raise Unfit("outside", target or kind)
        inside = row.get("TargetMode", "Internal").casefold() == "internal"
        if kind in allowed.pressed and not inside and PRESSED.match(target):
            continue
        if not inside or ":" in target or target.startswith(("//", "\\")):
            raise Unfit("outside", target)
        if RUNS.search(kind):
            raise Unfit("runs", target)
        if kind not in allowed.links:
            raise Unfit("unknown_part", target)
        place = normpath(target.lstrip("/") if target.startswith("/") else join(folder, target))
        if place.startswith(".."):
            raise Unfit("escapes", target)
        found.append((kind, place))
    return found
