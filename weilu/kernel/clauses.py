"""The clauses of the field (`clauses.toml`): each rule cites one, each page shows it."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("clauses.toml")


@dataclass(frozen=True)
class Clause:
    """One clause by its id, such as `CHG-7`; its wording stands in `clauses.toml`."""

    id: str

    def __str__(self) -> str:
        return self.id

    @property
    def text(self) -> str:
        """The Chinese sentence that a person meets; raises KeyError for an id the table lacks."""
        return str(clause_table()[self.id]["zh"])


@cache
def clause_table() -> dict[str, dict[str, object]]:
    """Every clause id with `zh`, `en`, and the places that enforce and test it."""
    return tomllib.loads(TABLE.read_text("utf-8"))
