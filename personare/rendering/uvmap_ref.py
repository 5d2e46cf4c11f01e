"""uvmap.py in NumPy: the fallback where numba cannot be imported, and what tests hold the kernel against."""

import numpy as np


def map_uv_ref(points, triangles, corner_uv, two_sided, number, uv, near):
    """uvmap.map_uv."""
    h, w = number.shape
    number[:], uv[:], near[:] = -1, 0, 0
    for t, (a, b, c) in enumerate(points[triangles]):
        area = (c[0] - a[0]) * (b[1] - a[1]) - (c[1] - a[1]) * (b[0] - a[0])
        if min(a[2], b[2], c[2]) <= 0 or area == 0 or (area < 0 and not two_sided[t]):
            continue
        low = np.maximum(np.ceil(np.min([a, b, c], axis=0)[:2] - 0.5), 0).astype(int)
        high = np.minimum(np.floor(np.max([a, b, c], axis=0)[:2] - 0.5), (w - 1, h - 1)).astype(int)
        if (high < low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1) + 0.5, np.arange(low[1], high[1] + 1) + 0.5)
        of_a = ((c[0] - x) * (b[1] - y) - (c[1] - y) * (b[0] - x)) / area
        of_b = ((a[0] - x) * (c[1] - y) - (a[1] - y) * (c[0] - x)) / area
        shares = np.stack([of_a, of_b, 1 - of_a - of_b], 2)
        inside = (shares >= 0).all(axis=2)
        shares = shares * (1 / np.array([a[2], b[2], c[2]]))
        nearness = shares.sum(axis=2)
        box = slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)
        wins = inside & (nearness > near[box])
        near[box][wins], number[box][wins] = nearness[wins], t
        uv[box][wins] = shares[wins] @ corner_uv[t] / nearness[wins][:, None]
