"""Places the chart on the form: lofted first guess, even spacing by tangential relaxation, then the ring patches."""

import numpy as np
from scipy import sparse
from scipy.interpolate import PchipInterpolator

from sona import chart, form

# Grid row -> (front y, front z, side x, side y, back y, back z) in cm; rows between are interpolated.
LOFT = (
    (0, 11.2, 1.2, 1.3, 11.2, 11.1, -2.2), (4, 9.8, 5.6, 5.0, 9.6, 9.0, -7.0), (8, 6.3, 8.6, 7.0, 6.5, 5.5, -9.3),
    (11, 3.4, 9.3, 7.4, 3.4, 2.4, -9.6), (13, 2.0, 9.4, 7.3, 1.8, 0.6, -9.4),
    (21, -1.5, 9.6, 6.9, -1.4, -2.8, -8.6), (31, -4.1, 11.4, 6.5, -3.9, -5.0, -7.4),
    (40, -5.15, 9.7, 6.2, -5.0, -6.2, -6.9), (42, -5.75, 9.6, 6.0, -5.5, -6.8, -6.8),
    (50, -8.8, 9.5, 5.2, -7.6, -8.4, -6.7), (56, -11.1, 8.6, 4.6, -9.2, -10.0, -6.5),
    (60, -11.6, 6.0, 4.5, -10.4, -11.2, -6.4), (63, -12.4, 3.4, 4.5, -11.9, -12.2, -6.4),
    (68, -16.2, 2.6, 5.0, -15.5, -15.4, -6.8), (71, -18.6, 4.0, 8.0, -17.4, -17.2, -7.4),
    (75, -22.5, 6.8, 16.0, -21.6, -21.5, -8.8),
)
TIP_ROW, BASE_ROW, NOSE_COLUMNS = 31, 40, 10
NECK_AXIS_Z = -1.0


def loft():
    """First guess of every grid vertex, (ROWS + 1, COLUMNS + 1, 3)."""
    table = np.array(LOFT)
    at = PchipInterpolator(table[:, 0], table[:, 1:])(np.arange(chart.ROWS + 1))
    fy, fz, sx, sy, by, bz = at.T[:, :, None]
    # Columns stand closer at the front, where the nose and the mouth are.
    u = np.linspace(0, 1, chart.COLUMNS + 1)
    angle = np.pi * (0.55 * u + 0.45 * u**2)
    front = np.maximum(np.cos(angle), 0.0) ** 2
    back = np.maximum(-np.cos(angle), 0.0) ** 2
    y = front * fy + back * by + (1 - front - back) * sy
    axis = 0.5 * (fz + bz) * 0.2 + NECK_AXIS_Z * 0.8
    z = axis + np.where(np.cos(angle) > 0, fz - axis, axis - bz) * np.cos(angle)
    return np.stack(np.broadcast_arrays(sx * np.sin(angle), y, z), -1)


# Grid row -> midline y, and how far out columns 0..NOSE_COLUMNS reach there (front view, cm).
NOSE = ((13, 1.9, 1.55), (17, 0.3, 1.25), (21, -1.4, 2.0), (26, -3.0, 2.25), (31, -4.15, 2.35),
        (40, -5.15, 2.1))


def _spread(path, count):
    """Points (count, 3) at equal steps along a polyline."""
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    at = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(at, length, path[:, k]) for k in range(3)])


def _unfold_nose(half, p, pinned):
    """Lay the grid over the nose along its own sections, so that relaxation never has to untangle it."""
    row, y, wide = np.array(NOSE).T
    eye = chart.BLOCKS["eye"]
    for r in [*range(eye.top + 1, TIP_ROW + 1), BASE_ROW]:
        edge = eye.near if r <= eye.bottom else NOSE_COLUMNS
        end = half.index[("grid", r, edge)]
        reach = p[end, :2] if end in pinned else np.array([np.interp(r, row, wide), np.interp(r, row, y)])
        share = np.linspace(0, 1, 60)[:, None]
        path = form.drop((1 - share) * (0.0, np.interp(r, row, y)) + share * reach)
        p[[half.index[("grid", r, c)] for c in range(edge + 1)]] = _spread(path, edge + 1)
    share = np.linspace(0, 1, 40)[:, None]
    for c in range(NOSE_COLUMNS + 1):
        first, last = (p[half.index[("grid", r, c)]] for r in (TIP_ROW, BASE_ROW))
        under = (1 - share) * first + share * last + np.sin(np.pi * share) * (0.0, -0.25, 0.1)
        path = _spread(form.project(under, iterations=20), BASE_ROW - TIP_ROW + 1)
        for r in range(TIP_ROW + 1, BASE_ROW):
            if ("grid", r, c) in half.index:
                p[half.index[("grid", r, c)]] = path[r - TIP_ROW]


def ring_angle(block, sector):
    """Angle of a boundary sector in a block's own frame: 0 = far side, 90 degrees = top."""
    count = len(chart.boundary(block))
    if block.near == 0:
        return np.pi / 2 - np.pi * np.asarray(sector) / (count - 1)
    rows, columns = np.array(chart.boundary(block)).T
    y = (block.top + block.bottom) / 2 - rows
    x = columns - (block.near + block.far) / 2
    return np.arctan2(y / (block.bottom - block.top), x / (block.far - block.near))[sector]


EYE_RING = ((3.18, 0.10), (2.12, 1.62))   # centre and half axes of the eye block's boundary, front view
MOUTH_RING = ((0.0, -7.15), (3.45, 1.45))
NOSTRIL = ((0.60, -4.66, 10.08), (0.40, 0.62))  # centre, half width across and half length front to back
EAR_RING = ((-0.9, -1.5), (0.85, 2.5))     # centre (z, y) and half axes, side view


def pins(half):
    """Fixed vertices of the relaxation: index array and positions (n, 3)."""
    index, at = [], []

    def put(key, position):
        index.append(half.index[key])
        at.append(np.asarray(position, float))

    for name, (centre, axes) in (("eye", EYE_RING), ("mouth", MOUTH_RING)):
        block = chart.BLOCKS[name]
        path = chart.boundary(block)
        angle = ring_angle(block, np.arange(len(path)))
        xy = np.column_stack([centre[0] + axes[0] * np.cos(angle), centre[1] + axes[1] * np.sin(angle)])
        xy[np.abs(xy[:, 0]) < 1e-9, 0] = 0.0
        for key, position in zip(path, form.drop(xy), strict=True):
            put(("grid", *key), position)
    _pin_nostril(put)
    _pin_ear(put)
    return np.array(index), np.array(at)


def _pin_nostril(put):
    block = chart.BLOCKS["nostril"]
    path = chart.boundary(block)
    angle = ring_angle(block, np.arange(len(path)))
    (x, y, z), (across, along) = NOSTRIL
    # The top row of the block lies towards the tip (front); the opening runs outwards as it goes back.
    lean = 0.35
    front = np.sin(angle) * along
    p = np.column_stack([x + np.cos(angle) * across - lean * front, np.full(len(path), y), z + front])
    for key, position in zip(path, form.project(p), strict=True):
        put(("grid", *key), position)


def _pin_ear(put):
    block = chart.BLOCKS["ear"]
    path = chart.boundary(block)
    angle = ring_angle(block, np.arange(len(path)))
    (z, y), (half_z, half_y) = EAR_RING
    lean = 0.18
    up = np.sin(angle) * half_y
    p = np.column_stack([np.full(len(path), 7.0), y + up, z - np.cos(angle) * half_z - lean * up])
    for key, position in zip(path, form.project(p), strict=True):
        put(("grid", *key), position)


def place_grid(half, twin, source, quads):
    """Positions (n, 3) of the half's vertices; ring vertices are left at zero."""
    grid = loft()
    p = np.zeros((len(half.keys), 3))
    for i, key in enumerate(half.keys):
        if key[0] == "grid":
            p[i] = grid[key[1], key[2]]
    p[half.index[("crown",)]] = (0, 11.35, -0.5)
    moving = np.array([key[0] in ("grid", "crown") for key in half.keys])
    index, at = pins(half)
    midline = np.array([chart.on_midline(key) for key in half.keys])
    rim = np.array([key[0] == "grid" and key[1] == chart.ROWS for key in half.keys])
    average = _averaging(quads, moving[source], len(source))
    stiff = np.array([_stiffness(key) for key in half.keys])[:, None]
    p[index] = at
    _unfold_nose(half, p, set(index.tolist()))
    p[index] = at
    for step in range(150):
        p[moving] = form.project(p[moving], iterations=1 if step else 25)
        p[index] = at
        full = mirrored(p, source)
        goal = (average @ full)[:len(p)]
        goal[rim] = p[rim]
        normal = form.gradient(p)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        move = goal - p
        move -= (move * normal).sum(1, keepdims=True) * normal
        p[moving] += (0.6 * stiff * move)[moving]
        p[:, 0] = np.where(midline, 0.0, np.maximum(p[:, 0], 0.02))
        p[index] = at
    p[moving] = form.project(p[moving], iterations=3)
    p[:, 0] = np.where(midline, 0.0, np.maximum(p[:, 0], 0.01))
    return p


def _stiffness(key):
    """How freely relaxation moves a vertex: 1, and little on the nose, which is laid out already."""
    if key[0] != "grid":
        return 1.0
    return 0.12 if 15 <= key[1] <= BASE_ROW and key[2] <= NOSE_COLUMNS - 1 else 1.0


def mirrored(p, source):
    """Positions (v, 3) of the whole head from those of its half."""
    full = p[source]
    full[len(p):, 0] *= -1
    return full


def _averaging(quads, live, count):
    """Row-stochastic matrix that replaces a vertex by the mean of its live neighbours."""
    a, b = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    keep = live[a] & live[b] & (a != b)
    a, b = a[keep], b[keep]
    link = sparse.coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), (count, count)).tocsr()
    link.data[:] = 1.0
    return sparse.diags(1.0 / np.maximum(link.sum(1).A1 if hasattr(link.sum(1), "A1") else link.sum(1), 1)) @ link
