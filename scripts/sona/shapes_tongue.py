"""Shapes of the tongue: a spine that bends, with cross-sections that ride on it. Units are cm and radians.

The names and their order are those of A2F-3D; what each does is our reading of the names. Left is the subject's left.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator

from sona.parts import TONGUE_WIDTH, tongue_spine
from sona.regions import smooth

ROOT_TO_TIP = 64  # points of the spine's table


def bent(part, *, up=None, left=None, twist=None, longer=None, wider=None, thicker=None, lift=None):
    """Displacement (n, 3) of the tongue when its spine bends.

    Args:
        part: the tongue, with info "along", 0 root .. 1 tip.
        up, left, twist: functions of `along`: angles by which the spine points up, to the left, and rolls its left
            side up, against rest.
        longer, wider, thicker: functions of `along`: factors of length, width and thickness.
        lift: function of `along` giving (n, 3), added in the end.
    """
    at = np.linspace(0, 1, ROOT_TO_TIP)
    zero, one = (lambda u: 0 * u), (lambda u: 0 * u + 1)
    rest = tongue_spine(at)
    step = np.diff(rest, axis=0) * (longer or one)(0.5 * (at[1:] + at[:-1]))[:, None]
    middle = 0.5 * (at[1:] + at[:-1])
    y, z = _pitched(step[:, 0], step[:, 1], (up or zero)(middle))
    x, z = np.sin((left or zero)(middle)) * z, np.cos((left or zero)(middle)) * z
    steps = np.concatenate([[[0.0, *rest[0]]], np.column_stack([x, y, z])])
    spine = np.cumsum(steps, 0)
    u = part.info["along"]
    own = part.p - np.column_stack([0 * u, tongue_spine(u)])
    x = own[:, 0] * (wider or one)(u)
    y, z = own[:, 1] * (thicker or one)(u), own[:, 2]
    roll = (twist or zero)(u)
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    y, z = _pitched(y, z, (up or zero)(u))
    turn = (left or zero)(u)
    x, z = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    centre = np.column_stack([np.interp(u, at, spine[:, k]) for k in range(3)])
    moved = centre + np.column_stack([x, y, z])
    return moved - part.p + ((lift(u)) if lift else 0.0)


def _pitched(y, z, angle):
    return y * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - y * np.sin(angle)


def _ramp(low, high, amount):
    return lambda u: amount * smooth(u, low, high)


def _ease(low, high, factor):
    return lambda u: 1 + (factor - 1) * smooth(u, low, high)


def _shift(y=0.0, z=0.0, low=0.0, high=0.6):
    return lambda u: smooth(u, low, high)[:, None] * (0.0, y, z)


# The tongue put out, in the frame of the lower jaw: along -> y, z of its axis, half width; cm. It lies over the teeth.
OUT = ((0.0, -8.46, 3.0, 1.50), (0.2, -7.75, 4.9, 1.42), (0.35, -7.24, 6.2, 1.30), (0.5, -7.10, 7.6, 1.22),
       (0.65, -7.02, 8.9, 1.20), (0.75, -7.08, 9.9, 1.20), (0.85, -7.38, 10.75, 1.12), (0.94, -7.80, 11.3, 0.88),
       (0.98, -8.05, 11.55, 0.58), (1.0, -8.15, 11.65, 0.0))


def tongue_out(part):
    """Displacement (n, 3): the tongue slides forward between teeth and lips, and hangs over the lower lip."""
    u = part.info["along"]
    at, y, z, half = np.array(OUT).T
    axis = np.column_stack([PchipInterpolator(at, row)(u) for row in (y, z)])
    rest = np.interp(tongue_spine(u)[:, 1], *np.array(TONGUE_WIDTH).T)
    wider = np.where(u < 1, np.interp(u, at, half) / np.maximum(rest, 1e-3), 1.0)
    own = part.p - np.column_stack([0 * u, tongue_spine(u)])
    slope = np.arctan2(np.gradient(y, at), np.gradient(z, at))
    y, z = _pitched(own[:, 1] * (1 - 0.30 * smooth(u, 0.05, 0.35) * (1 - smooth(u, 0.6, 0.9))), own[:, 2],
                    np.interp(u, at, slope))
    return np.column_stack([own[:, 0] * wider, y, z]) + np.column_stack([0 * u, axis]) - part.p


def tongue_shapes(part):
    """Displacement (n, 3) of the tongue for each of its shapes; Right is the mirror image of Left and left out."""
    def arch(u):
        return np.sin(np.pi * np.clip(u, 0, 1))

    return {
        "tongueOut": tongue_out(part),
        "tongueTipUp": bent(part, up=_ramp(0.26, 0.78, 1.30), lift=_shift(y=0.10, low=0.2, high=0.5)),
        "tongueTipDown": bent(part, up=_ramp(0.30, 0.85, -0.85), lift=_shift(y=0.34, z=-0.30, low=0.1, high=0.4)),
        "tongueTipLeft": bent(part, left=_ramp(0.16, 0.60, 0.50), thicker=_ease(0.0, 0.3, 0.62),
                              lift=_shift(y=1.0, low=0.0, high=0.32)),
        "tongueRollUp": bent(part, up=_ramp(0.14, 0.72, 1.95), lift=_shift(z=0.25)),
        "tongueRollDown": bent(part, up=lambda u: 0.45 * smooth(u, 0.0, 0.2) - 1.45 * smooth(u, 0.25, 0.75),
                               lift=_shift(y=0.15, z=-0.35)),
        "tongueRollLeft": bent(part, twist=_ramp(0.10, 0.60, -0.62), lift=_shift(y=0.20, low=0.1, high=0.4)),
        "tongueUp": bent(part, lift=lambda u: smooth(u, 0.0, 0.4)[:, None] * (0.0, 0.95, 0.0)),
        "tongueDown": bent(part, lift=lambda u: smooth(u, 0.0, 0.4)[:, None] * (0.0, -0.42, -0.10)),
        "tongueLeft": bent(part, left=lambda u: 0.25 * smooth(u, 0.0, 0.3), thicker=_ease(0.0, 0.25, 0.60),
                           lift=_shift(y=0.92, z=-0.1, low=0.0, high=0.3)),
        "tongueIn": bent(part, longer=lambda u: 0 * u + 0.78, thicker=lambda u: 1 + 0.12 * arch(u),
                         lift=lambda u: arch(u)[:, None] * (0.0, 0.30, 0.0)),
        "tongueStretch": bent(part, longer=lambda u: 0 * u + 1.22, wider=_ease(0.1, 0.6, 0.72),
                              thicker=_ease(0.0, 0.4, 0.72), lift=_shift(y=1.05, low=0.0, high=0.34)),
        "tongueWide": bent(part, wider=_ease(0.05, 0.4, 1.28), thicker=_ease(0.05, 0.4, 0.72),
                           lift=_shift(y=0.45, low=0.0, high=0.4)),
        "tongueNarrow": bent(part, wider=_ease(0.05, 0.5, 0.66), thicker=_ease(0.05, 0.5, 1.22)),
    }
