"""What a step costs the journal: a transaction for the intent, one for the result, and no statement to spare."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.execution.test_pages import make_run
from weilu.execution import journal
from weilu.execution.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

INTENT = ["UPDATE execution_run", "INSERT execution_runevent", "UPDATE execution_runstep"]
RESULT = [
    "UPDATE execution_run", "INSERT execution_runevent", "INSERT evidence_staged", "UPDATE execution_runstep",
    "SELECT execution_runstep",
]  # fmt: skip


def said(queries: CaptureQueriesContext) -> list[str]:
    """Verb and table of each statement, transactions left out."""
    found = []
    for query in queries.captured_queries:
        words = query["sql"].replace('"', "").split()
        if words[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            table = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "DELETE": "FROM"}[words[0]]
            found.append(f"{words[0]} {words[words.index(table) + 1]}")
    return found


def test_intent_and_result_of_a_step_are_eight_statements(cast: Cast) -> None:
    Run.objects.filter(id=make_run(cast).id).update(fence=1)
    run = Run.objects.select_related("item", "owner").get()
    step = run.steps.get(key="install")

    with CaptureQueriesContext(connection) as intent:
        journal.begin(run, step)
    with CaptureQueriesContext(connection) as result:
        journal.settle(run, step, ok=True, words="已装入", result={"release": "1.1.0"})

    assert (said(intent), said(result)) == (INTENT, RESULT)
    assert list(run.events.order_by("seq").values_list("seq", "text")) == [(1, "开始：安装"), (2, "已装入")]
    run.refresh_from_db()
    assert (run.state, run.lines, run.steps.get(key="install").state) == ("running", 2, "done")
