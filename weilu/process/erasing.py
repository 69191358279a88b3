"""What of a work item gives way when the body of one of its records is destroyed."""

from django.utils.translation import gettext as _

from weilu.evidence.destroying import WIPED_FIRST
from weilu.evidence.reach import Place, probes, repeats
from weilu.kernel.refused import Refused
from weilu.process.drafted import FlowMove
from weilu.process.models import Copy, Event, Fact, Opinion, StepVisit, WorkItem
from weilu.process.search import rename

PLACES = (
    Place(StepVisit, "item__uid", ("reason",)),
    Place(Opinion, "item__uid", ("words",), "evidence"),
    Place(Copy, "item__uid", ("words",)),
    Place(Fact, "item__uid", ("proof",), "evidence"),
    Place(Event, "item__uid", ("words",), "evidence"),
    Place(FlowMove, "item__uid", ("words",), "evidence"),
)


def subscribe_all() -> None:
    from weilu.evidence.reach import hold_words
    from weilu.kernel.events import subscribe

    hold_words(*PLACES)
    subscribe("evidence.destroying", give_way)
    WIPED_FIRST.append("INSERT INTO process_words_index(process_words_index) VALUES ('optimize')")


def give_way(item: str, texts: list[str], mark: str) -> None:
    """The item's title and what it is searched by go; raises Refused while it is open: people decide by its words."""
    found = WorkItem.objects.filter(uid=item).first()
    if found is None:
        return
    if found.closed_at is None:
        raise Refused(_("工单还没有办完，办理要看这些内容。办完后再批准销毁"))
    if repeats(found.title, probes(texts)) or repeats(texts, [found.title]):  # the title itself is in no record
        rename(found, mark)
