"""What those who look after people and security are told."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.accounts.alarms import alarm_words
from weilu.accounts.models import Organisation, Person
from weilu.accounts.watched import Alarm
from weilu.notify.actions import tell
from weilu.notify.kinds import SECURITY


def on_gap_left(owner: Organisation, gaps: Sequence[str], why: str, by: Person) -> None:
    """Tell every administrator what nobody can do from now on, and why it was left so."""
    administrators = list(Person.objects.holding("administrator", owner))
    if administrators:
        title = _("有 %(count)d 处没有人能办，要补上") % {"count": len(gaps)}
        body = "\n".join([*gaps, _("%(name)s 写明的原因：%(reason)s") % {"name": by.name, "reason": why}])
        tell(administrators, title, body, "/people/roles", owner, actor=by.actor, kind=SECURITY)


def on_alarm_raised(alarm: Alarm) -> None:
    """Tell whoever looks after security, once: an alarm is announced when it is new."""
    people, title = look_after_security(alarm.owner), _("安全告警：%(words)s") % {"words": alarm_words(alarm)}
    if people:
        tell(people, title, "", "/security/alarms", alarm.owner, kind=SECURITY)


def on_alarms_set(owner: Organisation, by: Person) -> None:
    """Nobody changes what raises an alarm unseen."""
    people = look_after_security(owner)
    if people:
        title = _("%(name)s 改了告警阈值") % {"name": by.name}
        tell(people, title, "", "/security/settings", owner, actor=by.actor, kind=SECURITY)


def look_after_security(owner: Organisation) -> list[Person]:
    """The security office of a customer; where nobody holds it, the administrators."""
    return list(Person.objects.holding("security_office", owner)) or list(
        Person.objects.holding("administrator", owner)
    )
