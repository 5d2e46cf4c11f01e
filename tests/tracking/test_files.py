"""Tracks in files: read back as they were, as takes and as people."""

from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.rendering.camera import Camera
from personare.tracking.files import is_track, read_track, write_track
from personare.tracking.track import performance
from personare.types import Motion, Track


@pytest.fixture
def some_track(rng):
    face = personare.open_face("sona")
    person = replace(face, rest=face.rest * np.float32(1.05), head_weight=np.ones(len(face.rest), np.float32))
    pose = np.tile(np.eye(4, dtype=np.float32), (12, 1, 1))
    pose[:, :3, 3] = (0.1, -0.05, -0.8) + rng.normal(size=(12, 3)) * 0.002
    motion = Motion(rng.uniform(0, 0.5, (12, len(face.space))).astype(np.float32), 25, face.space, pose)
    camera = Camera(np.eye(4), 900.0, (320, 240), (640, 480), 0.05, 10.0)
    landmarks = rng.uniform(0, 400, (12, 478, 3)).astype(np.float32)
    landmarks[4] = np.nan
    return Track(person, motion, camera, np.arange(12) / 25, landmarks, np.arange(12) != 4, "talk.mp4", (6,),
                 notes=("cut at 0:00.24",))


def test_a_track_comes_back(some_track, tmp_path):
    path = tmp_path / "take.npz"
    write_track(some_track, path)
    back = read_track(path)
    assert is_track(path)
    np.testing.assert_array_equal(back.motion.values, some_track.motion.values)
    np.testing.assert_array_equal(back.motion.head_pose, some_track.motion.head_pose)
    np.testing.assert_array_equal(back.landmarks, some_track.landmarks)
    np.testing.assert_array_equal(back.face.rest, some_track.face.rest)
    np.testing.assert_array_equal(back.face.shapes, some_track.face.shapes)
    assert back.camera.focal_px == 900.0
    assert (back.source, back.cuts, back.notes) == ("talk.mp4", (6,), ("cut at 0:00.24",))
    assert path.stat().st_size < 2e6


def test_it_is_a_take_and_a_face_too(some_track, tmp_path):
    path = tmp_path / "take.npz"
    write_track(some_track, path)
    take = personare.read_motion(path)
    np.testing.assert_array_equal(take.values, some_track.motion.values)
    assert np.abs(np.median(take.head_pose[:, :3, 3], axis=0)).max() < 1e-6
    np.testing.assert_array_equal(personare.open_face(path).rest, some_track.face.rest)


def test_a_face_of_files_is_kept_whole(some_track, tmp_path):
    other = replace(some_track, face=replace(some_track.face, name="mine"))
    write_track(other, tmp_path / "take.npz")
    back = read_track(tmp_path / "take.npz")
    np.testing.assert_array_equal(back.face.shapes, other.face.shapes)
    assert back.face.name == "mine"


def test_uneven_pictures_become_even_frames(some_track):
    times_s = np.array([0, 0.03, 0.1, 0.14, 0.16, 0.2, 0.24, 0.3, 0.32, 0.37, 0.4, 0.44])
    ramp = some_track.motion.values.copy()
    ramp[:, 0] = times_s
    uneven = replace(some_track, times_s=times_s, motion=replace(some_track.motion, values=ramp))
    take = performance(uneven)
    np.testing.assert_allclose(take.values[:, 0], np.arange(12) / 25, atol=1e-6)
    assert len(performance(uneven, fps=50)) == 24


def test_other_and_damaged_files_are_refused(some_track, tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="as written by personare track"):
        read_track(tmp_path / "other.npz")
    path = tmp_path / "take.npz"
    write_track(some_track, path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError):
        read_track(path)
