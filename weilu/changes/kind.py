"""A change as a kind of work: what its flows may name, and the steps none of them leaves out."""

from weilu.process.vocabulary import Kind, Required

NOTIFY_USERS = "changes.notify_users"
FACT_TITLES = {"acceptance.filed": "验收已备案"}
RUN_FACTS = (
    "backup.restored",
    "rehearsal.matched",
    "window.open",
    "acceptance.passed",
    "run.concluded",
    "acceptance.filed",
)
CHANGE = Kind(
    key="change",
    title="变更",
    flows="changes",
    page="changes:change",
    right="changes.request",
    forms=frozenset({"need", "analysis", "plan", "feedback", "sheet"}),
    automatic=frozenset({NOTIFY_USERS}),
    facets={"running": (True, False), "importance": ("important", "normal")},
    # The plan is written in the design and carried out from the release: before, no fact of theirs can be there.
    facts={"integrity.verified": "design"} | dict.fromkeys(RUN_FACTS, "release"),
    required=(  # the eight steps of CHG-1, and what CHG-6, CHG-7 and REC-2 put between and behind them
        Required("request", form="need"),
        Required("analysis", form="analysis"),
        Required("need"),
        Required("design", form="plan"),
        Required("plan_check"),
        Required("confirm"),
        Required("security", whenever="running == true"),
        Required("release"),
        Required("notice", auto=NOTIFY_USERS),
        Required("feedback", form="feedback"),
        Required("sheet", form="sheet"),
    ),
)
