"""Frames tied in a chain, against the same equations written out as one dense matrix."""

import numpy as np
import pytest

from personare.tracking.chain import solve_chain


def dense(system, right, tie, before, held):
    """The answer by one large matrix."""
    t, q = right.shape
    whole, wanted = np.zeros((t * q, t * q)), right.reshape(-1).copy()
    for i in range(t):
        here = slice(i * q, i * q + q)
        whole[here, here] += system[i]
        if i:
            last, spring = slice(i * q - q, i * q), np.diag(tie[i])
            whole[here, here] += spring
            whole[last, last] += spring
            whole[here, last] -= spring
            whole[last, here] -= spring
            wanted[here] -= tie[i] * before[i]
            wanted[last] += tie[i] * before[i]
    free = ~held.reshape(-1)
    step = np.zeros(t * q)
    step[free] = np.linalg.solve(whole[np.ix_(free, free)], wanted[free])
    return step.reshape(t, q)


@pytest.mark.parametrize("cut", [None, 4])
def test_a_chain_is_solved_as_the_whole_matrix_would_be(rng, cut):
    rows = rng.normal(size=(9, 7, 5))
    system, right = np.swapaxes(rows, 1, 2) @ rows + 0.1 * np.eye(5), rng.normal(size=(9, 5))
    tie, before = rng.uniform(0.5, 4, (9, 5)), rng.normal(size=(9, 5))
    tie[0] = 0
    if cut:
        tie[cut] = 0
    held = rng.uniform(size=(9, 5)) < 0.2
    step = solve_chain(system, right, tie, before, held)
    np.testing.assert_allclose(step, dense(system, right, tie, before, held), atol=1e-9)
    assert not step[held].any()


def test_frames_that_nothing_ties_stand_alone(rng):
    system, right = np.tile(2.0 * np.eye(3), (4, 1, 1)), rng.normal(size=(4, 3))
    step = solve_chain(system, right, np.zeros((4, 3)), np.ones((4, 3)), np.zeros((4, 3), bool))
    np.testing.assert_allclose(step, right / 2)


def test_a_frame_of_which_nothing_is_known_lies_between_its_neighbours():
    system = np.stack([np.eye(1) * weight for weight in (1e6, 1e-9, 1e6)])
    right = np.array([[0.0], [0.0], [4e6]])
    step = solve_chain(system, right, np.ones((3, 1)), np.zeros((3, 1)), np.zeros((3, 1), bool))
    np.testing.assert_allclose(step[:, 0], [0, 2, 4], atol=1e-4)
