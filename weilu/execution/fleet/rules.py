"""What a run on hosts decides by: when to stop, what the window's end means, what a lost result means. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI

MOST_FILES, LARGEST = 5, 20_000_000  # files of evidence, and bytes of each
IN_ITS_WINDOW = Clause("CHG-3")


@dataclass(frozen=True)
class Count:
    """How many hosts of a run ended well or not, over all batches begun."""

    done: int
    failed: int

    @property
    def ended(self) -> int:
        return self.done + self.failed


def stops(count: Count, least: int, below: int, canary: bool) -> str:
    """Why no further batch begins; empty when it may. A canary stands for all: not one of it may fail."""
    if canary and count.failed:
        return _("金丝雀 %(failed)d 台没有通过，后面的批次不开始") % {"failed": count.failed}
    if count.ended >= least and count.done * 100 < below * count.ended:
        return _("停止规则：已做完 %(ended)d 台，成功 %(done)d 台，低于 %(below)d%%") % {
            "ended": count.ended, "done": count.done, "below": below,
        }  # fmt: skip
    return ""


def check_fits(at: datetime, minutes: int, window_to: datetime) -> None:
    """IN_ITS_WINDOW: what does not end before the window does, by the plan's own word, is not begun."""
    if at + timedelta(minutes=minutes) > window_to:
        raise Refused(
            _("到窗口结束 %(end)s 只剩 %(left)d 分钟，方案需要 %(need)d 分钟，不开始")
            % {
                "end": window_to.astimezone(SHANGHAI).strftime("%m-%d %H:%M"),
                "left": max(0, int((window_to - at).total_seconds() // 60)),
                "need": minutes,
            },
            IN_ITS_WINDOW,
        )


def after_loss(policy: str, shown: str) -> str:
    """What follows when a result was lost: `do` again, `done`, or `ask` a person.

    `shown` is what the host itself shows of the step: done, undone or unknown; the policy is the plan's.
    """
    if shown == "done":
        return "done"
    if shown == "undone":
        return "ask" if policy == "ask" else "do"
    return "do" if policy == "idempotent" else "ask"


def how_it_ended(states: Sequence[str]) -> str:
    """The end of a run by the ends of its hosts: succeeded, went_back, partly, or failed.

    `failed` as long as a host is in no known state: it could not be brought back, or failed with no way back.
    """
    found = set(states)
    if found == {"done"}:
        return "succeeded"
    if found & {"stuck", "failed"}:
        return "failed"
    if "done" in found:
        return "partly"
    return "went_back" if "back" in found else "failed"


def check_answers(asking: Sequence[int], answers: Mapping[int, str]) -> None:
    """A person answers hosts that ask, and no other, each with one of the three words."""
    if not asking:
        raise Refused(_("这次执行没有在等人判断"))
    if not answers or not set(answers) <= set(asking):
        raise Refused(_("只回答等待判断的主机，至少一台"), field="answers")
    if set(answers.values()) - {"retry", "done", "give_up"}:
        raise Refused(_("回答应是重试、已完成或放弃"), field="answers")


def check_evidence(sizes: Sequence[tuple[str, int]]) -> None:
    """What shows that a step was taken by hand: one file or a few, none too large. Raises Refused."""
    if not sizes:
        raise Refused(_("附上能看出做过的文件，例如截图或记录"), field="files")
    if len(sizes) > MOST_FILES:
        raise Refused(_("证据文件有 %(n)d 个，最多 %(most)d 个") % {"n": len(sizes), "most": MOST_FILES}, field="files")
    for name, size in sizes:
        if size > LARGEST:
            raise Refused(_("「%(name)s」超过 20 MB，换一个小的") % {"name": name[:80]}, field="files")


def over_limit(wanted: Mapping[str, int], taken: Mapping[str, int], limits: Mapping[str, int]) -> str:
    """The first site, zone or group whose bound more hosts at once would pass; empty when all fit.

    A batch larger than a bound by itself is cut by the engine before, so waiting always helps.
    """
    for name, number in sorted(wanted.items()):
        if name in limits and number + taken.get(name, 0) > limits[name]:
            return name
    return ""
