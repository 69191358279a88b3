"""Conditions of a flow: `field == constant`, `field in [a, b]`, joined by and, or, not; never evaluated as code."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

Facets = Mapping[str, object]
TOKEN = re.compile(r"\s*(?:(==|!=|\(|\)|\[|\]|,)|([A-Za-z_][A-Za-z0-9_.]*)|(-?\d+)|'([^']*)'|\"([^\"]*)\")")
CONSTANTS = {"true": True, "false": False}


class WrongCondition(ValueError):
    """The text is no condition; the message says where."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition: its text, each field with each constant it is compared to, and `holds(facets)`."""

    text: str
    compared: tuple[tuple[str, object], ...]
    holds: Callable[[Facets], bool]


def parse_condition(text: str) -> Condition:
    """Parse `text`; raises WrongCondition for anything outside the grammar.

    or_test := and_test ("or" and_test)* · and_test := not_test ("and" not_test)* ·
    not_test := "not" not_test | "(" or_test ")" | field ("==" | "!=") constant | field "in" "[" constant, … "]"
    """
    parser = _Parser(text)
    holds = parser.any_of()
    if parser.place < len(parser.tokens):
        rest = parser.tokens[parser.place][1]
        raise WrongCondition(_("「%(text)s」在「%(word)s」处多出内容") % {"text": text, "word": rest})
    return Condition(text, tuple(parser.compared), holds)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.place = text, _tokens(text), 0
        self.compared: list[tuple[str, object]] = []

    def any_of(self) -> Callable[[Facets], bool]:
        parts = [self.all_of()]
        while self.take("name", "or"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else lambda facets: any(part(facets) for part in parts)

    def all_of(self) -> Callable[[Facets], bool]:
        parts = [self.one()]
        while self.take("name", "and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else lambda facets: all(part(facets) for part in parts)

    def one(self) -> Callable[[Facets], bool]:
        if self.take("name", "not"):
            inner = self.one()
            return lambda facets: not inner(facets)
        if self.take("sign", "("):
            inner = self.any_of()
            self.need("sign", ")")
            return inner
        return self.comparison()

    def comparison(self) -> Callable[[Facets], bool]:
        field = str(self.need("name"))
        if self.take("sign", "=="):
            wanted = self.constant(field)
            return lambda facets: facets.get(field) == wanted
        if self.take("sign", "!="):
            wanted = self.constant(field)
            return lambda facets: facets.get(field) != wanted
        self.need("name", "in")
        self.need("sign", "[")
        choices = [self.constant(field)]
        while self.take("sign", ","):
            choices.append(self.constant(field))
        self.need("sign", "]")
        return lambda facets: facets.get(field) in choices

    def constant(self, field: str) -> object:
        if self.place >= len(self.tokens):
            raise WrongCondition(_("「%(text)s」在末尾缺一个常量") % {"text": self.text})
        kind, value = self.tokens[self.place]
        self.place += 1
        if kind == "name" and value in CONSTANTS:
            kind, value = "constant", CONSTANTS[str(value)]
        if kind in ("constant", "number", "text"):
            self.compared.append((field, value))
            return value
        raise WrongCondition(_("「%(text)s」里「%(word)s」不是常量；文字要加引号") % {"text": self.text, "word": value})

    def take(self, kind: str, value: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place] == (kind, value):
            self.place += 1
            return True
        return False

    def need(self, kind: str, value: str | None = None) -> object:
        wanted = value or _("字段名")
        if self.place < len(self.tokens):
            found = self.tokens[self.place]
            if found[0] == kind and value in (None, found[1]):
                self.place += 1
                return found[1]
            raise WrongCondition(
                _("「%(text)s」里「%(word)s」处应是 %(wanted)s")
                % {"text": self.text, "word": found[1], "wanted": wanted}
            )
        raise WrongCondition(_("「%(text)s」在末尾缺 %(wanted)s") % {"text": self.text, "wanted": wanted})


def _tokens(text: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    place = 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        if match is None:
            raise WrongCondition(_("「%(text)s」第 %(place)d 个字看不懂") % {"text": text, "place": place + 1})
        sign, name, number, single, double = match.groups()
        if sign:
            found.append(("sign", sign))
        elif name:
            found.append(("name", name))
        elif number:
            found.append(("number", int(number)))
        else:
            found.append(("text", single if single is not None else double))
        place = match.end()
    return found
