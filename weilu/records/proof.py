#!/usr/bin/env python3
"""核验报告单纸面上的防篡改凭证。只用标准库和 cryptography，不需要维录，不联网。

    python proof.py --trust KEYS code.txt      code.txt 是手机扫凭证二维码得到的文字；- 从标准输入读
    python proof.py --trust KEYS photo.png     照片或扫描件；另需 zxing-cpp 和 Pillow，PDF 还需 pypdfium2

KEYS 是另行取得的公钥文件，一行一个 vkey：日志的公钥，以及见证的公钥（没有就不核对见证）。
Exit code 0: everything holds. 1: something does not, or cannot be read.
The code: "WEILU1:", then base45 (RFC 9285), then "."; in base45 the packed record of one log entry, its RFC 6962
inclusion proof, the log's Ed25519 signature on the checkpoint (C2SP tlog-checkpoint), the witnesses' cosignatures.
"""

import argparse
import base64
import hashlib
import itertools
import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEAD = "WEILU1:"
END = "."  # a blank at the very end would be lost in copying
LONGEST = 4296  # characters of the largest QR code
MOST_PAGES, LARGEST_PAGE = 20, 4_000_000  # of a scan; square points, eight times A4
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
SEALED = "records.sheet_sealed"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  (runs on older Pythons too)
BEIJING = timezone(timedelta(hours=8))
LOG, WITNESS = b"\x01", b"\x04"
# Words that take one byte; the place of a word never changes, new ones come last.
WORDS = (
    "actor", "at", "data", "files", "item", "kind", "nonce", "org", "v", SEALED, "number", "date", "system", "state",
    "result", "sha256", "sm3", "signatures", "side", "name", "customer", "vendor", "signed", "refused", "cancelled",
    "accepted", "again", "",
)  # fmt: skip
FIELDS = {"v", "kind", "at", "actor", "org", "item", "data", "files", "nonce"}
STATES = {"signed": "双方已签署", "refused": "甲方拒签", "cancelled": "编号已作废"}
RESULTS = {"accepted": "同意验收", "again": "整改后复验", "": "没有"}
SIDES = {"customer": "甲方", "vendor": "乙方"}


class Wrong(Exception):
    """The proof does not hold, and why."""


@dataclass(frozen=True)
class Key:
    """A public key with the name it signs under; `kind` is LOG or WITNESS."""

    name: str
    kind: bytes
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]


@dataclass(frozen=True)
class Proved:
    """What the code shows once it holds."""

    record: dict[str, Any]
    index: int
    size: int
    log: str
    witnesses: list[tuple[str, datetime]]  # those that signed the checkpoint and whose keys are trusted
    unknown: int  # cosignatures of nobody we know

    def lines(self) -> list[tuple[str, str]]:
        """Label and value of everything that must stand on the paper too."""
        data = self.record["data"]
        rows = [("编号", data["number"]), ("日期", data["date"]), ("系统", data["system"]),
                ("状态", STATES[data["state"]]), ("验收结论", RESULTS[data["result"]])]  # fmt: skip
        rows += [(SIDES[one["side"]], f"{one['name']}　{minute(one['at'])}") for one in data["signatures"]]
        rows += [("SHA-256", data["sha256"]), ("SM3", data["sm3"])]
        return [(label, shown(value)) for label, value in rows]


def shown(text: object) -> str:
    """Text from the code, made safe to print on a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text)[:400])


def minute(at: str) -> str:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


# --- reading the code -------------------------------------------------------------------------


def unbase45(text: str) -> bytes:
    """RFC 9285; ValueError for anything that it does not write."""
    places = [BASE45.index(sign) for sign in text]
    out = bytearray()
    for at in range(0, len(places), 3):
        part = places[at : at + 3]
        value = sum(digit * 45**power for power, digit in enumerate(part))
        width = len(part) - 1
        if not width or value >= 256**width:
            raise ValueError("not base45")
        out += value.to_bytes(width, "big")
    return bytes(out)


class Source:
    """The bytes of a code, read from the front and never past the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise ValueError("too short")
        self.at += count
        return part

    def number(self) -> int:
        """An unsigned LEB128 of at most nine bytes, written as short as it can be."""
        value = 0
        for place in range(9):
            (byte,) = self.take(1)
            value |= (byte & 127) << 7 * place
            if byte < 128:
                if place and not byte:
                    break
                return value
        raise ValueError("not a number")

    def value(self, depth: int = 0) -> Any:
        """One packed value of a record: words, texts, digests, instants, whole numbers, lists, objects."""
        (tag,) = self.take(1)
        if tag >= 128:
            return WORDS[tag - 128]
        if tag == 2:
            raw = self.take(16).hex()
            return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
        count = self.number()
        if tag == 0:
            return self.take(count).decode("utf-8")
        if tag == 1:
            return self.take(count).hex()
        if tag == 3:
            return (EPOCH + timedelta(microseconds=count)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if tag == 6:
            return count
        if tag not in (4, 5) or depth > 5 or count > 64:
            raise ValueError("not a value")
        if tag == 4:
            return [self.value(depth + 1) for _ in range(count)]
        pairs = [(self.value(depth + 1), self.value(depth + 1)) for _ in range(count)]
        if not all(isinstance(key, str) for key, _ in pairs) or len({key for key, _ in pairs}) != count:
            raise ValueError("not an object")
        return dict(pairs)


def canonical(value: Any) -> bytes:
    """RFC 8785 for what a record holds: no floats, keys ordered by UTF-16 code units."""

    def ordered(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: ordered(part[key]) for key in sorted(part, key=lambda key: key.encode("utf-16-be"))}
        return [ordered(one) for one in part] if isinstance(part, list) else part

    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def climb(value: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the path leads to (RFC 9162, 2.1.3.2); ValueError when its length is wrong."""
    if index >= size:
        raise ValueError("not in the tree")
    place, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise ValueError("too long")
        if place & 1 or place == last:
            value = hashlib.sha256(b"\x01" + sibling + value).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("too short")
    return value


# --- checking ---------------------------------------------------------------------------------


def check(text: str, keys: list[Key]) -> Proved:
    """What the code proves under the trusted keys; raises Wrong with the reason."""
    text = re.sub(r"[\r\n\t]", "", text).strip()
    if not text.startswith(HEAD) or len(text) > LONGEST:
        raise Wrong("这不是报告单的凭证：凭证以 WEILU1: 开头。扫末页的大二维码，不是首页右上角的小二维码")
    try:
        if text[-1] != END:
            raise ValueError("cut off")
        source = Source(unbase45(text[len(HEAD) : -1]))
        record = source.value()
        index, size = source.number(), source.number()
        path = [source.take(32) for _ in range(source.number())]
        log_id, signature = source.take(4), source.take(64)
        cosigned = [(source.take(4), source.number(), source.take(64)) for _ in range(source.number())]
        if source.at != len(source.data):
            raise ValueError("something follows")
        data = canonical(record)
        leaf = hashlib.sha256(b"\x00" + hashlib.sha256(data).digest() + sm3(data)).digest()
        root = climb(leaf, index, size, path)
    except (ValueError, IndexError, OverflowError, TypeError, RecursionError):
        raise Wrong("凭证读不懂：文字不完整，或已被改动。重新扫一次，整段复制") from None
    log = next((key for key in keys if key.kind == LOG and key.key_id == log_id), None)
    if log is None:
        raise Wrong(f"凭证由别的日志签发（密钥 {log_id.hex()}），不在可信的公钥里：不是这套维录的报告单")
    head = f"{log.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    if not holds(log, signature, head):
        raise Wrong("签名与内容对不上：凭证里的字段或证明已被改动")
    check_record(record)
    witnesses, unknown = check_witnesses(head, cosigned, keys)
    return Proved(record, index, size, log.name, witnesses, unknown)


def check_record(record: Any) -> None:
    """The log signs all kinds of entries; only this one speaks of a sheet."""
    if not isinstance(record, dict) or set(record) != FIELDS or record["kind"] != SEALED or record["v"] != 1:
        raise Wrong("凭证是真的，但说的不是报告单，不能证明这张纸")
    data = record["data"]
    try:
        fits = data["state"] in STATES and data["result"] in RESULTS and all(
            one["side"] in SIDES and minute(one["at"]) and one["name"] for one in data["signatures"]
        ) and all(data[key] for key in ("number", "date", "system", "sha256", "sm3"))  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        fits = False
    if not fits:
        raise Wrong("凭证缺少应有的字段，可能由更新的版本签发。用新版的核验程序")


def check_witnesses(
    head: str, cosigned: list[tuple[bytes, int, bytes]], keys: list[Key]
) -> tuple[list[tuple[str, datetime]], int]:
    """Who of the trusted witnesses signed this checkpoint, and how many signed whom nobody knows."""
    found, unknown = [], 0
    for key_id, at, signature in cosigned:
        key = next((key for key in keys if key.kind == WITNESS and key.key_id == key_id), None)
        if key is None:
            unknown += 1
        elif at > 1 << 34 or not holds(key, signature, f"cosignature/v1\ntime {at}\n{head}"):
            raise Wrong(f"见证 {shown(key.name)} 的签名与检查点对不上：凭证已被改动")
        else:
            found.append((key.name, EPOCH + timedelta(seconds=at)))
    return found, unknown


def holds(key: Key, signature: bytes, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def sm3(data: bytes) -> bytes:
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


def parse_key(line: str) -> Key:
    """A vkey line of a log or of a witness (C2SP signed-note, tlog-cosignature)."""
    name, _, rest = line.partition("+")
    key_id, _, kept = rest.partition("+")
    try:
        raw = base64.b64decode(kept.encode("ascii"), validate=True)
    except ValueError:
        raw = b""
    key = Key(name, raw[:1], raw[1:])
    if not name or key.kind not in (LOG, WITNESS) or len(raw) != 33 or key_id != key.key_id.hex():
        raise Wrong(f"不是有效的公钥（vkey）：{shown(line)[:60]}")
    return key


# --- the program ------------------------------------------------------------------------------


def text_from(name: str) -> str:
    """The code in a text file, on standard input, or in a picture where its readers are installed."""
    if name == "-":
        return sys.stdin.read(LONGEST * 4)
    with open(name, "rb") as file:
        data = file.read(64 << 20)
    text = data.decode("utf-8-sig", "replace").lstrip()  # some editors put a sign before the text
    if text.startswith(HEAD):
        return text
    try:
        found = read_picture(name, data.startswith(b"%PDF-"))
    except ImportError:
        raise Wrong(
            "读照片或扫描件需要 zxing-cpp、Pillow 和 pypdfium2（pip install zxing-cpp pillow pypdfium2）。"
            "也可以用手机扫凭证，把文字存成文件再核验"
        ) from None
    codes = [text for text in found if text.startswith(HEAD)]
    if not codes:
        raise Wrong("照片里没有读到凭证二维码。拍近一些、平一些，让二维码占满画面")
    return str(codes[0])


def read_picture(name: str, pdf: bool) -> list[str]:
    """The texts of all codes; ImportError where a reader is missing, ValueError or OSError for what is no picture."""
    import zxingcpp
    from PIL import Image

    if not pdf:
        try:
            with Image.open(name, formats=["JPEG", "PNG"]) as picture:
                return [one.text for one in zxingcpp.read_barcodes(picture.convert("L"))]
        except (Image.DecompressionBombError, SyntaxError, EOFError, MemoryError):
            raise ValueError("the picture is broken, or too large") from None
    import pypdfium2

    found: list[str] = []
    try:
        for page in itertools.islice(pypdfium2.PdfDocument(name), MOST_PAGES):
            if page.get_width() * page.get_height() > LARGEST_PAGE:
                raise ValueError("a page is too large")
            found += [one.text for one in zxingcpp.read_barcodes(page.render(scale=220 / 72, grayscale=True).to_pil())]
    except (pypdfium2.PdfiumError, MemoryError):
        raise ValueError("the PDF is broken, or too large") from None
    return found


def report(proved: Proved) -> list[str]:
    rows = [f"{label}：{value}" for label, value in proved.lines()]
    signed = f"日志 {shown(proved.log)}，第 {proved.index} 条，检查点大小 {proved.size}"
    seen = [f"见证 {shown(name)}，{at.astimezone(BEIJING):%Y-%m-%d %H:%M} 签" for name, at in proved.witnesses]
    return [*rows, signed, *(seen or ["待见证：只有日志自己的签名"])]


def main(argv: list[str] | None = None) -> int:
    """Check one code and print what it shows; 0 when it holds, else 1."""
    parser = argparse.ArgumentParser(description="核验报告单纸面上的防篡改凭证")
    parser.add_argument("code", metavar="凭证", help="扫码得到的文字存成的文件、照片，或 -")
    parser.add_argument("--trust", metavar="公钥文件", required=True, help="另行取得的公钥，一行一个")
    args = parser.parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        with open(args.trust, encoding="utf-8") as file:
            lines = [line.strip() for line in file.read(1 << 20).splitlines()]
        keys = [parse_key(line) for line in lines if line and not re.match("#", line)]
        proved = check(text_from(args.code), keys)
    except Wrong as problem:
        print(f"✗ {problem}\n核验不通过")
        return 1
    except (OSError, ValueError, UnsupportedAlgorithm) as problem:
        print(f"✗ 不能核验（{shown(problem)}）\n核验不通过")
        return 1
    for line in report(proved):
        print(f"✓ {line}")
    print("核验通过。逐项与纸面比对，有一项不同即无效")
    return 0


if __name__ == "__main__":
    sys.exit(main())
