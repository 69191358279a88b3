"""What publishing asks of each kind of change: the shipped flows pass, and no kind leaves its own steps out."""

from pathlib import Path

import pytest

from weilu.changes.kind import CHANGE, EMERGENCY, STANDARD, TEMPLATE
from weilu.demo import FLOWS, publish_kinds
from weilu.process.flow import Flow, parse_flow
from weilu.process.models import FlowVersion
from weilu.process.publishing import faults_of_names
from weilu.process.vocabulary import Kind, kind_of_flow, kinds_named

SHIPPED = {"normal": CHANGE, "standard": STANDARD, "emergency": EMERGENCY, "template": TEMPLATE}


def source(name: str) -> str:
    return (Path(FLOWS) / f"{name}.yaml").read_text("utf-8")


def without(name: str, step: str) -> Flow:
    """The shipped flow without one step, and without what names it."""
    head, *steps = source(name).split("\n  - key: ")
    kept = [one for one in steps if not one.startswith(f"{step}\n")]
    text = "\n  - key: ".join([head, *kept])
    for word in ("not_also", "back", "gates"):
        text = "\n".join(line for line in text.split("\n") if not line.strip().startswith(f"{word}:"))
    return parse_flow(text)


@pytest.mark.parametrize(("name", "kind"), SHIPPED.items())
def test_the_shipped_flow_of_each_kind_has_no_fault_and_is_of_that_kind(name: str, kind: Kind):
    flow = parse_flow(source(name))
    assert (kind_of_flow(flow.key), faults_of_names(flow, kind)) == (kind, [])


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("standard", "design"), ("standard", "notice"), ("standard", "sheet"),
        ("emergency", "confirm"), ("emergency", "analysis"), ("emergency", "need"), ("emergency", "plan_check"),
        ("emergency", "joint"), ("emergency", "security"), ("emergency", "feedback"),
        ("template", "plan_check"), ("template", "confirm"), ("template", "security"),
    ],
)  # fmt: skip
def test_a_flow_that_leaves_a_step_of_its_kind_out_is_told_which(name: str, step: str):
    told = faults_of_names(without(name, step), SHIPPED[name])
    assert [one for one in told if one.startswith(f"流程缺步骤 {step}。")] != []


def test_the_security_office_is_passed_by_in_no_emergency_of_a_running_system():
    text = source("emergency").replace("when: running == true", "when: importance == 'important'")
    assert [one.partition("：")[2] for one in faults_of_names(parse_flow(text), EMERGENCY)] == [
        "步骤 security 在 running == true 时不能跳过，when 要包含它"
    ]
    template = source("template").replace(
        "who: role(security_office)", "who: role(security_office)\n    when: running == true"
    )
    assert [one.partition("：")[2] for one in faults_of_names(parse_flow(template), TEMPLATE)] == [
        "步骤 security 不能跳过，不能有 when"
    ]


def test_the_approval_of_an_emergency_comes_before_its_act():
    head, *steps = source("emergency").split("\n  - key: ")
    by_key = {one.partition("\n")[0]: one for one in steps}
    order = [key for key in by_key if key != "confirm"]
    order.insert(order.index("release") + 1, "confirm")
    text = "\n  - key: ".join([head, *(by_key[key] for key in order)]).replace("    not_also: [confirm]\n", "")
    told = [one.partition("：")[2] for one in faults_of_names(parse_flow(text), EMERGENCY)]
    assert "步骤 release 应在步骤 confirm 之后" in told


def test_any_other_flow_of_the_room_is_a_normal_change_and_the_room_s_work_leaves_templates_out():
    assert kind_of_flow("changes.weekly") == CHANGE
    assert kinds_named("changes") == ["change", "standard_change", "emergency_change"]
    assert kinds_named("change_template") == ["change_template"]
    assert kinds_named("nothing") == []


def test_the_people_of_a_customer_can_bring_each_kind_to_its_end(cast):
    publish_kinds(cast.jz)
    keys = FlowVersion.objects.filter(owner=cast.jz).order_by("id").values_list("key", flat=True)
    assert list(keys) == ["changes.normal", "changes.standard", "changes.emergency", "changes.template"]
