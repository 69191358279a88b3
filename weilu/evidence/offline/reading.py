"""Reading an export without trusting anything: a part of the single-file verifier (see `single.py`)."""

import base64
import json
import os
import re
import stat
from typing import Any

SMALL = 64 * 1024  # checkpoint, keys, a proof
RECORD = 16 * 1024 * 1024
MOST_FILES = 200_000
# Absent on some systems; O_NONBLOCK keeps a pipe from holding us up, O_BINARY keeps Windows from editing line ends.
OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
LAYOUT = {"records": re.compile(r"(0|[1-9][0-9]{0,18})\.json"), "proofs": re.compile(r"(0|[1-9][0-9]{0,18})\.json"),
          "files": re.compile(r"[0-9a-f]{64}")}  # fmt: skip
PLAIN = ("checkpoint", "log.vkey", "witnessed.json")
HEX = re.compile(r"[0-9a-f]{64}")


class Wrong(Exception):
    """Something does not hold: the file and the sentence about it."""

    def __init__(self, place: str, words: str) -> None:
        super().__init__(f"{shown(place)}：{words}")


def shown(text: object) -> str:
    """Text from the export, made safe to print on a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text)[:200])


def read(folder: str, name: str, most: int) -> bytes:
    """The bytes of one plain file inside the folder; never through a link, never more than `most`."""
    try:
        handle = os.open(os.path.join(folder, name), OPEN)
    except FileNotFoundError:
        raise Wrong(name, "文件缺失") from None
    except OSError as problem:
        raise Wrong(name, f"不能读取（{problem.strerror}）") from None
    with os.fdopen(handle, "rb") as source:
        facts = os.fstat(source.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise Wrong(name, "不是普通文件")
        if facts.st_size > most:
            raise Wrong(name, f"有 {facts.st_size} 字节，超过上限 {most}")
        return source.read(most + 1)


def text_of(folder: str, name: str) -> str:
    try:
        return read(folder, name, SMALL).decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong(name, "不是 UTF-8 文本，内容已被改动") from None


def strict_json(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`, if these are exactly its canonical bytes."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    def never(_text: str) -> None:
        raise ValueError("a float")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_float=never, parse_constant=never)
        again = canonical(value)
    except (ValueError, RecursionError):
        raise Wrong(name, "不是规范的 JSON，内容已被改动") from None
    if not isinstance(value, dict) or again != data:
        raise Wrong(name, "不是规范的 JSON，内容已被改动")
    return value


def canonical(value: Any) -> bytes:
    """RFC 8785 for what a record holds: no floats, keys ordered by UTF-16 code units."""

    def ordered(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: ordered(part[key]) for key in sorted(part, key=lambda key: key.encode("utf-16-be"))}
        return [ordered(one) for one in part] if isinstance(part, list) else part

    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def listing(folder: str) -> tuple[dict[str, set[str]], list[str]]:
    """The names below records, proofs and files; and a sentence for everything that does not belong."""
    found: dict[str, set[str]] = {name: set() for name in LAYOUT}
    wrong: list[str] = []
    for entry in entries(folder, ""):
        if entry.name in PLAIN:
            continue
        if entry.name not in LAYOUT or not entry.is_dir(follow_symlinks=False):
            wrong.append(f"{shown(entry.name)}：不属于这份存证包，是多出来的，或是链接")
            continue
        for inner in entries(folder, entry.name):
            place = f"{entry.name}/{inner.name}"
            if not LAYOUT[entry.name].fullmatch(inner.name) or not inner.is_file(follow_symlinks=False):
                wrong.append(f"{shown(place)}：不属于这份存证包，是多出来的，或是链接")
            else:
                found[entry.name].add(inner.name)
    return found, wrong


def entries(folder: str, name: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(os.path.join(folder, name)) as inside:
            rows = []
            for entry in inside:
                rows.append(entry)
                if len(rows) > MOST_FILES:
                    raise Wrong(name or ".", f"超过 {MOST_FILES} 个文件，不再核验")
    except OSError as problem:
        raise Wrong(name or folder, f"目录不能读取（{problem.strerror}）") from None
    return sorted(rows, key=lambda entry: entry.name)


def exact_base64(text: str) -> bytes:
    """The bytes of `text`, if `text` is the one way to write them."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not base64 as we write it")
    return data
