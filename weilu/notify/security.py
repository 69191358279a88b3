"""What those who look after people and security are told."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.notify.actions import tell
from weilu.notify.kinds import SECURITY


def on_gap_left(owner: Organisation, gaps: Sequence[str], why: str, by: Person) -> None:
    """Tell every administrator what nobody can do from now on, and why it was left so."""
    administrators = list(Person.objects.holding("administrator", owner))
    if administrators:
        title = _("有 %(count)d 处没有人能办，要补上") % {"count": len(gaps)}
        body = "\n".join([*gaps, _("%(name)s 写明的原因：%(reason)s") % {"name": by.name, "reason": why}])
        tell(administrators, title, body, "/people/roles", owner, actor=by.actor, kind=SECURITY)
