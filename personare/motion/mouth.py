"""The mouth of an average head in three numbers: what one unit of each ARKit shape does to lips, in cm.

Measured on the neutral head of ICT-FaceKit (USC, MIT licence) as facts: one shape at weight 1, or mouthClose on an
open jaw, against rest. Linear, so sums of shapes are approximate.
"""

import numpy as np

from personare.spaces import ARKIT_52

# Shape -> lip gap, mouth width, height of the lower lip; a sided shape stands for each of its sides.
UNIT_CM = {
    "jawOpen": (2.892, -0.57, -3.52),
    "jawForward": (0.11, 0.091, -0.138),
    "mouthClose": (-3.72, 0.283, 3.818),
    "mouthFunnel": (1.083, -0.683, -0.829),
    "mouthPucker": (-0.129, -0.928, 0.019),
    "mouthSmile": (-0.009, 0.706, 0.187),
    "mouthStretch": (-0.018, 0.659, 0.004),
    "mouthDimple": (-0.079, 0.084, 0.034),
    "mouthFrown": (-0.012, 0.189, -0.025),
    "mouthRollLower": (-0.246, 0.067, 0.375),
    "mouthRollUpper": (0.158, 0.318, -0.006),
    "mouthShrugLower": (-0.639, 0.139, 0.688),
    "mouthShrugUpper": (0.456, -0.008, 0.001),
    "mouthPress": (-0.109, -0.012, 0.094),
    "mouthLowerDown": (0.291, -0.003, -0.339),
    "mouthUpperUp": (0.35, 0.018, 0.027),
    "cheekPuff": (-0.01, -0.56, 0.068),
    "noseSneer": (0.316, -0.095, 0.042),
}
REST_CM = (0.081, 5.07, 0.0)
_SIDE = ("Left", "Right")
# mouthLeft and mouthRight move the whole mouth, so they keep their names and have no entry.
_UNIT_OF_COLUMN = np.array([
    UNIT_CM.get(next((name.removesuffix(side) for side in _SIDE if name.endswith(side)), name), (0, 0, 0))
    for name in ARKIT_52.columns])


def measures_cm(motion):
    """Lip gap, mouth width and height of the lower lip.

    Args:
        motion: Motion in ARKit-52.

    Returns:
        (t, 3) float64 in cm; a gap below 0 means lips that press on each other.
    """
    return motion.columns(ARKIT_52.columns).astype(np.float64) @ _UNIT_OF_COLUMN + REST_CM
