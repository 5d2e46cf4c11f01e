"""The kernels of shadow.py in NumPy."""

import numpy as np

# The constants of shadow.py, repeated here because this file must not import numba.
OFF_SURFACE, RAMP, NOTHING = np.float32(1.6), np.float32(2.0), np.float32(-1e9)


def seen_by_lamp_ref(points, frame, size):
    """shadow.seen_by_lamp for (n, 3) points."""
    return ((points @ frame[:9].reshape(3, 3).T - (*frame[9:11], 0)) * frame[11]
            + np.float32([0.5 * size, 0.5 * size, 0])).astype(np.float32)


def cast_ref(points, nearness, triangles, casts, frame, heights):
    """shadow.cast."""
    size = len(heights)
    heights[:] = NOTHING
    with np.errstate(all="ignore"):
        corners = seen_by_lamp_ref(points, frame, size)[triangles]
        origin, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = b[:, 0] * c[:, 1] - c[:, 0] * b[:, 1]
        low, high = corners[..., :2].min(axis=1), corners[..., :2].max(axis=1)
        drawn = (casts & (nearness[triangles] > 0).all(axis=1) & (np.abs(area) > 1e-6)
                 & (low >= 0).all(axis=1) & (high < size).all(axis=1))
    for t in np.flatnonzero(drawn):
        (left, top), (right, bottom) = np.ceil(low[t] - 0.5).astype(int), np.floor(high[t] - 0.5).astype(int)
        x = np.arange(left, right + 1, dtype=np.float32)[None] + np.float32(0.5) - origin[t, 0]
        y = np.arange(top, bottom + 1, dtype=np.float32)[:, None] + np.float32(0.5) - origin[t, 1]
        share = np.float32(1) / area[t]
        of_b, of_c = (x * c[t, 1] - c[t, 0] * y) * share, (b[t, 0] * y - x * b[t, 1]) * share
        height = np.where((of_b >= 0) & (of_c >= 0) & (of_b + of_c <= 1),
                          origin[t, 2] + of_b * b[t, 2] + of_c * c[t, 2], NOTHING)
        part = heights[top:bottom + 1, left:right + 1]
        np.maximum(part, height, out=part)


def light_reaching_ref(normal, ray, depth, frame, heights):
    """shadow.light_reaching: (n,) float32 share of the lamp's light that reaches fragments."""
    size = len(heights)
    lit = np.ones(len(normal), np.float32)
    long = np.sqrt((normal * normal).sum(axis=1))
    if frame[11] <= 0:
        return lit
    off = OFF_SURFACE / (frame[11] * np.maximum(long, np.float32(1e-10)))
    u, v, height = seen_by_lamp_ref(off[:, None] * normal - ray * depth[:, None], frame, size).T
    u, v = u - np.float32(1), v - np.float32(1)
    here = (normal @ frame[6:9] >= -0.45 * long) & (u >= 2) & (v >= 2) & (u < size - 3) & (v < size - 3)
    u, v, height = u[here], v[here], height[here]
    column, row = u.astype(int), v.astype(int)
    across, down = u - column, v - row
    total = 0
    for k, weigh in enumerate((1 - down, 1, down)):
        for n, share in enumerate((1 - across, 1, across)):
            total = total + weigh * share * np.clip((height - heights[row + k, column + n]) / RAMP + 1, 0, 1)
    lit[here] = total / 4
    return lit
