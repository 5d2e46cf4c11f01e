"""Linear faces: sums of shapes, the head pose, and what they refuse."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.linear import LinearFace
from personare.spaces import ARKIT_52, Space
from personare.types import Material, Motion, Surface

SPACE = Space("two", ("up", "side"))


@pytest.fixture
def face(rng):
    surface = Surface(triangles=[[0, 1, 2], [2, 1, 3]], uv=np.zeros((4, 2)), color=np.ones((4, 3)),
                      occlusion=np.ones(4), materials=(Material("skin"),), triangle_material=[0, 0],
                      weld=np.arange(4))
    return LinearFace("square", SPACE, surface, rng.normal(size=(4, 3)), rng.normal(size=(2, 4, 3)),
                      np.array([0.0, 0.25, 0.5, 1.0]), np.array([0.1, -0.2, 0.3]))


def turn(angle_rad, shift):
    """(4, 4) rotation about y and a shift."""
    pose = np.eye(4, dtype=np.float32)
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    pose[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    pose[:3, 3] = shift
    return pose


def test_a_mesh_is_rest_plus_weighted_shapes_then_the_blended_pose(face, rng):
    values = rng.normal(size=(5, 2)).astype(np.float32)
    poses = np.stack([turn(0.2 * i, (0.01 * i, 0.02, -0.03)) for i in range(5)])
    vertices = face.mesh(Motion(values, 30.0, SPACE, poses)).vertices
    for t in range(5):
        still = face.rest + values[t, 0] * face.shapes[0] + values[t, 1] * face.shapes[1]
        moved = (still - face.head_pivot) @ poses[t, :3, :3].T + face.head_pivot + poses[t, :3, 3]
        blend = face.head_weight[:, None]
        np.testing.assert_allclose(vertices[t], (1 - blend) * still + blend * moved, atol=1e-5)


def test_rest_pose_and_zero_values_give_the_neutral_face(face):
    vertices = face.mesh(Motion(np.zeros((2, 2)), 30.0, SPACE, np.stack([np.eye(4)] * 2))).vertices
    np.testing.assert_allclose(vertices, np.stack([face.neutral()] * 2), atol=1e-6)


def test_meshes_of_slices_equal_slices_of_the_mesh(face, rng):
    motion = Motion(rng.normal(size=(7, 2)), 30.0, SPACE, np.stack([turn(0.1 * i, (0, 0, 0)) for i in range(7)]))
    whole = face.mesh(motion).vertices
    parts = np.concatenate([face.mesh(motion.frames(0, 3)).vertices, face.mesh(motion.frames(3, 7)).vertices])
    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_a_motion_in_another_space_is_refused(face):
    with pytest.raises(InputError, match=r"motion: expected the space two of face 'square', got arkit-52"):
        face.mesh(Motion(np.zeros((1, 52)), 30.0, ARKIT_52))


def test_arrays_that_do_not_fit_the_surface_are_refused(face):
    with pytest.raises(InputError, match=r"shapes: expected shape \(2, 4, 3\)"):
        LinearFace("bad", SPACE, face.surface, face.rest, face.shapes[:1], face.head_weight, face.head_pivot)
