"""Motion for other spaces and faces, through the front door."""

from dataclasses import replace

import numpy as np
import pytest
import second_head

import personare
from personare import transfer
from personare.errors import InputError
from personare.spaces import Space


@pytest.fixture(scope="module")
def speech():
    return personare.animate("examples/hello.wav", layers=personare.STILL).frames(0, 120)


@pytest.fixture(scope="module")
def coded():
    pytest.importorskip("scipy", reason="joining faces needs the extra faces")
    face, _ = second_head.other_head()
    return replace(face, space=Space("codes-68", tuple(f"code_{i}" for i in range(len(face.space)))))


def test_vertices_decide_where_names_cannot(speech, coded):
    moved, report = personare.convert(speech, coded, anchors=second_head.anchors())
    assert moved.space.name == "codes-68"
    assert report.route == "names + vertices"
    assert report.kept > 0.9
    assert report.error["lips_mm"] < 0.7
    back, _ = personare.convert(moved, personare.open_face("sona"), source=coded, anchors=second_head.anchors()[::-1])
    assert np.corrcoef(back.column("jawOpen"), speech.column("jawOpen"))[0, 1] > 0.98


def test_a_face_of_the_same_topology_needs_no_landmarks(speech):
    mara = personare.open_face("sona")
    coded = replace(mara, space=Space("codes-68", tuple(f"code_{i}" for i in range(len(mara.space)))), joints=(),
                    correctives=())
    pytest.importorskip("scipy", reason="joining faces needs the extra faces")
    moved, report = personare.convert(speech, coded)
    assert report.error["mean_mm"] < 0.1
    np.testing.assert_allclose(moved.values[:, mara.space.index("jawOpen")], speech.column("jawOpen"), atol=0.02)


def test_names_alone_do_not_do_for_codes(speech):
    with pytest.raises(InputError, match="name the face, as in --face flame:PATH"):
        personare.convert(speech, "flame-100")


def test_warnings_reach_whoever_saves(speech):
    with pytest.warns(UserWarning, match="divide by 100"):
        transfer.fitted(replace(speech, values=speech.values * 100, space=Space("x", tuple(
            name.replace("Left", "_L").replace("Right", "_R") for name in speech.space.columns))),
            personare.open_face("sona"))


def test_motion_of_any_named_space_draws_and_saves(tmp_path, speech):
    visemes, _ = personare.convert(speech, "oculus-15")
    assert next(iter(personare.render(visemes, size=64))).shape == (64, 64, 3)
    path = personare.save(visemes, tmp_path / "take.csv")
    again = personare.read_motion(path)
    assert np.corrcoef(again.column("jawOpen")[:100], speech.column("jawOpen")[:100])[0, 1] > 0.9
