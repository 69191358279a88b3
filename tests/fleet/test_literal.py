"""What people wrote reaches hosts as it is: quotes, templates, Chinese and spaces are no language there."""

from collections.abc import Callable

import pytest

from tests.fleet.conftest import Fleet, carry_out, host_states, log

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]
ARGUMENTS = ["it's", '"{{ 7 * 7 }}"', "a b", "$(id)", "`id`", "{% raw %}", "问候 您好", "-e", "*", "\\n", "a;reboot"]
VALUE = "{{ lookup('pipe', 'id') }} '\" $(id) `id` 值 一"
SCRIPT = """printf '%s\\n' "$@" > /var/lib/arguments
printf '%s' "$VALUE" > /var/lib/value
"""


def test_quotes_templates_chinese_and_spaces_arrive_as_they_were_written(fleet: Callable[..., Fleet]) -> None:
    here = fleet(1, name="应用 一号机", user="root")
    script, content = here.keep(SCRIPT, "脚本 {{ 一 }}.sh"), here.keep("值 = {{ 7 * 7 }}\n", "配置.conf")
    place = "/etc/配置 一 {{ 7 * 7 }} 'x'.conf"
    told = here.orders(
        {
            "kind": "script",
            "with": {"sha256": script["sha256"], "arguments": ARGUMENTS, "environment": {"VALUE": VALUE}},
        },
        {"kind": "file", "with": {"path": place, "sha256": content["sha256"]}, "back": "auto"},
        artefacts=[script, content],
    )

    run = carry_out(here.order(told))

    assert (run.state, host_states(run)) == ("succeeded", {"应用 一号机": "done"}), log(run)
    host = here.real[0]
    assert host.read("/var/lib/arguments") == "".join(f"{word}\n" for word in ARGUMENTS)
    assert (host.read("/var/lib/value"), host.read(place)) == (VALUE, "值 = {{ 7 * 7 }}\n")
