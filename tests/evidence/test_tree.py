"""The tree over tiles against RFC 6962 as it is written."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weilu.evidence import tree

pytestmark = pytest.mark.once
SIZES = st.one_of(st.integers(1, 40), st.integers(200, 700), st.sampled_from([255, 256, 257, 511, 512, 513]))
LEAVES = [tree.leaf_hash(str(number).encode()) for number in range(701)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= split:
        return [*naive_subproof(old, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_subproof(old - split, leaves[split:], False), naive_root(leaves[:split])]


def grown(*steps: int) -> tree.ReadTile:
    """A tree grown to the sum of `steps`, some leaves at a time."""
    tiles: tree.Tiles = {}
    size = 0
    for step in steps:
        tiles.update(tree.append(lambda level, index: tiles[level, index], size, LEAVES[size : size + step]))
        size += step
    return lambda level, index: tiles[level, index]


def test_the_empty_tree():
    assert tree.root(lambda level, index: b"", 0) == sha256(b"").digest()
    assert tree.recompute([]) == (0, sha256(b"").digest())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=5).filter(lambda steps: sum(steps) <= 700))
def test_roots_do_not_depend_on_how_the_tree_grew(steps: list[int]):
    read = grown(*steps)
    assert tree.root(read, sum(steps)) == naive_root(LEAVES[: sum(steps)])
    assert tree.root(read, steps[0]) == naive_root(LEAVES[: steps[0]])


@settings(deadline=None, max_examples=80)
@given(SIZES, st.data())
def test_inclusion(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    path = tree.inclusion_proof(grown(size), index, size)
    root = naive_root(LEAVES[:size])
    assert path == naive_path(index, LEAVES[:size])
    assert tree.root_from_inclusion(LEAVES[index], index, size, path) == root
    assert len(tree.siblings_left(index, size)) == len(path)
    if path:
        bent = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
        assert tree.root_from_inclusion(LEAVES[index], index, size, bent) != root
        with pytest.raises(ValueError, match="too short"):
            tree.root_from_inclusion(LEAVES[index], index, size, path[:-1])
    with pytest.raises(ValueError, match="too long"):
        tree.root_from_inclusion(LEAVES[index], index, size, [*path, b"x" * 32])


@settings(deadline=None, max_examples=80)
@given(SIZES, st.data())
def test_consistency(new: int, data: st.DataObject):
    old = data.draw(st.integers(1, new))
    path = tree.consistency_proof(grown(new), old, new)
    before, after = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
    assert path == naive_subproof(old, LEAVES[:new], True)
    assert tree.is_consistent(old, new, before, after, path)
    assert not tree.is_consistent(old, new, LEAVES[700], after, path)
    assert not tree.is_consistent(old, new, before, LEAVES[700], path)
    assert not tree.is_consistent(old, new, before, after, [*path, LEAVES[0]])


@settings(deadline=None, max_examples=30)
@given(SIZES)
def test_recomputed_from_the_leaves_alone(size: int):
    leaves = [str(number).encode() for number in range(size)]
    assert tree.recompute(leaves) == (size, naive_root(LEAVES[:size]))


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 11, 12, 13, 16, 31, 32, 64, 67, 100])
def test_recomputed_block_by_block(monkeypatch, size: int):
    monkeypatch.setattr(tree, "BLOCK", 4)
    assert tree.recompute(str(number).encode() for number in range(size)) == (size, naive_root(LEAVES[:size]))


def test_a_leaf_outside_the_tree_has_no_proof():
    with pytest.raises(ValueError, match="the tree") as told:
        tree.inclusion_proof(grown(5), 5, 5)
    assert str(told.value) == "the leaf is not in the tree"
