"""Landmarks on pictures and on meshes."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import personare
from personare.errors import AssetError, InputError, MissingExtra
from personare.rendering.camera import frame_face
from personare.tracking.landmarks import LIDS, STEADY, face_landmarks, landmarks, model_path, surface_points


def test_a_pixel_finds_the_surface_point_that_was_drawn_there(rng):
    face = personare.open_face("sona")
    camera = frame_face(face, (512, 512), yaw_rad=0.3)
    triangles = face.surface.triangles
    pixels = rng.uniform(180, 330, (60, 2))
    hit, weights = surface_points(pixels, face.neutral(), triangles, camera)
    assert (hit >= 0).all()
    points = (face.neutral()[triangles[hit]] * weights[:, :, None]).sum(axis=1)
    seen = camera.project(points)
    np.testing.assert_allclose(seen[:, :2], pixels, atol=0.15)
    # Nothing lies in front of it: a vertex that covers the pixel closely is not nearer by more than its triangle.
    screen = camera.project(face.neutral())
    for (x, y), depth in zip(pixels, seen[:, 2], strict=True):
        beside = np.hypot(screen[:, 0] - x, screen[:, 1] - y) < 1.0
        assert not beside.any() or screen[beside, 2].min() > depth - 0.004


def test_the_background_is_hit_by_nothing():
    face = personare.open_face("sona")
    hit, weights = surface_points(np.array([[2.0, 2.0]]), face.neutral(), face.surface.triangles,
                                  frame_face(face, (512, 512)))
    assert hit[0] == -1
    assert not weights.any()


def test_a_missing_model_or_library_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONARE_FACE_LANDMARKER", str(tmp_path / "none.task"))
    with pytest.raises(AssetError, match="set PERSONARE_FACE_LANDMARKER to its path"):
        model_path()
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtra, match=r"personare\[track\]"):
        landmarks([np.zeros((64, 64, 3), np.uint8)])


@pytest.fixture
def model(shared):
    pytest.importorskip("mediapipe", reason="landmarks need the extra track")
    return shared / "data" / "face_landmarker" / "face_landmarker.task"


@pytest.mark.filterwarnings("ignore")
def test_landmarks_of_the_built_in_head_are_on_the_right_side(model):
    face = personare.open_face("sona")
    points = face_landmarks(face, model=model)
    assert np.isfinite(points[STEADY]).all(axis=1).mean() > 0.97
    (upper, lower), *_ = LIDS["eyeBlinkLeft"]
    assert points[upper, 0] > 0.02
    assert 0.004 < points[upper, 1] - points[lower, 1] < 0.02
    mirrored = points[LIDS["eyeBlinkRight"][0][0]] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, points[upper], atol=0.003)


@pytest.mark.filterwarnings("ignore")
def test_a_thing_that_is_no_face_is_refused(model):
    sona = personare.open_face("sona")
    sack = replace(sona, rest=np.roll(sona.rest, 1, axis=1), correctives=(), joints=())
    with pytest.raises(InputError, match="on whose picture no face is found"):
        face_landmarks(sack, model=model)
