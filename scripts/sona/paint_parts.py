"""Eyes, teeth, gums and tongue: share of the vertices' colour that their texels send back. Centimetres."""

import numpy as np

from sona import form, parts
from sona.atlas import eye_polar
from sona.noise import cells, smooth_noise
from sona.regions import smooth

IRIS_EDGE = np.arcsin(parts.IRIS / form.EYE_RADIUS)
PUPIL_EDGE = np.arcsin(parts.PUPIL / form.EYE_RADIUS)


def noise(*at):
    """Value noise at (n,) coordinates."""
    return np.array([smooth_noise(x, y, z) for x, y, z in zip(*np.broadcast_arrays(*at), strict=True)])


def paint_eye(p, neutral):
    """Fibres of the iris, its dark ring, the pupil, and veins that thin out towards the iris."""
    polar, turn = eye_polar(p)
    side = np.where(p[:, 0] > 0, 0.0, 50.0)
    depth = np.clip((polar - PUPIL_EDGE) / (IRIS_EDGE - PUPIL_EDGE), 0, 1.2)
    # Fibres run outwards, waver, and lie on a circle so that they close.
    wave = turn + 0.10 * noise(2.5 * np.cos(turn) + side, 2.5 * np.sin(turn), 4 * depth)
    ring = np.column_stack([np.cos(wave), np.sin(wave)])
    fibre = 0.6 * noise(17 * ring[:, 0] + side, 17 * ring[:, 1], 1.2 * depth)
    fibre += 0.4 * noise(37 * ring[:, 0] + side, 37 * ring[:, 1], 2.5 * depth)
    collar = np.exp(-((depth - 0.30 - 0.04 * fibre) / 0.09) ** 2)
    iris = 0.62 + 0.34 * fibre + 0.30 * collar
    iris *= 1 - 0.80 * smooth(depth, 0.70, 1.02)       # the limbal ring
    iris *= 1 - 0.45 * (1 - smooth(depth, 0.0, 0.16))  # darker beside the pupil
    iris *= smooth(polar, 0.94 * PUPIL_EDGE, 1.05 * PUPIL_EDGE)
    lift = np.arctan2(p[:, 1], p[:, 2] - form.EYE[2])
    iris *= 1 - 0.40 * smooth(lift, 0.08, 0.42)
    iris = np.clip(iris, 0.012, 1.0)[:, None] * (1.0, 0.98, 0.94) + 0.16 * collar[:, None] * (0.25, 0.14, 0.0)
    white = sclera(p, polar, turn, side)
    rim = smooth(polar, 0.985 * IRIS_EDGE, 1.09 * IRIS_EDGE)[:, None]
    return iris + rim * (white - iris)


def sclera(p, polar, turn, side):
    """(n, 3) white of the eye: bluish and clean beside the iris, pink with veins towards the corners."""
    out = smooth(polar, 1.15 * IRIS_EDGE, 2.4 * IRIS_EDGE)
    crook = 0.22 * noise(3 * p[:, 0] + side, 3 * p[:, 1], 3 * p[:, 2])
    vein = np.abs(noise(6 * (turn + crook) + side, 1.8 * polar, 2.0))
    vein = np.exp(-(vein / 0.055) ** 2) * out * (0.4 + 0.6 * noise(2 * p[:, 0], 2 * p[:, 1], side) ** 2)
    blush = out * (0.55 + 0.45 * noise(4 * p[:, 0], 4 * p[:, 1], 4 * p[:, 2] + side))
    white = np.array([0.80, 0.80, 0.79])[None] * (1 - 0.10 * out[:, None] * (0.1, 1.0, 0.9))
    white = white * (1 - 0.10 * blush[:, None] * (0.0, 1.0, 1.0)) * (1 - 0.30 * vein[:, None] * (0.15, 1.0, 1.0))
    edge = np.exp(-((polar - 1.04 * IRIS_EDGE) / (0.10 * IRIS_EDGE)) ** 2)
    # Under the upper lid it is dark, and a little so towards the corners.
    lift = np.arctan2(p[:, 1], p[:, 2] - form.EYE[2])
    shade = (1 - 0.42 * smooth(lift, 0.10, 0.42)) * (1 - 0.22 * smooth(-lift, 0.25, 0.55))
    return white * (shade * (1 - 0.30 * edge) * (1 - 0.25 * out))[:, None]


def paint_teeth(p, neutral):
    """Fine streaks from root to edge, warmer at the root."""
    streak = noise(9 * p[:, 0], 0.8 * p[:, 1], 2.0 * p[:, 2])
    cloud = noise(2.5 * p[:, 0], 2.5 * p[:, 1], 2.5 * p[:, 2])
    shade = 1 + 0.025 * streak + 0.03 * cloud
    return neutral * shade[:, None] * np.array([1.0, 0.995, 0.985])


def paint_gums(p, neutral):
    """Mottled, with a stippled surface."""
    patch = noise(3 * p[:, 0], 3 * p[:, 1], 3 * p[:, 2])
    dots = np.array([cells(*q)[0] for q in 9.0 * p])
    return neutral * (1 + 0.10 * patch - 0.10 * np.exp(-(dots / 0.3) ** 2))[:, None] * np.ones(3)


def paint_tongue(p, neutral):
    """Papillae: pale dots, and a darker furrow along the middle."""
    dots, own = np.array([cells(*q) for q in 11.0 * p]).T
    patch = noise(2 * p[:, 0], 2 * p[:, 1], 2 * p[:, 2])
    furrow = np.exp(-(p[:, 0] / 0.10) ** 2)
    shade = (0.90 + 0.22 * np.exp(-(dots / 0.35) ** 2) * own + 0.08 * patch) * (1 - 0.18 * furrow)
    return neutral * shade[:, None] * np.ones(3)


def paint_caruncle(p, neutral):
    """Plain moist flesh."""
    return neutral * (1 + 0.08 * noise(9 * p[:, 0], 9 * p[:, 1], 9 * p[:, 2]))[:, None] * np.ones(3)


PAINTERS = {"eye": paint_eye, "teeth_upper": paint_teeth, "teeth_lower": paint_teeth, "gum_upper": paint_gums,
            "gum_lower": paint_gums, "tongue": paint_tongue, "caruncle": paint_caruncle}
