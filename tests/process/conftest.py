"""The kind of work that flows of these tests are of: it offers them one gate, one automatic step, two facets."""

import pytest

from weilu.process.vocabulary import Kind, kind_of_flow, register_facts, register_kind

TEST = Kind(
    key="test",
    flows="test",
    page="changes:change",
    right="changes.request",
    forms=frozenset({"note"}),
    automatic=frozenset({"test.tell"}),
    facets={"running": (True, False), "importance": ("important", "normal")},
    facts={"backup.restored": ""},
)


@pytest.fixture(scope="session", autouse=True)
def kind() -> Kind:
    register_facts({"backup.restored": "备份可恢复"})
    register_kind(TEST)
    assert kind_of_flow("test.flow") == TEST
    return TEST
