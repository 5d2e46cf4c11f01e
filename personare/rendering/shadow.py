"""The shadow of one lamp: a map of what it sees, and how much of it reaches a fragment. Numba kernels.

`shadow_ref.py` holds the NumPy twins.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined
from personare.rendering.shade import DEPTH, LIT, NX, NY, NZ, VX, VY

# A fragment is looked up this many texels off its surface, and its shadow begins where something stands this many
# texels nearer to the lamp: both keep a surface from shading itself.
OFF_SURFACE, RAMP = np.float32(1.6), np.float32(2.0)
NOTHING = np.float32(-1e9)

_ONE, _ZERO, _HALF = np.float32(1), np.float32(0), np.float32(0.5)


@inlined
def seen_by_lamp(p, q, r, frame, half):
    """Texel across and down, and height towards the lamp in texels, of a point in camera space."""
    return (((p * frame[0] + q * frame[1] + r * frame[2]) - frame[9]) * frame[11] + half,
            ((p * frame[3] + q * frame[4] + r * frame[5]) - frame[10]) * frame[11] + half,
            (p * frame[6] + q * frame[7] + r * frame[8]) * frame[11])


@compiled("void(float32[:,::1], float32[::1], int32[:,::1], boolean[::1], float32[::1], float32[:,::1],"
          "float32[:,::1])")
def cast(points, nearness, triangles, casts, frame, seen, heights):
    """Draw what the lamp sees.

    Args:
        points: (v, 3) float32, camera space.
        nearness: (v,) float32.
        triangles: (f, 3) int32.
        casts: (f,) bool, triangles that throw shadow.
        frame: from scene.aim.
        seen: (v, 3) float32 scratch.
        heights: (s, s) float32 out, the greatest height towards the lamp at each texel, NOTHING where none.
    """
    size = heights.shape[0]
    half = np.float32(0.5 * size)
    heights[:] = NOTHING
    for i in range(points.shape[0]):
        seen[i, 0], seen[i, 1], seen[i, 2] = seen_by_lamp(points[i, 0], points[i, 1], points[i, 2], frame, half)
    for t in range(triangles.shape[0]):
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        if not (casts[t] and nearness[a] > 0 and nearness[b] > 0 and nearness[c] > 0):
            continue
        ax, ay, az = seen[a, 0], seen[a, 1], seen[a, 2]
        bx, by, bz = seen[b, 0] - ax, seen[b, 1] - ay, seen[b, 2] - az
        cx, cy, cz = seen[c, 0] - ax, seen[c, 1] - ay, seen[c, 2] - az
        area = bx * cy - cx * by
        low_x, high_x = ax + min(min(bx, cx), _ZERO), ax + max(max(bx, cx), _ZERO)
        low_y, high_y = ay + min(min(by, cy), _ZERO), ay + max(max(by, cy), _ZERO)
        # Both sides: a sheet of hair throws shadow whichever way it looks.
        if not (abs(area) > np.float32(1e-6) and high_x < size and high_y < size and low_x >= 0 and low_y >= 0):
            continue
        share = _ONE / area
        for row in range(np.int64(np.ceil(low_y - _HALF)), np.int64(np.floor(high_y - _HALF)) + 1):
            for column in range(np.int64(np.ceil(low_x - _HALF)), np.int64(np.floor(high_x - _HALF)) + 1):
                x, y = np.float32(column) + _HALF - ax, np.float32(row) + _HALF - ay
                of_b, of_c = (x * cy - cx * y) * share, (bx * y - x * by) * share
                if of_b >= 0 and of_c >= 0 and of_b + of_c <= 1:
                    k, n = np.uint64(row), np.uint64(column)
                    heights[k, n] = max(heights[k, n], az + of_b * bz + of_c * cz)


@inlined
def light_reaching(batch, count, frame, heights):
    """Write LIT of a batch, 0..1, from its NX..NZ, VX, VY and DEPTH: 9 texels, weighted as a soft square of 2 x 2."""
    size = np.int64(heights.shape[0])
    half, last = np.float32(0.5 * size), np.float32(size - 3)
    for i in range(count):
        batch[LIT + i] = _ONE
        x, y, z = batch[NX + i], batch[NY + i], batch[NZ + i]
        long = x * x + y * y + z * z
        toward = x * frame[6] + y * frame[7] + z * frame[8]
        if toward < np.float32(-0.45) * np.sqrt(long) or frame[11] <= 0:
            continue
        off = OFF_SURFACE / (frame[11] * np.sqrt(long + np.float32(1e-20)))
        deep = batch[DEPTH + i]
        u, v, height = seen_by_lamp(off * x - batch[VX + i] * deep, off * y - batch[VY + i] * deep, off * z - deep,
                                    frame, half)
        u, v = u - _ONE, v - _ONE
        if not (u >= 2 and v >= 2 and u < last and v < last):
            continue
        column, row = np.int64(u), np.int64(v)
        across, down = u - np.float32(column), v - np.float32(row)
        total = _ZERO
        for k in range(3):
            weigh = _ONE - down if k == 0 else (down if k == 2 else _ONE)
            line = _ZERO
            for n in range(3):
                lit = (height - heights[np.uint64(row + k), np.uint64(column + n)]) / RAMP + _ONE
                lit = min(max(lit, _ZERO), _ONE)
                line += lit * (_ONE - across if n == 0 else (across if n == 2 else _ONE))
            total += weigh * line
        batch[LIT + i] = total * np.float32(0.25)
