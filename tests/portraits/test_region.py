"""The moving part of a face, and the window that follows the head but not the jaw."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from personare.api import open_face
from personare.errors import InputError
from personare.portraits.region import find_region, hull, lip_gaps, windows
from personare.rendering.camera import frame_face
from personare.spaces import Space
from personare.types import Motion


@pytest.fixture(scope="module")
def sona():
    return open_face()


@pytest.fixture(scope="module")
def region(sona):
    return find_region(sona)


def track_of(face, values, pose=None):
    pose = np.tile(np.eye(4, dtype=np.float32), (len(values), 1, 1)) if pose is None else pose
    return SimpleNamespace(motion=Motion(values, 30, face.space, pose), camera=frame_face(face, (256, 256)))


def test_the_mouth_is_in_it_and_the_eyes_are_not(sona, region):
    names = [material.name for material in sona.surface.materials]
    within = np.isin(sona.surface.triangles, region.vertices[region.triangles[region.part > 0]]).all(axis=1)
    inside = {names[m] for m in np.unique(sona.surface.triangle_material[within])}
    assert {"teeth", "gums", "tongue"} <= inside
    assert not inside & {"eye", "hair", "brow"}
    rest = sona.neutral()[region.painted]
    assert rest[:, 1].max() < 0.0
    assert rest[:, 1].min() < -0.07
    assert "jawOpen" in region.columns
    assert "eyeBlinkLeft" not in region.columns


def test_tiles_of_the_atlas_do_not_overlap(region):
    boxes = [(region.corner_uv[region.part == p].min(axis=(0, 1)), region.corner_uv[region.part == p].max(axis=(0, 1)))
             for p in range(region.part_count)]
    assert all((low >= 0).all() and (high <= 1).all() for low, high in boxes)
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert (high < other_low).any() or (low > other_high).any()


def test_the_window_stays_while_the_jaw_opens_and_goes_with_the_head(sona, region):
    values = np.zeros((3, len(sona.space)), np.float32)
    values[1, sona.space.index("jawOpen")] = 1
    angle, pose = 0.3, np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    pose[2, :2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[2, :3, 3] = 0.01, 0.02, 0.1
    track = track_of(sona, values, pose)
    rest, opened, turned = windows(region, track.camera, track.motion.head_pose)
    np.testing.assert_array_equal(rest, opened)
    head = sona.mesh(Motion(values, 30, sona.space, pose)).vertices
    spots = track.camera.project(head[:, region.painted])[..., :2]
    flat = [np.linalg.solve(w[:, :2], (s - w[:, 2]).T).T for w, s in ((rest, spots[0]), (turned, spots[2]))]
    # A roll and a step towards the camera are undone, but for perspective.
    assert np.abs(flat[0] - flat[1]).max() < 0.03
    assert np.hypot(*turned[:, 0]) > 1.1 * np.hypot(*rest[:, 0])


def test_all_of_what_is_painted_lies_in_the_window(sona, region):
    track = track_of(sona, np.zeros((1, len(sona.space)), np.float32))
    window = windows(region, track.camera, track.motion.head_pose)[0]
    spots = track.camera.project(region.outline)[:, :2]
    assert np.abs(np.linalg.solve(window[:, :2], (spots - window[:, 2]).T)).max() < 0.9


def test_a_hull_is_convex_and_holds_all_points(rng):
    points = rng.normal(size=(200, 2))
    corners = hull(points)
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = stop - start
        assert ((points[:, 1] - start[1]) * along[0] - (points[:, 0] - start[0]) * along[1] >= -1e-12).all()
    assert 4 < len(corners) < 40


def test_a_face_without_a_jaw_is_refused(sona):
    space = Space("numbers", tuple(f"n{i}" for i in range(len(sona.space))))
    blind = replace(sona, space=space, correctives=(), joints=())
    with pytest.raises(InputError, match="a face with a column jawOpen"):
        find_region(blind)


def test_lips_part_as_the_jaw_opens_and_meet_again(region):
    gaps = dict(zip(region.columns, lip_gaps(region), strict=True))
    assert 0.02 < gaps["jawOpen"] < 0.035
    assert gaps["mouthClose"] == pytest.approx(-gaps["jawOpen"], rel=0.05)
    assert gaps["mouthUpperUpLeft"] > 0.003
    assert gaps["mouthRollLower"] < 0
    assert abs(gaps["mouthSmileLeft"]) < 0.001
