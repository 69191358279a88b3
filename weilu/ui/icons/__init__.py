"""Tabler's outline icons, those used, as inline SVG."""

import re
from functools import cache
from pathlib import Path

SPRITE = Path(__file__).with_name("tabler.svg")


@cache
def shapes() -> dict[str, str]:
    """The drawing of each icon by its name."""
    return dict(re.findall(r'<symbol id="([^"]+)"[^>]*>(.*?)</symbol>', SPRITE.read_text("utf-8")))


def svg(name: str, classes: str = "") -> str:
    """An icon that says nothing to a screen reader (a word stands beside it); raises KeyError for an unknown one."""
    extra = f" {classes}" if classes else ""
    return f'<svg class="icon{extra}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{shapes()[name]}</svg>'
