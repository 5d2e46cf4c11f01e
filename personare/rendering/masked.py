"""Triangles to samples where a texture has holes, as sheets of hair do: numba kernels that raster.fill_band calls."""

import numpy as np

from personare.rendering.compiled import inlined
from personare.rendering.samples import FIRST, SAMPLE_X, SAMPLE_Y, THRESHOLDS, bits
from personare.rendering.texture import alpha_at

_I1, _I2, _I3 = np.uint64(1), np.uint64(2), np.uint64(3)
_LOW_WORD = np.int64(2**32 - 1)


@inlined
def clip_span(span, value, step):
    """The part of a span of columns on which value + step * column is 0 or more, exactly; integers."""
    low, high = span
    if step > 0:
        low = max(low, -(value // step))
    elif step < 0:
        high = min(high, value // -step)
    elif value < 0:
        high = low - 1
    return low, high


@inlined
def highest_sample(right, down):
    """Largest change of an edge function from the upper left corner of a pixel to one of its samples."""
    return max(max(SAMPLE_X[0] * right + SAMPLE_Y[0] * down, SAMPLE_X[1] * right + SAMPLE_Y[1] * down),
               max(SAMPLE_X[2] * right + SAMPLE_Y[2] * down, SAMPLE_X[3] * right + SAMPLE_Y[3] * down))


@inlined
def cover_masked(samples, triangles, t, rows, columns, first_row, width, at, right, down, plane, limits, mask):
    """Draw a triangle whose texture has holes: of the four samples of a pixel as many as it is opaque there.

    Args:
        samples, first_row, width: as in raster.fill_band.
        triangles: (f, 3) int32.
        t: the triangle.
        rows, columns: first and last to look at; rows are those of the band.
        at, right, down: edge functions at the upper left corner of the first pixel, and their change.
        plane: nearness at that corner and its change for 1/256 pixel.
        limits: lowest and highest nearness of the triangle.
        mask: uv, textures, texels and facets, as in draw.
    """
    uv, textures, texels, facets = mask
    corners = (np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2]))
    m = np.uint32(facets[t, 3])
    number = FIRST - np.int64(t)
    reach = (highest_sample(right[0], down[0]), highest_sample(right[1], down[1]), highest_sample(right[2], down[2]))
    # How much nearer than in the middle of a pixel the triangle can be anywhere in it, rounding included.
    closer = np.float32(130) * (abs(plane[1]) + abs(plane[2])) + np.float32(1e-6) * limits[1]
    for row in range(rows[0], rows[1] + 1):
        # Sheets are long and lie askew: most pixels of their box hold nothing of them.
        span = (np.int64(0), np.int64(columns[1] - columns[0]))
        for k in range(3):
            span = clip_span(span, at[k] + (row - rows[0]) * 256 * down[k] + reach[k], right[k] * 256)
        for column in range(columns[0] + span[0], columns[0] + span[1] + 1):
            x, y = (column - columns[0]) * 256, (row - rows[0]) * 256
            first = np.uint64((row * (width + 4) + column) * 4)
            farthest = min(min(samples[first], samples[first + _I1]), min(samples[first + _I2], samples[first + _I3]))
            most = plane[0] + (plane[1] * np.float32(x + 128) + plane[2] * np.float32(y + 128)) + closer
            if ((bits(min(most, limits[1])) << 32) | _LOW_WORD) < farthest:
                continue
            opaque = np.float32(-1)
            for s in range(4):
                sx, sy = x + SAMPLE_X[s], y + SAMPLE_Y[s]
                if ((at[0] + sx * right[0] + sy * down[0]) | (at[1] + sx * right[1] + sy * down[1])
                        | (at[2] + sx * right[2] + sy * down[2])) >= 0:
                    z = plane[0] + (plane[1] * np.float32(sx) + plane[2] * np.float32(sy))
                    z = min(max(z, limits[0]), limits[1])
                    key = (bits(z) << 32) | number
                    i = first + np.uint64(s)
                    # Most sheets of hair lie behind others: only what would be seen is looked up.
                    if key > samples[i]:
                        if opaque < 0:
                            opaque = alpha_at(facets, t, corners, uv, textures, texels, m, column * 256 + 128,
                                              (row + first_row) * 256 + 128)
                        if opaque > THRESHOLDS[s]:
                            samples[i] = key
