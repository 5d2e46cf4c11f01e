"""Head motion: slow wandering at a tempo, nods, and the rotations they make; smooth noise that any chunk can draw."""

import math
from functools import lru_cache

import numpy as np

_BLOCK = 64
# 151/315 is the mean square of a cubic B-spline over unit white noise.
_SPREAD = math.sqrt(151 / 315)


def ease_rows(x):
    """Minimum-jerk step of each value: 0 below 0, 1 above 1."""
    x = np.clip(x, 0, 1)
    return np.minimum(x * x * x * (10 - 15 * x + 6 * x * x), 1.0)


def smooth_noise(position, *, seed, channel):
    """Random smooth curve of its arguments alone, so that any chunk of it can be computed by itself.

    Args:
        position: (t,) float, in lattice cells, >= 0 and never falling; the curve varies over about one cell.
        seed, channel: integers that pick the curve.

    Returns:
        (t,) float64 of about unit variance, continuous in its second derivative (cubic B-spline).
    """
    if len(position) == 1:
        return np.array([_noise_at(position.item(), seed, channel)])
    cell = np.floor(position).astype(np.int64)
    first = int(cell[0])
    # Blocks of 64 lattice values are drawn from (seed, channel, block): counter-based, as Philox is.
    blocks = range(first // _BLOCK, (int(cell[-1]) + 3) // _BLOCK + 1)
    draws = [_lattice(seed, channel, block) for block in blocks]
    lattice = np.concatenate(draws) if len(draws) > 1 else draws[0]
    x = position - cell
    at = cell - blocks[0] * _BLOCK
    weights = ((1 - x) ** 3, 3 * x**3 - 6 * x**2 + 4, -3 * x**3 + 3 * x**2 + 3 * x + 1, x**3)
    curve = sum(w * lattice[at + i] for i, w in enumerate(weights)) / 6
    return curve / _SPREAD


def _noise_at(position, seed, channel):
    """smooth_noise of one position; live frames come one by one, and arrays of one number are slow."""
    cell = math.floor(position)
    block, at = divmod(cell, _BLOCK)
    lattice = _lattice(seed, channel, block)
    if at + 4 > _BLOCK:
        lattice = np.concatenate([lattice, _lattice(seed, channel, block + 1)])
    x = position - cell
    y = 1 - x
    a, b, c, d = lattice[at:at + 4].tolist()
    curve = (y * y * y * a + (3 * x * x * x - 6 * x * x + 4) * b + (-3 * x * x * x + 3 * x * x + 3 * x + 1) * c
             + x * x * x * d) / 6
    return curve / _SPREAD


@lru_cache(maxsize=1024)
def _lattice(seed, channel, block):
    """(_BLOCK,) float64 random values; kept, since live frames ask for the same block each time."""
    values = np.random.default_rng([seed, channel, 7, block]).normal(size=_BLOCK)
    values.flags.writeable = False
    return values


def rotation_from_angles(angles):
    """(t, 3, 3) rotations from (t, 3) yaw, pitch, roll in radians: R = Ry(yaw) Rx(pitch) Rz(roll).

    Positive yaw turns towards the subject's left (+x), positive pitch nods down, positive roll leans the
    head towards the subject's right shoulder.
    """
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    return np.array([
        cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp,
        cp * sr, cp * cr, -sp,
        cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp]).T.reshape(-1, 3, 3)


def angles_from_rotation(rotations):
    """(t, 3) yaw, pitch, roll in radians of (t, 3, 3) rotations; what rotation_from_angles takes back."""
    yaw = np.arctan2(rotations[:, 0, 2], rotations[:, 2, 2])
    pitch = np.arcsin(np.clip(-rotations[:, 1, 2], -1, 1))
    return np.stack([yaw, pitch, np.arctan2(rotations[:, 1, 0], rotations[:, 1, 1])], axis=1)
