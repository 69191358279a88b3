"""Changes as kinds of work: what their flows may name, and the steps none of them leaves out."""

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
# The plan is written in the design and carried out from the release: before, no fact of theirs can be there.
FACTS = {"integrity.verified": "design"} | dict.fromkeys(RUN_FACTS, "release")
FACETS: dict[str, tuple[object, ...]] = {"running": (True, False), "importance": ("important", "normal")}

REQUEST = Required("request", form="need")
DESIGN = Required("design", form="plan")
RELEASE = Required("release")
NOTICE = Required("notice", auto=NOTIFY_USERS)
END = (Required("feedback", form="feedback"), Required("sheet", form="sheet"))
SECURITY = Required("security", whenever="running == true")


def _kind(key: str, title: str, flows: str, *required: Required, forms: frozenset[str]) -> Kind:
    return Kind(
        key=key, title=title, flows=flows, page="changes:change", right="changes.request",
        forms=forms, automatic=frozenset({NOTIFY_USERS}), facets=FACETS, facts=FACTS, required=required,
    )  # fmt: skip


CHANGE = _kind(
    "change", "正常变更", "changes",
    # The eight steps of CHG-1, and what CHG-6, CHG-7 and REC-2 put between and behind them.
    REQUEST, Required("analysis", form="analysis"), Required("need"), DESIGN, Required("plan_check"),
    Required("confirm"), SECURITY, RELEASE, NOTICE, *END,
    forms=frozenset({"need", "analysis", "plan", "feedback", "sheet"}),
)  # fmt: skip
STANDARD = _kind(
    "standard_change", "标准变更", "changes.standard",
    # Analysis and approvals were given to the template; carrying out, telling and the sheet are of every change.
    REQUEST, DESIGN, RELEASE, NOTICE, *END,
    forms=frozenset({"need", "plan", "feedback", "sheet"}),
)  # fmt: skip
EMERGENCY = _kind(
    "emergency_change", "紧急变更", "changes.emergency",
    # One approval before the act; nothing that the normal change asks for is left out after it.
    REQUEST, DESIGN, Required("confirm"), RELEASE, NOTICE, Required("analysis", form="analysis"), Required("need"),
    Required("plan_check"), Required("joint"), SECURITY, *END,
    forms=frozenset({"need", "analysis", "plan", "feedback", "sheet"}),
)  # fmt: skip
TEMPLATE = Kind(
    key="change_template",
    title="变更模板",
    flows="changes.template",
    page="changes:change",
    right="templates.propose",
    aside=True,
    forms=frozenset({"need", "plan"}),
    facets=FACETS,
    required=(REQUEST, DESIGN, Required("plan_check"), Required("confirm"), Required("security")),
)
KINDS = (CHANGE, STANDARD, EMERGENCY, TEMPLATE)
CHANGES = frozenset({CHANGE.key, STANDARD.key, EMERGENCY.key})  # work that is carried out and ends in a sheet
