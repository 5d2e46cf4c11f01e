"""The map of texture coordinates: kernel against its twin, perspective, order of depth, sides."""

import numpy as np
import pytest

from personare.rendering.uvmap import map_uv
from personare.rendering.uvmap_ref import map_uv_ref


def mapped(function, points, triangles, corner_uv, two_sided=None, size=24):
    """(number, uv) of a kernel."""
    number, uv = np.empty((size, size), np.int32), np.empty((size, size, 2), np.float32)
    sides = np.zeros(len(triangles), bool) if two_sided is None else two_sided
    function(points, triangles, corner_uv, sides, number, uv, np.empty((size, size)))
    return number, uv


def test_the_kernel_equals_its_twin_on_random_triangles(rng):
    points = np.concatenate([rng.uniform(-6, 30, (60, 2)), rng.uniform(-0.2, 2, (60, 1))], 1)
    triangles = rng.integers(0, 60, (80, 3)).astype(np.int32)
    corner_uv, sides = rng.random((80, 3, 2)).astype(np.float32), rng.random(80) < 0.3
    one = mapped(map_uv, points, triangles, corner_uv, sides)
    other = mapped(map_uv_ref, points, triangles, corner_uv, sides)
    assert (one[0] == other[0]).all()
    assert len(np.unique(one[0])) > 10
    np.testing.assert_allclose(one[1], other[1], atol=1e-6)


@pytest.mark.parametrize("function", [map_uv, map_uv_ref])
def test_coordinates_are_those_of_the_point_that_is_seen(function):
    # A floor that runs away from the camera: at the pixel's middle the ray meets it where perspective says.
    focal, corners = 20.0, np.array([[-1.0, -1, 2], [1, -1, 2], [1, -1, 12], [-1, -1, 12]])
    points = np.stack([12 + focal * corners[:, 0] / corners[:, 2], 12 - focal * corners[:, 1] / corners[:, 2],
                       corners[:, 2]], 1)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    plan = (corners[:, ::2] - (-1, 2)) / (2, 10)
    number, uv = mapped(function, points, triangles, plan[triangles].astype(np.float32))
    row, column = np.nonzero(number >= 0)
    depth = focal / (row + 0.5 - 12)
    np.testing.assert_allclose(uv[row, column, 1], (depth - 2) / 10, atol=1e-5)
    np.testing.assert_allclose(uv[row, column, 0], ((column + 0.5 - 12) * depth / focal + 1) / 2, atol=1e-5)
    assert len(row) > 40


@pytest.mark.parametrize("function", [map_uv, map_uv_ref])
def test_the_nearer_one_is_seen_and_backs_only_where_asked(function):
    square = np.array([[2.0, 20, 0], [20, 20, 0], [2, 2, 0]])
    points = np.concatenate([square + far for far in ((0, 0, 3), (0, 0, 2))] + [square[[0, 2, 1]] + (0, 0, 1)])
    triangles, uv = np.arange(9, dtype=np.int32).reshape(3, 3), np.zeros((3, 3, 2), np.float32)
    assert set(np.unique(mapped(function, points, triangles, uv)[0])) == {-1, 1}
    both = mapped(function, points, triangles, uv, np.array([False, False, True]))[0]
    assert set(np.unique(both)) == {-1, 2}
