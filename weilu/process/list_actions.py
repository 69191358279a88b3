"""What people do to their own lists: follow an item, keep a filter, choose columns. No evidence: nothing is decided."""

from collections.abc import Iterable

from django.http import QueryDict
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.process.columns import COLUMNS
from weilu.process.filters import read_filters
from weilu.process.kept import Columns, SavedFilter, Watch
from weilu.process.lists import LISTS
from weilu.process.models import WorkItem

MOST_FILTERS = 20
SHARE = "filters.share"


@action("process.watch_item")
def watch_item(by: Person, item: WorkItem) -> None:
    """Follow an item; following it twice is following it."""
    Watch.objects.get_or_create(person=by, item=item)


@action("process.unwatch_item")
def unwatch_item(by: Person, item: WorkItem) -> None:
    """Follow an item no longer."""
    Watch.objects.filter(person=by, item=item).delete()


@action("process.save_filter")
def save_filter(by: Person, *, title: str, tab: str, query: str, shared: bool = False) -> SavedFilter:
    """Keep a filter under a title; the same title again replaces it. Sharing it takes the right of that name."""
    title = text.line(title, _("名称"), field="title", longest=20)
    if shared and SHARE not in by.rights:
        raise Refused(_("共享筛选要由有「共享筛选」权限的角色办"), help=_("系统管理员可以授予"), who="administrator")
    try:
        filters = read_filters(QueryDict(query.replace("\0", "")).dict())
    except ValueError:
        filters = read_filters({})
    if tab not in LISTS or not filters.query:
        raise Refused(_("还没有选筛选条件。选了再保存"), field="query")
    own = SavedFilter.objects.filter(person=by)
    if not own.filter(tab=tab, title=title).exists() and own.count() >= MOST_FILTERS:
        raise Refused(_("最多保存 %(most)d 个筛选。删去一个再保存") % {"most": MOST_FILTERS}, field="title")
    kept, _made = SavedFilter.objects.update_or_create(
        person=by, tab=tab, title=title, defaults={"query": filters.query, "shared": shared}
    )
    return kept


@action("process.drop_filter")
def drop_filter(by: Person, kept: SavedFilter) -> None:
    """Delete one's own filter, shared or not."""
    if kept.person_id != by.id:
        raise Refused(_("这个筛选是 %(name)s 保存的，只有本人可以删") % {"name": kept.person.name})
    SavedFilter.objects.filter(id=kept.id).delete()


@action("process.choose_columns")
def choose_columns(by: Person, names: Iterable[str]) -> None:
    """Show these columns in one's lists of work; the item itself always stands first."""
    wanted = set(names)
    known = [key for key in COLUMNS if key in wanted]
    if len(known) != len(wanted):
        raise Refused(_("没有这样的列。从列表里选"), field="columns")
    Columns.objects.update_or_create(person=by, defaults={"names": known})
