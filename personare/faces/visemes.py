"""Mouths that know visemes only: ARKit-52 onto Oculus visemes or the vowels of VRM, by what the lips do.

Each ARKit shape and each viseme is five figures of the lips: gap, width, how far the upper lip stands forward, the
height of the lower lip, and how far it is rolled in. A frame is the mix of visemes whose figures are nearest,
weights in 0..1. A gap that the frame closes stays closed: where the mix would leave one, every viseme that opens is
taken back by as much, so p, b and m close on any rig whose rest is a closed mouth.
"""

from dataclasses import replace

import numpy as np

from personare.faces.bounded import bounded_least_squares
from personare.spaces import ARKIT_52, VRM1

# Shape -> lip gap, mouth width, upper lip forward, lower lip up (cm), lower lip rolled in (0..1); measured on the
# built-in head at weight 1, mouthClose on an open jaw. A sided shape stands for each of its sides.
LIPS = {
    "jawOpen": (2.66, -0.51, -0.37, -3.22, 0), "jawForward": (0.04, 0, 0.10, -0.05, 0),
    "mouthClose": (-2.66, 0.28, -0.13, 2.48, 0), "mouthFunnel": (1.00, -0.72, 1.05, -0.72, 0),
    "mouthPucker": (0, -1.36, 1.25, 0, 0), "mouthSmile": (0, 0.79, -0.05, 0.04, 0),
    "mouthFrown": (0, 0.12, -0.01, 0, 0), "mouthDimple": (0, 0.41, 0, 0, 0), "mouthStretch": (0, 0.63, 0, 0, 0),
    "mouthRollLower": (-0.24, 0, -0.40, 0.23, 1), "mouthRollUpper": (-0.10, 0, -0.63, 0, 0),
    "mouthShrugLower": (-0.50, 0, -0.06, 0.68, 0), "mouthShrugUpper": (0.44, 0, 0.16, 0, 0),
    "mouthPress": (-0.05, 0, -0.02, 0.08, 0), "mouthLowerDown": (0.31, 0.05, 0, -0.31, 0),
    "mouthUpperUp": (0.33, 0.03, 0.01, 0, 0), "noseSneer": (0.02, 0, 0.01, 0.36, 0),
    "tongueOut": (0.74, 0, 0.14, -0.52, 0),
}
# Viseme -> the ARKit shapes an average speaker forms it with; both sides alike.
RECIPES = {
    "sil": {},
    "PP": {"mouthPress": 0.5, "mouthRollUpper": 0.2, "mouthRollLower": 0.2},
    "FF": {"mouthRollLower": 0.7, "mouthUpperUp": 0.35, "jawOpen": 0.05},
    "TH": {"jawOpen": 0.14, "mouthLowerDown": 0.25, "tongueOut": 0.1},
    "DD": {"jawOpen": 0.10, "mouthLowerDown": 0.35, "mouthUpperUp": 0.15},
    "kk": {"jawOpen": 0.16, "mouthLowerDown": 0.3, "mouthStretch": 0.15},
    "CH": {"mouthFunnel": 0.5, "mouthPucker": 0.35, "jawOpen": 0.04},
    "SS": {"jawOpen": 0.03, "mouthLowerDown": 0.4, "mouthUpperUp": 0.15, "mouthStretch": 0.3},
    "nn": {"jawOpen": 0.10, "mouthLowerDown": 0.25},
    "RR": {"mouthFunnel": 0.35, "mouthPucker": 0.25, "jawOpen": 0.08},
    "aa": {"jawOpen": 0.55, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "E": {"jawOpen": 0.30, "mouthStretch": 0.3, "mouthSmile": 0.2, "mouthLowerDown": 0.2},
    "ih": {"jawOpen": 0.16, "mouthStretch": 0.35, "mouthSmile": 0.25, "mouthLowerDown": 0.2},
    "oh": {"jawOpen": 0.32, "mouthFunnel": 0.5, "mouthPucker": 0.2},
    "ou": {"jawOpen": 0.12, "mouthPucker": 0.65, "mouthFunnel": 0.3},
}
# The vowels of VRM 1 under the names they have there.
VOWELS = {"aa": "aa", "ih": "ih", "ou": "ou", "ee": "E", "oh": "oh"}
_SIDES = ("Left", "Right")
_WHOLE = ("mouthLeft", "mouthRight", "jawLeft", "jawRight")
# How much an error of each figure is seen: a gap most, the height of the lower lip follows it anyway.
_WEIGHT = np.array([1.0, 0.7, 0.8, 0.3, 1.0])
_RIDGE = 0.002


def lip_figures(columns=ARKIT_52.columns):
    """(k, 5) float64, what each column does to the lips; zeros for one that does nothing."""
    table = np.zeros((len(columns), 5))
    for row, name in zip(table, columns, strict=True):
        sided = name.endswith(_SIDES) and name not in _WHOLE
        base = name.removesuffix("Left").removesuffix("Right") if sided else name
        # A sided shape does half of what both together do to the middle, and one corner's share of the width.
        row[:] = np.multiply(LIPS.get(base, (0,) * 5), 0.5 if sided else 1.0)
    return table


def viseme_figures(visemes):
    """(n, 5) float64, lips of the visemes of RECIPES."""
    full = {name: row * (2 if name.endswith("Left") and name not in _WHOLE else 1)
            for name, row in zip(ARKIT_52.columns, lip_figures(), strict=True)}

    def both(name):
        return full[name] if name in full else full[f"{name}Left"]

    return np.array([sum((share * both(name) for name, share in RECIPES[viseme].items()), np.zeros(5))
                     for viseme in visemes])


def viseme_weights(motion, visemes):
    """Weights of visemes that form the mouth of a motion.

    Args:
        motion: Motion in ARKit-52.
        visemes: names out of RECIPES; a rig's own, in its order.

    Returns:
        (t, n) float32 in 0..1.
    """
    wanted = motion.columns(ARKIT_52.columns).astype(np.float64) @ lip_figures()
    figures = viseme_figures(visemes)
    scaled = figures * _WEIGHT
    # Lips press on each other below a gap of 0; a closed mouth is a closed mouth, however hard it is meant.
    wanted[:, 0] = np.maximum(wanted[:, 0], -0.3)
    weights = bounded_least_squares(scaled @ scaled.T, (wanted * _WEIGHT) @ scaled.T, ridge=_RIDGE).astype(np.float64)
    opening = np.maximum(figures[:, 0], 0)
    gap, allowed = weights @ opening, np.maximum(wanted[:, 0], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(gap > allowed, allowed / gap, 1.0)
    weights[:, opening > 0] *= share[:, None]
    return weights.astype(np.float32)


def as_vrm1(motion):
    """The motion by the presets of VRM 1 that speech and life need: vowels, blinks and looks.

    Emotions stay at 0: in many characters they block the mouth, however little of them there is.

    Args:
        motion: Motion in ARKit-52.

    Returns:
        Motion in the space vrm1, with the same head pose.
    """
    values = np.zeros((len(motion), len(VRM1)), np.float32)
    values[:, VRM1.indices(tuple(VOWELS))] = viseme_weights(motion, tuple(VOWELS.values()))
    for side in _SIDES:
        values[:, VRM1.index(f"blink{side}")] = motion.column(f"eyeBlink{side}")
    looks = {"lookUp": ("eyeLookUpLeft", "eyeLookUpRight"), "lookDown": ("eyeLookDownLeft", "eyeLookDownRight"),
             "lookLeft": ("eyeLookOutLeft", "eyeLookInRight"), "lookRight": ("eyeLookInLeft", "eyeLookOutRight")}
    for name, columns in looks.items():
        values[:, VRM1.index(name)] = motion.columns(columns).mean(1)
    return replace(motion, values=values, space=VRM1)
