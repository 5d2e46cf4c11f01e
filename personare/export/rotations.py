"""Rotations as the formats want them: quaternions x y z w, and the yaw, pitch and roll of Live Link."""

import numpy as np


def quaternions(matrices):
    """Unit quaternions of rotations, with signs that do not jump from one row to the next.

    Args:
        matrices: (t, 3, 3) float, rotations.

    Returns:
        (t, 4) float64, x y z w; the first has w >= 0, each further one lies on the side of the one before.
    """
    m = np.asarray(matrices, np.float64)
    trace = np.trace(m, axis1=1, axis2=2)
    # Shepperd's method: of four equal formulas take the one that divides by the largest component.
    squares = np.stack([m[:, 0, 0], m[:, 1, 1], m[:, 2, 2], trace], axis=1) * 2 + (1 - trace)[:, None]
    squares[:, 3] = 1 + trace
    products = np.empty((len(m), 4, 4))
    products[:, range(4), range(4)] = squares
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        products[:, a, b] = products[:, b, a] = m[:, a, b] + m[:, b, a]
        products[:, c, 3] = products[:, 3, c] = m[:, b, a] - m[:, a, b]
    best = products[np.arange(len(m)), squares.argmax(axis=1)]
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    return best * _steady_signs(best)[:, None]


def _steady_signs(rows):
    """(t,) signs that turn every quaternion to the side of the one before it."""
    if not len(rows):
        return np.ones(0)
    flips = np.where((rows[1:] * rows[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    return np.cumprod(np.concatenate([[1.0 if rows[0, 3] >= 0 else -1.0], flips]))


def matrices(rows):
    """(t, 3, 3) float64 rotations of (t, 4) quaternions x y z w of any length but zero."""
    x, y, z, w = (np.asarray(rows, np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)).T
    return np.stack([
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=1).reshape(-1, 3, 3)


def poses(rotations, translations=None):
    """(t, 4, 4) float32 rigid transforms of (t, 3, 3) rotations and (t, 3) translations."""
    out = np.zeros((len(rotations), 4, 4), np.float32)
    out[:, :3, :3] = rotations
    out[:, 3, 3] = 1
    if translations is not None:
        out[:, :3, 3] = translations
    return out


def yaw_pitch_roll(matrices):
    """Head angles with the signs of Live Link Face: R = Ry(yaw) Rx(-pitch) Rz(roll).

    Args:
        matrices: (t, 3, 3) float, rotations up to a positive factor.

    Returns:
        (t, 3) float64 radians: yaw + to the subject's left, pitch + up, roll + towards the subject's right
        shoulder.
    """
    m = np.asarray(matrices, np.float64)
    yaw = np.arctan2(m[:, 0, 2], m[:, 2, 2])
    pitch = np.arctan2(m[:, 1, 2], np.hypot(m[:, 1, 0], m[:, 1, 1]))
    roll = np.arctan2(m[:, 1, 0], m[:, 1, 1])
    return np.array([yaw, pitch, roll]).T


def from_yaw_pitch_roll(angles):
    """(t, 3, 3) float64 rotations of (t, 3) yaw, pitch, roll; the inverse of yaw_pitch_roll."""
    yaw, pitch, roll = np.asarray(angles, np.float64).T
    sa, ca, sb, cb, sc, cc = np.sin(yaw), np.cos(yaw), np.sin(-pitch), np.cos(pitch), np.sin(roll), np.cos(roll)
    return np.stack([
        ca * cc + sa * sb * sc, -ca * sc + sa * sb * cc, sa * cb,
        cb * sc, cb * cc, -sb,
        -sa * cc + ca * sb * sc, sa * sc + ca * sb * cc, ca * cb], axis=1).reshape(-1, 3, 3)


def zyx(matrices):
    """(t, 3) float64 angles x, y, z in radians of (t, 3, 3) rotations R = Rz Ry Rx, as fits of the Basel model use."""
    m = np.asarray(matrices, np.float64)
    return np.stack([np.arctan2(m[:, 2, 1], m[:, 2, 2]), np.arctan2(-m[:, 2, 0], np.hypot(m[:, 2, 1], m[:, 2, 2])),
                     np.arctan2(m[:, 1, 0], m[:, 0, 0])], axis=1)


def from_zyx(angles):
    """(t, 3, 3) float64 rotations of (t, 3) angles x, y, z; the inverse of zyx."""
    x, y, z = np.asarray(angles, np.float64).T
    sx, cx, sy, cy, sz, cz = np.sin(x), np.cos(x), np.sin(y), np.cos(y), np.sin(z), np.cos(z)
    return np.stack([
        cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
        sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,
        -sy, cy * sx, cy * cx], axis=1).reshape(-1, 3, 3)
