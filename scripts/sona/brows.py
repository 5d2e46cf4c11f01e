"""Brows and lashes: sheets that carry hairs of the sheet of strands."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from sona import chart, form, rings, sheet
from sona import skin as placing
from sona.parts import Part, both, grid_triangles

# Left brow, from the nose outwards: x, y, full width, cm.
BROW = ((0.82, 1.56, 0.55), (1.35, 1.70, 0.80), (2.20, 1.90, 0.86), (3.10, 2.04, 0.82), (4.00, 2.02, 0.72),
        (4.70, 1.78, 0.55), (5.15, 1.52, 0.40))
BROW_COLOR = np.array([0.060, 0.034, 0.021])
BROW_GROWTH = 1.45     # width of a brow where brow_thickness is 1
BROW_RISE = 0.035
OUTWARDS = np.array([0.25, 0.0, 0.3])  # where lashes lean


def on_sheet(part, uv, where):
    """The part of both sides with its uv in the sheet, the same for left and right."""
    part.uv = np.tile(sheet.place(uv, where), (2, 1))
    return part


def brows(length=34, across=7):
    """A pair of brows: arched sheets just above the skin."""
    x, y, wide = np.array(BROW).T
    at = np.linspace(0, 1, length)
    key = np.linspace(0, 1, len(BROW))
    x, y, wide = (PchipInterpolator(key, k)(at) for k in (x, y, wide))
    slope = np.gradient(y, x)
    normal = np.column_stack([-slope, np.ones(length)]) / np.hypot(slope, 1)[:, None]
    rows, wider = [], []
    for v in np.linspace(-1, 1, across):
        reach = 0.5 * (v * wide)[:, None] * normal
        p = form.drop(np.column_stack([x, y]) + reach)
        n = form.gradient(p)
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        wider.append(form.drop(np.column_stack([x, y]) + BROW_GROWTH * reach) - p)
        rows.append(p + BROW_RISE * n)
    p, wider = np.stack(rows, 1), np.stack(wider, 1)
    uv = np.stack(np.meshgrid(at, np.linspace(0, 1, across), indexing="ij"), -1).reshape(-1, 2)
    color = np.tile(BROW_COLOR / sheet.SHADE, (length * across, 1))
    part = both(Part("brows", "brow", p.reshape(-1, 3), grid_triangles(length, across)[:, [0, 2, 1]], uv, color,
                     np.ones(length * across), {}, {"brow_thickness": wider.reshape(-1, 3)}))
    return on_sheet(part, uv, sheet.BROW)


def lashes(skin):
    """Lashes of both lids: fringes from the margin; those of the upper lid turn up."""
    angle = placing.ring_angle(chart.BLOCKS["eye"], np.arange(len(skin.lids(rings.EYE_MARGIN))))
    upper = _fringe(skin, np.sin(angle) > 0.04, long=(0.30, 0.52), lift=0.34)
    lower = _fringe(skin, np.sin(angle) < -0.10, long=(0.14, 0.20), lift=-0.24)
    p, uv, root = (np.concatenate(pair) for pair in zip(upper[:3], lower[:3], strict=True))
    t = np.concatenate([upper[3], lower[3] + len(upper[0])])
    uv = np.concatenate([sheet.place(upper[1], sheet.LASH), sheet.place(lower[1], sheet.LOWER_LASH)])
    color = np.tile(0.55 * BROW_COLOR, (len(p), 1))
    part = both(Part("lashes", "brow", p, t, uv, color, np.ones(len(p)), {"root": root}))
    part.uv = np.tile(uv, (2, 1))
    return part


def _fringe(skin, sectors, *, long, lift):
    """Points, uv, roots and triangles of the lashes along some sectors of the left lid's margin."""
    index = skin.lids(rings.EYE_MARGIN)
    sector = np.flatnonzero(sectors)
    sector = sector[np.argsort(skin.p[index[sector], 0])]
    fine = np.linspace(0, len(sector) - 1, 2 * len(sector) - 1)
    base = np.column_stack([np.interp(fine, np.arange(len(sector)), skin.p[index[sector], k]) for k in range(3)])
    share = np.linspace(0, 1, len(base))
    reach = long[0] + (long[1] - long[0]) * share**0.8
    out = base - form.EYE
    out = out / np.linalg.norm(out, axis=1, keepdims=True) * (1, 0.2, 1)
    rows = [base + np.array([-0.015, -0.02 * np.sign(lift), -0.015])]
    for at, up in ((0.35, 0.10), (0.7, 0.42), (1.0, 1.0)):
        rows.append(base + (reach * at)[:, None] * (out + OUTWARDS) + np.outer(reach, (0, lift * up, 0)))
    p = np.stack(rows, 1)
    uv = np.stack(np.meshgrid(share, (0.0, 0.35, 0.7, 1.0), indexing="ij"), -1)
    return p.reshape(-1, 3), uv.reshape(-1, 2), np.repeat(base, 4, 0), grid_triangles(len(base), 4)
