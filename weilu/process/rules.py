"""Who may act in a step, when it is done, where it may go: facts in, an answer or Refused out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused, Stale
from weilu.process.flow import Flow, Step

NOT_ONES_OWN = Clause("ROL-1")
NO_STEP_SKIPPED = Clause("CHG-1")


@dataclass(frozen=True)
class Gate:
    """A gate as it stands: its fact's key, whether it is open, and the line that proves or explains it."""

    key: str
    open: bool
    words: str
    stale: bool = False  # the fact is there, but for another digest


def outcome(step: Step, asked: Collection[int], agreed: Collection[int], refused: Collection[int]) -> str:
    """`done`, `returned` or `open`, from the ids of people asked, agreed and refused.

    With `veto: false` a refusal only takes a vote away: once too few are left to reach the number,
    the step is returned as well, for it could never be done.
    """
    if refused and step.veto:
        return "returned"
    needed = step.sign if isinstance(step.sign, int) else len(asked) if step.sign == "all" else 1
    if len(agreed) >= max(needed, 1):
        return "done"
    if len(asked) - len(refused) < needed:
        return "returned"
    return "open"


def check_enough(step: Step, people: Collection[int]) -> None:
    """NO_STEP_SKIPPED: a step is entered only when enough people exist who may act in it."""
    needed = step.sign if isinstance(step.sign, int) else 1
    if len(people) < needed:
        raise Refused(
            _("「%(step)s」没有够格的人可办（要 %(needed)d 人）") % {"step": step.title, "needed": needed},
            NO_STEP_SKIPPED,
            help=_("系统管理员可以指定有资格的人"),
        )


def barred(step: Step, acted: Mapping[str, Collection[int]]) -> frozenset[int]:
    """The ids of those who may not act in `step`, from who acted in which step (ROL-1)."""
    return frozenset(person for key in step.not_also for person in acted.get(key, ()))


def check_not_barred(flow: Flow, step: Step, person: int, acted: Mapping[str, Collection[int]]) -> None:
    """NOT_ONES_OWN: nobody approves what they themselves asked for, planned or executed."""
    for key in step.not_also:
        if person in acted.get(key, ()):
            raise Refused(
                _("这一步不能由您签：「%(done)s」是您办的") % {"done": flow.step(key).title},
                NOT_ONES_OWN,
                help=_("要由没有参与「%(done)s」的人签") % {"done": flow.step(key).title},
            )


def check_knows_steps(flow: str, missing: Sequence[str]) -> None:
    """NO_STEP_SKIPPED: an item goes on in another flow only where every step it has been at stands there as well."""
    if missing:
        words = {"flow": _(flow), "steps": _("、").join(missing)}
        raise Refused(_("流程「%(flow)s」里没有走过的步骤：%(steps)s") % words, NO_STEP_SKIPPED)


def check_turn(shown: int, present: int, since: int | None = None) -> None:
    """What the page showed must still be so: the turn is the present one, on one of several lines any `since` then."""
    if not (present if since is None else since) <= shown <= present:
        raise Stale(_("工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交"), NO_STEP_SKIPPED)


def check_form(step: Step, form: str) -> None:
    """NO_STEP_SKIPPED: a step with a form is done by filling it in, any other by a signature."""
    if step.form != form:
        raise Refused(_("「%(step)s」要填写内容，不能只签名") % {"step": step.title}, NO_STEP_SKIPPED)


def check_subject(shown: str, present: str) -> None:
    """A signature names the digest its signer saw."""
    if shown != present:
        raise Stale(_("方案在您打开页面之后已改。看过新方案再签"), NO_STEP_SKIPPED)


def check_gates(gates: Collection[Gate]) -> None:
    """Every gate of the step is open for the digest that is being signed."""
    closed = [gate for gate in gates if not gate.open]
    if closed:
        raise Refused(
            _("还差 %(count)d 项关口：%(words)s")
            % {"count": len(closed), "words": _("；").join(g.words for g in closed)},
            NO_STEP_SKIPPED,
        )


def check_return(flow: Flow, step: Step, to: str, visited: Collection[str]) -> None:
    """NO_STEP_SKIPPED: a return goes to an earlier visited step, one that the flow names where it names any."""
    known = [one.key for one in flow.steps]
    before = to in known and known.index(to) < known.index(step.key) and not flow.beside(step, flow.step(to))
    if not before or to not in visited:
        raise Refused(_("只能退回到前面走过的步骤"), NO_STEP_SKIPPED, field="to")
    if (step.back and to not in step.back) or flow.step(to).auto:
        allowed = _("、").join(_(flow.step(key).title) for key in step.back)
        raise Refused(_("这一步只能退回到：%(steps)s") % {"steps": allowed}, NO_STEP_SKIPPED, field="to")


def check_does_the_step(step: Step, added: bool) -> None:
    """NO_STEP_SKIPPED: who was added gives an opinion or a signature; the step's own work is not theirs."""
    if added:
        raise Refused(
            _("「%(step)s」不由您办：您是加签，只签意见") % {"step": step.title},
            NO_STEP_SKIPPED,
            help=_("用「签名」写意见"),
        )


def check_asked_first(names: Collection[str]) -> None:
    """Who was asked for an opinion before one signs has given it."""
    if names:
        raise Refused(
            _("您请 %(names)s 先签，还没有签") % {"names": _("、").join(names)},
            NO_STEP_SKIPPED,
            help=_("等加签的人签完，或请其转办"),
        )


def why_not_required(condition: str) -> str:
    """What is on record of a conditional step that an item does not need."""
    return _("不需要，因为 %(condition)s 不成立") % {"condition": condition}


def return_targets(flow: Flow, step: Step, visited: Collection[str]) -> list[Step]:
    """The steps that `check_return` lets a return go to, in order."""
    before = flow.steps[: flow.place(step.key)]
    return [
        one
        for one in before
        if one.key in visited
        and not one.auto
        and not flow.beside(step, one)
        and (not step.back or one.key in step.back)
    ]


def check_not_acted_on(since: str) -> None:
    """A signature is taken back only while nothing has followed from it; `since` says what has."""
    if since:
        raise Refused(_("已经不能撤回：%(since)s") % {"since": since}, NO_STEP_SKIPPED, help=_("请现在办理的人退回"))


def check_own_draft(own: bool, author: str) -> None:
    """What somebody writes is written and proposed by them alone: who wrote it is never in doubt."""
    if not own:
        raise Refused(_("这份草稿是%(name)s写的，只有本人可以改和送审") % {"name": author}, help=_("可以另写一份"))


def check_draft_open(is_open: bool) -> None:
    """A draft that was published or given up stays as it is."""
    if not is_open:
        raise Stale(_("这份草稿已经发布或放弃，不能再改"), help=_("另写一份"))


def check_proposed(proposed: bool) -> None:
    """Only what its author has proposed is published or sent back."""
    if not proposed:
        raise Stale(_("这份草稿不在待发布。可能已收回、退回或发布"))


def check_second_person(by: int, author: int) -> None:
    """NOT_ONES_OWN: nobody decides on the flow they wrote."""
    if by == author:
        raise Refused(
            _("这份流程是您写的，要由另一个人发布"), NOT_ONES_OWN, help=_("请有「发布流程」权限的另一个人看过再发布")
        )


def check_same_text(shown: str, present: str) -> None:
    """What is proposed or published is exactly what the page showed."""
    if shown != present:
        raise Stale(_("草稿在您打开页面之后已改。看过新内容再办"), field="source")


def check_based_on_newest(base: int, newest: int) -> None:
    """NO_STEP_SKIPPED: a draft never undoes a version that its author has not seen; numbers are 0 for none."""
    if base != newest:
        words = {"base": base, "newest": newest}
        said = _("已有第 %(newest)d 版，这份草稿是按第 %(base)d 版写的")
        if not base:
            said = _("已有第 %(newest)d 版，这份草稿不是按它写的")
        raise Stale(said % words, NO_STEP_SKIPPED, field="source", help=_("看过新版，把草稿改按最新版，再送审"))


def check_something_new(same: int) -> None:
    """A text that is a version already, byte for byte, is no other version; `same` is its number, 0 for none."""
    if same:
        said = _("与第 %(number)d 版一字不差") % {"number": same}
        raise Refused(said, field="source", help=_("要回到旧版，改一处再送审，例如加一行 # 说明"))
