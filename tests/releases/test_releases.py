"""What every release left behind is upgraded, holds the same log, and opens; its exports verify for ever."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.installation import RELEASES, VENDOR, Installation, manifest, released
from weilu.evidence.offline.single import single_file

NAMES = sorted(place.name for place in RELEASES.iterdir() if (place / "installations.tar.xz").exists())
LEFT = {
    ("0.1.0", "sqlite"): {"items": 3, "runs": 2, "sheets": 2, "people": 10, "entries": 137, "files": 2},
    ("0.1.0", "postgresql"): {"items": 1, "runs": 1, "sheets": 1, "people": 10, "entries": 83, "files": 1},
}
TABLES = {
    "items": "process_workitem", "runs": "execution_run", "sheets": "records_recordsheet", "people": "accounts_person",
    "entries": "evidence_entry",
}  # fmt: skip
PAGES = """
import json
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django.test import Client
from weilu.accounts.models import Person
from weilu.execution.models import Run
from weilu.process.models import WorkItem
from weilu.records.models import RecordSheet
asked = {}
places = ["/", "/items/", "/overview", "/sheets/", "/evidence/", "/notices/"]
places += [f"/changes/{one.uid}/" for one in WorkItem.objects.order_by("id")]
places += [f"/runs/{one.uid}/" for one in Run.objects.order_by("id")]
places += [f"/sheets/{one.uid}/" for one in RecordSheet.objects.order_by("id")]
client = Client()
client.force_login(Person.objects.get(username="chenhang"))
for place in places:
    asked[place] = client.get(place, follow=True).status_code
client.force_login(Person.objects.get(username="zhengjie"))
for place in ["/people/", "/systems/", "/jobs/", "/search?q=预约"]:
    asked[place] = client.get(place, follow=True).status_code
from weilu.process.search import find
print(json.dumps([asked, len(find(Person.objects.get(username="chenhang"), "预约").ids)]))
"""


def test_every_release_is_among_what_was_left():
    assert sorted({name for name, _vendor in LEFT}) == NAMES


@pytest.fixture(scope="module", params=NAMES)
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Installation]:
    return request.param, released(request.param, tmp_path_factory.mktemp("release"))


@pytest.mark.slow
def test_what_a_release_left_is_upgraded_and_holds_the_same_log(left: tuple[str, Installation], tmp_path: Path):
    name, site = left
    before = site.sql('SELECT "index", sha256, sm3 FROM evidence_entry ORDER BY "index"')
    notes = site.sql("SELECT size, root, note FROM evidence_checkpoint ORDER BY size")
    refused = site.run("serve")

    said = site.done("upgrade")

    assert (refused.returncode, refused.stderr) == (2, "数据库属于旧版本。先运行 weilu upgrade。\n")
    assert [line.split("　")[0] for line in said.splitlines()] == [
        "备份", "迁移", "核对", "已升级到维录 0.2.0.dev0。下一步：weilu serve"
    ]  # fmt: skip
    assert site.sql('SELECT "index", sha256, sm3 FROM evidence_entry ORDER BY "index"') == before
    assert site.sql("SELECT size, root, note FROM evidence_checkpoint ORDER BY size") == notes
    assert site.done("verify").startswith(f"存证日志核验通过：{len(before)} 条，{len(notes)} 个检查点，根 ")
    counts = {key: site.sql(f"SELECT count(*) FROM {table}")[0][0] for key, table in TABLES.items()}
    counts["files"] = len([one for one in (site.home / "files").glob("??/*") if one.is_file()])
    assert counts == LEFT[name, VENDOR]
    (kept,) = (site.home / "backups").iterdir()
    assert [tuple(one) for one in manifest(kept)["migrations"] if one[0] == "process"] == [("process", "0001_initial")]
    assert site.done("upgrade") == "数据库已是最新，没有什么要升级的\n"


@pytest.mark.slow
def test_its_pages_open_and_its_items_are_found(left: tuple[str, Installation]):
    name, site = left

    asked, found = json.loads(site.python(PAGES))

    assert {place: status for place, status in asked.items() if status != 200} == {}
    assert len(asked) == 10 + sum(LEFT[name, VENDOR][key] for key in ("items", "runs", "sheets"))
    assert found == LEFT[name, VENDOR]["items"]


@pytest.mark.slow
def test_its_evidence_goes_on_and_is_exported(left: tuple[str, Installation], tmp_path: Path):
    _name, site = left

    site.done("evidence", "export", "JZ-BG-2026-0001", "--out", tmp_path / "new")

    vkey = site.home / "log.vkey"
    vkey.write_text(site.run("evidence", "key").stdout)
    (folder,) = [one.parent for one in (tmp_path / "new").rglob("checkpoint")]
    assert site.run("verify", folder, "--trust", vkey).returncode == 0
    assert site.done("verify").startswith("存证日志核验通过：")


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_its_export_verifies_for_ever(name: str, tmp_path: Path):
    with tarfile.open(RELEASES / name / "installations.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "verifier.py").write_bytes(single_file())
    export, vkey = tmp_path / "export", alone / "log.vkey"
    shutil.copy(export / "log.vkey", vkey)

    today = Installation(tmp_path).run("verify", export, "--trust", vkey)
    command = [sys.executable, "-I", "verifier.py", export, "--trust", vkey]
    single = subprocess.run(command, cwd=alone, capture_output=True, text=True, check=False)

    assert (today.returncode, today.stderr, single.returncode, single.stdout) == (0, "", 0, today.stdout)
