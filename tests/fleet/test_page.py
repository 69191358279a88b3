"""The live page of a run that real hosts have carried out."""

from collections.abc import Callable

import pytest

from tests.execution.fleet_pages import page_of, rows_of
from tests.fleet.conftest import Fleet, carry_out
from weilu.execution.fleet.actions import go_back

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCRIPT = "test ! -e /broken || { echo 'disk is full' >&2; exit 3; }\necho made $((1 + 1))\n"


def test_a_faulty_host_and_the_way_back_as_the_page_shows_them(fleet: Callable[..., Fleet]) -> None:
    here = fleet(4)
    script, undo = here.keep(SCRIPT), here.keep("true\n")
    here.real[2].write("/broken", "")
    step = {
        "kind": "script",
        "title": "改配置",
        "with": {"sha256": script["sha256"]},
        "back": {"sha256": undo["sha256"]},
    }
    run = carry_out(here.order(here.orders(step, artefacts=[script, undo])))

    page = page_of(here.cast, run)
    signs = {host: [look for look, _words in cells] for host, cells in rows_of(page).items()}
    assert signs == {1: ["passed"], 2: ["passed"], 3: ["refused", "passed"], 4: ["passed"]}
    assert 'data-panel="3"' in page
    assert "disk is full" in page
    assert "核对完毕：批准、内容、窗口、主机都与方案一致" in page
    assert "made 2" in page_of(here.cast, run, "?host=1")

    go_back(here.cast.chen, run, why="先查明原因")
    page = page_of(here.cast, carry_out(run))
    assert {host: len(cells) for host, cells in rows_of(page).items()} == {1: 2, 2: 2, 3: 2, 4: 2}
    assert "已回退" in page
    assert "hx-get" not in page.partition('id="grid-poll"')[2]
