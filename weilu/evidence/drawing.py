"""The way from an entry up to the root, laid out for the page's SVG."""

from dataclasses import dataclass

from weilu.evidence import tree
from weilu.evidence.queries import Proof

MIDDLE, STEP, TOP, REACH = 250, 42, 26, 92
SHOWN_LOW = 3  # siblings drawn one by one above the entry


@dataclass(frozen=True)
class Sibling:
    """A digest beside the way: the step it joins, its own place, and where its words stand."""

    digest: str
    from_y: int
    x: int
    y: int
    text_x: int
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """Heights of the nodes on the way (top first), the siblings, and how many levels are left out."""

    height: int
    nodes: list[int]
    siblings: list[Sibling]
    left_out: int

    @property
    def top(self) -> int:
        return self.nodes[0]

    @property
    def second(self) -> int:
        return self.nodes[1] if len(self.nodes) > 1 else self.nodes[0]

    @property
    def free_left(self) -> bool:
        """Whether the side left of the dotted line is free: the line to the highest sibling goes to the right."""
        return not self.siblings or self.siblings[-1].x > MIDDLE

    @property
    def foot(self) -> int:
        return self.nodes[-1]


def draw(proof: Proof) -> Drawing:
    """The lowest steps one by one, the highest, and a dotted line for what lies between."""
    sides = tree.siblings_left(proof.index, proof.size)
    steps = list(zip(proof.path, sides, strict=True))
    folded = len(steps) > SHOWN_LOW + 2
    shown = steps[:SHOWN_LOW] + steps[-1:] if folded else steps
    nodes = [TOP + STEP * place for place in range(len(shown) + 1)]
    siblings = [_sibling(digest, left, nodes[-2 - place]) for place, (digest, left) in enumerate(shown)]
    return Drawing(nodes[-1] + 40, nodes, siblings, len(steps) - len(shown) if folded else 0)


def _sibling(digest: bytes, left: bool, y: int) -> Sibling:
    way = -1 if left else 1
    text = digest.hex()
    return Sibling(
        digest=f"{text[:4]}…{text[-4:]}",
        from_y=y,
        x=MIDDLE + way * REACH,
        y=y + STEP,
        text_x=MIDDLE + way * (REACH + 12),
        anchor="end" if left else "start",
    )
