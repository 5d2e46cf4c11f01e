"""What is characteristic of how somebody moves, as one row of numbers, from seconds of their motion.

`published` is style_avatar's formula (Wu et al., ACM MM 2021, section 3.1): how far each coefficient spreads, how far
it jumps from frame to frame, and how far the head jumps, each against what is usual over many clips. `means` adds what
that leaves out: where the face rests, and how far the head wanders; and it draws the spreads of a short clip towards
the usual, by as much as seconds say little. Parity of the first in tests/parity/test_style_code.py.
"""

import numpy as np

from personare.errors import InputError
from personare.export.rotations import zyx

FORMULAS = ("published", "means")
# The Basel fits of style_avatar count in decimetres.
UNIT_M = 0.1
# Seconds of a clip at which the spreads of a `means` code count half: a choice, not yet fitted to recordings.
HALF_S = 2.0


def raw_code(values, pose, *, formula):
    """The statistics of a clip before they are set against what is usual.

    Args:
        values: (t, k) float, t >= 2, at the frame rate of the model.
        pose: (t, p) float, the head: see pose_numbers; (t, 0) for none.
        formula: "published": (2 k + p,), spread and jumps of values, jumps of pose; "means": (3 k + 2 p,), mean,
            spread and jumps of values, spread and jumps of pose.

    Returns:
        float64. Spreads are standard deviations over the clip, not those of a sample of it.

    Raises:
        InputError: fewer than two frames, or no such formula.
    """
    if formula not in FORMULAS:
        raise InputError("formula", expected=f"one of {', '.join(FORMULAS)}", got=repr(formula), remedy="use one")
    if len(values) < 2:
        raise InputError("style", expected="a clip of two frames or more, better 5 s", got=f"{len(values)} frames",
                         remedy="use a longer clip")
    values, pose = np.asarray(values, np.float64), np.asarray(pose, np.float64)
    jumps = np.diff(values, axis=0).std(axis=0), np.diff(pose, axis=0).std(axis=0)
    if formula == "published":
        return np.concatenate([values.std(axis=0), *jumps])
    return np.concatenate([values.mean(axis=0), values.std(axis=0), jumps[0], pose.std(axis=0), jumps[1]])


def style_code(values, pose, *, formula, mean, std, fps=25.0):
    """The code of a clip: raw_code less mean, over std, which are those over many clips.

    Args:
        values, pose, formula: see raw_code.
        mean, std: (d,) float.
        fps: frames a second, for how much a short clip is worth under "means".

    Returns:
        (d,) float32.
    """
    code = (raw_code(values, pose, formula=formula) - mean) / std
    if formula == "means":
        seconds, columns = len(values) / fps, np.shape(values)[1]
        code[columns:] *= seconds / (seconds + HALF_S)
    return code.astype(np.float32)


def pose_numbers(motion, kind):
    """A head pose as numbers.

    Args:
        motion: Motion; no head pose counts as a head at rest.
        kind: "quaternion": (t, 7) style_avatar's quaternion and decimetres; "angles": (t, 6) angles about x, y, z of
            R = Rz Ry Rx and decimetres; "": (t, 0).
    """
    if not kind:
        return np.zeros((len(motion), 0))
    angles, place = np.zeros((len(motion), 3)), np.zeros((len(motion), 3))
    if motion.head_pose is not None:
        angles, place = zyx(motion.head_pose[:, :3, :3]), motion.head_pose[:, :3, 3] / UNIT_M
    return np.concatenate([quaternions(angles) if kind == "quaternion" else angles, place], axis=1)


def quaternions(angles):
    """(t, 4) float64, w first, of (t, 3) angles: minus the product of the turns about x, y and z.

    With R = Rz Ry Rx this is not the turn of the head, since the order is the other way round; it is what
    style_avatar learned, and `angles_of` undoes it.
    """
    half = np.asarray(angles, np.float64) / 2
    c, s, zero = np.cos(half), np.sin(half), np.zeros(len(half))
    turns = (np.stack([c[:, 0], s[:, 0], zero, zero], 1), np.stack([c[:, 1], zero, s[:, 1], zero], 1),
             np.stack([c[:, 2], zero, zero, s[:, 2]], 1))
    return -product(product(turns[0], turns[1]), turns[2])


def angles_of(rows):
    """(t, 3) float64 angles of (t, 4) quaternions of any length but zero; the inverse of quaternions."""
    rows = np.asarray(rows, np.float64)
    w, x, y, z = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    return np.stack([np.arctan2(2 * (w * x - y * z), 1 - 2 * (x * x + y * y)),
                     np.arcsin(np.clip(2 * (x * z + w * y), -1, 1)),
                     np.arctan2(2 * (w * z - x * y), 1 - 2 * (y * y + z * z))], axis=1)


def product(left, right):
    """(t, 4) products of (t, 4) quaternions, w first."""
    a, b, c, d = np.asarray(left).T
    w, x, y, z = np.asarray(right).T
    return np.stack([a * w - b * x - c * y - d * z, a * x + b * w + c * z - d * y,
                     a * y - b * z + c * w + d * x, a * z + b * y - c * x + d * w], axis=1)


def calm_pose(angles, place):
    """A head as style_avatar prepares it: against its own mean turn and place, without what is faster than 3.5 Hz.

    Args:
        angles, place: (t, 3) float at 25 frames a second, t > 27.

    Returns:
        angles (t, 3), place (t, 3), float64.
    """
    rows = quaternions(angles)
    mean = np.linalg.eigh(rows.T @ rows)[1][:, -1]
    turned = product(rows, np.repeat((mean * [1, -1, -1, -1])[None], len(rows), axis=0))
    return low_passed(angles_of(turned)), low_passed(place - np.mean(place, axis=0))


def low_passed(values, *, cut=0.28, order=8):
    """Both ways through a Butterworth low-pass, so that nothing is delayed; ends are continued by point reflection.

    Args:
        values: (t, k) float, t > 3 (order + 1).
        cut: where half the power is lost, as a share of half the frame rate.
        order: of the filter.
    """
    b, a = butterworth(order, cut)
    pad = 3 * (order + 1)
    if len(values) <= pad:
        raise InputError("values", expected=f"more than {pad} frames", got=str(len(values)), remedy="use a longer clip")
    x = np.asarray(values, np.float64)
    x = np.concatenate([2 * x[0] - x[pad:0:-1], x, 2 * x[-1] - x[-2 : -pad - 2 : -1]])
    return _filtered(b, a, _filtered(b, a, x)[::-1])[::-1][pad:-pad]


def butterworth(order, cut):
    """(numerator, denominator), each (order + 1,), of a low-pass by the bilinear transform."""
    warped = 4 * np.tan(np.pi * cut / 2)
    poles = warped * np.exp(1j * np.pi * (2 * np.arange(1, order + 1) + order - 1) / (2 * order))
    a = np.poly((4 + poles) / (4 - poles)).real
    b = np.poly(-np.ones(order))
    return b * a.sum() / b.sum(), a


def _filtered(b, a, x):
    """Filter rows in time, from the state that the first row would have settled to."""
    order = len(a) - 1
    companion = np.zeros((order, order))
    companion[:, 0], companion[range(order - 1), range(1, order)] = -a[1:], 1
    state = np.linalg.solve(np.eye(order) - companion, b[1:] - a[1:] * b[0])[:, None] * x[0]
    y = np.empty_like(x)
    for i, row in enumerate(x):
        y[i] = b[0] * row + state[0]
        state = np.concatenate([state[1:], np.zeros((1, x.shape[1]))]) + np.outer(b[1:], row) - np.outer(a[1:], y[i])
    return y
