"""Marching cubes in compiled steps: which cells hold the surface, what their corners are, and their triangles.

Imported by personare/faces/extraction.py when it is used. The table of the 256 cases is built here rather than typed
in: on each face of a cube, every run of corners inside is cut off by one segment, the segments close to loops, and each
loop becomes a fan. Neighbouring cells cut their common face alike, so the surface has no cracks.

Source:
    Lorensen and Cline, Marching Cubes, SIGGRAPH 1987; corners inside are kept apart on ambiguous faces.
"""

import numpy as np
from numba import njit

# Corner c of a cell lies at CORNERS[c]; edge e goes from corner EDGES[e, 0] along axis EDGES[e, 1].
CORNERS = np.array([(c >> 2 & 1, c >> 1 & 1, c & 1) for c in range(8)])
EDGES = np.array([(c, axis) for axis in range(3) for c in range(8) if not CORNERS[c][axis]])
_EDGE_OF = {(c, c | 4 >> axis): e for e, (c, axis) in enumerate(EDGES)}
# The four corners of each face, counter-clockwise seen from outside the cell.
FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def _triangles_of(case):
    """Triangles of one case, as edges of the cell, counter-clockwise seen from outside the surface."""
    inside = [bool(case >> c & 1) for c in range(8)]
    following = {}
    for face in FACES:
        crossings = []
        for a, b in zip(face, np.roll(face, -1), strict=True):
            if inside[a] != inside[b]:
                crossings.append((_EDGE_OF[min(a, b), max(a, b)], inside[b]))
        for i, (edge, entering) in enumerate(crossings):
            if entering:
                following[edge] = crossings[(i + 1) % len(crossings)][0]
    triangles = []
    while following:
        start, at = next(iter(following.items()))
        loop = [start]
        while at != start:
            loop.append(at)
            at = following.pop(at)
        following.pop(start)
        triangles += [(loop[0], loop[i], loop[i + 1]) for i in range(1, len(loop) - 1)]
    return triangles


_CASES = [_triangles_of(case) for case in range(256)]
COUNTS = np.array([len(case) for case in _CASES])
TRIANGLES = np.zeros((256, COUNTS.max(), 3), np.int64)
for _case, _list in enumerate(_CASES):
    TRIANGLES[_case, : len(_list)] = np.array(_list).reshape(-1, 3)


@njit(cache=True, nogil=True)
def case_of(values, i, j, k):
    """Number of the case of one cell: bit c is set where corner c lies inside, below 0."""
    case = 0
    for c in range(8):
        if values[i + (c >> 2 & 1), j + (c >> 1 & 1), k + (c & 1)] < 0:
            case |= 1 << c
    return case


@njit(cache=True, nogil=True)
def all_crossed(values):
    """Flat numbers of all cells that the surface passes through, in order.

    Args:
        values: (nx, ny, nz) float, every one known.
    """
    nx, ny, nz = values.shape
    cells = np.empty(0, np.int64)
    for counting in range(2):
        count = 0
        for i in range(nx - 1):
            for j in range(ny - 1):
                for k in range(nz - 1):
                    if 0 < case_of(values, i, j, k) < 255:
                        if counting:
                            cells[count] = (i * ny + j) * nz + k
                        count += 1
        if not counting:
            cells = np.empty(count, np.int64)
    return cells


@njit(cache=True, nogil=True)
def unknown_corners(values, cells):
    """Flat numbers of the corners of some cells whose value is still NaN; each once, marked by infinity."""
    _, ny, nz = values.shape
    corners = np.empty(8 * len(cells), np.int64)
    count = 0
    for cell in cells:
        i, j, k = cell // (ny * nz), cell // nz % ny, cell % nz
        for c in range(8):
            x, y, z = i + (c >> 2 & 1), j + (c >> 1 & 1), k + (c & 1)
            if np.isnan(values[x, y, z]):
                values[x, y, z] = np.inf
                corners[count] = (x * ny + y) * nz + z
                count += 1
    return corners[:count]


@njit(cache=True, nogil=True)
def spread(values, cells, seen, steps, faces):
    """Which of some cells the surface passes through, and the neighbours it goes on to.

    Args:
        values: (nx, ny, nz) float; the corners of cells are known.
        cells: (n,) int64 flat numbers.
        seen: (nx, ny, nz) bool, cells that were found before; extended.
        steps, faces: neighbour across each face, and its four corners, as in STEPS and FACES.

    Returns:
        Flat numbers of the cells passed through, and of new neighbours.
    """
    nx, ny, nz = values.shape
    crossed, following = np.empty(len(cells), np.int64), np.empty(6 * len(cells), np.int64)
    n = m = 0
    for cell in cells:
        i, j, k = cell // (ny * nz), cell // nz % ny, cell % nz
        case = case_of(values, i, j, k)
        if case == 0 or case == 255:
            continue
        crossed[n] = cell
        n += 1
        for f in range(6):
            inside = 0
            for c in range(4):
                inside += case >> faces[f, c] & 1
            x, y, z = i + steps[f, 0], j + steps[f, 1], k + steps[f, 2]
            if inside == 0 or inside == 4 or min(x, y, z) < 0 or x >= nx - 1 or y >= ny - 1 or z >= nz - 1:
                continue
            if not seen[x, y, z]:
                seen[x, y, z] = True
                following[m] = (x * ny + y) * nz + z
                m += 1
    return crossed[:n], following[:m]


STEPS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])


@njit(cache=True, nogil=True)
def triangulate(values, cells, counts, table, edges):
    """Triangles of some cells, each corner named by the grid edge it lies on: 3 * flat number of its start + axis.

    Returns:
        (f, 3) int64.
    """
    _, ny, nz = values.shape
    total = 0
    for cell in cells:
        total += counts[case_of(values, cell // (ny * nz), cell // nz % ny, cell % nz)]
    corners = np.empty((total, 3), np.int64)
    row = 0
    for cell in cells:
        i, j, k = cell // (ny * nz), cell // nz % ny, cell % nz
        case = case_of(values, i, j, k)
        for t in range(counts[case]):
            for corner in range(3):
                start, axis = edges[table[case, t, corner]]
                x, y, z = i + (start >> 2 & 1), j + (start >> 1 & 1), k + (start & 1)
                corners[row, corner] = 3 * ((x * ny + y) * nz + z) + axis
            row += 1
    return corners
