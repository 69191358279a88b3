"""A plan as it is typed: its channel checked first (CHG-4), criteria set beforehand (CHG-5), nothing half-written."""

import shutil
from datetime import timedelta

import pytest

from demo.channel import sign_sums, sums_of
from tests.cast import plan_fields
from tests.changes.steps import bring, item_of, plan
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.actions import submit_plan
from weilu.changes.models import Change, PlanVersion
from weilu.changes.plan import lines
from weilu.kernel.times import now
from weilu.process.actions import return_item
from weilu.systems.models import Installation

WHEEL = "jzdesk-1.1.0-py3-none-any.whl"
BLANK = "没有填写。填好后再提交"


@pytest.fixture
def designed(cast, change) -> Change:
    return bring(cast, change, "design")


def test_a_wheel_that_is_not_the_listed_one_is_refused(cast, designed, channel):
    with (channel.folder / WHEEL).open("ab") as wheel:
        wheel.write(b"\0")
    words = f"升级包 {WHEEL} 与渠道公布的 SHA-256 不一致，不能使用。重新从渠道获取"
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(words, "CHG-4", "version")


def test_a_listed_wheel_that_is_missing_is_refused(cast, designed, channel):
    (channel.folder / WHEEL).unlink()
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        f"渠道里缺升级包 {WHEEL}。恢复渠道后再提交", "CHG-4", "version"
    )


def test_a_list_that_was_made_to_fit_another_wheel_is_refused_by_its_signature(cast, designed, channel):
    (channel.folder / WHEEL).write_bytes(b"not a wheel")
    (channel.folder / "SHA256SUMS").write_text(sums_of(channel.folder))
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        "渠道清单的签名核对不通过，升级包来源不可信。不要使用，联系厂家核对", "CHG-4", "version"
    )


def test_a_list_signed_by_another_key_is_refused(cast, designed, channel, tmp_path):
    sign_sums(channel.folder, tmp_path / "stranger.gpg")  # our keyring does not hold this key
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        "渠道清单的签名核对不通过，升级包来源不可信。不要使用，联系厂家核对", "CHG-4", "version"
    )


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig"])
def test_a_channel_without_its_list_or_signature_is_refused(cast, designed, channel, name):
    (channel.folder / name).unlink()
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        f"升级包渠道不可用：读不到 {channel.folder / name}。恢复渠道后再提交", "CHG-4", "version"
    )


def test_a_channel_that_is_gone_is_refused(cast, designed, channel):
    shutil.rmtree(channel.folder)
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        f"升级包渠道不可用：读不到 {channel.folder / 'SHA256SUMS'}。恢复渠道后再提交", "CHG-4", "version"
    )


@pytest.mark.parametrize("version", ["9.9.9", "1.1", "1.1.0-py3", "../1.1.0", "*"])
def test_a_version_that_the_channel_does_not_list_is_refused(cast, designed, version):
    assert refusal_of(lambda: plan(cast, designed, version=version)) == Refusal(
        f"渠道里没有版本 {version}，现有 1.0.0、1.1.0、1.2.0", "CHG-4", "version"
    )


def test_the_version_that_runs_already_is_refused(cast, designed):
    assert refusal_of(lambda: plan(cast, designed, version="1.0.0")) == Refusal(
        "现在运行的就是 1.0.0。选另一个版本", "", "version"
    )


def test_a_version_typed_in_full_width_is_the_same_version(cast, designed):
    assert plan(cast, designed, version="１．１．０").content["version"] == "1.1.0"


def test_without_criteria_there_is_no_plan(cast, designed):
    assert refusal_of(lambda: plan(cast, designed, criteria=[])) == Refusal(
        "没有验收准则。至少写一条，实施前定好", "CHG-5", "criteria"
    )


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (-3, -2, "窗口已经过去。选一个还没结束的窗口"),
        (2, 1, "结束时间不晚于开始时间。把结束时间改到开始之后"),
    ],
)
def test_a_window_in_the_past_or_backwards_is_refused(cast, designed, start, end, reason):
    moment = now()
    assert refusal_of(
        lambda: plan(
            cast, designed, window_from=moment + timedelta(hours=start), window_to=moment + timedelta(hours=end)
        )
    ) == Refusal(reason, "", "window_to")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("version", "", f"目标版本{BLANK}"),
        ("version", "1" * 41, "目标版本有 41 字，最多 40 字。删短后再提交"),
        ("version", "1.1\x00.0", "目标版本第 4 个字是不可见的控制字符。删去后再提交"),
        ("impact", "", f"影响{BLANK}"),
        ("impact", "　\n", f"影响{BLANK}"),
        ("impact", "停" * 4001, "影响有 4001 字，最多 4000 字。删短后再提交"),
        ("risk", "", f"风险{BLANK}"),
        ("risk", "险\x9b", "风险第 2 个字是不可见的控制字符。删去后再提交"),
        ("way_back", "", f"回退方案{BLANK}"),
        ("way_back", "\x7f", "回退方案第 1 个字是不可见的控制字符。删去后再提交"),
        ("upgrade_notes", "", f"升级说明{BLANK}"),
        ("upgrade_notes", "好\udcff", "升级说明第 2 个字是不可见的控制字符。删去后再提交"),
    ],
)
def test_a_field_that_is_missing_too_long_or_unreadable_is_named(cast, designed, field, value, reason):
    assert refusal_of(lambda: plan(cast, designed, **{field: value})) == Refusal(reason, "", field)


def test_only_the_engineer_of_the_contract_writes_the_plan_and_not_on_a_stale_page(cast, designed):
    turn = item_of(designed).turn
    for person in (cast.zhou, cast.wang, cast.zheng, cast.sun):
        assert refusal_of(lambda who=person: submit_plan(who, designed, turn=turn, **plan_fields())) == Refusal(
            "「设计与方案」不由您办", "CHG-1"
        )
    assert refusal_of(lambda: submit_plan(cast.chen, designed, turn=turn - 1, **plan_fields())) == Refusal(
        "工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交", "CHG-1"
    )
    assert PlanVersion.objects.count() == 0


def test_two_versions_are_compared_line_by_line(cast, designed, client):
    moment = now()
    window = {"window_from": moment, "window_to": moment + timedelta(hours=2)}
    first = plan(cast, designed, **window)
    item = item_of(designed)
    return_item(cast.zhou, item, turn=item.turn, to="design", words="回退没有写数据。")
    second = plan(cast, designed, way_back="恢复程序。\n恢复数据，逐项比对。", version="1.2.0", **window)

    old, new = lines(first.content), lines(second.content)
    assert [line for line in old if line not in new] == [
        "主机 app-01：1.0.0 升级到 1.1.0", f"升级包 {WHEEL}", f"SHA-256 {first.content['sha256']}",
        "回退：恢复备份的程序与数据，重新启动 1.0.0。",
    ]  # fmt: skip
    assert [line for line in new if line not in old] == [
        "主机 app-01：1.0.0 升级到 1.2.0", "升级包 jzdesk-1.2.0-py3-none-any.whl",
        f"SHA-256 {second.content['sha256']}",
        "回退：恢复程序。", "回退：恢复数据，逐项比对。",
    ]  # fmt: skip
    client.force_login(cast.zhou)
    page = client.get(f"/changes/{item.uid}/compare?old=1&new=2")
    assert page.status_code == 200
    assert "恢复数据，逐项比对。" in page.content.decode()
    assert PlanVersion.objects.get(id=first.id).content == first.content  # the first is kept as it was


def test_a_plan_made_of_a_tampered_channel_is_refused_again_when_it_is_edited(cast, designed, channel):
    kept = plan(cast, designed)
    (channel.folder / WHEEL).write_bytes(b"")
    assert refusal_of(lambda: plan(cast, designed, risk="别的。")) == Refusal(
        f"升级包 {WHEEL} 与渠道公布的 SHA-256 不一致，不能使用。重新从渠道获取", "CHG-4", "version"
    )
    assert item_of(designed).subject == kept.digest


def test_a_plan_for_a_vanished_keyring_is_refused(cast, designed, tmp_path):
    Installation.objects.filter(id=designed.installation_id).update(keyring=str(tmp_path / "none.gpg"))
    designed.installation.refresh_from_db()
    assert refusal_of(lambda: plan(cast, designed)) == Refusal(
        "渠道清单的签名核对不通过，升级包来源不可信。不要使用，联系厂家核对", "CHG-4", "version"
    )
