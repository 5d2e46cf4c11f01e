"""Folded networks against the plain formula, and refusal of layers that do not fit."""

import numpy as np
import pytest

from personare.errors import AssetError
from personare.faces.perceptron import CHUNK, fold

DIMENSIONS, CODE, WIDTH = 3, 5, 64


@pytest.fixture(params=[True, False], ids=["point first", "code first"])
def network(request, rng):
    inputs = DIMENSIONS + CODE
    sizes = [(inputs, WIDTH), (WIDTH, WIDTH - inputs), (WIDTH, WIDTH), (WIDTH, 2)]
    weights = [rng.normal(0, 1.2 * size[0]**-0.5, size[::-1]) for size in sizes]
    biases = [rng.normal(0, 0.2, size[1]) for size in sizes]
    code, first = rng.normal(0, 1, CODE), request.param

    def plain(points):
        codes = np.repeat(code[None], len(points), 0)
        x = inputs = np.concatenate([points, codes] if first else [codes, points], 1)
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = np.concatenate([x, inputs], 1) / np.sqrt(2) if i == 2 else x
            x = x @ weight.T + bias
            hidden = x
            x = np.logaddexp(0, 100 * x) / 100 if i < 3 else x
            if i == 2:
                plain.features = hidden
        return x

    return fold(weights, biases, code, dimensions=DIMENSIONS, points_first=first), plain


def test_values_are_those_of_the_plain_network(network, rng):
    folded, plain = network
    points = rng.normal(0, 1, (CHUNK + 37, DIMENSIONS))
    np.testing.assert_allclose(folded(points), plain(points), atol=2e-6)
    np.testing.assert_allclose(folded.features(points), plain.features, atol=2e-6)


def test_a_point_depends_on_its_company_in_the_last_bits_at_most(network, rng):
    folded, _ = network
    points = rng.normal(0, 1, (2500, DIMENSIONS)).astype(np.float32)
    whole, order = folded(points), rng.permutation(2500)
    np.testing.assert_allclose(folded(points[order]), whole[order], rtol=0, atol=1e-6)
    for count in (0, 1, 2, 63, 65, 1025):
        # The same rows at the same places of a chunk: to the bit.
        assert np.array_equal(folded(points[:count]), whole[:count])


def test_jacobian_is_the_slope_of_the_values(network, rng):
    folded, plain = network
    points, step = rng.normal(0, 1, (200, DIMENSIONS)), 1e-6
    values, jacobian = folded.with_jacobian(points.astype(np.float32))
    points = points.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(values, plain(points), atol=2e-6)
    for axis in range(DIMENSIONS):
        shift = np.eye(DIMENSIONS)[axis] * step
        np.testing.assert_allclose(jacobian[:, :, axis], (plain(points + shift) - plain(points - shift)) / (2 * step),
                                   atol=2e-4)


def test_layers_that_do_not_fit_are_refused():
    weights, biases = [np.zeros((8, 6)), np.zeros((4, 7)), np.zeros((1, 4))], [np.zeros(8), np.zeros(4), np.zeros(1)]
    with pytest.raises(AssetError, match=r"layer 1: \(4, 7\) does not follow 8 values and an input of 6"):
        fold(weights, biases, np.zeros(3), dimensions=3)
