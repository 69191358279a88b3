"""What the page offers to do with a run, each with the hosts and minutes it concerns; the actions decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.execution.clocks import about
from weilu.execution.grid.batches import Counts
from weilu.execution.grid.reading import StepRow
from weilu.execution.grid.shape import Column
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run

SILENT = 60  # seconds after which a machine that holds a run may be declared dead


@dataclass(frozen=True)
class Facts:
    """What the sentences on the buttons name."""

    counts: Counts
    batch: str  # the one that goes on
    in_batch: int
    acting: bool  # a step goes on
    step_left: int  # seconds of it
    left: int
    back: int
    again: int  # of doing the failed ones again
    window_left: str
    changed: Sequence[str]  # the first names
    failed: Sequence[str]  # of those that can be tried again
    silent: int  # seconds since the machine that holds the run was last heard of


@dataclass(frozen=True)
class Act:
    """One button: it asks once, in these words."""

    name: str
    title: str
    icon: str
    words: str
    danger: bool = False
    why: bool = False  # a reason is asked for
    shut: bool = False  # the words say what has to be done first


def offered(run: Run, facts: Facts) -> list[Act]:
    """The acts that make sense now, in the order of the page."""
    found = []
    forward = run.phase == Run.Phase.FORWARD
    resting = run.state == Run.State.PAUSED
    if run.live and facts.silent > SILENT:
        found.append(Act("dead", _("工作机已停"), "server-2", _dead(run, facts)))
    if resting:
        found.append(Act("resume", _("继续"), "player-play", _resume(facts), why=run.paused_by_id is None))
    if run.state in (Run.State.QUEUED, Run.State.RUNNING) and run.paused_by_id is None:
        found.append(Act("pause", _("暂停"), "player-pause", _pause(facts)))
    if resting and forward and facts.counts.again:
        found.append(Act("retry", _("重试失败的"), "refresh", _retry(facts)))
    if resting and forward:
        found.append(Act("end", _("到此为止"), "flag", _end(facts), why=True))
    if run.live and run.cancelled_by_id is None and forward:
        found.append(Act("cancel", _("取消"), "square", _cancel(facts)))
    if run.live and facts.counts.changed and forward and run.purpose == Run.Purpose.CARRY_OUT:
        shut = run.state == Run.State.RUNNING and facts.acting
        words = _("有一步正在进行，约 %(span)s。先暂停，等它做完再回退。") % {"span": about(facts.step_left)}
        words = words if shut else _back(facts)
        found.append(Act("back", _("回退"), "arrow-back-up", words, danger=True, why=not shut, shut=shut))
    return found


def some_names(names: Sequence[str], number: int) -> str:
    """The first names, and how many there are when they are more."""
    said = _("、").join(names[:3])
    return _("%(names)s 等 %(n)d 台") % {"names": said, "n": number} if number > 3 else said


def _dead(run: Run, facts: Facts) -> str:
    words = _("工作机 %(name)s 已 %(span)s没有动静。确认它停了再点：别的工作机接手，先查明 %(n)d 台主机。")
    return words % {
        "name": run.holder.partition(" ")[0], "span": about(facts.silent), "n": max(facts.in_batch, 1),
    }  # fmt: skip


def _pause(facts: Facts) -> str:
    if not facts.in_batch:
        return _("还没有开始的 %(n)d 台先不开始，窗口剩余 %(left)s。") % {
            "n": facts.counts.waiting, "left": facts.window_left,
        }  # fmt: skip
    return _("%(batch)s的 %(n)d 台做完这一步后停下，约 %(span)s；没有开始的 %(waiting)d 台先不开始。") % {
        "batch": facts.batch, "n": facts.in_batch, "span": about(facts.step_left), "waiting": facts.counts.waiting,
    }  # fmt: skip


def _resume(facts: Facts) -> str:
    return _("接着做余下的 %(n)d 台，约 %(span)s；窗口剩余 %(left)s。") % {
        "n": facts.counts.open, "span": about(facts.left), "left": facts.window_left,
    }  # fmt: skip


def _retry(facts: Facts) -> str:
    number = facts.counts.again
    return _("只重做失败的 %(n)d 台：%(names)s，约 %(span)s。其余主机不动。") % {
        "n": number, "names": some_names(facts.failed, number), "span": about(facts.again),
    }  # fmt: skip


def _end(facts: Facts) -> str:
    told = {
        "waiting": facts.counts.waiting, "running": facts.counts.running, "done": facts.counts.done,
        "span": about(facts.back if facts.counts.running else 1),
    }  # fmt: skip
    return (
        _("没有开始的 %(waiting)d 台不做了，做到一半的 %(running)d 台恢复原样，做完的 %(done)d 台保留。约 %(span)s。")
        % told
    )


def _cancel(facts: Facts) -> str:
    if not facts.counts.changed:
        return _("%(n)d 台都不做了，还没有改变任何主机；约 %(span)s后结束。") % {
            "n": facts.counts.open, "span": about(facts.step_left),
        }  # fmt: skip
    return _end(facts)


def _back(facts: Facts) -> str:
    number = facts.counts.changed
    return _("已改变的 %(n)d 台恢复原样：%(names)s，约 %(span)s；窗口剩余 %(left)s。") % {
        "n": number, "names": some_names(facts.changed, number), "span": about(facts.back), "left": facts.window_left,
    }  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """One host that waits for a person's word."""

    ordinal: int
    name: str
    step: str
    words: str


@dataclass(frozen=True)
class Waiting:
    """What the run waits for people to do."""

    kind: str  # asks, manual, signature
    title: str
    words: str
    role: str
    hosts: list[Asking]
    step: int
    since: datetime | None

    @property
    def mark(self) -> tuple[object, ...]:
        return (self.kind, self.step, *(host.ordinal for host in self.hosts))


def waiting_for(columns: Sequence[Column], steps: Sequence[StepRow], asking: Sequence[Cell]) -> Waiting | None:
    """The judgement, the work or the signature that people owe this run; None where it goes on by itself."""
    if asking:
        hosts = [
            Asking(cell.host.ordinal, cell.host.name, cell.step.title, mask(cell.words or cell.host.words))
            for cell in asking
        ]
        since = min(cell.ended_at or cell.started_at for cell in asking)
        return Waiting("asks", asking[0].step.title, "", "engineer", hosts, asking[0].step_id, since)
    people = {column.key: column for column in columns if column.by_people}
    for row in steps:
        if row.key in people and row.state == "asks":
            column = people[row.key]
            role = column.role or "engineer"
            return Waiting(column.kind, column.title, column.words, role, [], row.id, row.started_at)
    return None
