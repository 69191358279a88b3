"""A run on hosts as rows, at any moment of its life; tests and the benchmark look at its page."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from tests.cast import Cast, make_change, make_environment, make_group, make_installation
from weilu.changes.host_plan import entry_of
from weilu.demo import made_up_key
from weilu.execution.models import Cell, Run, RunEvent, RunHost, RunStep
from weilu.kernel.numbering import take_number
from weilu.kernel.times import iso, now
from weilu.systems.models import Host, HostGroup, Installation

SUBJECT = "6" * 64
TITLES = ("预检", "备份", "摘流量", "停服务", "装补丁", "起服务", "健康检查", "挂流量")


def make_steps(titles: Sequence[str] = TITLES, **over: Any) -> list[dict[str, Any]]:
    """Steps of the orders, s1 and so on, each a script of two minutes that can be undone."""
    return [
        {
            "key": f"s{place}", "kind": "script", "title": title, "with": {"sha256": "a" * 64}, "seconds": 120,
            "crash": "ask", "back": {"sha256": "b" * 64},
        } | over
        for place, title in enumerate(titles, start=1)
    ]  # fmt: skip


def by_people(place: int, kind: str = "manual", **told: Any) -> dict[str, Any]:
    """A step that people take: a manual one, or a signature."""
    return {
        "key": f"s{place}", "kind": kind, "title": "切负载" if kind == "manual" else "科长签字",
        "with": {"words": "到负载均衡控制台把这批主机摘下"} | told, "seconds": 600, "crash": "ask", "back": None,
    }  # fmt: skip


def make_fleet(
    cast: Cast, sizes: Sequence[int] = (1, 4, 7), steps: Sequence[dict[str, Any]] | None = None, **over: Any
) -> Run:
    """A run on hosts in batches of these sizes, the first a canary; nothing has begun."""
    start = now() - timedelta(minutes=41)
    installation = Installation.objects.first() or make_installation(cast)
    item = make_change(cast, installation, title=over.pop("title", f"OpenSSL 3.0.17 安全更新，{sum(sizes)} 台")).item
    hosts = make_hosts(cast, installation.system, sum(sizes))
    orders = {
        "hosts": [entry_of(host) for host in hosts], "steps": list(steps if steps is not None else make_steps()),
        "batches": {"canary": sizes[0], "then": ["100%"], "health": [], "stop": {"done": 3, "below": 80}, "at_once": 2},
        "minutes": 20, "at_window_end": "finish_batch", "artefacts": [], "program": "c" * 64,
        "window_from": iso(start), "window_to": iso(start + timedelta(hours=4)),
    }  # fmt: skip
    orders["batches"] |= over.pop("batches", {})
    fields: dict[str, Any] = {
        "owner": cast.jz, "item": item, "plan": orders, "subject": SUBJECT, "window_from": start,
        "window_to": start + timedelta(hours=4), "version_from": "", "ordered_by": cast.chen,
    }  # fmt: skip
    with transaction.atomic():
        run = Run.objects.create(number=take_number("JZ", "R", now()), **(fields | over))
    batches = [number for number, size in enumerate(sizes, start=1) for _one in range(size)]
    RunHost.objects.bulk_create(
        RunHost(run=run, ordinal=place, host=host, name=host.name, entry=entry_of(host), batch=batch)
        for place, (host, batch) in enumerate(zip(hosts, batches, strict=True), start=1)
    )
    begun = run.state != "queued"
    words = "核对完毕：批准、内容、窗口、主机都与方案一致" if begun else ""
    RunStep.objects.create(
        run=run, key="start", title="开始前核对", ordinal=1, state="done" if begun else "waiting", words=words,
        ended_at=start if begun else None,
    )  # fmt: skip
    keys = [(step["key"], step["title"]) for step in orders["steps"]]
    make_journal(run, keys, range(1, len(sizes) + 1))
    return run


def make_hosts(cast: Cast, system: Any, count: int) -> list[Host]:
    """The next hosts of 现网, wb-app-01 and so on, whose keys are their own."""
    group = HostGroup.objects.first() or make_group(make_environment(system, kind="production"))
    first = Host.objects.count() + 1
    return Host.objects.bulk_create(
        Host(
            owner=cast.jz,
            group=group,
            name=f"wb-app-{place:02d}",
            key=made_up_key(f"wb-app-{place}"),
            address=f"192.0.{2 + place // 250}.{place % 250 + 1}",
        )
        for place in range(first, first + count)
    )


def make_journal(run: Run, keys: Sequence[tuple[str, str]], batches: Sequence[int], phase: str = "forward") -> None:
    """A waiting step for each batch and key, behind those that are there."""
    place = run.steps.count()
    for batch in batches:
        for key, title in keys:
            place += 1
            RunStep.objects.create(run=run, key=key, title=title, ordinal=place, batch=batch, phase=phase)


def step_of(run: Run, batch: int, key: str, phase: str = "forward") -> RunStep:
    return run.steps.get(batch=batch, key=key, phase=phase)


def settle(
    run: Run, batch: int, key: str, states: Mapping[int, str] | str = "done", *, phase: str = "forward",
    begun: datetime | None = None, seconds: int = 60, **over: Any,
) -> RunStep:  # fmt: skip
    """The step has been begun on hosts of the batch: cells in these states, by ordinal or one for all."""
    step = step_of(run, batch, key, phase)
    hosts = list(run.hosts.filter(batch=batch).order_by("ordinal"))
    told = {host.ordinal: states for host in hosts} if isinstance(states, str) else dict(states)
    begun = begun or now() - timedelta(seconds=seconds)
    going = "started" in told.values()
    asks = "asks" in told.values()
    end = None if going else begun + timedelta(seconds=seconds)
    step.state = "started" if going else "asks" if asks else "done" if "done" in told.values() else "failed"
    step.started_at, step.ended_at, step.attempt, step.machine = begun, end, 1, "0123456789@wk-02"
    step.save()
    Cell.objects.bulk_create(
        Cell(
            step=step, host=host, state=told[host.ordinal], started_at=begun,
            ended_at=None if told[host.ordinal] in ("started", "asks") else begun + timedelta(seconds=seconds), **over,
        )
        for host in hosts
        if host.ordinal in told
    )  # fmt: skip
    return step


def settle_all(run: Run, batch: int, until: str = "", begun: datetime | None = None, seconds: int = 60) -> datetime:
    """Every step of the batch passed on every host, up to and with `until`; when that was over."""
    at = begun or now() - timedelta(minutes=30)
    for step in list(run.steps.filter(batch=batch, phase="forward").order_by("ordinal")):
        settle(run, batch, step.key, begun=at, seconds=seconds)
        at += timedelta(seconds=seconds)
        if step.key == until:
            return at
    run.hosts.filter(batch=batch).update(state="done", changed=True)
    return at


def say(run: Run, host: int | None, *texts: str, kind: str = "line", step: str = "") -> None:
    """Lines of the log, said by a host or by the run itself."""
    for text in texts:
        run.lines += 1
        RunEvent.objects.create(run=run, seq=run.lines, host=host, kind=kind, text=text, step=step)
    Run.objects.filter(id=run.id).update(lines=run.lines)


def make_asking(cast: Cast, **over: Any) -> Run:
    """A batch of three in whose second step nobody can tell of two hosts whether it took effect."""
    run = make_fleet(cast, (3,), make_steps(("备份", "装补丁")), state="asks", batches={"canary": 0}, **over)
    settle(run, 1, "s1")
    settle(run, 1, "s2", {1: "done", 2: "asks", 3: "asks"}, words="主机重启过，没有留下结果")
    run.hosts.update(state="running", changed=True)
    say(run, None, "「装补丁」在 wb-app-02、wb-app-03 是否做过，要人判断", kind="error")
    return run


def make_waiting(cast: Cast, kind: str = "manual", **told: Any) -> Run:
    """A batch of two that waits in its second step for people: for their work, or for a signature."""
    steps = [*make_steps(("备份",)), by_people(2, kind, **told)]
    run = make_fleet(cast, (2,), steps, state="asks", batches={"canary": 0})
    settle(run, 1, "s1")
    run.steps.filter(key="s2").update(state="asks", started_at=now())
    run.hosts.update(state="running", changed=True)
    return run


def make_stuck(cast: Cast, **over: Any) -> Run:
    """The run of the picture after it went back, but for one host that could not be brought back."""
    run = make_middle(cast, **over)
    for batch in (2, 1):
        keys = [(f"s{place}", f"回退：{TITLES[place - 1]}") for place in range(8, 0, -1)]
        make_journal(run, keys, [batch], "back")
        for key, _title in keys:
            settle(run, batch, key, phase="back", seconds=20)
    run.steps.get(batch=2, key="s5", phase="back").cells.filter(host__ordinal=3).update(state="failed")
    run.hosts.filter(batch__lte=2).update(state="back")
    run.hosts.filter(ordinal=3).update(
        state="stuck", words="回退「装补丁」没有做成：旧包不在缓存里。登录主机装回 3.0.15，再起服务"
    )
    run.hosts.filter(batch=3).update(state="left")
    Run.objects.filter(id=run.id).update(
        state="failed", phase="back", ended_at=now(), cause="陈航 决定整体回退：登录不通"
    )
    run.refresh_from_db()
    return run


def make_rehearsal(cast: Cast, **over: Any) -> Run:
    """A rehearsal on two hosts: a file would change, a package could not be taken back, a script is not tried."""
    steps = [*make_steps(("改配置", "装补丁", "备份")), by_people(4)]
    run = make_fleet(cast, (2,), steps, state="succeeded", purpose="rehearse", batches={"canary": 0}, **over)
    told: dict[str, dict[str, Any]] = {
        "s1": {"would": ["--- 现值 /etc/jz.conf", "+++ 改后 /etc/jz.conf", "-level=1", "+level=2"], "rehearsed": True},
        "s2": {
            "would": ["jz 1.0.0 → 1.1.0"],
            "rehearsed": True,
            "back": "软件源里没有现在的版本 1.0.0，装了新版本就回不去",
        },
        "s3": {"would": ["脚本不能试运行，演练没有执行它"], "rehearsed": False, "back": ""},
    }
    for key, result in told.items():
        settle(run, 1, key, result={"back": ""} | result)
    run.steps.filter(key="s4").update(state="done", result={"rehearsed": False})
    run.hosts.update(state="done")
    Run.objects.filter(id=run.id).update(ended_at=now())
    return run


def make_big(cast: Cast) -> Run:
    """50 hosts by 20 steps, half of the second batch at work."""
    run = make_fleet(cast, (5, 45), make_steps(tuple(f"第 {n} 步" for n in range(1, 21))), state="running")
    run.started_at = run.window_from
    run.save()
    settle_all(run, 1, begun=run.window_from)
    settle_all(run, 2, until="s9")
    settle(run, 2, "s10", {n: "done" if n < 30 else "started" for n in range(6, 51)})
    run.hosts.filter(batch=2).update(state="running", changed=True)
    return run


def make_middle(cast: Cast, **over: Any) -> Run:
    """The run of the picture: canary through, one host of the first batch failed at its check, seven wait."""
    run = make_fleet(cast, state="running", **over)
    run.started_at = run.window_from + timedelta(minutes=3)
    run.fence = 1
    run.save()
    at = settle_all(run, 1, begun=run.started_at)
    at = settle_all(run, 2, until="s4", begun=at + timedelta(minutes=2), seconds=90)
    settle(run, 2, "s5", {2: "done", 3: "done", 4: "done", 5: "started"}, begun=at)
    settle(run, 2, "s6", {2: "done", 3: "done", 4: "done"}, begun=at + timedelta(minutes=1))
    settle(run, 2, "s7", {2: "done", 3: "started", 4: "failed"}, begun=at + timedelta(minutes=2))
    settle(run, 2, "s8", {2: "done"}, begun=at + timedelta(minutes=3))
    run.hosts.filter(ordinal=2).update(state="done", changed=True)
    run.hosts.filter(ordinal__in=(3, 5)).update(state="running", changed=True)
    run.hosts.filter(ordinal=4).update(
        state="failed", changed=True, words="补丁已装好，但单点登录握手失败：这台主机的信任库缺少新的中间证书。"
    )
    say(run, None, "金丝雀通过", "开始：第 1 批", kind="plain")
    say(run, 3, "第 2/3 次探测", "超时 5 秒，无响应")
    say(run, 4, "GET http://192.0.2.5:8080/healthz", "超时 5 秒，无响应", "第 3/3 次探测")
    say(run, 4, '503 {"db":"ok","sso":"tls handshake failed"}', "健康检查未通过，本机停在此步", kind="error")
    return run
