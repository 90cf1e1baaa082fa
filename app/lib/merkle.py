"""A Merkle tree over digests, and the path that shows that a digest is in it (RFC 9162, section 2.1)."""

import hashlib
from collections.abc import Iterable, Sequence

# Leaves of one block: to make a path, one block is read and the roots of the others.
BLOCK = 1024


def root(nodes: Sequence[str]) -> str:
    """The root over these nodes; a node without a neighbour moves up unchanged. Raises ValueError without nodes."""
    if not nodes:
        raise ValueError("no leaves")
    while len(nodes) > 1:
        nodes = _parents(nodes)
    return nodes[0]


def path(nodes: Sequence[str], at: int) -> list[str]:
    """The neighbours from the node at this place (from 0) to the root."""
    found = []
    while len(nodes) > 1:
        if at ^ 1 < len(nodes):
            found.append(nodes[at ^ 1])
        nodes, at = _parents(nodes), at >> 1
    return found


def roots_of_blocks(leaves: Iterable[str]) -> list[str]:
    """The root of each block; the root over these is that of all leaves."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.blocks()


class Tree:
    """A tree that grows leaf by leaf, and stores one block of them."""

    def __init__(self) -> None:
        self._full: list[str] = []
        self._leaves: list[str] = []

    def add(self, leaf: str) -> None:
        self._leaves.append(leaf)
        if len(self._leaves) == BLOCK:
            self._full.append(root(self._leaves))
            self._leaves = []

    def blocks(self) -> list[str]:
        return [*self._full, root(self._leaves)] if self._leaves else list(self._full)


def _parents(nodes: Sequence[str]) -> list[str]:
    pairs = [_parent(nodes[at], nodes[at + 1]) for at in range(0, len(nodes) - 1, 2)]
    return [*pairs, nodes[-1]] if len(nodes) % 2 else pairs


def _parent(left: str, right: str) -> str:
    return hashlib.sha256(f"node:{left}{right}".encode()).hexdigest()
