"""What templates of lists use."""

from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from weilu.process.cells import cells_of

register = template.Library()


@register.simple_tag(takes_context=True)
def cells(context: dict[str, Any], line: Any) -> SafeString:
    """`{% cells line %}`: the cells of one row, in the reader's columns."""
    return cells_of(line, context["columns"], context["request"].user, picking=bool(context.get("picking")))


@register.filter
def actor_name(actor: str) -> str:
    """The name out of what evidence calls somebody: 陈航 <chenhang@HC> is 陈航; the product itself is 维录."""
    return _("维录") if actor == "weilu" else actor.partition(" <")[0]
