"""Standard and emergency changes, templates and amendments, each by the API alone."""

import json
from typing import Any

from django.test import Client

from demo.channel import Channel
from tests.cast import Cast, make_installation, plan_fields
from tests.changes.steps import item_of, template_plan
from weilu.changes.models import Change, Policy
from weilu.demo import publish_kinds


def act(person: Any, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    answer = client.post(f"/api/v1/{path}", json.dumps(body, default=str), content_type="application/json")
    assert answer.status_code == status, answer.content.decode()
    return dict(answer.json())


def shown(person: Any, uid: str) -> dict[str, Any]:
    client = Client()
    client.force_login(person)
    return dict(client.get(f"/api/v1/changes/{uid}").json())


def sign(person: Any, uid: str) -> None:
    seen = shown(person, uid)
    act(person, "process/sign_step", item=uid, turn=seen["turn"], subject=seen["subject"])


def window() -> dict[str, str]:
    fields = plan_fields()
    return {key: fields[key].isoformat() for key in ("window_from", "window_to")}  # type: ignore[attr-defined]


def test_a_template_and_a_standard_change_by_the_api_alone(cast: Cast, channel_source: Channel):
    where = make_installation(cast, channel_source.folder, channel_source.keyring)
    publish_kinds(cast.jz)
    plan = template_plan()
    made = act(
        cast.chen, "changes/propose_template", installation=where.uid, title="小版本升级", need="步骤固定。", **plan
    )
    turn = shown(cast.chen, made["uid"])["turn"]
    act(cast.chen, "changes/submit_template", item=made["uid"], turn=turn, **(plan | {"risk": "无。"}))
    for who in (cast.zhou, cast.zhao, cast.qian, cast.wu):
        sign(who, made["uid"])
    template = shown(cast.wang, made["uid"])["template"]
    assert (template["number"], template["approved"] != "", template["withdrawn"]) == (made["number"], True, "")

    change = act(cast.wang, "changes/request_standard", template=made["uid"], title="例行升级", need="每月一次。")
    seen = shown(cast.chen, change["uid"])
    assert (seen["kind"], seen["template"]["digest"]) == ("standard_change", template["digest"])
    given = {"item": change["uid"], "turn": seen["turn"], "digest": template["digest"], **window()}
    told = act(cast.chen, "changes/schedule_standard", 409, version="1.2.0", **given)
    assert told["clause"] == "CHG-7"
    act(cast.chen, "changes/schedule_standard", version="1.1.0", **given)

    act(cast.wu, "changes/withdraw_template", item=made["uid"], reason="上次回退。")
    turn = shown(cast.chen, change["uid"])["turn"]
    told = act(cast.chen, "changes/order_upgrade", 409, item=change["uid"], turn=turn)
    assert (told["reason"], told["clause"]) == (f"模板 {made['number']} 已停用，不能再按它执行", "CHG-7")
    act(cast.chen, "changes/take_normal_way", item=change["uid"], turn=turn, reason="模板停用。")
    assert shown(cast.chen, change["uid"])["kind"] == "change"


def test_an_emergency_its_amendment_and_the_setting_by_the_api_alone(cast: Cast, channel_source: Channel):
    where = make_installation(cast, channel_source.folder, channel_source.keyring)
    publish_kinds(cast.jz)
    act(cast.zheng, "changes/set_policy", owner="JZ", follow_up_days=3, remind_hours=4)
    assert Policy.objects.get().follow_up_days == 3
    made = act(
        cast.wang, "changes/request_emergency", installation=where.uid, title="修复", need="升级。", reason="等不得。"
    )
    uid = made["uid"]
    assert shown(cast.wang, uid)["emergency"]["reason"] == "等不得。"
    change = Change.objects.get(item__uid=uid)
    plan = plan_fields() | window()
    act(cast.chen, "changes/submit_plan", item=uid, turn=item_of(change).turn, **plan)
    sign(cast.zhao, uid)

    given: dict[str, Any] = {
        "item": uid,
        "turn": item_of(change).turn,
        "of": "design",
        "what": "改。",
        "reason": "要。",
    }
    documents = [{"number": "SC-01", "title": "手册", "version": "1"}]
    told = act(cast.chen, "changes/file_amendment", 409, **given)
    assert told["clause"] == "CHG-2"
    filed = act(cast.chen, "changes/file_amendment", documents=documents, **given)
    update = {"item": uid, "amendment": filed["number"], "document": "SC-01", "new_version": "2", "record": "改。"}
    act(cast.chen, "changes/record_update", **update)
    kept = shown(cast.wang, uid)["amendments"][0]
    assert (kept["number"], kept["documents"][0]["new_version"]) == (filed["number"], "2")
