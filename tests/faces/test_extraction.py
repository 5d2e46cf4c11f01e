"""Following the surface gives the dense grid's mesh, vertex by vertex, from a part of its points."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.extraction import Grid, box_grid, extract


def blob(points):
    x = points.astype(np.float64)
    bumps = 0.05 * np.sin(x @ np.array([[5, 9, 2], [7, 1, 8], [3, 6, 6]])).sum(1)
    return (np.linalg.norm(x * [1, 1.2, 0.9], axis=1) - 0.6 + bumps).astype(np.float32)


def two_balls(points):
    small = np.linalg.norm(points - np.float32([0.7, 0.7, 0.7]), axis=1) - 0.05
    return np.minimum(np.linalg.norm(points, axis=1) - 0.3, small).astype(np.float32)


@pytest.mark.parametrize("grid", [box_grid((-1, -1, -1), (1, 1, 1), 65), box_grid((-1, -1, -0.2), (1, 1, 1), 50), Grid((
    np.linspace(-1, 1, 40), np.concatenate([np.linspace(-1, 0, 50), np.linspace(0.1, 1, 8)]), np.linspace(-1, 1, 33)))],
    ids=["whole", "open at the box", "uneven"])
def test_sparse_equals_dense(grid):
    asked = []

    def counted(points):
        asked.append(len(points))
        return blob(points)

    vertices, triangles = extract(counted, grid)
    dense = extract(blob, grid, dense=True)
    assert np.array_equal(vertices, dense[0])
    assert np.array_equal(triangles, dense[1])
    assert len(triangles) > 1000
    assert sum(asked) < 0.35 * np.prod(grid.shape)


def test_small_pieces_are_found_near_given_places():
    grid = box_grid((-1, -1, -1), (1, 1, 1), 97)
    dense = extract(two_balls, grid, dense=True)
    near = extract(two_balls, grid, near=[(0.7, 0.7, 0.7)], radius=0.1)
    assert np.array_equal(near[0], dense[0])
    assert np.array_equal(near[1], dense[1])


def test_vertices_lie_on_the_surface_and_triangles_look_outside():
    vertices, triangles = extract(lambda p: np.linalg.norm(p, axis=1) - 0.5, box_grid((-1,) * 3, (1,) * 3, 33))
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.5, atol=2e-3)
    corners = vertices[triangles]
    volume = (np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6
    np.testing.assert_allclose(volume, 4 / 3 * np.pi * 0.5**3, rtol=0.01)


def test_no_surface_is_no_error():
    vertices, triangles = extract(lambda p: np.ones(len(p), np.float32), box_grid((0, 0, 0), (1, 1, 1), 17))
    assert vertices.shape == (0, 3)
    assert triangles.shape == (0, 3)


@pytest.mark.parametrize("resolution", [1, 646, -3])
def test_resolution_has_bounds(resolution):
    with pytest.raises(InputError, match=r"2\.\.645 points"):
        box_grid((0, 0, 0), (1, 1, 1), resolution)


def test_axes_must_increase():
    with pytest.raises(InputError, match="three increasing axes"):
        Grid((np.arange(3), np.arange(3), np.zeros(3)))
