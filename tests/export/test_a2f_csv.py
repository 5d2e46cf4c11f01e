"""Tables of Audio2Face-3D: what stands in them, and the way back, also from pandas."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import a2f_csv
from personare.spaces import A2F_68, ARKIT_52, EMOTIONS, Space
from personare.types import Motion, Take


def test_the_layout_is_that_of_the_sample_client(tmp_path, take):
    a2f_csv.write(tmp_path / "a.csv", take)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][:4] == ["", "timeCode", "blendShapes.EyeBlinkLeft", "blendShapes.EyeLookDownLeft"]
    assert rows[0][-1] == "blendShapes.TongueNarrow"
    assert [len(row) for row in rows] == [70] * 61
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(60)]
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(np.arange(60) / 30, abs=1e-10)
    values = np.array([row[2:] for row in rows[1:]], np.float32)
    assert np.array_equal(values[:, :52], take.motion.values)
    assert not values[:, 52:].any()


def test_the_tongue_comes_back_bit_for_bit(tmp_path, rng):
    motion = Motion(rng.random((1500, 68)), 30, A2F_68)
    a2f_csv.write(tmp_path / "a.csv", Take(motion))
    back = a2f_csv.read(tmp_path / "a.csv")
    assert (back.space, back.fps) == (A2F_68, 30)
    assert np.array_equal(back.values, motion.values)


def test_arkit_alone_and_names_of_ones_own(tmp_path):
    names = [f"blendShapes.{name.upper()}" for name in reversed(ARKIT_52.columns)]
    rows = [",".join(["timeCode", *names]), *(",".join([str(i / 60), *["0.25"] * 52]) for i in range(3))]
    (tmp_path / "a.csv").write_text("\r\n".join(rows))
    back = a2f_csv.read(tmp_path / "a.csv")
    assert (back.space, back.fps, back.values.min()) == (ARKIT_52, 60, 0.25)
    (tmp_path / "b.csv").write_text("timeCode,blendShapes.jawDrop\n0,0.5\n0.033333,1\n")
    assert a2f_csv.read(tmp_path / "b.csv").space == Space("a2f-1", ("jawDrop",))


def test_emotions_at_a_few_times_become_thirty_rows_a_second(tmp_path):
    (tmp_path / "a.csv").write_text(",time_code,emotion_values.joy\n0,0.0,1.0\n1,2.0,0\n")
    mood = a2f_csv.read_emotions(tmp_path / "a.csv")
    assert (mood.space, mood.fps, len(mood)) == (EMOTIONS, 30, 61)
    assert mood.column("joy") == pytest.approx(1 - np.arange(61) / 60, abs=1e-6)
    assert not mood.column("anger").any()
    a2f_csv.write_emotions(tmp_path / "b.csv", Take(mood))
    assert (tmp_path / "b.csv").read_text().startswith(",time_code,emotion_values.amazement,emotion_values.anger,")
    assert np.array_equal(a2f_csv.read_emotions(tmp_path / "b.csv").values, mood.values)


def test_a_motion_of_another_kind_is_refused(tmp_path, take):
    with pytest.raises(InputError, match="expected the space a2f-emotion-10, got arkit-52"):
        a2f_csv.write_emotions(tmp_path / "a.csv", take)
    with pytest.raises(InputError, match="expected the 52 ARKit columns, got a2f-emotion-10 without eyeBlinkLeft"):
        a2f_csv.write(tmp_path / "a.csv", replace(take, motion=Motion(np.zeros((1, 10)), 30, EMOTIONS)))


GOOD = "timeCode,blendShapes.A,blendShapes.B\n"


@pytest.mark.parametrize(("text", "message"), [
    ("", "no bytes"), ("hello\n1\n", "a first line without timecode"), ("timeCode,a\n0,1\n", "without columns blendsh"),
    (GOOD, "no rows"), (GOOD + "0,1\n", "2 instead of 3 columns after row 1"), (GOOD + "0,1,x\n", "in rows 2 to 2"),
    (GOOD + "0,1,nan\n", "NaN"), (GOOD + "0,1,1e39\n", "NaN or infinite"), (GOOD + "0,1,2\n0,1,2\n", "do not rise"),
    (GOOD + "0,1,2\ninf,1,2\n", "do not rise"),
    ("timeCode,blendShapes.A,blendShapes.a,blendShapes.A\n0,1,2,3\n", "uniq"),
    ('"' * 300, "a first line|columns"),
])
def test_broken_files_give_one_clear_error(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        a2f_csv.read(tmp_path / "a.csv")
    assert str(caught.value).count(str(tmp_path)) == 1
