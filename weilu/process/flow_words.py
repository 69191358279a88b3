"""A flow as people say it: whom a step asks, how many must agree, what is asked of them; and two flows compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from weilu.accounts.roles import ROLES
from weilu.process.flow import END, Flow, Step, Who
from weilu.process.vocabulary import fact_title


def who_words(who: Who, flow: Flow, people: Mapping[str, str]) -> str:
    """Whom an entry means; `people` names those who are asked for by their sign-in name."""
    match who.kind:
        case "requester":
            return _("发起人")
        case "dept_head":
            return _("发起人的部门负责人")
        case "system_owner":
            return _("系统的备份责任人")
        case "contract_engineer":
            return str(ROLES["engineer"].title)
        case "role":
            return str(ROLES[who.name].title) if who.name in ROLES else who.name
        case "actor":
            return _("办「%(step)s」的人") % {"step": title_of(flow, who.name)}
    return people.get(who.name, who.name)


def title_of(flow: Flow, key: str) -> str:
    """What people call a step, in the language of the page; a step the flow lacks shows its key."""
    found = next((step.title for step in flow.steps if step.key == key), None)
    return _(found) if found else key


def sign_words(step: Step) -> str:
    """How many of those asked must agree."""
    if step.sign == "all":
        return _("会签：每个人")
    if step.sign == "any":
        return _("或签：其中一人")
    return _("其中 %(count)d 人") % {"count": step.sign}


@dataclass(frozen=True)
class Described:
    """What is said of one step: a word and its value, in the order of a page."""

    step: Step
    said: tuple[tuple[str, str], ...]


def describe(step: Step, flow: Flow, people: Mapping[str, str], now: Flow | None = None) -> Described:
    """Everything a step says beside its key, empty values left out.

    Other steps are called what `now` calls them: one that only got another name is no difference here.
    """
    named = {one.key: one.title for one in (*flow.steps, *(now.steps if now else ()))}
    barred, back = (_listed(_(named[key]) for key in keys) for keys in (step.not_also, step.back))
    said = (
        (_("名称"), _(step.title)),
        (_("谁办"), _listed(who_words(who, now if now and who.name in named else flow, people) for who in step.who)),
        (_("自动"), step.auto),
        (_("几人同意"), "" if step.auto else sign_words(step)),
        (_("不同意"), "" if step.veto else _("只少一票，不退回")),
        (_("本人"), _("要本人办，不转办、不代办") if step.personal else ""),
        (_("不能是"), _("办过%(steps)s的人") % {"steps": barred} if step.not_also else ""),
        (_("关口"), _listed(fact_title(gate) for gate in step.gates)),
        (_("条件"), step.when.text if step.when else ""),
        (_("可退回到"), back),
        (_("退回之后"), _("直接回到这一步") if step.direct else ""),
        (_("时限"), hours_words(step.hours)),
        (_("表单"), step.form),
        (_("分支"), step.branch),
        (_("下一步"), _next_words(step, flow)),
        (_("按钮"), _(step.act) if step.act else ""),
        (_("图上的字"), pgettext("mark", step.mark) if step.mark else ""),
        (_("条款"), step.clause),
    )
    return Described(step, tuple((word, value) for word, value in said if value))


def hours_words(hours: int) -> str:
    """A deadline in working time."""
    return _("%(hours)d 工作小时") % {"hours": hours} if hours else ""


def _next_words(step: Step, flow: Flow) -> str:
    """Where a step leads, where that is not the next line."""
    place = flow.place(step.key)
    usual = flow.steps[place + 1].key if place + 1 < len(flow.steps) else END
    if step.branch or step.then == usual:
        return ""
    return _("结束") if step.then == END else title_of(flow, step.then)


def _listed(words: Iterable[str]) -> str:
    return _("、").join(words)


@dataclass(frozen=True)
class Difference:
    """What became of one step: `kind` is come, gone, moved or changed; `said` are word, old value and new value."""

    kind: str
    title: str
    key: str
    said: tuple[tuple[str, str, str], ...] = ()
    where: str = ""  # after which step it stands now


def differences(old: Flow, new: Flow, people: Mapping[str, str]) -> list[Difference]:
    """What a new version says otherwise, step by step, in the new order; removed steps last."""
    before = {step.key: step for step in old.steps}
    after = {step.key: step for step in new.steps}
    stayed = _in_place([step.key for step in old.steps], [step.key for step in new.steps])
    found = []
    for step in new.steps:
        was = before.get(step.key)
        if was is None:
            said = tuple((word, "", value) for word, value in describe(step, new, people).said[1:])
            found.append(Difference("come", _(step.title), step.key, said, _after(new, step)))
            continue
        changed = _changed(describe(was, old, people, new), describe(step, new, people))
        if step.key not in stayed:
            found.append(Difference("moved", _(step.title), step.key, changed, _after(new, step)))
        elif changed:
            found.append(Difference("changed", _(step.title), step.key, changed))
    gone = [step for step in old.steps if step.key not in after]
    return found + [Difference("gone", _(step.title), step.key) for step in gone]


def _changed(old: Described, new: Described) -> tuple[tuple[str, str, str], ...]:
    was, now = dict(old.said), dict(new.said)
    words = [*now, *(word for word in was if word not in now)]
    return tuple((word, was.get(word, ""), now.get(word, "")) for word in words if was.get(word) != now.get(word))


def _after(flow: Flow, step: Step) -> str:
    place = flow.place(step.key)
    return _(flow.steps[place - 1].title) if place else ""


def _in_place(old: list[str], new: list[str]) -> set[str]:
    """The keys of the longest run of steps that kept their order."""
    best: list[list[str]] = [[] for _key in new]
    for place, key in enumerate(new):
        if key not in old:
            continue
        before = [best[at] for at in range(place) if best[at] and old.index(best[at][-1]) < old.index(key)]
        best[place] = [*_longest(before), key]
    return set(_longest(best))


def _longest(runs: list[list[str]]) -> list[str]:
    return max(runs, key=lambda run: len(run), default=[])
