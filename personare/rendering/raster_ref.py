"""The kernels of raster.py in NumPy: the fallback where numba cannot be imported, and what tests hold it against."""

import numpy as np

# The grid of raster.py, repeated here because this file must not import numba.
GUARD_PX = 2.0**20
SAMPLE_X, SAMPLE_Y = np.array([96, 224, 32, 160]), np.array([32, 96, 160, 224])
FIRST = 2**31 - 1
THRESHOLDS = np.array([0.625, 0.125, 0.875, 0.375], np.float32)

# Pixels tested at once: their 4 samples in about ten int64 arrays stay below 32 MB.
_CHUNK_PIXELS = 2**16


def project_ref(vertices, camera_from_world, lens, points, screen, nearness):
    """raster.project."""
    m = camera_from_world
    x, y, z = vertices.astype(np.float64).T
    with np.errstate(all="ignore"):
        u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
        v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
        depth = -(m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        points[:] = np.stack([u, v, -depth], 1)
        x_px, y_px = lens[1] + u * (lens[0] / depth), lens[2] - v * (lens[0] / depth)
        drawn = (depth >= lens[3]) & (depth <= lens[4]) & (np.abs(x_px) < GUARD_PX) & (np.abs(y_px) < GUARD_PX)
        nearness[:] = np.where(drawn, 1 / depth, 0)
    screen[drawn, 0] = np.floor(x_px[drawn] * 256 + 0.5)
    screen[drawn, 1] = np.floor(y_px[drawn] * 256 + 0.5)


def vertex_normals_ref(points, welded, weld, attributes):
    """raster.vertex_normals, up to the order of sums."""
    a, b, c = points[welded.T]
    with np.errstate(all="ignore"):
        normal = np.cross(b - a, c - a)
        normal[~(np.abs(normal).sum(axis=1) < 1e15)] = 0
    total = np.stack([np.bincount(welded.ravel(), np.repeat(normal[:, k], 3), len(points)) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 0, total / np.where(length > 0, length, 1), (0, 0, 1))
    attributes[:, :3] = unit[weld]
    attributes[:, 7] = -points[:, 2]


def sample_keys_ref(screen, nearness, triangles, two_sided, width, first_row, row_count, opacity=None):
    """The sample keys that raster.fill_band leaves, by testing every pixel of every triangle's box.

    Args:
        opacity: function of (n,) triangles and the (n,) x and y of a point in each, in 1/256 pixel, that returns how
            opaque they are there; None where no texture has holes.

    Returns:
        (row_count, w, 4) int64 keys, 0 where nothing is drawn.
    """
    keys = np.zeros((row_count, width, 4), np.int64)
    corners, numbers = _drawn(screen, nearness, triangles, two_sided)
    xy = screen.astype(np.int64)[corners]                                     # (n, 3, 2)
    low, high = xy.min(axis=1), xy.max(axis=1)
    columns = np.maximum(0, (low[:, 0] - 224 + 255) >> 8), np.minimum(width - 1, (high[:, 0] - 32) >> 8)
    rows = (np.maximum(first_row, (low[:, 1] - 224 + 255) >> 8),
            np.minimum(first_row + row_count - 1, (high[:, 1] - 32) >> 8))
    heights = np.where(columns[0] <= columns[1], np.maximum(rows[1] - rows[0] + 1, 0), 0)
    which = np.repeat(np.arange(len(numbers)), heights)                       # one entry for each row of a box
    row = np.arange(len(which)) - np.repeat(np.cumsum(heights) - heights, heights) + rows[0][which]
    widths = (columns[1] - columns[0] + 1)[which]
    setup = xy, nearness[corners], numbers, columns[0]
    ends = np.cumsum(widths)
    start = 0
    while start < len(which):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _CHUNK_PIXELS, side="right")))
        line = np.repeat(np.arange(start, stop), widths[start:stop])
        column = np.arange(len(line)) - (ends - widths)[line] + before + columns[0][which[line]]
        _cover(keys, which[line], row[line], column, first_row, setup, opacity)
        start = stop
    return keys


def _drawn(screen, nearness, triangles, two_sided):
    """Corners of the triangles that are drawn, turned so that edges run the same way, and their numbers."""
    xy = screen.astype(np.int64)[triangles]
    (ax, ay), (bx, by), (cx, cy) = xy[:, 0].T, xy[:, 1].T, xy[:, 2].T
    area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
    keep = (nearness[triangles] > 0).all(axis=1) & ((area > 0) | ((area < 0) & two_sided))
    corners = np.where((area > 0)[:, None], triangles[:, [0, 2, 1]], triangles)
    return corners[keep], np.flatnonzero(keep)


def _cover(keys, which, row, column, first_row, setup, opacity):
    """Test the four samples of some pixels against a triangle each, and keep the greater keys."""
    corners, near, numbers, low = setup
    x, y = column[:, None] * 256 + SAMPLE_X, row[:, None] * 256 + SAMPLE_Y
    inside = np.ones(x.shape, bool)
    for k in range(3):
        start, stop = corners[which, k], corners[which, (k + 1) % 3]
        dx, dy = (stop - start).T
        bias = np.where((dy < 0) | ((dy == 0) & (dx > 0)), 0, -1)
        edge = dx[:, None] * (y - start[:, 1:]) - dy[:, None] * (x - start[:, :1]) + bias[:, None]
        inside &= edge >= 0
    if opacity:
        share = opacity(numbers[which], column * 256 + 128, row * 256 + 128)
        inside &= share[:, None] > THRESHOLDS
    pixel, sample = np.nonzero(inside)
    if not len(pixel):
        return
    which, row, column = which[pixel], row[pixel], column[pixel]
    # The box is walked from its corner in rows and in steps of four pixels, adding up nearness in float32.
    left, top = low[which], np.maximum(0, (corners[which, :, 1].min(axis=1) - 224 + 255) >> 8)
    step = (column - left) // 4 * 4
    z = _nearness_at(corners[which], near[which], (left, top), (step * 256, (row - top) * 256),
                     ((column - left - step) * 256 + SAMPLE_X[sample], SAMPLE_Y[sample]))
    key = (z.view(np.int32).astype(np.int64) << 32) | (FIRST - numbers[which])
    np.maximum.at(keys, (row - first_row, column, sample), key)


def _nearness_at(corners, near, pixel, step, lane):
    """(n,) float32 nearness of triangles at the corner of a pixel + step + lane, the last two in 1/256 pixel."""
    origin = corners[:, 0]
    (ux, uy), (vx, vy) = (corners[:, 1] - origin).T.astype(float), (corners[:, 2] - origin).T.astype(float)
    share = 1 / np.abs(vx * uy - vy * ux)
    base, u, v = near[:, 0].astype(float), near[:, 1].astype(float) - near[:, 0], near[:, 2].astype(float) - near[:, 0]
    slope_x, slope_y = (u * vy - v * uy) * share, (v * ux - u * vx) * share
    corner = base + slope_x * (pixel[0] * 256 - origin[:, 0]) + slope_y * (pixel[1] * 256 - origin[:, 1])
    rise_x, rise_y = slope_x.astype(np.float32), slope_y.astype(np.float32)
    start = corner.astype(np.float32) + rise_y * step[1].astype(np.float32) + rise_x * step[0].astype(np.float32)
    z = start + (rise_x * lane[0].astype(np.float32) + rise_y * lane[1].astype(np.float32))
    return np.minimum(np.maximum(z, near.min(axis=1)), near.max(axis=1))
