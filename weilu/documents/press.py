"""The press: a child process that turns a form and its data into PDF/A, asked over its standard input.

Knows nothing of Django and imports only typst, so that it stays small; `printing.py` starts, times and ends it.
"""

import json
import resource
import struct
import sys
from pathlib import Path
from typing import BinaryIO, cast

import typst

LENGTH = struct.Struct(">I")


def main() -> None:
    forms, fonts, megabytes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    faces = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)])
    compiler = typst.Compiler(root=str(forms), font_paths=faces, ignore_system_fonts=True)
    while (order := _read(sys.stdin.buffer)) is not None:
        asked = json.loads(order)
        try:
            pdf = compiler.compile(
                str(forms / f"{asked['form']}.typ"),
                format="pdf",
                pdf_standards="a-2b",
                timestamp=asked["timestamp"],
                sys_inputs={"data": asked["data"]},
            )
        except RuntimeError as problem:
            _write(sys.stdout.buffer, b"!" + f"{problem}"[:2000].encode())
        else:
            _write(sys.stdout.buffer, b"=" + cast(bytes, pdf))


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    return source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else None


def _write(target: BinaryIO, answer: bytes) -> None:
    target.write(LENGTH.pack(len(answer)) + answer)
    target.flush()


if __name__ == "__main__":
    main()
