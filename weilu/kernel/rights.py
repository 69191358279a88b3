"""Every URL names its right: the mark a view carries, read by the sign-in middleware."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

ANYONE = "anyone"  # sign-in, health, the public face of a sheet
SIGNED_IN = "signed-in"  # whoever has signed in; objects are fetched through visible_to(person)


def right(name: str) -> Callable[[View], View]:
    """Mark a view with the right it asks for: ANYONE, SIGNED_IN or a key of `accounts.roles.RIGHTS`."""

    def mark(view: View) -> View:
        view.weilu_right = name  # type: ignore[attr-defined]
        return view

    return mark
