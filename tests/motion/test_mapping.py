"""Mappings on the vertices of a face: the ridge holds back what the mouth does not see, the lag serves the mouth."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.mapping import fit_mapping, mouth_weights, vertex_metric
from personare.spaces import Space, numbered
from personare.types import Motion

CODES, TARGET = Space("codes", numbered("code", 4)), Space("rig", ("jaw", "smile", "brow"))


@pytest.fixture
def pair(rng):
    codes = rng.normal(0, 1, (400, 4))
    target = codes @ rng.normal(0, 1, (4, 3)) + rng.normal(0, 0.5, (400, 3)) + [1, 2, 3]
    return Motion(codes, 25.0, CODES), Motion(target, 25.0, TARGET)


def objective(flat, x, y, metric, ridge):
    """What fit_mapping says it minimises, in 64 bits."""
    weight, intercept = flat[:12].reshape(4, 3), flat[12:]
    error = x @ weight + intercept - y
    scaled = weight * x.std(axis=0)[:, None]
    size = np.trace(metric) / len(metric)
    return np.einsum("ti,ij,tj->", error, metric, error) / len(x) / size + ridge * np.square(scaled).sum()


def test_it_is_the_minimum_on_the_vertices(pair, rng):
    x, y = (motion.values.astype(np.float64) for motion in pair)
    metric = vertex_metric(rng.normal(0, 1, (3, 7, 3)), rng.uniform(0.1, 1, 7))
    found = fit_mapping([pair], ridge=0.3, lags=(0,), metric=metric)
    flat = np.concatenate([found.weight.T.ravel(), found.intercept]).astype(np.float64)
    least = objective(flat, x, y, metric, 0.3)
    for _ in range(50):
        assert objective(flat + rng.normal(0, 1e-2, 15), x, y, metric, 0.3) > least
    plain = fit_mapping([pair], ridge=0.3, lags=(0,))
    other = np.concatenate([plain.weight.T.ravel(), plain.intercept]).astype(np.float64)
    assert objective(other, x, y, metric, 0.3) > least + 1e-4


def test_without_a_ridge_every_metric_has_the_same_solution(pair, rng):
    metric = vertex_metric(rng.normal(0, 1, (3, 7, 3)), np.ones(7))
    np.testing.assert_allclose(fit_mapping([pair], ridge=0, metric=metric).weight, fit_mapping([pair], ridge=0).weight,
                               atol=1e-5)


def test_the_lag_is_the_mouth_s(rng):
    codes = rng.normal(0, 1, (300, 4))
    target = np.stack([np.roll(codes[:, 0], 2), 3 * codes[:, 1], 3 * codes[:, 2]], 1)
    pair = Motion(codes, 25.0, CODES), Motion(target, 25.0, TARGET)
    shapes = np.zeros((3, 2, 3))
    shapes[0, 0, 1] = shapes[1, 1, 1] = shapes[2, 1, 0] = 1
    assert fit_mapping([pair]).lag == 0
    assert fit_mapping([pair], metric=vertex_metric(shapes, np.array([1.0, 0.01]))).lag == 2


def test_the_mouth_of_a_head():
    from personare.faces.sona import open_sona

    face = open_sona()
    weights = mouth_weights(face)
    lip = np.linalg.norm(face.shapes[face.space.index("mouthLowerDownLeft")], axis=1).argmax()
    brow = np.linalg.norm(face.shapes[face.space.index("browOuterUpLeft")], axis=1).argmax()
    assert weights[lip] > 0.5 > 0.2 > weights[brow] >= 0.1
    metric = vertex_metric(face.shapes, weights)
    jaw, outer = face.space.index("jawOpen"), face.space.index("browOuterUpLeft")
    assert metric[jaw, jaw] > 10 * metric[outer, outer]


def test_what_does_not_fit_is_refused(pair):
    with pytest.raises(InputError, match="metric"):
        fit_mapping([pair], metric=np.eye(2))
    with pytest.raises(InputError, match="0 or more, some above"):
        vertex_metric(np.zeros((3, 5, 3)), np.zeros(5))
    with pytest.raises(InputError, match="one pair or more, a lag"):
        fit_mapping([pair], lags=())
