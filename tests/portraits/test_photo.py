"""A photo in motion against renders of the same head in that motion: places known, no detector needed."""

from dataclasses import replace

import numpy as np
import pytest
import sona_photo as sona

from personare.errors import InputError
from personare.faces.joints import matrices
from personare.portraits.eyes import polygon_depth
from personare.portraits.photo import photo_portrait
from personare.portraits.points import EYES, INNER_LIPS, OUTER_LIPS, OVAL
from personare.spaces import ARKIT_52
from personare.types import Motion, Track

Sitter, motion_of, psnr = sona.Sitter, sona.motion_of, sona.psnr


@pytest.fixture(scope="module")
def closed():
    return Sitter()


@pytest.fixture(scope="module")
def portrait(closed):
    return closed.portrait()


@pytest.fixture(scope="module")
def opened():
    return Sitter(jawOpen=0.4)


def inside(landmarks, ring, shape):
    rows, columns = np.indices(shape[:2])
    return polygon_depth(np.stack([columns + 0.5, rows + 0.5], -1), landmarks[list(ring), :2].astype(float))


def turned(degrees, axis):
    vectors = np.zeros((1, 3))
    vectors[0, axis] = np.radians(degrees)
    return matrices(vectors)


def test_motion_of_zeros_is_the_photo(closed, portrait, opened):
    face = inside(closed.landmarks(motion_of(closed.face, {})), OVAL, closed.picture.shape) > 0
    (frame,) = portrait.frames(motion_of(portrait.face, {}))
    assert frame.dtype == np.uint8
    assert frame.shape == closed.picture.shape
    assert psnr(frame, closed.picture, face) > 42
    mouth = opened.portrait()
    (frame,) = mouth.frames(motion_of(mouth.face, {}))
    assert psnr(frame, opened.picture, face) > 40


@pytest.mark.parametrize(("degrees", "axis"), [(7, 1), (-7, 1), (5, 0), (-5, 0), (6, 2)])
def test_a_turned_head_lies_where_a_render_has_it(closed, portrait, degrees, axis):
    motion = motion_of(closed.face, {}, turns=turned(degrees, axis))
    truth, (frame,) = closed.truth(motion)[0], portrait.frames(motion)
    face = inside(closed.landmarks(motion), OVAL, truth.shape) > 4
    # The head is bent to stay within a limit, which takes off up to a tenth of such angles.
    assert psnr(frame, truth, face) > 26
    assert psnr(frame, truth, face) > psnr(closed.picture, truth, face) + 6


@pytest.mark.parametrize("columns", [{"jawOpen": 0.5}, {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8},
                                     {"mouthPucker": 0.8}, {"browInnerUp": 0.9}])
def test_expressions_lie_where_a_render_has_them(closed, portrait, columns):
    motion = motion_of(closed.face, columns)
    truth, (frame,) = closed.truth(motion)[0], portrait.frames(motion)
    found = closed.landmarks(motion)
    skin = (inside(found, OVAL, truth.shape) > 3) & (inside(found, INNER_LIPS, truth.shape) < -2)
    assert psnr(frame, truth, skin) > 29
    assert psnr(frame, truth, skin) > psnr(closed.picture, truth, skin) + 3


def test_eyes_close(closed, portrait):
    motion = motion_of(closed.face, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1})
    truth, (frame,) = closed.truth(motion)[0], portrait.frames(motion)
    for rim in EYES.values():
        eye = inside(closed.landmarks(motion_of(closed.face, {})), rim, truth.shape) > 1
        # The whites are gone: blue of skin is low.
        assert np.percentile(frame[eye][:, 2], 98) < np.percentile(closed.picture[eye][:, 2], 98) - 15
        assert np.abs(frame[eye].mean(0) - truth[eye].mean(0)).max() < 40


def test_closed_eyes_are_told(portrait):
    assert not portrait.notes
    (note,) = Sitter(eyeBlinkLeft=0.9, eyeBlinkRight=0.8).portrait().notes
    assert "eyes are closed" in note
    assert not Sitter(eyeBlinkLeft=0.9).portrait().notes  # a wink


def test_open_lips_meet_where_speech_closes_them(opened):
    portrait = opened.portrait()
    assert portrait.likeness.is_open
    still = motion_of(opened.face, {})
    corners, weights, index = sona.anchors()
    place = {k: i for i, k in enumerate(index.tolist())}

    def gap(vertices):
        points = opened.camera.project(vertices)[corners] * weights[:, :, None]
        return points.sum(1)[place[14], 1] - points.sum(1)[place[13], 1]

    on_photo, closed_ = (portrait.likeness.vertices(still, np.full(1, speech))[0] for speech in (0.0, 1.0))
    assert gap(on_photo) > 7
    # At rest the built-in head's own lips leave the detector's two points this far apart.
    rest = gap(opened.face.mesh(still).vertices[0])
    assert abs(gap(closed_) - rest) < 0.08 * gap(on_photo)
    # Within speech a closure is drawn closed; in a long pause the photo is back.
    motion = motion_of(opened.face, *[{"jawOpen": 0.4}] * 3, {}, *[{"jawOpen": 0.4}] * 3, *[{}] * 40)
    frames = list(portrait.frames(motion))
    mouth = inside(opened.landmarks(motion_of(opened.face, {"jawOpen": 0.4})), INNER_LIPS, opened.picture.shape) > 2
    lips = motion_of(opened.face, {})
    assert psnr(frames[3], opened.truth(lips)[0], mouth) > psnr(opened.picture, opened.truth(lips)[0], mouth) + 6
    assert psnr(frames[-1], opened.picture) > 44


def test_no_holes_and_no_seams(closed):
    bright = (90 + 0.6 * closed.picture).astype(np.uint8)
    portrait = closed.portrait(bright)
    turns = np.concatenate([turned(a, axis) for axis in range(3) for a in (-10, -5, 5, 10)])
    motion = motion_of(portrait.face, *[{}] * len(turns), turns=turns)
    for frame in portrait.frames(motion):
        # Nothing of the photo is darker than 90, so a hole or a dark seam would show; sharpening overshoots a little.
        assert frame.min() > 75
    mouths = motion_of(portrait.face, *[{"jawOpen": 0.6}] * len(turns), turns=turns)
    for turn, frame in zip(turns, portrait.frames(mouths), strict=True):
        moved = motion_of(closed.face, {"jawOpen": 0.6}, turns=turn[None])
        beyond = inside(closed.landmarks(moved), OUTER_LIPS, frame.shape) < -4
        assert frame[beyond].min() > 75


def test_the_edges_of_the_picture_stay(closed, portrait):
    motion = motion_of(portrait.face, {"jawOpen": 0.5}, turns=turned(9, 1))
    (frame,) = portrait.frames(motion)
    for edge in (np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]):
        assert np.abs(frame[edge].astype(int) - closed.picture[edge]).max() <= 2


def test_frames_do_not_depend_on_threads(portrait):
    motion = motion_of(portrait.face, *[{"jawOpen": 0.05 * k, "eyeBlinkLeft": 0.1 * k} for k in range(10)])
    alone, together = (list(portrait.frames(motion, threads=n)) for n in (1, 3))
    assert len(alone) == 10
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_motion_of_a_smaller_space_will_do(portrait):
    (frame,) = portrait.frames(Motion(np.zeros((1, 52), np.float32), 25, ARKIT_52))
    assert psnr(frame, portrait.picture) > 45


def test_faces_without_a_mouth_are_refused(closed):
    motion = motion_of(closed.face, {})
    surface = closed.face.surface
    names = [material.name for material in surface.materials]
    keep = np.isin(surface.triangle_material, [names.index("skin"), names.index("eye")])
    bare = replace(closed.face, surface=replace(surface, triangles=surface.triangles[keep],
                                                triangle_material=surface.triangle_material[keep]))
    track = Track(bare, motion, closed.camera, np.zeros(1), closed.landmarks(motion)[None], np.ones(1, bool))
    with pytest.raises(InputError, match="teeth and tongue"):
        photo_portrait(closed.picture, track, sona.anchors())
    with pytest.raises(InputError, match="threads"):
        closed.portrait().frames(motion, threads=0)
