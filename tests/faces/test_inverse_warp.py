"""Points carried along lead back to where they came from."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.inverse_warp import carry


@pytest.fixture
def warp(nphm_model, rng):
    code = rng.normal(0, 1, nphm_model.expression_size).astype(np.float32)
    return nphm_model.warp(np.zeros(nphm_model.identity_size, np.float32), code)


def test_points_lead_back(warp, rng):
    posed = rng.uniform(-0.4, 0.4, (500, 3)).astype(np.float32)
    canonical = posed + warp(posed)
    assert np.abs(canonical - posed).max() > 0.02
    carried = carry(warp, canonical, tolerance=1e-6)
    assert carried.residual.max() <= 1e-6
    np.testing.assert_allclose(carried.points + warp(carried.points), canonical, atol=2e-6)


def test_a_good_start_changes_nothing_but_the_time(warp, rng):
    canonical = rng.uniform(-0.4, 0.4, (200, 3)).astype(np.float32)
    first = carry(warp, canonical, tolerance=1e-6)
    asked = []

    class Counted:
        def __call__(self, points):
            asked.append(len(points))
            return warp(points)

        with_jacobian = warp.with_jacobian

    again = carry(Counted(), canonical, start=first, tolerance=1e-6)
    assert asked == [200]
    assert np.array_equal(again.points, first.points)


def test_a_head_that_does_not_move():
    points = np.ones((3, 3), np.float32)
    carried = carry(None, points)
    assert np.array_equal(carried.points, points)
    assert not carried.residual.any()


def test_what_is_not_reached_is_told(warp):
    carried = carry(warp, np.full((2, 3), 5, np.float32), tolerance=1e-9, most=1)
    np.testing.assert_allclose(carried.residual, np.linalg.norm(carried.points + warp(carried.points) - 5, axis=1),
                               rtol=1e-3, atol=1e-6)
    assert carried.residual.max() > 1e-9


def test_tolerance_is_positive(warp):
    with pytest.raises(InputError, match="tolerance"):
        carry(warp, np.zeros((1, 3)), tolerance=0)
