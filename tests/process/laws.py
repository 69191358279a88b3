"""What holds after every act on an item, said from the table of the design and not from the code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.process.walking import Map, Photo, Row
from weilu.accounts.models import Person
from weilu.evidence.models import Staged

ADDED = ("before", "after")


@dataclass
class Book:
    """What a walk remembers besides the rows: when things came about, and on whose authority a place is held."""

    flow: Map
    requester: int
    births: dict[tuple[str, int], int] = field(default_factory=dict)
    count: int = 0
    asked: dict[int, int] = field(default_factory=dict)  # how many each visit asked when it was opened
    authority: dict[tuple[int, int], int] = field(default_factory=dict)  # (visit, person): whom the flow asked
    straight: dict[int, str] = field(default_factory=dict)  # visits after whose end the item goes straight to a step

    def learn(self, after: Photo) -> None:
        """Number what is new."""
        self.count += 1
        for kind, known in (("visit", after.visits), ("opinion", after.opinions)):
            for key in known:
                self.births.setdefault((kind, key), self.count)
        for visit in set(after.visits) - set(self.asked):
            seats = [one for one in after.seats_of(visit) if one["part"] == "asked"]
            self.asked[visit] = len(seats)
            self.authority |= {(visit, one["person_id"]): one["person_id"] for one in seats}
            if after.visits[visit]["step"] == self.flow.keys[0]:
                self.authority[visit, self.requester] = self.requester


@dataclass(frozen=True)
class Act:
    """What somebody did."""

    kind: str  # sign, refuse, return, withdraw, transfer, give, before, after, conclude, other
    by: int = 0
    whom: int = 0
    to: str = ""


def acted(book: Book, photo: Photo, step: str) -> set[int]:
    """Everybody who counts as having acted in `step`: who agreed, in whose name, and who asked for it all."""
    found = {book.requester} if step == book.flow.keys[0] else set()
    for one in photo.effective():
        if one["act"] == "agree" and photo.at_step(one) == step:
            found |= {one["person_id"], one["on_behalf_id"]} - {None}
    return found


def shut_out(book: Book, photo: Photo, step: str) -> set[int]:
    return {person for key in book.flow[step].get("not_also", []) for person in acted(book, photo, key)}


def one_open_visit_per_person_and_step(book: Book, before: Photo, after: Photo, act: Act) -> None:
    steps = [one["step"] for one in after.open_visits()]
    assert len(steps) == len(set(steps))
    lines = [book.flow[step].get("branch") for step in steps]
    assert len(lines) == len(set(lines)), steps
    assert len({tuple(book.flow.section(step)) for step in steps}) <= 1
    seats = [(one["visit_id"], one["person_id"]) for one in after.seats.values()]
    assert len(seats) == len(set(seats))
    assert {one["visit_id"] for one in after.open_seats()} <= {one["id"] for one in after.open_visits()}
    ordinals = Counter(one["step"] for one in after.visits.values())
    for step, number in ordinals.items():
        assert sorted(one["ordinal"] for one in after.visits.values() if one["step"] == step) == [*range(1, number + 1)]


def opinions_never_change(book: Book, before: Photo, after: Photo, act: Act) -> None:
    assert {key: after.opinions.get(key) for key in before.opinions} == before.opinions
    assert {key: after.taken.get(key) for key in before.taken} == before.taken
    fresh = [one for key, one in after.opinions.items() if key not in before.opinions]
    assert len(fresh) == (act.kind in ("sign", "refuse", "return"))
    for one in fresh:
        assert (one["person_id"], one["act"]) == (act.by, "agree" if act.kind == "sign" else act.kind)
        said = Staged.objects.get(ref=one["evidence"]).said
        absent = Person.objects.get(id=one["on_behalf_id"]).actor if one["on_behalf_id"] else None
        assert (said["actor"], said["data"]["act"]) == (Person.objects.get(id=act.by).actor, one["act"])
        assert said["data"].get("on_behalf") == absent
    for key in set(after.taken) - set(before.taken):
        assert (act.kind, act.by) == ("withdraw", after.opinions[key]["person_id"])
    closed = {key: one for key, one in before.visits.items() if one["outcome"] != "open"}
    changed = [key for key, one in closed.items() if after.visits[key] != one]
    assert changed == [] or (act.kind == "withdraw" and len(changed) == 1)


def nobody_barred_ever_signs(book: Book, before: Photo, after: Photo, act: Act) -> None:
    for key in set(after.opinions) - set(before.opinions):
        one = after.opinions[key]
        if one["act"] != "return":
            barred = shut_out(book, before, before.at_step(one))
            assert not barred & {one["person_id"], one["on_behalf_id"]}
    for key, seat in after.seats.items():
        if seat["open"] and (key not in before.seats or not before.seats[key]["open"]) and act.kind != "withdraw":
            assert seat["person_id"] not in shut_out(book, before, after.visits[seat["visit_id"]]["step"])


def it_ends_or_waits_for_somebody_named(book: Book, before: Photo, after: Photo, act: Act) -> None:
    open_visits = after.open_visits()
    assert (after.item["state"] == "closed") == (not open_visits)
    for visit in open_visits:
        waiting = [one for one in after.seats_of(visit["id"]) if one["open"]]
        assert bool(waiting) != ("auto" in book.flow[visit["step"]]), visit["step"]
    first = min((one["step"] for one in open_visits), key=book.flow.place, default="")
    assert after.item["step"] == first
    dues = [one["due_at"] for one in open_visits if one["due_at"]]
    assert after.item["due_at"] == min(dues, default=None)


def only_whom_the_step_asks_speaks_and_once(book: Book, before: Photo, after: Photo, act: Act) -> None:
    for key in set(after.opinions) - set(before.opinions):
        one = after.opinions[key]
        holder, visit = one["on_behalf_id"] or one["person_id"], one["visit_id"]
        step = book.flow[before.at_step(one)]
        seat = next(row for row in before.seats_of(visit) if row["person_id"] == holder)
        assert seat["open"]
        assert act.by in before.active
        if one["on_behalf_id"]:
            assert (act.by, holder) in before.standing
            assert seat["part"] in ADDED or not step.get("personal")
        if seat["part"] == "asked":
            assert may(book, before, book.authority[visit, holder], step)
        if one["act"] != "return":
            asked_first = [row for row in before.seats_of(visit) if row["part"] == "before"]
            assert not [row for row in asked_first if row["asked_by_id"] == holder and row["open"]]
        if one["act"] == "refuse":
            assert step.get("veto") is False or seat["part"] == "before"
    for seat in (one for key, one in after.seats.items() if key not in before.seats and not one["asked_by_id"]):
        assert may(book, before, seat["person_id"], book.flow[after.visits[seat["visit_id"]]["step"]])
    for visit in after.visits:
        said = after.said_in(visit)
        pairs = [{one["person_id"], one["on_behalf_id"]} - {None} for one in said]
        assert sum(map(len, pairs)) == len(set().union(*pairs)), "two voices"


def may(book: Book, photo: Photo, person: int, step: Row) -> bool:
    """Whether the flow still means this person."""
    asks = step["who"] if isinstance(step["who"], list) else [step["who"]]
    for who in asks:
        if who == "requester" and person == book.requester:
            return True
        if who.startswith("role(") and (person, who[5:-1]) in photo.roles and person in photo.active:
            return True
        if who.startswith("actor(") and person in holders_of(photo, who[6:-1]):
            return True
    return False


def holders_of(photo: Photo, step: str) -> set[int]:
    """Who agreed in `step` from a place that the flow gave, or the one in whose name it was."""
    agreed = [one for one in photo.effective() if one["act"] == "agree" and photo.at_step(one) == step]
    return {one["on_behalf_id"] or one["person_id"] for one in agreed}


def as_many_agree_as_the_step_says(book: Book, before: Photo, after: Photo, act: Act) -> None:
    for visit in after.visits.values():
        step, asked = book.flow[visit["step"]], book.asked[visit["id"]]
        if not asked or visit["outcome"] == "voided":
            continue
        part = {one["person_id"]: one["part"] for one in after.seats_of(visit["id"])}
        said = {one["on_behalf_id"] or one["person_id"]: one["act"] for one in after.said_in(visit["id"])}
        words = Counter(word for person, word in said.items() if part.get(person) == "asked")
        late = [person for person, what in part.items() if what == "after" and person not in said]
        wanted = book.flow.wanted(visit["step"], asked)
        counted = [person for person, what in part.items() if what in ("asked", "spare")]
        assert len(counted) == asked, "a place was lost, or an added signer counts"
        lost = asked - words["refuse"] < wanted
        if visit["outcome"] == "done":
            assert words["agree"] >= wanted
            assert late == []
        elif visit["outcome"] == "returned":
            assert "return" in said.values() or (lost and step.get("veto") is False)
        elif visit["outcome"] == "open":
            assert words["agree"] < wanted or late
            assert not lost
            silent = {person for person, what in part.items() if what in ("asked", *ADDED) and person not in said}
            assert {one["person_id"] for one in after.seats_of(visit["id"]) if one["open"]} == silent


def the_way_is_that_of_the_flow(book: Book, before: Photo, after: Photo, act: Act) -> None:
    """Every end of a visit opens or records exactly what the flow says; lines join, nothing is skipped."""
    fresh = sorted((one["step"], one["outcome"]) for key, one in after.visits.items() if key not in before.visits)
    ended = [key for key, one in before.visits.items() if one["outcome"] == "open" != after.visits[key]["outcome"]]
    done = [key for key in ended if after.visits[key]["outcome"] == "done"]
    returned = [key for key in ended if after.visits[key]["outcome"] == "returned"]
    others = [one["step"] for one in before.open_visits() if one["id"] not in ended]
    for one in after.visits.values():
        assert (one["outcome"] == "not-required") == (not book.flow.required(one["step"]))
        assert one["reason"] or one["outcome"] != "not-required"
    if returned:
        _gone_back(book, before, after, act, returned[0], fresh)
    elif done:
        step, straight = before.visits[done[0]]["step"], book.straight.get(done[0], "")
        expected = book.flow.after(step, others)
        if straight:
            inside = straight in book.flow.section(step)
            expected = [(straight, "open")] if inside else book.flow.begin(straight)
        assert fresh == sorted(expected)
        assert len(ended) == 1
    else:
        assert fresh == []
        assert ended == [] or act.kind == "withdraw"


def _gone_back(book: Book, before: Photo, after: Photo, act: Act, left: int, fresh: list[tuple[str, str]]) -> None:
    """To one earlier step that was visited; the other lines end with it only when the return leaves them."""
    step = before.visits[left]["step"]
    assert len(fresh) == 1
    to = fresh[0][0]
    assert fresh == [(to, "open")]
    assert act.kind == "refuse" or to == act.to
    assert book.flow.place(to) < book.flow.place(step)
    assert not book.flow.beside(step, to)
    assert "auto" not in book.flow[to]
    assert to in {one["step"] for one in before.visits.values() if one["outcome"] != "not-required"}
    assert to in book.flow[step].get("back", [to])
    rest = {one["id"] for one in before.open_visits()} - {left}
    leaves = to not in book.flow.section(step)
    assert {after.visits[key]["outcome"] for key in rest} <= {"voided" if leaves else "open"}
    if book.flow[step].get("resume") == "direct":
        made = next(key for key in after.visits if key not in before.visits)
        book.straight[made] = book.flow.section(step)[0] if leaves else step


def taken_back_only_until_the_next_act(book: Book, before: Photo, after: Photo, act: Act) -> None:
    for key in set(after.taken) - set(before.taken):
        one, when = after.opinions[key], book.births["opinion", key]
        visit, step = one["visit_id"], after.at_step(one)
        assert after.visits[visit]["outcome"] == "open"
        later = [other for other in before.effective() if book.births["opinion", other["id"]] > when]
        mine = {
            number: row for number, row in before.visits.items()
            if book.births["visit", number] >= when and number != visit and not book.flow.beside(step, row["step"])
            and (row["outcome"], after.visits[number]["outcome"]) != ("voided", "voided")
        }  # fmt: skip
        assert not [other for other in later if other["visit_id"] in {visit, *mine}]
        mine = {number: row for number, row in mine.items() if row["outcome"] != "not-required"}
        assert {book.births["visit", number] for number in mine} <= {when}, "somebody has gone on from it"
        assert {row["outcome"] for row in mine.values()} <= {"open"}
        assert {after.visits[number]["outcome"] for number in mine} <= {"voided"}
        assert not [row for row in mine.values() if "auto" in book.flow[row["step"]]]
        assert not [row for number in mine for row in before.seats_of(number) if row["asked_by_id"]]


def places_change_hands_openly(book: Book, before: Photo, after: Photo, act: Act) -> None:
    """转办 and 加签: the new one is a colleague, both names stay, an added one stands outside the number."""
    fresh = [
        (before.seats.get(key), one) for key, one in after.seats.items()
        if one["visit_id"] in before.visits and act.kind != "withdraw"
        and (key not in before.seats or (one["open"] and not before.seats[key]["open"]))
    ]  # fmt: skip
    assert len(fresh) == (act.kind in ("transfer", "give", *ADDED))
    for old, seat in fresh:
        names = [Person.objects.get(id=number).name for number in (act.by, act.whom)]
        newest = list(after.rest["events"].values())[-1]  # type: ignore[attr-defined]
        assert (newest["kind"], newest["actor_id"], names[1] in newest["words"]) == ("hand", act.by, True)
        assert seat["person_id"] == act.whom in after.active
        assert old is None or old["part"] == "gone"
        if act.kind in ADDED:
            assert seat["part"] == act.kind
            continue
        given = [
            one for key, one in before.seats.items() if one["open"] and after.seats[key]["part"] == "gone"
            and one["part"] != "gone"
        ]  # fmt: skip
        assert len(given) == 1
        left, step = given[0], book.flow[after.visits[seat["visit_id"]]["step"]]
        assert (left["visit_id"], left["part"]) == (seat["visit_id"], seat["part"])
        assert Person.objects.get(id=left["person_id"]).name in newest["words"]
        homes = Person.objects.filter(id__in=[left["person_id"], act.whom]).values_list("organisation_id", flat=True)
        assert len(set(homes)) == 1
        if act.kind == "transfer":
            assert left["person_id"] == act.by
        assert seat["part"] in ADDED or not step.get("personal") or left["person_id"] not in before.active
        held = (seat["visit_id"], left["person_id"])
        meant = act.kind == "give" and may(book, before, act.whom, step)
        # Only for who has left, the administrator lets somebody act on the place that was theirs.
        assert meant or act.kind == "transfer" or seat["part"] in ADDED or left["person_id"] not in before.active
        book.authority[seat["visit_id"], act.whom] = act.whom if meant else book.authority.get(held, 0)


LAWS = (
    one_open_visit_per_person_and_step,
    opinions_never_change,
    nobody_barred_ever_signs,
    it_ends_or_waits_for_somebody_named,
    only_whom_the_step_asks_speaks_and_once,
    as_many_agree_as_the_step_says,
    the_way_is_that_of_the_flow,
    taken_back_only_until_the_next_act,
    places_change_hands_openly,
)
