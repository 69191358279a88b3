"""Credentials: sealed as they come in, opened by nobody who serves pages, and never where they do not belong."""

import base64
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import made_up_private, make_key, make_place, pem, staged
from weilu.demo import make_host
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused
from weilu.systems.keys import fingerprint
from weilu.systems.models import HostEvent
from weilu.vault import keys, material
from weilu.vault.actions import add_credential, grant_access, retire_credential, revoke_access
from weilu.vault.models import Access, Credential
from weilu.vault.sealing import NotOurs, seal, unseal

ONLY_ADMINISTRATORS = Refusal("凭据由系统管理员管理", "CON-9")


def opened(credential: Credential) -> bytes:
    credential.refresh_from_db()
    private = keys.private(credential.sealed_to)
    return unseal(bytes(credential.sealed), private, credential.uid, credential.kind)


def raw(private: bytes) -> bytes:
    """What two texts of the same private key have in common."""
    return form.load_ssh_private_key(private, None).private_bytes(
        form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption()
    )


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_only_the_administrator_of_this_customer_keeps_credentials(vault: Cast, who: str):
    by, group, credential = getattr(vault, who), make_place(vault), make_key(vault)
    access = grant_access(vault.zheng, credential, group=group)
    for act in (
        lambda: add_credential(by, vault.jz, name="x", kind="ssh_key", make=True),
        lambda: retire_credential(by, credential),
        lambda: grant_access(by, credential, group=group),
        lambda: revoke_access(by, access),
    ):
        assert refusal_of(act) == ONLY_ADMINISTRATORS


def test_a_pasted_key_is_sealed_and_only_its_public_half_is_kept_in_clear(vault: Cast):
    private = made_up_private()
    made = add_credential(vault.zheng, vault.jz, name=" 应用密钥 ", kind="ssh_key", secret=private)
    key = form.load_ssh_private_key(private.encode(), None)
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    assert (made.name, made.public, made.made_by) == ("应用密钥", public, vault.zheng)
    assert raw(opened(made)) == raw(private.encode())
    (said,) = staged("vault.credential_added")
    assert said == {
        "credential": str(made.uid), "name": "应用密钥", "fingerprint": fingerprint(public), "kind": "ssh_key",
        "made_here": False,
    }  # fmt: skip


def test_a_pair_made_here_shows_its_public_half_and_nothing_else(vault: Cast):
    made = make_key(vault)
    private = form.load_ssh_private_key(opened(made), None)
    assert made.public.split()[0] == "ssh-ed25519"
    assert private.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode() == made.public


def test_the_fingerprint_is_what_ssh_keygen_says(vault: Cast, tmp_path: Path):
    made = make_key(vault)
    (tmp_path / "key.pub").write_text(made.public + "\n")
    said = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert said.stdout.split()[1] == fingerprint(made.public)


@pytest.mark.parametrize("openssh", [True, False])
def test_a_passphrase_is_asked_for_once_and_taken_off(vault: Cast, openssh: bool):
    for number, key in enumerate([ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()),
                                  rsa.generate_private_key(65537, 2048)]):  # fmt: skip
        text = pem(key, "一句 口令", openssh).replace("\n", "\r\n")
        given = {"name": f"密钥{number}", "kind": "ssh_key", "secret": f"  {text}\n\n"}
        assert refusal_of(lambda given=given: add_credential(vault.zheng, vault.jz, **given)) == Refusal(
            "这个私钥有口令保护，请同时填写口令", "", "passphrase"
        )
        wrong = given | {"passphrase": "另一句"}
        assert refusal_of(lambda wrong=wrong: add_credential(vault.zheng, vault.jz, **wrong)) == Refusal(
            "口令不对，或私钥不完整", "", "passphrase"
        )
        made = add_credential(vault.zheng, vault.jz, **(given | {"passphrase": "一句 口令"}))
        assert raw(opened(made)) == raw(pem(key).encode())


CUT = made_up_private()
WEAK = pem(rsa.generate_private_key(65537, 1024))
OLD = pem(dsa.generate_private_key(1024), openssh=False)


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_anything_pasted_is_a_key_or_a_sentence(pasted: str):
    for text in (pasted, f"-----BEGIN OPENSSH PRIVATE KEY-----\n{pasted}\n-----END OPENSSH PRIVATE KEY-----",
                 f"-----BEGIN PRIVATE KEY-----\n{pasted}\n-----END PRIVATE KEY-----"):  # fmt: skip
        for passphrase in ("", pasted):
            with suppress(Refused):
                material.read_private(text, passphrase)


@given(st.integers(0, 300), st.binary(min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_key_with_bytes_changed_is_a_key_or_a_sentence(at: int, other: bytes):
    lines = CUT.splitlines()
    blob = bytearray(base64.b64decode("".join(lines[1:-1])))
    blob[at : at + len(other)] = other
    with suppress(Refused):
        material.read_private("\n".join([lines[0], base64.b64encode(bytes(blob)).decode(), lines[-1]]), "words")


def test_a_passphrase_that_was_not_needed_does_no_harm(vault: Cast):
    private = made_up_private()
    given = {"name": "密钥", "kind": "ssh_key", "secret": private, "passphrase": "多余"}
    assert raw(opened(add_credential(vault.zheng, vault.jz, **given))) == raw(private.encode())


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": ""}, "名称没有填写。填好后再提交", "name"),
        ({"name": "应用主机密钥"}, "已有叫「应用主机密钥」的凭据，换一个名称", "name"),
        ({"kind": "token"}, "没有选凭据的种类", "kind"),
        ({"secret": " \n"}, "私钥没有填写。填好后再提交", "secret"),
        ({"secret": "x" * 20_001}, "私钥有 20002 字，不像是一个密钥", "secret"),
        ({"secret": "ssh-ed25519 AAAA"}, "贴的是公钥。请贴私钥，以 -----BEGIN 开头", "secret"),
        ({"secret": "PuTTY-User-Key-File-3: ssh-ed25519"},
         "这是 PuTTY 格式的密钥，用 PuTTYgen 的“导出 OpenSSH 密钥”转换后再贴", "secret"),
        ({"secret": "你好"}, "不是私钥。请贴整个私钥文件，以 -----BEGIN 开头、以 PRIVATE KEY----- 结尾", "secret"),
        ({"secret": "-----BEGIN CERTIFICATE-----"},
         "不是私钥。请贴整个私钥文件，以 -----BEGIN 开头、以 PRIVATE KEY----- 结尾", "secret"),
        ({"secret": CUT[:200]}, "私钥读不懂，可能没有贴完整。请从头到尾再贴一次", "secret"),
        ({"secret": CUT.replace("b3Blbn", "b3Blbm")}, "私钥读不懂，可能没有贴完整。请从头到尾再贴一次", "secret"),
        ({"secret": WEAK}, "RSA 密钥只有 1024 位，至少 2048 位。换一个密钥", "secret"),
        ({"secret": OLD}, "这种密钥不能用。请用 Ed25519、ECDSA 或 RSA 密钥", "secret"),
        ({"kind": "become_password", "secret": ""}, "密码没有填写。填好后再提交", "secret"),
        ({"kind": "become_password", "secret": "x" * 257}, "密码最多 256 个字符", "secret"),
        ({"kind": "become_password", "secret": "a\nb"}, "密码里有不可见的字符。换一个密码", "secret"),
    ],
)  # fmt: skip
def test_what_is_no_secret_is_not_kept_and_not_repeated(vault: Cast, over: dict[str, str], reason: str, field: str):
    make_key(vault)
    given = {"name": "新的", "kind": "ssh_key", "secret": made_up_private()} | over
    assert refusal_of(lambda: add_credential(vault.zheng, vault.jz, **given)) == Refusal(reason, "", field)


def test_the_same_key_is_kept_once(vault: Cast):
    private = made_up_private()
    make_key(vault, "一", private)
    assert refusal_of(lambda: make_key(vault, "二", private)) == Refusal("这个密钥已在保险库里，叫「一」", "", "secret")


def test_a_password_is_kept_byte_for_byte(vault: Cast):
    made = add_credential(vault.zheng, vault.jz, name="提权", kind="become_password", secret=" 密 码 ")
    assert (opened(made), made.public) == (" 密 码 ".encode(), "")


def test_no_row_opens_with_another_rows_content_or_as_another_kind(vault: Cast):
    one, other = make_key(vault, "一"), make_key(vault, "二")
    Credential.objects.filter(id=one.id).update(sealed=bytes(other.sealed))
    with pytest.raises(NotOurs):
        opened(one)
    Credential.objects.filter(id=other.id).update(kind="become_password")
    with pytest.raises(NotOurs):
        opened(other)


def test_changed_and_cut_bytes_do_not_open(vault: Cast):
    key = keys.ensure()
    made = make_key(vault)
    sealed, private = seal(b"secret", key.public, made.uid, made.kind), keys.private(key)
    for wrong in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), bytes([sealed[0] ^ 1]) + sealed[1:], b"", b"x"):
        with pytest.raises(NotOurs):
            unseal(wrong, private, made.uid, made.kind)
    assert unseal(sealed, private, made.uid, made.kind) == b"secret"


def test_a_retired_credential_opens_nothing_and_its_content_is_gone(vault: Cast):
    credential, group = make_key(vault), make_place(vault)
    grant_access(vault.zheng, credential, group=group)
    retired = retire_credential(vault.zheng, credential)
    assert (bytes(retired.sealed), retired.retired_by, Access.objects.count()) == (b"", vault.zheng, 0)
    (said,) = staged("vault.credential_retired")
    assert said["opened"] == ["CS / 实验机 / 应用"]
    again = Refusal("这个凭据已停用。换一个凭据")
    assert refusal_of(lambda: retire_credential(vault.zheng, credential)) == again
    assert refusal_of(lambda: grant_access(vault.zheng, credential, group=group)) == again
    assert make_key(vault, credential.name).name == credential.name  # the name is free again


def test_a_host_s_history_says_that_the_credential_of_its_own_was_retired(vault: Cast):
    credential, host = make_key(vault), make_host(make_place(vault))
    grant_access(vault.zheng, credential, host=host)
    retire_credential(vault.zheng, credential)
    told = [(one.kind, one.data, one.ref) for one in HostEvent.objects.filter(host=host).order_by("id")]
    refs = list(Staged.objects.filter(kind="vault.credential_retired").values_list("ref", flat=True))
    assert [kind for kind, _data, _ref in told] == ["vault.access_given", "vault.access_taken"]
    assert told[-1] == ("vault.access_taken", {"key": credential.name}, refs[0])


def test_a_place_has_one_credential_of_a_kind_and_a_new_one_takes_its_place(vault: Cast):
    group = make_place(vault)
    one, two = make_key(vault, "一"), make_key(vault, "二")
    password = add_credential(vault.zheng, vault.jz, name="提权", kind="become_password", secret="sudo 的")
    grant_access(vault.zheng, one, group=group)
    grant_access(vault.zheng, password, group=group)
    made = grant_access(vault.zheng, two, group=group)
    assert grant_access(vault.zheng, two, group=group) == made  # said twice, done once
    assert {one.credential.name for one in Access.objects.all()} == {"二", "提权"}
    assert [said["instead_of"] for said in staged("vault.access_given")] == ["", "", "一"]
    revoke_access(vault.zheng, made)
    assert refusal_of(lambda: revoke_access(vault.zheng, made)) == Refusal("这项授权已经收回")
    assert [said["opened"] for said in staged("vault.access_taken")] == ["CS / 实验机 / 应用"]


def test_a_credential_opens_hosts_of_its_own_customer_only(vault: Cast):
    group = make_place(vault)
    host = make_host(group)
    theirs = add_credential(vault.he, vault.hn, name="海宁的", kind="ssh_key", make=True)
    assert refusal_of(lambda: grant_access(vault.he, theirs, host=host)) == Refusal(
        "凭据和主机不属于同一个单位", "CON-9"
    )
    assert refusal_of(lambda: grant_access(vault.he, theirs)) == Refusal("没有选主机或主机组", "", "place")


def test_strangers_do_not_find_credentials_by_the_api(vault: Cast, client):
    credential, group = make_key(vault), make_place(vault)
    access = grant_access(vault.zheng, credential, group=group)
    client.force_login(vault.he)

    def asked(verb: str, **said: object) -> int:
        return client.post(f"/api/v1/vault/{verb}", json.dumps(said), content_type="application/json").status_code

    mine = str(add_credential(vault.he, vault.hn, name="海宁的", kind="ssh_key", make=True).uid)
    assert asked("retire_credential", credential=str(credential.uid)) == 404
    assert asked("grant_access", credential=mine, group=str(group.uid)) == 404
    assert asked("grant_access", credential=mine, host=str(make_host(group).uid)) == 404
    assert asked("revoke_access", access=str(access.uid)) == 404
    assert asked("add_credential", owner="JZ", name="x", kind="ssh_key", make=True) == 404


def test_the_api_keeps_credentials_and_answers_without_them(vault: Cast, client):
    client.force_login(vault.zheng)
    group, private = make_place(vault), made_up_private()

    def asked(verb: str, **said: object) -> tuple[int, object]:
        answer = client.post(f"/api/v1/vault/{verb}", json.dumps(said), content_type="application/json")
        return answer.status_code, answer.json()

    status, said = asked("add_credential", owner="JZ", name="密钥", kind="ssh_key", secret=private)
    made = Credential.objects.get()
    assert (status, said) == (200, {"uid": str(made.uid), "number": ""})
    status, said = asked("grant_access", credential=str(made.uid), group=str(group.uid))
    assert (status, said["uid"]) == (200, str(Access.objects.get().uid))
    assert asked("revoke_access", access=said["uid"])[0] == 200
    assert asked("retire_credential", credential=str(made.uid))[0] == 200


def test_what_carries_a_secret_takes_no_idempotency_key(vault: Cast, client):
    client.force_login(vault.zheng)
    said = {"owner": "JZ", "name": "密码", "kind": "become_password", "secret": "短的"}
    answer = client.post(
        "/api/v1/vault/add_credential", json.dumps(said), content_type="application/json", HTTP_IDEMPOTENCY_KEY="k1"
    )
    assert (answer.status_code, answer.json()["reason"]) == (
        422, "这个操作带着秘密，不能带 Idempotency-Key。去掉后再调用",
    )  # fmt: skip
    assert Credential.objects.count() == 0


@pytest.mark.once
def test_a_process_that_serves_pages_never_reads_the_private_key():
    code = (
        "import weilu.wsgi; from weilu.vault import keys\ntry: keys.read_file()\nexcept RuntimeError as why: print(why)"
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "weilu.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("a process that serves pages never reads the vault's private key\n", 0)


def test_a_key_that_others_can_read_is_not_used(vault: Cast):
    place = keys.key_file()
    place.chmod(0o640)
    try:
        assert refusal_of(lambda: opened(make_key(vault))).reason == f"别人能读保险库密钥 {place}"
    finally:
        place.chmod(0o600)


def test_a_machine_without_the_right_key_says_where_it_comes_from(vault: Cast, tmp_path: Path, settings):
    from dataclasses import replace

    credential = make_key(vault)
    settings.CONFIG = replace(settings.CONFIG, vault_key=tmp_path / "elsewhere.key")
    assert refusal_of(lambda: opened(credential)).reason == f"这台机器没有保险库密钥 {tmp_path}/elsewhere.key"
    keys.write_file([keys.X25519PrivateKey.generate()])
    number, name = credential.sealed_to.number, credential.sealed_to.fingerprint
    assert refusal_of(lambda: opened(credential)).reason == (
        f"这台机器的 {tmp_path}/elsewhere.key 里没有编号 {number} 的保险库密钥（{name}）"
    )
    keys.key_file().write_text("WEILU-VAULT-KEY nothing\n")
    assert refusal_of(lambda: opened(credential)).reason == (
        f"保险库密钥 {tmp_path}/elsewhere.key 已损坏。从备份取回，不要新建"
    )
    assert keys.ensure() == credential.sealed_to  # and none is made in its place
