"""Normals of a sphere are its radii, across seams as well."""

import numpy as np

from personare.export.normals import vertex_normals
from tests.export.conftest import icosphere


def test_a_sphere():
    points, triangles = icosphere(3)
    normals = vertex_normals(points, triangles, np.arange(len(points)))
    assert np.abs(normals - points).max() < 0.02
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-6


def test_doubled_vertices_share_one_normal():
    points, triangles = icosphere(2)
    split = np.arange(triangles.size).reshape(-1, 3)
    weld_of, first = triangles.reshape(-1), {}
    weld = np.array([first.setdefault(vertex, i) for i, vertex in enumerate(weld_of)])
    whole = vertex_normals(points, triangles, np.arange(len(points)))
    assert np.abs(vertex_normals(points[weld_of], split, weld) - whole[weld_of]).max() < 1e-6


def test_a_flat_triangle_has_a_unit_normal():
    normals = vertex_normals(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.arange(3))
    assert normals.tolist() == [[0, 0, 1]] * 3
