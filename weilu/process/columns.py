"""The columns of lists of work: which there are, which a person has chosen, what each holds in a workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from weilu.accounts.models import Person
from weilu.process.filters import PRIORITIES
from weilu.process.kept import Columns
from weilu.process.queries import Row
from weilu.process.vocabulary import kind_title

Value = str | datetime | None


@dataclass(frozen=True)
class Column:
    """One column: its key, its title, and what it holds of a row, as plain values."""

    key: str
    title: Promise
    value: Callable[[Row], Value]
    width: int = 14  # in a workbook, in characters


COLUMNS = {
    column.key: column
    for column in (
        Column("kind", gettext_lazy("类型"), lambda row: kind_title(row.item.kind)),
        Column("system", gettext_lazy("系统"), lambda row: row.item.system.name, 22),
        Column("step", gettext_lazy("当前步骤"), lambda row: _(row.step.title) if row.step else _("已办结"), 18),
        Column("who", gettext_lazy("在等谁"), lambda row: _("、").join(one.name for one in row.waiting), 18),
        Column("priority", gettext_lazy("缓急"), lambda row: str(PRIORITIES.get(row.item.priority, row.item.priority))),
        Column("requester", gettext_lazy("申请人"), lambda row: row.item.requester.name),
        Column("opened", gettext_lazy("发起时间"), lambda row: row.item.opened_at, 17),
        Column("closed", gettext_lazy("办结时间"), lambda row: row.item.closed_at, 17),
        Column("clock", gettext_lazy("剩余工作时间"), lambda row: row.due_at if row.step else None, 17),
    )
}
ITEM = gettext_lazy("工单")
USUAL = ("system", "step", "who", "clock")
JOINED = {"requester": "item__requester"}  # what a column needs beside the item


def chosen(person: Person) -> list[Column]:
    """The columns `person` wants, in the order of the table."""
    names = Columns.objects.filter(person=person).values_list("names", flat=True).first()
    return of(USUAL if names is None else names)


def of(names: Iterable[str]) -> list[Column]:
    """The columns of these keys, in the order of the table; keys of no column are passed over."""
    wanted = set(names)
    return [column for key, column in COLUMNS.items() if key in wanted]
