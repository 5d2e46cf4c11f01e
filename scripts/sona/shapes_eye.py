"""Shapes of the lids, the gaze and the brows. Left side only; the generator mirrors them. Units are cm."""

import numpy as np

from personare.faces.joints import matrices
from sona import chart, form, rings
from sona import skin as placing
from sona.regions import eye_frame, eye_point, smooth

GAZE_UP_RAD, GAZE_DOWN_RAD, GAZE_SIDE_RAD = np.radians(25.0), np.radians(28.0), np.radians(30.0)


def lid_shape(skin, upper, lower, *, meet=0.06, swell=0.0, slide=0.0, unfold=0.0):
    """Displacement (v, 3) of the left lids when their margins turn about the eye.

    Args:
        skin: a regions.Skin.
        upper, lower: (fraction, lift) of each lid: fraction of the way to the closing line (negative opens),
            and an angle added on top, radians, fading towards the corners.
        meet: height of the closing line over the lower margin as a fraction of the opening.
        swell: extra distance from the eyeball at the margin, cm, so that the straight path of a linear shape
            does not cut through the ball half way.
        slide: how far the margins slip along the ball to the left, cm, where they are free to.
        unfold: share of the upper lid's fold that smooths out.
    """
    delta = np.zeros_like(skin.p)
    base, margin = skin.lids(0), skin.lids(rings.EYE_MARGIN)
    count = len(margin)
    _, angle0, _ = eye_frame(skin.p[base])
    x1, angle1, _ = eye_frame(skin.p[margin])
    sector_angle = placing.ring_angle(chart.BLOCKS["eye"], np.arange(count))
    sector_up = np.sin(sector_angle)
    close = _closing_angles(x1, angle1, sector_up, meet)
    fade = np.abs(sector_up) ** 0.6
    share, lift = (np.where(sector_up > 0, a, b) for a, b in zip(upper, lower, strict=True))
    goal = angle1 + share * (close - angle1) + lift * fade
    for ring in range(1, 12):
        index = skin.lids(ring)
        x, angle, radius = eye_frame(skin.p[index])
        skin_ring = min(ring, rings.EYE_MARGIN)
        part = (angle - angle0) / np.where(np.abs(angle1 - angle0) < 1e-3, 1e-3, angle1 - angle0)
        # Beside the corners the angles say little; there the share simply grows from ring to ring.
        flat = smooth(np.abs(sector_up), 0.35, 0.9)
        part = smooth(ring, 0.0, rings.EYE_MARGIN) * (1 - flat) + np.clip(part, 0.0, 1.0) * flat
        # The skin on the side of the nose and on the outer rim of the orbit stays.
        part = part * smooth(x, -1.50, -0.80) * (1 - smooth(x, 1.30, 1.95))
        part = part if skin_ring < rings.EYE_MARGIN else np.ones(count)
        new_angle = angle + part * (goal - angle1)
        moved = smooth(np.abs(goal - angle1), 0.0, 0.6)
        reach = np.sqrt(np.maximum((form.EYE_RADIUS + form.LID_THICKNESS) ** 2 - x**2, 0.0))
        hull = np.maximum(radius, reach * (ring <= rings.EYE_MARGIN)) + swell * fade * part
        new_radius = radius + (hull - radius) * moved * np.minimum(1.0, 2 * part)
        new_x = x + slide * part * (0.35 + 0.65 * np.clip(1 - (x / 1.6) ** 2, 0, 1))
        new_radius = np.sqrt(np.maximum(new_radius**2 + x**2 - new_x**2, 0.01))
        delta[index] = eye_point(new_x, new_angle, new_radius) - skin.p[index]
    delta = _evened(skin, delta)
    for ring in range(1, rings.EYE_MARGIN):
        delta[skin.lids(ring)] -= unfold * rings.lid_relief(skin.p[base], skin.p[margin], ring, sector_angle)
    return delta


def _evened(skin, delta, rounds=14):
    """Displacements of the outer lid evened out between rim and margin, which stay, and kept off the eyeball."""
    index = np.array([skin.lids(ring) for ring in range(rings.EYE_MARGIN + 1)])
    move, inner = delta[index].copy(), slice(1, rings.EYE_MARGIN - 1)
    for _ in range(rounds):
        mean = 0.25 * (np.roll(move, 1, 1) + np.roll(move, -1, 1) + np.roll(move, 1, 0) + np.roll(move, -1, 0))
        move[inner] += 0.5 * (mean - move)[inner]
    offset = skin.p[index] + move - form.EYE
    distance = np.linalg.norm(offset, axis=2, keepdims=True)
    rest = np.linalg.norm(skin.p[index] - form.EYE, axis=2, keepdims=True)
    least = np.minimum(rest, form.EYE_RADIUS + form.LID_THICKNESS)
    move += offset * (np.maximum(least / distance, 1.0) - 1.0)
    out = delta.copy()
    out[index[inner]] = move[inner]
    return out


def _closing_angles(x, angle, sector_up, meet):
    """Elevation at which the lids meet, for every sector."""
    low = np.flatnonzero(sector_up <= 1e-9)
    order = low[np.argsort(x[low])]
    line = np.interp(x, x[order], angle[order])
    high = np.flatnonzero(sector_up >= -1e-9)
    order = high[np.argsort(x[high])]
    top = np.interp(x, x[order], angle[order])
    return line + meet * (top - line)


def gaze(p, up_rad, left_rad):
    """Displacement of left eyeball points that look up and to the left by the given angles."""
    offset = p - form.EYE
    return offset @ matrices([[-up_rad, left_rad, 0.0]])[0].T - offset


# Shape -> (gaze up, gaze to the left) in radians for the left eye.
GAZES = {
    "eyeLookUpLeft": (GAZE_UP_RAD, 0.0), "eyeLookDownLeft": (-GAZE_DOWN_RAD, 0.0),
    "eyeLookInLeft": (0.0, -GAZE_SIDE_RAD), "eyeLookOutLeft": (0.0, GAZE_SIDE_RAD),
}


def lid_shapes(skin):
    """Displacement (v, 3) of the skin for every lid and gaze shape of the left eye."""
    return {
        # The lower lid gives way a little; a tracker takes that for a closed eye sooner than lids that meet above.
        "eyeBlinkLeft": lid_shape(skin, (1.0, 0.0), (1.0, 0.0), meet=-0.20, swell=0.18, unfold=0.6),
        "eyeSquintLeft": lid_shape(skin, (0.28, 0.0), (2.8, 0.0), swell=0.03),
        "eyeWideLeft": lid_shape(skin, (0.0, 0.26), (0.0, -0.05)),
        "eyeLookUpLeft": lid_shape(skin, (0.0, 0.29), (0.0, 0.10)),
        "eyeLookDownLeft": lid_shape(skin, (0.55, 0.0), (0.0, -0.18), swell=0.03),
        "eyeLookInLeft": lid_shape(skin, (0.0, 0.0), (0.0, 0.0), slide=-0.19),
        "eyeLookOutLeft": lid_shape(skin, (0.0, 0.0), (0.0, 0.0), slide=0.19),
    }


BROW_PLACES = {"inner": (1.1, 2.0, 9.2), "middle": (2.9, 2.35, 8.6), "outer": (4.7, 2.1, 7.0), "root": (0.0, 1.6, 9.3)}
# Shape -> displacement of each brow place, left side; browInnerUp is given for both sides by its mirror image.
BROWS = {
    "browDownLeft": {"inner": (-0.36, -0.58, 0.26), "middle": (-0.30, -0.46, 0.28), "outer": (-0.18, -0.16, 0.16),
                     "root": (0.0, -0.24, 0.10)},
    "browInnerUp": {"inner": (0.02, 0.80, 0.02), "middle": (0.0, 0.42, 0.02), "outer": (0.0, -0.04, 0.0),
                    "root": (0.0, 0.45, 0.0)},
    "browOuterUpLeft": {"inner": (0.02, 0.14, 0.0), "middle": (0.08, 0.66, -0.06), "outer": (0.20, 0.90, -0.24)},
}


def brow_handles(skin, name):
    """Vertices and displacements that drive a brow shape: index (n,), values (n, 3)."""
    index, values = [], []
    for place, move in BROWS[name].items():
        for side in ((1, -1) if name == "browInnerUp" and place != "root" else (1,)):
            x, y, z = BROW_PLACES[place]
            found = skin.near(side * x, y, z, 3)
            index += list(found)
            values += [(side * move[0], *move[1:])] * len(found)
    if name != "browInnerUp":
        for place in ("inner", "middle", "outer"):
            x, y, z = BROW_PLACES[place]
            found = skin.near(-x, y, z, 3)
            index += list(found)
            values += [(0.0, 0.0, 0.0)] * len(found)
    return np.array(index), np.array(values)
