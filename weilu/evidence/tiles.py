"""The tree's tiles as the database holds them."""

from functools import cache

from weilu.evidence.models import Tile
from weilu.evidence.tree import ReadTile
from weilu.kernel.statements import Prepared, slot

TILE = Prepared(lambda: Tile.objects.filter(level=slot("level"), index=slot("index")).values_list("hashes", flat=True))


def read_tile(level: int, index: int) -> bytes:
    """The hashes of one tile; raises ValueError when it is missing."""
    found = TILE(level=level, index=index)
    if not found:
        raise ValueError(f"tile {level}/{index} is missing")
    return bytes(found[0])


def reader() -> ReadTile:
    """`read_tile` that asks the database once for each tile: for one proof, since tiles at the edge still grow."""
    return cache(read_tile)
