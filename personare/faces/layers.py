"""Compiled steps of coordinate networks: bias, skip input and softplus in one pass; imported by its users when needed.

Softplus with beta b is written as max(x, 0) + log1p(exp(-b |x|)) / b. The exponential is the fifth square of a
polynomial on 0..0.75, the logarithm a polynomial on 0..1, so that the loop runs in vector registers; the result is
within 3e-9 + 1e-7 |x| of the exact one for beta 100 (tests/faces/test_layers.py). Every row is computed the same way
wherever it stands in a batch.
"""

import math

import numpy as np
from numba import njit

# exp(-s) on 0..0.75 and log1p(u) on 0..1: Chebyshev fits, coefficients from the highest power down.
_SQUARES = 5
_WIDEST = 0.75 * 2**_SQUARES


def _fit(function, high, degree):
    series = np.polynomial.Chebyshev.interpolate(function, degree, domain=[0, high])
    return tuple(np.float32(c) for c in series.convert(kind=np.polynomial.Polynomial).coef[::-1])


E6, E5, E4, E3, E2, E1, E0 = _fit(lambda s: np.exp(-s), 0.75, 6)
L8, L7, L6, L5, L4, L3, L2, L1 = _fit(lambda u: np.where(u > 0, np.log1p(u) / np.where(u > 0, u, 1), 1.0), 1.0, 7)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz"}, inline="always")
def _decay(t):
    """exp(-t) for t >= 0; 4e-11 stands for all that is smaller."""
    s = min(t, np.float32(_WIDEST)) * np.float32(1 / 2**_SQUARES)
    u = (((((E6 * s + E5) * s + E4) * s + E3) * s + E2) * s + E1) * s + E0
    u *= u
    u *= u
    u *= u
    u *= u
    return u * u


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz"}, inline="always")
def _log1p(u):
    return (((((((L8 * u + L7) * u + L6) * u + L5) * u + L4) * u + L3) * u + L2) * u + L1) * u


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz"})
def activate(rows, bias, points, skip, beta):
    """rows = softplus(rows + bias + points @ skip), in place.

    Args:
        rows: (n, h) float32.
        bias: (h,) float32.
        points: (n, d) float32; d is 0 in a layer without coordinates.
        skip: (d, h) float32.
        beta: float32 sharpness of the softplus; 0 for a plain max(x, 0).
    """
    n, h = rows.shape
    scale = np.float32(1) / beta if beta > 0 else np.float32(0)
    for i in range(n):
        row = rows[i]
        for j in range(h):
            row[j] += bias[j]
        for a in range(points.shape[1]):
            x = points[i, a]
            for j in range(h):
                row[j] += x * skip[a, j]
        if beta > 0:
            for j in range(h):
                v = row[j]
                row[j] = max(v, np.float32(0)) + scale * _log1p(_decay(abs(beta * v)))
        else:
            for j in range(h):
                row[j] = max(row[j], np.float32(0))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz"})
def activate_with_slope(rows, bias, points, skip, beta, slopes):
    """activate, and the derivative of the softplus at each entry into slopes, (n, h) float32."""
    n, h = rows.shape
    scale = np.float32(1) / beta if beta > 0 else np.float32(0)
    one, half, zero = np.float32(1), np.float32(0.5), np.float32(0)
    for i in range(n):
        row, slope = rows[i], slopes[i]
        for j in range(h):
            row[j] += bias[j]
        for a in range(points.shape[1]):
            x = points[i, a]
            for j in range(h):
                row[j] += x * skip[a, j]
        if beta > 0:
            for j in range(h):
                v = row[j]
                u = _decay(abs(beta * v))
                slope[j] = half + math.copysign(one / (one + u) - half, v)
                row[j] = max(v, zero) + scale * _log1p(u)
        else:
            for j in range(h):
                slope[j] = one if row[j] > 0 else zero
                row[j] = max(row[j], zero)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz"})
def turn_tangents(tangents, skip, slopes):
    """tangents = (tangents + skip) * slopes, in place: the derivative of activate.

    Args:
        tangents: (d, n, h) float32.
        skip: (d, h) float32, or (0, h) in a layer without coordinates.
        slopes: (n, h) float32.
    """
    d, n, h = tangents.shape
    for a in range(d):
        for i in range(n):
            if skip.shape[0]:
                for j in range(h):
                    tangents[a, i, j] = (tangents[a, i, j] + skip[a, j]) * slopes[i, j]
            else:
                for j in range(h):
                    tangents[a, i, j] *= slopes[i, j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nnan", "ninf", "nsz", "reassoc"})
def project(rows, weights, bias, out):
    """out = rows @ weights.T + bias for a handful of outputs; each row sums in the same order.

    Args:
        rows: (n, h) float32.
        weights: (o, h) float32.
        bias: (o,) float32.
        out: (n, o) float32, written.
    """
    for i in range(rows.shape[0]):
        for o in range(weights.shape[0]):
            total = np.float32(0)
            for j in range(rows.shape[1]):
                total += rows[i, j] * weights[o, j]
            out[i, o] = total + bias[o]
