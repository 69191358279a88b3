"""Whether an open item can go on under another version of its flow: what it has behind it must be so there too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.process.flow import Flow, Step
from weilu.process.rules import NO_STEP_SKIPPED
from weilu.process.vocabulary import Facets, fact_title

OPEN, DONE, SKIPPED = "open", "done", "not-required"
People = frozenset[int]
NOBODY: People = frozenset()


@dataclass(frozen=True)
class Past:
    """What an item has behind it, as far as another flow must agree with it."""

    facets: Facets
    visits: Sequence[tuple[str, str]]  # step and outcome of every visit, in order
    agreed: Mapping[str, People] = field(default_factory=dict)  # by step: who agreed in any of its visits
    signed: Mapping[str, People] = field(default_factory=dict)  # by step: who agreed in its newest finished visit
    holding: Collection[str] = ()  # facts that hold for the present subject
    resumes: Collection[str] = ()  # steps that open visits lead straight back to
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def present(self) -> list[str]:
        """The steps the item is at."""
        return [step for step, outcome in self.visits if outcome == OPEN]

    @property
    def newest(self) -> dict[str, str]:
        """How the last visit of each step ended."""
        return dict(self.visits)


def check_may_move(old: Flow, new: Flow, past: Past) -> None:
    """NO_STEP_SKIPPED: an item changes its flow only where nothing it has passed would be missing or otherwise."""
    why = in_the_way(old, new, past)
    if why:
        raise Refused(
            _("不能迁到新版：%(why)s") % {"why": _("；").join(why)}, NO_STEP_SKIPPED, help=_("让它按原来的版本办完")
        )


def in_the_way(old: Flow, new: Flow, past: Past) -> list[str]:
    """Every reason why the item cannot go on under `new`, in words; empty when it can."""
    been = list(past.newest)
    known = {step.key for step in new.steps}
    gone = [key for key in dict.fromkeys([*been, *past.resumes]) if key not in known]
    if gone:
        return [_("新版没有「%(step)s」，这张工单走过那里") % {"step": _(old.step(key).title)} for key in gone]
    found = [why for key in been for why in _otherwise(old.step(key), new.step(key), past)]
    found += _order(old, new, been)
    for step in new.steps:
        if _is_before(new, step, past):
            found += _passed_by(step, past)
            if past.newest.get(step.key) == DONE and not step.auto:
                found += _signed_otherwise(old.step(step.key), step, new, past)
    return list(dict.fromkeys(found))


def _otherwise(old: Step, new: Step, past: Past) -> Iterator[str]:
    """What a visited step may not change: how it is done; and whom it asks, while a form is filled in there."""
    words = {"step": _(old.title)}
    if old.auto != new.auto or (old.form != new.form and past.newest[old.key] != SKIPPED):
        yield _("「%(step)s」的办法改了") % words
    elif new.form and old.key in past.present and _who(old) != _who(new):
        yield _("「%(step)s」正在填写，新版请的人不同") % words


def _order(old: Flow, new: Flow, been: list[str]) -> Iterator[str]:
    """Visited steps keep their order and their lines."""
    before = [step.key for step in old.steps if step.key in been]
    after = [step.key for step in new.steps if step.key in been]
    if before != after:
        yield _("走过的步骤在新版里顺序不同")
    for key in been:
        if _lines(old, old.step(key)) != _lines(new, new.step(key)):
            yield _("「%(step)s」所在的分支改了") % {"step": _(old.step(key).title)}


def _lines(flow: Flow, step: Step) -> list[tuple[str, str]]:
    return [(one.key, one.branch) for one in flow.section(step)] if step.branch else []


def _is_before(flow: Flow, step: Step, past: Past) -> bool:
    """Whether the item has been past `step`: it stands before where the item is, or where it goes straight back to."""
    ahead = [flow.step(key) for key in (*past.present, *past.resumes)]
    return any(flow.place(step.key) < flow.place(one.key) and not flow.beside(step, one) for one in ahead)


def _passed_by(step: Step, past: Past) -> Iterator[str]:
    needed = step.when is None or step.when.holds(past.facets)
    if step.key in past.present or not needed:
        return
    if step.key not in past.newest:
        yield _("新版在前面多了「%(step)s」，这张工单没有办过") % {"step": _(step.title)}
    elif past.newest[step.key] == SKIPPED:
        yield _("新版要办「%(step)s」，这张工单没有办过") % {"step": _(step.title)}


def _signed_otherwise(old: Step, new: Step, flow: Flow, past: Past) -> Iterator[str]:
    """Signatures given count only as what the new version asks for as well."""
    words = {"step": _(new.title)}
    if _who(old) != _who(new):
        yield _("「%(step)s」请的人改了，签过的不能算数") % words
    elif _needed(new) > _needed(old):
        yield _("「%(step)s」要更多人同意，签过的不够") % words
    for key in new.not_also:
        for person in sorted(past.agreed.get(key, NOBODY) & past.signed.get(new.key, NOBODY)):
            said = {"step": _(new.title), "name": past.names.get(person, ""), "barred": _(flow.step(key).title)}
            yield _("「%(step)s」是%(name)s签的，新版要办过「%(barred)s」的人回避") % said
    missing = [gate for gate in new.gates if gate not in old.gates and gate not in past.holding]
    if missing:
        gates = _("、").join(fact_title(gate) for gate in missing)
        yield _("「%(step)s」多了关口，还没有记录：%(gates)s") % (words | {"gates": gates})


def _who(step: Step) -> set[str]:
    return {str(who) for who in step.who}


def _needed(step: Step) -> float:
    return step.sign if isinstance(step.sign, int) else inf if step.sign == "all" else 1


@dataclass(frozen=True)
class Seated:
    """One place in an open visit as it is: whose, on whose authority, and whether it counts among those who agree."""

    person: int
    authority: int  # whom the flow asked: the person, or who handed the place on
    counts: bool
    agreed: bool
    asked_by: int = 0  # of an added signer


@dataclass(frozen=True)
class Reseating:
    """What becomes of the places in an open visit: who leaves, who comes."""

    leave: People
    come: People


def reseat(step: Step, seats: Sequence[Seated], asked: Collection[int], names: Mapping[int, str]) -> Reseating:
    """The places of `step` when the flow asks `asked` now; raises Refused where a signature would be lost.

    Whoever is asked still keeps their place; added signers go with who added them, before whom they were to sign.
    """
    meant = set(asked)
    lost = [one for one in seats if one.counts and one.agreed and not meant & {one.person, one.authority}]
    for one in lost:
        words = {"step": _(step.title), "name": names.get(one.person, "")}
        raise Refused(_("不能迁到新版：%(name)s签了「%(step)s」，新版不请他签") % words, NO_STEP_SKIPPED)
    leave = {one.person for one in seats if one.counts and not one.agreed and not meant & {one.person, one.authority}}
    leave |= {one.person for one in seats if not one.counts and not one.agreed and one.asked_by in leave}
    held = {one.person for one in seats} | {one.authority for one in seats if one.counts}
    return Reseating(frozenset(leave), frozenset(meant - held))
