"""Bytes into tokens, as the server of a dialect would cut them; what servers could cut differently is refused."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext as _

from weilu.datafix.findings import AS_REVIEWED, MOST_FINDINGS, Finding, Lines, Place, WrongStatements
from weilu.datafix.words import Dialect, these

MOST_BYTES = 4 * 1024 * 1024
MOST_TOKENS = 500_000


class Kind(StrEnum):
    WORD = "word"  # without quotes: a keyword, a function or a name
    NAME = "name"  # in the quotes of names
    STRING = "string"
    HEX = "hex"
    NUMBER = "number"
    SIGN = "sign"


class Token(NamedTuple):
    kind: Kind
    text: str
    start: int  # in characters, from the text's beginning
    apart: bool  # something stands between it and the token before

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """In capitals where it stands without quotes, else ""."""
        return self.text.upper() if self.kind is Kind.WORD else ""


QUOTED = {
    Dialect.POSTGRESQL: r'"(?:[^"]++|"")++"',
    Dialect.MYSQL: r"`(?:[^`]++|``)++`",
    Dialect.SQLITE: r'"(?:[^"]++|"")++"|`(?:[^`]++|``)++`',
}
LINE = {
    Dialect.POSTGRESQL: r"--[^\n]*+",
    Dialect.MYSQL: r"(?:--(?=[ \t\r\n]|\Z)|#)[^\n]*+",
    Dialect.SQLITE: r"--[^\n]*+",
}
STRING = {
    Dialect.POSTGRESQL: r"'(?:[^']++|'')*+'",
    Dialect.MYSQL: r"'(?:[^'\\]++|''|\\[\s\S])*+'",
    Dialect.SQLITE: r"'(?:[^']++|'')*+'",
}
HEX = {
    Dialect.POSTGRESQL: r"(?!)",
    Dialect.MYSQL: r"[xX]'(?:[0-9a-fA-F]{2})*+'",
    Dialect.SQLITE: r"[xX]'(?:[0-9a-fA-F]{2})*+'",
}
SIGNS = {
    Dialect.POSTGRESQL: r"::|\|\||<>|!=|<=|>=|[=<>+\-*/%(),.;]",
    Dialect.MYSQL: r"<=>|<>|!=|<=|>=|[=<>+\-*/%(),.;]",
    Dialect.SQLITE: r"\|\||<>|!=|<=|>=|[=<>+\-*/%(),.;]",
}
PATTERNS = {
    dialect: re.compile(
        rf"(?P<space>[ \t\r\n]++)|(?P<line>{LINE[dialect]})|(?P<block>/\*[\s\S]*?\*/)|(?P<placeholder>%(?:s\b|\())"
        rf"|(?P<hex>{HEX[dialect]})|(?P<prefixed>[^\W\d]\w*'|[uU]&['\"])|(?P<word>[^\W\d]\w*+)"
        r"|(?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?P<tail>\w?))"
        rf"|(?P<string>{STRING[dialect]})|(?P<name>{QUOTED[dialect]})|(?P<sign>(?!/\*)(?:{SIGNS[dialect]}))"
    )
    for dialect in Dialect
}
# PostgreSQL takes neighbouring signs for one operator, which anybody may have defined; after these it takes two.
ENDS = these("= < > <= >= <>")
OPERATORS = these(":: || <=> <> != <= >= = < > + - * / %")
PLAIN_BLANKS = frozenset("\t\n ")
# Letters and signs that show nothing, by name where their category does not say so.
BLANK_SIGNS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"})


def read_text(data: bytes) -> str:
    """What the bytes say; raises WrongStatements where they are too many, no UTF-8, or hold what nobody sees."""
    if len(data) > MOST_BYTES:
        raise _wrong(Place(1, 1), _("语句超过 %(most)d MB。分成几次数据维护") % {"most": MOST_BYTES // 1024 // 1024})
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _wrong(Place(1, 1), _("开头有字节顺序标记（BOM）。另存为不带 BOM 的 UTF-8"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        place = Lines(data[: fault.start].decode("utf-8")).place(len(data[: fault.start].decode("utf-8")))
        raise _wrong(place, _("这里不是 UTF-8，可能是 GBK。另存为 UTF-8")) from None
    if unseen := _unseen(text):
        raise WrongStatements(unseen)
    return text


def _wrong(place: Place, words: str) -> WrongStatements:
    return WrongStatements([Finding(place, words, AS_REVIEWED)])


def _unseen(text: str) -> list[Finding]:
    """A finding for each character that the eye does not see or that moves what it sees."""
    hidden = {sign for sign in set(text) if sign not in PLAIN_BLANKS and _is_unseen(sign)}
    if not hidden:
        return []
    lines, found = Lines(text), []
    for place, sign in enumerate(text):
        if sign not in hidden or (sign == "\r" and text[place + 1 : place + 2] == "\n"):
            continue
        words = _("这里有看不见的字符 U+%(code)s。去掉它；若数据里真有，用函数按编码写") % {"code": f"{ord(sign):04X}"}
        found.append(Finding(lines.place(place), words, AS_REVIEWED))
        if len(found) == MOST_FINDINGS:
            break
    return found


def _is_unseen(sign: str) -> bool:
    if unicodedata.category(sign) in UNSEEN or sign in BLANK_SIGNS:
        return True
    return "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef"  # choose how a letter looks


def scan(text: str, dialect: Dialect) -> tuple[list[Token], list[tuple[int, str]]]:
    """The tokens of a text without its comments; with its offset, what could be cut in more than one way."""
    tokens: list[Token] = []
    faults: list[tuple[int, str]] = []
    match, place, apart = PATTERNS[dialect].match, 0, True
    while place < len(text) and len(faults) < MOST_FINDINGS:
        found = match(text, place)
        if found is None:
            place = _no_token(text, place, dialect, faults)
            apart = True
            continue
        group, start, place = str(found.lastgroup), place, found.end()
        if group in {"space", "line", "block"}:
            if group == "block" and (words := _comment_fault(found[0])):
                faults.append((start, words))
            apart = True
            continue
        if group in {"placeholder", "prefixed"}:
            faults.append((start, _placeholder() if group == "placeholder" else _prefixed()))
            if group == "prefixed":  # its string is read on as one of its own
                place -= 1
            continue
        token = Token(Kind(group), found[0], start, apart)
        if words := _token_fault(token, tokens, dialect):
            faults.append((start, words))
        tokens.append(token)
        apart = False
        if len(tokens) > MOST_TOKENS:
            faults.append((start, _("语句太多。分成几次数据维护")))
            break
    return tokens, faults


def _comment_fault(text: str) -> str:
    if text.startswith(("/*!", "/*M!", "/*m!")):
        return _("可执行的注释：MySQL 和 MariaDB 会执行它。去掉注释，或写成普通语句")
    if text.startswith("/*+"):
        return _("不接受优化提示。去掉它")
    if "/*" in text[2:]:
        return _("注释里又有注释：各数据库结束的地方不同。去掉里面的「/*」")
    return ""


def _token_fault(token: Token, before: list[Token], dialect: Dialect) -> str:
    text, last = token.text, before[-1] if before else None
    if token.kind is Kind.NUMBER and (text[-1].isalpha() or text[-1] == "_" or not text.isascii()):
        return _("数字后面紧跟着字母。数字和名称之间留空，十六进制写成 x'…'")
    if token.kind is Kind.NUMBER and last and not token.apart and last.kind is not Kind.SIGN:
        return _("数字前后要有空格或符号")
    if token.kind is Kind.STRING and dialect is Dialect.MYSQL and re.search(r"(?<!\\)(?:\\\\)*\\'", text):
        return _("「\\'」在不同设置下意思不同。字符串里的引号写成两个单引号")
    if token.kind is Kind.STRING and last and last.kind is Kind.STRING:
        return _("两个字符串连在一起。合成一个，或中间写上运算符")
    if token.kind is Kind.WORD and not text.isascii() and _other_letters(text):
        return _("名称里有容易看错的字母。改用普通字母，或给名称加上引号")
    if token.kind is Kind.SIGN and last and not token.apart and _joined(last.text, text, last.kind):
        return _("两个运算符连在一起，数据库可能当成一个。中间留空")
    return ""


def _other_letters(text: str) -> bool:
    """Letters that fold into others: a long s that becomes an S in capitals, a full-width A."""
    return text.upper().isascii() or text.lower().isascii() or unicodedata.normalize("NFKC", text) != text


def _joined(last: str, text: str, kind: Kind) -> bool:
    return kind is Kind.SIGN and text in OPERATORS and last in OPERATORS and not (last in ENDS and text in {"-", "+"})


def _placeholder() -> str:
    return _("占位符要到执行时才有值。写成确定的值")


def _prefixed() -> str:
    return _("不接受带前缀的字符串（E'…'、U&'…'、_utf8'…'）。用普通的单引号")


def _no_token(text: str, place: int, dialect: Dialect, faults: list[tuple[int, str]]) -> int:
    """Says why nothing can be read at `place`; answers where to read on."""
    sign, end = text[place], place + 1
    if text.startswith("/*", place):
        words, end = _("注释没有结束。补上「*/」"), len(text)
    elif sign == '"' and dialect is Dialect.MYSQL:
        words = _("双引号在不同设置下是字符串或名称。字符串用单引号，名称用反引号")
        end = closing + 1 if (closing := text.find('"', end)) >= 0 else len(text)
    elif sign in "'\"" or (sign == "`" and dialect is not Dialect.POSTGRESQL):
        words, end = _("引号没有结束，或里面是空的。补上引号"), len(text)
    elif sign == "$" and re.match(r"\$\w*\$", text[place : place + 70]):
        words, end = _("不接受 $$ 引号。字符串用单引号"), len(text)
    elif re.match(r"\?|:\w|\$\d", text[place : place + 2]):
        words = _placeholder()
    elif sign == "@":
        words = _("不接受变量：它的值随连接而变。写成确定的值")
    elif sign == "#":
        words, end = _("「#」在这种数据库里不是注释。注释用「-- 」"), len(text)
    else:
        words = _("这里的「%(sign)s」不在可用的写法里。去掉它，或放进引号") % {"sign": sign}
    faults.append((place, words))
    return end
