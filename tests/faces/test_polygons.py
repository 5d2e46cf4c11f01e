"""Polygons become triangles and surfaces without losing what they say."""

import numpy as np
import pytest

from personare.faces.polygons import Polygons, fans, surface_of, unit_of
from tests.faces.heads import grid


def test_fans_keep_the_order_of_polygons():
    triangles, owner = fans(np.arange(9), [4, 2, 3])
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 3], [6, 7, 8]]
    assert owner.tolist() == [0, 0, 2]


def test_seams_double_vertices_behind_the_mesh_s_own(rng):
    v, triangles = grid()
    uv = rng.random((len(v) + 10, 2)).astype(np.float32)
    corners = triangles.copy()
    corners[::5, 1] = rng.integers(len(v), len(v) + 10, len(corners[::5]))
    corners[3, 2] = -1
    surface, source = surface_of(Polygons(np.float32(v), np.int32(triangles), uv, np.int32(corners)))
    assert np.array_equal(source[:len(v)], np.arange(len(v)))
    assert np.array_equal(source[surface.triangles], triangles)
    assert np.array_equal(surface.weld, source)
    named = corners >= 0
    assert np.array_equal(surface.uv[surface.triangles][named], uv[corners][named])


@pytest.mark.parametrize(("height", "unit"), [(0.2, 1), (0.95, 1), (24, 0.01), (240, 0.001), (2.2, 0.1), (0, 1)])
def test_units_are_powers_of_ten(height, unit):
    assert unit_of(np.array([[0, 0, 0], [1, height, 0]])) == pytest.approx(unit)
