"""Every pair of text and ground that the style sheets use can be read: 4.5:1, computed from the tokens."""

import re
from pathlib import Path

import pytest

from weilu.ui import icons

STATIC = Path(icons.__file__).parents[1] / "static" / "ui"
GROUNDS = ("page", "surface", "sunken")
PAIRS = [
    *((ink, ground) for ink in ("ink-1", "ink-2", "ink-3") for ground in GROUNDS),
    *((state, f"{state}-ground") for state in ("act", "passed", "watch", "refused", "idle")),
    *((state, "surface") for state in ("act", "passed", "watch", "refused")),
    ("act", "page"), ("on-act", "act"), ("on-act", "act-press"), ("on-refused", "refused"), ("on-solid", "solid"),
    ("ink-2", "idle-ground"), ("ink-1", "act-ground"), ("ink-3", "idle-ground"), ("ink-2", "refused-ground"),
    ("ink-2", "passed-ground"), ("ink-1", "refused-word"), ("ink-1", "passed-word"),
]  # fmt: skip


def themes() -> dict[str, dict[str, str]]:
    text = (STATIC / "tokens.css").read_text("utf-8")
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", text)
    found = {selector.strip(): dict(re.findall(r"--([a-z0-9-]+): (#[0-9A-F]{6})", body)) for selector, body in blocks}
    light = found[":root"]
    return {
        "light": light,
        "dark": light | found[':root[data-theme="dark"]'],
        "dark by the system": light | found[':root:not([data-theme="light"])'],
    }


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", list(themes()))
def test_text_can_be_read_on_its_ground(theme: str):
    colours = themes()[theme]
    weak = {
        f"{text} on {ground}": round(contrast(colours[text], colours[ground]), 2)
        for text, ground in PAIRS
        if contrast(colours[text], colours[ground]) < 4.5
    }

    assert weak == {}


def test_both_ways_into_the_dark_give_the_same_colours():
    assert themes()["dark"] == themes()["dark by the system"]


def test_style_sheets_use_only_tokens_that_exist():
    known = set(re.findall(r"--([a-z0-9-]+):", (STATIC / "tokens.css").read_text("utf-8")))
    for sheet in Path(icons.__file__).parents[2].glob("*/static/**/*.css"):
        text = sheet.read_text("utf-8")
        own = set(re.findall(r"--([a-z0-9-]+):", text))
        assert set(re.findall(r"var\(--([a-z0-9-]+)", text)) - known - own == set(), sheet.name


def test_vendored_files_are_the_ones_named():
    import hashlib

    table = (STATIC / "VENDORED.md").read_text("utf-8")
    named = re.findall(r"\| ((?:vendor|fonts)/\S+) \|.*\| ([0-9a-f]{64}) \|", table)

    assert len(named) == 3
    assert {name: hashlib.sha256((STATIC / name).read_bytes()).hexdigest() for name, _sum in named} == dict(named)


def test_every_icon_a_template_names_is_in_the_sprite():
    rooms = Path(icons.__file__).parents[2]
    named = {
        name
        for page in rooms.glob("*/templates/**/*.html")
        for name in re.findall(r'\{% icon "([a-z0-9-]+)"', page.read_text("utf-8"))
    }

    assert named - set(icons.shapes()) == set()
