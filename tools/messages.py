"""The English of every Chinese sentence, without needing GNU gettext.

`python tools/messages.py` adds new sentences to `django.po`, drops unused ones and compiles the
`.mo`; with `--check` it changes nothing and fails on a missing, doubtful or uncompiled one.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
import yaml
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
PO = ROOT / "weilu" / "locale" / "en" / "LC_MESSAGES" / "django.po"
CALLS = {
    "_",
    "gettext",
    "gettext_noop",
    "gettext_lazy",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
    "_lazy",
}
WEILU = ROOT / "weilu"
STANDALONE = (  # speaks where there is no catalogue; what it said is told again where it is read
    *(WEILU / "execution" / "target").rglob("*.py"),
    *(path for path in (WEILU / "cli").glob("*.py") if not path.name.startswith(("story", "seed_", "demo_"))),
    *(WEILU / "evidence" / "witness").glob("*.py"),
    WEILU / "records" / "proof.py",
    WEILU / "config.py",
    WEILU / "config_sign_in.py",
)
IN_TEMPLATE = re.compile(r"""\b(p?n?gettext|_)\(((?:\s*u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|count)\s*,?)+)\)""")
LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")

CHINESE = re.compile(r"[\u4e00-\u9fff]")

Key = tuple[str | None, str, str | None]  # context, sentence, plural


def main() -> int:
    found = collect()
    book = polib.pofile(str(PO)) if PO.exists() else new_book()
    if "--check" in sys.argv:
        return check(found, book)
    update(found, book)
    return check(found, book)


def collect() -> dict[Key, list[str]]:
    """Every sentence in the product's Python and templates, with the files it stands in."""
    settings.configure()
    found: dict[Key, list[str]] = {}
    for path in sorted((ROOT / "weilu").rglob("*")):
        if path.suffix == ".py" and "migrations" not in path.parts:
            keys = in_standalone(path.read_text("utf-8")) if path in STANDALONE else in_python(path.read_text("utf-8"))
        elif path.suffix in {".html", ".txt", ".svg"} and "templates" in path.parts:
            keys = in_template(path.read_text("utf-8"))
        elif path.suffix == ".yaml" and "flows" in path.parts:
            keys = in_flow(path.read_text("utf-8"))
        else:
            continue
        for key in keys:
            where = found.setdefault(key, [])
            name = path.relative_to(ROOT).as_posix()
            if name not in where:
                where.append(name)
    return found


def in_python(source: str) -> Iterator[Key]:
    module = ast.parse(source)
    yield from in_tables(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if called in CALLS and len(texts) > called.startswith("pgettext"):  # a variable's words stand elsewhere
                yield key_of(called, texts)


def in_tables(module: ast.Module) -> Iterator[Key]:
    """Words that pages translate when they show them: choices of models, and tables of words in capitals."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(getattr(base, "attr", "") == "TextChoices" for base in node.bases):
            values = [part for line in node.body if isinstance(line, ast.Assign) for part in ast.walk(line.value)]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and is_table(node):
            values = list(node.value.values)
        else:
            continue
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and CHINESE.search(value.value):
                yield None, value.value, None


def in_standalone(source: str) -> Iterator[Key]:
    """What a program without a catalogue says: each Chinese text, an f-string with its values as named places."""
    module = ast.parse(source)
    inside = {part for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
    prose = {node.value for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr):
            sentence = pattern_of(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside | prose:
            sentence = node.value
        else:
            continue
        if CHINESE.search(sentence):
            yield None, sentence, None


def pattern_of(written: ast.JoinedStr) -> str:
    """`f"装入 {release.name}"` as `装入 %(name)s`; a place is called by the variable it shows."""
    parts: list[str] = []
    for part in written.values:
        if isinstance(part, ast.FormattedValue):
            names = [one.id for one in ast.walk(part.value) if isinstance(one, ast.Name)]
            name = names[-1] if names else "value"
            taken = sum(before.startswith(f"%({name}") for before in parts)
            parts.append(f"%({name}{taken + 1 if taken else ''})s")
        else:
            parts.append(str(ast.literal_eval(part)).replace("%", "%%"))
    return "".join(parts)


def is_table(node: ast.Assign) -> bool:
    return isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()


def in_flow(source: str) -> Iterator[Key]:
    """Titles, buttons and marks of a flow that ships with the product."""
    flow = yaml.safe_load(source)
    for row in (flow, *flow["steps"]):
        for word, context in (("title", None), ("act", None), ("mark", "mark")):
            if word in row:
                yield context, row[word], None


def in_template(source: str) -> Iterator[Key]:
    for called, inside in IN_TEMPLATE.findall(templatize(source)):
        texts = [
            ast.literal_eval(t.lstrip("u")) for t in re.findall(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", inside)
        ]
        yield key_of(called, texts)


def key_of(called: str, texts: list[str]) -> Key:
    context = texts.pop(0) if called.startswith(("pgettext", "pn")) else None
    plural = texts[1] if "ngettext" in called and len(texts) > 1 else None
    return context, texts[0], plural


def new_book() -> polib.POFile:
    PO.parent.mkdir(parents=True, exist_ok=True)
    book = polib.POFile(wrapwidth=110)
    book.metadata = {
        "Project-Id-Version": "Weilu",
        "Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    return book


def update(found: dict[Key, list[str]], book: polib.POFile) -> None:
    known = {(e.msgctxt, e.msgid): e for e in book}
    fresh = new_book()
    fresh.metadata = book.metadata
    for (context, sentence, plural), where in sorted(found.items(), key=lambda pair: (pair[1][0], pair[0][1])):
        entry = known.get((context, sentence)) or polib.POEntry(msgctxt=context, msgid=sentence)
        entry.occurrences, entry.obsolete = [(name, "") for name in where], False
        if plural:
            entry.msgid_plural = plural
            entry.msgstr_plural = entry.msgstr_plural or {0: "", 1: ""}
        if ("%(" in sentence or (plural and "%(" in plural)) and "python-format" not in entry.flags:
            entry.flags.append("python-format")
        fresh.append(entry)
    fresh.save(str(PO))
    PO.with_suffix(".mo").write_bytes(fresh.to_binary())
    book[:] = fresh[:]


def check(found: dict[Key, list[str]], book: polib.POFile) -> int:
    """Print what is wrong, one line each; the number of findings decides the exit."""
    known = {(e.msgctxt, e.msgid): e for e in book if not e.obsolete}
    problems = []
    for (context, sentence, _plural), where in found.items():
        entry = known.get((context, sentence))
        if entry is None:
            problems.append(f"{where[0]}: not in django.po: {sentence!r}")
        elif not entry.translated() or entry.fuzzy:
            problems.append(f"{where[0]}: no English yet: {sentence!r}")
        else:
            problems += [f"{where[0]}: {trouble}" for trouble in placeholders(entry)]
    mo = PO.with_suffix(".mo")
    if not mo.exists() or mo.read_bytes() != book.to_binary():
        problems.append("django.mo is not what django.po compiles to: make messages")
    print(*problems, f"{len(found)} sentences, {len(problems)} findings", sep="\n")
    return 1 if problems else 0


def placeholders(entry: polib.POEntry) -> Iterator[str]:
    """Names in `%(…)s` and `{…}` must be the same in both languages."""
    pattern = re.compile(r"%\((\w+)\)|\{(\w*)\}")
    wanted = {"".join(m) for m in pattern.findall(entry.msgid + entry.msgid_plural)}
    for text in [entry.msgstr, *entry.msgstr_plural.values()]:
        if text and not {"".join(m) for m in pattern.findall(text)} <= wanted:
            yield f"placeholders differ: {entry.msgid!r}"
        if text and not entry.msgid_plural and {"".join(m) for m in pattern.findall(text)} != wanted:
            yield f"a placeholder is missing: {entry.msgid!r}"


if __name__ == "__main__":
    sys.exit(main())
