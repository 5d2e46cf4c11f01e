"""Plain JSON: what stands in the file, and the way back."""

import json
from dataclasses import replace

import numpy as np
import pytest

import personare.export.json as motion_json
from personare.errors import InputError
from personare.spaces import ARKIT_52, Space
from personare.types import Motion, Take


def test_frames_have_times_weights_and_the_head(tmp_path):
    pose = np.eye(4)[None].repeat(2, axis=0)
    pose[1, :2, :2] = [[0, -1], [1, 0]]
    pose[1, 0, 3] = 0.25
    motion = Motion([[0, -0.0], [1 / 3, 1]], 30.0, Space("two", ("open", "wide")), pose)
    motion_json.write(tmp_path / "a.json", Take(motion))
    half = round(0.5**0.5, 7)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "format": "personare-motion", "version": 1, "fps": 30.0, "space": "two", "names": ["open", "wide"],
        "frames": [
            {"time": 0, "weights": [0, 0], "head_rotation": [0, 0, 0, 1], "head_translation": [0, 0, 0]},
            {"time": 0.033333, "weights": [0.333333, 1], "head_rotation": [0, 0, half, half],
             "head_translation": [0.25, 0, 0]}]}
    assert "-0" not in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize("count", [0, 1, 60, 1300])
def test_a_motion_comes_back(tmp_path, motion, count):
    repeat = np.arange(count) % 60
    motion = replace(motion, values=motion.values[repeat], head_pose=motion.head_pose[repeat])
    motion_json.write(tmp_path / "a.json", Take(motion))
    back = motion_json.read(tmp_path / "a.json")
    assert (len(back), back.fps, back.space) == (count, 30.0, ARKIT_52)
    assert np.allclose(back.values, motion.values, rtol=0, atol=5.1e-7)
    assert count == 0 or np.allclose(back.head_pose, motion.head_pose, rtol=0, atol=5e-7)


def test_a_motion_without_head_pose_comes_back_without(tmp_path, motion):
    motion_json.write(tmp_path / "a.json", Take(replace(motion, head_pose=None)))
    assert motion_json.read(tmp_path / "a.json").head_pose is None


def document(**change):
    good = {"format": "personare-motion", "version": 1, "fps": 30.0, "space": "two", "names": ["a", "b"],
            "frames": [{"time": 0.0, "weights": [0.0, 1.0]}]}
    return json.dumps(good | change)


@pytest.mark.parametrize(("text", "message"), [
    ("", "got no bytes"),
    ("{", "truncated"),
    ("[]", "Expected `object`, got `array`"),
    ("[" * 100000, "(?i)recursion|truncated|Expected `object`"),
    ("\xff\xfe", "malformed|invalid"),
    (document(version=2), "personare-motion version 2"),
    (document(format="other"), "other version 1"),
    (document(fps=0), "a positive number of frames a second"),
    (document(fps="30"), r"Expected `float`, got `str` - at `\$.fps`"),
    (document(names=["a", "a"]), "unique names"),
    (document(names=["a"]), "cannot reshape array of size 2 into shape"),
    (document(names=[]), "complete"),
    (document(frames=[{"time": 0, "weights": [0]}, {"time": 0, "weights": [1, 2, 3]}]), "complete"),
    (document(frames=[{"time": 0, "weights": [0, 1e39]}]), "NaN or infinite|complete"),
    (document(frames=[{"time": 0, "weights": [0, 1], "head_rotation": [0, 0, 0, 0]}]), "no unit quaternion"),
    (document(frames=[{"time": 0, "weights": [0, 1], "head_rotation": [0, 0, 0, 1]}, {"time": 1, "weights": [0, 1]}]),
     "a head rotation in 1 of 2 frames"),
])
def test_broken_files_give_one_clear_error(tmp_path, text, message):
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        motion_json.read(tmp_path / "a.json")
