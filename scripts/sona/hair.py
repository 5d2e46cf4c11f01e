"""Brows, upper lashes and a short sculpted hair style: separate, removable parts."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from sona import chart, form, rings
from sona import skin as placing
from sona.parts import Part, both, grid_triangles
from sona.regions import smooth

# Left brow, from the nose outwards: x, y, full width, cm.
BROW = ((0.90, 1.58, 0.12), (1.35, 1.70, 0.38), (2.20, 1.89, 0.46), (3.10, 2.03, 0.40), (4.00, 2.02, 0.31),
        (4.70, 1.76, 0.18), (5.05, 1.54, 0.05))
SKIN_TONE = (0.70, 0.45, 0.345)
HAIR_COLOR = np.array([0.052, 0.025, 0.012])
BROW_COLOR = np.array([0.060, 0.034, 0.021])
BROW_GROWTH = 1.55     # width of a brow where brow_thickness is 1
HAIRLINE_RISE = 11.0   # degrees by which hairline 1 lifts the edge over the forehead
INSIDE_ROW = 20        # the shell has an inside from this row down, for long hair
BOB_Y, BOB_AZIMUTH = -9.2, (42.0, 58.0)  # hair_length at 1 reaches down to here, beside and behind these azimuths


def brows(length=34, across=7):
    """A pair of brows: soft arched strips that lie on the skin."""
    x, y, wide = np.array(BROW).T
    at = np.linspace(0, 1, length)
    key = np.linspace(0, 1, len(BROW))
    x, y, wide = (PchipInterpolator(key, k)(at) for k in (x, y, wide))
    slope = np.gradient(y, x)
    normal = np.column_stack([-slope, np.ones(length)]) / np.hypot(slope, 1)[:, None]
    rows, wider = [], []
    for v in np.linspace(-1, 1, across):
        # Hairs end at different lengths: the upper edge is a little ragged.
        step = np.arange(length)
        ragged = 1 + 0.05 * np.sin(2.4 * step) * (v > 0.5) + 0.04 * np.sin(1.7 * step) * (v < -0.5)
        reach = 0.5 * (v * wide * ragged)[:, None] * normal
        p = form.drop(np.column_stack([x, y]) + reach)
        n = form.gradient(p)
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        wider.append(form.drop(np.column_stack([x, y]) + BROW_GROWTH * reach) - p)
        rise = 0.055 * (1 - v**2) ** 0.7 * np.minimum(1.0, at * 12 + 0.35) * (0.4 + 0.6 * wide / wide.max()) - 0.012
        rows.append(p + rise[:, None] * n)
    p, wider = np.stack(rows, 1), np.stack(wider, 1)
    tint = 1 + 0.25 * np.sin(np.arange(length)[:, None] * 2.1 + np.arange(across) * 1.9)
    color = BROW_COLOR * tint[..., None]
    # The rim and the beginning of a brow are thin, so the skin shows through.
    thin = np.abs(np.linspace(-1, 1, across)) ** 3 * 0.55 + 0.75 * np.exp(-at[:, None] / 0.06)
    thin = np.clip(thin, 0, 0.8)
    color = color + thin[..., None] * (0.42 * np.array(SKIN_TONE) - color)
    uv = np.stack(np.meshgrid(at, np.linspace(0, 1, across), indexing="ij"), -1)
    t = grid_triangles(length, across)
    return both(Part("brows", "brow", p.reshape(-1, 3), t, uv.reshape(-1, 2), color.reshape(-1, 3),
                     np.ones(length * across), {"thin": thin.ravel()}, {"brow_thickness": wider.reshape(-1, 3)}))


def lashes(skin):
    """Upper lashes: a fringe from the margin of the upper lid, seen from both sides."""
    index = skin.lids(rings.EYE_MARGIN)
    x = skin.p[index, 0]
    angle = placing.ring_angle(chart.BLOCKS["eye"], np.arange(len(index)))
    sector = np.flatnonzero(np.sin(angle) > 0.04)
    sector = sector[np.argsort(x[sector])]
    base = skin.p[index[sector]]
    fine = np.linspace(0, len(sector) - 1, 4 * len(sector) - 3)
    base = np.column_stack([np.interp(fine, np.arange(len(sector)), base[:, k]) for k in range(3)])
    share = np.linspace(0, 1, len(base))
    long = (0.16 + 0.24 * share**0.8) * np.minimum(1, (1 - share) * 8 + 0.5)
    long = long * np.where(np.arange(len(base)) % 2, 1.0, 0.72)
    out = base - form.EYE
    out = out / np.linalg.norm(out, axis=1, keepdims=True) * (1, 0.2, 1)
    root = base + np.array([-0.015, -0.02, -0.015])
    rows = [root]
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
    root = np.tile(np.repeat(base, 3, 0), (2, 1))
    return both(Part("lashes", "brow", np.concatenate([flat, flat]), t, uv, color, np.ones(2 * len(flat)),
                     {"root": root}))


HAIR_CENTRE = np.array([0.0, 2.0, -0.6])
WHORL = np.array([0.16, 0.80, -0.58])  # the strands fan out from here
# Azimuth from the front in degrees -> polar angle of the hairline from straight up, degrees.
HAIRLINE = ((0, 60), (20, 60), (36, 63), (46, 74), (56, 86), (66, 104), (73, 108), (80, 100), (90, 82), (102, 86),
            (113, 108), (128, 122), (150, 131), (180, 134))


def _trace(directions):
    """Distance from HAIR_CENTRE to the bare head along unit directions, (n,)."""
    t = np.full(len(directions), 22.0)
    for _ in range(80):
        t -= 0.7 * form.distance(HAIR_CENTRE + t[:, None] * directions)
    return t


def _around_whorl(direction):
    """Angle round the whorl and distance from it, both (…,) in radians, of unit directions (…, 3)."""
    axis = WHORL / np.linalg.norm(WHORL)
    side = np.cross(axis, (0.0, 0.0, 1.0))
    side /= np.linalg.norm(side)
    across = direction @ side
    ahead = direction @ np.cross(side, axis)
    away = np.arccos(np.clip(direction @ axis, -1, 1))
    return np.arctan2(across, ahead) + 0.30 * away, away


def hairline(azimuth):
    """Polar angle of the hairline in degrees at azimuths in degrees."""
    az, line = np.array(HAIRLINE, float).T
    return PchipInterpolator(np.r_[-az[1:][::-1], az], np.r_[line[1:][::-1], line])(azimuth)


def _locks(turn, away):
    """Relief of the strands, about 0..1: broad locks, finer ones on them."""
    bend = turn + 0.05 * np.sin(5 * away + 3 * turn)
    broad = 0.6 * (1 - np.abs(np.sin(8.5 * bend + 1.9)) ** 1.4) + 0.4 * (1 - np.abs(np.sin(13.0 * bend + 0.4)))
    middle = 1 - np.abs(np.sin(23 * bend + 1.1))
    fine = 0.5 + 0.5 * np.sin(71 * bend)
    return broad, 0.52 * broad + 0.33 * middle + 0.15 * fine


def _rays(azimuth, v, limit):
    """Polar angles (around, down) and unit directions (around, down, 3) from HAIR_CENTRE to limits in degrees."""
    turn = np.radians(azimuth)[:, None]
    polar = np.radians(limit[:, None] * v)
    return polar, np.stack([np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, np.sin(polar) * np.cos(turn)], -1)


def _shell(azimuth, v, tip):
    """The shell whose locks end at polar angles `tip`: points and directions (around, down, 3), roll and relief."""
    front = _frontal(azimuth)
    polar, direction = _rays(azimuth, v, tip)
    _, relief = _locks(*_around_whorl(direction))
    relief = relief * np.minimum(1.0, 2.5 * np.clip(_around_whorl(direction)[1], 0, 1))
    root = _trace(direction.reshape(-1, 3)).reshape(polar.shape)
    thick = 0.50 + 0.75 * np.clip(np.cos(polar), 0, 1) ** 1.5 + 0.85 * front * np.exp(-((v - 0.78) / 0.28) ** 2)
    roll = np.clip(1 - v**6, 0, 1) ** 0.55
    height = thick * roll + 0.34 * (relief - 0.5) * (0.25 + 0.75 * roll) * np.minimum(1, thick) + 0.02
    height = np.where(v > 0.985, -0.12 + 0.20 * front, height)
    return HAIR_CENTRE + (root + height)[..., None] * direction, direction, roll, relief


def _frontal(azimuth):
    return np.clip(np.cos(np.radians(azimuth))[:, None] * 1.25 - 0.25, 0, 1)


def hair(around=136, down=34):
    """A short style that falls forward from the whorl: a shell over the scalp whose locks end in points."""
    azimuth = np.linspace(-180, 180, around + 1)[:-1]
    edge, front = hairline(azimuth), _frontal(azimuth)
    turn = np.radians(azimuth)[:, None]
    v = np.linspace(0.02, 1, down) ** 0.9
    broad, _ = _locks(*_around_whorl(_rays(azimuth, v, edge)[1]))
    tip = edge + (4.5 * front[:, 0] + 1.5) * (broad[:, -1] - 0.35) - 4.0 * front[:, 0] * np.sin(turn[:, 0] * 2.2)
    p, direction, roll, relief = _shell(azimuth, v, tip)
    higher = _shell(azimuth, v, tip - HAIRLINE_RISE * smooth(np.cos(turn[:, 0]), 0.25, 0.75))[0]
    axes = {"hair_length": _lengthen(p, azimuth, v), "hairline": higher - p,
            "hair_volume": 1.1 * (roll * np.clip(v * 4, 0, 1))[..., None] * direction * (1, 1, 0.75)}
    color = HAIR_COLOR * (0.45 + 1.1 * relief)[..., None]
    uv = 0.5 + 0.49 * v[None, :, None] * np.stack([np.sin(turn), np.cos(turn)], -1)
    uv = np.broadcast_to(uv, (around, down, 2))
    p, uv, color, *moves = (a.transpose(1, 0, 2).reshape(around * down, -1) for a in (p, uv, color, *axes.values()))
    t = grid_triangles(down, around, closed=True)
    # Long hair shows its inside behind the neck: the back once more, turned round, on vertices of its own.
    inner = t[(np.abs(azimuth[t % around]) > 100).all(1) & (t // around >= INSIDE_ROW).all(1)][:, [0, 2, 1]]
    own, inner = np.unique(inner, return_inverse=True)
    t = np.concatenate([t, len(p) + inner.reshape(-1, 3)])
    p, uv, color, *moves = (np.concatenate([a, a[own]]) for a in (p, uv, color, *moves))
    uv[-len(own):] = 0.97 + 0.02 * uv[-len(own):]  # a corner of the square that the disc leaves free
    color[-len(own):] *= 0.5
    return Part("hair", "hair", p, t, uv, color, axes=dict(zip(axes, moves, strict=True)))


def _lengthen(p, azimuth, v):
    """(around, down, 3) displacement that lets the hair beside and behind the face hang down to the chin."""
    side = smooth(np.abs(azimuth), *BOB_AZIMUTH)[:, None]
    # Where a strand leaves the skull it hangs straight from there.
    hangs = smooth(v, 0.42, 0.62)[None] * side
    anchor = np.array([column[np.argmax(np.hypot(column[:, 0], column[:, 2]))] for column in p])
    drop = np.clip((v - 0.42) / (1 - 0.42), 0, 1)[None]
    top = p[:, np.searchsorted(v, 0.42), 1][:, None]
    goal = np.empty_like(p)
    wide = np.hypot(anchor[:, 0], anchor[:, 2])
    beside = np.exp(-((np.abs(azimuth) - 95) / 38) ** 4)
    wide = np.maximum(1.06 * wide, 9.0 * beside)[:, None] * (1 - 0.06 * drop**2 - 0.10 * drop**8)
    turn = np.arctan2(anchor[:, 0], anchor[:, 2])[:, None]
    goal[..., 0], goal[..., 2] = wide * np.sin(turn), wide * np.cos(turn)
    goal[..., 1] = top + drop * (BOB_Y - top)
    return hangs[..., None] * (goal - p)


def scalp_shade(p):
    """(n,) 0..1 how much stubble darkens skin points: full under the hair, fading out past the hairline."""
    offset = p - HAIR_CENTRE
    azimuth = np.degrees(np.arctan2(offset[:, 0], offset[:, 2]))
    polar = np.degrees(np.arccos(offset[:, 1] / np.linalg.norm(offset, axis=1)))
    return np.clip((hairline(azimuth) + 4.5 - polar) / 9.0, 0, 1)
