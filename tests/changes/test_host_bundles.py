"""Hostile bundles in a plan for hosts: each is turned down at its step with a sentence, and nothing is begun."""

from typing import Any

import pytest

from tests.cast import Cast, make_environment, make_group, make_host
from tests.changes.host_steps import UPGRADE, designed, host_plan
from tests.support.archives import zip_link, zipped
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.host_plan import keep_plan_file
from weilu.changes.models import Change

GOOD = "- hosts: all\n  tasks:\n    - command: id\n"


@pytest.fixture
def change(cast: Cast, installation: Any) -> Change:
    group = make_group(make_environment(installation.system, kind="production"))
    make_host(group, name="应用 一号")
    return designed(cast, installation.system)


def bundle_step(cast: Cast, change: Change, data: bytes) -> dict[str, Any]:
    kept = keep_plan_file(cast.chen, change, data=data, name="剧本.zip")
    told = {"sha256": kept.sha256, "playbook": "site.yml"}
    return {"kind": "bundle", "title": "剧本", "with": told, "seconds": 60, "crash": "ask", "back": None}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped(**{"../site.yml": GOOD}), "剧本包里的路径「../site.yml」指向包外或含不能用的字符"),
        (zip_link(), "剧本包里「site.yml」是链接、设备或特殊文件，只收普通文件"),
        (
            zipped(**{"site.yml": GOOD, "a": b"\0" * (30 << 20)}),
            "剧本包解开后超过 100 MB 或 2000 个文件，或压缩得不合常理",
        ),
        (
            zipped(**{"site.yml": "- hosts: all\n  vars:\n    a: \"{{ lookup('pipe', 'id') }}\"\n"}),
            "剧本包 site.yml 第 3 行：不能用 lookup「pipe」：它在工作机上读取或执行",
        ),
        (
            zipped(**{"site.yml": GOOD + "      delegate_to: localhost\n"}),
            "剧本包 site.yml 第 4 行：不能写 delegate_to：在哪台主机、以谁的身份执行由方案决定",
        ),
        (zipped(**{"site.yml": "- hosts: 别的主机\n"}), "剧本包 site.yml 第 1 行：主机「别的主机」不在方案里"),
        (zipped(**{"other.yml": GOOD}), "剧本包里没有「site.yml」这个剧本"),
    ],
)
def test_a_hostile_bundle_is_refused_at_its_step_and_nothing_is_begun(cast, change, data, words):
    step = bundle_step(cast, change, data)
    told = refusal_of(lambda: host_plan(cast, change, steps=[UPGRADE, step]))
    assert told == Refusal(words, "", "step-2-file")


def test_an_honest_bundle_is_planned_for_hosts_with_chinese_names_and_spaces(cast, change):
    step = bundle_step(cast, change, zipped(**{"site.yml": GOOD.replace("all", "应用 一号")}))
    told = host_plan(cast, change, steps=[step]).content["orders"]
    assert ([one["name"] for one in told["hosts"]], told["steps"][0]["kind"]) == (["应用 一号"], "bundle")
