"""Asking for a host to be gone to."""

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.systems.models import Host
from weilu.vault.reach import jobs, rules
from weilu.vault.rules import RIGHT


@action("vault.test_connection")
def test_connection(by: Person, host: Host) -> Host:
    """Have a worker of the host's pool go there now: is it the one that is pinned, does it let us in, what is it."""
    found: Host = Host.objects.select_for_update(of=("self",)).select_related("owner").get(id=host.id)
    rules.check_may_ask(by.may(RIGHT, found.owner_id) or by.holds("engineer", found.owner))
    if found.retired_at is not None:
        raise Refused(_("主机 %(name)s 已停用") % {"name": found.name})
    jobs.ask([found])
    return found
