"""A key is handed to the agent bound to its hosts, however many they are, or it is not handed over."""

import base64
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.hosts.site import new_key
from tests.support.unchanged import Refusal, refusal_of, ruling
from weilu.vault import agent

TOO_MANY = Refusal("一把密钥一次打开的主机太多，ssh-agent 收不下")


def many_keys(number: int) -> list[str]:
    """Lines of type and base64 that look like keys of hosts."""
    head = (11).to_bytes(4, "big") + b"ssh-ed25519" + (32).to_bytes(4, "big")
    found = (head + hashlib.sha256(str(one).encode()).digest() for one in range(number))
    return ["ssh-ed25519 " + base64.b64encode(key).decode() for key in found]


@pytest.mark.once
def test_a_key_is_bound_to_two_thousand_hosts_or_not_handed_over(db: None, folder: Path):
    private, public = new_key()
    folder.mkdir()
    known = folder / "known"
    known.write_text(f"u0 {public}\n" + "".join(f"u0 {key}\n" for key in many_keys(2000)))
    socket, _pid = agent.start(folder, 60)
    agent.load(folder, socket, private.encode(), ["root@u0"], known)
    env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(socket)}
    said = subprocess.run(["ssh-add", "-L"], env=env, capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == public.split()[:2]
    known.write_text("x" * (agent.MOST_KNOWN + 1))
    for places in (["root@u0"], [f"a{number}@u0" for number in range(1001)], []):
        told = refusal_of(lambda places=places: agent.load(folder, socket, private.encode(), places, known))
        assert told == TOO_MANY
        known.write_text(f"u0 {public}\n")


@pytest.mark.once
def test_an_older_openssh_is_handed_no_key():
    too_old = Refusal("这台机器的 OpenSSH 是 8.4，早于 8.9，不能把密钥只用于指定的主机")
    assert ruling(lambda: agent.check_can_bind(1, 100, (8, 4))) == too_old
    assert ruling(lambda: agent.check_can_bind(1, 100, (8, 9))) is None
