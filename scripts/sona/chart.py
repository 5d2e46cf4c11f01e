"""Topology of the skin: a globe grid with ring patches (mouth, eyes, nostrils, ears) in place of grid blocks.

Everything is built for the half x >= 0 and mirrored, so left and right agree to the last bit.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

ROWS, COLUMNS = 75, 39  # rows crown -> bust, columns front midline -> back midline


@dataclass(frozen=True)
class Block:
    """A rectangle of grid cells that a ring patch replaces.

    Args:
        top, bottom: first and last grid row of its boundary.
        near, far: first and last grid column of its boundary.
        rings: rings of vertices inside the boundary.
        capped: close the innermost ring with a centre vertex.
    """

    top: int
    bottom: int
    near: int
    far: int
    rings: int
    capped: bool = True


BLOCKS = {
    "eye": Block(13, 21, 8, 18, 11, capped=False),
    "mouth": Block(42, 50, 0, 14, 18),
    "nostril": Block(33, 37, 2, 6, 5),
    "ear": Block(15, 27, 23, 28, 13),
}


@dataclass
class Half:
    """The half mesh while it is being built.

    Args:
        keys: name of every vertex: ("grid", r, c), (block, ring, sector), ("cap", block) or ("crown",).
        index: key -> vertex index.
        quads: corner lists, counter-clockwise seen from outside; triangles repeat their last corner.
    """

    keys: list = field(default_factory=list)
    index: dict = field(default_factory=dict)
    quads: list = field(default_factory=list)

    def add(self, *key):
        """Index of the vertex of that key, made on first use."""
        if key not in self.index:
            self.index[key] = len(self.keys)
            self.keys.append(key)
        return self.index[key]


def boundary(block):
    """Grid (row, column) along a block's boundary: top row outwards, down the far side, back, up the near side.

    A block that starts at column 0 is open there: its path runs from the midline to the midline.
    """
    top = [(block.top, c) for c in range(block.near, block.far)]
    far = [(r, block.far) for r in range(block.top, block.bottom)]
    bottom = [(block.bottom, c) for c in range(block.far, block.near, -1)]
    if block.near == 0:
        return top + far + bottom + [(block.bottom, 0)]
    near = [(r, block.near) for r in range(block.bottom, block.top, -1)]
    return top + far + bottom + near


def _covered(row, column):
    return any(b.top <= row < b.bottom and b.near <= column < b.far for b in BLOCKS.values())


def build_half():
    """The half mesh: every vertex has a key, quads are counter-clockwise seen from outside (+x is left)."""
    half = Half()
    for r in range(ROWS):
        for c in range(COLUMNS):
            if not _covered(r, c):
                half.quads.append([half.add("grid", r, c), half.add("grid", r + 1, c),
                                   half.add("grid", r + 1, c + 1), half.add("grid", r, c + 1)])
    for c in range(COLUMNS):
        half.quads.append([half.add("crown"), half.add("grid", 0, c), half.add("grid", 0, c + 1),
                           half.add("grid", 0, c + 1)])
    for name, block in BLOCKS.items():
        _add_rings(half, name, block)
    return half


def _add_rings(half, name, block):
    path = boundary(block)
    closed = block.near != 0
    rings = [[half.add("grid", r, c) for r, c in path]]
    for ring in range(1, block.rings + 1):
        rings.append([half.add(name, ring, s) for s in range(len(path))])
    count = len(path) if closed else len(path) - 1
    for outer, inner in pairwise(rings):
        for s in range(count):
            n = (s + 1) % len(path)
            half.quads.append([outer[s], inner[s], inner[n], outer[n]])
    if block.capped:
        cap = half.add("cap", name)
        for s in range(count):
            n = (s + 1) % len(path)
            half.quads.append([rings[-1][s], cap, rings[-1][n], rings[-1][n]])


def on_midline(key):
    """Whether a vertex of that key lies on the plane x = 0."""
    if key[0] == "grid":
        return key[2] in (0, COLUMNS)
    if key[0] == "mouth":
        return key[2] in (0, len(boundary(BLOCKS["mouth"])) - 1)
    return key in (("crown",), ("cap", "mouth"))


def mirror(half):
    """Quads (q, 4) of the whole head and, for every vertex, its mirror twin.

    The half's vertices come first, in their order; twins of vertices off the midline follow.

    Returns:
        quads (q, 4) int, twin (v,) int with twin[twin] == identity, source (v,) int half index of each vertex.
    """
    count = len(half.keys)
    free = [i for i, key in enumerate(half.keys) if not on_midline(key)]
    other = np.arange(count)
    other[free] = count + np.arange(len(free))
    source = np.concatenate([np.arange(count), free])
    twin = np.concatenate([other, free])
    quads = np.array(half.quads)
    flipped = other[quads][:, [0, 3, 2, 1]]
    # A triangle repeats its last corner; after flipping the pair sits at 1 and 2, so it is turned back.
    triangle = quads[:, 2] == quads[:, 3]
    flipped[triangle] = other[quads[triangle]][:, [0, 2, 1, 1]]
    return np.concatenate([quads, flipped]), twin, source


def triangulate(quads):
    """(f, 3) triangles of (q, 4) quads; a quad with a repeated last corner gives one."""
    first, second = quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]
    return np.concatenate([first, second[quads[:, 2] != quads[:, 3]]])
