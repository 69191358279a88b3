"""Hosts that runs hold: told to the room of systems, which neither retires nor moves one of them meanwhile."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from weilu.execution.models import RunHost
from weilu.systems.models import Host


def held_by_runs(hosts: Sequence[Host]) -> Mapping[int, list[str]]:
    """The live run that holds a host, as a sentence, by the host's id; hosts that no run holds are left out."""
    held = RunHost.objects.filter(holds__in=[host.id for host in hosts]).select_related("run")
    return {
        int(one.holds_id or 0): [
            _("执行 %(number)s（%(state)s）正占用它，等它结束")
            % {"number": one.run.number, "state": one.run.get_state_display()}
        ]
        for one in held
    }
