"""Passwords and visits: change one's password, see where one is signed in, end a visit or all others."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts import rules
from weilu.accounts.actions import check_password
from weilu.accounts.credentials import Visit
from weilu.accounts.guesses import forget
from weilu.accounts.models import Person
from weilu.accounts.queries import manages
from weilu.evidence.actions import stage
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.times import now


def change_password(by: Person, *, old: str, new: str, address: str, keep: str) -> Person:
    """Take `new` as one's password and end every visit but `keep` (its uid); raises Refused.

    Two steps: a wrong old password must stay counted although the act is refused.
    """
    rules.check_not_by_token(by.limited_to is not None)
    rules.check_own_password(by.has_usable_password())
    rules.check_new_password(new, by.username, field="new")
    check_password(by, old, address, field="old")
    if new == old:
        raise Refused(_("新密码与旧密码相同。换一个再提交"), field="new")
    with transaction.atomic():
        person = Person.objects.select_for_update(of=("self",)).get(id=by.id)
        person.set_password(new)
        person.save(update_fields=["password"])
        ended = _end(person, keep)
        stage(
            "accounts.password_changed",
            {"person": person.actor, "visits_ended": ended},
            actor=by.actor,
            org=person.organisation.code,
        )
    return person


ACTIONS["accounts.change_password"] = change_password


@transaction.atomic
def set_password(person: Person, new: str) -> None:
    """On the machine itself: a new password, whatever the old one; ends every visit and lock of the person."""
    rules.check_new_password(new, person.username, field="new")
    person.set_password(new)
    person.save(update_fields=["password"])
    forget(person)
    data = {"person": person.actor, "visits_ended": _end(person, "")}
    stage("accounts.password_set", data, actor="weilu", org=person.organisation.code)


@action("accounts.end_visit")
def end_visit(by: Person, visit: Visit) -> None:
    """Sign a browser out: one's own, or that of somebody one manages."""
    person = visit.person
    if person is None:
        raise NotVisible(str(visit.uid))
    rules.check_may_end(person.id == by.id, manages(by, person))
    ended, _rows = Visit.objects.filter(uid=visit.uid).delete()
    if not ended:
        raise Refused(_("这次登录已经结束"))
    data = {"person": person.actor, "device": visit.device, "address": visit.address}
    stage("accounts.visit_ended", data, actor=by.actor, org=person.organisation.code)


@action("accounts.end_other_visits")
def end_other_visits(by: Person, *, keep: str) -> int:
    """Sign every browser of one's own out but the visit `keep` (its uid; "" keeps none); how many there were."""
    rules.check_not_by_token(by.limited_to is not None)
    ended = _end(by, keep)
    if ended:
        data = {"person": by.actor, "visits_ended": ended}
        stage("accounts.other_visits_ended", data, actor=by.actor, org=by.organisation.code)
    return ended


def visits_of(person: Person) -> list[Visit]:
    """Where `person` is signed in now, the last used first."""
    return list(Visit.objects.filter(person=person, expire_date__gt=now()).order_by("-last_seen", "-since"))


def visit_seen(reader: Person, uid: uuid.UUID | str) -> Visit:
    """One's own visit, or one of somebody whom `reader` manages; raises NotVisible."""
    found = Visit.objects.select_related("person__organisation").filter(uid=uid, person__isnull=False).first()
    if found is None or found.person is None or not (found.person == reader or manages(reader, found.person)):
        raise NotVisible(str(uid))
    return found


def _end(person: Person, keep: str) -> int:
    """End every visit of `person` but `keep`; how many were live."""
    others = Visit.objects.filter(person=person)
    if keep:
        others = others.exclude(uid=keep)
    live = others.filter(expire_date__gt=now()).count()
    others.delete()
    return live
