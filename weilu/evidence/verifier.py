#!/usr/bin/env python3
"""核验维录导出的存证目录。只用标准库和 cryptography，不需要维录，不联网。

    python verifier.py DIR                 内部是否一致（不能证明来源）
    python verifier.py DIR --trust KEYS    KEYS 是另行取得的公钥文件，一行一个 vkey

Exit code 0: everything holds. 1: something does not, or cannot be read; each line names the file.
The formats: RFC 6962 tree (SHA-256), C2SP tlog-checkpoint and signed-note with Ed25519, RFC 8785 JSON.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SMALL = 64 * 1024  # checkpoint, keys, a proof
RECORD = 16 * 1024 * 1024
MOST_FILES = 200_000
CHUNK = 1 << 20
# Absent on some systems; O_NONBLOCK keeps a pipe from holding us up, O_BINARY keeps Windows from editing line ends.
OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
LAYOUT = {"records": re.compile(r"(0|[1-9][0-9]{0,18})\.json"), "proofs": re.compile(r"(0|[1-9][0-9]{0,18})\.json"),
          "files": re.compile(r"[0-9a-f]{64}")}  # fmt: skip
HEX = re.compile(r"[0-9a-f]{64}")
EXPORTED = "evidence.exported"
Records = dict[int, dict[str, Any]]
FIELDS = {"v", "kind", "at", "actor", "org", "item", "data", "files", "nonce"}


class Wrong(Exception):
    """Something does not hold: the file and the sentence about it."""

    def __init__(self, place: str, words: str) -> None:
        super().__init__(f"{shown(place)}：{words}")


def shown(text: object) -> str:
    """Text from the export, made safe to print on a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text)[:200])


# --- reading without trusting anything --------------------------------------------------------


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
        if entry.name in ("checkpoint", "log.vkey"):
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


def parse_vkey(line: str, place: str) -> tuple[str, bytes, bytes]:
    """Name, key id and public key of a vkey line (C2SP signed-note)."""
    name, _, rest = line.partition("+")
    key_id, _, kept = rest.partition("+")
    try:
        raw = exact_base64(kept)
    except ValueError:
        raw = b""
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or raw[:1] != b"\x01" or len(raw) != 33 or key_id != expected.hex():
        raise Wrong(place, "不是有效的公钥（vkey），已被改动或写错")
    return name, expected, raw[1:]


def trusted_keys(path: str) -> list[tuple[str, bytes, bytes]]:
    """Every key of the file that --trust names; empty lines and # remarks are passed over."""
    folder, name = os.path.split(os.path.realpath(path))
    lines = [line.strip() for line in text_of(folder, name).splitlines()]
    keys = [parse_vkey(line, name) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise Wrong(name, "里面没有公钥")
    return keys


def checked_head(folder: str, keys: list[tuple[str, bytes, bytes]]) -> tuple[str, int, bytes]:
    """Origin, size and root that every signature on the checkpoint stands for."""
    note = text_of(folder, "checkpoint")
    text, gap, tail = note.partition("\n\n")
    lines, signatures = text.split("\n"), tail.split("\n")
    one = len(signatures) == 2 and not signatures[1]
    if not gap or not one or len(lines) != 3 or not re.fullmatch(r"[1-9][0-9]{0,18}", lines[1]):
        raise Wrong("checkpoint", "格式不对，内容已被改动")
    check_signature(text + "\n", signatures[0], keys)
    try:
        root = exact_base64(lines[2])
    except ValueError:
        root = b""
    if len(root) != 32:
        raise Wrong("checkpoint", "根的格式不对")
    return lines[0], int(lines[1]), root


def check_signature(text: str, line: str, keys: list[tuple[str, bytes, bytes]]) -> None:
    origin = text.partition("\n")[0]
    for name, key_id, public in keys:
        head = f"— {name} "
        if name != origin or not line.startswith(head):
            continue
        try:
            raw = exact_base64(line[len(head) :])
            if raw[:4] != key_id:
                continue
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        except (ValueError, InvalidSignature):
            continue
        return
    raise Wrong("checkpoint", "签名无效，或不是所给的公钥签的")


def sm3(data: bytes) -> bytes:
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(value: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the path leads to (RFC 9162, 2.1.3.2); b"" when its length is wrong."""
    place, last = index, size - 1
    for sibling in path:
        if last == 0:
            return b""
        if place & 1 or place == last:
            value = node(sibling, value)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = node(value, sibling)
        place, last = place >> 1, last >> 1
    return value if last == 0 else b""


def check_record(folder: str, index: int, size: int, root: bytes) -> dict[str, Any]:
    """The record at `index`, proved to stand there under the root."""
    name, proof_name = f"records/{index}.json", f"proofs/{index}.json"
    data = read(folder, name, RECORD)
    proof = strict_json(read(folder, proof_name, SMALL), proof_name)
    path = proof.get("path")
    stands = [proof.get("index"), proof.get("size")]
    if len(proof) != 3 or canonical(stands) != canonical([index, size]) or index >= size:
        raise Wrong(proof_name, "证明的位置或大小与检查点不一致")
    if not isinstance(path, list) or not all(isinstance(one, str) and HEX.fullmatch(one) for one in path):
        raise Wrong(proof_name, "证明路径的格式不对")
    leaf = hashlib.sha256(data).digest() + sm3(data)
    start = hashlib.sha256(b"\x00" + leaf).digest()
    if climb(start, index, size, [bytes.fromhex(one) for one in path]) != root:
        raise Wrong(name, f"证明不能从这条记录走到检查点的根：记录、次序或 {proof_name} 已被改动")
    record = strict_json(data, name)
    if set(record) != FIELDS or not isinstance(record["files"], list) or not isinstance(record["data"], dict):
        raise Wrong(name, "缺少应有的字段")
    return record


def check_list(listed: dict[str, Any], own: int, records: Records, present: set[int]) -> list[str]:
    """What the export's own entry lists, against what is there."""
    place, wrong = f"records/{own}.json", []
    rows, files = listed.get("records"), listed.get("files")
    if not isinstance(rows, list) or not isinstance(files, list) or not all(HEX.fullmatch(str(one)) for one in files):
        return [f"{place}：导出记录里没有清单"]
    named: set[int] = set()
    for row in rows:
        index = row.get("index") if isinstance(row, dict) else None
        if not isinstance(index, int) or not HEX.fullmatch(str(row.get("sha256"))):
            return [f"{place}：导出记录里的清单格式不对"]
        named.add(index)
        if index in records and hashlib.sha256(canonical(records[index])).hexdigest() != row["sha256"]:
            wrong.append(f"records/{index}.json：与导出清单的摘要不一致")
    wrong += [f"records/{index}.json：文件缺失，导出清单里有它" for index in sorted(named - present)]
    wrong += [f"records/{index}.json：多出来的记录，导出清单里没有它" for index in sorted(present - named - {own})]
    return wrong


def check_files(folder: str, present: set[str], named: set[str], records: Records) -> list[str]:
    """Every file listed is there, is what it was, and nothing else is there."""
    wrong = [f"files/{name}：文件缺失，导出清单里有它" for name in sorted(named - present)]
    wrong += [f"files/{name}：多出来的文件，导出清单里没有它" for name in sorted(present - named)]
    found = {name: digests(folder, name) for name in sorted(named & present)}
    wrong += [f"files/{name}：内容已被改动，摘要对不上" for name, facts in found.items() if facts[0] != name]
    for index, record in sorted(records.items()):
        for row in record["files"]:
            name = str(row.get("sha256")) if isinstance(row, dict) else ""
            if name not in named:
                wrong.append(f"records/{index}.json：它引用的文件不在导出清单里")
            elif name in found and found[name] != (name, row.get("sm3"), row.get("size")) and found[name][0] == name:
                wrong.append(f"files/{name}：SM3 或大小与第 {index} 条记录不一致")
    return wrong


def digests(folder: str, name: str) -> tuple[str, str, int]:
    """SHA-256, SM3 and size of one file, read piece by piece."""
    first, second, size = hashlib.sha256(), hashes.Hash(hashes.SM3()), 0
    try:
        handle = os.open(os.path.join(folder, "files", name), OPEN)
        with os.fdopen(handle, "rb") as source:
            while chunk := source.read(CHUNK):
                first.update(chunk)
                second.update(chunk)
                size += len(chunk)
    except OSError as problem:
        raise Wrong(f"files/{name}", f"不能读取（{problem.strerror}）") from None
    return first.hexdigest(), second.finalize().hex(), size


def check_key(folder: str, trust: str | None) -> list[tuple[str, bytes, bytes]]:
    """The keys a signature may come from: the trusted ones, or (unproved) the one in the folder."""
    own = text_of(folder, "log.vkey")
    key = parse_vkey(own[:-1] if own.endswith("\n") else "", "log.vkey")
    if trust is None:
        return [key]
    keys = trusted_keys(trust)
    if key not in keys:
        raise Wrong("log.vkey", "这份存证包的公钥不在您给的可信公钥里，可能是用别的密钥重做的")
    return keys


def verify(folder: str, trust: str | None = None) -> tuple[list[str], list[str]]:
    """What holds and what does not, as sentences."""
    try:
        found, wrong = listing(folder)
        origin, size, root = checked_head(folder, check_key(folder, trust))
    except Wrong as problem:
        return [], [str(problem)]
    good = [f"检查点签名有效：{shown(origin)}，共 {size} 条"]
    records: Records = {}
    wrong += [
        f"{other}/{name}：文件缺失，而 {one}/{name} 在"
        for one, other in (("records", "proofs"), ("proofs", "records"))
        for name in sorted(found[one] - found[other])
    ]
    names = sorted(found["records"] & found["proofs"], key=lambda name: int(name[:-5]))
    for name in names:
        try:
            records[int(name[:-5])] = check_record(folder, int(name[:-5]), size, root)
        except Wrong as problem:
            wrong.append(str(problem))
    more, summary = check_whole(folder, records, found, size)
    return [*good, *summary], wrong + more


def check_whole(folder: str, records: Records, found: dict[str, set[str]], size: int) -> tuple[list[str], list[str]]:
    """Whether this is all that was exported, by the export's own entry: the last that the checkpoint covers."""
    own = max(records, default=-1)
    if own != size - 1 or records[own]["kind"] != EXPORTED:
        return ["records：最后一条不是导出记录，它缺失或已被改动，不能说明这里是否齐全"], []
    listed = records[own]["data"]
    try:
        wrong = check_list(listed, own, records, {int(name[:-5]) for name in found["records"]})
        if isinstance(listed.get("files"), list):
            wrong += check_files(folder, found["files"], {str(one) for one in listed["files"]}, records)
    except Wrong as problem:
        return [str(problem)], []
    item, org = records[own]["item"], records[own]["org"]
    strangers = [i for i, record in records.items() if record["org"] != org or (item and record["item"] != item)]
    wrong += [f"records/{index}.json：属于另一件工单或另一个单位" for index in strangers]
    return wrong, [
        f"{len(records)} 条记录的内容、SHA-256、SM3 和位置都与检查点的根一致",
        f"{len(found['files'])} 个文件与记录里的摘要一致",
        f"导出清单齐全：第 {own} 条，{shown(records[own]['at'])}，{shown(records[own]['actor'])}",
    ]


def main(argv: list[str] | None = None) -> int:
    """Verify one export and print the findings; 0 when everything holds, else 1."""
    parser = argparse.ArgumentParser(description="核验维录导出的存证目录")
    parser.add_argument("directory", metavar="目录")
    parser.add_argument("--trust", metavar="公钥文件", help="另行取得的公钥，一行一个；没有它只能证明内部一致")
    args = parser.parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        good, wrong = verify(os.fspath(args.directory), args.trust)
    except Wrong as problem:
        good, wrong = [], [str(problem)]
    except (OSError, ValueError, UnsupportedAlgorithm, MemoryError, RecursionError) as problem:
        good, wrong = [], [f"{shown(args.directory)}：不能核验（{shown(problem)}）"]
    if wrong:
        for line in wrong:
            print(f"✗ {line}")
        print(f"核验不通过：{len(wrong)} 处不一致")
        return 1
    for line in good:
        print(f"✓ {line}")
    unproved = "内部一致，来源未证明。用 --trust 给出另行取得的公钥，才能证明来源"
    print("核验通过：由可信公钥签名" if args.trust else unproved)
    return 0


if __name__ == "__main__":
    sys.exit(main())
