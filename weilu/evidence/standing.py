"""How far each side's witness has come, for the pages: in the strip, beside each checkpoint, and in the limits."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from weilu.evidence.models import Checkpoint, Cosignature, Witness
from weilu.evidence.witnesses import ALARMS, newest_cosignatures
from weilu.evidence.words import finding_words
from weilu.kernel.times import now


@dataclass(frozen=True)
class Cell:
    """A state with its word and what stands behind it."""

    state: str
    word: str
    behind: str = ""


@dataclass(frozen=True)
class Standing:
    """One side's witness: the active one, and the newest of what any of this side has signed."""

    side: str
    title: str
    witness: Witness | None
    newest: Cosignature | None
    cell: Cell

    @property
    def size(self) -> int:
        return self.newest.checkpoint.size if self.newest else 0

    @property
    def trouble(self) -> str:
        """What stands against the witness; "" where all is well."""
        return finding_words(self.witness.finding, self.witness.finding_size) if self.witness else ""

    @property
    def alarm(self) -> bool:
        """Whether the histories disagree, rather than nobody answering."""
        return self.witness is not None and self.witness.finding in ALARMS


def standings(newest: Checkpoint | None, size: int) -> list[Standing]:
    """Customer's and vendor's, in this order, against the log's newest checkpoint and its size."""
    witnesses, signed = list(Witness.objects.order_by("id")), newest_cosignatures()
    return [_standing(side, str(title), [one for one in witnesses if one.side == side], signed, newest, size)
            for side, title in Witness.Side.choices]  # fmt: skip


def _standing(
    side: str, title: str, mine: list[Witness], by: dict[int, Cosignature], last: Checkpoint | None, size: int
) -> Standing:
    active = next((one for one in mine if one.retired_at is None), None)
    signed = [by[one.id] for one in mine if one.id in by]
    newest = max(signed, key=lambda one: one.checkpoint.size, default=None)
    return Standing(side, title, active, newest, _state(active, newest, last, size))


def _state(witness: Witness | None, newest: Cosignature | None, last: Checkpoint | None, size: int) -> Cell:
    if witness is None:
        return Cell("watch", _("没有"))
    if witness.finding in ALARMS:
        return Cell("refused", _("不认这份日志"))
    if last is not None and newest is not None and newest.checkpoint_id == last.id:
        return Cell("passed", _("跟上"), _("滞后 %(time)s") % {"time": elapsed(newest.at - last.at)})
    missing = size - (newest.checkpoint.size if newest else 0)
    since = witness.finding_since
    silent = _("%(time)s未应答") % {"time": elapsed(now() - since)} if since and witness.finding == "no_answer" else ""
    return Cell("watch", _("落后 %(count)s 条") % {"count": f"{missing:,}"}, silent)


def elapsed(time: timedelta) -> str:
    """`12 秒`, `3 分`, `2 小时`, `4 天`: whole units, never below zero."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 60:
        return _("%(n)d 秒") % {"n": seconds}
    if seconds < 3600:
        return _("%(n)d 分") % {"n": seconds // 60}
    if seconds < 86400:
        return _("%(n)d 小时") % {"n": seconds // 3600}
    return _("%(n)d 天") % {"n": seconds // 86400}


def rows(checkpoints: Sequence[Checkpoint], sides: Sequence[Standing]) -> list[tuple[Checkpoint, list[Cell]]]:
    """Each checkpoint with what either side's witness says of it."""
    signed: dict[tuple[int, str], Cosignature] = {}
    for one in Cosignature.objects.filter(checkpoint__in=checkpoints).select_related("witness"):
        signed[one.checkpoint_id, one.witness.side] = one
    return [(point, [_cell(point, side, signed.get((point.id, side.side))) for side in sides]) for point in checkpoints]


def _cell(checkpoint: Checkpoint, side: Standing, own: Cosignature | None) -> Cell:
    if own is not None:
        return Cell("passed", _("已见证"), _("滞后 %(time)s") % {"time": elapsed(own.at - checkpoint.at)})
    if side.size > checkpoint.size:
        return Cell("passed", _("已见证"), _("由 %(size)s 盖住") % {"size": f"{side.size:,}"})
    if side.witness is None:
        return Cell("idle", _("无见证"))
    return Cell("watch", _("待见证"), _("落后 %(count)s 条") % {"count": f"{checkpoint.size - side.size:,}"})


def first_limit(sides: Sequence[Standing]) -> str:
    """What the witnesses there are leave unproved: the first line of the limits."""
    active = [side.witness for side in sides if side.witness is not None]
    if not active:
        return _("日志没有被维录的运行者整个重写。还没有见证，只有维录自己的签名。")
    hosts = [urlsplit(one.url).hostname or "" for one in active]
    if all(is_here(host) for host in hosts):
        return _("见证与维录运行在同一台机器上，对外什么也不能证明。把它们移到双方各自的机器上。")
    if len(active) == 2 and hosts[0] and hosts[0] == hosts[1]:
        return _("两个见证运行在同一台机器上，对外什么也不能证明。把它们移到双方各自的机器上。")
    if len(active) == 1:
        return _("只有一方有见证：另一方没有，不能排除有见证的一方与维录的运行者串通。")
    return _("甲乙双方串通。需要时请第三方再设一个见证。")


def is_here(host: str) -> bool:
    """Whether this host is Weilu's own machine, by its address; by file nobody knows."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
