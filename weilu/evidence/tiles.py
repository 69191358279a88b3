"""The tree's tiles as the database holds them."""

from weilu.evidence.models import Tile


def read_tile(level: int, index: int) -> bytes:
    """The hashes of one tile; raises ValueError when it is missing."""
    found = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
    if found is None:
        raise ValueError(f"tile {level}/{index} is missing")
    return bytes(found)
