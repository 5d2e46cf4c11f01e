"""Codes and motion: there and back."""

import numpy as np

from personare.motion.codes import code_names, codes_of, motion_of
from personare.spaces import ARKIT_52, LIVELINK_61, Space


def test_there_and_back_with_the_head(rng):
    names = code_names("arkit-52", head=True)
    assert names[52:] == ("headYaw", "headPitch", "headRoll")
    codes = rng.uniform(-0.6, 0.6, (7, 55)).astype(np.float32)
    motion = motion_of(codes, names, space="arkit-52", fps=30)
    assert motion.head_pose.shape == (7, 4, 4)
    np.testing.assert_allclose(codes_of(motion, names), codes, atol=1e-6)


def test_columns_by_name_in_any_order():
    codes = np.float32([[1, 2], [3, 4]])
    motion = motion_of(codes, ("tongueOut", "jawOpen"), space=ARKIT_52, fps=25)
    assert motion.head_pose is None
    np.testing.assert_array_equal(motion.column("jawOpen"), [2, 4])
    np.testing.assert_array_equal(motion.column("tongueOut"), [1, 3])
    assert motion.values.sum() == codes.sum()
    np.testing.assert_array_equal(codes_of(motion, ("jawOpen", "headYaw")), [[2, 0], [4, 0]])


def test_a_space_with_angles_of_its_own_keeps_them_as_columns():
    motion = motion_of(np.full((1, 61), 0.1, np.float32), LIVELINK_61.columns, space=LIVELINK_61, fps=30)
    assert motion.head_pose is None
    assert motion.column("headYaw")[0] == np.float32(0.1)
    assert len(motion_of(np.ones((2, 3), np.float32), "abc", space=Space("own", tuple("abc")), fps=24)) == 2
