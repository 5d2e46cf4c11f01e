"""Shapes of the tongue: a spine that bends, with cross-sections that ride on it. Units are cm and radians.

The names and their order are those of A2F-3D; what each does is our reading of the names. Left is the subject's left.
"""

import numpy as np

from sona.regions import smooth

ROOT_TO_TIP = 64  # points of the spine's table


def _spine(along):
    """Axis of the tongue at rest, (n, 2): y and z; parts.tongue lays its sections round it."""
    return np.column_stack([-8.66 + 0.30 * np.sin(np.pi * along) + 0.10 * along,
                            3.0 + 4.55 * np.sin(along * np.pi / 2)])


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
    rest = _spine(at)
    step = np.diff(rest, axis=0) * (longer or one)(0.5 * (at[1:] + at[:-1]))[:, None]
    middle = 0.5 * (at[1:] + at[:-1])
    y, z = _pitched(step[:, 0], step[:, 1], (up or zero)(middle))
    x, z = np.sin((left or zero)(middle)) * z, np.cos((left or zero)(middle)) * z
    steps = np.concatenate([[[0.0, *rest[0]]], np.column_stack([x, y, z])])
    spine = np.cumsum(steps, 0)
    u = part.info["along"]
    own = part.p - np.column_stack([0 * u, _spine(u)])
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


def _shift(y=0.0, z=0.0, low=0.0, high=0.6):
    return lambda u: smooth(u, low, high)[:, None] * (0.0, y, z)


def tongue_out(part):
    """The tongue slides forward between the teeth and the lips, grows thinner there, and hangs over the lower lip."""
    along = part.info["along"]
    ahead = np.clip(along / 0.95, 0, 1) ** 1.3
    move = np.zeros_like(part.p)
    move[:, 2] = 4.3 * ahead
    axis = -8.05 + 0.38 * np.sin(np.pi * along) + 0.12 * along
    at_lips = smooth(along, 0.35, 0.75)
    move[:, 1] = 0.62 * np.sin(np.pi * along**0.8) * along - 0.45 * along**4 + 0.25 * ahead
    move[:, 1] -= 0.38 * at_lips * (part.p[:, 1] - axis)
    return move


def tongue_shapes(part):
    """Displacement (n, 3) of the tongue for each of its shapes; Right is the mirror image of Left and left out."""
    def arch(u):
        return np.sin(np.pi * np.clip(u, 0, 1))

    return {
        "tongueOut": tongue_out(part),
        "tongueTipUp": bent(part, up=_ramp(0.52, 0.95, 1.15), lift=_shift(y=0.10, low=0.3, high=0.7)),
        "tongueTipDown": bent(part, up=_ramp(0.50, 1.0, -0.75), lift=_shift(y=0.22, z=-0.30, low=0.2, high=0.6)),
        "tongueTipLeft": bent(part, left=_ramp(0.40, 0.95, 0.95)),
        "tongueRollUp": bent(part, up=_ramp(0.22, 0.85, 1.75), lift=_shift(z=0.25)),
        "tongueRollDown": bent(part, up=lambda u: 0.55 * smooth(u, 0.05, 0.35) - 1.45 * smooth(u, 0.45, 0.95),
                               lift=_shift(y=0.15, z=-0.35)),
        "tongueRollLeft": bent(part, twist=_ramp(0.15, 0.85, -0.70)),
        "tongueUp": bent(part, lift=lambda u: smooth(u, 0.0, 0.5)[:, None] * (0.0, 0.95, 0.0)),
        "tongueDown": bent(part, lift=lambda u: smooth(u, 0.0, 0.5)[:, None] * (0.0, -0.42, -0.10)),
        "tongueLeft": bent(part, left=lambda u: 0.30 * smooth(u, 0.0, 0.4)),
        "tongueIn": bent(part, longer=lambda u: 0 * u + 0.78, thicker=lambda u: 1 + 0.12 * arch(u),
                         lift=lambda u: arch(u)[:, None] * (0.0, 0.30, 0.0)),
        "tongueStretch": bent(part, longer=lambda u: 0 * u + 1.22, wider=lambda u: 1 - 0.18 * smooth(u, 0.1, 0.7),
                              thicker=lambda u: 1 - 0.15 * smooth(u, 0.1, 0.7), lift=_shift(y=0.30, low=0.3, high=1.0)),
        "tongueWide": bent(part, wider=lambda u: 1 + 0.26 * smooth(u, 0.05, 0.5),
                           thicker=lambda u: 1 - 0.22 * smooth(u, 0.05, 0.5)),
        "tongueNarrow": bent(part, wider=lambda u: 1 - 0.32 * smooth(u, 0.05, 0.5),
                             thicker=lambda u: 1 + 0.20 * smooth(u, 0.05, 0.5)),
    }
