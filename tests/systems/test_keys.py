"""Host keys as people paste them."""

import base64
import hmac
import shutil
import subprocess
from hashlib import sha1

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import made_up_key
from tests.support.unchanged import Refusal, ruling
from weilu.systems.keys import fingerprint, read_key

KEY = made_up_key("app-01")
BROKEN = "密钥不完整或写错了，把整行原样贴进来"


def public(private: object) -> str:
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "private",
    [
        ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 4096),
    ],
)  # fmt: skip
def test_each_type_is_kept_as_it_came_and_has_the_fingerprint_that_ssh_prints(private, tmp_path):
    key = public(private)
    assert read_key(f"  {key} root@app-01 \r\n", "192.0.2.1", 22) == key
    if not shutil.which("ssh-keygen"):
        pytest.skip("没有 ssh-keygen；apt-get install -y openssh-client（以 root）")
    (tmp_path / "key.pub").write_text(key + "\n")
    said = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert said.stdout.split()[1] == fingerprint(key)


def test_a_host_without_a_key_has_no_fingerprint():
    assert fingerprint("") == ""


def hashed(name: str) -> str:
    salt = b"12345678901234567890"
    coded = (base64.b64encode(part).decode() for part in (salt, hmac.new(salt, name.encode(), sha1).digest()))
    return "|1|" + "|".join(coded)


@pytest.mark.parametrize(
    ("line", "port"),
    [
        (f"192.0.2.1 {KEY}", 22),
        (f"app-01.example,192.0.2.1 {KEY} note", 22),
        (f"[192.0.2.1]:2222 {KEY}", 2222),
        (f"{hashed('192.0.2.1')} {KEY}", 22),
        (f"{hashed('[192.0.2.1]:2222')} {KEY}", 2222),
        (f"# 192.0.2.1:22 SSH-2.0-OpenSSH_9.2\n\n192.0.2.1 {KEY}\n", 22),
    ],
)
def test_a_line_of_known_hosts_that_names_this_host_gives_its_key(line, port):
    assert read_key(line, "192.0.2.1", port) == KEY


RSA_SHORT = public(rsa.generate_private_key(65537, 1024))
DSA = public(dsa.generate_private_key(1024))
KIND, CODED = KEY.split()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "主机密钥没有填写。填好后再提交"),
        ("# 只有注释", "贴了 0 把密钥，只留一把，首选 ssh-ed25519 的那行"),
        (f"{KEY}\n{made_up_key('other')}", "贴了 2 把密钥，只留一把，首选 ssh-ed25519 的那行"),
        (f"@cert-authority * {KEY}", "带 @cert-authority 的行不是主机密钥，贴主机自己的公钥"),
        (f"192.0.2.9 {KEY}", "这行密钥写的是 192.0.2.9，主机是 192.0.2.1。核对后只贴类型和密钥两段"),
        (f"[192.0.2.1]:2222 {KEY}", "这行密钥写的是 [192.0.2.1]:2222，主机是 192.0.2.1。核对后只贴类型和密钥两段"),
        (f"*.example {KEY}", "这行密钥写的是 *.example，主机是 192.0.2.1。核对后只贴类型和密钥两段"),
        (f"{hashed('192.0.2.9')} {KEY}", "这行密钥是别的主机的，不是 192.0.2.1 的"),
        (f"|1|x|y {KEY}", "这行密钥是别的主机的，不是 192.0.2.1 的"),
        (f"|1|x {KEY}", "这行密钥是别的主机的，不是 192.0.2.1 的"),
        (DSA, "「ssh-dss」不是能用的主机密钥类型。能用 ed25519、ecdsa 和 rsa，如 ssh-ed25519 AAAA…"),
        ("SHA256:abc", "「SHA256:abc」不是能用的主机密钥类型。能用 ed25519、ecdsa 和 rsa，如 ssh-ed25519 AAAA…"),
        (RSA_SHORT, "RSA 密钥只有 1024 位，至少 2048 位"),
        ("ssh-rsa " + "A" * 1000, "密钥有 1008 字，最多 1000 字"),
        (KIND, BROKEN),
        (f"{KIND} {CODED[:-8]}", BROKEN),
        (f"{KIND} {CODED}AAAA", BROKEN),
        (f"{KIND} {CODED[:-1]}*", BROKEN),
        (f"ssh-rsa {CODED}", BROKEN),
        (f"{KIND} 密钥", BROKEN),
        (f"{KIND} {CODED[:9]}\x07", "主机密钥第 22 个字是不可见的控制字符。删去后再提交"),
    ],
)
def test_what_is_no_key_of_this_host_is_refused(line, reason):
    assert ruling(lambda: read_key(line, "192.0.2.1", 22)) == Refusal(reason, "", "key")


@given(st.text(max_size=200) | st.text(alphabet="ssh-ed25519 AC3NzaI1lZDI1NTE5/+=|@[]:,\n", max_size=300))
def test_anything_pasted_is_a_key_or_a_sentence(pasted):
    refused = ruling(lambda: read_key(pasted, "192.0.2.1", 22))
    if refused:
        assert refused.field == "key"
        return
    kept = read_key(pasted, "192.0.2.1", 22)
    assert read_key(kept, "192.0.2.1", 22) == kept
