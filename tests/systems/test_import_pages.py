"""The pages and the API of importing hosts."""

import base64
import json
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from tests.cast import Cast, make_environment, make_group, make_host, system_of
from tests.support.unchanged import every_row
from tests.systems.test_books import HEADS
from tests.systems.test_host_pages import signed_in, text_of
from tests.systems.test_imports import uploaded
from weilu.systems.import_actions import plan_of_import
from weilu.systems.models import Environment, Host, HostImport


@pytest.fixture
def environment(cast: Cast) -> Environment:
    return make_environment(system_of(cast), kind="production")


def test_the_pages_lead_from_the_upload_to_the_hosts(cast: Cast, environment: Environment):
    client = signed_in(cast.zheng)
    make_host(make_group(environment), name="db", site="甲")
    form = client.get("/systems/import/")
    assert "测试系统 / 现网" in form.content.decode()
    text = "[应用]\napp-01 http_port=80\ndb weilu_site=乙\n".encode()
    sent = {"file": SimpleUploadedFile("清单.ini", text), "environment": str(environment.uid), "prefer": ""}
    answer = client.post("/systems/import/", sent)
    found = HostImport.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/systems/import/{found.uid}/")
    page = client.get(f"/systems/import/{found.uid}/")
    said = text_of(page)
    assert "第 3 行 db 现网 / 应用 更改 机房 甲 → 乙 第 2 行 app-01 现网 / 应用 新登记 root@app-01" in said
    assert "第 2 行 没有带入变量「http_port」" in said
    assert "导入 2 台" in said
    digest = plan_of_import(found).digest
    assert client.post(f"/systems/import/{found.uid}/confirm", {"digest": "0" * 64}).status_code == 409
    assert client.post(f"/systems/import/{found.uid}/confirm", {"digest": digest}).status_code == 302
    assert "郑洁 已导入：新登记 1 台，更改 1 台，不变 0 台" in text_of(client.get(f"/systems/import/{found.uid}/"))
    assert sorted(Host.objects.values_list("name", "site")) == [("app-01", ""), ("db", "乙")]


def test_what_stands_in_the_way_is_on_the_page_and_the_button_is_shut(cast: Cast, environment: Environment):
    client = signed_in(cast.zheng)
    refused = uploaded(cast, "[应用]\na b=c ansible_host=x_y!\n", environment)
    faulty = uploaded(cast, "[应用]\na ansible_connection=local\n", environment)
    same = uploaded(cast, "[应用]\nknown\n", environment)
    make_host(make_group(environment), name="known")
    for found, words in (
        (refused, "导入：还有 1 行被拒"), (faulty, "导入：文件里还有要改正的"), (same, "导入：与名册一致，没有要改的"),
    ):  # fmt: skip
        page = client.get(f"/systems/import/{found.uid}/")
        assert (words in text_of(page), "disabled" in page.content.decode()) == (True, True)
    assert "第 2 行 「ansible_connection」只能是 ssh、smart" in text_of(client.get(f"/systems/import/{faulty.uid}/"))
    assert client.post(f"/systems/import/{refused.uid}/drop").status_code == 302
    assert "没有导入，上传的文件已删去" in text_of(client.get(f"/systems/import/{refused.uid}/"))


def test_a_refused_upload_keeps_what_was_chosen(cast: Cast, environment: Environment):
    sent = {"file": SimpleUploadedFile("x.py", b"print()"), "environment": str(environment.uid), "prefer": "web，db"}
    page = signed_in(cast.zheng).post("/systems/import/", sent)
    form = page.content.decode()
    assert (page.status_code, HostImport.objects.count()) == (409, 0)
    assert "这是程序，不是主机清单" in text_of(page)
    assert (f'value="{environment.uid}" selected' in form, 'value="web，db"' in form) == (True, True)


def test_nobody_else_meets_the_pages_of_an_import(cast: Cast, environment: Environment):
    found = uploaded(cast, "[应用]\na\n", environment)
    before = every_row()
    for who, code in (("he", 404), ("wang", 403), ("chen", 403), ("sun", 403)):
        client = signed_in(getattr(cast, who))
        place = f"/systems/import/{found.uid}/"
        codes = {client.get(place).status_code, *(client.post(place + act).status_code for act in ("confirm", "drop"))}
        assert codes == {code}, who
    assert every_row() == before


def test_the_template_is_handed_to_whoever_imports(cast: Cast):
    answer = signed_in(cast.zheng).get("/systems/import/template")
    assert [cell.value for cell in next(iter(load_workbook(BytesIO(answer.content)).worksheets[0].rows))] == HEADS


def test_programs_import_as_people_do(cast: Cast, environment: Environment):
    client = signed_in(cast.zheng)

    def post(act: str, **body: object) -> Any:
        return client.post(f"/api/v1/systems/{act}", json.dumps(body), content_type="application/json")

    said = {"owner": "JZ", "name": "hosts", "environment": str(environment.uid)}
    made = post("propose_import", data=base64.b64encode(b"[g]\na\n").decode(), **said).json()["uid"]
    shown = client.get(f"/api/v1/imports/{made}").json()
    assert (shown["counts"]["new"], shown["lines"][0]["name"], shown["faults"]) == (1, "a", [])
    assert post("confirm_import", upload=made, digest=shown["digest"]).status_code == 200
    assert Host.objects.get().name == "a"
    assert post("propose_import", data="-", **said).status_code == 409
    other = post("propose_import", data=base64.b64encode(b"[g]\nb\n").decode(), **said).json()["uid"]
    assert post("drop_import", upload=other).status_code == 200
