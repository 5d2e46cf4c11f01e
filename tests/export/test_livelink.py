"""Live Link Face takes: the layout of the app to the character, and any such file read back."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import livelink
from personare.motion.retarget import convert
from personare.spaces import ARKIT_52, LIVELINK_61, Space
from personare.types import Motion, Take

# The first line of takes that the iPhone app recorded.
APP_HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,"
    "EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,"
    "EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,"
    "MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,"
    "MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,"
    "BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,"
    "CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,"
    "LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll")


def rows_of(path):
    """List of dicts, one for each row."""
    return list(csv.DictReader(io.StringIO(path.read_text())))


def one(fps=60.0, pose=None, **columns):
    """Motion of a single frame."""
    motion = Motion(np.zeros((1, 52)), fps, ARKIT_52, None if pose is None else np.asarray(pose)[None])
    return motion.with_columns({name: np.full(1, value) for name, value in columns.items()})


def written(tmp_path, motion, **fields):
    livelink.write(tmp_path / "take.csv", Take(motion, **fields))
    return tmp_path / "take.csv"


def test_layout_is_the_apps_to_the_character(tmp_path):
    path = written(tmp_path, one(jawOpen=0.25), start_s=11 * 3600 + 54 * 60 + 29 + 19.804 / 60)
    lines = path.read_bytes().split(b"\n")
    assert lines[0].decode() == APP_HEADER
    zero = "0.0000000000"
    values = [zero] * 17 + ["0.2500000000"] + [zero] * 43
    assert lines[1].decode() == "11:54:29:19.804,61," + ",".join(values)
    assert lines[2:] == [b""]


def test_left_and_right_stand_under_their_own_names(tmp_path):
    row = rows_of(written(tmp_path, one(jawLeft=0.1, jawRight=0.2, mouthLeft=0.3, mouthRight=0.4)))[0]
    names = ("JawLeft", "JawRight", "MouthLeft", "MouthRight")
    assert [float(row[name]) for name in names] == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(("fps", "codes"), [
    (60.0, ["23:59:59:58.000", "23:59:59:59.000", "00:00:00:00.000", "00:00:00:01.000"]),
    (30.0, ["23:59:59:58.000", "00:00:00:00.000", "00:00:00:02.000", "00:00:00:04.000"]),
])
def test_time_codes_count_sixty_a_second_and_pass_midnight(tmp_path, fps, codes):
    path = written(tmp_path, Motion(np.zeros((4, 52)), fps, ARKIT_52), start_s=24 * 3600 - 2 / 60)
    assert [row["Timecode"] for row in rows_of(path)] == codes


def test_other_rates_are_interpolated_to_sixty(tmp_path):
    ramp = Motion(np.zeros((25, 52)), 25.0, ARKIT_52).with_columns({"jawOpen": np.arange(25) / 25})
    found = [float(row["JawOpen"]) for row in rows_of(written(tmp_path, ramp))]
    assert found == pytest.approx(np.minimum(np.arange(60) / 60, 24 / 25), abs=1e-6)


def test_eyes_turn_as_in_takes_of_the_app(tmp_path):
    # Both eyes to the subject's left and down: yaw is positive to the right, pitch is positive downwards.
    row = rows_of(written(tmp_path, one(eyeLookOutLeft=1, eyeLookInRight=1, eyeLookDownLeft=0.5, eyeLookUpRight=1)))[0]
    angles = [float(row[f"{side}Eye{angle}"]) for side in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll")]
    roll = np.arctan(np.tan([0.306, -0.451]) * np.sin(-0.604))
    assert angles == pytest.approx([-0.604, 0.306, roll[0], -0.604, -0.451, roll[1]], abs=1e-6)


@pytest.mark.parametrize(("axis", "name", "sign"), [(1, "HeadYaw", 1), (0, "HeadPitch", -1), (2, "HeadRoll", 1)])
def test_head_angles_have_the_signs_of_the_app(tmp_path, axis, name, sign):
    pose, a, b = np.eye(4), (axis + 1) % 3, (axis + 2) % 3
    pose[a, a] = pose[b, b] = np.cos(0.3)
    pose[b, a], pose[a, b] = np.sin(0.3), -np.sin(0.3)
    row = rows_of(written(tmp_path, one(pose=pose)))[0]
    angles = {key: float(row[key]) for key in ("HeadYaw", "HeadPitch", "HeadRoll")}
    assert angles == pytest.approx(dict.fromkeys(angles, 0.0) | {name: sign * 0.3}, abs=1e-6)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_take_comes_back(tmp_path, motion, fps):
    motion = replace(motion, fps=fps)
    back = livelink.read(written(tmp_path, motion, start_s=86399.0))
    assert (back.fps, back.space) == (fps, ARKIT_52)
    assert np.abs(back.values - motion.values).max() < 1e-9
    assert np.abs(back.head_pose[:, :3, :3] - motion.head_pose[:, :3, :3]).max() < 1e-6


def test_long_takes_are_written_alike_in_every_piece(tmp_path, rng):
    motion = Motion(rng.random((2500, 52)), 30.0, ARKIT_52)
    steps = []
    livelink.write(tmp_path / "a.csv", Take(motion), progress=lambda *step: steps.append(step))
    assert steps == [(1024, 2500), (2048, 2500), (2500, 2500)]
    assert np.abs(livelink.read(tmp_path / "a.csv").values - motion.values).max() < 1e-9


def test_columns_are_found_by_name(tmp_path, motion):
    path = written(tmp_path, motion)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    order = np.random.default_rng(1).permutation(63)
    shuffled = [[row[i] for i in order] + ["0.5"] for row in rows]
    shuffled[0] = [name.upper() for name in shuffled[0]]
    other = tmp_path / "other.csv"
    other.write_text("﻿" + "\r\n".join(",".join(row) for row in shuffled))
    assert np.array_equal(livelink.read(other).values, livelink.read(path).values)


def test_frames_without_a_face_or_row_are_filled_in(tmp_path):
    ramp = Motion(np.zeros((20, 52)), 60.0, ARKIT_52).with_columns({"jawOpen": np.arange(20) / 20})
    lines = written(tmp_path, ramp).read_text().splitlines()
    lines[5:7] = [",".join([*line.split(",")[:1], "0"]) for line in lines[5:7]]  # As the app does.
    del lines[12]
    (tmp_path / "gaps.csv").write_text("\n".join(lines))
    assert np.abs(livelink.read(tmp_path / "gaps.csv").column("jawOpen") - np.arange(20) / 20).max() < 1e-6


def test_motion_in_another_space_is_refused(tmp_path):
    motion = Motion(np.zeros((1, 2)), 30.0, Space("two", ("jawOpen", "tongueOut")))
    with pytest.raises(InputError, match="motion: expected the 52 ARKit columns, got two without eyeBlinkLeft"):
        livelink.write(tmp_path / "x.csv", Take(motion))
    assert list(tmp_path.iterdir()) == []


LINE = "00:00:00:00.000,61," + ",".join(["0"] * 61)


@pytest.mark.parametrize(("text", "message"), [
    ("", "expected 1 byte to 512 MB, got no bytes"),
    ("hello\nworld", "got a first line without Timecode, BlendshapeCount, EyeBlinkLeft"),
    (APP_HEADER.replace("JawOpen,", "") + "\n", "got a first line without JawOpen"),
    (APP_HEADER + "\n", "got no rows with a face"),
    (f"{APP_HEADER}\n{LINE}\n{LINE[:-2]}\n", "got 62 instead of 63 columns in row 3"),
    (f"{APP_HEADER}\n{LINE[:-1]}x\n", "in rows up to 2"),
    (f"{APP_HEADER}\n{LINE[:-1]}nan\n", "a value that is not a number"),
    (f"{APP_HEADER}\n{LINE.replace(':', ';')}\n", "in rows up to 2"),
    (f"{APP_HEADER}\n{LINE}\n{LINE}\n", "time codes that do not count upwards evenly"),
    (f"{APP_HEADER}\n{LINE}\n" + LINE.replace("00.000", "01.000") + "\n" + LINE.replace("00:00:00", "20:00:00"),
     "time codes that do not count upwards evenly"),
    (f"{APP_HEADER}\n{LINE.replace('00:00', '9' * 400 + ':00', 1)}\n", "a value that is not a number"),
    ("\0\xff" * 99, "got a first line without Timecode"),
])
def test_broken_files_give_one_clear_error(tmp_path, text, message):
    (tmp_path / "broken.csv").write_text(text, newline="\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        livelink.read(tmp_path / "broken.csv")


def test_bytes_that_are_no_text_give_one_clear_error(tmp_path):
    (tmp_path / "broken.csv").write_bytes(b"\xff\xfe\x00\x80" * 100)
    with pytest.raises(InputError, match=r"expected a complete file of this format, got 'utf-8' codec"):
        livelink.read(tmp_path / "broken.csv")


def app_take(rng, count=40):
    """Text of a take as the app writes it: float32 values with ten decimals, its own eye angles, 60 rows a second."""
    values = rng.random((count, 61)).astype(np.float32) ** 3
    values[:, 52:] -= np.float32(0.3)
    rows = [f"11:59:59:{i:02d}.123,61," + ",".join(f"{value:.10f}" for value in row.astype(np.float64))
            for i, row in enumerate(values)]
    return APP_HEADER + "\n" + "\n".join(rows) + "\n"


def test_a_take_of_the_app_comes_back_byte_for_byte(tmp_path, rng):
    (tmp_path / "a.csv").write_text(app_take(rng))
    motion = livelink.read_angles(tmp_path / "a.csv")
    assert motion.space == LIVELINK_61
    start_s = 11 * 3600 + 59 * 60 + 59 + 0.123 / 60
    livelink.write(tmp_path / "b.csv", Take(motion, start_s=start_s))
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_angles_and_poses_say_the_same(motion):
    there = livelink.to_livelink(motion)
    back = livelink.from_livelink(there)
    assert np.array_equal(back.values, motion.values)
    assert np.abs(back.head_pose[:, :3, :3] - motion.head_pose[:, :3, :3]).max() < 1e-6
    assert there.column("headYaw").std() > 0.05


def test_eyes_that_a_tool_wrote_as_angles_alone_become_weights():
    angles = {"leftEyeYaw": 0.302, "leftEyePitch": -0.451, "rightEyeYaw": 0.302}
    values = np.zeros((1, 61))
    for name, angle in angles.items():
        values[0, LIVELINK_61.index(name)] = angle
    found = livelink.from_livelink(Motion(values, 30, LIVELINK_61))
    looks = {name: value for name, value in zip(ARKIT_52.columns, found.values[0].tolist(), strict=True) if value}
    assert looks == pytest.approx({"eyeLookInLeft": 0.5, "eyeLookUpLeft": 1.0, "eyeLookOutRight": 0.5})


def test_a_change_of_space_keeps_the_head(motion):
    there, _ = convert(motion, "livelink-61")
    assert there.space == LIVELINK_61
    back, report = convert(there, "arkit-52")
    assert np.array_equal(back.values, motion.values)
    assert np.abs(back.head_pose[:, :3, :3] - motion.head_pose[:, :3, :3]).max() < 1e-6
    assert report.kept == 1
