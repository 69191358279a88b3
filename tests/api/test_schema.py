"""The whole API, asked by a real server for whatever its description allows: no answer is a server's error."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from demo.target import free_port
from weilu.demo import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.once]
EXAMPLES = 3
LAST = ("second_factor", "change_password", "end_visit", "end_other_visits")  # after them others may be refused
WEILU = [sys.executable, "-m", "weilu.cli.main"]
STAGE = """
import django; django.setup()
from tests.cast import make_cast, make_change, make_installation
cast = make_cast()
place = make_installation(cast)
for title in ("第一项", "第二项"):
    change = make_change(cast, place, title)
print(change.item.uid, place.uid, place.system.uid)
"""


@dataclass
class Served:
    """A server with some work in it, and what its rows are called."""

    url: str
    log: Path
    known: dict[str, Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("schema")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEILU_", "DJANGO_"))}
    port = free_port(8800)
    env = kept | {"WEILU_DATA_DIR": str(home / "data"), "PORT": str(port), "DJANGO_SETTINGS_MODULE": "weilu.settings"}
    subprocess.run([*WEILU, "init"], env=env, check=True, capture_output=True)
    made = subprocess.run([sys.executable, "-c", STAGE], env=env, check=True, capture_output=True, text=True)
    item, installation, system = made.stdout.split()
    log = home / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen([*WEILU, "serve", "--no-worker"], env=env, stdout=out, stderr=out)
        url = f"http://127.0.0.1:{port}"
        try:
            for _turn in range(200):
                try:
                    requests.get(f"{url}/healthz", timeout=5)
                    break
                except requests.ConnectionError:
                    time.sleep(0.1)
            known = {"item": item, "uid": item, "installation": installation, "system": system, "turn": 2}
            yield Served(url, log, known | {"owner": "JZ", "organisation": "JZ", "person": "wangmin"})
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def signed_in(url: str, username: str) -> requests.Session:
    """Somebody's session, with the token that acts need."""
    link = requests.Session()
    link.get(f"{url}/login", timeout=10)
    form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": link.cookies["csrftoken"]}
    answer = link.post(f"{url}/login", form, timeout=30, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    link.headers["X-CSRFToken"] = link.cookies["csrftoken"]
    return link


@pytest.mark.parametrize("username", ["zhengjie", "chenhang"])
def test_no_request_that_the_description_allows_is_a_server_s_error(served: Served, username: str):
    schema = schemathesis.openapi.from_dict(described(served.url))
    met: Counter[int] = Counter()
    broken: dict[str, str] = {}
    asked: set[str] = set()
    found = list(schema.get_all_operations())
    assert all(isinstance(one, Ok) for one in found), found
    for operation in sorted((one.ok() for one in found), key=lambda one: one.path.endswith(LAST)):
        link = signed_in(served.url, username)  # an act may have ended the last one

        def ask(case: Any, link: requests.Session, name: str) -> None:
            for one in (case, aimed(case, served.known)):
                answer = one.call(session=link, base_url=served.url, timeout=60)
                met[answer.status_code] += 1
                if answer.status_code >= 500:
                    broken.setdefault(name, f"{answer.status_code} {one.as_curl_command()[:600]}")

        asking = given(case=operation.as_strategy(), link=st.just(link), name=st.just(operation.label))(ask)
        settings(
            max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )(asking)()
        asked.add(operation.label)

    assert broken == {}, f"{broken} {served.log.read_text()[-3000:]}"
    assert len(asked) > 40
    assert met[401] < len(asked)  # only what has just ended one's own session
    assert {200, 400, 404, 409} <= set(met)


def described(url: str) -> dict[str, Any]:
    """The API's own description without how to sign in: we have signed in, made-up cookies would sign us out."""
    document: dict[str, Any] = requests.get(f"{url}/api/v1/openapi.json", timeout=30).json()
    document["components"].pop("securitySchemes", None)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return document


def aimed(case: Any, known: dict[str, Any]) -> Any:
    """The same request for rows that exist."""
    if isinstance(case.body, dict):
        case.body |= {name: value for name, value in known.items() if name in case.body}
    case.path_parameters = {
        name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
    } or case.path_parameters
    return case
