"""Skinning equals its definition, written out vertex by vertex."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.skin import Skin, order_of, rigid, rotation_from_vector, skinned, world_from_joints

PARENTS = np.array([2, 0, -1, 2])     # a chain 2 -> 0 -> 1 and a second child of 2, not in order


@pytest.fixture
def skin(rng):
    binds = np.linalg.inv(rigid(rotation_from_vector(rng.normal(size=(4, 3))), rng.normal(size=(4, 3))))
    weights = rng.random((50, 4)) * (rng.random((50, 4)) > 0.4)
    weights[7] = 0
    return Skin(PARENTS, binds, weights)


def local_poses(rng, count):
    return rigid(rotation_from_vector(rng.normal(size=(count, 4, 3))), rng.normal(size=(count, 4, 3)))


def skinned_ref(skin, vertices, world):
    """One vertex at a time, as the formula says."""
    moved = np.empty((len(world), len(vertices[0]), 3))
    for t, frame in enumerate(world):
        for i, point in enumerate(vertices[t]):
            parts = [w * (frame[j] @ skin.inverse_binds[j] @ [*point, 1])[:3] for j, w in enumerate(skin.weights[i])]
            moved[t, i] = np.sum(parts, 0) if skin.weights[i].any() else point
    return moved


def test_vertices_follow_their_joints(skin, rng):
    vertices = rng.normal(size=(3, 50, 3)).astype(np.float32)
    world = world_from_joints(local_poses(rng, 3), PARENTS)
    np.testing.assert_allclose(skinned(skin, vertices, world), skinned_ref(skin, vertices, world), atol=2e-5)
    one = skinned(skin, vertices[0], world)
    np.testing.assert_allclose(one, skinned_ref(skin, [vertices[0]] * 3, world), atol=2e-5)


def test_resting_joints_leave_everything_where_it_is(skin, rng):
    vertices = rng.normal(size=(50, 3)).astype(np.float32)
    rest = np.linalg.inv(skin.inverse_binds)[None]
    np.testing.assert_allclose(skinned(skin, vertices, rest)[0], vertices, atol=2e-6)
    bare = Skin(PARENTS, [np.eye(4)] * 4, skin.weights)
    assert np.array_equal(skinned(bare, vertices, [[np.eye(4)] * 4])[0], vertices)


def test_many_vertices_in_pieces_equal_few(skin, rng):
    vertices = rng.normal(size=(50, 3)).astype(np.float32)
    world = world_from_joints(local_poses(rng, 2), PARENTS)
    many = Skin(PARENTS, skin.inverse_binds, np.tile(skin.weights, (400, 1)))
    np.testing.assert_allclose(skinned(many, np.tile(vertices, (400, 1)), world),
                               np.tile(skinned(skin, vertices, world), (1, 400, 1)), atol=1e-5)


def test_children_move_with_their_parents(rng):
    local = local_poses(rng, 2)
    world = world_from_joints(local, PARENTS)
    np.testing.assert_allclose(world[:, 1], local[:, 2] @ local[:, 0] @ local[:, 1], atol=1e-12)
    np.testing.assert_allclose(world[:, 3], local[:, 2] @ local[:, 3], atol=1e-12)
    assert order_of(PARENTS) == [2, 0, 3, 1]


def test_rotations_turn_by_the_right_hand(rng):
    np.testing.assert_allclose(rotation_from_vector([0, 0, np.pi / 2]) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    turns = rotation_from_vector(rng.normal(size=(20, 3)) * 3)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(rotation_from_vector([1e-9, 0, 0]), [[1, 0, 0], [0, 1, -1e-9], [0, 1e-9, 1]], atol=1e-18)


@pytest.mark.parametrize("parents", [[1, 0], [-1, 5], [0, -1]])
def test_parents_must_be_a_tree(parents):
    with pytest.raises(InputError, match="parents: expected"):
        Skin(parents, [np.eye(4)] * 2, np.ones((3, 2)))


def test_weights_and_shapes_are_checked(skin):
    with pytest.raises(InputError, match="weights: expected numbers of 0 or more"):
        Skin([-1], [np.eye(4)], [[-1.0]])
    with pytest.raises(InputError, match=r"vertices: expected shape \(50, 3\) or \(1, 50, 3\)"):
        skinned(skin, np.zeros((4, 3)), [[np.eye(4)] * 4])
