"""Joints: columns to rotations and back, and what they refuse."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.faces.joints import Joint, columns, matrices, rotation_vectors, rotations
from personare.spaces import Space
from personare.types import Motion

SPACE = Space("eye", ("up", "down", "left"))
EYE = Joint("eye", np.zeros(3), np.ones(4), {"up": (-0.4, 0, 0), "down": (0.5, 0, 0), "left": (0, 0.6, 0)})
HEAD = Joint("head", np.zeros(3), np.ones(4))


def test_rotations_are_rotations_about_the_named_axes():
    turned = rotations((EYE,), Motion(np.eye(3), 30, SPACE))[:, 0]
    np.testing.assert_allclose(turned @ turned.swapaxes(1, 2), np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    ahead = turned @ (0, 0, 1)
    np.testing.assert_allclose(ahead, [[0, np.sin(0.4), np.cos(0.4)], [0, -np.sin(0.5), np.cos(0.5)],
                                       [np.sin(0.6), 0, np.cos(0.6)]], atol=1e-12)


def test_columns_come_back_from_their_rotations(rng):
    values = rng.uniform(0, 1, (50, 3))
    values[np.arange(50), rng.integers(0, 2, 50)] = 0  # nobody looks up and down at once
    found = columns((EYE, HEAD), rotations((EYE, HEAD), Motion(values, 30, SPACE)))
    np.testing.assert_allclose(np.stack([found[name] for name in SPACE.columns], 1), values, atol=1e-6)


def test_what_is_beyond_a_column_is_clipped_and_a_roll_is_left_out():
    turned = matrices([[-0.9, 0, 0], [0, 0, 0.3]])[:, None]
    found = columns((EYE,), turned)
    np.testing.assert_array_equal(found["up"], [1, 0])
    assert max(found["down"].max(), found["left"].max()) < 1e-6


def test_the_head_follows_the_pose_and_missing_columns_are_still():
    pose = np.tile(np.eye(4), (2, 1, 1))
    pose[1, :3, :3] = matrices([[0.1, 0.2, -0.3]])
    motion = Motion(np.zeros((2, 1)), 30, Space("other", ("smile",)), pose)
    turned = rotations((HEAD, EYE), motion)
    np.testing.assert_allclose(turned[:, 0], pose[:, :3, :3], atol=1e-6)
    np.testing.assert_array_equal(turned[:, 1], np.tile(np.eye(3), (2, 1, 1)))


def test_rotation_vectors_and_matrices_are_inverse(rng):
    vectors = rng.normal(size=(100, 3))
    vectors *= (rng.uniform(0, 3.1, 100) / np.linalg.norm(vectors, axis=1))[:, None]
    vectors[0] = 0
    np.testing.assert_allclose(rotation_vectors(matrices(vectors)), vectors, atol=1e-7)


def test_axes_that_lean_on_each_other_are_refused():
    with pytest.raises(InputError, match=r"turns of jaw: expected axes at right angles .* open and left 45"):
        Joint("jaw", np.zeros(3), np.ones(4), {"open": (1, 0, 0), "left": (1, 1, 0)})
