"""A flow as one horizontal line, drawn by the server as SVG; its text twin is the list of visits."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from weilu.kernel.times import SHANGHAI
from weilu.process.flow import Flow
from weilu.process.models import Opinion
from weilu.process.queries import ItemView, StepView

STEP = 108  # width of one step, in px of the drawing
NARROWEST = 1080  # px; what a flow of fewer than ten steps is spread over
LINE = 62  # height of the line the steps stand on
HEIGHT = 128
ROW = 96  # from one line of a section down to the next
RADIUS = 10
FULL, HALF, ROOM = 12, 6.5, 120  # px: a Chinese and a Latin letter under a step, and what a line may take


Places = dict[str, tuple[int, int]]  # of each step: the middle of its mark


def draw(view: ItemView) -> SafeString:
    """The chart of an item: visits, returns, the present steps and who holds them. Classes only, no styles (CSP)."""
    arcs = bool(_returns(view))
    return draw_steps(view.flow, view.steps, _summary(view), arcs=_arcs(view) if arcs else [])


def draw_steps(
    flow: Flow,
    steps: Sequence[StepView],
    summary: str,
    arcs: Sequence[str] = (),
    under: Mapping[str, list[str]] | None = None,
) -> SafeString:
    """The line of a flow's steps, with an item on it or without; `summary` says in words what it shows.

    Without an item, `under` says by key whom each step asks.
    """
    places = _places(flow)
    across = [x for x, _y in places.values()]
    width = max(across) + min(across)
    top = 0 if arcs else LINE - 24  # without a return the line needs no room above it
    height = max(y for _x, y in places.values()) - LINE + HEIGHT - top
    parts = [
        f'<svg class="flow-chart" viewBox="0 {top} {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(summary)}">',
        '<defs><marker id="flow-arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="flow-arrow" d="M1 1 6 4 1 7"/></marker></defs>',
    ]
    by_key = {view.step.key: view for view in steps}
    parts += [_edge(places[start], places[end], by_key[end]) for start, end in _edges(flow)]
    parts += arcs
    parts += [_node(view, *places[view.step.key], (under or {}).get(view.step.key)) for view in steps]
    parts.append("</svg>")
    return mark_safe("".join(parts))  # noqa: S308  (every text went through escape)


def _places(flow: Flow) -> Places:
    """Where each step stands: one after another, the lines between two joints under one another."""
    places: Places = {}
    column = 0
    for step in flow.steps:
        if step.key in places:
            continue
        if not step.branch:
            places[step.key] = column * STEP + STEP // 2, LINE
            column += 1
            continue
        section = flow.section(step)
        lengths = []
        for row, first in enumerate(flow.lines(step)):
            line = [one for one in section if one.branch == first.branch]
            lengths.append(len(line))
            for place, one in enumerate(line):
                places[one.key] = (column + place) * STEP + STEP // 2, LINE + row * ROW
        column += max(lengths)
    narrow = max(column * STEP, NARROWEST)  # the page stretches the drawing: a short flow gets room, not big letters
    return {key: (x * narrow // (column * STEP), y) for key, (x, y) in places.items()}


def _edges(flow: Flow) -> list[tuple[str, str]]:
    """From which step to which a line is drawn: to the next one; at a joint to or from every line."""
    edges: list[tuple[str, str]] = []
    ends: list[str] = []
    for step in flow.steps:
        section = flow.section(step) if step.branch else ()
        if section and step is section[0]:
            edges += [(end, first.key) for first in flow.lines(step) for end in ends]
            ends = [[one for one in section if one.branch == first.branch][-1].key for first in flow.lines(step)]
        elif not section:
            edges += [(end, step.key) for end in ends]
            ends = [step.key]
        if section:
            edges += [(one.key, step.key) for one in section if one.branch == step.branch and one.then == step.key]
    return edges


def _edge(start: tuple[int, int], end: tuple[int, int], to: StepView) -> str:
    kind = {"done": "done", "not-required": "done", "present": "present"}.get(to.state, "future")
    (a, up), (b, down) = start, end
    if up == down:
        path = f"M{a + RADIUS + 2} {up} H{b - RADIUS - 2}"
    elif down > up:  # leaves the joint downwards, right behind its mark
        path = f"M{a + STEP // 2} {up} V{down} H{b - RADIUS - 2}"
    else:
        path = f"M{a + RADIUS + 2} {up} H{b - STEP // 2} V{down}"
    return f'<path class="flow-edge {kind}" d="{path}"/>'


def _returns(view: ItemView) -> dict[tuple[str, str], list[Opinion]]:
    """The returns that stand, by the steps between which the item went."""
    found: dict[tuple[str, str], list[Opinion]] = {}
    for opinion in view.opinions:
        if opinion.act != Opinion.Act.RETURN:
            continue
        following = next((visit for visit in view.visits if visit.source_id == opinion.visit_id), None)
        if following:
            found.setdefault((opinion.visit.step, following.step), []).append(opinion)
    return found


def _arcs(view: ItemView) -> list[str]:
    """One amber arc for each pair of steps between which the item was returned, with who, how often and when."""
    parts, places = [], _places(view.flow)
    for (start, end), opinions in _returns(view).items():
        (a, low), (b, high) = places[start], places[end]
        top = LINE - 30
        label = _("%(name)s退回 %(count)d 次 · %(day)s") % {
            "name": opinions[0].person.name, "count": len(opinions), "day": _day(opinions[0].at),
        }  # fmt: skip
        parts.append(
            f'<path class="flow-return" d="M{a} {low - 13} C{a - 8} {top} {b + 8} {top} {b} {high - 13}" '
            f'marker-end="url(#flow-arrow)"/>'
            f'<text class="flow-return-label" x="{(a + b) // 2}" y="{top - 2}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    return parts


def _node(view: StepView, x: int, y: int, under: list[str] | None = None) -> str:
    step = view.step
    shape = (
        f'<path d="M{x} {y - 12} {x + 12} {y} {x} {y + 12} {x - 12} {y}Z"/>'
        if step.mark
        else f'<circle cx="{x}" cy="{y}" r="{RADIUS}"/>'
    )
    halo = f'<circle class="flow-halo" cx="{x}" cy="{y}" r="15"/>' if view.state == "present" else ""
    if view.state == "done":
        sign = f'<path class="flow-tick" d="M{x - 4} {y} l3 3 5-6"/>'
    elif view.state == "not-required":
        sign = f'<path class="flow-dash" d="M{x - 4} {y} h8"/>'
    else:
        words = pgettext("mark", step.mark) if step.mark else view.number
        sign = f'<text class="flow-number" x="{x}" y="{y + 4}" text-anchor="middle">{escape(words)}</text>'
    visits = [visit for visit in view.visits if visit.outcome != "not-required"]
    pill = ""
    if len(visits) > 1:
        times = _("%(count)d 次") % {"count": len(visits)}
        pill = (
            f'<rect class="flow-pill" x="{x + 8}" y="{y + 6}" width="30" height="15" rx="7.5"/>'
            f'<text class="flow-pill-text" x="{x + 23}" y="{y + 17}" text-anchor="middle">{times}</text>'
        )
    who = _who(view) if under is None else _cut(_fitting("%(names)s", under))
    lines = [("flow-title", _(step.title)), ("flow-who", who), ("flow-when", _when(view))]
    texts = "".join(
        f'<text class="{name}" x="{x}" y="{y + 33 + row * 16}" text-anchor="middle">{escape(words)}</text>'
        for row, (name, words) in enumerate(lines)
        if words
    )
    link = f'<a href="#visits-{step.key}">' if view.visits else "<a>"
    drawn = f"{link}<title>{escape(_(step.title))}</title>{halo}{shape}{sign}{pill}{texts}</a>"
    return f'<g class="flow-step {view.state}" data-line="{step.line}">{drawn}</g>'


def _who(view: StepView) -> str:
    if view.state == "present":
        if view.step.auto:
            return _("自动办理")
        return _fitting(pgettext("chart", "在等 %(names)s"), [person.name for person in view.waiting])
    said = list(dict.fromkeys(opinion.person.name for opinion in reversed(view.opinions)))
    return _fitting("%(names)s", said)


def _cut(words: str) -> str:
    """What fits under one step without its neighbour; the list of steps has the whole."""
    wide = 0.0
    for fits, sign in enumerate(words, start=1):
        wide += FULL if sign > "\u2e80" else HALF
        if wide > STEP - 6:
            return words[: fits - 2].rstrip() + "…"
    return words


def _fitting(sentence: str, names: list[str]) -> str:
    """The sentence with all names where they fit under one step, else with the first and how many more."""
    whole = sentence % {"names": _("、").join(names)}
    if sum(FULL if sign > "\u2e80" else HALF for sign in whole) <= ROOM or len(names) < 2:
        return whole
    return sentence % {"names": f"{names[0]} +{len(names) - 1}"}


def _when(view: StepView) -> str:
    last = view.visits[-1] if view.visits else None
    if view.state == "present" and last:
        if view.step.sign == "all" and view.asked > 1:
            return _("会签 %(agreed)d/%(total)d") % {"agreed": len(view.agreed), "total": view.asked}
        if isinstance(view.step.sign, int):
            return _("已签 %(agreed)d，要 %(needed)d 人") % {"agreed": len(view.agreed), "needed": view.step.sign}
        return _("或签") if view.asked > 1 else ""
    if view.state == "not-required":
        return _("不需要")
    if view.state == "done" and last and last.closed_at:
        return _day(last.closed_at, clock=True)
    return view.step.clause if view.state in ("future", "wrong") else ""


def _day(instant: datetime, *, clock: bool = False) -> str:
    return instant.astimezone(SHANGHAI).strftime("%m-%d %H:%M" if clock else "%m-%d")


def _summary(view: ItemView) -> str:
    if view.step is None:
        return _("流程已走完")
    names = _("、").join(person.name for step in view.steps for person in step.waiting)
    return _("现在在「%(step)s」，在等 %(names)s") % {"step": _(view.step.title), "names": names or _("自动办理")}
