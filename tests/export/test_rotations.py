"""Rotations at the edges: the way there and back, and no jumps."""

import numpy as np
import pytest

from personare.export import rotations


@pytest.fixture
def turns(rng):
    """(200, 3, 3) random rotations, half turns about each axis among them."""
    rows = rng.standard_normal((200, 4))
    rows[:3] = np.eye(4)[:3]
    return rotations.matrices(rows)


def test_matrices_turn_about_the_axis_by_the_right_hand():
    assert np.allclose(rotations.matrices([[0, 0, np.sin(0.4), np.cos(0.4)]])[0],
                       [[np.cos(0.8), -np.sin(0.8), 0], [np.sin(0.8), np.cos(0.8), 0], [0, 0, 1]])


def test_quaternions_and_back(turns):
    rows = rotations.quaternions(turns)
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-12
    assert np.abs(rotations.matrices(rows) - turns).max() < 1e-12


def test_a_head_that_spins_twice_has_no_jump():
    angle = np.linspace(0, 4 * np.pi, 100)
    about = np.array([1, 2, 3]) / 14**0.5
    smooth = np.hstack([np.sin(angle / 2)[:, None] * about, np.cos(angle / 2)[:, None]])
    assert np.abs(rotations.quaternions(rotations.matrices(smooth)) - smooth).max() < 1e-12


def test_yaw_pitch_roll_and_back(turns):
    assert np.abs(rotations.from_yaw_pitch_roll(rotations.yaw_pitch_roll(turns)) - turns).max() < 1e-12


def test_yaw_pitch_roll_do_not_mind_a_factor(turns):
    assert np.allclose(rotations.yaw_pitch_roll(0.5 * turns), rotations.yaw_pitch_roll(turns))


def test_no_rows():
    assert rotations.quaternions(np.zeros((0, 3, 3))).shape == (0, 4)
    assert rotations.poses(np.zeros((0, 3, 3))).shape == (0, 4, 4)
