"""Fills the ring patches of the skin: lids, lips with the mouth bag, nostrils and ears."""

import numpy as np

from sona import chart, form, skin

LID_CORNERS = (np.array([1.62, -0.12]), np.array([4.62, 0.16]))  # inner and outer corner, front view
LID_HEIGHT = (0.53, 0.52)                                         # upper and lower lid above the corner line
EYE_MARGIN, EYE_BACK, CREASE = 7, 8, 4  # rings of the lid's front and back edge and of its fold
LIP_BORDER, LIP_SEAL, LIP_INNER = 5, 9, 12
MOUTH_HALF_WIDTH = 2.50


def _keys(half, name, ring):
    path = chart.boundary(chart.BLOCKS[name])
    if ring == 0:
        return [half.index[("grid", r, c)] for r, c in path]
    return [half.index[(name, ring, s)] for s in range(len(path))]


def lid_opening(angle):
    """Front view (n, 2) of the lid margin at ring angles: an almond between the two corners."""
    inner, outer = LID_CORNERS
    across, lift = np.cos(angle), np.abs(np.sin(angle)) ** 1.35
    base = (inner + outer) / 2 + np.outer(across, (outer - inner) / 2)
    upper = np.sin(angle) > 0
    # The upper lid peaks a little inside of the middle, the lower one a little outside.
    height = np.where(upper, LID_HEIGHT[0] * (1 - 0.16 * across), -LID_HEIGHT[1] * (1 + 0.12 * across))
    return base + np.column_stack([np.zeros(len(angle)), height * lift])


def fill_eye(half, p):
    """Lids: skin down to the margin, the margin's thickness, and the pocket behind it."""
    block = chart.BLOCKS["eye"]
    count = len(chart.boundary(block))
    angle = skin.ring_angle(block, np.arange(count))
    rim, margin = p[_keys(half, "eye", 0)], lid_opening(angle)
    span = np.linalg.norm(rim[:, :2] - margin, axis=1)
    for ring in range(1, EYE_MARGIN + 1):
        share = ring / EYE_MARGIN
        share = 0.35 * share + 0.65 * (1 - (1 - share) ** 2)
        at = form.drop(rim[:, :2] + share * (margin - rim[:, :2]))
        normal = form.gradient(at)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        p[_keys(half, "eye", ring)] = at + _crease((1 - share) * span, angle)[:, None] * normal
    front = p[_keys(half, "eye", EYE_MARGIN)]
    inward = form.EYE - front
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    inward = 0.6 * inward + 0.4 * np.array([0.0, 0.0, -1.0])
    back = clear_of_eye(front + form.LID_THICKNESS * inward, 0.012)
    p[_keys(half, "eye", EYE_BACK)] = back
    for ring, turn in zip(range(EYE_BACK + 1, block.rings + 1), (0.12, 0.35, 0.7), strict=True):
        p[_keys(half, "eye", ring)] = _behind(back, turn)


def lid_relief(rim, margin, ring, angle):
    """Displacement (n, 3) that the fold of the upper lid has put on a ring of the left eye.

    Args:
        rim, margin: (n, 3) positions of the first ring and of the lid's margin.
        ring: which ring.
        angle: (n,) ring angles.
    """
    share = ring / EYE_MARGIN
    share = 0.35 * share + 0.65 * (1 - (1 - share) ** 2)
    at = form.drop(rim[:, :2] + share * (margin - rim)[:, :2])
    normal = form.gradient(at)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    depth = (1 - share) * np.linalg.norm((rim - margin)[:, :2], axis=1)
    return (np.where(np.sin(angle) > 0, _crease(depth, angle), 0.0))[:, None] * normal


def _crease(depth, angle):
    """Relief of the lid fold over the distance to the margin, cm, (n,)."""
    upper = np.clip(np.sin(angle), 0, 1) ** 0.7
    lower = np.clip(-np.sin(angle), 0, 1)
    fold = -0.12 * np.exp(-((depth - 0.34) / 0.09) ** 2) + 0.08 * np.exp(-((depth - 0.56) / 0.14) ** 2)
    bag = 0.03 * np.exp(-((depth - 0.15) / 0.1) ** 2) - 0.03 * np.exp(-((depth - 0.42) / 0.12) ** 2)
    return upper * fold + lower * bag


def clear_of_eye(p, gap):
    """Points pushed out to at least `gap` off the eyeball, (n, 3)."""
    offset = p - form.EYE
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    return form.EYE + offset * np.maximum(1.0, (form.EYE_RADIUS + gap) / distance)


def _behind(p, turn):
    """Points slid back round the eyeball by an angle, away from the pupil."""
    offset = p - form.EYE
    side = np.linalg.norm(offset[:, :2], axis=1)
    radius = np.maximum(np.hypot(side, offset[:, 2]) * 0.98, form.EYE_RADIUS + 0.03)
    polar = np.arctan2(side, offset[:, 2]) + turn
    flat = offset[:, :2] / side[:, None] * (radius * np.sin(polar))[:, None]
    return form.EYE + np.column_stack([flat, radius * np.cos(polar)])


def lip_share(count):
    """How far along the lip, 0 midline .. 1 corner, each of `count` sectors stands."""
    t = np.linspace(0, 1, count)
    return 0.6 * t + 0.4 * np.sin(np.pi / 2 * t)


def seal_line(s):
    """The line where the lips meet, (n, 3), s = 0 at the midline .. 1 at the corner."""
    y = -7.07 - 0.06 * np.exp(-(s / 0.2) ** 2) + 0.13 * s**2.5
    return np.column_stack([MOUTH_HALF_WIDTH * s, y, 9.70 - 0.78 * s**2 - 0.36 * s**4])


def lip_height(s, upper):
    """Height of the red of the lip over the seal line, cm, negative for the lower lip; (n,)."""
    if upper:
        bow = 1 - 0.13 * np.exp(-(s / 0.10) ** 2) + 0.06 * np.exp(-((s - 0.2) / 0.13) ** 2)
        return 0.74 * bow * (1 - s**1.7) ** 0.9
    return -0.88 * (1 - s**2.2) ** 0.8


def fill_mouth(half, p):
    """Lips from the skin round the mouth over the red to the seal, then the bag."""
    count = len(chart.boundary(chart.BLOCKS["mouth"]))
    side = count // 2 + 1
    s = lip_share(side)
    for upper in (True, False):
        sector = np.arange(side) if upper else count - 1 - np.arange(side)
        keys = [np.array(_keys(half, "mouth", ring))[sector] for ring in range(chart.BLOCKS["mouth"].rings + 1)]
        _fill_lip(p, keys, s, upper)
        _fill_bag(p, keys, s, upper)
    p[half.index[("cap", "mouth")]] = (0, -7.1, 2.4)


def _fill_lip(p, keys, s, upper):
    seal = seal_line(s)
    border = seal[:, :2] + np.column_stack([0.0 * s + 0.12 * s**3, lip_height(s, upper)])
    border = form.drop(border)
    border[:, 2] += 0.07 * (1 - s**2)
    rim = p[keys[0]]
    for ring in range(1, LIP_BORDER):
        share = ring / LIP_BORDER
        share = 0.5 * share + 0.5 * (1 - (1 - share) ** 2)
        at = form.drop(rim[:, :2] + share * (border - rim)[:, :2])
        at[:, 2] += 0.07 * share**3 * (1 - s**2)
        p[keys[ring]] = at
    p[keys[LIP_BORDER]] = border
    full = (0.42 if upper else 0.52) * (1 - s**2.5)
    for ring in range(LIP_BORDER + 1, LIP_SEAL):
        v = (ring - LIP_BORDER) / (LIP_SEAL - LIP_BORDER)
        at = border + v * (seal - border)
        # The red swells out, most just before it turns in to meet the other lip.
        at[:, 2] += full * np.sin(np.pi * v**1.1) ** 0.8
        at[:, 1] += (-1 if upper else 1) * 0.10 * full * v * np.sin(np.pi * v)
        p[keys[ring]] = at
    p[keys[LIP_SEAL]] = seal


# Bag ring -> half width, half height, depth z at the midline, bend back per cm^2 of x.
BAG = ((13, 2.75, 1.60, 8.55, 0.17), (14, 2.95, 1.85, 7.5, 0.12), (15, 2.85, 1.85, 6.1, 0.06),
       (16, 2.4, 1.6, 4.6, 0.03), (17, 1.6, 1.1, 3.3, 0.0), (18, 0.8, 0.55, 2.6, 0.0))


def _fill_bag(p, keys, s, upper):
    sign = 1.0 if upper else -1.0
    seal = seal_line(s)
    open_ = np.sqrt(1 - s**2)
    for ring, up, back in ((10, 0.0, 0.28), (11, 0.32, 0.42), (12, 0.95, 0.56)):
        p[keys[ring]] = seal + np.column_stack([-0.02 * back * seal[:, 0], sign * up * open_, -back + 0 * s])
    turn = s * np.pi / 2
    for ring, wide, high, z, bend in BAG:
        x = wide * np.sin(turn)
        p[keys[ring]] = np.column_stack([x, -7.1 + sign * high * np.cos(turn), z - bend * x**2])
        p[keys[ring][0], 0] = 0.0


def fill_nostril(half, p):
    """A short tube that runs up and back from the nostril's rim."""
    rim = p[_keys(half, "nostril", 0)]
    centre = rim.mean(0)
    steps = ((0.90, 0.04), (0.78, 0.16), (0.70, 0.40), (0.60, 0.75), (0.42, 1.05))
    for ring, (size, deep) in enumerate(steps, 1):
        p[_keys(half, "nostril", ring)] = centre + size * (rim - centre) + deep * np.array([0.02, 0.82, -0.35])
    p[half.index[("cap", "nostril")]] = centre + np.array([0.02, 1.0, -0.45])


# Ear ring -> share of the way from the concha to the outline, height over the lifted ear plane in cm.
EAR = ((3, 0.96, -0.30), (4, 1.00, -0.06), (5, 0.965, 0.10), (6, 0.88, 0.04), (7, 0.79, -0.27), (8, 0.66, 0.05),
       (9, 0.56, 0.04), (10, 0.46, -0.42), (11, 0.36, -0.76), (12, 0.22, -0.85), (13, 0.10, -0.95))


def fill_ear(half, p):
    """The ear as one patch: out along its back to the helix, then in over the folds to the canal."""
    block = chart.BLOCKS["ear"]
    angle = skin.ring_angle(block, np.arange(len(chart.boundary(block))))
    angle = angle + 0.20 * np.sin(2 * angle)  # the few sectors of the upper and lower edge stand closer there
    root = p[_keys(half, "ear", 0)]
    behind, up = np.cos(angle), np.sin(angle)
    wide = 1.75 * (1 + 0.12 * up) * np.where(behind > 0, 1.0, 0.80)
    tall = np.where(up > 0, 3.05, 3.15)
    z = -1.55 - wide * behind * (1 - 0.10 * (up < -0.5)) - 0.20 * 3.1 * up
    outline = np.column_stack([z, -1.35 + tall * up])
    concha = np.array([-0.95, -1.75])
    lift = 0.75 + 0.75 * behind + 0.25 * up * (up > 0) + 0.10 * (up < 0) * up
    lift = np.maximum(lift, 0.12)
    base = root[:, 0].mean()
    for ring in (1, 2):
        share = (0.10, 0.5)[ring - 1]
        zy = root[:, [2, 1]] + share * (0.95 * (outline - concha) + concha - root[:, [2, 1]])
        x = root[:, 0] + (0.10, 0.55)[ring - 1] * lift
        p[_keys(half, "ear", ring)] = np.column_stack([x, zy[:, 1], zy[:, 0]])
    for ring, share, relief in EAR:
        zy = concha + share * (outline - concha)
        # The tragus stands before the canal and points back over it.
        tragus = np.exp(-((behind + 0.98) / 0.22) ** 2 - ((up + 0.12) / 0.34) ** 2 - ((share - 0.58) / 0.16) ** 2)
        zy[:, 0] -= 0.30 * tragus
        # The ear plane leans out towards its back edge; the folds sink less where the ear hardly lifts.
        plane = base + lift * (0.35 + 0.65 * share)
        x = plane + relief * np.clip(lift / 0.9, 0.35, 1.0) + 0.55 * tragus
        p[_keys(half, "ear", ring)] = np.column_stack([x, zy[:, 1], zy[:, 0]])
    p[half.index[("cap", "ear")]] = (base - 0.5, concha[1], concha[0])


def fill(half, p):
    """All ring patches; p (n, 3) of the half mesh with its grid placed, changed in place."""
    fill_eye(half, p)
    fill_mouth(half, p)
    fill_nostril(half, p)
    fill_ear(half, p)
    return p
