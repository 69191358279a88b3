"""Weilu's side of witnessing: who is enrolled, what is asked, which answers count, what they reveal."""

import base64
import contextlib
import dataclasses
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.test import Client

from tests.evidence.helpers import stage_some
from tests.evidence.witnesses import allow, enrol, listening, new_witness, serving
from tests.support.unchanged import Refusal, refusal_of
from weilu.evidence.actions import sign_checkpoint, tick
from weilu.evidence.asking import ask_due, send
from weilu.evidence.checkpoint import VerifierKey, parse_vkey
from weilu.evidence.cosignature import check_cosignature, cosign, split_note
from weilu.evidence.keys import public_vkey
from weilu.evidence.models import Checkpoint, Cosignature, Entry, Tile, Witness
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.witness.asked import add_checkpoint
from weilu.evidence.witness.store import Home, open_home
from weilu.evidence.witnesses import enrol_witness, head_of, request_for, retire_witness, take_answer
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def log(tmp_path, settings) -> VerifierKey:
    """A log with one checkpoint over three entries."""
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    grow(2)
    return parse_vkey(public_vkey())


@pytest.fixture
def home(tmp_path, log) -> Home:
    return new_witness(tmp_path / "witness", log)


def grow(count: int = 1) -> None:
    stage_some(count, urgent=True)
    tick()


def cosigned() -> list[int]:
    return list(Cosignature.objects.order_by("checkpoint__size").values_list("checkpoint__size", flat=True))


def finding() -> tuple[str, int | None]:
    found = Witness.objects.get()
    return found.finding, found.finding_size


def by_file(witness: Witness, home: Home) -> Witness:
    """What a person does with request and answer, without the walk."""
    witness.refresh_from_db()
    request = request_for(witness, last_checkpoint())
    answer = add_checkpoint(home, request)
    note = request.partition("\n\n")[2]
    return take_answer(
        None, witness, answer=note + answer.body if answer.status == 200 else f"{answer.status}\n{answer.body}"
    )


def test_a_witness_is_enrolled_by_the_fingerprint_that_its_side_reads_out(home):
    typed = home.vkey.fingerprint.upper().replace(" ", "　")
    made = enrol_witness(None, side="vendor", organisation="禾川软件", vkey=f" {home.vkey}", fingerprint=typed)
    assert (made.name, made.side, made.url, made.key) == (home.vkey.name, "vendor", "", home.vkey)
    tick()
    entry = Entry.objects.order_by("-index").first()
    assert (entry.kind, entry.said["data"]["vkey"]) == ("evidence.witness_enrolled", str(home.vkey))


def test_a_fingerprint_that_does_not_match_is_refused(home):
    wrong = f"0000{home.vkey.fingerprint[4:]}"
    for typed in (wrong, home.vkey.fingerprint[:-1], "x"):
        assert refusal_of(
            lambda typed=typed: enrol_witness(
                None, side="customer", organisation="江州社保中心", vkey=str(home.vkey), fingerprint=typed
            )
        ) == Refusal("指纹与公钥不符。请对方重新念一遍；还不符，公钥可能被换过", field="fingerprint")


def test_what_cannot_be_enrolled(home, log, tmp_path):
    def act(**over):
        fields = {"side": "customer", "organisation": "江州社保中心", "vkey": str(home.vkey)}
        fields |= {"fingerprint": home.vkey.fingerprint, "url": ""} | over
        return lambda: enrol_witness(None, **fields)

    unlisted = Refusal("这个地址不在 WEILU_WITNESS_HOSTS 里。由运行维录的人加上", field="url")
    assert refusal_of(act(vkey=str(log))).reason == "不是见证的公钥。要 weilu witness init 打印的那一整行"
    assert refusal_of(act(side="other")) == Refusal("选甲方或乙方", field="side")
    for url in ("http://127.0.0.1:1", "ftp://127.0.0.1:1", "file:///etc/passwd", "//x", "http://a@b:1", "nonsense"):
        assert refusal_of(act(url=url)) == unlisted
    act()()
    assert refusal_of(act()).reason == f"名称 {home.vkey.name} 已用过。见证停用后也不再用同一个名称"
    other = new_witness(tmp_path / "other", log, "other.test/witness")
    over = {"vkey": str(other.vkey), "fingerprint": other.vkey.fingerprint}
    assert refusal_of(act(**over)).reason == "这一方已有见证。先停用它，再登记新的"
    retire_witness(None, Witness.objects.get(), why="换了机器")
    assert refusal_of(act()).reason == f"名称 {home.vkey.name} 已用过。见证停用后也不再用同一个名称"
    assert act(**over)().name == "other.test/witness"


def test_due_witnesses_are_asked_and_their_cosignatures_kept(home, settings, tmp_path, log):
    vendor = new_witness(tmp_path / "vendor", log, "hc.test/witness")
    with listening(home) as first, listening(vendor) as second:
        allow(settings, first, second)
        enrol(home, first)
        enrol(vendor, second, "vendor")
        assert ask_due() == {"jz.test/witness": "", "hc.test/witness": ""}
        assert ask_due() == {}
        grow()
        assert ask_due() == {"jz.test/witness": "", "hc.test/witness": ""}
    newest = last_checkpoint()
    assert cosigned() == [3, 3, newest.size, newest.size]
    for one in newest.cosignatures.all():
        assert check_cosignature(head_of(newest), one.line, one.witness.key).at == one.at.timestamp()


@pytest.mark.slow
def test_a_real_witness_process_is_asked_by_the_command(home, settings, capsys):
    from weilu.cli.main import main

    with serving(home.folder) as (url, _):
        allow(settings, url)
        enrol(home, url)
        assert main(["evidence", "witness", "ask"]) == 0
        grow()
    assert main(["evidence", "witness", "ask"]) == 1
    assert main(["evidence", "witness", "list"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("jz.test/witness　已见证\njz.test/witness　江州社保中心　")
    assert said.err == "jz.test/witness　见证没有应答\n"
    assert (cosigned(), finding()) == ([3], ("no_answer", None))


def test_by_file_the_same_without_a_network(home, tmp_path, capsys):
    from weilu.cli.main import main

    witness = enrol(home)
    request, answer = tmp_path / "request", tmp_path / "answer"
    named = ["--name", home.vkey.name]
    assert main(["evidence", "witness", "request", *named, "-o", str(request)]) == 0
    assert main(["witness", "cosign", str(request), "-o", str(answer), "--home", str(home.folder)]) == 0
    assert main(["evidence", "witness", "import", *named, str(answer)]) == 0
    assert (cosigned(), finding()) == ([3], ("", None))
    assert main(["evidence", "witness", "import", *named, str(request)]) == 2
    assert capsys.readouterr().err.endswith("这不是见证的答复文件。用 weilu witness cosign 写出的那一份\n")
    assert ask_due() == {}
    grow()
    assert by_file(witness, home).finding == ""


def test_a_lost_answer_is_asked_for_again_from_where_the_witness_stands(home, settings):
    witness = enrol(home)
    add_checkpoint(home, request_for(witness, last_checkpoint()))
    grow()
    assert by_file(witness, home).finding == "ahead"
    assert by_file(witness, home).finding == ""
    assert cosigned() == [5]
    grow()
    add_checkpoint(home, request_for(witness, last_checkpoint()))
    grow()
    with listening(home) as url:
        allow(settings, url)
        Witness.objects.update(url=url)
        assert ask_due() == {home.vkey.name: ""}
    assert cosigned() == [5, 7]


def answered(witness: Witness, line: str) -> Refusal:
    return refusal_of(lambda: take_answer(None, witness, answer=f"{last_checkpoint().note}{line}\n"))


def test_a_wrong_a_stale_and_a_foreign_cosignature_are_refused(home, tmp_path, log):
    witness = enrol(home)
    checkpoint = last_checkpoint()
    head, now = head_of(checkpoint), int(time.time())
    other = new_witness(tmp_path / "other", log)  # the same name, another key
    none = Refusal("里面没有这个见证对这个检查点的签名", field="answer")
    clock = Refusal("见证签名的时间早于检查点，或在将来。核对两台机器的时钟", field="answer")
    assert answered(witness, cosign(head, home.vkey.name, other.private, now).line) == none
    assert answered(witness, cosign(dataclasses.replace(head, size=2), home.vkey.name, home.private, now).line) == none
    assert answered(witness, cosign(head, "x.test/witness", home.private, now).line) == none
    for at in (now - 3600, now + 3600, 0, 2**64 - 1):
        assert answered(witness, cosign(head, home.vkey.name, home.private, at).line) == clock
    good = cosign(head, home.vkey.name, home.private, now).line
    spoilt = good[:-4] + ("A" if good[-4] != "A" else "B") + good[-3:]
    assert answered(witness, spoilt) == none
    foreign = refusal_of(lambda: take_answer(None, witness, answer=checkpoint.note.replace("\n3\n", "\n2\n")))
    assert foreign == Refusal("答复里的检查点不是这份日志签发的", field="answer")
    assert (cosigned(), finding()) == ([], ("", None))


def set_back(checkpoint: Checkpoint) -> None:
    """What restoring a backup taken at that checkpoint does."""
    Cosignature.objects.filter(checkpoint__size__gt=checkpoint.size).delete()
    Checkpoint.objects.filter(size__gt=checkpoint.size).delete()
    Entry.objects.filter(index__gte=checkpoint.size).delete()
    tile = Tile.objects.get(level=0)
    Tile.objects.filter(id=tile.id).update(hashes=bytes(tile.hashes)[: checkpoint.size * 32])


def test_a_log_older_than_its_witness_is_found(home):
    witness = enrol(home)
    tick()
    by_file(witness, home)
    backup = last_checkpoint()
    grow(5)
    by_file(witness, home)
    seen = last_checkpoint().size
    set_back(backup)
    grow()
    assert by_file(witness, home).finding == "log_is_older"
    assert finding() == ("log_is_older", seen)
    tick()
    told = Entry.objects.order_by("-index").first().said
    assert (told["kind"], told["data"]["finding"]) == ("evidence.witness_disagrees", "log_is_older")
    before = Entry.objects.count()
    by_file(witness, home)
    tick()
    assert Entry.objects.count() == before
    grow(9)
    assert by_file(witness, home).finding == "ahead"
    assert by_file(witness, home).finding == "not_continued"


def test_a_witness_that_was_set_back_is_found(home):
    witness = enrol(home)
    by_file(witness, home)
    kept = (home.folder / "witness.sqlite3").read_bytes()
    grow()
    by_file(witness, home)
    (home.folder / "witness.sqlite3").write_bytes(kept)
    grow()
    assert by_file(witness, home).finding == "went_back"
    assert by_file(witness, home).finding == "went_back"


def test_what_the_witness_does_not_know_is_said(home, tmp_path, log):
    witness = enrol(home)
    stranger = new_witness(tmp_path / "o", VerifierKey("other.test/log", log.public))
    assert by_file(witness, stranger).finding == "unknown_here"
    assert take_answer(None, witness, answer="422\nno\n").finding == "not_continued"
    assert take_answer(None, witness, answer="409\n3\n").finding == "ahead"
    assert take_answer(None, witness, answer="409\n3\n").finding == "other_root"


def test_a_witness_that_drips_inside_its_tls_does_not_keep_the_other_from_being_asked(
    home, tmp_path, log, settings, monkeypatch
):
    """The vendor's witness could otherwise see to it that the customer's signs no more."""
    monkeypatch.setattr("weilu.evidence.asking.PATIENCE", 0.5)

    def drip(listener: socket.socket) -> None:
        line, _address = listener.accept()
        with line, contextlib.suppress(OSError):
            line.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB begins
            for _ in range(40):
                line.sendall(b"\x02")
                time.sleep(0.1)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        listening(new_witness(tmp_path / "o", log, "o.test/w")) as url,
    ):
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        hostile = f"https://127.0.0.1:{listener.getsockname()[1]}"
        allow(settings, hostile, url)
        enrol(home, hostile, side="vendor")
        other = open_home(tmp_path / "o")
        enrol(other, url)
        started = time.monotonic()
        assert ask_due() == {home.vkey.name: "no_answer", other.vkey.name: ""}
        assert time.monotonic() - started < 3
        thread.join()


class Crooked(BaseHTTPRequestHandler):
    """What a hostile address may answer."""

    how = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.how == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
        elif self.how == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):
                time.sleep(0.1)
                self.wfile.write(b"X: y\r\n")
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * (1 << 20) if self.how == "long" else b"\xff\xfe")

    def log_message(self, *words: object) -> None:
        pass


@pytest.mark.parametrize("how", ["redirect", "drip", "long", "nonsense"])
def test_a_crooked_address_gets_neither_time_nor_a_second_request(home, settings, monkeypatch, how):
    monkeypatch.setattr("weilu.evidence.asking.PATIENCE", 0.5)
    monkeypatch.setattr(Crooked, "how", how)
    server = HTTPServer(("127.0.0.1", 0), Crooked)
    server.handle_error = lambda *words: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    allow(settings, url)
    enrol(home, url)
    started = time.monotonic()
    assert ask_due() == {home.vkey.name: "no_answer"}
    assert time.monotonic() - started < 2
    assert ask_due() == {}
    server.shutdown()
    thread.join()
    server.server_close()
    assert (cosigned(), finding()) == ([], ("no_answer", None))


def test_only_the_list_of_addresses_is_asked(home, settings):
    with listening(home) as url:
        allow(settings, url)
        enrol(home, url)
        allow(settings)
        with pytest.raises(Refused):
            send(url, b"")
        assert ask_due() == {home.vkey.name: "no_answer"}
    assert cosigned() == []


def test_a_retired_witness_is_asked_no_more(home, settings):
    with listening(home) as url:
        allow(settings, url)
        witness = enrol(home, url)
        retire_witness(None, witness, why="换了机器")
        assert ask_due() == {}
    witness.refresh_from_db()
    assert refusal_of(lambda: take_answer(None, witness, answer="409\n3\n")) == Refusal("这个见证已经停用")
    assert refusal_of(lambda: retire_witness(None, witness, why="再停")) == Refusal("这个见证已经停用")


def test_witnesses_are_an_administrator_s(cast, home):
    fields = {"side": "customer", "organisation": "江州", "vkey": str(home.vkey), "fingerprint": home.vkey.fingerprint}
    assert refusal_of(lambda: enrol_witness(cast.wu, **fields)).reason == "登记和停用见证要由系统管理员办"
    client = Client()
    client.force_login(cast.zheng)
    made = client.post("/api/v1/evidence/enrol_witness", json.dumps(fields), content_type="application/json")
    witness = Witness.objects.get()
    assert (made.status_code, made.json()["uid"], witness.enrolled_by) == (200, str(witness.uid), cast.zheng.actor)
    body = json.dumps({"witness": str(witness.uid), "why": "换了机器"})
    client.force_login(cast.sun)
    assert client.post("/api/v1/evidence/retire_witness", body, content_type="application/json").status_code == 404
    client.force_login(cast.zheng)
    assert client.post("/api/v1/evidence/retire_witness", body, content_type="application/json").status_code == 200


def test_two_answers_at_once_are_kept_once(home):
    witness = enrol(home)
    line = cosign(head_of(last_checkpoint()), home.vkey.name, home.private, int(time.time())).line
    for _ in range(2):
        take_answer(None, witness, answer=f"{last_checkpoint().note}{line}\n")
    assert cosigned() == [3]
    assert split_note(sign_checkpoint().note)[0] == head_of(last_checkpoint())
    assert base64.b64decode(line.rpartition(" ")[2])[:4] == home.vkey.key_id


def test_a_closed_port_is_no_answer(home, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        allow(settings, url)
        enrol(home, url)
        assert ask_due() == {home.vkey.name: "no_answer"}
