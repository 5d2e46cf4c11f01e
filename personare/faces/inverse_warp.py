"""Carry points of a neutral head to a moving one: solve x + F(x) = v for x, where F leads back to the neutral head.

Each point is solved by itself with Broyden's method from the exact derivative. Lips and lids that close are where F
is steep, and a plain fixed point diverges there; a step that makes things worse is taken back and halved.

Source:
    Broyden, A class of methods for solving nonlinear simultaneous equations, 1965. As in NPHM's fitting, which starts
    from the identity matrix; checked against its numbers in tests/parity/test_nphm.py (1e-6).
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError

# Longest step of one iteration, in units of the network: 10 mm of an NPHM head.
LONGEST_STEP = 0.04


@dataclass(frozen=True, eq=False)
class Carried:
    """Where points went.

    Args:
        points: (n, 3) float32 positions on the moving head.
        residual: (n,) float32, how far F leads each past its place on the neutral head.
        inverse: (n, 3, 3) float32 approximate inverse of 1 + dF/dx, to start the next frame with.
    """

    points: np.ndarray
    residual: np.ndarray
    inverse: np.ndarray


def carry(warp, canonical, *, start=None, tolerance=1e-6, most=12):
    """Solve x + F(x) = canonical.

    Args:
        warp: Perceptron from a point of the moving head to its offset; None for the neutral head.
        canonical: (n, 3) float32 points of the neutral head.
        start: Carried of a similar expression; default the points themselves.
        tolerance: largest residual that is good enough, in units of the network.
        most: evaluations of F after the first.

    Returns:
        Carried.

    Raises:
        InputError: tolerance is not positive.
    """
    if not tolerance > 0:
        raise InputError("tolerance", expected="a positive length", got=repr(tolerance), remedy="use 1e-5")
    canonical = np.ascontiguousarray(canonical, np.float32)
    if warp is None or not len(canonical):
        zero = np.zeros(len(canonical), np.float32)
        return Carried(canonical.copy(), zero, np.repeat(np.eye(3, dtype=np.float32)[None], len(canonical), 0))
    if start is None:
        points = canonical.copy()
        offsets, jacobian = warp.with_jacobian(points)
        offsets, inverse = offsets[:, :3], _inverted(jacobian[:, :3] + np.eye(3, dtype=np.float32))
    else:
        points, inverse = start.points.copy(), start.inverse.copy()
        offsets = warp(points)[:, :3]
    miss = points + offsets - canonical
    return _solved(warp, canonical, points, miss, inverse, tolerance, most)


def _solved(warp, canonical, points, miss, inverse, tolerance, most):
    """Broyden steps on the points that are not there yet."""
    size = np.linalg.norm(miss, axis=1)
    scale = np.ones(len(points), np.float32)
    for turn in range(most):
        rows = np.flatnonzero(size > tolerance)
        if not len(rows):
            break
        step = -np.einsum("nij,nj->ni", inverse[rows], miss[rows]) * scale[rows, None]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        step *= np.minimum(1, LONGEST_STEP / np.maximum(length, 1e-12))
        trial = points[rows] + step
        if turn == most // 2:
            # What has not come near by now has an inverse that does not fit; take the exact one.
            _renew(warp, points, inverse, rows)
        trial_miss = trial + warp(trial)[:, :3] - canonical[rows]
        trial_size = np.linalg.norm(trial_miss, axis=1)
        _update(inverse, rows, step, trial_miss - miss[rows])
        better = trial_size < size[rows]
        scale[rows] = np.where(better, np.minimum(1, 2 * scale[rows]), 0.5 * scale[rows])
        good = rows[better]
        points[good], miss[good], size[good] = trial[better], trial_miss[better], trial_size[better]
    return Carried(points, size.astype(np.float32), inverse)


def _renew(warp, points, inverse, rows):
    jacobian = warp.with_jacobian(points[rows])[1][:, :3]
    inverse[rows] = _inverted(jacobian + np.eye(3, dtype=np.float32))


def _update(inverse, rows, step, change):
    """Broyden's update of the inverse, in place: B += (s - B y) s'B / (s'B y)."""
    part = inverse[rows]
    moved = np.einsum("nij,nj->ni", part, change)
    left = np.einsum("ni,nij->nj", step, part)
    scale = np.einsum("ni,ni->n", step, moved)
    fine = np.abs(scale) > 1e-3 * np.einsum("ni,ni->n", step, step)
    part[fine] += ((step - moved)[fine] / scale[fine, None])[:, :, None] * left[fine, None, :]
    inverse[rows] = part


def _inverted(matrices):
    """(n, 3, 3) inverses by cofactors; where a determinant is nearly 0 it is taken as 0.05."""
    a, b, c = matrices[:, 0], matrices[:, 1], matrices[:, 2]
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 2)
    determinant = np.einsum("ni,ni->n", a, cofactors[:, :, 0])
    safe = np.where(np.abs(determinant) < 0.05, np.where(determinant < 0, -0.05, 0.05), determinant)
    return (cofactors / safe[:, None, None]).astype(np.float32)
