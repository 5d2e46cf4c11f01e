"""Errors of vertices equal those of the published code on one set of numbers."""

import numpy as np
import pytest

from personare.metrics.vertices import (
    diversity,
    lip_vertex_error,
    mean_vertex_error,
    upper_face_dynamics_deviation,
)


def test_vertex_errors_equal_the_published_code(shared):
    numbers = np.load(shared / "fixtures/facetalk_nphm/metrics.npz")
    predicted, truth = list(numbers["pred"]), list(numbers["gt"])
    assert lip_vertex_error(predicted, truth, numbers["mouth"]) == pytest.approx(float(numbers["lve"]), rel=1e-12)
    signed, absolute = upper_face_dynamics_deviation(predicted, truth, numbers["template"], numbers["upper"])
    assert signed == pytest.approx(float(numbers["fdd_signed"]), rel=1e-9)
    assert absolute == pytest.approx(float(numbers["fdd_abs"]), rel=1e-9)
    own = [upper_face_dynamics_deviation([one], [other], numbers["template"], numbers["upper"])[0]
           for one, other in zip(predicted, truth, strict=True)]
    np.testing.assert_allclose(own, numbers["fdd_each"], rtol=1e-9)
    assert mean_vertex_error(predicted, truth) == pytest.approx(float(numbers["mve"]), rel=1e-12)
    each = [mean_vertex_error([one], [other]) for one, other in zip(predicted, truth, strict=True)]
    np.testing.assert_allclose(each, numbers["mve_per_seq"], rtol=1e-12)
    assert diversity([truth[0], *predicted]) == pytest.approx(float(numbers["diversity"]), rel=1e-12)
