"""The Basel model's mesh on a person: it lies on the skin, moves with it, and shows the photo in its own texture."""

import numpy as np
import pytest
import sona_photo as sona
from foreign_layouts import bfm_model, laid_bfm, write_bfm

import personare
from personare.errors import InputError
from personare.faces.sona import open_sona
from personare.portraits.layouts import background, laid_on
from personare.portraits.surfaces import Unwrapper, looked_up, places, window_around, window_picture

pytest.importorskip("scipy", reason="needs the extra faces")


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return laid_bfm(tmp_path_factory.mktemp("bfm"))


def test_uv_beside_the_model_are_read_and_must_fit(tmp_path):
    path, v = write_bfm(tmp_path), len(bfm_model().mean)
    np.testing.assert_array_equal(personare.open_face(path).surface.uv[:v], np.load(tmp_path / "uv.npz")["uv"][:, :2])
    np.save(tmp_path / "uv.npy", np.zeros((7, 3), np.float32))
    with pytest.raises(InputError, match=r"uv\.npy: expected texture coordinates"):
        personare.open_face(tmp_path / "bfm.npz")


def test_it_lies_on_the_skin_and_moves_with_it(laid):
    layout, surface = laid
    face, used = open_sona(), np.unique(surface.triangles)
    truth = layout.neutral()[used] + bfm_model().middle
    away = np.linalg.norm(surface.placed(face.neutral())[used] - truth, axis=1)
    assert len(used) > 0.9 * len(bfm_model().mean)
    assert np.median(away) < 5e-4
    assert np.quantile(away, 0.98) < 4e-3
    opened = face.mesh(sona.motion_of(face, {"jawOpen": 0.6})).vertices[0]
    moved = surface.placed(opened)[used] - surface.placed(face.neutral())[used]
    corners, weights, index = sona.anchors()
    chin = (face.rest[corners] * weights[:, :, None]).sum(1)[index.tolist().index(152)]
    lower = np.linalg.norm(truth - chin, axis=1) < 0.01
    assert np.linalg.norm(moved[lower], axis=1).min() > 0.01
    assert np.linalg.norm(moved[truth[:, 1] > 0.02], axis=1).max() < 1e-3
    assert surface.speaks.any()
    assert not surface.speaks.all()


def test_the_photo_is_found_again_in_the_other_texture(laid):
    _, surface = laid
    sitter = sona.Sitter()
    person = sitter.portrait().likeness
    unwrapper = Unwrapper(surface, 256)
    unwrapper.look(sitter.picture, person.camera, person.on_photo())
    matrix, camera = window_around(surface, person.camera, person.on_photo()[None], 224)
    uv, number, _ = places(surface, camera, person.on_photo())
    face = number >= 0
    assert 0.2 < face.mean() < 0.7
    assert uv[face].max() <= 1
    shown = window_picture(sitter.picture, matrix, 224).astype(float)
    error = np.abs(looked_up(unwrapper.texture(), uv) - shown)[face]
    assert np.median(error) < 4


def test_an_open_mouth_is_no_background():
    number = np.full((20, 20), -1)
    number[3:17, 3:17] = 0
    number[9:12, 8:12] = -1
    outside = background(number)
    assert outside[0].all()
    assert outside.sum() == 400 - 14 * 14


def test_other_faces_are_refused():
    with pytest.raises(InputError, match="expected the Basel model with texture coordinates, got 'sona'"):
        laid_on(open_sona(), open_sona(), ())
