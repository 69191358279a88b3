"""A vault with its key, credentials, and real hosts that let them in."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form

from tests.cast import Cast, system_of
from tests.hosts.site import RealHost, new_key
from weilu.demo import make_environment, make_group, make_host
from weilu.evidence.models import Staged
from weilu.systems.models import Host, HostGroup
from weilu.vault import keys
from weilu.vault.actions import add_credential, grant_access
from weilu.vault.models import Credential
from weilu.vault.opening import end_agent

Hosts = Callable[..., list[RealHost]]


@pytest.fixture
def vault(cast: Cast) -> Cast:
    """The cast, with a vault that has its key."""
    keys.ensure()
    return cast


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of an attempt; whatever agent is left there ends with the test."""
    place = tmp_path / "attempt"
    yield place
    end_agent(place)


def make_key(cast: Cast, name: str = "应用主机密钥", private: str = "") -> Credential:
    """A key that 郑 keeps in the vault: this one, or one made there."""
    given: dict[str, Any] = {"secret": private} if private else {"make": True}
    return add_credential(cast.zheng, cast.jz, name=name, kind="ssh_key", **given)


def make_place(cast: Cast) -> HostGroup:
    """The group 应用 of a system of 江州."""
    return make_group(make_environment(system_of(cast)))


def register(group: HostGroup, host: RealHost, **over: Any) -> Host:
    """A real host as the register has it, its key pinned."""
    fields = {"name": host.name, "address": host.address, "user": host.user, "key": f"{host.key_type} {host.key}"}
    return make_host(group, **(fields | over))


def open_hosts(cast: Cast, hosts: list[RealHost]) -> list[Host]:
    """These real hosts registered in one group, with the key in the vault that lets in there."""
    group = make_place(cast)
    grant_access(cast.zheng, make_key(cast, private=hosts[0].site.key_file.read_text()), group=group)
    return [register(group, host) for host in hosts]


def staged(kind: str) -> list[dict[str, Any]]:
    """What was said on record of this kind, oldest first."""
    rows = Staged.objects.filter(kind=kind).order_by("id")
    return [dict(json.loads(bytes(row.record))["data"]) for row in rows]


def made_up_private() -> str:
    """A private key that opens nothing, as people paste it."""
    return new_key()[0]


def pem(key: object, passphrase: str = "", openssh: bool = True) -> str:
    """A private key as people paste it, locked or not."""
    sealing = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    shape = form.PrivateFormat.OpenSSH if openssh else form.PrivateFormat.PKCS8
    return key.private_bytes(form.Encoding.PEM, shape, sealing).decode()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(pid: int) -> None:
    limit = time.monotonic() + 10
    while lives(pid):
        assert time.monotonic() < limit
        time.sleep(0.01)


def agents(folder: Path) -> set[int]:
    """The agents of attempts in or below this folder; others on this machine are other people's."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words, pid = place.read_bytes(), int(place.parent.name)
            if words.startswith(b"ssh-agent\0") and str(folder).encode() in words and lives(pid):
                found.add(pid)
    return found
