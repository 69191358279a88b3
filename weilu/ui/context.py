"""What the shell of every page needs, found once per page."""

from typing import Any

from django.http import HttpRequest

from weilu.ui import shell as house

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme and places; for somebody signed in also counts, notices and organisations."""
    theme = request.COOKIES.get("weilu_theme", "")
    frame: dict[str, Any] = {"theme": theme if theme in THEMES else "", "here": house.present(request.path)}
    frame["user"] = user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return frame
    counts = house.counts(user)
    frame["notices"] = counts.get(house.NOTICES, 0)
    frame["owners"] = house.owners(user)
    may = user.rights | {""}
    frame["places"] = [
        (title, [(place, counts.get(place.path, 0)) for place in places if place.right in may])
        for title, places in house.GROUPS
    ]
    return frame
