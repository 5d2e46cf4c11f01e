from dataclasses import replace

import numpy as np
import pytest

from personare.rendering.camera import frame_face
from personare.rendering.light import STUDIO, TONE_LIMIT, TONE_STEPS, Background, linear
from personare.rendering.scene import OPAQUER, build_scene


def test_hollows_darken_and_keep_their_red(head):
    occlusion = np.linspace(0, 1, len(head.surface.uv)).astype(np.float32)
    surface = replace(head.surface, occlusion=occlusion)
    looks = build_scene(surface, head.neutral(), frame_face(head), STUDIO).attributes
    skin = np.unique(surface.triangles[surface.triangle_material == 0])
    share = looks[skin, 4:7] / surface.materials[0].color
    assert np.array_equal(looks[:, 3], occlusion)
    assert (np.diff(share, axis=0) >= -1e-6).all()
    assert (share >= occlusion[skin, None] - 1e-6).all()
    assert (share[:, 0] >= share[:, 2] - 1e-6).all()
    assert share[0].max() == 0


def test_textures_are_packed_as_linear_light_at_many_sizes(make_head, rng):
    texture = rng.integers(0, 256, (8, 6, 4), np.uint8)
    face = make_head(6, 8, texture=texture)
    scene = build_scene(face.surface, face.neutral(), frame_face(face), STUDIO)
    assert scene.textures[0, :9].tolist() == [0, 6, 8, 192, 3, 4, 240, 1, 2]
    assert not scene.textures[1].any()
    full = scene.texels[:192].reshape(8, 6, 4) / 65535
    assert np.allclose(full[..., :3], linear(texture[..., :3]), atol=1e-5)
    assert np.allclose(full[..., 3], texture[..., 3] / 255)
    half = scene.texels[192:240].reshape(4, 3, 4) / 65535
    mean = full.reshape(4, 2, 3, 2, 4).mean(axis=(1, 3)) * (1, 1, 1, OPAQUER)
    assert np.allclose(half, np.minimum(mean, 1), atol=1e-4)


def test_materials_that_share_a_texture_share_its_texels(make_head, rng):
    texture = rng.integers(0, 256, (4, 4, 3), np.uint8)
    surface = make_head(6, 8).surface
    shared = replace(surface, materials=tuple(replace(m, texture=lambda: texture) for m in surface.materials))
    scene = build_scene(shared, make_head(6, 8).neutral(), frame_face(make_head(6, 8)), STUDIO)
    assert np.array_equal(scene.textures[0], scene.textures[1])
    assert len(scene.texels) == 4 * (16 + 4 + 11 * 1)


def test_only_named_materials_have_two_sides(head):
    scene = build_scene(head.surface, head.neutral(), frame_face(head), STUDIO, two_sided=("eye", "lashes"))
    assert np.array_equal(scene.two_sided, head.surface.triangle_material == 1)


def test_welds_in_several_steps_are_followed_to_their_end(head):
    weld = np.maximum(np.arange(len(head.surface.uv)) - 1, 0)
    scene = build_scene(replace(head.surface, weld=weld), head.neutral(), frame_face(head), STUDIO)
    assert (scene.weld == 0).all()
    assert (scene.welded == 0).all()


@pytest.mark.parametrize("shoulder", [1.0, 0.75])
def test_toning_the_backdrop_gives_the_background(head, shoulder):
    white = replace(STUDIO, shoulder=shoulder, background=Background((0.97, 0.9, 0.8), (0.05, 0.5, 0.97)))
    scene = build_scene(head.surface, head.neutral(), frame_face(head), white)
    step = np.rint(scene.backdrop * (TONE_STEPS / TONE_LIMIT)).astype(int).clip(0, TONE_STEPS - 1)
    assert np.abs(scene.tones[step].astype(int) - scene.picture).max() <= 1


def test_read_only_faces_can_be_drawn(head):
    surface = replace(head.surface)
    for name in ("triangles", "uv", "triangle_material"):
        array = getattr(surface, name).copy()
        array.setflags(write=False)
        object.__setattr__(surface, name, array)
    scene = build_scene(surface, head.neutral(), frame_face(head), STUDIO)
    assert all(getattr(scene, name).flags.writeable for name in ("triangles", "uv", "triangle_material"))
