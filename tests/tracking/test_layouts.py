"""Faces whose columns are codes and angles: the layouts of FLAME and the Basel model, filled from the built-in head."""

from dataclasses import replace

import numpy as np
import pytest
import sona_photo as sona
from foreign_layouts import bfm_model, flame_arrays, places

import personare
from personare.faces.bfm import save_bfm
from personare.faces.sona import open_sona
from personare.spaces import Space
from personare.tracking.anchors import anchored, linearised, opening, through
from personare.tracking.landmarks import COUNT, OVAL
from personare.tracking.track import track
from personare.types import Motion


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The two faces by name."""
    folder = tmp_path_factory.mktemp("faces")
    np.savez(folder / "flame2020.npz", **flame_arrays())
    return {"flame": personare.open_face(folder / "flame2020.npz"),
            "bfm": personare.open_face(save_bfm(bfm_model(), folder / "bfm.npz"))}


def hits(name):
    """What anchors.through takes of the landmarks of the built-in head on a face."""
    return places(*sona.anchors(), front=name == "bfm")


def test_angles_have_the_slope_that_they_have_at_rest(faces):
    face = faces["flame"]
    flat, k = linearised(face), face.space.index("jaw_x")
    small = np.zeros((1, len(face.space)), np.float32)
    small[0, k] = 0.02
    moved = face.mesh(Motion(small, 30, face.space)).vertices[0] - face.neutral()
    assert np.abs(moved).max() > 0.001
    np.testing.assert_allclose(0.02 * flat.shapes[k], moved, atol=2.5e-5)


def test_the_neck_is_left_to_the_head_pose_and_angles_stay_small(faces):
    face = linearised(faces["flame"])
    head = through(face, *hits("flame"))
    names = np.array(face.space.columns)[head.columns]
    assert not any(name.startswith("neck") for name in names)
    assert {"jaw_x", "left_eye_y", "right_eye_y", "exp_000"} <= set(names)
    assert (head.high[names == "jaw_x"] < 1).all()
    assert (head.high[names == "exp_000"] == 3).all()
    assert (head.spread[names == "jaw_x"] < 0.5).all()


@pytest.mark.parametrize("name", ["flame", "bfm"])
def test_codes_without_names_open_the_mouth(faces, name):
    face = linearised(faces[name])
    found = hits(name)
    head = through(face, *found)
    row = opening(face, found)
    assert np.abs(row).max() < 3
    moved = face.mesh(Motion(row[None], 30, face.space)).vertices[0]
    upper, lower = (head.at(moved)[head.of([i])[0]] - head.rest[head.of([i])[0]] for i in (0, 17))
    assert (upper - lower)[1] == pytest.approx(0.015, abs=1e-4)
    inner = [head.at(moved)[head.of([i])[0], 1] for i in (13, 14)]
    assert inner[0] - inner[1] > 0.008


def test_columns_without_known_names_open_the_mouth_within_their_bounds_or_stay_at_rest():
    corners, weights, index = sona.anchors()
    found = np.zeros((COUNT, 3), np.int32), np.zeros((COUNT, 3), np.float32), np.zeros(COUNT, bool)
    for part, values in zip(found, (corners, weights, True), strict=True):
        part[index] = values
    face = open_sona()
    numbers = Space("numbers", tuple(f"n{k}" for k in range(len(face.space))))
    plain = replace(face, space=numbers, correctives=(), joints=())
    row = opening(plain, found)
    assert row.min() == 0
    assert 0 < row.max() <= 1
    moves = np.tensordot(row, face.shapes, 1)
    upper, lower = ((moves[corners[k]] * weights[k][:, None]).sum(axis=0) for k in map(index.tolist().index, (0, 17)))
    assert (upper - lower)[1] == pytest.approx(0.015, abs=1e-4)
    assert not opening(replace(plain, shapes=0.01 * plain.shapes), found).any()


@pytest.mark.parametrize("name", ["flame", "bfm"])
def test_a_real_clip_is_met_by_both(faces, shared, name):
    pytest.importorskip("mediapipe", reason="needs the extra track")
    model = shared / "data" / "face_landmarker" / "face_landmarker.task"
    found = track(shared / "data" / "videos" / "grid_bbaf2n.mpg", face=faces[name], model=model)
    assert found.motion.space == faces[name].space
    head = anchored(faces[name], model=model)
    fitted = found.camera.project(head.at(found.face.mesh(found.motion).vertices))[..., :2]
    there = found.landmarks[:, head.index, :2]
    eyes = np.linalg.norm(found.landmarks[:, 33] - found.landmarks[:, 263], axis=-1)[:, None]
    inner = np.setdiff1d(np.arange(len(head.index)), head.of(OVAL))
    assert np.median((np.linalg.norm(fitted - there, axis=-1) / eyes)[:, inner]) < 0.01
    upper, lower = head.of([13])[0], head.of([14])[0]
    gaps = [np.linalg.norm(points[:, upper] - points[:, lower], axis=-1) for points in (fitted, there)]
    assert np.corrcoef(gaps)[0, 1] > 0.95
