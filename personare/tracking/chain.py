"""Least squares along a chain: each frame has its own equations and a spring to the frame before."""

import numpy as np


def solve_chain(system, right, tie, before, held):
    """Steps d that make 1/2 d S d - d r in each frame, plus 1/2 tie (step to the frame before)^2, smallest.

    The step to the frame before is before + d[i] - d[i - 1]. Solved exactly by block elimination; frames that nothing
    ties to the one before are solved side by side.

    Args:
        system: (t, q, q) symmetric, positive, right: (t, q).
        tie: (t, q) weight of the spring to the frame before; row 0 does not count.
        before: (t, q) the step as it is now.
        held: (t, q) bool, unknowns that stay.

    Returns:
        (t, q) float64.
    """
    tie = np.array(tie)
    tie[:1] = 0
    t, q = right.shape
    system, right, each = np.array(system), np.array(right), np.arange(q)
    pull = tie * before
    right -= pull
    right[:-1] += pull[1:]
    system[:, each, each] += tie
    system[:-1, each, each] += tie[1:]
    free = (~held).astype(float)
    system *= free[:, :, None] * free[:, None, :]
    system[:, each, each] += held
    right *= free
    link = tie[1:] * free[1:] * free[:-1]
    if not link.any():
        return np.linalg.solve(system, right[..., None])[..., 0]
    gain = np.zeros((t, q, q))
    for i in range(t):
        if i and link[i - 1].any():
            # S_i - L S_{i-1}^-1 L with a diagonal L; gain holds S_{i-1}^-1 L.
            system[i] -= link[i - 1][:, None] * gain[i - 1]
            right[i] += link[i - 1] * right[i - 1]
        wanted = np.column_stack([right[i], np.diag(link[i])]) if i + 1 < t else right[i][:, None]
        solved = np.linalg.solve(system[i], wanted)
        right[i] = solved[:, 0]
        if i + 1 < t:
            gain[i] = solved[:, 1:]
    for i in range(t - 2, -1, -1):
        right[i] += gain[i] @ right[i + 1]
    return right
