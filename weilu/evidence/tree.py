"""The Merkle tree of RFC 6962 over tiles of 256 hashes (C2SP tlog-tiles); pure, it knows no database.

Tile (0, n) holds the leaf hashes 256·n …; each hash of tile (k, n) is the root of one full tile of
level k − 1. A tile at the right edge is shorter; what a tile once held never changes.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import islice

HASH = 32
WIDTH = 256
LEVEL_BITS = 8
BLOCK = 1 << 14  # leaves hashed at a time when a root is computed anew; a power of two
EMPTY_ROOT = sha256(b"").digest()

Tiles = dict[tuple[int, int], bytes]
ReadTile = Callable[[int, int], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def full_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, given one after the other."""
    make = sha256
    while len(hashes) > HASH:
        hashes = b"".join(
            [make(b"\x01" + hashes[at : at + 2 * HASH]).digest() for at in range(0, len(hashes), 2 * HASH)]
        )
    return hashes


def append(read: ReadTile, size: int, leaves: Sequence[bytes]) -> Tiles:
    """The tiles that change when leaf hashes are added to a tree of `size`; the caller stores them."""
    changed: Tiles = {}
    level, fresh = 0, b"".join(leaves)
    while fresh:
        index, held = divmod(size, WIDTH)
        filled = (read(level, index)[: held * HASH] if held else b"") + fresh
        full = len(filled) // (WIDTH * HASH)
        above = []
        for place in range(-(-len(filled) // (WIDTH * HASH))):
            tile = filled[place * WIDTH * HASH : (place + 1) * WIDTH * HASH]
            changed[level, index + place] = tile
            if place < full:
                above.append(full_root(tile))
        level, size, fresh = level + 1, size >> LEVEL_BITS, b"".join(above)
    return changed


def subtree(read: ReadTile, low: int, high: int) -> bytes:
    """The RFC 6962 hash over leaves low … high − 1; `low` starts a subtree of that size."""
    width = high - low
    if width & (width - 1):
        middle = low + _split(width)
        return node_hash(subtree(read, low, middle), subtree(read, middle, high))
    level, inner = divmod(width.bit_length() - 1, LEVEL_BITS)
    index, start = divmod(low >> (level * LEVEL_BITS), WIDTH)
    hashes = read(level, index)[start * HASH : (start + (1 << inner)) * HASH]
    if len(hashes) != HASH << inner:
        raise ValueError(f"tile {level}/{index} is too short")
    return full_root(hashes)


def root(read: ReadTile, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return subtree(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: ReadTile, index: int, size: int) -> list[bytes]:
    """The sibling hashes from leaf `index` up to the root of `size` leaves, the lowest first."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(subtree(read, middle, high))
            high = middle
        else:
            path.append(subtree(read, low, middle))
            low = middle
    return path[::-1]


def consistency_proof(read: ReadTile, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962: shows that the tree of `new` leaves begins with that of `old`."""
    if not 0 < old <= new:
        raise ValueError("the old tree is not part of the new one")
    low, high, whole, path = 0, new, True, []
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(subtree(read, middle, high))
            high = middle
        else:
            path.append(subtree(read, low, middle))
            low, whole = middle, False
    if not whole:
        path.append(subtree(read, low, high))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from the leaf hash (RFC 9162, 2.1.3.2); ValueError when its length is wrong."""
    return climb(leaf, index, size, path)[-1]


def climb(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> list[bytes]:
    """Every hash on the way from the leaf hash to the root, both included."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    place, last, way = index, size - 1, [leaf]
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if place & 1 or place == last:
            way.append(node_hash(sibling, way[-1]))
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            way.append(node_hash(way[-1], sibling))
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return way


def siblings_left(index: int, size: int) -> list[bool]:
    """For each step of an inclusion path, the lowest first: whether the sibling stands to the left."""
    low, high, sides = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        sides.append(index >= middle)
        low, high = (low, middle) if index < middle else (middle, high)
    return sides[::-1]


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` shows that the tree of `new` leaves begins with that of `old` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = ([old_root] if not old & (old - 1) else []) + list(path)
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def recompute(leaves: Iterable[bytes]) -> tuple[int, bytes]:
    """Number of leaves and root, computed from the leaves alone; holds a block of them and a hash for each height."""
    source, make, size = iter(leaves), sha256, 0
    pending: list[bytes] = []
    while block := [make(b"\x00" + leaf).digest() for leaf in islice(source, BLOCK)]:
        value, carry, size = _folded(block), size // BLOCK + 1, size + len(block)
        while len(block) == BLOCK and not carry & 1:
            value, carry = node_hash(pending.pop(), value), carry >> 1
        pending.append(value)
    if not pending:
        return 0, EMPTY_ROOT
    value = pending.pop()
    while pending:
        value = node_hash(pending.pop(), value)
    return size, value


def _folded(hashes: list[bytes]) -> bytes:
    """The root over leaf hashes, height by height; one without a partner goes up as it is."""
    make = sha256
    while len(hashes) > 1:
        one = iter(hashes)
        above = [make(b"\x01" + left + right).digest() for left, right in zip(one, one, strict=False)]
        hashes = [*above, hashes[-1]] if len(hashes) & 1 else above
    return hashes[0]


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1
