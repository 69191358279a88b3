"""A flow as one horizontal line, drawn by the server as SVG; its text twin is the list of visits."""

from datetime import datetime

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from weilu.kernel.times import SHANGHAI
from weilu.process.models import Opinion
from weilu.process.queries import ItemView, StepView

STEP = 108  # width of one step, in px of the drawing
LINE = 62  # height of the line the steps stand on
HEIGHT = 128
RADIUS = 10
FULL, HALF, ROOM = 12, 6.5, 120  # px: a Chinese and a Latin letter under a step, and what a line may take


def draw(view: ItemView) -> SafeString:
    """The chart of an item: visits, returns, the present step and who holds it. Classes only, no styles (CSP)."""
    width, arcs = STEP * len(view.steps), _arcs(view)
    top = 0 if arcs else LINE - 24  # without a return the line needs no room above it
    height = HEIGHT - top
    parts = [
        f'<svg class="flow-chart" viewBox="0 {top} {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(_summary(view))}">',
        '<defs><marker id="flow-arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="flow-arrow" d="M1 1 6 4 1 7"/></marker></defs>',
    ]
    for place in range(1, len(view.steps)):
        parts.append(_edge(view.steps[place], place))
    parts += arcs
    parts += [_node(step, place) for place, step in enumerate(view.steps)]
    parts.append("</svg>")
    return mark_safe("".join(parts))  # noqa: S308  (every text went through escape)


def _middle(place: int) -> int:
    return place * STEP + STEP // 2


def _edge(step: StepView, place: int) -> str:
    kind = {"done": "done", "not-required": "done", "present": "present"}.get(step.state, "future")
    return (
        f'<line class="flow-edge {kind}" x1="{_middle(place - 1) + RADIUS + 2}" y1="{LINE}" '
        f'x2="{_middle(place) - RADIUS - 2}" y2="{LINE}"/>'
    )


def _arcs(view: ItemView) -> list[str]:
    """One amber arc for each pair of steps between which the item was returned, with who, how often and when."""
    returns: dict[tuple[int, int], list[Opinion]] = {}
    order = [step.step.key for step in view.steps]
    ordered = sorted(view.visits, key=lambda visit: visit.id)
    for opinion in view.opinions:
        if opinion.act != Opinion.Act.RETURN:
            continue
        following = next((visit for visit in ordered if visit.id > opinion.visit_id), None)
        if following:
            pair = (order.index(opinion.visit.step), order.index(following.step))
            returns.setdefault(pair, []).append(opinion)
    parts = []
    for (start, end), opinions in returns.items():
        a, b = _middle(start), _middle(end)
        top = LINE - 30
        label = _("%(name)s退回 %(count)d 次 · %(day)s") % {
            "name": opinions[0].person.name, "count": len(opinions), "day": _day(opinions[0].at),
        }  # fmt: skip
        parts.append(
            f'<path class="flow-return" d="M{a} {LINE - 13} C{a - 8} {top} {b + 8} {top} {b} {LINE - 13}" '
            f'marker-end="url(#flow-arrow)"/>'
            f'<text class="flow-return-label" x="{(a + b) // 2}" y="{top - 2}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    return parts


def _node(view: StepView, place: int) -> str:
    x, step = _middle(place), view.step
    shape = (
        f'<path d="M{x} {LINE - 12} {x + 12} {LINE} {x} {LINE + 12} {x - 12} {LINE}Z"/>'
        if step.mark
        else f'<circle cx="{x}" cy="{LINE}" r="{RADIUS}"/>'
    )
    halo = f'<circle class="flow-halo" cx="{x}" cy="{LINE}" r="15"/>' if view.state == "present" else ""
    if view.state == "done":
        sign = f'<path class="flow-tick" d="M{x - 4} {LINE} l3 3 5-6"/>'
    elif view.state == "not-required":
        sign = f'<path class="flow-dash" d="M{x - 4} {LINE} h8"/>'
    else:
        words = pgettext("mark", step.mark) if step.mark else view.number
        sign = f'<text class="flow-number" x="{x}" y="{LINE + 4}" text-anchor="middle">{escape(words)}</text>'
    visits = [visit for visit in view.visits if visit.outcome != "not-required"]
    pill = ""
    if len(visits) > 1:
        times = _("%(count)d 次") % {"count": len(visits)}
        pill = (
            f'<rect class="flow-pill" x="{x + 8}" y="{LINE + 6}" width="30" height="15" rx="7.5"/>'
            f'<text class="flow-pill-text" x="{x + 23}" y="{LINE + 17}" text-anchor="middle">{times}</text>'
        )
    lines = [("flow-title", _(step.title)), ("flow-who", _who(view)), ("flow-when", _when(view))]
    texts = "".join(
        f'<text class="{name}" x="{x}" y="{LINE + 33 + row * 16}" text-anchor="middle">{escape(words)}</text>'
        for row, (name, words) in enumerate(lines)
        if words
    )
    link = f'<a href="#visits-{step.key}">' if view.visits else "<a>"
    drawn = f"{link}<title>{escape(_(step.title))}</title>{halo}{shape}{sign}{pill}{texts}</a>"
    return f'<g class="flow-step {view.state}">{drawn}</g>'


def _who(view: StepView) -> str:
    if view.state == "present":
        if view.step.auto:
            return _("自动办理")
        return _fitting(pgettext("chart", "在等 %(names)s"), [person.name for person in view.waiting])
    said = list(dict.fromkeys(opinion.person.name for opinion in reversed(view.opinions)))
    return _fitting("%(names)s", said)


def _fitting(sentence: str, names: list[str]) -> str:
    """The sentence with all names where they fit under one step, else with the first and how many more."""
    whole = sentence % {"names": _("、").join(names)}
    if sum(FULL if sign > "\u2e80" else HALF for sign in whole) <= ROOM or len(names) < 2:
        return whole
    return sentence % {"names": f"{names[0]} +{len(names) - 1}"}


def _when(view: StepView) -> str:
    last = view.visits[-1] if view.visits else None
    if view.state == "present" and last:
        agreed = sum(1 for one in view.opinions if one.visit_id == last.id and one.act == Opinion.Act.AGREE)
        total = agreed + len(view.waiting)
        if view.step.sign == "all" and total > 1:
            return _("会签 %(agreed)d/%(total)d") % {"agreed": agreed, "total": total}
        if isinstance(view.step.sign, int):
            return _("已签 %(agreed)d，要 %(needed)d 人") % {"agreed": agreed, "needed": view.step.sign}
        return _("或签") if total > 1 else ""
    if view.state == "not-required":
        return _("不需要")
    if view.state == "done" and last and last.closed_at:
        return _day(last.closed_at, clock=True)
    return view.step.clause if view.state == "future" else ""


def _day(instant: datetime, *, clock: bool = False) -> str:
    return instant.astimezone(SHANGHAI).strftime("%m-%d %H:%M" if clock else "%m-%d")


def _summary(view: ItemView) -> str:
    if view.step is None:
        return _("流程已走完")
    names = _("、").join(person.name for step in view.steps for person in step.waiting)
    return _("现在在「%(step)s」，在等 %(names)s") % {"step": _(view.step.title), "names": names or _("自动办理")}
