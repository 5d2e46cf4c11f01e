"""A photo whose face a small network draws: what is not the face stays as without it."""

import numpy as np
import pytest
import sona_photo as sona
from foreign_layouts import laid_bfm

torch = pytest.importorskip("torch", reason="needs the extra personare[learn]")
pytest.importorskip("onnx", reason="needs the extra personare[learn]")

from personare.errors import InputError  # noqa: E402
from personare.learn.portrait_data import PortraitClip, write_portrait_clip  # noqa: E402
from personare.learn.portrait_training import PortraitTraining, learn_portrait  # noqa: E402
from personare.portraits.layouts import background  # noqa: E402
from personare.portraits.rendered import RenderedPhoto, rendered_photo  # noqa: E402
from personare.portraits.renderers import open_renderer  # noqa: E402
from personare.portraits.surfaces import (  # noqa: E402
    Unwrapper,
    looked_up,
    places,
    surface_of,
    window_around,
    window_picture,
)


@pytest.fixture(scope="module")
def photo():
    return sona.Sitter().portrait()


@pytest.fixture(scope="module")
def clip(photo):
    """The photo as a clip of two frames."""
    person, surface = photo.likeness, surface_of(photo.face)
    unwrapper = Unwrapper(surface, 256)
    unwrapper.look(photo.picture, person.camera, person.on_photo())
    matrix, camera = window_around(surface, person.camera, person.on_photo()[None], 64)
    uv, number, _ = places(surface, camera, person.on_photo())
    face, texture = number >= 0, unwrapper.texture()
    arrays = {"pictures": window_picture(photo.picture, matrix, 64), "uv": uv, "background": ~face,
              "mouth": face & surface.speaks[number], "drawn": looked_up(texture, uv)}
    told = np.zeros((2, len(photo.face.space)), np.float32)
    return PortraitClip("photo", texture=texture[None], expressions=told, **{name: np.stack([value] * 2)
                                                                             for name, value in arrays.items()})


@pytest.fixture(scope="module")
def bundles(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_portrait_clip(folder / "clips", clip)
    enhancer = {"width": 4, "blocks": 1, "local_blocks": 1, "halvings": 1}
    learn_portrait("style-avatar", folder / "clips", folder / "any", training=PortraitTraining(100, 1, 2e-3), options={
        **enhancer, "textures": 1, "features": 6, "encoder_width": 4, "judge_width": 2, "frames": 1})
    learn_portrait("style-avatar-blender", folder / "clips", folder / "blender", options=enhancer,
                   training=PortraitTraining(1, 1))
    return folder


def test_the_face_is_drawn_and_all_else_is_the_photo_s(photo, bundles):
    person = rendered_photo(photo, bundles / "any")
    assert (person.size, person.face) == (photo.size, photo.face)
    motion = sona.motion_of(photo.face, {"jawOpen": 0.4})
    (plain,), (drawn,) = photo.frames(motion), person.frames(motion)
    assert drawn.shape == plain.shape
    vertices = photo.likeness.vertices(motion, np.ones(1))[0]
    _, number, _ = places(surface_of(photo.face), photo.likeness.camera, vertices)
    near = number >= 0
    changed = (drawn != plain).any(axis=2)
    # A pixel of the square covers several of the photo's.
    assert changed[near].mean() > 0.6
    assert (changed & ~near).sum() < 0.05 * changed.sum()
    # It learned this photo, a little.
    error = np.abs(drawn[near].astype(float) - plain[near]).mean()
    assert error < 0.7 * np.abs(plain[near] - plain[near].mean(axis=0)).mean()


@pytest.mark.parametrize("method", ["puppetry-renderer", "dvp-renderer"])
def test_the_other_renderers_draw_a_photo_too(photo, bundles, method):
    options = {"puppetry-renderer": {"texture": "expression", "columns": len(photo.face.space), "features": 4,
                                     "texture_size": 16, "levels": 3, "width": 4, "crop": 0, "erosion": 0.1},
               "dvp-renderer": {"drawings": 3, "width": 4, "levels": 5, "judge_width": 4}}[method]
    learn_portrait(method, bundles / "clips", bundles / method, options=options,
                   training=PortraitTraining(2, 1))
    person = rendered_photo(photo, bundles / method)
    motion = sona.motion_of(photo.face, {"jawOpen": 0.4})
    five = type(motion)(motion.values.repeat(5, 0), motion.fps, motion.space)
    frames = list(person.frames(five))
    assert len(frames) == 5
    assert frames[0].shape == photo.picture.shape
    assert (frames[0] != frames[4]).mean() < 0.02
    assert list(person.frames(five.frames(0, 0))) == []


def test_bundles_that_cannot_draw_this_face_are_refused(photo, bundles):
    with pytest.raises(InputError, match="renderer: expected a bundle that draws faces, got style-avatar-blender"):
        rendered_photo(photo, bundles / "blender")
    renderer = open_renderer(bundles / "any")
    renderer.config["layout"] = "bfm"
    with pytest.raises(InputError, match=r"textures of this face, got one of bfm.*--face bfm\.npz"):
        RenderedPhoto(photo, renderer)


def test_bundles_on_the_basel_model_draw_a_photo(photo, bundles, tmp_path):
    pytest.importorskip("scipy", reason="needs the extra faces")
    _, surface = laid_bfm(tmp_path)
    with pytest.raises(InputError, match="a face whose own textures the bundle knows, got the Basel model"):
        rendered_photo(photo, bundles / "any", surface)
    renderer = open_renderer(bundles / "any")
    renderer.config["layout"] = "bfm"
    person = RenderedPhoto(photo, renderer, surface)
    assert person.texture.std() > 10
    motion = sona.motion_of(photo.face, {"jawOpen": 0.4})
    (plain,), (drawn,) = photo.frames(motion), person.frames(motion)
    vertices = photo.likeness.vertices(motion, np.ones(1))[0]
    _, number, _ = places(surface, photo.likeness.camera, vertices)
    changed = (drawn != plain).any(axis=2)
    assert changed[number >= 0].mean() > 0.5
    assert (changed & background(number)).sum() < 0.05 * changed.sum()
