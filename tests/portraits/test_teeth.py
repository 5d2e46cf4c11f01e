"""Upper teeth on pictures of the built-in head, whose place is known."""

from dataclasses import replace

import numpy as np
import pytest
import sona_photo as sona

from personare.errors import InputError
from personare.portraits.likeness import likeness
from personare.portraits.parts import kinds_of, named
from personare.portraits.photo import photo_portrait
from personare.portraits.points import INNER_LIPS
from personare.portraits.teeth import seen_teeth, upper_teeth, with_teeth
from personare.rendering.frames import render_frames
from personare.types import Track

SMILE = dict.fromkeys(("mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "mouthUpperUpRight",
                       "mouthLowerDownLeft", "mouthLowerDownRight"), 0.6) | {"jawOpen": 0.15}


def fitted(sitter):
    """The Likeness of a Sitter, its picture lit so that teeth are bright."""
    motion = sona.motion_of(sitter.face, sitter.expression)
    found = sitter.landmarks(motion)
    track = Track(sitter.face, motion, sitter.camera, np.zeros(1), found[None], np.ones(1, bool))
    picture = next(render_frames(sitter.face, motion, camera=sitter.camera, light="studio"))
    return likeness(track, *sona.anchors()), picture, found[:, :2].astype(float)


@pytest.fixture(scope="module")
def smiling():
    return sona.Sitter(512, **SMILE)


def teeth_of(face):
    triangles = face.surface.triangles[(kinds_of(face.surface, face.rest) == 2) & named(face.surface, "teeth")]
    return np.isin(np.arange(len(face.rest)), triangles) & upper_teeth(face)


def test_upper_teeth_are_those_that_stay_when_the_jaw_falls(smiling):
    face = smiling.face
    teeth, rest = teeth_of(face), face.rest
    opened = face.mesh(sona.motion_of(face, {"jawOpen": 1.0})).vertices[0]
    assert teeth.sum() > 500
    assert np.abs(opened[teeth] - rest[teeth]).max() < 1e-4
    others = np.isin(np.arange(len(rest)), face.surface.triangles[named(face.surface, "teeth")]) & ~teeth
    assert np.abs(opened[others] - rest[others])[:, 1].min() > 2e-3


def test_teeth_of_a_smile_are_seen_where_they_are(smiling):
    _, picture, found = fitted(smiling)
    seen = seen_teeth(picture, found)
    motion = sona.motion_of(smiling.face, smiling.expression)
    painted = []
    for level in (0, 1):
        color = np.where(teeth_of(smiling.face)[:, None], np.float32(level), smiling.face.surface.color)
        face = replace(smiling.face, surface=replace(smiling.face.surface, color=color.astype(np.float32)))
        painted.append(next(render_frames(face, motion, camera=smiling.camera, light="unlit")).astype(int))
    truth = (painted[1] - painted[0]).min(axis=2) > 60
    mask = seen.mask > 127
    assert (mask & ~truth).sum() < 0.15 * mask.sum()
    assert (mask & truth).sum() > 0.5 * truth.sum()


@pytest.mark.parametrize("off_m", [-0.003, 0.0, 0.003])
def test_teeth_that_stand_elsewhere_come_to_those_seen(smiling, off_m):
    person, picture, found = fitted(smiling)
    upper, rest = upper_teeth(person.face), person.face.rest.copy()
    rest[upper, 1] += off_m
    moved = replace(person, face=replace(person.face, rest=rest))
    came = with_teeth(moved, seen_teeth(picture, found), sona.anchors())
    teeth = teeth_of(person.face)
    assert abs((came.face.rest[teeth] - smiling.face.rest[teeth])[:, 1].mean()) < 0.0012


@pytest.mark.parametrize("part", ["mouth", "teeth"])
def test_a_face_that_lacks_a_part_of_the_mouth_is_shown_too(part):
    sitter = sona.Sitter(160)
    surface = sitter.face.surface
    materials = tuple(replace(one, name="gums") if one.name == part else one for one in surface.materials)
    sitter.face = replace(sitter.face, surface=replace(surface, materials=materials))
    person = sitter.portrait()
    still, opened = (next(iter(person.frames(sona.motion_of(sitter.face, shown)))).astype(int)
                     for shown in ({}, {"jawOpen": 0.5}))
    assert np.abs(still - sitter.picture).mean() < 0.5
    x, y = sitter.landmarks(sona.motion_of(sitter.face, {"jawOpen": 0.5}))[list(INNER_LIPS), :2].mean(axis=0)
    assert np.abs(opened - still)[int(y), int(x)].max() > 40


def test_a_face_whose_lips_are_not_all_found_is_refused():
    sitter = sona.Sitter(160)
    motion = sona.motion_of(sitter.face, {})
    track = Track(sitter.face, motion, sitter.camera, np.zeros(1), sitter.landmarks(motion)[None], np.ones(1, bool))
    found = sona.anchors()[2] != INNER_LIPS[3]
    with pytest.raises(InputError, match="face: expected lips on which the detector finds all landmarks, got 19 of 20"):
        photo_portrait(sitter.picture, track, tuple(part[found] for part in sona.anchors()))


@pytest.mark.parametrize("expression", [{}, {"jawOpen": 0.4}])
def test_a_mouth_without_teeth_in_sight_shows_none(expression):
    sitter = sona.Sitter(320, **expression)
    _, picture, found = fitted(sitter)
    rows, columns = np.indices(picture.shape[:2])
    rim = found[list(INNER_LIPS)]
    low, high = rim.min(axis=0), rim.max(axis=0)
    dark = (columns > low[0]) & (columns < high[0]) & (rows > low[1]) & (rows < high[1])
    picture = np.where(dark[..., None], np.uint8([60, 25, 25]), picture)
    assert seen_teeth(picture, found) is None
