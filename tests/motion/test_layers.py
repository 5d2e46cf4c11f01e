"""Layers: the same in any chunks, off when off, alive within the bounds of a calm speaker."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.motion.eyes import blink_curve
from personare.motion.head import rotation_from_angles, smooth_noise
from personare.motion.layers import STILL, Layers, LayerStream
from personare.types import Motion


def speech(seconds=120.0, fps=30.0):
    """Two seconds of talk, one of pause, again and again."""
    time_s = np.arange(int(seconds * fps)) / fps
    jaw = 0.25 * (1 - np.cos(2 * np.pi * 4 * time_s)) * (time_s % 3 < 2)
    motion = Motion(np.zeros((len(time_s), 52), np.float32), fps, "arkit-52")
    return motion.with_columns({"jawOpen": jaw})


def blink_times(motion):
    shut = motion.column("eyeBlinkLeft") > 0.5
    return np.flatnonzero(shut[1:] & ~shut[:-1]) / motion.fps


def test_chunks_of_any_size_equal_the_whole(rng):
    motion = speech(40)
    whole = LayerStream(30.0, Layers(seed=3)).apply(motion)
    stream, parts, at = LayerStream(30.0, Layers(seed=3)), [], 0
    while at < len(motion):
        size = int(rng.integers(1, 60))
        parts.append(stream.apply(motion.frames(at, at + size)))
        at += size
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), whole.values)
    np.testing.assert_array_equal(np.concatenate([p.head_pose for p in parts]), whole.head_pose)


def test_still_changes_nothing():
    motion = speech(5)
    assert LayerStream(30.0, STILL).apply(motion) is motion


def test_seeds_differ_and_repeat():
    one, again, other = (LayerStream(30.0, Layers(seed=s)).apply(speech(20)).values for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1


def test_blinks_come_as_often_as_people_blink_and_close_fully():
    motion = LayerStream(30.0, Layers()).apply(speech(600))
    per_minute = len(blink_times(motion)) / 10
    assert 12 <= per_minute <= 32
    assert motion.column("eyeBlinkLeft").max() > 0.95
    np.testing.assert_array_equal(motion.column("eyeBlinkLeft"), motion.column("eyeBlinkRight"))


def test_the_strength_says_how_often_eyes_close():
    counts = [len(blink_times(LayerStream(30.0, Layers(blink=b)).apply(speech(600)))) for b in (0.5, 1.0, 2.0)]
    assert counts[0] < 0.7 * counts[1]
    assert counts[2] > 1.5 * counts[1]


def test_blinks_prefer_pauses():
    times = blink_times(LayerStream(30.0, Layers()).apply(speech(1200)))
    assert np.mean(times % 3 >= 2) > 0.45  # The pauses are a third of the time.


def test_blink_rate_does_not_hang_on_the_frame_rate():
    slow, fast = (blink_times(LayerStream(f, Layers()).apply(speech(30, f))) for f in (30.0, 60.0))
    assert slow[0] == pytest.approx(fast[0], abs=0.05)


def test_mouth_is_left_alone():
    motion = speech(30)
    layered = LayerStream(30.0, Layers()).apply(motion)
    mouth = [name for name in motion.space.columns if name.startswith(("mouth", "jaw", "cheek", "tongue"))]
    np.testing.assert_array_equal(layered.columns(mouth), motion.columns(mouth))
    assert layered.values.min() >= 0
    assert layered.values.max() <= 1


def test_head_is_rigid_slow_and_small():
    pose = LayerStream(30.0, Layers()).apply(speech(300)).head_pose
    rotation = pose[:, :3, :3]
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(3), (len(pose), 1, 1)),
                               atol=1e-5)
    angle = np.degrees(np.arccos(np.clip((np.trace(rotation, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert 1 < np.percentile(angle, 90) < 12
    step = rotation[1:] @ rotation[:-1].transpose(0, 2, 1)
    speed = np.degrees(np.arccos(np.clip((np.trace(step, axis1=1, axis2=2) - 1) / 2, -1, 1))) * 30
    assert speed.max() < 60


def test_eyes_look_against_the_turn_of_the_head():
    layered = LayerStream(30.0, Layers(gaze=1.0, head=2.0)).apply(speech(200))
    head_yaw = np.arctan2(layered.head_pose[:, 0, 2], layered.head_pose[:, 2, 2])
    eye_yaw = layered.column("eyeLookOutLeft") - layered.column("eyeLookInLeft")
    assert np.corrcoef(head_yaw, eye_yaw)[0, 1] < -0.4


def test_angles_turn_the_way_the_docstring_says():
    yaw, pitch, roll = rotation_from_angles(np.radians(np.eye(3) * 30))
    assert (yaw @ [0, 0, 1])[0] > 0.49
    assert (pitch @ [0, 0, 1])[1] < -0.49
    assert (roll @ [0, 1, 0])[0] < -0.49


def test_blink_curve_shape():
    time_s = np.linspace(-0.1, 0.5, 601)
    curve = np.array([blink_curve(t) for t in time_s])
    assert curve.max() == 1
    assert curve[0] == curve[-1] == 0
    assert np.abs(np.diff(curve)).max() < 0.03


def test_noise_has_unit_size_and_no_steps():
    position = np.arange(0, 3000, 0.02)
    curve = smooth_noise(position, seed=0, channel=0)
    assert curve.std() == pytest.approx(1, abs=0.08)
    assert np.abs(np.diff(curve)).max() < 0.12
    np.testing.assert_array_equal(smooth_noise(position[7000:], seed=0, channel=0), curve[7000:])


def test_strengths_and_seeds_are_checked():
    with pytest.raises(InputError, match=r"blink: expected a strength in 0..2, got 3"):
        Layers(blink=3)
    with pytest.raises(InputError, match=r"seed: expected an integer >= 0, got -1"):
        Layers(seed=-1)
