"""The head as an implicit solid: soft unions of ellipsoids and capsules, in cm, y = 0 at the pupils, z = 0 mid-skull.

Proportions follow the usual drawing canon (eyes at half height, five eye widths across, nose base half way from
brow to chin, mouth a third of the way from nose to chin) and published averages of adult head measures.
"""

import numpy as np

EYE = np.array([3.15, 0.0, 6.90])  # centre of the left eyeball; pupils 6.3 cm apart
EYE_RADIUS = 1.30
LID_THICKNESS = 0.17


def ellipsoid(p, centre, radii):
    """Approximate signed distance to an ellipsoid, (n,)."""
    q = (p - centre) / radii
    k0 = np.linalg.norm(q, axis=1)
    k1 = np.maximum(np.linalg.norm(q / radii, axis=1), 1e-9)
    return k0 * (k0 - 1.0) / k1


def capsule(p, a, b, ra, rb=None):
    """Signed distance to a capsule from a to b whose radius goes from ra to rb, (n,)."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    axis = b - a
    t = np.clip((p - a) @ axis / (axis @ axis), 0.0, 1.0)
    radius = ra if rb is None else ra + (rb - ra) * t
    return np.linalg.norm(p - a - t[:, None] * axis, axis=1) - radius


def join(a, b, soft):
    """Smooth union of two distances; it adds soft / 4 cm where both are equal.

    The blend is cubic, so that the curvature has no edge where it ends.
    """
    wide = 1.5 * soft
    h = np.maximum(wide - np.abs(a - b), 0.0) / wide
    return np.minimum(a, b) - h * h * h * wide / 6.0


def carve(a, b, soft):
    """Distance to a with b smoothly cut out of it."""
    return -join(-a, b, soft)


def _skull(p):
    d = ellipsoid(p, (0, 3.1, -0.25), (7.3, 8.2, 9.4))
    d = join(d, ellipsoid(p, (0, -2.5, 2.0), (5.9, 8.2, 6.9)), 1.5)
    d = join(d, ellipsoid(p, (0, -7.2, 3.6), (4.0, 3.2, 5.3)), 1.8)
    d = join(d, capsule(p, (4.2, -6.3, 1.8), (5.4, -1.5, 0.9), 0.85), 2.6)
    d = join(d, capsule(p, (3.75, -7.4, 2.2), (0.8, -9.8, 7.6), 0.9, 1.05), 1.8)
    d = join(d, ellipsoid(p, (0, -9.75, 7.85), (1.35, 1.3, 1.7)), 1.6)
    d = join(d, ellipsoid(p, (4.40, -2.8, 5.5), (1.7, 1.7, 2.2)), 2.4)
    d = join(d, ellipsoid(p, (3.1, -4.7, 5.8), (2.3, 2.9, 2.5)), 2.2)
    d = join(d, ellipsoid(p, (0, -6.9, 6.75), (3.1, 2.4, 2.95)), 1.4)
    d = join(d, capsule(p, (5.0, 1.4, 5.6), (4.95, -2.2, 5.5), 0.55), 2.4)
    brow = join(capsule(p, (0.0, 1.5, 8.38), (1.4, 1.55, 8.26), 0.56),
                capsule(p, (1.4, 1.55, 8.26), (4.6, 1.95, 6.75), 0.56, 0.62), 0.5)
    return join(d, brow, 2.0)


def _eyes(p, d):
    d = carve(d, ellipsoid(p, (2.9, -0.05, 9.5), (1.85, 1.12, 1.75)), 1.2)
    return join(d, np.linalg.norm(p - EYE, axis=1) - (EYE_RADIUS + LID_THICKNESS), 0.55)


def _nose(p, d):
    bridge = capsule(p, (0, 0.5, 8.6), (0, -3.5, 10.55), 0.48, 0.66)
    tip = join(ellipsoid(p, (0, -3.95, 10.8), (0.72, 0.62, 0.72)),
               ellipsoid(p, (0.42, -4.0, 10.75), (0.5, 0.52, 0.6)), 0.35)
    wing = ellipsoid(p, (1.06, -4.3, 9.75), (0.53, 0.56, 0.86))
    column = capsule(p, (0, -4.45, 10.75), (0, -4.74, 9.7), 0.3, 0.38)
    nose = join(join(join(bridge, tip, 0.7), wing, 0.55), column, 0.4)
    return join(d, nose, 0.75)


def _body(p):
    d = capsule(p, (0, -7.0, -1.5), (0, -19.0, -2.6), 4.35, 4.7)
    d = join(d, capsule(p, (2.0, -13.0, -4.2), (11.0, -19.6, -3.6), 1.7, 2.2), 3.0)
    d = join(d, ellipsoid(p, (0, -27.5, -1.2), (15.0, 9.5, 8.4)), 2.5)
    d = join(d, ellipsoid(p, (13.2, -22.0, -2.4), (4.2, 4.2, 4.2)), 3.0)
    d = join(d, capsule(p, (4.2, -5.5, -1.4), (0.9, -18.7, 2.9), 0.75, 0.5), 2.2)
    return join(d, capsule(p, (1.3, -18.9, 4.3), (12.0, -18.6, 0.2), 0.55), 1.2)


def distance(p):
    """Signed distance of points (n, 3) to the bare head, without lips, lid openings and ears; (n,)."""
    p = np.array(p, float)
    p[:, 0] = np.abs(p[:, 0])
    d = _nose(p, _eyes(p, _skull(p)))
    return join(d, _body(p), 1.3)


def gradient(p, step=0.02):
    """Gradient of `distance`, (n, 3)."""
    rows = [(distance(p + step * axis) - distance(p - step * axis)) / (2 * step) for axis in np.eye(3)]
    return np.stack(rows, 1)


def project(p, iterations=12):
    """Nearest points on the surface, found by damped Newton steps of at most half a centimetre."""
    p = np.array(p, float)
    for _ in range(iterations):
        g = gradient(p)
        step = distance(p)[:, None] * g / np.maximum((g * g).sum(1, keepdims=True), 0.2)
        size = np.linalg.norm(step, axis=1, keepdims=True)
        p -= step * np.minimum(1.0, 0.5 / np.maximum(size, 1e-9))
    return p


def drop(xy, start=14.0, direction=(0.0, 0.0, -1.0)):
    """First surface points met from the plane z = start along `direction`, for (n, 2) positions."""
    p = np.column_stack([xy, np.full(len(xy), start)])
    direction = np.asarray(direction)
    for _ in range(200):
        p += 0.6 * distance(p)[:, None] * direction
    return p
