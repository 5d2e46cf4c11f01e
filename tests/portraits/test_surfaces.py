"""Where pixels lie on a face, and what pictures show of it, on the built-in head from known cameras."""

import numpy as np
import pytest

from personare import api
from personare.portraits.surfaces import Unwrapper, looked_up, places, surface_of, window_of
from personare.rendering.camera import frame_face
from personare.types import Motion

SIZE = 256


@pytest.fixture(scope="module")
def face():
    return api.open_face("sona")


@pytest.fixture(scope="module")
def surface(face):
    return surface_of(face)


@pytest.fixture(scope="module")
def pattern():
    """A texture that is smooth and tells every place from every other."""
    v, u = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    return np.round(255 * np.stack([u, v, 0.5 + 0.5 * np.sin(9 * (u + v))], -1)).astype(np.uint8)


def test_the_face_is_its_front_without_hair_and_neck(face, surface):
    rest = face.neutral()
    used = rest[np.unique(surface.triangles)]
    names = {material.name: i for i, material in enumerate(face.surface.materials)}
    cards = np.isin(face.surface.triangle_material, [names["hair"], names["brow"]])
    kept = {tuple(corners) for corners in surface.triangles.tolist()}
    assert not kept & {tuple(corners) for corners in face.surface.triangles[cards].tolist()}
    eyes = face.surface.triangles[face.surface.triangle_material == names["eye"]]
    assert sum(tuple(corners) in kept for corners in eyes.tolist()) > 0.9 * len(eyes)
    # Mouth and chin speak; eyes do not.
    skin = face.surface.triangles[face.surface.triangle_material == names["skin"]]
    skin = {tuple(corners) for corners in skin.tolist()}
    speaks = [i for i in np.flatnonzero(surface.speaks) if tuple(surface.triangles[i].tolist()) in skin]
    assert rest[surface.triangles[speaks], 1].max() < rest[np.unique(eyes), 1].min()
    assert 0.05 < surface.speaks.mean() < 0.8
    assert np.ptp(used[:, 1]) < 0.75 * np.ptp(rest[:, 1])


def test_a_pixel_lies_where_the_vertex_on_it_lies(face, surface):
    camera = frame_face(face, (512, 512))
    vertices = face.neutral()
    uv, number, near = places(surface, camera, vertices)
    points = camera.project(vertices)
    rng, errors = np.random.default_rng(0), []
    for t in rng.choice(np.unique(number[number >= 0]), 300, replace=False):
        rows, columns = np.nonzero(number == t)
        corners = points[surface.triangles[t], :2]
        matrix = np.linalg.inv(np.concatenate([corners.T, np.ones((1, 3))]))
        for row, column in zip(rows[:3], columns[:3], strict=True):
            shares = matrix @ (column + 0.5, row + 0.5, 1)
            # A head two metres away is nearly flat within a triangle.
            errors.append(np.abs(shares @ surface.corner_uv[t] - uv[row, column]).max())
    assert max(errors) < 2e-3
    assert ((near > 0) == (number >= 0)).all()
    assert (uv[number < 0] == 0).all()


def test_what_a_picture_shows_comes_back_as_the_texture(face, surface, pattern):
    camera = frame_face(face, (768, 768))
    vertices = face.neutral()
    uv, number, _ = places(surface, camera, vertices)
    picture = np.where((number >= 0)[..., None], looked_up(pattern, uv), 0).astype(np.uint8)
    unwrapper = Unwrapper(surface, SIZE)
    unwrapper.look(picture, camera, vertices)
    found, seen = unwrapper.texture(), unwrapper.seen
    error = np.abs(found[seen].astype(int) - pattern[seen]).max(axis=1)
    assert seen.sum() > 0.3 * len(unwrapper.texels)
    # Within a texel; at outlines a pixel mixes what lies on either side.
    assert np.median(error) <= 2
    assert (error < 8).mean() > 0.97
    # What nothing shows has the mean of the rest.
    np.testing.assert_allclose(found[~seen], np.tile(found[~seen][0], (int((~seen).sum()), 1)))


def test_what_is_turned_away_is_not_seen(face, surface, pattern):
    shares = []
    texel_x = face.neutral()[Unwrapper(surface, SIZE)._corners].mean(axis=1)[:, 0]
    for yaw in (0.0, 0.9):
        camera = frame_face(face, (512, 512), yaw_rad=yaw)
        unwrapper = Unwrapper(surface, SIZE)
        unwrapper.look(np.full((512, 512, 3), 128, np.uint8), camera, face.neutral())
        seen = unwrapper.seen.ravel()[unwrapper.texels]
        shares.append([seen[texel_x > 0.02].mean(), seen[texel_x < -0.02].mean()])
    # From the front both halves alike; from the subject's left hardly the right half.
    assert abs(shares[0][0] - shares[0][1]) < 0.05
    assert shares[1][0] > 2 * shares[1][1]


def test_the_window_holds_the_face_in_all_frames(face, surface):
    pose = np.tile(np.eye(4, dtype=np.float32), (80, 1, 1))
    pose[:, 0, 3] = np.linspace(-0.05, 0.05, 80)
    motion = Motion(np.zeros((80, len(face.space)), np.float32), 25, face.space, pose)
    camera = frame_face(face, (640, 480))
    matrix, window = window_of(surface, camera, motion, 128)
    used = np.unique(surface.triangles)
    for i in (0, 40, 79):
        vertices = face.mesh(motion.frames(i, i + 1)).vertices[0]
        whole, small = camera.project(vertices[used]), window.project(vertices[used])
        assert small[:, :2].min() > 0
        assert small[:, :2].max() < 128
        # The matrix says where the window's places lie on the picture.
        there = (small[:, :2] / 64 - 1) @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(there, whole[:, :2], atol=1e-6)
