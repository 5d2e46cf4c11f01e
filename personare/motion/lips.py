"""The mouth in few numbers: symmetric curves, the lip gap of an average head, and gates that make lips meet."""

import numpy as np

from personare.motion.mouth import REST_CM, UNIT_CM
from personare.spaces import ARKIT_52

# What speech moves; a name without Left and Right in ARKit-52 stands for both sides.
CURVES = (
    "jawOpen", "jawForward", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthStretch",
    "mouthDimple", "mouthFrown", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPress", "mouthLowerDown", "mouthUpperUp", "cheekPuff", "tongueOut",
)
CURVE = {name: i for i, name in enumerate(CURVES)}
GATES = ("closed", "labiodental", "rest")

# What one unit of each curve (both sides of a sided shape) does to an average head, in cm.
_SIDES = np.array([1.0 if name in ARKIT_52.columns else 2.0 for name in CURVES])
_UNIT_CM = np.array([UNIT_CM.get(name, (0.0, 0.0, 0.0)) for name in CURVES]) * _SIDES[:, None]
GAP_CM, WIDTH_CM, LOWER_CM = np.ascontiguousarray(_UNIT_CM.T.astype(np.float32))
REST_GAP_CM = REST_CM[0]


def _pose(**values):
    pose = np.zeros(len(CURVES), np.float32)
    for name, value in values.items():
        pose[CURVE[name]] = value
    return pose


# Lips pressed for p b m; lower lip under the upper teeth for f v. Rounding and spreading stay as they are.
CLOSED_POSE = _pose(jawOpen=0.06, mouthPress=0.2, mouthRollLower=0.12, mouthRollUpper=0.03)
LABIODENTAL_POSE = _pose(jawOpen=0.05, mouthRollLower=0.6, mouthShrugLower=0.2, mouthUpperUp=0.2)
_KEPT = np.array([name in ("mouthPucker", "mouthSmile", "mouthStretch", "mouthDimple", "mouthFrown")
                  for name in CURVES])

_ARKIT_COLUMNS, _ARKIT_SOURCES = zip(*((ARKIT_52.index(column), i) for i, name in enumerate(CURVES)
                                       for column in (name, f"{name}Left", f"{name}Right")
                                       if column in ARKIT_52.columns), strict=True)
_ARKIT_COLUMNS, _ARKIT_SOURCES = np.array(_ARKIT_COLUMNS), np.array(_ARKIT_SOURCES)


def lip_gap_cm(curves):
    """Distance between the lips of an average head; below 0 they press on each other.

    Args:
        curves: (..., 18) float32, columns CURVES.

    Returns:
        (...) float32 in cm.
    """
    return curves @ GAP_CM + np.float32(REST_GAP_CM)


def constrain(curves, gates):
    """Pull free mouth curves to closed lips, to lip on teeth and to rest, as far as the gates say.

    At a gate of 1 the lips meet exactly: mouthClose takes what is left of the gap, so that any shape of the
    jaw and the lips around it ends in contact. In between the gap shrinks in proportion.

    Args:
        curves: (t, 18) float32 in 0..1, columns CURVES.
        gates: (t, 3) float32 in 0..1, columns GATES.

    Returns:
        (t, 18) float32 in 0..1.
    """
    closed, labiodental, rest = gates[:, :1], gates[:, 1:2], gates[:, 2:]
    shaped = curves + labiodental * (np.where(_KEPT, curves, LABIODENTAL_POSE) - curves)
    open_gap = np.maximum(lip_gap_cm(shaped), 0)
    shaped = shaped + closed * (np.where(_KEPT, curves, CLOSED_POSE) - shaped)
    excess = lip_gap_cm(shaped) - open_gap * (1 - closed[:, 0])
    shaped[:, CURVE["mouthClose"]] += np.where(closed[:, 0] > 0, excess, 0) / -GAP_CM[CURVE["mouthClose"]]
    return np.minimum(np.maximum(shaped * (1 - rest), 0), 1)


def without_overlap(curves):
    """(t, 18) curves in 0..1 whose lips do not press through each other: mouthClose gives way, then the jaw."""
    curves = np.minimum(np.maximum(curves, 0), 1)
    for name in ("mouthClose", "jawOpen"):
        gap = lip_gap_cm(curves)
        if gap.min(initial=0) >= 0:
            break
        curves[:, CURVE[name]] = np.maximum(curves[:, CURVE[name]] - np.minimum(gap, 0) / GAP_CM[CURVE[name]], 0)
    return curves


def arkit_from_curves(curves):
    """(t, 52) float32 ARKit-52 values of (t, 18) mouth curves; everything else is 0."""
    values = np.zeros((len(curves), len(ARKIT_52)), np.float32)
    values[:, _ARKIT_COLUMNS] = curves[:, _ARKIT_SOURCES]
    return values


def curves_from_arkit(values):
    """(t, 18) float32 mouth curves of (t, 52) ARKit-52 values: the mean of both sides; the rest is left out."""
    curves = np.zeros((len(values), len(CURVES)), np.float32)
    np.add.at(curves.T, _ARKIT_SOURCES, values[:, _ARKIT_COLUMNS].T)
    return curves / _SIDES.astype(np.float32)


def with_contact(values, gates):
    """ARKit-52 values whose mouth closes, bites or rests as far as gates say; eyes and brows stay as they are.

    Args:
        values: (t, 52) float32 in 0..1.
        gates: (t, 3) float32 in 0..1, columns GATES.

    Returns:
        (t, 52) float32 in 0..1; the mouth is symmetric.
    """
    values = values.copy()
    mouth = arkit_from_curves(constrain(curves_from_arkit(values), gates))
    values[:, _ARKIT_COLUMNS] = mouth[:, _ARKIT_COLUMNS]
    return values
