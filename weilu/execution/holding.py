"""Hosts that runs hold: told to the room of systems, which retires none of them meanwhile."""

from django.utils.translation import gettext as _

from weilu.execution.models import RunHost
from weilu.systems.models import Host


def held_by_runs(host: Host) -> list[str]:
    """The live run that holds the host, as a sentence; none where no run does."""
    held = RunHost.objects.filter(holds=host).select_related("run")
    return [
        _("执行 %(number)s（%(state)s）正占用它，等它结束")
        % {"number": one.run.number, "state": one.run.get_state_display()}
        for one in held
    ]
