"""What rooms above need of a customer's people: asked before and after an act that takes somebody away.

A room above registers what it asks for in its `apps.py`; this room knows nothing of flows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from django.utils.translation import gettext_noop

from weilu.accounts import rules
from weilu.accounts.models import Organisation, Person, RoleHolding
from weilu.accounts.roles import ROLES
from weilu.kernel.events import announce
from weilu.kernel.times import now

Question = Callable[[Organisation, Collection[Person]], Sequence[str]]
Uses = Callable[[Organisation], Mapping[str, Sequence[str]]]
_questions: list[Question] = []
_uses: list[Uses] = []
MANAGING = tuple(key for key, role in ROLES.items() if "people.manage" in role.rights)
NOBODY_MANAGES = gettext_noop("没有系统管理员，没有人能管理人员与角色")


def register_need(ask: Question, uses: Uses) -> None:
    """Let `ask(owner, people)` name what nobody can do now, and what these people hold up; `uses` the steps by role."""
    _questions.append(ask)
    _uses.append(uses)


def gaps(owner: Organisation, people: Collection[Person] = ()) -> list[str]:
    """What asks for people who do not exist now, each as a sentence; first of all an administrator."""
    found = [] if _managed(owner) else [str(NOBODY_MANAGES)]
    found += [gap for ask in _questions for gap in ask(owner, people)]
    return list(dict.fromkeys(found))


def uses(owner: Organisation) -> dict[str, list[str]]:
    """For each role (key), the steps of published flows that ask for it."""
    found: dict[str, list[str]] = {}
    for ask in _uses:
        for role, steps in ask(owner).items():
            found.setdefault(role, []).extend(steps)
    return found


def hold_still(owner: Organisation) -> None:
    """Let nobody else take people of this customer away until the transaction ends: both would see the other stay."""
    Organisation.objects.select_for_update().get(id=owner.id)


def left_open(before: Collection[str], owner: Organisation, people: Collection[Person], anyway: str) -> list[str]:
    """What the act just done leaves that nobody can meet; raises Refused unless `anyway` says why it must be.

    `before` are the gaps there were before the act: they are not its fault.
    """
    rules.check_managed(_managed(owner))
    new = [gap for gap in gaps(owner, people) if gap not in before]
    rules.check_no_new_gap(new, anyway)
    return new


def on_record(found: Sequence[str], anyway: str) -> dict[str, object]:
    """What the entry of such an act says of the gap it left; nothing where it left none."""
    return {"gaps": list(found), "anyway": anyway} if found else {}


def tell_of_gaps(owner: Organisation, found: Sequence[str], why: str, by: Person) -> None:
    """Announce a gap that was left on purpose, so that the administrators hear of it."""
    if found:
        announce("accounts.gap_left", owner=owner, gaps=list(found), why=why, by=by)


def _managed(owner: Organisation) -> bool:
    """Whether somebody can still give roles there; for an organisation that is no customer nobody needs to."""
    if owner.kind != Organisation.Kind.CUSTOMER:
        return True
    held = RoleHolding.objects.in_force(now()).filter(owner=owner, role__in=MANAGING, person__is_active=True)
    return bool(held.exists())
