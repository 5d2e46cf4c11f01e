"""How clearly somebody speaks, as one number: mumbled below 1, exaggerated above, with closures kept.

Speakers vary along one line from reduced to very clear speech (Lindblom 1990, "Explaining phonetic variation: the
H and H theory"). All openings and shapes of the mouth scale together about the mouth at rest. Lips that met still
meet: what a nonlinear limit leaves open goes to mouthClose, and shapes that make contact shrink less than openings.
"""

import numpy as np

from personare.errors import InputError
from personare.motion.mouth import REST_CM, UNIT_CM
from personare.spaces import ARKIT_52

LEAST, MOST = 0.3, 2.0
# Lip gap of an average head, cm: below the first lips touch, above the second nothing holds them together.
TOUCHING_CM, FREE_CM = 0.10, 0.90
MOUTH = tuple(name for name in ARKIT_52.columns if name.startswith(("jaw", "mouth", "tongue")) or name == "cheekPuff")
_CONTACT = ("mouthPress", "mouthRoll", "mouthShrug")
_IS_CONTACT = np.array([name.startswith(_CONTACT) for name in MOUTH])
CLOSE_CM = -UNIT_CM["mouthClose"][0]
_GAP_CM = np.array([UNIT_CM.get(name.removesuffix("Left").removesuffix("Right"), UNIT_CM.get(name, (0.0,)))[0]
                    for name in ARKIT_52.columns])


def checked_articulation(value):
    """The number as a float.

    Raises:
        InputError: not a number in 0.3..2.
    """
    real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (real and LEAST <= value <= MOST):
        raise InputError("articulation", expected=f"a number in {LEAST}..{MOST:g}", got=repr(value),
                         remedy="use 1 for the model's own, 0.5 to mumble, 1.5 to exaggerate")
    return float(value)


def lip_gap_cm(motion):
    """Lip gap of an average head, the first column of mouth.measures_cm, but summed row by row.

    A matrix product may round differently for another number of rows; this gives each frame the same to the bit.

    Args:
        motion: Motion with the ARKit-52 columns.

    Returns:
        (t,) float64 in cm; below 0 lips press on each other.
    """
    return (motion.columns(ARKIT_52.columns) * _GAP_CM).sum(axis=1) + REST_CM[0]


def openness(gap_cm):
    """How free the lips are to move: 0 where they touch or nearly do, 1 where they are well apart.

    Args:
        gap_cm: (t,) lip gap of an average head, see lip_gap_cm.

    Returns:
        (t,) float64 in 0..1, smooth.
    """
    share = np.clip((np.asarray(gap_cm, np.float64) - TOUCHING_CM) / (FREE_CM - TOUCHING_CM), 0, 1)
    return share * share * (3 - 2 * share)


def articulate(motion, amount):
    """Scale the articulation of a motion; frame by frame, so pieces of any size give the same.

    Args:
        motion: Motion with the ARKit-52 columns.
        amount: float or (t,) in 0.3..2; 1 leaves the motion as it is, to the bit.

    Returns:
        Motion. A gap g of the lips becomes rest + amount (g - rest), less where shapes come near their limit;
        frames in which lips met have them meet.
    """
    amount = np.broadcast_to(np.asarray(amount, np.float64), (len(motion),))
    if not len(motion) or (amount == 1).all():
        return motion
    given = motion.columns(MOUTH).astype(np.float64)
    gap = lip_gap_cm(motion)
    touching = 1 - openness(gap)
    scale = amount[:, None]
    # Contact shapes of touching lips keep half of what softer speech would take, on a logarithmic scale.
    scale = np.where(_IS_CONTACT & (scale < 1), scale ** (1 - 0.5 * touching[:, None]), scale)
    # x s / (1 + (s - 1) x^2) has slope s at 0 and reaches 1 at 1, so nothing is cut off.
    scaled = given * scale / (1 + np.maximum(scale - 1, 0) * given**2)
    moved = motion.with_columns(dict(zip(MOUTH, scaled.T, strict=True)))
    wanted = REST_CM[0] + amount * (gap - REST_CM[0])
    left_open = np.where(amount == 1, 0, (lip_gap_cm(moved) - wanted) * touching)
    closing = np.clip(moved.column("mouthClose") + np.maximum(left_open, 0) / CLOSE_CM, 0, 1)
    values = np.where((amount == 1)[:, None], motion.values, moved.with_columns({"mouthClose": closing}).values)
    return type(motion)(values, motion.fps, motion.space, motion.head_pose)
