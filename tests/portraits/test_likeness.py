"""A person's mesh on their photo, and what motion does to it."""


import numpy as np
import pytest
import sona_photo as sona

from personare.faces.joints import matrices, rotation_vectors
from personare.portraits.likeness import lip_gap, speech_of
from personare.portraits.parts import warp
from personare.spaces import ARKIT_52
from personare.types import Motion


@pytest.fixture(scope="module")
def sitter():
    return sona.Sitter(200)


@pytest.fixture(scope="module")
def person(sitter):
    return sitter.portrait().likeness


def talk(*opened):
    motion = Motion(np.zeros((len(opened), 52), np.float32), 30, ARKIT_52)
    return motion.with_columns({"jawOpen": np.array(opened, np.float32)})


def test_speech_is_an_envelope_that_reaches_nothing_in_long_pauses():
    speech = speech_of(talk(*[0] * 30, *[0.3] * 5, 0, 0, *[0.3] * 5, *[0] * 30))
    assert speech[30:42] == pytest.approx(np.ones(12), abs=1e-6)  # a closure within a word is speech
    assert not speech[:15].any()
    assert not speech[-15:].any()
    assert (np.diff(speech[:36]) >= -1e-9).all()
    assert np.abs(np.diff(speech)).max() < 0.3
    assert len(speech_of(talk())) == 0


def test_a_moved_landmark_takes_the_mesh_along(sitter):
    motion = sona.motion_of(sitter.face, {})
    from personare.portraits.likeness import likeness
    from personare.types import Track

    found = sitter.landmarks(motion)
    rng = np.random.default_rng(3)
    wide = found[None] + [0, 0, 0]
    wide[..., :2] = (found[:, :2] - 100) * 1.06 + 100 + (2, -1)  # a person 6 % wider, elsewhere
    wide[..., :2] += rng.normal(0, 0.05, (478, 2))
    track = Track(sitter.face, motion, sitter.camera, np.zeros(1), wide, np.ones(1, bool))
    one = likeness(track, *sona.anchors())
    corners, weights, index = sona.anchors()
    at = (sitter.camera.project(one.on_photo())[corners][:, :, :2] * weights[:, :, None]).sum(1)
    skin = index < 468
    off = np.linalg.norm(at[skin] - wide[0, index[skin], :2], axis=1)
    before = np.linalg.norm(found[index[skin], :2] - wide[0, index[skin], :2], axis=1)
    assert np.median(before) > 2.5
    assert np.median(off) < 0.25


def test_heads_turn_less_and_less_and_never_beyond_the_limit(person):
    angles = np.radians([[0, 2, 0], [0, 10, 0], [0, 60, 0]])
    turns = person.turns(sona.motion_of(person.face, {}, {}, {}, turns=matrices(angles)))
    degrees = np.degrees(np.linalg.norm(rotation_vectors(turns[:, :3, :3]), axis=1))
    assert degrees[0] == pytest.approx(2, abs=0.05)
    assert 8 < degrees[1] < 10
    assert 12.5 < degrees[2] < 14


def test_a_warp_passes_through_its_points_and_is_affine_far_away(rng):
    points = rng.uniform(-0.05, 0.05, (40, 3))
    matrix, offset = np.array([[1.1, 0.1, 0], [0, 0.9, 0], [0.05, 0, 1]]), np.array([0.01, -0.02, 0.005])
    moves = points @ (matrix - np.eye(3)).T + offset
    elsewhere = rng.uniform(-0.2, 0.2, (30, 3))
    assert np.allclose(warp(points, moves, elsewhere, noise=0), elsewhere @ (matrix - np.eye(3)).T + offset, atol=1e-6)
    moves = rng.normal(0, 0.002, (40, 3))
    assert np.allclose(warp(points, moves, points, noise=0), moves, atol=1e-6)
    smooth = warp(points, moves, points, noise=0.01)
    assert 0.1 < np.abs(smooth - moves).mean() / np.abs(moves).mean() < 1


def test_gap_of_lips_is_a_share_of_the_mouth(sitter):
    assert lip_gap(sitter.landmarks(sona.motion_of(sitter.face, {}))) < 0.03
    assert lip_gap(sitter.landmarks(sona.motion_of(sitter.face, {"jawOpen": 0.5}))) > 0.15
