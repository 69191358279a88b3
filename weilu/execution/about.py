"""What the page of a refusal tells of a run: how it stands, and whose hands it is in."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.execution.models import Run
from weilu.ui.about import About, Helper


def about_run(reader: Person, arguments: Mapping[str, Any]) -> About:
    """The run at this address; who ordered it comes first among the engineers who can act on it."""
    if "uid" not in arguments:
        return About()
    run: Run = Run.objects.select_related("item", "owner").fetch(reader, arguments["uid"])
    engineers = list(Person.objects.holding("engineer", run.owner).select_related("organisation"))
    if reader in engineers:
        engineers = []  # the run is in the reader's own hands: what is refused to them, no other engineer can do
    engineers.sort(key=lambda one: one.id != run.ordered_by_id)
    return About(
        title=f"{run.number} {run.item.title}",
        url=reverse("execution:run", args=[run.uid]),
        back=_("回到执行"),
        standing=_("%(run)s 现在：%(state)s。") % {"run": run.number, "state": Run.State(run.state).label},
        helpers=[Helper(one, one.title) for one in engineers],
    )
