"""Brows, upper lashes and a short sculpted hair style: separate, removable parts."""

import numpy as np

from sona import form, rings
from sona.parts import Part, both, grid_triangles

# Left brow, from the nose outwards: x, y, full width, cm.
BROW = ((0.80, 1.50, 0.30), (1.35, 1.72, 0.46), (2.20, 2.02, 0.50), (3.10, 2.25, 0.44), (4.00, 2.22, 0.34),
        (4.75, 1.92, 0.20), (5.15, 1.62, 0.05))
HAIR_COLOR = np.array([0.045, 0.024, 0.013])
BROW_COLOR = np.array([0.05, 0.028, 0.017])


def brows(length=34, across=7):
    """A pair of brows: soft arched strips that lie on the skin."""
    x, y, wide = np.array(BROW).T
    at = np.linspace(0, 1, length)
    key = np.linspace(0, 1, len(BROW))
    from scipy.interpolate import PchipInterpolator
    x, y, wide = (PchipInterpolator(key, k)(at) for k in (x, y, wide))
    slope = np.gradient(y, x)
    normal = np.column_stack([-slope, np.ones(length)]) / np.hypot(slope, 1)[:, None]
    rows = []
    for v in np.linspace(-1, 1, across):
        # Hairs end at different lengths: the upper edge is a little ragged.
        ragged = 1 + 0.10 * np.sin(np.arange(length) * 2.4) * (v > 0.5) + 0.08 * np.sin(np.arange(length) * 1.7) * (v < -0.5)
        xy = np.column_stack([x, y]) + 0.5 * (v * wide * ragged)[:, None] * normal
        p = form.drop(xy)
        n = form.gradient(p)
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        rise = 0.085 * (1 - v**2) ** 0.7 * np.minimum(1.0, at * 12 + 0.35) * (0.4 + 0.6 * wide / wide.max()) - 0.012
        rows.append(p + rise[:, None] * n)
    p = np.stack(rows, 1)
    tint = 1 + 0.25 * np.sin(np.arange(length)[:, None] * 2.1 + np.arange(across) * 1.9)
    color = BROW_COLOR * tint[..., None]
    uv = np.stack(np.meshgrid(at, np.linspace(0, 1, across), indexing="ij"), -1)
    t = grid_triangles(length, across)[:, [0, 2, 1]]
    return both(Part("brows", "hair", p.reshape(-1, 3), t, uv.reshape(-1, 2), color.reshape(-1, 3),
                     np.ones(length * across)))


def lashes(skin):
    """Upper lashes: a fringe from the margin of the upper lid, seen from both sides."""
    index = skin.lids(rings.EYE_MARGIN)
    x = skin.p[index, 0]
    count = len(index)
    angle = np.array([np.sin(a) for a in _angles(count)])
    sector = np.flatnonzero(angle > 0.04)
    sector = sector[np.argsort(x[sector])]
    base = skin.p[index[sector]]
    fine = np.linspace(0, len(sector) - 1, 4 * len(sector) - 3)
    base = np.column_stack([np.interp(fine, np.arange(len(sector)), base[:, k]) for k in range(3)])
    share = np.linspace(0, 1, len(base))
    long = (0.16 + 0.24 * share**0.8) * np.minimum(1, (1 - share) * 8 + 0.5)
    long = long * np.where(np.arange(len(base)) % 4 < 2, 1.0, 0.62)
    out = base - form.EYE
    out = out / np.linalg.norm(out, axis=1, keepdims=True) * (1, 0.2, 1)
    rows = [base + (-0.015, -0.02, -0.015)]
    for reach, lift in ((0.5, -0.03), (1.0, 0.13)):
        rows.append(base + (long * reach)[:, None] * out + np.outer(long * reach, (0.25, 0.0, 0.3))
                    + np.outer(long, (0, 1, 0)) * lift * 2.4)
    p = np.stack(rows, 1)
    t = grid_triangles(len(base), 3)
    t = np.concatenate([t, t[:, [0, 2, 1]] + p.shape[0] * 3])
    flat = p.reshape(-1, 3)
    uv = np.stack(np.meshgrid(share, np.linspace(0, 1, 3), indexing="ij"), -1).reshape(-1, 2)
    uv = np.concatenate([uv * (1, 0.49), uv * (1, 0.49) + (0, 0.5)])
    color = np.tile(0.6 * BROW_COLOR, (2 * len(flat), 1))
    return both(Part("lashes", "hair", np.concatenate([flat, flat]), t, uv, color, np.ones(2 * len(flat))))


def _angles(count):
    from sona import chart
    from sona import skin as placing
    return placing.ring_angle(chart.BLOCKS["eye"], np.arange(count))


HAIR_CENTRE = np.array([0.0, 2.0, -0.6])
# Azimuth from the front in degrees -> polar angle of the hairline from straight up, degrees.
HAIRLINE = ((0, 62), (20, 62), (38, 66), (48, 78), (58, 92), (68, 108), (76, 111), (84, 98), (92, 84), (104, 88), (114, 108),
            (128, 122), (150, 131), (180, 134))


def _trace(directions):
    """Distance from HAIR_CENTRE to the bare head along unit directions, (n,)."""
    t = np.full(len(directions), 22.0)
    for _ in range(80):
        t -= 0.7 * form.distance(HAIR_CENTRE + t[:, None] * directions)
    return t


def hair(around=132, down=34):
    """A short side-swept style: a shell over the scalp with strand-like clumps."""
    from scipy.interpolate import PchipInterpolator
    azimuth = np.linspace(-180, 180, around + 1)[:-1]
    az, line = np.array(HAIRLINE, float).T
    edge = PchipInterpolator(np.r_[-az[1:][::-1], az], np.r_[line[1:][::-1], line])(azimuth)
    v = np.linspace(0.02, 1, down) ** 0.9
    polar = np.radians(edge[:, None] * v)
    turn = np.radians(azimuth)[:, None]
    direction = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, np.sin(polar) * np.cos(turn)], -1)
    root = _trace(direction.reshape(-1, 3)).reshape(polar.shape)
    front = np.clip(np.cos(turn), 0, 1)
    thick = 0.55 + 0.75 * np.cos(polar) ** 2 + 0.65 * front**3 * np.exp(-((v - 0.80) / 0.3) ** 2)
    roll = np.clip(1 - v**7, 0, 1) ** 0.5
    sweep = turn + 0.9 * np.sin(polar) * np.sign(np.cos(turn)) * front
    clump = (0.5 * np.abs(np.sin(13 * sweep + 1.2 * np.sin(3 * turn))) + 0.3 * np.abs(np.sin(29 * sweep + 0.8))
             + 0.2 * np.sin(61 * sweep)) * np.minimum(1.0, 3 * v)
    height = thick * roll + 0.22 * (clump - 0.5) * roll - 0.10
    p = HAIR_CENTRE + (root + height)[..., None] * direction
    p[np.abs(p) < 1e-9] = 0.0
    shade = 0.7 + 0.75 * clump
    color = (HAIR_COLOR * shade[..., None]).reshape(-1, 3)
    uv = 0.5 + 0.49 * v[None, :, None] * np.stack([np.sin(turn), np.cos(turn)], -1)
    t = grid_triangles(down, around, closed=True)
    p, uv = p.transpose(1, 0, 2).reshape(-1, 3), np.broadcast_to(uv, (around, down, 2)).transpose(1, 0, 2).reshape(-1, 2)
    color = color.reshape(around, down, 3).transpose(1, 0, 2).reshape(-1, 3)
    return Part("hair", "hair", p, t, uv, color)
