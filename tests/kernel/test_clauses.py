"""What `clauses.toml` claims, held against the code."""

import re
from pathlib import Path

import pytest

from weilu.kernel.clauses import Clause, clause_table

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
TABLE = clause_table()
CLAIMED = [id for id, row in TABLE.items() if row["enforced"]]
# A page or rule cites by Clause("ID") in Python, `clause: ID` in a flow, {% clause "ID" %} in a template.
CITED = re.compile(
    r"""Clause\(\s*["']([A-Z]{3}-\d+)["']|^\s*(?:-\s*)?clause:\s*["']?([A-Z]{3}-\d+)|\{%\s*clause\s+["']([A-Z]{3}-\d+)""",
    re.MULTILINE,
)
LEAST = {"REC-1", "REC-2", "REC-3", "ROL-1", "CHG-1", "CHG-4", "CHG-5", "CHG-6", "CHG-7", "OPS-4"}


def citations() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in (ROOT / "weilu").rglob("*"):
        if path.suffix in {".py", ".html", ".yaml", ".yml"}:
            for groups in CITED.findall(path.read_text("utf-8")):
                found.setdefault("".join(groups), set()).add(str(path.relative_to(ROOT)))
    return found


def test_every_clause_has_its_wording():
    assert [id for id, row in TABLE.items() if not row["zh"] or not row["en"]] == []
    assert Clause("CHG-7").text == TABLE["CHG-7"]["zh"]


def test_claims_only_grow():
    assert set(CLAIMED) >= LEAST


@pytest.mark.parametrize("id", CLAIMED)
def test_a_claim_has_its_rule(id: str):
    for place in TABLE[id]["enforced"]:
        assert re.search(rf"""Clause\(\s*["']{id}["']\s*\)""", (ROOT / place).read_text("utf-8")), place


@pytest.mark.parametrize("id", CLAIMED)
def test_a_claim_has_its_test(id: str):
    places = TABLE[id]["tests"]

    assert places
    for place in places:
        assert id in (ROOT / place).read_text("utf-8"), place


def test_whatever_is_cited_is_claimed():
    cited = citations()

    assert {id: sorted(where) for id, where in cited.items() if id not in CLAIMED} == {}
