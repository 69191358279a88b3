"""The verifier as one file: its parts one after the other, what they import collected at the top."""

import ast
from functools import cache
from pathlib import Path

ROOM = Path(__file__).parents[1]
PARTS = (ROOM / "offline" / "reading.py", ROOM / "offline" / "proving.py", ROOM / "verifier.py")


@cache
def single_file() -> bytes:
    """One Python file that needs the standard library and `cryptography` only."""
    imports: set[str] = set()
    bodies, words = [], ""
    for part in PARTS:
        source = part.read_text("utf-8")
        module = ast.parse(source)
        words = ast.get_docstring(module, clean=False) or ""
        brought = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
        foreign = [node for node in brought if not isinstance(node, ast.ImportFrom) or not _ours(node)]
        imports |= {ast.unparse(node) for node in foreign}
        bodies.append("\n".join(source.split("\n")[brought[-1].end_lineno or 0 :]).strip("\n"))
    head = f'#!/usr/bin/env python3\n"""{words}"""\n\n' + "\n".join(sorted(imports))
    return ("\n\n\n".join([head, *bodies]) + "\n").encode()


def _ours(node: ast.ImportFrom) -> bool:
    return (node.module or "").startswith("weilu.")
