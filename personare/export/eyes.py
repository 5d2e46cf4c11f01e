"""Where the eyes look: Live Link's angles of the weights eyeLook*, and the weights of angles."""

from functools import lru_cache

import numpy as np

# Least-squares slopes over seven takes of the Live Link Face app (15,400 rows): angle in radians at weight 1. The app
# adds 0.064 rad outwards to both eyes, a property of its eyeballs that is left out here: no weight, no angle.
YAW_RAD, DOWN_RAD, UP_RAD = 0.604, 0.612, 0.451
SIDES = (("Left", 1.0), ("Right", -1.0))  # with the sign of a yaw that looks inwards
_INWARD_RAD = YAW_RAD * np.array([sign for _, sign in SIDES])
LOOKS = tuple(f"eyeLook{way}{side}" for side, _ in SIDES for way in ("In", "Out", "Up", "Down"))


def eye_angles(looks):
    """Angles of both eyes as the app has them.

    Args:
        looks: (t, 8) weights in the order of LOOKS.

    Returns:
        (t, 6) float64 radians: yaw, pitch, roll of the left and then the right eye; yaw + to the subject's right,
        pitch + down, roll so that the eye does not twist.
    """
    into, out, up, down = np.asarray(looks, np.float64).reshape(-1, 2, 4).transpose(2, 0, 1)
    angles = np.empty((len(into), 2, 3))
    angles[:, :, 0] = yaw = _INWARD_RAD * (into - out)
    angles[:, :, 1] = pitch = DOWN_RAD * down - UP_RAD * up
    # Exact in the app's takes (1e-8): its eyes never twist, which in this order of angles is a roll.
    angles[:, :, 2] = np.arctan(np.tan(pitch) * np.sin(yaw))
    return angles.reshape(-1, 6)


def eye_looks(angles):
    """(t, 8) float64 weights in the order of LOOKS, of (t, 6) angles; the roll says nothing new."""
    angles = np.asarray(angles, np.float64)
    columns = []
    for first, (_, inward) in zip((0, 3), SIDES, strict=True):
        into, down = inward * angles[:, first] / YAW_RAD, angles[:, first + 1]
        columns += [np.maximum(into, 0), np.maximum(-into, 0), np.maximum(-down / UP_RAD, 0),
                    np.maximum(down / DOWN_RAD, 0)]
    return np.stack(columns, axis=1)


def looks_of(motion):
    """(t, 8) float32 weights of a motion in the order of LOOKS; 0 for what it does not have."""
    looks = np.zeros((len(motion), len(LOOKS)), np.float32)
    targets, sources = _places(motion.space.columns)
    looks[:, targets] = motion.values[:, sources]
    return looks


@lru_cache(maxsize=16)
def _places(columns):
    """(places of LOOKS, columns of a space) for the names that both have; each a list of ints."""
    pairs = [(i, columns.index(name)) for i, name in enumerate(LOOKS) if name in columns]
    return [i for i, _ in pairs], [k for _, k in pairs]
