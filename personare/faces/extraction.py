"""The surface of a distance field as triangles: marching cubes on a grid, evaluated only where the surface passes.

A coarse grid finds where the sign changes, bisection finds the fine edge, and from there the surface is followed from
cell to cell. Only signs are relied on, for values far from a head's anchors are no distances. The result is that of
the dense grid, vertex by vertex; only closed pieces that slip through the coarse grid can be missed, so around given
places (the anchors of a face, where lips and lids are) the coarse grid is four times finer.
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError

# Fine steps in a coarse one, and in one around the given places.
COARSE, CLOSE = 8, 2
# Most points of a grid: their values take 1 GB.
MOST_POINTS = 2**28


@dataclass(frozen=True, eq=False)
class Grid:
    """Where a field is asked: the corners of a box of cells, which need not be of one size.

    Args:
        axes: three increasing float64 arrays, positions along x, y and z.
    """

    axes: tuple[np.ndarray, np.ndarray, np.ndarray]

    def __post_init__(self):
        axes = tuple(np.asarray(axis, np.float64) for axis in self.axes)
        object.__setattr__(self, "axes", axes)
        if len(axes) != 3 or any(axis.ndim != 1 or len(axis) < 2 or not (np.diff(axis) > 0).all() for axis in axes):
            raise InputError("grid", expected="three increasing axes of two points or more", got=str(
                [axis.shape for axis in axes]), remedy="use box_grid")
        if np.prod([float(len(axis)) for axis in axes]) > MOST_POINTS:
            raise InputError("resolution", expected=f"at most {MOST_POINTS} points", got=str(self.shape),
                             remedy="use 256 or 400")

    @property
    def shape(self):
        """Points along each axis."""
        return tuple(len(axis) for axis in self.axes)

    def points(self, flat):
        """(n, 3) float32 positions of flat numbers in C order."""
        index = np.unravel_index(flat, self.shape)
        return np.stack([axis[i] for axis, i in zip(self.axes, index, strict=True)], 1).astype(np.float32)


def box_grid(low, high, resolution):
    """A Grid of resolution points along each axis, both ends included."""
    if not 2 <= int(resolution) <= 645:
        raise InputError("resolution", expected="2..645 points along each axis", got=resolution, remedy="use 256")
    return Grid(tuple(np.linspace(a, b, int(resolution)) for a, b in zip(low, high, strict=True)))


def extract(sdf, grid, *, near=(), radius=0.1, dense=False):
    """Triangles of the zero level.

    Args:
        sdf: (n, 3) float32 points -> (n,) float, positive outside; a value must not depend on the other points.
        grid: Grid.
        near: (m, 3) places around which the coarse grid is finer.
        radius: how far around them, in units of the grid.
        dense: evaluate the whole grid instead, to check against.

    Returns:
        vertices (v, 3) float64 in units of the grid, ordered by the grid edge they lie on, and triangles (f, 3)
        int32, counter-clockwise seen from outside, ordered by cell.
    """
    from personare.faces.marching import COUNTS, EDGES, TRIANGLES, all_crossed, triangulate

    if dense:
        values = _evaluated(sdf, grid, np.arange(np.prod(grid.shape))).reshape(grid.shape)
        cells = all_crossed(values)
    else:
        values, cells = _followed(sdf, grid, np.reshape(near, (-1, 3)), radius)
    corners = triangulate(values, cells, COUNTS, TRIANGLES, EDGES)
    edges, triangles = np.unique(corners, return_inverse=True)
    return _placed(values, grid, edges), triangles.reshape(-1, 3).astype(np.int32)


def _evaluated(sdf, grid, flat, block=2**18):
    """(n,) float values at flat grid points, a block at a time."""
    pieces = [np.asarray(sdf(grid.points(flat[start : start + block]))) for start in range(0, len(flat), block)]
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _placed(values, grid, edges):
    """(v, 3) float64 where the level crosses each grid edge."""
    start, axis = edges // 3, edges % 3
    index = np.stack(np.unravel_index(start, grid.shape), 1)
    following = index.copy()
    following[np.arange(len(edges)), axis] += 1
    one, other = (values[tuple(i.T)].astype(np.float64) for i in (index, following))
    share = one / (one - other)
    vertices = np.stack([positions[i] for positions, i in zip(grid.axes, index.T, strict=True)], 1)
    for a, positions in enumerate(grid.axes):
        here = axis == a
        step = positions[following[here, a]] - positions[index[here, a]]
        vertices[here, a] += share[here] * step
    return vertices


def _followed(sdf, grid, near, radius):
    """Values, NaN where the surface is far, and the flat numbers of all cells that it passes through, in order."""
    from personare.faces.marching import FACES, STEPS, spread, unknown_corners

    values = np.full(grid.shape, np.nan, np.float32)
    seeds = [_seeds(sdf, grid, values, COARSE, None)]
    if len(near):
        seeds.append(_seeds(sdf, grid, values, CLOSE, _close(grid, near, radius)))
    cells = np.unique(np.concatenate(seeds))
    seen, crossed = np.zeros(grid.shape, bool), []
    seen.reshape(-1)[cells] = True
    while len(cells):
        _fill(sdf, grid, values, unknown_corners(values, cells))
        found, cells = spread(values, cells, seen, STEPS, FACES)
        crossed.append(found)
    return values, np.sort(np.concatenate(crossed)) if crossed else np.empty(0, np.int64)


def _fill(sdf, grid, values, flat):
    values.reshape(-1)[flat] = _evaluated(sdf, grid, flat)


def _close(grid, near, radius):
    """(nx, ny, nz) bool, which grid points lie in a cube of the given radius about one of the places."""
    inside = np.zeros(grid.shape, bool)
    for place in near:
        inside[np.ix_(*(np.abs(axis - x) <= radius for axis, x in zip(grid.axes, place, strict=True)))] = True
    return inside


def _seeds(sdf, grid, values, stride, wanted):
    """Flat numbers of cells at fine edges where the sign changes, found on every stride-th point of the grid."""
    steps = [np.unique(np.append(np.arange(0, n, stride), n - 1)) for n in grid.shape]
    flat = np.ravel_multi_index(np.meshgrid(*steps, indexing="ij"), grid.shape)
    asked = flat if wanted is None else flat[wanted.reshape(-1)[flat]]
    asked = asked.reshape(-1)
    _fill(sdf, grid, values, asked[np.isnan(values.reshape(-1)[asked])])
    known = values.reshape(-1)[flat]
    cells = []
    for axis in range(3):
        one, other = (np.take(flat, range(*part), axis).reshape(-1) for part in
                      ((0, flat.shape[axis] - 1), (1, flat.shape[axis])))
        a, b = (np.take(known, range(*part), axis).reshape(-1) for part in
                ((0, flat.shape[axis] - 1), (1, flat.shape[axis])))
        changes = ((a < 0) != (b < 0)) & ~np.isnan(a) & ~np.isnan(b)
        cells.append(_bisected(sdf, grid, values, one[changes], other[changes], axis))
    return np.concatenate(cells)


def _bisected(sdf, grid, values, one, other, axis):
    """Cells beside the fine edge between each pair of grid points on a line along axis where the sign changes."""
    unit = int(np.prod(grid.shape[axis + 1 :]))
    signs = values.reshape(-1)
    while len(one) and (other - one).max() > unit:
        middle = one + (other - one) // (2 * unit) * unit
        _fill(sdf, grid, values, np.unique(middle[np.isnan(signs[middle])]))
        left = (signs[one] < 0) != (signs[middle] < 0)
        # Neighbours one step apart have themselves as the middle and stay as they are.
        one, other = np.where(left, one, middle), np.where(left, middle, other)
    index = np.stack(np.unravel_index(one, grid.shape), 1)
    around = [other_axis for other_axis in range(3) if other_axis != axis]
    cells = []
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cell = index.copy()
        cell[:, around] -= shift
        fits = ((cell >= 0) & (cell < np.array(grid.shape) - 1)).all(1)
        cells.append(np.ravel_multi_index(tuple(cell[fits].T), grid.shape))
    return np.concatenate(cells) if cells else np.empty(0, np.int64)
