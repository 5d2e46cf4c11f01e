"""Bounded least squares: optimal by its own conditions, held together over time where asked."""

import numpy as np
import pytest

from personare.faces.bounded import bounded_least_squares


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(9, 40))
    data = rng.normal(size=(30, 40)) + rng.uniform(-0.5, 1.5, (30, 9)) @ basis
    return basis @ basis.T, data @ basis.T


def test_no_allowed_change_makes_it_better(problem):
    gram, right = problem
    found = bounded_least_squares(gram, right, ridge=0).astype(np.float64)
    slope = found @ gram - right
    scale = np.abs(right).max()
    inside = (found > 1e-6) & (found < 1 - 1e-6)
    assert np.abs(slope[inside]).max() < 1e-3 * scale
    assert slope[found <= 1e-6].min() > -1e-3 * scale      # at 0 only going up is allowed, and that costs
    assert slope[found >= 1 - 1e-6].max() < 1e-3 * scale
    assert found.min() >= 0
    assert found.max() <= 1
    assert inside.any()
    assert (~inside).any()


def test_without_bounds_it_is_the_plain_answer(problem):
    gram, right = problem
    found = bounded_least_squares(gram, right, low=-np.inf, high=np.inf, ridge=0)
    np.testing.assert_allclose(found, np.linalg.solve(gram, right.T).T, atol=1e-4)


def test_a_spring_makes_steps_smaller(problem):
    gram, right = problem
    loose, tight = (bounded_least_squares(gram, right, spring=spring) for spring in (0.0, 5.0))
    assert np.abs(np.diff(tight, axis=0)).mean() < 0.5 * np.abs(np.diff(loose, axis=0)).mean()


def test_columns_that_do_nothing_stay_at_zero():
    gram, right = np.diag([1.0, 0.0]), np.array([[0.5, 0.0]])
    np.testing.assert_allclose(bounded_least_squares(gram, right), [[0.5, 0]], atol=1e-3)
