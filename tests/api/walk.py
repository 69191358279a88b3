"""Every address of the URLconf with its parameters filled in, and every operation of the API with a body."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


def addresses(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Route and view of every address, in the order of the URLconf."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from addresses(pattern, route)


def filled(route: str, values: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """The route with every combination of `values` for its parameters (`converter:name`).

    Raises KeyError for a parameter that no values are known for: a new kind of address needs test data.
    """
    names = [f"{converter or 'str'}:{name}" for converter, name in PARAMETER.findall(route)]
    for chosen in product(*(values[name] for name in names)):
        found = route
        for value in chosen:
            found = PARAMETER.sub(str(value), found, count=1)
        yield "/" + found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and body schema of every POST; the schema is empty where there is no body."""
    for path, methods in document["paths"].items():
        if "post" in methods:
            body = methods["post"].get("requestBody", {}).get("content", {}).get("application/json", {})
            name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
            yield path, document["components"]["schemas"][name] if name else {}


def bodies(schema: dict[str, Any], document: dict[str, Any], values: Mapping[str, Sequence[Any]]) -> Iterator[Any]:
    """As many bodies as it takes for every value to stand once in every property that it fits, by name or by type."""
    fields = schema.get("properties", {})
    choices = [values.get(name) or _some(field, document, values) for name, field in fields.items()]
    for place in range(max((len(each) for each in choices), default=1)):
        yield {name: each[place % len(each)] for name, each in zip(fields, choices, strict=True)}


def _some(field: dict[str, Any], document: dict[str, Any], values: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
    if "anyOf" in field:  # a type, or nothing
        return _some(field["anyOf"][0], document, values)
    kind = field.get("format") or field.get("type") or field["$ref"]
    if kind == "array":
        return [[]]
    if kind == "object":
        return [{}]
    return values[kind]
