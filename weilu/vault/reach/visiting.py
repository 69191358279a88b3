"""Going to hosts that somebody waits for, many at once, and keeping what they said."""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.systems.history import tell_of
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.vault.models import Reaching
from weilu.vault.opening import SSH_KEY, Shut, assigned, end_agent, entry_of, open_for
from weilu.vault.reach.rules import Found, State, drifts
from weilu.vault.reach.ssh import offered_key, visit

AT_ONCE, TOGETHER = 10, 50  # hosts gone to at the same time, and in one piece of work
SECONDS = 600  # for which an agent keeps its keys
STALE = 3600.0  # seconds after which a folder that is left belongs to nobody
Held = Callable[[], AbstractContextManager[None]]


def waiting(owner_id: int, pool: str) -> QuerySet[Reaching]:
    """Those that somebody waits for, the longest waiting first."""
    rows = Reaching.objects.filter(host__owner_id=owner_id, host__pool=pool, host__retired_at=None)
    return rows.exclude(asked_at=None).select_related("host__owner").order_by("asked_at", "id")


def go_to(rows: Sequence[Reaching], name: str, fence: int = 0, held: Held = nullcontext) -> None:
    """Go to these hosts of one customer and keep what came of it; `name` and `fence` are those of its own folder.

    What is kept is kept inside `held()`, which raises where this piece of work is another worker's by now.
    """
    folder = _new_folder(name, fence)
    try:
        for row, found in zip(rows, _found([row.host for row in rows], folder), strict=True):
            keep(row, found, held)
    finally:
        end_agent(folder)
        shutil.rmtree(folder, ignore_errors=True)


@transaction.atomic
def keep(row: Reaching, found: Found, held: Held = nullcontext) -> None:
    """Write down how the host answered; a key that is not the pinned one goes on record.

    Locked in the order of the acts that have hosts gone to: the host, how it answered, the work.
    """
    host = Host.objects.select_for_update(of=("self",)).select_related("owner").get(id=row.host_id)
    kept = Reaching.objects.select_for_update().get(id=row.id)
    with held():
        _write(row, host, kept, found)


def _write(row: Reaching, host: Host, kept: Reaching, found: Found) -> None:
    if (host.address, host.port, host.key) != (row.host.address, row.host.port, row.host.key):
        return  # somebody changed it meanwhile: what was found is not about it, and somebody waits for it again
    instant = now()
    other = found.state == State.REFUSED and (kept.state, kept.offered) != (found.state, found.offered)
    if kept.state != found.state or other:
        kept.since = instant
    kept.state, kept.words, kept.at, kept.offered = found.state, found.words[:300], instant, found.offered
    if found.drift_ms is not None:
        kept.drift_ms, kept.unsure_ms = found.drift_ms, found.unsure_ms
        off = drifts(found.drift_ms, found.unsure_ms)
        kept.drifts_since = (kept.drifts_since or instant) if off else None
    if kept.asked_at == row.asked_at:
        kept.asked_at = None
    kept.save()
    if found.facts:
        clock = {"drift_ms": found.drift_ms, "unsure_ms": found.unsure_ms}
        facts = found.facts | (clock if found.drift_ms is not None else {})
        Host.objects.filter(id=host.id).update(facts=facts, facts_at=instant)
    if other:
        said = {"old": fingerprint(host.key), "new": fingerprint(found.offered)}
        data = {"host": str(host.uid), "name": host.name, "address": host.address} | said
        ref = stage("vault.host_key_refused", data, actor="weilu", org=host.owner.code, urgent=True)
        tell_of(host, "vault.host_key_refused", {"key": said["new"]}, "weilu", ref)


def _found(hosts: list[Host], folder: Path) -> list[Found]:
    """What came of each: those that can be entered by one opening, the others by a look at the key they show."""
    entries = [entry_of(host) for host in hosts]
    chosen = assigned(entries, hosts[0].owner.code)
    found: dict[str, Found] = {}
    able = []
    for entry in entries:
        if not entry["key"]:
            found[entry["uid"]] = Found(State.UNPINNED)
        elif SSH_KEY not in chosen[entry["uid"]]:
            found[entry["uid"]] = Found(State.NO_KEY, _("没有指定 SSH 密钥。在「凭据」里指定，再测试"))
        else:
            able.append(entry)
    found |= _entered(able, hosts[0].owner.code, folder)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda entry: _with_key_shown(found[entry["uid"]], entry), entries))


def _entered(entries: list[dict[str, Any]], org: str, folder: Path) -> dict[str, Found]:
    """What those hosts said that we have a key for; where a credential does not open, only its hosts stay shut."""
    if not entries:
        return {}
    try:
        with (
            open_for(folder, entries, what=_("连接测试"), org=org, seconds=SECONDS) as held,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            said = pool.map(lambda entry: visit(held, entry), entries)
            return dict(zip([one["uid"] for one in entries], said, strict=True))
    except Refused as why:
        everyone = frozenset(one["uid"] for one in entries)
        shut = (why.uids & everyone if isinstance(why, Shut) else everyone) or everyone
        told = {one["uid"]: Found(State.NO_KEY, why.reason) for one in entries if one["uid"] in shut}
    return told | _entered([one for one in entries if one["uid"] not in shut], org, folder)


def _with_key_shown(found: Found, entry: dict[str, Any]) -> Found:
    """Where no key or another one is pinned, what the host shows: proposed to people, never trusted here."""
    if found.state not in (State.UNPINNED, State.REFUSED):
        return found
    shown = offered_key(entry)
    if found.state == State.UNPINNED and not shown:
        return Found(State.UNREACHED, _("没有应答。检查主机是否开机、防火墙是否放行"))
    if found.state == State.UNPINNED:
        return Found(State.UNPINNED, _("主机出示了密钥。在主机上核对指纹后固定"), offered=shown)
    if shown == entry["key"]:
        shown = ""  # it shows both, or showed another for a moment
    return Found(State.REFUSED, _("主机出示的密钥不是固定的那把，已拒绝连接。查明原因前不要改"), offered=shown)


def _new_folder(name: str, fence: int) -> Path:
    """A folder of this piece of work; what one of its earlier lives or a killed worker left behind is ended.

    A later life has a folder of its own: one that was overtaken ends nothing of it.
    """
    attempts = Path(settings.CONFIG.data_dir) / "attempts"
    attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in attempts.glob("reach-*"):
        with suppress(OSError):
            stem, _dash, turn = left.name.rpartition("-")
            earlier = stem == name and turn.isdecimal() and int(turn) <= fence
            if earlier or time.time() - left.stat().st_mtime > STALE:
                end_agent(left)
                shutil.rmtree(left, ignore_errors=True)
    folder = attempts / f"{name}-{fence}"
    folder.mkdir(mode=0o700)
    return folder


def due(before: datetime) -> QuerySet[Host]:
    """Hosts that nobody waits for and that were not gone to since `before`."""
    rows = Host.objects.filter(retired_at=None).exclude(reaching__asked_at__isnull=False)
    return rows.exclude(reaching__at__gte=before)
