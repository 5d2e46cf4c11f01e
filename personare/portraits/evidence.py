"""Whether what was found on a photo is a human face: the detector sees a real one the same way in a mirror."""

import numpy as np

from personare.portraits.points import EYES, INNER_LIPS, IRISES, OUTER_CORNERS, OUTER_LIPS, OVAL

# Landmarks of a face and of its mirror image differ by less than the first share of the eyes' distance on people,
# drawings and statues, and by more than the second on animals that fool the detector (docs/portraits/photo.md).
_HUMAN, _ANIMAL = 0.018, 0.027
LEAST = 0.5


def confidence(landmarks, mirrored, width):
    """How surely landmarks are those of a human face, 0..1.

    Args:
        landmarks: (478, 2 or more) pixels on the photo.
        mirrored: the same on its mirror image, or None where no face was found there.
        width: of the photo, pixels.

    Returns:
        0.5 and more for a face; disagreement of 0.0225 of the eyes' distance counts as 0.5.
    """
    if mirrored is None:
        return 0.0
    disagreement = disagreement_of(landmarks, mirrored, width)
    middle = (_HUMAN + _ANIMAL) / 2
    return float(1 / (1 + np.exp((disagreement - middle) / (0.2 * (_ANIMAL - _HUMAN)))))


def disagreement_of(landmarks, mirrored, width):
    """Median distance of mirrored landmarks from where they should be, as a share of the eyes' distance."""
    ones, others = np.array(_PAIRS).T
    back = np.asarray(mirrored, np.float64)[others, :2].copy()
    back[:, 0] = width - back[:, 0]
    eyes = np.linalg.norm(np.subtract(*(np.asarray(landmarks, np.float64)[k, :2] for k in OUTER_CORNERS)))
    return float(np.median(np.linalg.norm(back - np.asarray(landmarks)[ones, :2], axis=1)) / max(eyes, 1e-9))


def _mirror_pairs():
    """Landmarks that change places in a mirror, both ways."""
    pairs = [*zip(EYES["Left"], EYES["Right"], strict=True), (IRISES["Left"][0], IRISES["Right"][0])]
    for ring in (INNER_LIPS, OUTER_LIPS):
        n = len(ring)
        pairs += [(ring[k], ring[(n // 2 - k) % n]) for k in range(n)]
    pairs += [(OVAL[k], OVAL[-k]) for k in range(len(OVAL))]
    return sorted({pair for a, b in pairs for pair in ((a, b), (b, a))})


_PAIRS = _mirror_pairs()
