"""Core types check themselves once, at construction."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.spaces import Space
from personare.types import Audio, Features, Motion, Surface


def ramp(frames=31, fps=30.0):
    space = Space("two", ("a", "b"))
    time_s = np.arange(frames) / fps
    return Motion(np.stack([time_s, 1 - time_s], axis=1), fps, space)


def test_audio_is_float32_and_knows_its_length():
    audio = Audio(np.zeros(24_000), 48_000)
    assert audio.samples.dtype == np.float32
    assert audio.duration_s == 0.5
    assert audio.stream().duration_s == 0.5


@pytest.mark.parametrize("make", [
    lambda: Audio(np.zeros((2, 10)), 16_000),
    lambda: Audio(np.full(3, np.nan), 16_000),
    lambda: Audio(np.zeros(3), 0),
    lambda: Audio(np.zeros(3, np.int16), 16_000),
    lambda: Audio(np.zeros(3), "16000"),
    lambda: ramp().at_fps(0),
    lambda: ramp().with_columns({"a": np.zeros(3)}),
    lambda: Features(np.zeros(3), 100, "mel"),
    lambda: Motion(np.zeros((3, 51)), 30, "arkit-52"),
    lambda: Motion(np.zeros((3, 52)), float("nan"), "arkit-52"),
    lambda: Motion(np.zeros((3, 52)), 30, "arkit-52", head_pose=np.zeros((2, 4, 4))),
    lambda: Motion(np.zeros((3, 52)), 30, "arkit52"),
])
def test_wrong_values_are_refused(make):
    with pytest.raises(InputError, match="expected"):
        make()


def test_types_are_frozen():
    with pytest.raises(AttributeError):
        ramp().fps = 60


def test_columns_go_by_name():
    motion = ramp()
    np.testing.assert_array_equal(motion.columns(["b", "a"]), motion.values[:, ::-1])
    changed = motion.with_columns({"b": np.zeros(31)})
    np.testing.assert_array_equal(changed.column("a"), motion.column("a"))
    assert not changed.column("b").any()
    assert motion.column("b").any()
    with pytest.raises(InputError, match="did you mean 'jawOpen'"):
        Motion(np.zeros((1, 52)), 30, "arkit-52").column("jawopen")


def test_other_frame_rate_keeps_time_and_length():
    fast = ramp().at_fps(60)
    assert len(fast) == 62
    np.testing.assert_allclose(fast.column("a")[:61], np.arange(61) / 60, atol=1e-6)
    assert fast.duration_s == pytest.approx(ramp().duration_s)
    assert len(ramp(5, 60.0).at_fps(30)) == 3  # As many as cover the length, as the conventions say.


def test_other_frame_rate_keeps_poses_rigid():
    pose = np.tile(np.eye(4), (2, 1, 1))
    pose[1, :3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    motion = Motion(np.zeros((2, 52)), 10, "arkit-52", head_pose=pose).at_fps(20)
    middle = motion.head_pose[1, :3, :3]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(middle, [[half, -half, 0], [half, half, 0], [0, 0, 1]], atol=1e-6)


def test_surface_refuses_indices_past_the_end():
    with pytest.raises(InputError, match=r"triangles: expected indices in 0..2, got 0..3"):
        Surface([[0, 1, 3]], np.zeros((3, 2)), np.ones((3, 3)), np.ones(3), (), [0], [0, 1, 2])
