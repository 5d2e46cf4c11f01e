"""Softplus in polynomials against the exact one, and each step against NumPy."""

import numpy as np
import pytest

from personare.faces.layers import activate, activate_with_slope, project, turn_tangents


def softplus(x, beta):
    x = np.asarray(x, np.float64)
    return np.maximum(x, 0) + (np.log1p(np.exp(-beta * np.abs(x))) / beta if beta else 0)


@pytest.mark.parametrize("beta", [100.0, 20.0, 0.0])
def test_activate(rng, beta):
    rows = np.concatenate([rng.normal(0, 0.2, (50, 40)), np.linspace(-3, 3, 40)[None]]).astype(np.float32)
    bias, points = rng.normal(0, 0.1, 40).astype(np.float32), rng.normal(0, 1, (51, 3)).astype(np.float32)
    skip = rng.normal(0, 0.1, (3, 40)).astype(np.float32)
    exact = rows.astype(np.float64) + bias + points.astype(np.float64) @ skip
    out, slopes = rows.copy(), np.empty_like(rows)
    activate(out, bias, points, skip, np.float32(beta))
    np.testing.assert_allclose(out, softplus(exact, beta), atol=3e-7)
    out = rows.copy()
    activate_with_slope(out, bias, points, skip, np.float32(beta), slopes)
    np.testing.assert_allclose(out, softplus(exact, beta), atol=3e-7)
    clear = np.abs(exact) > 1e-6
    slope = 1 / (1 + np.exp(-beta * exact)) if beta else (exact > 0).astype(float)
    np.testing.assert_allclose(slopes[clear], slope[clear], atol=2e-5)


def test_softplus_is_close_to_the_exact_one_without_a_bias():
    rows = np.linspace(-0.5, 0.5, 20001, dtype=np.float32)[None].copy()
    exact = softplus(rows, 100)
    empty = np.zeros((1, 0), np.float32), np.zeros((0, rows.shape[1]), np.float32)
    activate(rows, np.zeros(rows.shape[1], np.float32), *empty, np.float32(100))
    assert np.max(np.abs(rows - exact) - 1e-7 * np.abs(exact)) < 1e-8


def test_tangents_and_projection(rng):
    tangents, slopes = rng.normal(size=(3, 7, 8)).astype(np.float32), rng.random((7, 8)).astype(np.float32)
    skip = rng.normal(size=(3, 8)).astype(np.float32)
    out = tangents.copy()
    turn_tangents(out, skip, slopes)
    np.testing.assert_allclose(out, (tangents + skip[:, None]) * slopes, rtol=1e-6, atol=1e-7)
    out = tangents.copy()
    turn_tangents(out, np.zeros((0, 8), np.float32), slopes)
    np.testing.assert_allclose(out, tangents * slopes, rtol=1e-6, atol=1e-7)
    weights, bias, result = rng.normal(size=(2, 8)).astype(np.float32), np.float32([1, 2]), np.empty((7, 2), np.float32)
    project(slopes, weights, bias, result)
    np.testing.assert_allclose(result, slopes @ weights.T + bias, atol=1e-6)
