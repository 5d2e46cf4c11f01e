"""Fill what is not known of a picture from what is around it: a pyramid of means, down and up again."""

import numpy as np


def filled(picture, known):
    """A picture whose unknown parts go on smoothly from the known ones.

    Args:
        picture: (h, w, c) float64.
        known: (h, w) float64, 0 unknown .. 1 known; somewhere above 0.

    Returns:
        (h, w, c) float64; known pixels are kept.

    Source:
        Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4.2: push-pull.
    """
    if min(known.shape) <= 1 or known.min() >= 1:
        total = known.sum()
        mean = (picture * known[..., None]).sum((0, 1)) / max(total, 1e-9)
        return picture * known[..., None] + mean * (1 - known[..., None])
    h, w = known.shape
    even = ((0, h % 2), (0, w % 2))
    share = np.pad(known, even)
    light = np.pad(picture * known[..., None], (*even, (0, 0)))
    weight = _quarters(share[..., None])[..., 0]
    coarse = _quarters(light) / np.maximum(weight, 1e-9)[..., None]
    coarse = filled(coarse, np.minimum(weight, 1))
    return picture * known[..., None] + _doubled(coarse, (h, w)) * (1 - known[..., None])


def _quarters(values):
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _doubled(values, shape):
    """Twice the size, bilinear between the middles of the pixels."""
    for axis, n in enumerate(shape):
        at = (np.arange(n) + 0.5) / 2 - 0.5
        low = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 1)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = np.clip(at - low, 0, 1).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values
