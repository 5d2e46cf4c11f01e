"""Mouth and jaw shapes: prescribed on the lips, carried over the face by the elastic sheet. Units are cm."""

import numpy as np

from sona.parts import UPPER_ARCH, arch_point
from sona.regions import smooth

JAW_HINGE = np.array([0.0, -1.6, 0.6])
JAW_OPEN_RAD = np.radians(24.0)
JAW_SIDE_RAD = np.radians(5.8)  # 0.85 cm at the front teeth
TEETH_GAP = 0.15  # cm that rolled lips keep from the teeth


def turn_x(p, angle, pivot):
    """Displacement (n, 3) of points turned about the x axis through a pivot; positive angles open the jaw."""
    cos, sin = np.cos(angle), np.sin(angle)
    y, z = p[:, 1] - pivot[1], p[:, 2] - pivot[2]
    moved = np.column_stack([p[:, 0], pivot[1] + y * cos - z * sin, pivot[2] + y * sin + z * cos])
    return moved - p


def turn_y(p, angle, pivot):
    """Displacement (n, 3) of points turned about the y axis through a pivot; positive angles turn to the left."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, z = p[:, 0] - pivot[0], p[:, 2] - pivot[2]
    moved = np.column_stack([pivot[0] + x * cos + z * sin, p[:, 1], pivot[2] - x * sin + z * cos])
    return moved - p


def jaw_aside(p):
    """Displacement of points that belong to the lower jaw with jawLeft at 1."""
    return turn_y(p, JAW_SIDE_RAD, JAW_HINGE)


def jaw_turn(p):
    """Displacement of points that belong to the lower jaw with jawOpen at 1."""
    return turn_x(p, JAW_OPEN_RAD, JAW_HINGE)


class Lips:
    """Displacements of the lip rings as functions of the place along the lip.

    Args:
        skin: a regions.Skin.
        rings: first and last mouth ring that is prescribed.
    """

    def __init__(self, skin, rings=(4, 12)):
        self.skin = skin
        self.index = np.flatnonzero(skin.mouth & (skin.ring >= rings[0]) & (skin.ring <= rings[1]))
        self.s = skin.along[self.index]
        self.ring = skin.ring[self.index]
        self.p = skin.p[self.index]
        self.top = skin.upper[self.index]
        self.low = skin.lower[self.index]
        self.middle = 1.0 - np.abs(self.s) ** 2.2   # 1 at the midline, 0 at the corners
        self.depth = (self.ring - rings[0]) / (rings[1] - rings[0])  # 0 skin .. 1 inside

    def corner(self, side):
        """1 at one corner, fading over that half of the lips; side +1 left, -1 right, 0 both."""
        s = np.abs(self.s) if side == 0 else side * self.s
        return smooth(s, -0.15 if side else 0.0, 1.0)

    def half(self, side):
        """1 over one half of the lips, fading across the midline; side 0 gives 1 everywhere."""
        return np.ones(len(self.s)) if side == 0 else smooth(side * self.s, -0.45, 0.45)

    def field(self, x=0.0, y=0.0, z=0.0):
        """(n, 3) displacement of the prescribed rings."""
        return np.column_stack([np.broadcast_to(np.asarray(c, float), len(self.s)) for c in (x, y, z)])

    def out(self):
        """Sign of x, so that mirrored motion is written once."""
        return np.clip(self.s * 4, -1, 1)


def _roll(lips, upper, amount, power=1.0):
    """The lip turned inwards over the teeth: border follows the seal, the red vanishes inside.

    A power below 1 takes the lip in nearer to the corners.
    """
    on = (lips.top if upper else lips.low) * lips.middle**power * amount
    sign = -1.0 if upper else 1.0
    # From the border of the red to the seal: down to the seal and back, so that the red folds in behind it.
    fold = np.clip((lips.ring - 5) / 4.0, 0, 1)
    skin_side = smooth(lips.ring, 2.5, 5.0)
    hide = 0.80 if upper else 0.90
    slide = np.where(lips.ring < 5, hide * skin_side, hide * (1 - fold) + (0.10 if upper else 0.16) * fold)
    back = np.where(lips.ring < 5, 0.40 * skin_side, 0.50 + 0.35 * fold)
    back = back * (1 - 0.8 * smooth(lips.ring, 9, 12))
    # The lip stays before the teeth, the lower one too, which comes up to the upper row.
    room = lips.p[:, 2] - arch_point(UPPER_ARCH, lips.p[:, 0])[0] - TEETH_GAP
    return lips.field(y=sign * slide * on, z=-np.minimum(back * on, np.maximum(room, 0.0)))


def lip_targets(lips):
    """Displacement of the lip rings for each mouth shape but the jaw's; Left shapes only, and symmetric ones."""
    s, top, low, mid = lips.s, lips.top, lips.low, lips.middle
    out, one = lips.out(), lips.half(1)
    x = lips.p[:, 0]
    corner = lips.corner(1)
    # A smile curves: it lifts the corner most, and the line rises ever steeper towards it.
    lift = 0.25 * corner**1.3 + 0.75 * np.clip((s + 0.15) / 1.15, 0, 1) ** 2.2
    ring = np.sqrt(np.clip(1 - s**2, 0, 1))  # a round opening
    red = smooth(lips.ring, 4.0, 7.0) * (1 - 0.6 * smooth(lips.ring, 9.0, 12.0))
    shapes = {
        "mouthFunnel": lips.field(-0.30 * x, (0.42 * top - 0.66 * low) * ring,
                                  (1.0 * mid + 0.30) * (0.38 + 0.62 * red)),
        "mouthPucker": lips.field(-0.335 * x - 0.05 * x * red, (0.13 * top - 0.12 * low) * mid * (1 - red),
                                  (0.90 * mid + 0.35) * (0.75 + 0.25 * red)),
        "mouthSmileLeft": lips.field(0.90 * corner**1.1,
                                     1.18 * lift - 0.06 * corner * low + (0.04 + 0.10 * top * mid) * one,
                                     -0.62 * corner**1.3 - 0.07 * one),
        "mouthFrownLeft": lips.field(0.12 * corner, -0.62 * corner**2, -0.12 * corner),
        "mouthDimpleLeft": lips.field(0.42 * corner**2, 0.40 * corner**2, -0.56 * corner**2),
        "mouthStretchLeft": lips.field(0.64 * corner**1.5, -0.20 * corner**2, -0.30 * corner**1.5),
        # Each lip presses on the other one.
        "mouthRollLower": _roll(lips, False, 0.95, 0.7) + _roll(lips, True, 0.34, 0.7),
        "mouthRollUpper": _roll(lips, True, 1.2, 0.5) + _roll(lips, False, 0.5, 0.5),
        "mouthShrugLower": lips.field(0, (0.68 * low + 0.18 * top) * mid, (0.40 * low - 0.06 * top) * mid),
        "mouthShrugUpper": lips.field(0, 0.44 * top * mid, 0.16 * top * mid),
        "mouthPressLeft": lips.field(
            0, ((-0.12 * top + 0.34 * low) * (1 - 0.8 * (lips.ring >= 9)) + 0.10) * mid**0.7 * one,
            (0.10 - 0.14 * red) * mid**0.7 * one + 0.04 * corner),
        "mouthLowerDownLeft": lips.field(0.05 * corner, -0.80 * low * mid**0.6 * one, 0.05 * low * mid * one),
        "mouthUpperUpLeft": lips.field(0.03 * corner, 0.99 * top * mid**0.6 * one, 0.03 * top * mid * one),
        "mouthLeft": lips.field(1.10 + 0 * s, 0.12 + 0.08 * s, -0.16 * s * np.sign(out)),
        "cheekPuff": lips.field(0.02 * x, 0.06, 0.52 * mid + 0.40),
        "cheekSquintLeft": lips.field(0.03 * corner, 0.10 * one + 0.08 * corner, 0.03 * one),
        "noseSneerLeft": lips.field(0, (0.76 * top + 0.72 * low) * mid**0.5 * lips.half(1), 0.03 * one),
    }
    return shapes


# Extra handles on the face: shape -> ((x, y, z of the place), (displacement)), left side or midline.
FACE_HANDLES = {
    "mouthSmileLeft": (((4.3, -3.2, 7.0), (0.22, 0.56, 0.24)), ((3.6, -1.9, 7.9), (0.07, 0.28, 0.09)),
                       ((3.9, -6.0, 7.3), (0.50, 0.45, 0.12)), ((2.2, -5.0, 8.9), (0.27, 0.32, 0.03))),
    "mouthFrownLeft": (((2.6, -8.8, 8.0), (0.05, -0.35, -0.02)),),
    "mouthDimpleLeft": (((3.9, -6.6, 7.2), (0.15, 0.05, 0.05)),),
    "mouthStretchLeft": (((4.0, -8.0, 6.2), (0.20, -0.18, 0.0)),),
    "mouthShrugLower": (((0.0, -9.9, 9.7), (0.0, 0.42, 0.10)), ((1.2, -9.9, 9.2), (0.0, 0.40, 0.10)),
                        ((-1.2, -9.9, 9.2), (0.0, 0.40, 0.10))),
    "cheekPuff": tuple(((side * x, y, z), (side * out, 0.0, ahead)) for side in (1, -1) for x, y, z, out, ahead in (
        (4.2, -5.4, 6.9, 0.78, 0.74), (4.7, -4.0, 6.5, 0.40, 0.36), (3.7, -7.0, 7.0, 0.62, 0.70),
        (3.9, -8.2, 6.0, 0.26, 0.24), (0.5, -5.8, 9.6, 0.0, 0.60), (0.5, -8.6, 9.5, 0.0, 0.50))),
    "noseSneerLeft": (((1.6, -4.0, 9.6), (0.12, 0.62, -0.02)), ((1.2, -1.6, 9.0), (-0.06, 0.36, 0.16)),
                      ((2.4, -3.6, 8.7), (0.0, 0.42, 0.14)), ((0.0, -4.1, 11.5), (0.0, 0.22, 0.0)),
                      ((2.2, -5.4, 8.8), (0.0, 0.42, 0.06))),
    "mouthRollUpper": (((0.0, -4.9, 10.7), (0.0, -0.12, -0.04)), ((1.3, -4.7, 9.8), (0.0, -0.10, 0.0)),
                       ((-1.3, -4.7, 9.8), (0.0, -0.10, 0.0)), ((0.0, -4.0, 11.4), (0.0, -0.03, 0.0))),
    "mouthUpperUpLeft": (((2.2, -4.9, 8.9), (0.06, 0.39, 0.09)),),
    "cheekSquintLeft": (((4.2, -2.8, 7.2), (0.06, 0.50, 0.20)), ((3.3, -1.9, 8.1), (0.0, 0.34, 0.10)),
                        ((2.4, -3.4, 8.7), (0.0, 0.26, 0.08)), ((1.5, -4.6, 9.3), (0.02, 0.14, 0.04))),
}


def closed_over_jaw(skin, lip_share):
    """Displacement (v, 3) that keeps the lower face full where lips that close over an open jaw would draw it in.

    Args:
        skin: a regions.Skin.
        lip_share: (v,) 0..1, how far each vertex follows the lips.
    """
    side = np.where(skin.p[:, 0] < 0, -1.0, 1.0)
    place = skin.p * np.column_stack([side, np.ones((len(side), 2))])
    bump = np.exp(-(((place - (3.0, -9.1, 7.2)) / (1.5, 1.6, 2.4)) ** 2).sum(1)) * (1 - lip_share) * ~skin.mouth
    return bump[:, None] * np.column_stack([0.55 * side, 0 * side, 0.15 + 0 * side])


def jaw_weight(skin, sheet):
    """(v,) how far each skin vertex follows the lower jaw: 1 on chin and lower lip, 0 on the skull and neck."""
    x, y, z = skin.p.T
    values = {}

    def put(mask, value):
        for i in np.flatnonzero(mask):
            values[i] = value[i] if np.ndim(value) else value

    outer = ~skin.mouth
    put((y > -2.2) & outer, 0.0)
    put((z < -0.5) & outer | (y < -14.5), 0.0)
    put(skin.patch == "ear", 0.0)
    put((np.abs(x) < 1.9) & (y > -5.5) & outer & (z > 8), 0.0)
    put(outer & (y < -9.0) & (z > 5.5) & (y > -11.9), 1.0)
    edge = -7.0 - 0.60 * (z - 1.8)  # lower border of the jaw bone, from its angle to the chin
    put(outer & (np.abs(x) > 2.2) & (y < edge + 0.9) & (y > edge - 0.25) & (z > 2.8), 0.95)
    lip = skin.mouth & (skin.ring >= 4) & (skin.ring <= 12)
    end = np.abs(skin.along)
    corner = 0.43
    low = corner + (1 - corner) * (1 - end**4)
    high = corner + (0.15 - corner) * (1 - end**3.0)
    put(lip & skin.lower, low)
    put(lip & skin.upper, high)
    put(lip & ~skin.lower & ~skin.upper, corner)
    deep = skin.mouth & (skin.ring >= 15)
    put(deep, np.where(skin.lower, 1.0, np.where(skin.upper, 0.0, 0.5)) * (skin.ring < 17))
    index = np.array(sorted(values))
    weight = sheet.extend(index, np.array([values[i] for i in index])[:, None])[:, 0]
    return np.clip(weight, 0.0, 1.0)
