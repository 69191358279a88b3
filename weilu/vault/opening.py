"""Opening credentials, by workers only: in memory, into an ssh-agent of one attempt; each use is on record first."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.vault import agent, keys, rules
from weilu.vault.known import known_hosts
from weilu.vault.models import Access, Credential
from weilu.vault.sealing import NotOurs, unseal

Entry = Mapping[str, Any]
KNOWN, IDENTITIES = "known_hosts", "identities"
SSH_KEY, BECOME = Credential.Kind.SSH_KEY, Credential.Kind.BECOME_PASSWORD


class Forged(Refused):
    """A credential's sealed content is not what was sealed for it: that it was tried is on record all the same."""


class Shut(Refused):
    """Some of the hosts stay shut, those in `uids`; the others could be opened without them."""

    def __init__(self, why: Refused, uids: Iterable[str]) -> None:
        super().__init__(why.reason, why.clause, help=why.help, who=why.who)
        self.uids = frozenset(uids)


@dataclass(frozen=True)
class Opened:
    """What an attempt has in its hands until `end_agent(folder)`. Hosts are named by their uid."""

    folder: Path
    socket: Path  # SSH_AUTH_SOCK of the attempt
    pid: int  # of its ssh-agent
    known_hosts: Path  # exactly the pinned keys
    identities: dict[str, Path]  # the public key by which ssh picks the right one: IdentityFile, IdentitiesOnly=yes
    passwords: dict[str, str] = field(repr=False)  # for sudo; only ever given on through a pipe


def opened(
    folder: Path, entries: Sequence[Entry], *, what: str, org: str, item: str = "", seconds: int = 3600
) -> Opened:
    """Open what these hosts of the customer `org` need, and start the attempt's agent in `folder` (0700).

    `entries` are as in the orders: uid, name, address, port, user, key, and `become` where sudo is used. `what` says
    what for, in evidence: a run's number, 连接测试. The agent forgets its keys after `seconds`; it lives on when this
    process dies, and ends by `end_agent`. Raises Refused, or Shut where it is for some of the hosts, and nothing is
    left open then.
    """
    rules.check_all_pinned([str(one["name"]) for one in entries if not one.get("key")])
    with transaction.atomic(durable=True):  # the use is on record before any of it leaves this process
        chosen = _chosen(entries, org)
        secrets, forged = _secrets(chosen)
        _record(chosen, entries, what, org, item, only=[forged[0]] if forged else secrets)
    if forged:
        raise _shut(chosen, *forged)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    end_agent(folder)  # of an attempt that was begun here before
    try:
        return _hand_over(folder, entries, chosen, secrets, seconds)
    except BaseException:
        end_agent(folder)
        raise


def end_agent(folder: Path) -> None:
    """End what `opened` began in this folder, whoever did, also after a crash; safe to call again."""
    agent.end(folder)
    shutil.rmtree(folder / IDENTITIES, ignore_errors=True)


@contextmanager
def open_for(folder: Path, entries: Sequence[Entry], **said: Any) -> Iterator[Opened]:
    """`opened`, and ended when the block is left."""
    try:
        yield opened(folder, entries, **said)
    finally:
        end_agent(folder)


def entry_of(host: Host) -> dict[str, Any]:
    """A host as `opened` takes it, from the register as it stands now."""
    return {
        "uid": str(host.uid), "name": host.name, "address": host.address, "port": host.port, "user": host.user,
        "become": host.become, "python": host.python, "key": host.key,
    }  # fmt: skip


def ssh_options(held: Opened, entry: Entry, seconds: int = 10) -> list[str]:
    """How ssh goes to a host of this attempt: its pinned key or none, one key of ours, no settings of this machine."""
    said = {
        "BatchMode": "yes", "StrictHostKeyChecking": "yes", "UserKnownHostsFile": _quoted(held.known_hosts),
        "GlobalKnownHostsFile": "/dev/null", "UpdateHostKeys": "no", "VerifyHostKeyDNS": "no", "CheckHostIP": "no",
        "IdentityAgent": _quoted(held.socket), "IdentityFile": _quoted(held.identities[str(entry["uid"])]),
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": "publickey", "ForwardAgent": "no", "ForwardX11": "no",
        "ClearAllForwardings": "yes", "PermitLocalCommand": "no", "ControlMaster": "no", "ControlPath": "none",
        "RequestTTY": "no", "ConnectTimeout": seconds, "ConnectionAttempts": 1, "ServerAliveInterval": 5,
        "ServerAliveCountMax": 3, "LogLevel": "ERROR",
    }  # fmt: skip
    options = [word for name, value in said.items() for word in ("-o", f"{name}={value}")]
    return ["-F", "none", *options, "-p", str(entry.get("port") or 22), "-l", str(entry.get("user") or "root")]


def _quoted(place: Path) -> str:
    """A path as ssh's options take it, with spaces and per cent signs in it."""
    return '"' + str(place).replace("%", "%%") + '"'


def _chosen(entries: Sequence[Entry], org: str) -> dict[str, dict[str, Credential]]:
    """As `assigned`; raises Shut where a host has no key."""
    chosen = assigned(entries, org)
    without = [one for one in entries if SSH_KEY not in chosen[str(one["uid"])]]
    try:
        rules.check_all_open([str(one["name"]) for one in without])
    except Refused as why:
        raise Shut(why, [str(one["uid"]) for one in without]) from None
    return chosen


def _shut(chosen: Mapping[str, Mapping[str, Credential]], id_: int, why: Refused) -> Shut:
    """Those hosts stay shut that this credential opens."""
    return Shut(why, [uid for uid, found in chosen.items() if id_ in {one.id for one in found.values()}])


def assigned(entries: Sequence[Entry], org: str) -> dict[str, dict[str, Credential]]:
    """For each host (by uid) the credential of each kind; the host's own before its group's. Raises Refused."""
    uids = [str(one["uid"]) for one in entries]
    hosts = {str(one.uid): one for one in Host.objects.filter(owner__code=org, uid__in=uids)}
    unknown = [str(one["name"]) for one in entries if str(one["uid"]) not in hosts]
    if unknown:
        raise Refused(_("%(hosts)s不在主机档案里") % {"hosts": _("、").join(unknown[:5])})
    groups = {host.group_id for host in hosts.values()}
    rows = Access.objects.filter(owner__code=org, credential__retired_at=None).select_related("credential__sealed_to")
    of_group = {(one.group_id, one.kind): one.credential for one in rows.filter(group__in=groups)}
    of_host = {(one.host_id, one.kind): one.credential for one in rows.filter(host__in=hosts.values())}
    chosen: dict[str, dict[str, Credential]] = {}
    for entry in entries:
        host = hosts[str(entry["uid"])]
        kinds = (SSH_KEY, BECOME) if entry.get("become") else (SSH_KEY,)
        found = {kind: of_host.get((host.id, kind)) or of_group.get((host.group_id, kind)) for kind in kinds}
        chosen[str(host.uid)] = {str(kind): one for kind, one in found.items() if one is not None}
    return chosen


def _record(
    chosen: Mapping[str, Mapping[str, Credential]],
    entries: Iterable[Entry],
    what: str,
    org: str,
    item: str,
    only: Collection[int],
) -> None:
    """One entry for each credential of `only`: which, for what, on which hosts."""
    used: dict[Credential, list[str]] = {}
    for entry in entries:
        for credential in chosen[str(entry["uid"])].values():
            if credential.id in only:
                used.setdefault(credential, []).append(str(entry["name"]))
    for credential, names in used.items():
        data = {
            "credential": str(credential.uid), "name": credential.name, "kind": credential.kind, "for": what,
            "fingerprint": fingerprint(credential.public), "hosts": names,
        }  # fmt: skip
        stage("vault.credential_used", data, actor="weilu", org=org, item=item)
    Credential.objects.filter(id__in=[one.id for one in used]).update(used_at=now(), used_for=what[:60])


def _secrets(
    chosen: Mapping[str, Mapping[str, Credential]],
) -> tuple[dict[int, bytes], tuple[int, Refused] | None]:
    """What they hold, and the first one whose content is not its own; raises Shut where this machine opens one not."""
    secrets = dict[int, bytes]()
    for id_ in sorted({one.id for found in chosen.values() for one in found.values()}):
        try:
            secrets[id_] = _secret(id_)
        except Forged as why:
            return secrets, (id_, why)
        except Refused as why:
            raise _shut(chosen, id_, why) from None
    return secrets, None


def _secret(id_: int) -> bytes:
    """What a credential holds. Raises Refused; read anew where the keys were changed since."""
    for last in (False, True):
        row = Credential.objects.select_related("sealed_to").filter(id=id_).first()
        if row is None or row.retired_at is not None:
            raise Refused(_("凭据在这时被停用了。换一个凭据再办"))
        try:
            return unseal(bytes(row.sealed), keys.private(row.sealed_to), row.uid, row.kind)
        except keys.Lost:
            if last:
                raise
        except NotOurs:
            reason = _("凭据「%(name)s」的封存内容不是它自己的，或被改动过，没有打开") % {"name": row.name}
            raise Forged(reason, rules.NAMED_ONLY, help=_("停用它，重新录入；并查明谁改了数据库")) from None
    raise AssertionError("the loop has returned or raised")


def _hand_over(
    folder: Path, entries: Sequence[Entry], chosen: Mapping[str, Mapping[str, Credential]],
    secrets: Mapping[int, bytes], seconds: int,
) -> Opened:  # fmt: skip
    """Agent, public halves, known_hosts; each key can be used only towards the pinned hosts that it was opened for."""
    known = folder / KNOWN
    known.write_text(known_hosts(entries))
    names, identities, bound = folder / IDENTITIES, dict[str, Path](), dict[Credential, dict[str, list[str]]]()
    names.mkdir(mode=0o700)
    for entry in entries:
        uid = str(entry["uid"])
        credential = chosen[uid][SSH_KEY]
        identities[uid] = names / f"{credential.id}.pub"
        identities[uid].write_text(credential.public + "\n")
        bound.setdefault(credential, {}).setdefault(entry.get("user") or "root", []).append(str(entry["key"]))
    socket, pid = agent.start(folder, seconds)
    for credential, users in bound.items():  # all hosts of a user under one name: so thousands of them can be bound
        known_to_agent = names / f"{credential.id}.bound"
        known_to_agent.write_text(
            "".join(f"u{number} {key}\n" for number, keys_ in enumerate(users.values()) for key in keys_)
        )
        places = [f"{user}@u{number}" for number, user in enumerate(users)]
        try:
            agent.load(folder, socket, secrets[credential.id], places, known_to_agent)
        except Refused as why:
            raise _shut(chosen, credential.id, why) from None
    passwords = {uid: secrets[found[BECOME].id].decode() for uid, found in chosen.items() if BECOME in found}
    return Opened(folder, socket, pid, known, identities, passwords)
