"""The layout of Audio2Face's JSON, both ways."""

import json
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import a2f
from personare.spaces import ARKIT_52, Space
from personare.types import Motion, Take


def test_the_file_holds_what_readers_look_for(tmp_path):
    motion = Motion([[0, 0.5], [1 / 3, 1]], 29.97, Space("two", ("open", "wide")))
    a2f.write(tmp_path / "a.json", Take(motion, name="take one"))
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "exportFps": 29.97, "trackPath": "take one", "numPoses": 2, "numFrames": 2, "facsNames": ["open", "wide"],
        "weightMat": [[0, 0.5], [0.333333, 1]]}


@pytest.mark.parametrize("count", [0, 1, 60, 1300])
def test_a_motion_comes_back(tmp_path, motion, count):
    motion = replace(motion, values=motion.values[np.arange(count) % 60], head_pose=None)
    a2f.write(tmp_path / "a.json", Take(motion))
    back = a2f.read(tmp_path / "a.json")
    assert (len(back), back.fps, back.space) == (count, 30.0, ARKIT_52)
    assert np.allclose(back.values, motion.values, rtol=0, atol=5.1e-7)


def test_arkit_columns_are_found_in_any_order_and_case_among_others(tmp_path, motion):
    names = [name[0].upper() + name[1:] for name in reversed(ARKIT_52.columns)] + ["TongueTipUp"]
    rows = np.hstack([motion.values[:, ::-1], np.ones((60, 1))]).tolist()
    (tmp_path / "a.json").write_text(json.dumps({"exportFps": 60, "facsNames": names, "weightMat": rows, "joints": []}))
    back = a2f.read(tmp_path / "a.json")
    assert (back.fps, back.space) == (60.0, ARKIT_52)
    assert np.array_equal(back.values, motion.values)


def test_other_names_make_their_own_space(tmp_path):
    text = {"exportFps": 30, "facsNames": ["browLowerL", "jawDrop"], "weightMat": [[0, 1]]}
    (tmp_path / "a.json").write_text(json.dumps(text))
    assert a2f.read(tmp_path / "a.json").space == Space("a2f-2", ("browLowerL", "jawDrop"))


def test_more_lists_than_a_take_has_are_refused_before_they_are_decoded(tmp_path):
    (tmp_path / "a.json").write_text('{"exportFps":30,"facsNames":["a"],"weightMat":[' + "[]," * 2_000_000 + "[]]}")
    with pytest.raises(InputError, match=r"got 2,000,001 frames; export it again$"):
        a2f.read(tmp_path / "a.json")


@pytest.mark.parametrize(("change", "message"), [
    ({"weightMat": [[0, 1], [1]]}, "complete"),
    ({"weightMat": [[0, 1, 2, 3]]}, "cannot reshape"),
    ({"weightMat": "none"}, r"Expected `array`, got `str` - at `\$.weightMat`"),
    ({"exportFps": -30}, "a positive number of frames a second"),
    ({"facsNames": []}, "complete"),
    ({"facsNames": ["a", "a"]}, "unique names"),
    ({"facsNames": None}, "Expected `array`, got `null`"),
])
def test_broken_files_give_one_clear_error(tmp_path, change, message):
    good = {"exportFps": 30, "facsNames": ["a", "b"], "weightMat": [[0, 1]]}
    (tmp_path / "a.json").write_text(json.dumps(good | change))
    with pytest.raises(InputError, match=message):
        a2f.read(tmp_path / "a.json")
