"""Correctives: what is wrong where shapes meet, driven by the product of their columns. Units are cm.

Three kinds. Gaze: an eye that looks up and aside turns, where the sum of two chords leaves the ball out of round. Jaw:
what lips and tongue do on an open jaw turns with it, which a sum does not. Lids: two shapes that both move a lid would
push it past the place where it belongs, so the second one is taken back where the first has moved it.
"""

import numpy as np

from personare.faces.sona_shapes import mirror_name
from sona import shapes_eye, shapes_mouth
from sona.regions import smooth

LEAST_CM = 0.035  # correctives that move nothing further than this are left out

# Shapes that ride on the lower jaw and are seen to break when it opens.
WITH_OPEN_JAW = (
    "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthFrownLeft", "mouthStretchLeft", "mouthRollLower",
    "mouthShrugLower", "mouthPressLeft", "mouthLowerDownLeft", "tongueOut", "tongueTipUp", "tongueRollUp",
    "tongueRollDown", "tongueUp", "tongueStretch",
)
# Lids: (what comes first, what is taken back, share of it).
LID_PAIRS = (
    ("eyeBlinkLeft", "eyeSquintLeft", 0.85), ("eyeBlinkLeft", "eyeLookDownLeft", 1.0),
    ("eyeBlinkLeft", "eyeWideLeft", 1.0), ("eyeBlinkLeft", "eyeLookUpLeft", 1.0),
    ("eyeLookDownLeft", "eyeSquintLeft", 0.4),
)
GAZE_PAIRS = (("eyeLookUpLeft", "eyeLookInLeft"), ("eyeLookUpLeft", "eyeLookOutLeft"),
              ("eyeLookDownLeft", "eyeLookInLeft"), ("eyeLookDownLeft", "eyeLookOutLeft"))


def gaze_corner(p, eye, pair):
    """Displacement (v, 3) that makes the sum of two gazes of the left eye a turn."""
    (up, _), (_, side) = (shapes_eye.GAZES[name] for name in pair)
    left = eye & (p[:, 0] > 0)
    move = np.zeros_like(p)
    both, one, other = (shapes_eye.gaze(p[left], *angles) for angles in ((up, side), (up, 0.0), (0.0, side)))
    move[left] = both - one - other
    return move


def jaw_turned(delta, jaw):
    """Displacement (v, 3) that turns a shape's own displacement with the open jaw, where that takes it along."""
    angle = shapes_mouth.JAW_OPEN_RAD * jaw
    return shapes_mouth.turn_x(delta, angle, np.zeros(3))


def lid_taken_back(p, first, second, share, lids):
    """Displacement (v, 3) that takes the second shape back on lids that the first one has moved."""
    moved = smooth(np.linalg.norm(first, axis=1), 0.0, 0.35)
    return -share * (lids * moved)[:, None] * second


def correctives(p, deltas, jaw, *, eye, lids):
    """All correctives.

    Args:
        p: (v, 3) rest.
        deltas: shape -> (v, 3) displacement at weight 1.
        jaw: (v,) how far each vertex follows the lower jaw.
        eye: (v,) bool, eyeballs.
        lids: (v,) 0..1, skin of the lids and lashes.

    Returns:
        dict of a tuple of columns -> (v, 3), both sides of each.
    """
    out = {}
    for pair in GAZE_PAIRS:
        out[pair] = gaze_corner(p, eye, pair)
    for first, second, share in LID_PAIRS:
        out[first, second] = lid_taken_back(p, deltas[first], deltas[second], share, lids)
    for name in WITH_OPEN_JAW:
        out["jawOpen", name] = jaw_turned(deltas[name], jaw)
    return {columns: move for columns, move in out.items() if np.linalg.norm(move, axis=1).max() > LEAST_CM}


def with_mirror_images(found, twin, pair):
    """The same dict with the mirror image of every one-sided corrective added, and the others made symmetric."""
    flip = np.where(pair[:, None], (-1.0, 1.0, 1.0), 1.0)
    out = {}
    for columns, move in found.items():
        mirrored = tuple(mirror_name(name) for name in columns)
        image = move[twin] * flip
        if set(mirrored) == set(columns):
            out[columns] = 0.5 * (move + image)
        else:
            out[columns], out[mirrored] = move, image
    return out
