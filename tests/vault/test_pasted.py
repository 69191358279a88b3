"""Keys that are locked or made so that whoever reads them waits: told before the work is done, and under no lock."""

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import made_up_private, pem
from weilu.kernel.refused import Refused
from weilu.vault.actions import add_credential

CUT = made_up_private()


def test_a_key_that_would_hold_the_page_for_minutes_is_turned_away(vault: Cast, tmp_path: Path):
    place = tmp_path / "key"
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "words", "-f", str(place)]
    subprocess.run([*made, "-a", "40"], check=True)
    usual = {"name": "密钥", "kind": "ssh_key", "secret": place.read_text(), "passphrase": "words"}
    lines = place.read_text().splitlines()
    blob = bytearray(base64.b64decode("".join(lines[1:-1])))
    at = blob.index(b"bcrypt") + 6 + 4 + 4 + 16
    assert int.from_bytes(blob[at : at + 4], "big") == 40
    blob[at : at + 4] = (1 << 31).to_bytes(4, "big")
    slow = "\n".join([lines[0], base64.b64encode(bytes(blob)).decode(), lines[-1]])
    assert refusal_of(lambda: add_credential(vault.zheng, vault.jz, **(usual | {"secret": slow}))) == Refusal(
        "私钥的口令迭代次数太多，先用 ssh-keygen -p 改成通常的次数", "", "secret"
    )
    assert add_credential(vault.zheng, vault.jz, **usual).kind == "ssh_key"


TOO_OFTEN = Refusal("私钥的口令迭代次数太多，先用 ssh-keygen -p 改成通常的次数", "", "secret")


@pytest.mark.parametrize(
    ("locked", "usual", "slow"),
    [
        (["-iter", "70000"], "0203011170", "02037fffff"),  # PBKDF2, eight million rounds
        (["-v1", "PBE-SHA1-3DES", "-iter", "70000"], "0203011170", "02037fffff"),
        (["-scrypt"], "02024000020108020101", "0202400002010802017f"),  # an eighth of a GiB, 127 times
        (["-scrypt"], "02024000020108020101", "02024000020178020101"),
    ],
)
@pytest.mark.once
@pytest.mark.parametrize("passphrase", ["words", ""])
def test_no_locked_key_holds_the_page(vault: Cast, locked: list[str], usual: str, slow: str, passphrase: str):
    made = subprocess.run(
        ["openssl", "pkcs8", "-topk8", *locked, "-passout", "pass:words"],
        input=pem(ed25519.Ed25519PrivateKey.generate(), openssh=False), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    lines = made.splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    assert der.count(bytes.fromhex(usual)) == 1
    body = base64.b64encode(der.replace(bytes.fromhex(usual), bytes.fromhex(slow))).decode()
    given = {"name": "密钥", "kind": "ssh_key", "passphrase": passphrase}
    for text in ("\n".join([lines[0], body, lines[-1]]), lines[0] + body + lines[-1]):
        assert refusal_of(lambda t=text: add_credential(vault.zheng, vault.jz, secret=t, **given)) == TOO_OFTEN
    behind = CUT + lines[0] + body + lines[-1]  # what is read is the first one, and nothing behind it is tried
    assert add_credential(vault.zheng, vault.jz, secret=behind, **given).public.startswith("ssh-ed25519 ")
    if passphrase:
        assert add_credential(vault.zheng, vault.jz, secret=made, **(given | {"name": "如常"})).kind == "ssh_key"


@pytest.mark.once
def test_a_key_of_openssh_on_one_line_holds_the_page_no_more_than_one_on_many(vault: Cast):
    parts = (b"aes256-ctr", b"bcrypt", (16).to_bytes(4, "big") + b"s" * 16 + (1 << 31).to_bytes(4, "big"))
    blob = b"openssh-key-v1\0" + b"".join(len(part).to_bytes(4, "big") + part for part in parts) + b"\0" * 60
    begin, end = (f"-----{word} OPENSSH PRIVATE KEY-----" for word in ("BEGIN", "END"))
    body = base64.b64encode(blob).decode()
    given = {"name": "密钥", "kind": "ssh_key", "passphrase": "words"}
    for text in (f"{begin}{body}{end}", f"{begin}\n{body}\n{end}\nmore\n", f"-----BEGIN X-----\n{begin} {body}{end}"):
        assert refusal_of(lambda text=text: add_credential(vault.zheng, vault.jz, secret=text, **given)) == TOO_OFTEN


def rsa_pem(p: int, q: int, d: int = 0, e: int = 65537) -> str:
    """A private key of these numbers, whether they make one or not."""
    d = d or pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q)
    )  # fmt: skip
    return pem(numbers.private_key(unsafe_skip_rsa_key_validation=True), openssh=False)


@pytest.mark.once
def test_an_rsa_key_is_whole_and_whether_its_primes_are_takes_nobody_minutes(vault: Cast):
    one, other, huge = (1 << 2203) - 1, (1 << 1279) - 1, (1 << 21701) - 1  # primes
    given = {"name": "密钥", "kind": "ssh_key"}
    long = Refusal("RSA 密钥有 22980 位，最多 16384 位。换一个密钥", "", "secret")
    text = rsa_pem(huge, other, d=65537)
    assert refusal_of(lambda: add_credential(vault.zheng, vault.jz, secret=text, **given)) == long
    unfit = Refusal("私钥读不懂，可能没有贴完整。请从头到尾再贴一次", "", "secret")
    text_ = rsa_pem(one, other, d=65537)
    assert refusal_of(lambda: add_credential(vault.zheng, vault.jz, secret=text_, **given)) == unfit
    assert add_credential(vault.zheng, vault.jz, secret=rsa_pem(one, other), **given).public.startswith("ssh-rsa ")


def test_no_lock_is_held_while_a_pasted_key_is_read(vault: Cast):
    given = {"name": "密钥", "kind": "ssh_key", "secret": CUT[:200]}
    with CaptureQueriesContext(connection) as asked, pytest.raises(Refused):
        add_credential(vault.zheng, vault.jz, **given)
    assert [one["sql"] for one in asked if "SAVEPOINT" in one["sql"] or "UPDATE" in one["sql"]] == []
    with CaptureQueriesContext(connection) as asked:
        add_credential(vault.zheng, vault.jz, **(given | {"secret": CUT}))
    assert [one["sql"] for one in asked if "SAVEPOINT" in one["sql"]] != []
