"""Landmarks on FLAME's surface lie where their embedding says, in each published form."""

import pickle

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.flame_landmarks import contour_row, read_embedding, read_regions
from tests.faces.heads import grid


@pytest.fixture
def data(rng):
    share = rng.random((79, 17, 3))
    inner = rng.random((51, 3))
    return {"static_lmk_faces_idx": rng.integers(0, 100, 51),
            "static_lmk_bary_coords": inner / inner.sum(1, keepdims=True),
            "dynamic_lmk_faces_idx": rng.integers(0, 100, (79, 17)),
            "dynamic_lmk_bary_coords": share / share.sum(2, keepdims=True),
            "full_lmk_faces_idx": rng.integers(0, 100, (1, 68)), "full_lmk_bary_coords": np.full((1, 68, 3), 1 / 3)}


def test_points_lie_on_their_triangles(data, tmp_path, rng):
    np.save(tmp_path / "e.npy", data, allow_pickle=True)
    found = read_embedding(tmp_path / "e.npy")
    v, triangles = grid()
    vertices, rows = np.stack([v, v + rng.normal(size=v.shape)]), [3, 70]
    inner = found["static"].points(vertices, triangles)
    contour = found["dynamic"].points(vertices, triangles, rows)
    for t in range(2):
        for i, face in enumerate(data["static_lmk_faces_idx"]):
            share = data["static_lmk_bary_coords"][i]
            np.testing.assert_allclose(inner[t, i], share @ vertices[t, triangles[face]], atol=1e-6)
        for i, face in enumerate(data["dynamic_lmk_faces_idx"][rows[t]]):
            share = data["dynamic_lmk_bary_coords"][rows[t], i]
            np.testing.assert_allclose(contour[t, i], share @ vertices[t, triangles[face]], atol=1e-6)
    assert found["full"].triangles.shape == (68,)


def test_flame_s_own_static_embedding(tmp_path):
    own = {"lmk_face_idx": np.arange(51), "lmk_b_coords": np.full((51, 3), 1 / 3)}
    (tmp_path / "flame_static_embedding.pkl").write_bytes(pickle.dumps(own, 2))
    assert list(read_embedding(tmp_path / "flame_static_embedding.pkl")) == ["static"]


def test_rows_of_the_contour_by_yaw():
    yaw = np.radians([0, -1, -39, -60, 1, 39, 80])
    assert contour_row(yaw).tolist() == [0, 1, 39, 39, 40, 78, 78]


def test_regions(tmp_path):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"lips": np.arange(4), "nose": np.arange(3)}, 2))
    assert read_regions(tmp_path / "m.pkl")["lips"].tolist() == [0, 1, 2, 3]
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([1], 2))
    with pytest.raises(InputError, match=r"as in FLAME_masks.pkl, got something else"):
        read_regions(tmp_path / "m.pkl")
    with pytest.raises(InputError, match="expected an embedding of landmarks"):
        read_embedding(tmp_path / "m.pkl")


def test_the_published_embedding_of_vhap(shared):
    """It holds tensors of torch in a pickle in an .npy, and lies on the template that comes with it."""
    from personare.faces.polygons import read_mesh_file

    folder = shared / "data" / "faces" / "flame_vhap"
    found = read_embedding(folder / "landmark_embedding_with_eyes.npy")
    mesh = read_mesh_file(folder / "head_template_mesh.obj")
    points = found["full"].points(mesh.vertices[None], mesh.triangles)[0]
    assert points.shape == (70, 3)
    assert abs(points[30, 0]) < 1e-3                           # the tip of the nose, in the middle and foremost
    assert points[30, 2] == points[:, 2].max()
    assert points[36, 0] < points[45, 0]                       # the subject's right eye has the smaller x
    frontal = found["dynamic"].points(mesh.vertices[None], mesh.triangles, contour_row([0.0]))[0]
    assert abs(frontal[8, 0]) < 2e-3                           # the chin
