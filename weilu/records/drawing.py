"""A drawn signature as a vector, written by us from whole numbers: nothing of the browser's markup is kept."""

from collections.abc import Sequence

Strokes = Sequence[Sequence[Sequence[int]]]


def path_of(strokes: Strokes) -> str:
    """The strokes as the `d` of one SVG path; a single point becomes a dot."""
    pieces = []
    for stroke in strokes:
        first, *rest = ([int(at) for at in point] for point in stroke)
        pieces.append(f"M{first[0]} {first[1]}" + ("".join(f"L{x} {y}" for x, y in rest) or "h0"))
    return "".join(pieces)


def view_box(strokes: Strokes, margin: int = 8) -> str:
    """The part of the pad that the drawing covers."""
    across = [int(point[0]) for stroke in strokes for point in stroke]
    down = [int(point[1]) for stroke in strokes for point in stroke]
    left, top = min(across) - margin, min(down) - margin
    return f"{left} {top} {max(across) - left + margin} {max(down) - top + margin}"


def svg_of(strokes: Strokes) -> str:
    """The drawing alone, black on nothing; "" for no strokes."""
    if not strokes:
        return ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view_box(strokes)}"><path d="{path_of(strokes)}" '
        'fill="none" stroke="#000" stroke-width="4.5" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
