"""Correctives: what is wrong where shapes meet, driven by the product of their columns. Units are cm.

Four kinds. Gaze: an eye that looks up and aside turns, where the sum of two chords leaves the ball out of round. Jaw:
what lips and tongue do on an open jaw turns with it, which a sum does not. Lids: two shapes that both move a lid would
push it past the place where it belongs, so the second one is taken back where the first has moved it. Teeth: lips that
two shapes press into teeth are moved off them.
"""

import numpy as np

from personare.faces.sona_shapes import mirror_name
from sona import shapes_eye, shapes_mouth
from sona.parts import UPPER_ARCH, arch_point
from sona.regions import smooth

LEAST_CM = 0.035  # correctives that move nothing further than this are left out

# Shapes that ride on the lower jaw and are seen to break when it opens.
WITH_OPEN_JAW = (
    "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthFrownLeft", "mouthStretchLeft", "mouthRollLower",
    "mouthShrugLower", "mouthPressLeft", "mouthLowerDownLeft", "tongueOut", "tongueTipUp", "tongueTipDown",
    "tongueTipLeft", "tongueRollUp", "tongueRollDown", "tongueRollLeft", "tongueUp", "tongueDown", "tongueLeft",
    "tongueIn", "tongueStretch", "tongueWide",
)
# Lids: (what comes first, what is taken back, share of it).
LID_PAIRS = (
    ("eyeBlinkLeft", "eyeSquintLeft", 0.85), ("eyeBlinkLeft", "eyeLookDownLeft", 1.0),
    ("eyeBlinkLeft", "eyeWideLeft", 1.0), ("eyeBlinkLeft", "eyeLookUpLeft", 1.0),
    ("eyeLookDownLeft", "eyeSquintLeft", 0.4),
)
# What lips that hold the tongue cannot do.
TONGUE_PAIRS = (("tongueOut", "mouthShrugLower", 0.9), ("tongueOut", "mouthPucker", 0.5),
                ("tongueOut", "mouthFunnel", 0.4), ("tongueOut", "cheekPuff", 0.7))
# Pairs that press the lips into the teeth, and the weight of the first shape at which they do so most.
TEETH_PAIRS = (("jawOpen", "mouthLeft", 0.5), ("mouthPucker", "mouthLeft", 1.0), ("mouthFunnel", "mouthLeft", 1.0),
               ("mouthRollLower", "mouthLeft", 1.0), ("mouthRollUpper", "mouthLeft", 1.0),
               ("mouthRollLower", "mouthRollUpper", 1.0), ("jawLeft", "mouthRollLower", 1.0),
               ("jawLeft", "mouthLeft", 1.0))
TEETH_GAP, PUSH_REACH = 0.02, 0.45  # cm that pushed lips keep, and over which a push fades along them
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


def lips_off_teeth(pose, lips, outer, teeth, spread):
    """Displacement (v, 3) that takes lips out of the teeth, square to the arch.

    Args:
        pose: (v, 3) vertices of the sum.
        lips: (n,) indices of the lips.
        outer: (n,) bool, those of them that lie before the teeth.
        teeth: (f, 3) triangles of each tooth, a convex solid.
        spread: function that carries displacements (n, 3) of the lips over the face, (v, 3).
    """
    p = pose[lips].copy()
    for _ in range(6):
        push = np.zeros(len(p))
        for tooth in teeth:
            a, b, c = (pose[tooth[:, k]] for k in range(3))
            normal = np.cross(b - a, c - a)
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
            near = np.flatnonzero((np.abs(p - a.mean(0)) < 1.2).all(1))
            depth = TEETH_GAP - ((p[near, None] - a) * normal).sum(2).max(1)
            push[near] = np.maximum(push[near], np.where(outer[near], depth, 0.0))
        if push.max() <= TEETH_GAP:
            break
        lean = arch_point(UPPER_ARCH, p[:, 0])[1]
        fade = np.exp(-((pose[lips][:, None] - pose[lips]) ** 2).sum(2) / PUSH_REACH**2)
        p += (fade * push).max(1)[:, None] * np.column_stack([np.sin(lean), 0 * lean, np.cos(lean)])
    return spread(p - pose[lips])


def correctives(p, deltas, jaw, *, eye, lids, lips, outer, teeth, spread):
    """All correctives.

    Args:
        p: (v, 3) rest.
        deltas: shape -> (v, 3) displacement at weight 1.
        jaw: (v,) how far each vertex follows the lower jaw.
        eye: (v,) bool, eyeballs.
        lids: (v,) 0..1, skin of the lids and lashes.
        lips, outer, teeth, spread: as for lips_off_teeth.

    Returns:
        dict of a tuple of columns -> (v, 3), one side of each.
    """
    out = {}
    for pair in GAZE_PAIRS:
        out[pair] = gaze_corner(p, eye, pair)
    for first, second, share in LID_PAIRS:
        out[first, second] = lid_taken_back(p, deltas[first], deltas[second], share, lids)
    for first, second, share in TONGUE_PAIRS:
        out[first, second] = -share * deltas[second]
    for name in WITH_OPEN_JAW:
        out["jawOpen", name] = jaw_turned(deltas[name], jaw)
    for first, second, weight in TEETH_PAIRS:
        pose = p + weight * deltas[first] + deltas[second]
        out[first, second] = lips_off_teeth(pose, lips, outer, teeth, spread) / weight
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
