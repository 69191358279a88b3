"""What the page of a refusal tells of a work item: where it stands, and who can act there."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.times import now
from weilu.process.flow import parse_flow
from weilu.process.models import Seat, WorkItem
from weilu.process.pages import item_url
from weilu.ui.about import About, Helper
from weilu.ui.dates import clock


def about_item(item: WorkItem, reader: Person, helpers: Sequence[Helper] = ()) -> About:
    """The item, where it still is, and whom it waits for; `helpers` come first.

    Where the step is not the reader's, the administrator can still name somebody for it.
    """
    seats = list(Seat.objects.filter(item=item, open=True).select_related("person__organisation").order_by("id"))
    waiting = [seat.person for seat in seats if seat.person_id != reader.id]
    named = list(helpers) + [Helper(person, person.title) for person in waiting]
    if item.step and len(waiting) == len(seats):
        known = {helper.person.id for helper in named} | {reader.id}
        administrators = Person.objects.holding("administrator", item.owner).select_related("organisation")
        named += [Helper(one, _("可指定有资格的人")) for one in administrators if one.id not in known]
    return About(f"{item.number} {item.title}", item_url(item), _("回到工单"), _standing(item), named)


def _standing(item: WorkItem) -> str:
    if not item.step:
        return _("工单已办结。")
    step = _(parse_flow(item.flow.source).step(item.step).title)
    if item.due_at is None:
        return _("工单仍在「%(step)s」。") % {"step": step}
    left = clock(item.due_at, None, now()).first
    return _("工单仍在「%(step)s」，%(left)s。") % {"step": step, "left": left}
