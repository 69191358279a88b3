"""核验维录导出的存证目录。只用标准库和 cryptography，不需要维录，不联网。

    python verifier.py DIR                 内部是否一致（不能证明来源）
    python verifier.py DIR --trust KEYS    KEYS 是另行取得的公钥文件：日志的和见证的，一行一个 vkey

Exit code 0: everything holds. 1: something does not, or cannot be read; each line names the file.
The formats: RFC 6962 tree (SHA-256), C2SP tlog-checkpoint, signed-note and cosignature/v1 with Ed25519, RFC 8785 JSON.
"""

import argparse
import hashlib
import os
import sys
import time
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from weilu.evidence.offline.proving import (
    Head,
    Key,
    climb,
    consistent,
    cosigned_at,
    open_note,
    parse_vkey,
    sm3,
    trusted_keys,
)
from weilu.evidence.offline.reading import (
    HEX,
    OPEN,
    RECORD,
    SMALL,
    Wrong,
    canonical,
    listing,
    read,
    shown,
    strict_json,
    text_of,
)

CHUNK = 1 << 20
EXPORTED, WITNESSED = "evidence.exported", "witnessed.json"
GONE = ("evidence.pruned", "evidence.shredded")  # entries that name, by digest, what is not kept any more
LOOKS = "evidence.looks_recorded"
Records = dict[int, dict[str, Any]]
FIELDS = {"v", "kind", "at", "actor", "org", "item", "data", "files", "nonce"}


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


def check_destroyed(folder: str, index: int, size: int, root: bytes) -> str:
    """The SHA-256 of a record that is not there, whose leaf is proved to stand under the root."""
    name = f"proofs/{index}.json"
    proof = strict_json(read(folder, name, SMALL), name)
    path, leaf = proof.get("path"), proof.get("leaf")
    stands = [proof.get("index"), proof.get("size")]
    hexes = isinstance(path, list) and all(isinstance(one, str) and HEX.fullmatch(one) for one in path)
    if len(proof) != 4 or canonical(stands) != canonical([index, size]) or index >= size or not hexes:
        raise Wrong(f"records/{index}.json", f"文件缺失，而 {name} 在")
    if not isinstance(leaf, str) or not HEX.fullmatch(leaf[:64]) or not HEX.fullmatch(leaf[64:]):
        raise Wrong(name, "叶子摘要的格式不对")
    start = hashlib.sha256(b"\x00" + bytes.fromhex(leaf)).digest()
    if climb(start, index, size, [bytes.fromhex(str(one)) for one in path or []]) != root:
        raise Wrong(name, "证明不能从这个叶子走到检查点的根")
    return leaf[:64]


def told(records: Records, lost: dict[int, str]) -> tuple[list[str], list[str]]:
    """What the log says of each record whose body is not there; a body that nothing says was destroyed is missing."""
    good, wrong = [], []
    for index, digest in sorted(lost.items()):
        by = [i for i, one in records.items() if one["kind"] == GONE[1] and digest in (one["data"].get("gone") or [])]
        if not by:
            wrong.append(f"records/{index}.json：正文缺失，日志里没有销毁它的记录")
            continue
        said, place = records[by[0]], by[0]
        who, ground = shown(said["actor"]), shown(said["data"].get("ground"))
        good.append(f"第 {index} 条：正文已于 {shown(said['at'])} 由 {who} 依法销毁（{ground}），凭据是第 {place} 条")
    return good, wrong


def check_list(
    listed: dict[str, Any], own: int, records: Records, present: set[int], lost: dict[int, str]
) -> list[str]:
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
        there = hashlib.sha256(canonical(records[index])).hexdigest() if index in records else lost.get(index)
        if there not in (None, row["sha256"]):
            wrong.append(f"records/{index}.json：与导出清单的摘要不一致")
    wrong += [f"records/{index}.json：文件缺失，导出清单里有它" for index in sorted(named - present)]
    wrong += [f"records/{index}.json：多出来的记录，导出清单里没有它" for index in sorted(present - named - {own})]
    return wrong


def check_files(folder: str, present: set[str], named: set[str], records: Records) -> list[str]:
    """Every file listed is there, is what it was, and nothing else is there."""
    wrong = [f"files/{name}：文件缺失，导出清单里有它" for name in sorted(named - present)]
    wrong += [f"files/{name}：多出来的文件，导出清单里没有它" for name in sorted(present - named)]
    found = {name: digests(folder, name) for name in sorted(named & present)}
    ended = gone(records)
    wrong += [f"files/{name}：内容已被改动，摘要对不上" for name, facts in found.items() if facts[0] != name]
    for index, record in sorted(records.items()):
        for row in record["files"]:
            name = str(row.get("sha256")) if isinstance(row, dict) else ""
            if name not in named | ended:
                wrong.append(f"records/{index}.json：它引用的文件不在导出清单里")
            elif name in found and found[name] != (name, row.get("sm3"), row.get("size")) and found[name][0] == name:
                wrong.append(f"files/{name}：SM3 或大小与第 {index} 条记录不一致")
    return wrong


def gone(records: Records) -> set[str]:
    """Digests of what was deleted by law or after its time, as the records of the log say."""
    rows = [record["data"].get("gone") for record in records.values() if record["kind"] in GONE]
    return {str(digest) for row in rows if isinstance(row, list) for digest in row}


def check_register(records: Records) -> list[str]:
    """The batches of the register of looks are numbered without gaps from the first one in the export."""
    batches = [(index, record["data"]) for index, record in sorted(records.items()) if record["kind"] == LOOKS]
    named = [(index, data.get("batch")) for index, data in batches]
    return [
        f"records/{index}.json：查阅登记应是第 {place} 批，却是第 {shown(number)} 批，中间有缺"
        for place, (index, number) in enumerate(named, start=1)
        if number != place
    ][:1]


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


def check_key(folder: str, trust: str | None) -> tuple[list[Key], list[Key]]:
    """The keys of log and witnesses that signatures may come from; without trust (unproved) the one in the folder."""
    own = text_of(folder, "log.vkey")
    key, _kind = parse_vkey(own[:-1] if own.endswith("\n") else "", "log.vkey")
    if trust is None:
        return [key], []
    logs, witnesses = trusted_keys(trust)
    if key not in logs:
        raise Wrong("log.vkey", "这份存证包的公钥不在您给的可信公钥里，可能是用别的密钥重做的")
    return logs, witnesses


def check_witnesses(folder: str, present: bool, logs: list[Key], trusted: list[Key], head: Head) -> list[str]:
    """How far each trusted witness has signed this log; Wrong where one signed nothing, or another history."""
    rows = strict_json(read(folder, WITNESSED, RECORD), WITNESSED).get("heads") if present else []
    if not isinstance(rows, list) or (present and not rows):
        raise Wrong(WITNESSED, "格式不对，内容已被改动")
    seen: dict[str, tuple[int, int]] = {}
    for row in rows:
        note, path = (row.get("note"), row.get("path")) if isinstance(row, dict) and len(row) == 2 else (None, None)
        if not isinstance(note, str) or not isinstance(path, list) or not all(HEX.fullmatch(str(one)) for one in path):
            raise Wrong(WITNESSED, "格式不对，内容已被改动")
        (origin, size, root), lines = open_note(note, logs, WITNESSED)
        if origin != head[0] or not consistent(size, head[1], root, head[2], [bytes.fromhex(str(one)) for one in path]):
            raise Wrong(WITNESSED, f"见证签过的 {size} 条与这份日志不是同一部历史")
        for line, key in ((line, key) for line in lines for key in trusted if line.startswith(f"— {key[0]} ")):
            at = cosigned_at(note.partition("\n\n")[0] + "\n", line, key, WITNESSED)
            seen[key[0]] = max(seen.get(key[0], (0, 0)), (size, at))
    missing = [name for name, _id, _public in trusted if name not in seen]
    if missing:
        raise Wrong(WITNESSED, f"见证 {'、'.join(missing)} 没有签过这份日志")
    return [
        f"见证 {shown(name)} 签到 {size} 条（{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(at))} UTC）"
        + (f"，之后的 {head[1] - size} 条它没有见过" if size < head[1] else "，盖住整份存证包")
        for name, (size, at) in sorted(seen.items())
    ]


def verify(folder: str, trust: str | None = None) -> tuple[list[str], list[str]]:
    """What holds and what does not, as sentences."""
    try:
        found, wrong = listing(folder)
        logs, witnesses = check_key(folder, trust)
        (origin, size, root), more = open_note(text_of(folder, "checkpoint"), logs, "checkpoint")
        if more:
            raise Wrong("checkpoint", "格式不对，内容已被改动")
        present = os.path.lexists(os.path.join(folder, WITNESSED))
        seen = check_witnesses(folder, present, logs, witnesses, (origin, size, root))
    except Wrong as problem:
        return [], [str(problem)]
    good = [f"检查点签名有效：{shown(origin)}，共 {size} 条", *seen]
    records: Records = {}
    wrong += [f"proofs/{name}：文件缺失，而 records/{name} 在" for name in sorted(found["records"] - found["proofs"])]
    lost: dict[int, str] = {}
    for name in sorted(found["proofs"], key=lambda name: int(name[:-5])):
        index = int(name[:-5])
        try:
            if name in found["records"]:
                records[index] = check_record(folder, index, size, root)
            else:
                lost[index] = check_destroyed(folder, index, size, root)
        except Wrong as problem:
            wrong.append(str(problem))
    ended, unsaid = told(records, lost)
    found_wrong, summary = check_whole(folder, records, found, size, lost)
    return [*good, *ended, *summary], wrong + unsaid + found_wrong


def check_whole(
    folder: str, records: Records, found: dict[str, set[str]], size: int, lost: dict[int, str]
) -> tuple[list[str], list[str]]:
    """Whether this is all that was exported, by the export's own entry: the last that the checkpoint covers."""
    own = max(records, default=-1)
    if own != size - 1 or records[own]["kind"] != EXPORTED:
        return ["records：最后一条不是导出记录，它缺失或已被改动，不能说明这里是否齐全"], []
    listed = records[own]["data"]
    try:
        wrong = check_list(listed, own, records, {int(name[:-5]) for name in found["records"]} | set(lost), lost)
        if isinstance(listed.get("files"), list):
            wrong += check_files(folder, found["files"], {str(one) for one in listed["files"]}, records)
    except Wrong as problem:
        return [str(problem)], []
    wrong += check_register(records)
    item, org = records[own]["item"], records[own]["org"]
    strangers = [i for i, record in records.items() if record["org"] != org or (item and record["item"] != item)]
    wrong += [f"records/{index}.json：属于另一件工单或另一个单位" for index in strangers]
    rows = [row for record in records.values() for row in record["files"] if isinstance(row, dict)]
    missing = {str(row.get("sha256")) for row in rows} - found["files"]
    return wrong, [
        f"{len(records)} 条记录的内容、SHA-256、SM3 和位置都与检查点的根一致",
        f"{len(found['files'])} 个文件与记录里的摘要一致",
        *([f"{len(missing)} 个正文已依法销毁或到期清除，日志里有记录"] if missing else []),
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
