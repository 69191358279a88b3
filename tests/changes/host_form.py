"""The form of a plan for hosts as 陈 fills it in and presses its buttons, and what comes back."""

import re
from datetime import timedelta
from typing import Any

import lxml.html
from django.test import Client

from tests.cast import Cast
from tests.changes.steps import item_of
from weilu.changes import host_forms
from weilu.changes.host_plan import hosts_of, rehearse_hosts
from weilu.changes.models import Change
from weilu.execution.models import Cell, Run
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now
from weilu.process.actions import record_fact


def typed(change: Change, do: str, **over: Any) -> dict[str, Any]:
    """The form as 陈 has filled it in: all hosts by their group, one canary, one package, one check."""
    hosts = hosts_of(change.item)
    fields = {
        "do": do, "turn": str(item_of(change).turn), "groups": [str(hosts[0].group.uid)], "canary": [str(hosts[1].uid)],
        "steps": "1", "s1-kind": "package", "s1-title": "升级 jzhello", "s1-name": "jzhello", "s1-version": "1.1.0",
        "s1-sha256": "", "s1-seconds": "１２０", "s1-crash": "probe", "s1-back": "auto",
        "then_kind": "percent", "then": "50%、100%", "stop_done": "3", "stop_below": "80", "at_once": "10",
        "minutes": "30", "at_window_end": "go_back", "backup": "none", "no_backup": "随时可退",
        "health_title": ["应答", ""], "health_port": ["8080", ""], "health_path": ["/", ""],
        "health_expect": ["1.1.0", ""], "window_from": host_forms.local(now()),
        "window_to": host_forms.local(now() + timedelta(hours=3)), "impact": "逐台停 1 分钟。", "risk": "不应答。",
        "way_back": "逐台恢复。", "upgrade_notes": "已更新。",
    }  # fmt: skip
    return fields | over


def post(chen: Client, change: Change, do: str, **over: Any) -> Any:
    return chen.post(f"/changes/{change.item.uid}/plan", typed(change, do, **over))


def value_of(page: str, name: str) -> list[str]:
    """What stands in the inputs of this name."""
    return [
        found.group(1) for tag in re.findall(r"<input[^>]*>", page)
        if f'name="{name}"' in tag and (found := re.search(r'value="([^"]*)"', tag))
    ]  # fmt: skip


def wrong_at(page: str) -> dict[str, str]:
    """What is said to be wrong, by the entry under which it stands."""
    fields = lxml.html.fromstring(page).xpath("//*[contains(@class, 'has-wrong')]")
    return {
        field.xpath(".//*[@aria-invalid]/@name")[0]: field.xpath("string(.//*[@class='wrong']/span)").strip()
        for field in fields
    }  # fmt: skip


def rehearsed(cast: Cast, change: Change) -> Run:
    """A rehearsal as a worker leaves it: a change on two hosts alike, another on the third, a script not tried."""
    run = rehearse_hosts(cast.chen, change, turn=item_of(change).turn)
    for step in run.steps.filter(key__in=("s1", "s2")):
        for host in run.hosts.filter(batch=step.batch):
            would = ["/etc/jz.conf 修改", "-level=1", "+level=2"] if host.ordinal < 3 else ["/etc/jz.conf 新建"]
            result = {"would": would, "rehearsed": True, "back": ""}
            if step.key == "s2":
                result = {"would": [], "rehearsed": False, "back": "方案没有写这一步的回退"}
            Cell.objects.create(step=step, host=host, state="done", result=result)
    Run.objects.filter(id=run.id).update(state="succeeded", ended_at=now())
    item = item_of(change)
    record_fact(item, "rehearsal.matched", item.subject, True, "演练通过", run.number, uuid7())
    return run
