"""Lists of hosts are taken over as they were shown, all of it or nothing, and each change is in a host's history."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, made_up_key, make_environment, make_group, make_host, system_of
from tests.execution.test_pages import make_run
from tests.support.unchanged import Refusal, refusal_of
from tests.systems.test_books import HEADS, book
from tests.systems.test_host_pages import signed_in
from weilu.evidence.files import read
from weilu.evidence.models import Staged
from weilu.execution.models import RunHost
from weilu.jobs.kinds import Doing
from weilu.jobs.models import Job
from weilu.kernel.refused import Stale
from weilu.systems.host_actions import change_host
from weilu.systems.import_actions import (
    MOST_OPEN,
    OPEN_FOR,
    confirm_import,
    drop_import,
    plan_of_import,
    propose_import,
)
from weilu.systems.importing.plan import Plan
from weilu.systems.keeping import FORGET_UPLOADS
from weilu.systems.keys import fingerprint
from weilu.systems.layout_actions import drop_environment
from weilu.systems.models import Environment, Host, HostEvent, HostGroup, HostImport
from weilu.vault.models import Reaching

KEY, OTHER = made_up_key("app-01"), made_up_key("other")


@pytest.fixture
def environment(cast: Cast) -> Environment:
    return make_environment(system_of(cast), kind="production")


def uploaded(cast: Cast, text: str, environment: Environment | None, **over: Any) -> HostImport:
    said: dict[str, Any] = {"name": "hosts", "data": text.encode(), "environment": environment} | over
    return propose_import(cast.zheng, cast.jz, **said)


def sheet(cast: Cast, *rows: list[object], environment: Environment | None = None, heads: Any = HEADS) -> HostImport:
    return propose_import(cast.zheng, cast.jz, name="主机.xlsx", data=book([heads, *rows]), environment=environment)


def lines(plan: Plan) -> list[tuple[int, str, str, str]]:
    return [(line.line, line.name, line.state, line.reason) for line in plan.lines]


def test_an_inventory_is_shown_first_and_then_taken_over_as_shown(cast: Cast, environment: Environment):
    text = f"[应用]\napp-[01:02] ansible_user=deploy\ndb ansible_host=192.0.2.9 weilu_key='{KEY}'\n"
    found = uploaded(cast, text, environment)
    plan = plan_of_import(found)
    assert (lines(plan), plan.groups, plan.counts, plan.fits) == (
        [(2, "app-01", "new", ""), (2, "app-02", "new", ""), (3, "db", "new", "")], [["CS", "现网", "应用"]],
        {"new": 3, "changed": 0, "unchanged": 0, "refused": 0}, True,
    )  # fmt: skip
    assert (Host.objects.count(), HostGroup.objects.count()) == (0, 0)

    confirm_import(cast.zheng, found, digest=plan.digest)

    rows = Host.objects.order_by("name").values_list("name", "address", "user", "key", "group__name", "owner")
    assert list(rows) == [
        ("app-01", "app-01", "deploy", "", "应用", cast.jz.id), ("app-02", "app-02", "deploy", "", "应用", cast.jz.id),
        ("db", "192.0.2.9", "root", KEY, "应用", cast.jz.id),
    ]  # fmt: skip
    entry = Staged.objects.get(kind="systems.hosts_imported").said
    assert (entry["actor"], entry["org"], entry["data"]) == (
        cast.zheng.actor, "JZ",
        {"file": "hosts", "sha256": sha256(text.encode()).hexdigest(), "plan": plan.digest, "counts": plan.counts,
         "groups": plan.groups},
    )  # fmt: skip
    assert [read(file["sha256"]) for file in entry["files"]] == [text.encode(), plan.data]
    assert sha256(plan.data).hexdigest() == plan.digest
    db = Host.objects.get(name="db")
    assert list(db.events.order_by("id").values_list("kind", "actor")) == [
        ("systems.host_registered", cast.zheng.actor), ("systems.key_pinned", cast.zheng.actor),
    ]  # fmt: skip
    assert db.events.get(kind="systems.key_pinned").data["key"] == fingerprint(KEY)
    assert set(HostEvent.objects.values_list("ref", flat=True)) == {
        Staged.objects.get(kind="systems.hosts_imported").ref
    }
    found.refresh_from_db()
    assert (bytes(found.source), found.read, found.done) == (b"", {}, plan.counts)


def test_known_hosts_are_changed_with_old_and_new_and_what_is_not_said_stays(cast: Cast, environment: Environment):
    group = make_group(environment)
    make_host(group, name="app-01", site="主机房", user="root")
    make_host(group, name="app-02", key="")
    make_host(group, name="app-03")
    make_host(group, name="elsewhere")
    text = f"[应用]\nAPP-01 ansible_port=2222\napp-02 weilu_key='{OTHER}'\napp-03\n[缓存]\nelsewhere\n"
    found = uploaded(cast, text, environment)
    plan = plan_of_import(found)
    assert [(one.name, one.state, one.changed, one.fingerprint) for one in plan.lines] == [
        ("app-01", "changed", {"port": [22, 2222]}, ""), ("app-02", "changed", {}, fingerprint(OTHER)),
        ("app-03", "unchanged", {}, ""), ("elsewhere", "changed", {"group": ["现网 / 应用", "现网 / 缓存"]}, ""),
    ]  # fmt: skip
    confirm_import(cast.zheng, found, digest=plan.digest)
    rows = Host.objects.order_by("name").values_list("name", "address", "port", "site", "group__name", "key")
    assert list(rows) == [
        ("app-01", "192.0.2.1", 2222, "主机房", "应用", KEY), ("app-02", "192.0.2.2", 22, "", "应用", OTHER),
        ("app-03", "192.0.2.3", 22, "", "应用", made_up_key("app-03")),
        ("elsewhere", "192.0.2.4", 22, "", "缓存", made_up_key("elsewhere")),
    ]  # fmt: skip
    gone_to = Reaching.objects.exclude(asked_at=None).values_list("host__name", flat=True)
    assert sorted(gone_to) == ["app-01", "app-02", "elsewhere"]
    assert sorted(HostEvent.objects.values_list("host__name", "kind")) == [
        ("app-01", "systems.host_changed"), ("app-02", "systems.key_pinned"), ("elsewhere", "systems.host_changed"),
    ]  # fmt: skip


def test_a_workbook_names_system_environment_and_group_by_row(cast: Cast, environment: Environment):
    other = make_environment(system_of(cast, "YL"), kind="test")
    known = make_host(make_group(other), name="old", address="192.0.2.77")
    found = sheet(
        cast,
        [
            "cs",
            "现网",
            "应用",
            "app-01",
            "192.0.2.1",
            22,
            "deploy",
            "是",
            "主机房",
            "内网",
            "a",
            "/opt/bin/python3",
            KEY,
        ],
        ["YL", "实验机", None, "old", None, 2222, None, "否"],
        [None, None, "应用", "app-02", "192.0.2.3"],
        environment=environment,
    )
    plan = plan_of_import(found)
    assert [(one.name, one.state, one.place) for one in plan.lines] == [
        ("app-01", "new", ["CS", "现网", "应用"]), ("old", "changed", ["YL", "实验机", "应用"]),
        ("app-02", "new", ["CS", "现网", "应用"]),
    ]  # fmt: skip
    confirm_import(cast.zheng, found, digest=plan.digest)
    made = Host.objects.get(name="app-01")
    assert (made.user, made.become, made.site, made.zone, made.pool, made.python, made.key) == (
        "deploy", True, "主机房", "内网", "a", "/opt/bin/python3", KEY,
    )  # fmt: skip
    known.refresh_from_db()
    assert (known.port, known.group.environment) == (2222, other)


def test_our_own_export_changes_nothing(cast: Cast, environment: Environment):
    make_host(make_group(environment), site="主机房", become=True)
    exported = signed_in(cast.zheng).get("/systems/hosts/export").content
    found = propose_import(cast.zheng, cast.jz, name="weilu-hosts.xlsx", data=exported)
    assert [(one.name, one.state) for one in plan_of_import(found).lines] == [("app-01", "unchanged")]
    nothing = refusal_of(lambda: confirm_import(cast.zheng, found, digest=plan_of_import(found).digest))
    assert nothing == Refusal("文件与名册一致，没有要导入的")


USER = "登录用户「root;id」写得不对：字母、数字和 . _ -，最多 32 字"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["XX", "现网", "应用", "a", "192.0.2.8"], "没有系统「XX」"),
        (["CS", "备机", "应用", "a", "192.0.2.8"], "「测试系统」没有环境「备机」，先添加环境"),
        (["CS", None, "应用", "a", "192.0.2.8"], "没有写环境"),
        ([None, "现网", "应用", "a", "192.0.2.8"], "没有写系统代号"),
        (["CS", "现网", None, "a", "192.0.2.8"], "没有写主机组"),
        (["CS", "现网", "应用", None, "192.0.2.8"], "主机名没有填写。填好后再提交"),
        (["CS", "现网", "应用", "a"], "地址没有填写。填好后再提交"),
        (["CS", "现网", "应用", "a", "a b"], "「a b」不是 IP 地址或域名"),
        (["CS", "现网", "应用", "a", "192.0.2.8", "二十二"], "端口「二十二」应是 1 到 65535 的整数"),
        (["CS", "现网", "应用", "a", "192.0.2.8", 22, "root;id"], USER),
        (["CS", "现网", "应用", "a", "192.0.2.8", 22, "root", "也许"], "sudo「也许」应是 是 或 否"),
        (["CS", "现网", "应用", "a\u202e", "192.0.2.8"], "主机名里有看不见的字符 U+202E。删去后再提交"),
        (["CS", "现网", "应用", "a", "192.0.2.1"], "192.0.2.1 端口 22 也是「known」的。一台机器只登记一次"),
        (["YL", None, None, "known"], "已登记在「测试系统」，不能由导入换系统"),
        (["CS", "现网", "应用", "known", *[None] * 8, OTHER], "密钥与已固定的不同。核实后在主机页更换，要写原因"),
        (["CS", "现网", "应用", "a", "192.0.2.8", *[None] * 7, "ssh-dss x"],
         "「ssh-dss」不是能用的主机密钥类型。能用 ed25519、ecdsa 和 rsa，如 ssh-ed25519 AAAA…"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_is_refused_with_its_line_and_nothing_is_taken_over(
    cast: Cast, environment: Environment, row: list[object], reason: str
):
    system_of(cast, "YL")
    make_host(make_group(environment), name="known")
    found = sheet(cast, ["CS", "现网", "应用", "good", "192.0.2.99"], row)
    plan = plan_of_import(found)
    assert [(line, state, said) for line, _name, state, said in lines(plan)] == [(2, "new", ""), (3, "refused", reason)]
    assert refusal_of(lambda: confirm_import(cast.zheng, found, digest=plan.digest)) == Refusal(
        "还有 1 行被拒。改正文件后重新上传"
    )


def test_the_same_host_twice_and_two_hosts_at_one_place_are_refused(cast: Cast, environment: Environment):
    row = ["CS", "现网", "应用"]
    found = sheet(
        cast, [*row, "a", "192.0.2.1"], [*row, "Ａ", "192.0.2.2"], [*row, "b", "192.0.2.3"], [*row, "c", "192.0.2.3"]
    )
    assert lines(plan_of_import(found)) == [
        (2, "a", "refused", "「a」在文件里出现 2 次"), (3, "A", "refused", "「A」在文件里出现 2 次"),
        (4, "b", "refused", "192.0.2.3 端口 22 也是「c」的。一台机器只登记一次"),
        (5, "c", "refused", "192.0.2.3 端口 22 也是「b」的。一台机器只登记一次"),
    ]  # fmt: skip


def test_a_host_that_a_live_run_holds_is_neither_moved_nor_entered_otherwise_by_an_import(cast: Cast):
    run = make_run(cast)
    group = make_group(make_environment(system_of(cast)))
    held, free = make_host(group), make_host(group)
    RunHost.objects.create(run=run, ordinal=1, host=held, name=held.name, entry={}, batch=1, holds=held)
    words = f"现在不能换组或更改怎样登录：执行 {run.number}（等待执行）正占用它，等它结束"
    heads = ["主机名", "主机组", "登录用户", "机房"]
    found = sheet(cast, [held.name, "另一组", "", ""], [free.name, "另一组", "", ""], heads=heads)
    assert lines(plan_of_import(found)) == [(2, held.name, "refused", words), (3, free.name, "changed", "")]
    entered = sheet(cast, [held.name, "", "ops", ""], heads=heads)
    assert lines(plan_of_import(entered)) == [(2, held.name, "refused", words)]
    assert refusal_of(lambda: confirm_import(cast.zheng, entered, digest=plan_of_import(entered).digest)) == Refusal(
        "还有 1 行被拒。改正文件后重新上传"
    )
    other = sheet(cast, [held.name, "", "", "二号机房"], heads=heads)
    confirm_import(cast.zheng, other, digest=plan_of_import(other).digest)
    held.refresh_from_db()
    assert held.site == "二号机房"


def test_two_known_hosts_may_change_places(cast: Cast, environment: Environment):
    group = make_group(environment)
    make_host(group, name="a"), make_host(group, name="b")
    row = ["CS", "现网", "应用"]
    found = sheet(cast, [*row, "a", "192.0.2.2"], [*row, "b", "192.0.2.1"])
    confirm_import(cast.zheng, found, digest=plan_of_import(found).digest)
    assert list(Host.objects.order_by("name").values_list("name", "address")) == [
        ("a", "192.0.2.2"),
        ("b", "192.0.2.1"),
    ]


def test_a_host_in_several_groups_keeps_its_own_and_a_new_one_needs_a_word(cast: Cast, environment: Environment):
    make_host(make_group(environment, name="web"), name="known")
    text = "[web]\nknown\nnew\n[beijing]\nknown\nnew\n"
    plain = plan_of_import(uploaded(cast, text, environment))
    said = "在几个主机组里：web、beijing。在「先取的主机组」里写明取哪个"
    assert lines(plain) == [(2, "known", "unchanged", ""), (3, "new", "refused", said)]
    chosen = plan_of_import(uploaded(cast, text, environment, prefer=[" web "]))
    assert [(one.name, one.state, one.place[2]) for one in chosen.lines] == [
        ("known", "unchanged", "web"), ("new", "new", "web"),
    ]  # fmt: skip


def test_groups_of_one_name_in_two_spellings_are_one(cast: Cast, environment: Environment):
    make_group(environment, name="WEB")
    row = ["CS", "现网"]
    found = sheet(cast, [*row, "web", "a", "192.0.2.1"], [*row, "DB", "b", "192.0.2.2"], [*row, "db", "c", "192.0.2.3"])
    plan = plan_of_import(found)
    assert ([one.place[2] for one in plan.lines], plan.groups) == (["WEB", "DB", "DB"], [["CS", "现网", "DB"]])
    confirm_import(cast.zheng, found, digest=plan.digest)
    assert sorted(HostGroup.objects.values_list("name", flat=True)) == ["DB", "WEB"]


def test_what_has_changed_since_it_was_shown_is_shown_anew(cast: Cast, environment: Environment):
    host = make_host(make_group(environment), name="a")
    found = uploaded(cast, "[应用]\na ansible_port=2222\n", environment)
    digest = plan_of_import(found).digest
    change_host(cast.zheng, host, port=2200)
    stale = Refusal("名册在您查看之后有变动。重新看过再导入")
    assert refusal_of(lambda: confirm_import(cast.zheng, found, digest=digest)) == stale
    with pytest.raises(Stale):
        confirm_import(cast.zheng, found, digest="")
    confirm_import(cast.zheng, found, digest=plan_of_import(found).digest)
    host.refresh_from_db()
    assert host.port == 2222


def test_what_the_file_may_not_say_stops_all_of_it(cast: Cast, environment: Environment):
    found = uploaded(cast, "[应用]\na ansible_host=192.0.2.1\nb ansible_host='{{ x }}'\n", environment)
    plan = plan_of_import(found)
    assert (plan.faults, plan.fits) == (1, False)
    assert refusal_of(lambda: confirm_import(cast.zheng, found, digest=plan.digest)) == Refusal(
        "还有 1 行被拒。改正文件后重新上传"
    )


def test_an_import_ends_once(cast: Cast, environment: Environment):
    over = Refusal("这次导入已经办结。要再导入，重新上传文件")
    done, left = (uploaded(cast, f"[应用]\n{name}\n", environment) for name in ("a", "b"))
    digest = plan_of_import(done).digest
    confirm_import(cast.zheng, done, digest=digest)
    drop_import(cast.zheng, left)
    for found in (done, left):
        assert refusal_of(lambda found=found: confirm_import(cast.zheng, found, digest=digest)) == over  # type: ignore[misc]
        assert refusal_of(lambda found=found: drop_import(cast.zheng, found)) == over  # type: ignore[misc]
    left.refresh_from_db()
    assert (bytes(left.source), left.read, left.done) == (b"", {}, None)


def grown_old(found: HostImport, by: timedelta = OPEN_FOR + timedelta(minutes=1)) -> HostImport:
    HostImport.objects.filter(id=found.id).update(made_at=found.made_at - by)
    found.refresh_from_db()
    return found


def test_an_upload_that_nobody_confirms_is_gone_after_a_week(cast: Cast, environment: Environment):
    gone, kept = (uploaded(cast, f"[应用]\n{name}\n", environment) for name in ("a", "b"))
    source = bytes(kept.source)
    grown_old(gone)
    grown_old(kept, OPEN_FOR - timedelta(minutes=1))
    FORGET_UPLOADS.do(Doing(Job(), 0))
    gone.refresh_from_db()
    kept.refresh_from_db()
    assert (bytes(gone.source), gone.read, gone.done, gone.settled_by) == (b"", {}, None, None)
    assert (gone.settled_at is None, bytes(kept.source), kept.settled_at) == (False, source, None)


def test_the_next_upload_of_the_customer_clears_an_old_one_away(cast: Cast, environment: Environment):
    found = grown_old(uploaded(cast, "[应用]\na\n", environment))
    uploaded(cast, "[应用]\nb\n", environment)
    found.refresh_from_db()
    assert (bytes(found.source), found.read, found.done, found.settled_by) == (b"", {}, None, None)


def test_an_upload_older_than_a_week_is_not_taken_over_but_can_be_left(cast: Cast, environment: Environment):
    found = grown_old(uploaded(cast, "[应用]\na\n", environment))
    digest = plan_of_import(found).digest
    assert refusal_of(lambda: confirm_import(cast.zheng, found, digest=digest)) == Refusal(
        "这次上传已超过 7 天，不能再导入。重新上传文件"
    )
    assert drop_import(cast.zheng, found).settled_by == cast.zheng


def test_uploads_that_wait_for_a_word_are_bounded(cast: Cast, environment: Environment):
    first = uploaded(cast, "[应用]\na\n", environment)
    row = {
        "owner": cast.jz,
        "kind": "ini",
        "name": "x",
        "sha256": "0",
        "source": b"",
        "read": {},
        "made_by": cast.zheng,
    }
    HostImport.objects.bulk_create(HostImport(**row) for _ in range(MOST_OPEN - 1))
    full = Refusal("有 20 次上传还没有办。先导入或删去几次再传", "", "file")
    assert refusal_of(lambda: uploaded(cast, "[应用]\nb\n", environment)) == full
    drop_import(cast.zheng, first)
    assert uploaded(cast, "[应用]\nb\n", environment).settled_at is None


def test_an_environment_that_had_uploads_can_be_dropped_once_they_are_settled(cast: Cast, environment: Environment):
    found = uploaded(cast, "[应用]\na\n", environment)
    assert refusal_of(lambda: drop_environment(cast.zheng, environment)) == Refusal(
        "还有上传的主机清单等着导入到「现网」。先导入或删去它"
    )
    drop_import(cast.zheng, found)
    drop_environment(cast.zheng, environment)
    found.refresh_from_db()
    assert (found.environment, Environment.objects.count()) == (None, 0)


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_only_the_administrator_of_this_customer_imports(cast: Cast, environment: Environment, who: str):
    by, found = getattr(cast, who), uploaded(cast, "[应用]\na\n", environment)
    refused, digest = Refusal("系统档案由系统管理员维护"), plan_of_import(found).digest
    said: dict[str, Any] = {"name": "hosts", "data": b"[g]\na\n", "environment": environment}
    assert refusal_of(lambda: propose_import(by, cast.jz, **said)) == refused
    assert refusal_of(lambda: confirm_import(by, found, digest=digest)) == refused
    assert refusal_of(lambda: drop_import(by, found)) == refused


def test_an_inventory_goes_to_an_environment_of_this_customer(cast: Cast, environment: Environment):
    theirs = make_environment(system_of(cast, "GJJ"))
    theirs.owner = cast.hn
    theirs.save()
    wrong = Refusal("没有选导入到哪个环境", "", "environment")
    assert refusal_of(lambda: uploaded(cast, "[g]\na\n", None)) == wrong
    assert refusal_of(lambda: uploaded(cast, "[g]\na\n", theirs)) == wrong


@pytest.mark.parametrize("rows", [1, 3])
def test_an_import_asks_as_often_for_three_hosts_as_for_one(cast: Cast, environment: Environment, rows: int):
    group = make_group(environment)
    for number in range(rows):
        make_host(group, name=f"known-{number}")
    text = "[应用]\n" + "".join(f"new-{n}\nknown-{n} ansible_port=2222\n" for n in range(rows))
    found = uploaded(cast, text, environment)
    digest = plan_of_import(found).digest
    with CaptureQueriesContext(connection) as asked:
        confirm_import(cast.zheng, found, digest=digest)
    assert (len(asked), Host.objects.count()) == (39, 2 * rows)
