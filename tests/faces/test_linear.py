"""Linear faces: sums of shapes, correctives, the head pose, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.linear import Corrective, LinearFace
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


def test_a_motion_with_columns_the_face_does_not_know_is_refused(face):
    expected = r"motion: expected columns of the space two of face 'square', got arkit-52 with eyeBlinkLeft"
    with pytest.raises(InputError, match=expected):
        face.mesh(Motion(np.zeros((1, 52)), 30.0, ARKIT_52))


def test_columns_are_found_by_name_and_missing_ones_are_still(face, rng):
    side, up = rng.normal(size=(2, 4)).astype(np.float32)
    turned = face.mesh(Motion(np.stack([side, up], 1), 30.0, Space("turned", ("side", "up")))).vertices
    np.testing.assert_array_equal(turned, face.mesh(Motion(np.stack([up, side], 1), 30.0, SPACE)).vertices)
    alone = face.mesh(Motion(side[:, None], 30.0, Space("one", ("side",)))).vertices
    np.testing.assert_array_equal(alone, face.mesh(Motion(np.stack([0 * side, side], 1), 30.0, SPACE)).vertices)


def test_a_corrective_follows_the_clipped_product_of_its_columns(face, rng):
    fix = Corrective(("up", "side"), [3, 1], rng.normal(size=(2, 3)))
    values = np.float32([[0.5, 0.4], [2.0, 0.5], [-1.0, 1.0], [1.0, 0.0]])
    fixed, plain = (f.mesh(Motion(values, 30.0, SPACE)).vertices for f in (replace(face, correctives=(fix,)), face))
    expected = np.zeros_like(fixed)
    expected[:, [3, 1]] = np.float32([0.2, 0.5, 0, 0])[:, None, None] * fix.moves
    np.testing.assert_allclose(fixed - plain, expected, atol=1e-6)


def test_targets_say_all_that_the_mesh_does(face, rng):
    face = replace(face, correctives=(Corrective(("up", "side"), [0], rng.normal(size=(1, 3))),))
    motion = Motion(rng.uniform(0, 1, (6, 2)), 30.0, SPACE)
    targets = face.targets(motion)
    assert targets.names == ("up", "side", "up_side")
    sums = face.rest + np.einsum("tn,nvc->tvc", targets.weights, targets.shapes)
    np.testing.assert_allclose(sums, face.mesh(motion).vertices, atol=1e-5)


def test_correctives_of_unknown_columns_or_vertices_are_refused(face):
    with pytest.raises(InputError, match="did you mean 'side'"):
        replace(face, correctives=(Corrective(("up", "sidde"), [0], np.zeros((1, 3))),))
    with pytest.raises(InputError, match=r"corrective up_side: expected vertices in 0\.\.3"):
        replace(face, correctives=(Corrective(("up", "side"), [4], np.zeros((1, 3))),))
    with pytest.raises(InputError, match="two or more columns"):
        Corrective(("up",), [0], np.zeros((1, 3)))


def test_arrays_that_do_not_fit_the_surface_are_refused(face):
    with pytest.raises(InputError, match=r"shapes: expected shape \(2, 4, 3\)"):
        LinearFace("bad", SPACE, face.surface, face.rest, face.shapes[:1], face.head_weight, face.head_pivot)
