"""A mesh alone is a face whose motion moves its vertices."""

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.faces.bundle import open_npz, save_face
from personare.faces.template import offset_space, open_template
from personare.types import Motion
from tests.faces.heads import grid, obj_text


@pytest.fixture
def path(tmp_path):
    v, triangles = grid()
    (tmp_path / "mask.obj").write_bytes(obj_text(v * 1000, triangles, uv=True))
    return tmp_path / "mask.obj"


def test_predicted_vertices_are_what_is_shown(path, rng):
    face, predicted = personare.open_face(path), rng.normal(size=(4, 72, 3)) * 100
    motion = face.motion(predicted, 25)
    assert motion.space.columns[:4] == ("0.x", "0.y", "0.z", "1.x")
    np.testing.assert_allclose(face.mesh(motion).vertices, predicted / 1000, atol=1e-6)
    still = face.mesh(Motion(np.zeros((1, 216)), 25, offset_space(72))).vertices[0]
    np.testing.assert_allclose(still, grid()[0], atol=1e-6)
    assert motion.at_fps(50).values.shape == (8, 216)


def test_the_head_pose_turns_it_about_its_pivot(path):
    face, pose = open_template(path), np.eye(4)
    pose[:3, :3], pose[:3, 3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], (0.1, 0, 0)
    turned = face.mesh(Motion(np.zeros((1, 216)), 25, face.space, pose[None])).vertices[0]
    expected = (face.neutral() - face.head_pivot) @ pose[:3, :3].T + face.head_pivot + pose[:3, 3]
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_a_saved_template_is_the_same(path, tmp_path, rng):
    face = open_template(path)
    back = open_npz(save_face(face, tmp_path / "mask.npz"))
    motion = face.motion(rng.normal(size=(2, 72, 3)), 25)
    assert np.array_equal(back.mesh(motion).vertices, face.mesh(motion).vertices)
    assert back.unit_m == face.unit_m == 0.001


def test_motions_and_vertices_of_other_meshes_are_refused(path):
    face = open_template(path)
    with pytest.raises(InputError, match="expected the space offsets-72 of face 'mask', got arkit-52"):
        face.mesh(Motion(np.zeros((1, 52)), 25, "arkit-52"))
    with pytest.raises(InputError, match=r"vertices: expected shape \(t, 72, 3\)"):
        face.motion(np.zeros((1, 71, 3)), 25)


def test_a_folder_with_one_mesh_is_that_mesh(path):
    assert open_template(path.parent).name == "mask"
    path.with_name("second.ply").write_bytes(b"")
    with pytest.raises(InputError, match=r"expected one .obj or .ply file in it, got 2"):
        open_template(path.parent)
