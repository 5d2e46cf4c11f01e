"""Noise in space, numba: smooth values and cells, the same on every machine."""

import numba
import numpy as np

_EXACT = {"cache": True, "error_model": "numpy"}


@numba.njit(**_EXACT)
def scattered(i, j, k):
    """A number in 0..1 for three integers: an integer hash."""
    n = np.uint32(i * 374761393 + j * 668265263 + k * 2147483647)
    n = np.uint32((n ^ (n >> np.uint32(13))) * np.uint32(1274126177))
    n = np.uint32((n ^ (n >> np.uint32(15))) * np.uint32(2246822519))
    n = n ^ (n >> np.uint32(16))
    return np.float64(n) / 4294967295.0


@numba.njit(**_EXACT)
def smooth_noise(x, y, z):
    """Value noise, -1..1, one bump to a unit."""
    i, j, k = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    a, b, c = np.int64(i), np.int64(j), np.int64(k)
    total = 0.0
    for corner in range(8):
        p, q, r = corner & 1, corner >> 1 & 1, corner >> 2
        weight = (u if p else 1 - u) * (v if q else 1 - v) * (w if r else 1 - w)
        total += weight * scattered(a + p, b + q, c + r)
    return 2 * total - 1


@numba.njit(**_EXACT)
def cells(x, y, z):
    """Distance to the nearest of points scattered one to a unit cube, and a number 0..1 of its own."""
    i, j, k = np.int64(np.floor(x)), np.int64(np.floor(y)), np.int64(np.floor(z))
    nearest, own = 9.0, 0.0
    for a in range(i - 1, i + 2):
        for b in range(j - 1, j + 2):
            for c in range(k - 1, k + 2):
                dx = a + scattered(a, b, c) - x
                dy = b + scattered(a + 71, b, c) - y
                dz = c + scattered(a, b + 71, c) - z
                far = dx * dx + dy * dy + dz * dz
                if far < nearest:
                    nearest, own = far, scattered(a, b, c + 71)
    return np.sqrt(nearest), own
