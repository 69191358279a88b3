"""Random people do random things to an item, many of them turned down; the laws of `laws.py` hold after each act.

`WEILU_WALKS` says how many walks to take of each flow; the default keeps a run under a minute.
A failure names the law, the seed of the walk, and every act that was done on it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.cast import Cast, system_of
from tests.process.laws import LAWS, Act, Book
from tests.process.test_actions import HEAD
from tests.process.walking import Map, Photo, Row, photograph
from weilu.accounts.actions import add_person, give_role
from weilu.accounts.models import Person, RoleHolding
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process import hand
from weilu.process.absence import delegate, end_delegation
from weilu.process.actions import conclude_step, open_item, refuse_step, return_item, sign_step
from weilu.process.flow_actions import install_flow
from weilu.process.models import Delegation, Seat, WorkItem

WALKS = int(os.environ.get("WEILU_WALKS", "0"))
LENGTH = 60  # tries in a walk
HEADS = "role(technical_head)"
VOTERS = "[role(technical_head), role(leader), role(security_office)]"
NUMBERS = f"""
  - {{key: vote, title: 表决, who: {VOTERS}, sign: 2, veto: false, not_also: [ask], hours: 8}}
  - {{key: safe, title: 安全, who: role(security_office), sign: any, when: running == true, not_also: [ask]}}
  - {{key: tell, title: 通知, auto: test.tell}}
  - {{key: alone, title: 亲办, who: role(leader), sign: any, personal: true}}
  - {{key: both, title: 会签, who: [role(technical_head), role(leader)], sign: all, resume: direct, back: [ask, alone]}}
  - {{key: last, title: 确认, who: [requester, actor(alone)], sign: any}}
"""
LINES = f"""
  - {{key: head, title: 审核, who: {HEADS}, sign: any, not_also: [ask]}}
  - {{key: data, title: 数据, who: {HEADS}, sign: any, branch: 数据}}
  - {{key: data_check, title: 复核, who: role(leader), sign: any, not_also: [data], back: [data, ask], branch: 数据}}
  - {{key: net, title: 网络, who: role(security_office), sign: any, resume: direct, branch: 网络, hours: 4}}
  - {{key: net_safe, title: 加固, who: {HEADS}, when: importance == 'important', branch: 网络}}
  - {{key: paper, title: 文书, who: role(leader), when: running == true, sign: any, branch: 文书}}
  - {{key: all, title: 会签, who: [role(technical_head), role(leader)], sign: all, resume: direct}}
  - {{key: last, title: 确认, who: requester}}
"""
JOINED_LAST = f"""
  - {{key: plan, title: 方案, who: {VOTERS}, sign: any}}
  - {{key: make, title: 制作, who: {HEADS}, sign: any, branch: 甲}}
  - {{key: tell, title: 通知, auto: test.tell, branch: 甲}}
  - {{key: try, title: 试用, who: {VOTERS}, sign: 2, veto: false, not_also: [ask], branch: 乙}}
  - {{key: sure, title: 亲签, who: role(leader), personal: true, sign: any, resume: direct, branch: 乙}}
"""
FLOWS = {"numbers": NUMBERS, "lines": LINES, "joined": JOINED_LAST}
DONE: Counter[str] = Counter()  # acts that were done, of all walks


class Walk:
    """One item, and whatever people try with it."""

    def __init__(self, cast: Cast, steps: str, seed: int) -> None:
        self.cast, self.seed, self.chance = cast, seed, Random(seed)
        self.home = [cast.wang, cast.li, cast.zhao, cast.qian, cast.wu, cast.zheng]
        running, important = self.chance.random() < 0.7, self.chance.random() < 0.7
        facets = {"running": running, "importance": "important" if important else "normal"}
        install_flow(cast.jz, HEAD + steps)
        item = open_item(
            cast.wang, system=system_of(cast, running=running), kind="test", series="CS", title="试一试",
            flow="test.flow", facets=facets, words="",
        )  # fmt: skip
        self.item_id = item.id
        self.done: list[Act] = []
        self.last: Photo | None = None
        self.book = Book(Map.of(HEAD + steps, {"safe": running, "paper": running, "net_safe": important}), cast.wang.id)
        self.book.learn(self.photo)

    def take(self) -> None:
        tries = [act for act, weight in WEIGHTS.items() for _ in range(weight)]
        for _try in range(LENGTH):
            self.chance.choice(tries)(self)
            if self.photo.item["state"] == "closed":
                self.chance.choice(tries)(self)  # nothing moves it any more
                return
        self.everybody_does_what_they_are_asked()

    @property
    def photo(self) -> Photo:
        """The item as it stands, looked at once after each change."""
        if self.last is None:
            self.last = photograph(self.item_id)
        return self.last

    @property
    def item(self) -> WorkItem:
        return WorkItem.objects.select_related("flow", "owner").get(id=self.item_id)

    def person(self, number: int) -> Person:
        return Person.objects.select_related("organisation").get(id=number)

    def somebody(self) -> Person:
        """Mostly somebody who is waited for, stands in for them or did so once, now and then anybody."""
        asked = [one["person_id"] for one in self.photo.open_seats()]
        asked += [deputy for deputy, absent in sorted(self.deputies()) if absent in asked]
        return self.person(self.chance.choice(asked)) if asked and self.chance.random() < 0.9 else self.anybody()

    def deputies(self) -> set[tuple[int, int]]:
        """Who was ever named for an absence, with the absent one."""
        absences: dict[int, Row] = self.photo.rest["absences"]  # type: ignore[assignment]
        return {(one["delegate_id"], one["person_id"]) for one in absences.values()}

    def anybody(self) -> Person:
        strangers = [self.cast.chen, self.cast.sun]
        return self.person(self.chance.choice(self.home if self.chance.random() < 0.95 else strangers).id)

    def step_of(self, person: Person) -> str:
        """A step in which the person, or whom they stand in for, is waited for."""
        absent = {who for deputy, who in self.deputies() if deputy == person.id}
        own = [one for one in self.photo.open_seats() if one["person_id"] == person.id]
        found = own or [one for one in self.photo.open_seats() if one["person_id"] in absent]
        return str(self.photo.visits[self.chance.choice(found)["visit_id"]]["step"]) if found else ""

    def attempt(self, act: Act, do: Callable[[], object]) -> bool:
        """Do it; refused it changes nothing, done it keeps every law."""
        before = self.photo
        if act.by and act.by not in before.active:
            return False
        try:
            do()
        except Refused:
            assert photograph(self.item_id).record == before.record, (self.seed, act, self.done)
            return False
        self.last = after = photograph(self.item_id)
        self.book.learn(after)
        self.done.append(act)
        DONE[act.kind] += 1
        for law in LAWS:
            try:
                law(self.book, before, after, act)
            except (AssertionError, LookupError) as broken:
                raise AssertionError(law.__name__, str(broken), self.seed, self.done) from broken
        return True

    def sign(self) -> None:
        person = self.somebody()
        item, step = self.item, self.step_of(person)
        self.attempt(Act("sign", person.id), lambda: sign_step(person, item, turn=item.turn, step=step))

    def sign_an_old_page(self) -> None:
        """Refused when the item, or of several lines the visit, has moved on since."""
        person = self.somebody()
        item, step = self.item, self.step_of(person)
        turn = item.turn - self.chance.randint(1, 3)
        opened = [one["turn"] for one in self.photo.open_visits() if one["step"] == step]
        branched = any("branch" in one for one in self.book.flow.steps)
        went = self.attempt(Act("sign", person.id), lambda: sign_step(person, item, turn=turn, step=step))
        assert not went or (branched and turn >= opened[0]), (self.seed, self.done)

    def refuse(self) -> None:
        person = self.somebody()
        item, step = self.item, self.step_of(person)
        act = Act("refuse", person.id)
        self.attempt(act, lambda: refuse_step(person, item, turn=item.turn, words="不赞成。", step=step))

    def send_back(self) -> None:
        person, target = self.somebody(), self.chance.choice(self.book.flow.keys)
        item, step = self.item, self.step_of(person)
        act = Act("return", person.id, to=target)
        self.attempt(act, lambda: return_item(person, item, turn=item.turn, to=target, words="退。", step=step))

    def take_back(self) -> None:
        """Mostly whoever spoke lately."""
        said = self.photo.effective()[-2:]
        lately = said and self.chance.random() < 0.8
        person = self.person(self.chance.choice(said)["person_id"]) if lately else self.anybody()
        item = self.item
        self.attempt(Act("withdraw", person.id), lambda: hand.withdraw(person, item, turn=item.turn))

    def hand_on(self) -> None:
        person, whom = self.somebody(), self.anybody()
        item, step = self.item, self.step_of(person)
        act = Act("transfer", person.id, whom.id)
        self.attempt(act, lambda: hand.transfer(person, item, turn=item.turn, to=whom, words="转。", step=step))

    def give_away(self) -> None:
        """The administrator names somebody else."""
        holder, whom, item = self.somebody(), self.anybody(), self.item
        chief, step = self.person(self.cast.zheng.id), self.step_of(holder)
        act = Act("give", chief.id, whom.id)
        self.attempt(
            act, lambda: hand.transfer(chief, item, turn=item.turn, to=whom, words="转。", of=holder, step=step)
        )

    def add(self) -> None:
        person, whom = self.somebody(), self.anybody()
        item, step, first = self.item, self.step_of(person), self.chance.random() < 0.5
        act = Act("before" if first else "after", person.id, whom.id)
        self.attempt(
            act,
            lambda: hand.add_signer(person, item, turn=item.turn, person=whom, before=first, words="看看。", step=step),
        )

    def the_machine_goes_on(self) -> None:
        for step in [one["step"] for one in self.photo.open_visits() if "auto" in self.book.flow[one["step"]]]:
            self.attempt(Act("conclude"), lambda step=step: _conclude(self.item, step))

    def be_absent(self) -> None:
        person, deputy, hours = self.somebody(), self.anybody(), self.chance.choice([-4, -3, -2, -1, 3])
        before = sorted(self.deputies())
        if before and self.chance.random() < 0.5:  # one for several
            deputy = self.person(before[0][0])
        since = now() + timedelta(hours=hours, minutes=30)
        until = since + timedelta(hours=self.chance.randint(1, 30))
        self.attempt(
            Act("other", person.id),
            lambda: delegate(
                person, owner=self.cast.jz, person=person, delegate=deputy, since=since, until=until, reason="出差"
            ),
        )

    def be_back(self) -> None:
        made = Delegation.objects.filter(ended_at=None).order_by("id").first()
        if made is not None:
            person = self.person(made.person_id)
            self.attempt(Act("other", person.id), lambda: end_delegation(person, made))

    def time_passes(self) -> None:
        """Absences lie as much further back."""
        by = timedelta(hours=self.chance.randint(1, 9))
        Delegation.objects.update(since=F("since") - by, until=F("until") - by)
        self.last = None

    def a_role_ends_or_is_given_again(self) -> None:
        held = RoleHolding.objects.filter(owner=self.cast.jz).exclude(role="administrator")
        one = self.chance.choice(list(held.order_by("id")))
        RoleHolding.objects.filter(id=one.id).update(until=self.chance.choice([None, now()]))
        self.last = None

    def somebody_leaves_or_comes_again(self) -> None:
        away = Person.objects.filter(is_active=False).order_by("id")
        for one in [*away][:1] or [self.chance.choice(self.home[:5])]:
            Person.objects.filter(id=one.id).update(is_active=bool(away))
        self.last = None

    def press_and_let_know(self) -> None:
        person, whom, item = self.somebody(), self.anybody(), self.item
        self.attempt(Act("other", person.id), lambda: hand.urge(person, item))
        self.attempt(Act("other", person.id), lambda: hand.copy_to(person, item, people=[whom], words=""))

    def everybody_does_what_they_are_asked(self) -> None:
        """The item ends: roles and people as at first, newcomers where duties are separated, and all sign."""
        RoleHolding.objects.update(until=None)
        Person.objects.update(is_active=True)
        Delegation.objects.update(ended_at=now())
        for username in ("xinren", "xinren2"):
            fresh = add_person(None, self.cast.jz, username=username, name="新人", password="x" * 12)
            for role in ("technical_head", "leader", "security_office"):
                give_role(None, fresh, self.cast.jz, role)
        self.last = None
        for _round in range(40):
            self.the_machine_goes_on()
            if self.photo.item["state"] == "closed":
                return
            seats = [one["id"] for one in self.photo.open_seats()]
            went = [self._sign_from(seat) for seat in reversed(seats)]
            assert any(went) or not seats, (self.seed, self.done)
        raise AssertionError("it does not end", self.seed, self.done)

    def _sign_from(self, number: int) -> bool:
        seat = Seat.objects.filter(id=number, open=True).select_related("visit").first()
        if seat is None:
            return False
        person, item, step = self.person(seat.person_id), self.item, seat.visit.step
        return self.attempt(Act("sign", person.id), lambda: sign_step(person, item, turn=item.turn, step=step))


def _conclude(item: WorkItem, step: str) -> None:
    with transaction.atomic():
        conclude_step(item, step, "已通知")


WEIGHTS: dict[Callable[[Walk], None], int] = {
    Walk.sign: 7, Walk.sign_an_old_page: 1, Walk.refuse: 3, Walk.send_back: 5, Walk.take_back: 5, Walk.hand_on: 6,
    Walk.give_away: 3, Walk.add: 5, Walk.the_machine_goes_on: 2, Walk.be_absent: 4, Walk.be_back: 1,
    Walk.time_passes: 1, Walk.a_role_ends_or_is_given_again: 1, Walk.somebody_leaves_or_comes_again: 1,
    Walk.press_and_let_know: 1,
}  # fmt: skip


@pytest.mark.timeout(max(120, WALKS * 20))
@pytest.mark.parametrize("flow", list(FLOWS))
def test_whatever_people_do_every_law_holds_and_the_item_can_end(cast: Cast, flow: str) -> None:
    for person, roles in ((cast.wang, ["technical_head"]), (cast.li, ["technical_head", "leader"]),
                          (cast.wu, ["leader"]), (cast.zheng, ["security_office"])):  # fmt: skip
        for role in roles:
            give_role(None, person, cast.jz, role)
    DONE.clear()

    @settings(
        max_examples=WALKS or 6, deadline=None, derandomize=not WALKS, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(seed=st.integers(0, 2**60))
    def walk(seed: int) -> None:
        undo = transaction.savepoint()
        try:
            Walk(cast, FLOWS[flow], seed).take()
        finally:
            transaction.savepoint_rollback(undo)

    walk()
    assert set(DONE) >= {"sign", "return", "withdraw", "transfer", "before", "after"}, DONE
