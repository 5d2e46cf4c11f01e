"""One head laid on another: each vertex finds the point that it is."""

import numpy as np
import pytest
import second_head

from personare.errors import InputError, MissingExtra
from personare.faces.registration import closest_points, normals_of, register, same_vertices, similarity
from personare.faces.sona import open_sona


@pytest.fixture(scope="module")
def laid():
    pytest.importorskip("scipy", reason="finding points needs the extra faces")
    sona, (other, order) = open_sona(), second_head.other_head()
    here, there = second_head.anchors()
    points = register((sona.rest, sona.surface.triangles), (other.rest, other.surface.triangles), here, there)
    return sona, other, order, points, here


def test_points_near_landmarks_are_found_within_a_fraction_of_a_millimetre(laid):
    sona, _, order, points, here = laid
    found = (sona.rest[points.corners] * points.weights[:, :, None]).sum(axis=1)
    true = sona.rest[order[points.vertices]]
    near = np.linalg.norm(true[:, None] - here[None], axis=2).min(axis=1) < 0.02
    error = np.linalg.norm(found - true, axis=1)[near]
    assert near.sum() > 1000
    assert np.percentile(error, 95) < 5e-4


def test_displacements_are_turned_and_scaled(laid):
    _, _, _, points, _ = laid
    up = np.zeros((len(points.warped), 3), np.float32)
    up[:, 1] = 1
    carried = points.carried(up)
    assert carried.shape == (len(points.vertices), 3)
    assert carried[:, 1].mean() == pytest.approx(0.9 * 1.05, abs=0.06)


def test_heads_of_one_topology_need_no_search():
    sona, mara = open_sona(), open_sona(character="mara")
    points = same_vertices(sona, mara)
    if points is None:                                      # hair may differ between characters
        points = same_vertices(sona, open_sona(identity={"jaw_width": 1.0}))
    np.testing.assert_array_equal(points.vertices, np.arange(len(sona.rest)))
    assert same_vertices(sona, second_head.other_head()[0]) is None


def test_similarity_finds_turn_scale_and_shift(rng):
    here = rng.normal(size=(20, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn)) * 2.5
    found, shift = similarity(here, here @ turn.T + [1, 2, 3])
    np.testing.assert_allclose(found, turn, atol=1e-9)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-9)


def test_the_closest_point_looks_the_same_way():
    pytest.importorskip("scipy", reason="finding points needs the extra faces")
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0.2], [0, 1, 0.2], [1, 0, 0.2]], float)
    triangles = np.array([[0, 1, 2], [3, 4, 5]])            # one looks along +z, the one above it along -z
    np.testing.assert_allclose(normals_of(vertices, triangles)[[0, 3], 2], [1, -1])
    triangle, weights, distance = closest_points(np.array([[0.25, 0.25, 0.15]]), np.array([[0, 0, 1.0]]), vertices,
                                                 triangles)
    assert triangle[0] == 0
    np.testing.assert_allclose(weights[0], [0.5, 0.25, 0.25])
    assert distance[0] == pytest.approx(0.15)


def test_too_few_landmarks_and_a_missing_library_are_explained(monkeypatch):
    mesh = np.zeros((3, 3)), np.array([[0, 1, 2]])
    pytest.importorskip("scipy", reason="finding points needs the extra faces")
    with pytest.raises(InputError, match="at least 6, the same ones on both meshes, got 3 and 3"):
        register(mesh, mesh, np.zeros((3, 3)), np.zeros((3, 3)))
    monkeypatch.setitem(__import__("sys").modules, "scipy", None)
    with pytest.raises(MissingExtra, match=r"pip install 'personare\[faces\]'"):
        register(mesh, mesh, np.zeros((9, 3)), np.zeros((9, 3)))
