"""Least squares with bounds on every coefficient and a spring from frame to frame, for whole clips at once."""

import numpy as np

_STEPS = 400
_TOLERANCE = 1e-6


def bounded_least_squares(gram, right, *, low=0.0, high=1.0, ridge=1e-6, spring=0.0):
    """Coefficients c that make 1/2 c G c - c r smallest in each frame, inside bounds.

    For a basis B and data d that is G = B B', r = d B'. Solved by projected gradient steps with momentum
    (Beck and Teboulle, FISTA, 2009), all frames side by side, so a frame of a still motion costs the same as any.

    Args:
        gram: (k, k) float, symmetric.
        right: (t, k) float.
        low, high: bounds, a number or (k,) each.
        ridge: pull towards 0, relative to the mean of gram's diagonal; keeps columns that do nothing at 0.
        spring: weight of the squared step between neighbouring frames, relative to the same mean.

    Returns:
        (t, k) float32.
    """
    gram, right = np.asarray(gram, np.float64), np.asarray(right, np.float64)
    unit = max(np.trace(gram) / max(len(gram), 1), 1e-30)
    gram = gram + ridge * unit * np.eye(len(gram))
    pull = spring * unit
    step = 1 / (np.linalg.eigvalsh(gram)[-1] + 4 * pull)
    now = np.clip(_free(gram, right), low, high)
    ahead, momentum = now, 1.0
    for _ in range(_STEPS):
        slope = ahead @ gram - right
        if pull and len(now) > 1:
            difference = np.diff(ahead, axis=0)
            slope[1:] += pull * difference
            slope[:-1] -= pull * difference
        new = np.clip(ahead - step * slope, low, high)
        change = new - now
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, now, momentum = new + (momentum - 1) / following * change, new, following
        if np.abs(change).max(initial=0) < _TOLERANCE:
            break
    return now.astype(np.float32)


def _free(gram, right):
    """The answer without bounds, where the search starts; most frames of speech need no other."""
    try:
        return np.linalg.solve(gram, right.T).T
    except np.linalg.LinAlgError:
        return np.zeros_like(right)
