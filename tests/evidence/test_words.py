"""Every kind of entry that any action stages has a word on the page; kinds are read from the source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

import weilu
from weilu.evidence.words import KINDS, kind_word

SOURCE = Path(weilu.__file__).parent


@dataclass(frozen=True)
class Place:
    """A function of the product's source, and the module it stands in."""

    function: ast.FunctionDef
    module: ast.Module
    dotted: str  # weilu.evidence.actions

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [node for node in ast.walk(self.function) if isinstance(node, ast.Call)]

    @property
    def parameters(self) -> list[str]:
        return [one.arg for one in self.function.args.args]

    def knows(self, name: str, of: str) -> bool:
        """Whether `name` here means the function of that module."""
        lines = [line for line in ast.walk(self.module) if isinstance(line, ast.ImportFrom) and line.module == of]
        return self.dotted == of or any(one.name == name for line in lines for one in line.names)


@cache
def places() -> list[Place]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree, dotted = (
            ast.parse(path.read_text("utf-8")),
            ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts),
        )
        found += [Place(node, tree, dotted) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return found


def given_to(name: str, position: int, of: str) -> Iterator[tuple[Place, ast.expr]]:
    """Each call of the function `name` of the module `of`: who calls, and with what at this position."""
    for place in places():
        called = [call for call in place.calls if name_of(call) == name and len(call.args) > position]
        if called and place.knows(name, of):
            yield from ((place, call.args[position]) for call in called)


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def strings(value: ast.expr, place: Place) -> Iterator[str]:
    """What an argument can be: written out, chosen, named before, or handed on by who calls this function."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from strings(one, place)
            yield from strings(other, place)
        case ast.Name(id=name) if name in place.parameters:
            own, position = place.function.name, place.parameters.index(name)
            for caller, given in given_to(own, position, place.dotted):
                yield from strings(given, caller)
        case ast.Name(id=name):
            lines = [*ast.walk(place.function), *place.module.body]
            named = [
                line.value for line in lines if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name
            ]
            assert len(named) == 1, f"{place.function.name}: what is {name}?"
            yield from strings(named[0], place)
        case _:
            raise AssertionError(f"{place.function.name}: cannot read {ast.unparse(value)}")


def kinds_staged() -> set[str]:
    calls = given_to("draft", 0, "weilu.evidence.actions")
    return {kind for place, given in calls for kind in strings(given, place)}


@pytest.mark.once
def test_every_kind_of_entry_that_is_staged_has_a_word_and_every_word_a_kind():
    assert kinds_staged() == set(KINDS)


@pytest.mark.once
def test_a_kind_is_shown_by_its_word_and_an_unknown_one_by_itself():
    assert (kind_word("process.step_signed"), kind_word("later.unknown")) == ("签署", "later.unknown")
