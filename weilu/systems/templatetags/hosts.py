"""What templates say of a host's facts."""

from typing import Any

from django import template

from weilu.systems import facts

register = template.Library()
register.filter("facts_short", facts.short)


@register.filter
def drift(known: dict[str, Any]) -> str:
    """How far a clock is off, where that is too far."""
    return facts.drift(known)
