"""The tags of a template: known fields, simple loops and conditions, each named with its paragraph where it is wrong.

The grammar is closed: what is not written here is refused, and what docxtpl hands to Jinja is read once more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from docxtpl import DocxTemplate
from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment
from lxml import etree

from weilu.documents.package import tree_of
from weilu.documents.word.shape import W, stories

TAG = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}|\{#(.*?)#\}", re.DOTALL)
LOOSE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
NAME = r"[a-z][a-z0-9_]*"
FIELD = re.compile(rf"({NAME})(?:\.({NAME}))?")
FOR = re.compile(rf"for\s+({NAME})\s+in\s+({NAME})")
IF = re.compile(rf"if\s+(?:not\s+)?({NAME}(?:\.{NAME})?)")
PREFIX = re.compile(r"(p|tr)\s+(.*)", re.DOTALL)
KNOWN_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If, nodes.Not,
)  # fmt: skip
MOST = 30  # problems told at once


@dataclass(frozen=True)
class Problem:
    """What is wrong with a tag, and where: story, number of the paragraph in it, its first words."""

    code: str
    what: str
    story: str = ""
    paragraph: int = 0
    words: str = ""


@dataclass
class Open:
    """A loop or condition that waits for its end."""

    what: str  # for, if
    kind: str  # "" within a paragraph, p, tr
    variable: str
    list: str
    frame: object  # what must hold both ends: the paragraph, or the parent of the paragraphs or rows
    at: Problem


@dataclass
class Reading:
    """One story as it is read from paragraph to paragraph."""

    fields: Sequence[str]
    lists: Mapping[str, Sequence[str]]
    problems: list[Problem] = field(default_factory=list)
    opened: list[Open] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    tags: int = 0


def problems_of(
    parts: dict[str, bytes], fields: Sequence[str], lists: Mapping[str, Sequence[str]], required: Sequence[str]
) -> list[Problem]:
    """Everything wrong with the tags of a DOCX whose shape was checked; empty when it can be filled in."""
    found: list[Problem] = []
    used: set[str] = set()
    for story, name in stories(parts):
        reading = Reading(fields, lists)
        root = tree_of(parts[name])
        for number, paragraph in enumerate(root.iter(f"{W}p"), start=1):
            _read(reading, paragraph, story, number)
        reading.problems += [_again(one.at, "unclosed") for one in reading.opened]
        found += reading.problems
        used |= reading.used
        if not reading.problems:
            found += _read_again(root, reading, story)
    properties = b"\n".join(part for name, part in parts.items() if name.startswith("docProps/"))
    if LOOSE.search(properties.decode("utf-8", "replace")):
        found.append(Problem("properties", ""))
    if not found:
        found += [Problem("missing", name) for name in required if name not in used]
    return found[:MOST]


def _again(problem: Problem, code: str) -> Problem:
    return Problem(code, problem.what, problem.story, problem.paragraph, problem.words)


def _read(reading: Reading, paragraph: etree._Element, story: str, number: int) -> None:
    text = text_of(paragraph)
    if not LOOSE.search(text):
        return
    at = Problem("", "", story, number, " ".join(text.split())[:24])
    for found in TAG.finditer(text):
        reading.tags += 1
        told = Problem("", found.group(0)[:60], story, number, at.words)
        if story == "note":
            reading.problems.append(_again(told, "in_note"))
        elif found.group(1) is not None:
            _field(reading, found.group(1).strip(), told)
        elif found.group(2) is not None:
            _statement(reading, found.group(2), paragraph, told)
        else:
            reading.problems.append(_again(told, "grammar"))
    rest = LOOSE.search(TAG.sub("", text))
    if rest:
        reading.problems.append(Problem("unclosed", rest.group(0), story, number, at.words))
    for one in [one for one in reading.opened if one.kind == "" and one.frame is paragraph]:
        reading.opened.remove(one)
        reading.problems.append(_again(one.at, "unclosed"))


def text_of(element: etree._Element) -> str:
    """The text of a paragraph or row; that of a text box inside belongs to its own paragraphs."""
    own = [one for one in element.iter(f"{W}t") if element.tag != f"{W}p" or _paragraph_of(one) is element]
    return "".join(one.text or "" for one in own)


def _paragraph_of(element: etree._Element) -> etree._Element | None:
    return next(element.iterancestors(f"{W}p"), None)


def _field(reading: Reading, words: str, told: Problem) -> None:
    found = FIELD.fullmatch(words)
    if not found:
        reading.problems.append(_again(told, "grammar"))
    elif not _known(reading, words, values_only=True):
        reading.problems.append(_again(told, "unknown"))
    else:
        reading.used.add(words)


def _known(reading: Reading, words: str, *, values_only: bool = False) -> bool:
    name, _dot, part = words.partition(".")
    if not part:
        return name in reading.fields or (name in reading.lists and not values_only)
    return any(one.variable == name and part in reading.lists[one.list] for one in reading.opened if one.what == "for")


def _statement(reading: Reading, words: str, paragraph: etree._Element, told: Problem) -> None:
    prefixed = PREFIX.fullmatch(words.rstrip())
    kind, rest = (prefixed.group(1), prefixed.group(2).strip()) if prefixed else ("", words.strip())
    frame = _frame(kind, paragraph, told.what)
    if frame is None:
        reading.problems.append(_again(told, "not_alone"))
    elif rest in ("endfor", "endif", "else"):
        _close(reading, rest, kind, frame, told)
    elif found := FOR.fullmatch(rest):
        _open_loop(reading, found.group(1), found.group(2), kind, frame, told)
    elif found := IF.fullmatch(rest):
        if not _known(reading, found.group(1)):
            reading.problems.append(_again(told, "unknown"))
        reading.opened.append(Open("if", kind, "", "", frame, told))
    else:
        reading.problems.append(_again(told, "grammar"))


def _frame(kind: str, paragraph: etree._Element, tag: str) -> etree._Element | None:
    """What both ends of a block must share; None where a tag of a paragraph or row does not stand alone in it."""
    if not kind:
        return paragraph
    if kind == "p":
        return paragraph.getparent() if text_of(paragraph).strip() == tag else None
    row = next(paragraph.iterancestors(f"{W}tr"), None)
    alone = row is not None and text_of(row).strip() == tag and row.find(f".//{W}tbl") is None
    return row.getparent() if row is not None and alone else None


def _open_loop(reading: Reading, variable: str, name: str, kind: str, frame: object, told: Problem) -> None:
    if name not in reading.lists:
        reading.problems.append(_again(told, "unknown"))
        name = next(iter(reading.lists), "")
    elif variable in reading.fields or variable in reading.lists or variable == "loop":
        reading.problems.append(_again(told, "grammar"))
    elif any(one.what == "for" for one in reading.opened):
        reading.problems.append(_again(told, "nested"))
    reading.opened.append(Open("for", kind, variable, name, frame, told))


def _close(reading: Reading, rest: str, kind: str, frame: object, told: Problem) -> None:
    last = reading.opened[-1] if reading.opened else None
    wanted = {"endfor": "for", "endif": "if", "else": "if"}[rest]
    if last is None or (last.what, last.kind) != (wanted, kind) or last.frame is not frame:
        reading.problems.append(_again(told, "unpaired"))
    elif rest != "else":
        reading.opened.pop()


def _read_again(root: etree._Element, reading: Reading, story: str) -> list[Problem]:
    """What Jinja will really be given, looked at node by node: the same tags as were read, and nothing else."""
    reader = object.__new__(DocxTemplate)
    source = DocxTemplate.patch_xml(reader, etree.tostring(root, encoding="unicode"))
    try:
        tree = SandboxedEnvironment().parse(source)
    except TemplateSyntaxError:
        return [Problem("unpaired", "", story)]
    count = 0
    for node in _walk(tree):
        if not isinstance(node, KNOWN_NODES):
            return [Problem("grammar", type(node).__name__, story)]
        if isinstance(node, nodes.Output):
            count += sum(not isinstance(one, nodes.TemplateData) for one in node.nodes)
        if isinstance(node, nodes.For | nodes.If):
            count += 2 + bool(node.else_)
            if isinstance(node, nodes.If) and node.elif_:
                return [Problem("grammar", "elif", story)]
    return [] if count == reading.tags else [Problem("elsewhere", "", story)]


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)
