"""Eye angles and back."""

import numpy as np

from personare.export.eyes import LOOKS, eye_angles, eye_looks, looks_of
from personare.spaces import Space
from personare.types import Motion


def test_weights_of_angles_are_the_weights(rng):
    looks = rng.random((50, 8))
    # An eye cannot look in and out, or up and down, at the same time.
    for a, b in ((0, 1), (2, 3), (4, 5), (6, 7)):
        looks[looks[:, a] < looks[:, b], a] = 0
        looks[looks[:, a] >= looks[:, b], b] = 0
    assert np.abs(eye_looks(eye_angles(looks)) - looks).max() < 1e-12


def test_a_motion_without_looks_looks_ahead():
    motion = Motion(np.ones((2, 2)), 30, Space("two", ("eyeLookUpLeft", "jawOpen")))
    looks = looks_of(motion)
    assert looks[:, LOOKS.index("eyeLookUpLeft")].tolist() == [1, 1]
    assert looks.sum() == 2
