"""The site behind a TLS proxy: browsers say https in `Origin`, the site itself hears plain HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weilu.config import read_config

pytestmark = pytest.mark.once
ASKED = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
browser = Client(enforce_csrf_checks=True, SERVER_NAME="weilu.example.cn", REMOTE_ADDR="127.0.0.1")
browser.cookies["csrftoken"] = token = "a" * 32
def status(origin):
    return browser.post("/language", {"language": "en", "csrfmiddlewaretoken": token}, HTTP_ORIGIN=origin).status_code
print(json.dumps({
    "own": status("https://weilu.example.cn"), "foreign": status("https://evil.example"),
    "secure": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE],
    "language": bool(browser.cookies["django_language"]["secure"]),
}))
"""


def told(tmp_path: Path, **env: str) -> dict[str, object]:
    """What a process of its own, set up so, answers."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("WEILU_")}
    given |= {
        "DJANGO_SETTINGS_MODULE": "weilu.settings", "WEILU_SECRET_KEY": "x" * 50, "WEILU_DATA_DIR": str(tmp_path),
        "WEILU_ALLOWED_HOSTS": "weilu.example.cn", "WEILU_DEBUG": "1",
    } | env  # fmt: skip
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, env=given, check=True)
    return dict(json.loads(done.stdout))


def test_forms_are_taken_from_the_site_as_browsers_reach_it_and_from_no_other(tmp_path: Path):
    assert told(tmp_path) == {"own": 302, "foreign": 403, "secure": [False, False], "language": False}


def test_where_people_reach_the_site_over_tls_no_cookie_goes_out_in_clear(tmp_path: Path):
    found = told(tmp_path, WEILU_PUBLIC_URL="https://weilu.example.cn")
    assert found == {"own": 302, "foreign": 403, "secure": [True, True], "language": True}


@pytest.mark.parametrize(
    ("hosts", "public", "origins"),
    [
        ("a.example.cn,b.example.cn", "", ["https://a.example.cn", "https://b.example.cn"]),
        ("a.example.cn", "https://a.example.cn:8443/weilu", ["https://a.example.cn", "https://a.example.cn:8443"]),
        ("a.example.cn", "http://a.example.cn", ["https://a.example.cn"]),
        ("*", "", []),
        (".example.cn,*.example.cn", "", []),
    ],
)
def test_a_pattern_of_hosts_is_no_origin_that_is_trusted(tmp_path: Path, hosts: str, public: str, origins: list[str]):
    env = {"WEILU_DATA_DIR": str(tmp_path), "WEILU_ALLOWED_HOSTS": hosts, "WEILU_PUBLIC_URL": public}
    assert read_config(env).origins == origins
