"""Changing the vault's keys: a new pair, every credential sealed anew, and the old private half gone; one act.

Killed at any moment it is gone on with: the new private half is in the file before anything is sealed to it, all
credentials change over in one transaction, and the old one leaves the file only after that.
"""

import socket
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import transaction
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.jobs.processes import living
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.vault import keys
from weilu.vault.models import Access, Credential, VaultKey
from weilu.vault.sealing import NotOurs, public_of, seal, unseal

BY = "weilu"  # whoever is at a worker's machine; the machine's own log says who


@dataclass(frozen=True)
class Rotated:
    """What came of it: `prepared` waits for the file to be copied, `finished` ended an earlier one that was killed."""

    state: Literal["done", "prepared", "finished"]
    number: int = 0
    credentials: int = 0
    machines: tuple[str, ...] = ()


def rotate(*, copied: bool = False) -> Rotated:
    """Change the keys. Where workers live on other machines, first only prepare: they need the new key before.

    `copied`: they have it. Raises Refused, and nothing has changed then, or all of it can be gone on with.
    """
    with keys.alone():
        return _rotate(copied)


def _rotate(copied: bool) -> Rotated:
    present = keys.ensure()
    kept = keys.read_file()
    keys.private(present)  # or this machine cannot open what it would seal anew
    if _tidy():
        return Rotated("finished", present.number)
    if public_of(kept[-1]) == present.public:
        kept.append(X25519PrivateKey.generate())
        keys.write_file(kept)
    others = elsewhere()
    if others and not copied:
        return Rotated("prepared", present.number + 1, machines=others)
    number, count = _change_over(public_of(kept[-1]))
    _tidy()
    return Rotated("done", number, count)


def tidy() -> bool:
    """Take out of this machine's file what no credential is sealed to any more; whether there was anything."""
    with keys.alone():
        return _tidy()


def _tidy() -> bool:
    kept = keys.read_file()
    retired = set(VaultKey.objects.exclude(retired_at=None).values_list("public", flat=True))
    left = [key for key in kept if public_of(key) not in retired]
    if not left or len(left) == len(kept):
        return False
    keys.write_file(left)
    return True


def begin_anew() -> list[str]:
    """The private key is lost for good: a new pair, and every credential retired, to be typed in again; their names."""
    with keys.alone(), transaction.atomic():
        old = keys.present()
        private = _own_or_new(old)
        lost = list(Credential.objects.active().select_for_update().order_by("id"))
        Access.objects.filter(credential__in=lost).delete()
        Credential.objects.filter(id__in=[one.id for one in lost]).update(sealed=b"", retired_at=now())
        made = _succeed(old, public_of(private))
        names = [one.name for one in lost]
        data = {"number": made.number, "public": made.public, "before": old.public, "lost": len(names)}
        stage("vault.keys_lost", data, actor=BY, org="")
        for one in lost:
            facts = {"credential": str(one.uid), "name": one.name, "opened": [], "lost": True}
            stage("vault.credential_retired", facts, actor=BY, org=one.owner.code)
    tidy()
    return names


def elsewhere() -> tuple[str, ...]:
    """Other machines on which workers live now."""
    here = socket.gethostname()[:40]
    machines = {process.holder.rpartition(":")[0].rpartition(":")[0] for process in living(now())}
    return tuple(sorted(machines - {here}))


@transaction.atomic
def _change_over(public: str) -> tuple[int, int]:
    """Seal everything to the key `public`, which is in the file already; its number, and how many credentials."""
    old = keys.present()
    private = keys.private(old)
    rows = list(Credential.objects.active().select_for_update().order_by("id"))
    made = _succeed(old, public)
    for row in rows:
        try:
            content = unseal(bytes(row.sealed), private, row.uid, row.kind)
        except NotOurs:
            reason = _("凭据「%(name)s」的封存内容不是它自己的，或被改动过，没有轮换") % {"name": row.name}
            raise Refused(reason, help=_("停用它，重新录入，再轮换")) from None
        sealed = seal(content, public, row.uid, row.kind)
        Credential.objects.filter(id=row.id).update(sealed=sealed, sealed_to=made)
    data = {"number": made.number, "public": public, "before": old.public, "credentials": len(rows)}
    stage("vault.keys_rotated", data, actor=BY, org="", urgent=True)
    return made.number, len(rows)


def _succeed(old: VaultKey, public: str) -> VaultKey:
    VaultKey.objects.filter(id=old.id).update(retired_at=now())
    return VaultKey.objects.create(number=old.number + 1, public=public)


def _own_or_new(old: VaultKey) -> X25519PrivateKey:
    """A key of this machine's file that nothing was sealed to yet, or a new one, in the file. Raises Refused."""
    try:
        kept = keys.read_file()
    except keys.Lost:
        kept = []
    if any(public_of(key) == old.public for key in kept):
        raise Refused(_("这台机器的保险库密钥没有丢，不必重新开始"), help=_("要换密钥，用 weilu vault rotate"))
    known = set(VaultKey.objects.values_list("public", flat=True))
    fresh = [key for key in kept if public_of(key) not in known]
    if not fresh:
        fresh = [X25519PrivateKey.generate()]
        keys.write_file([*kept, *fresh])
    return fresh[-1]
