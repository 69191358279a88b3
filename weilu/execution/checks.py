"""What the worker asks again before it acts; the room above says what approved means for its items."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.canonical import digest
from weilu.kernel.refused import Refused
from weilu.process.models import WorkItem

REGISTER: dict[str, Callable[[WorkItem, str], None]] = {}
"""For each kind of item: raises Refused unless the digest stands approved at this moment."""


def check_approved(item: WorkItem, subject: str) -> None:
    """Raises Refused unless `subject` stands approved for `item` now; nothing runs for a kind nobody answers for."""
    if item.kind not in REGISTER:
        raise Refused(_("这类工单没有批准规则，不能执行"))
    if item.subject != subject:
        raise Refused(_("方案在批准之后已改动，这次执行按旧方案，不再进行"))
    REGISTER[item.kind](item, subject)


ORDERS: dict[str, Callable[[WorkItem, str], Any]] = {}
"""For each kind of item: the orders for hosts that stand in the content with this digest; None where there are none."""


URGENT: set[str] = set()
"""Kinds of items that act first: they pass over what others have to wait for, except what is done at the same place."""


def check_orders_approved(item: WorkItem, subject: str, orders: dict[str, Any]) -> None:
    """Raises Refused unless `orders`, byte for byte, are those of the content that `subject` names."""
    found = ORDERS[item.kind](item, subject) if item.kind in ORDERS else None
    if found is None or digest(found) != digest(orders):
        raise Refused(_("要执行的内容与方案不是同一份，不能执行"))
