"""A dark hollow behind the lips of meshes that have a hole there: an open mouth does not show the background."""

from dataclasses import replace

import numpy as np

from personare.types import Material

MOUTH = Material("mouth", roughness=0.45, specular=0.03, scatter=0.2)
_EDGE, _BOTTOM = (0.20, 0.055, 0.050), (0.012, 0.004, 0.004)   # linear RGB at the lips and at the bottom
_DEPTH, _NARROWING = 0.45, 0.85                               # of the mouth's width; of the ring at the bottom
_MOST_OPEN_EDGES = 20_000
_SHORTEST = 8                                                 # edges of the hole
# A mouth by its place: width and distance from the middle as shares of the mesh's width, height as one of its own.
_NARROWEST, _WIDEST, _MOST_ASIDE, _TALLEST = 0.12, 0.6, 0.06, 0.6


def with_cavity(surface, source, vertices):
    """Close the hole between the lips with a hollow that moves with them.

    Args:
        surface: Surface of n vertices.
        source: (n,) int, mesh vertex of each.
        vertices: (v, 3) float mesh vertices at rest, +y up, +z out of the face.

    Returns:
        surface and source with the hollow's vertices behind all others, and (m, 3) float32, how far each vertex of the
        surface stands from its mesh vertex. Unchanged, with zeros, where no hole looks like a mouth.
    """
    loop = _mouth(vertices, holes(source[surface.triangles]))
    if loop is None:
        return surface, source, np.zeros((len(source), 3), np.float32)
    n, k = len(source), len(loop)
    ring, bottom, around = n + np.arange(k), n + k + np.arange(k), np.roll(np.arange(k), -1)
    # The loop runs as the triangles beside it do, so those of the hollow run against it.
    a, b, low_a, low_b = ring, ring[around], bottom, bottom[around]
    walls = np.concatenate([np.stack([b, a, low_a], 1), np.stack([b, low_a, low_b], 1)])
    floor = np.stack([np.full(k - 2, bottom[0]), bottom[2:], bottom[1:-1]], 1)
    triangles = np.concatenate([surface.triangles, walls, floor]).astype(np.int32)
    place = vertices[loop]
    width = np.ptp(place[:, 0])
    offset = np.zeros((n + 2 * k, 3), np.float32)
    offset[bottom] = (place.mean(0) - place) * (1 - _NARROWING) - np.float32([0, 0, _DEPTH * width])
    shade = np.repeat(np.float32([_EDGE, _BOTTOM]), k, 0)
    return replace(
        surface, triangles=triangles, uv=np.concatenate([surface.uv, np.zeros((2 * k, 2), np.float32)]),
        color=np.concatenate([surface.color, shade]), materials=(*surface.materials, MOUTH),
        occlusion=np.concatenate([surface.occlusion, np.repeat(np.float32([0.7, 0.2]), k)]),
        triangle_material=np.concatenate([surface.triangle_material, np.full(
            len(triangles) - len(surface.triangles), len(surface.materials))]).astype(np.int32),
        weld=np.concatenate([surface.weld, ring, bottom]).astype(np.int32),
    ), np.concatenate([source, loop, loop]), offset


def holes(triangles):
    """Closed lines along which a mesh ends, each (k,) vertices in the order its triangles run.

    Args:
        triangles: (f, 3) int.

    Returns:
        List of arrays; lines that touch themselves are left out. None for a mesh that is mostly edges.
    """
    if not len(triangles):
        return []
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    # Sorted by its two ends, an edge of two triangles stands twice in a row and one at the end of the mesh alone.
    key = edges.min(1) * (int(triangles.max(initial=0)) + 1) + edges.max(1)
    order = np.argsort(key)
    change = np.concatenate([[True], np.diff(key[order]) != 0, [True]])
    open_edges = edges[order[change[1:] & change[:-1]]]
    if len(open_edges) > _MOST_OPEN_EDGES:
        return []
    starts, times = np.unique(open_edges[:, 0], return_counts=True)
    forks = set(starts[times > 1].tolist())
    following = dict(open_edges.tolist())
    loops = []
    while following:
        first, here = next(iter(following.items()))
        line = [first]
        del following[first]
        while here in following and here != first:
            line.append(here)
            here = following.pop(here)
        if here == first and not forks & set(line):
            loops.append(np.array(line))
    return loops


def _mouth(vertices, loops):
    """The hole that lies where a mouth does, beginning at its corner on the subject's right; None where none does."""
    low, high = vertices.min(0), vertices.max(0)
    middle, size = (low + high) / 2, high - low
    fitting = []
    for loop in loops:
        place = vertices[loop]
        span, center = np.ptp(place, 0), (place.min(0) + place.max(0)) / 2
        wide = _NARROWEST * size[0] < span[0] < _WIDEST * size[0] and span[1] < _TALLEST * span[0]
        central = abs(center[0] - middle[0]) < _MOST_ASIDE * size[0] and center[2] > middle[2]
        if len(loop) >= _SHORTEST and wide and central:
            fitting.append((span[0], loop))
    if not fitting:
        return None
    loop = max(fitting, key=lambda found: found[0])[1]
    return np.roll(loop, -int(np.argmin(vertices[loop, 0])))
