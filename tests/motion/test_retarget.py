"""From space to space: names first, closures kept, nothing invented."""

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.faces.rig_names import arkit_columns
from personare.motion.lips import lip_gap_cm
from personare.motion.mouth import measures_cm
from personare.motion.retarget import can_convert, convert
from personare.spaces import Space, space_named
from personare.types import Motion


@pytest.fixture(scope="module")
def speech():
    return personare.animate("examples/hello.wav", layers=personare.STILL)


@pytest.mark.parametrize("space", ["a2f-68", "livelink-61", "azure-55", "mediapipe-52", "ict-53", "ict-57"])
def test_shapes_of_other_spelling_come_back_as_they_were(speech, space):
    there, report = convert(speech, space)
    back, _ = convert(there, "arkit-52")
    lost = {"tongueOut"} - {column for name in space_named(space).columns for column in arkit_columns(name)}
    kept = [name for name in speech.space.columns if name not in lost]
    np.testing.assert_allclose(back.columns(kept), speech.columns(kept), atol=1e-6)
    assert report.route == "names"
    assert report.kept > 0.99


@pytest.mark.parametrize("space", ["oculus-15", "rhubarb-9", "vrm0", "vrm1", "facegood-116", "facegood-116-ue"])
def test_lips_that_close_close_in_fewer_shapes(speech, space):
    there, report = convert(speech, space)
    back, _ = convert(there, "arkit-52")
    gap, again = measures_cm(speech)[:, 0], measures_cm(back)[:, 0]
    closed = gap < 0.1
    assert closed.sum() > 20
    assert again[closed].max() < 0.1
    assert np.corrcoef(gap, again)[0, 1] > 0.99
    assert report.error["lip_gap_mm"] < 0.1
    assert there.values.min() >= 0
    assert there.values.max() <= 1


def test_a_pure_viseme_becomes_itself():
    oculus = space_named("oculus-15")
    for name in ("PP", "FF", "aa", "ou"):
        values = np.zeros((5, 15), np.float32)
        values[:, oculus.index(name)] = 0.8
        arkit, _ = convert(Motion(values, 30, oculus), "arkit-52")
        back, _ = convert(arkit, oculus)
        assert oculus.columns[back.values[2].argmax()] == name


def test_every_channel_of_facegood_that_moves_the_mouth_arrives():
    space = space_named("facegood-116")
    for name in [name for name in space.columns if name.startswith("mouth_") and "Fix" not in name
                 and name not in ("mouth_stretch_u", "mouth_chew_c")]:
        values = np.zeros((2, 116), np.float32)
        values[:, space.index(name)] = 0.5
        arkit, _ = convert(Motion(values, 30, space), "arkit-52")
        assert arkit.values.max() > 0, name


def test_head_pose_and_columns_of_one_name_are_copied(speech):
    pose = np.tile(np.eye(4, dtype=np.float32), (len(speech), 1, 1))
    pose[:, 0, 3] = 0.01
    moved, _ = convert(Motion(speech.values, 30, speech.space, pose), "vrm1")
    np.testing.assert_array_equal(moved.head_pose, pose)
    tongue = space_named("a2f-68")
    values = np.zeros((4, 68), np.float32)
    values[:, tongue.index("tongueTipUp")] = 0.7
    again, _ = convert(Motion(values, 30, tongue), Space("mine", (*space_named("arkit-52").columns, "tongueTipUp")))
    np.testing.assert_allclose(again.column("tongueTipUp"), 0.7)


def test_codes_without_names_need_a_face(speech):
    assert not can_convert("arkit-52", "flame-100")
    with pytest.raises(InputError, match="name the face it is for, so that vertices decide"):
        convert(speech, "flame-100")


def test_the_lips_of_this_test_are_those_of_the_model(speech):
    curves = np.zeros((1, 18), np.float32)
    assert lip_gap_cm(curves)[0] == pytest.approx(measures_cm(speech.frames(0, 1))[0, 0], abs=0.3)
