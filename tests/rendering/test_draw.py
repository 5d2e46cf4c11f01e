from dataclasses import replace

import numpy as np
import pytest

from personare.rendering.camera import Camera, frame_face
from personare.rendering.draw_ref import draw_ref
from personare.rendering.light import STUDIO, UNLIT, Background, linear, srgb
from personare.rendering.raster_ref import project_ref, vertex_normals_ref
from personare.rendering.scene import FACET_COLUMNS, build_scene
from personare.types import Material, Surface


def prepared(vertices, scene, project=project_ref, vertex_normals=vertex_normals_ref):
    """Arguments of draw for one frame, without the picture."""
    v = len(vertices)
    points, screen, near = np.empty((v, 3), np.float32), np.zeros((v, 2), np.int32), np.empty(v, np.float32)
    attributes = scene.attributes.copy()
    project(np.ascontiguousarray(vertices, np.float32), scene.camera_from_world, scene.lens, points, screen, near)
    vertex_normals(points, scene.welded, scene.weld, attributes)
    return (points, screen, near, scene.triangles, attributes, scene.uv, scene.triangle_material, scene.materials,
            scene.textures, scene.texels, scene.two_sided, scene.casts, scene.view, scene.lamps, scene.ambient,
            scene.backdrop, scene.tones, scene.shadow_frame,
            np.empty((len(scene.triangles), FACET_COLUMNS), np.float32),
            np.empty((scene.shadow_size,) * 2, np.float32))


def both(kernels, vertices, scene):
    """The picture by compiled kernels and by NumPy."""
    pictures = []
    for draw in (kernels.draw, draw_ref):
        pictures.append(scene.picture.copy())
        draw(*prepared(vertices, scene), pictures[-1])
    return pictures


def quad(color=(1.0, 1.0, 1.0), **looks):
    """A 2 m square at z = 0 as a Surface and its vertices."""
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    surface = Surface(np.array([[0, 1, 2], [0, 2, 3]]), vertices[:, :2] / 2 + 0.5, np.ones((4, 3)), np.ones(4),
                      (Material("flat", color, specular=0.0, **looks),), np.zeros(2), np.arange(4))
    return surface, vertices


def camera_at(distance, size=(16, 16), focal=16.0, x=0.0):
    """A camera on the z axis, looking at the origin from some distance."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, 0, -distance
    return Camera(matrix, focal, (size[0] / 2, size[1] / 2), size, 0.01, 100.0)


@pytest.mark.parametrize("size", [(96, 96), (64, 131), (203, 17), (1024, 16)])
@pytest.mark.parametrize("yaw", [0.0, 2.1])
def test_the_picture_equals_that_of_the_reference(kernels, make_head, rng, size, yaw):
    face = make_head(12, 24, texture=rng.integers(0, 256, (30, 50, 3), np.uint8))
    scene = build_scene(face.surface, face.neutral(), frame_face(face, size, yaw_rad=yaw), STUDIO, two_sided=("eye",))
    fast, slow = both(kernels, face.neutral(), scene)
    assert np.abs(fast.astype(int) - slow).max() <= 1
    assert (fast != scene.picture).any(axis=2).mean() > 0.005


def test_every_level_of_an_unlit_surface_is_exact(kernels):
    for level in range(256):
        color = tuple(linear([level, 255 - level, (level * 7) % 256]))
        surface, vertices = quad(color)
        picture = both(kernels, vertices, build_scene(surface, vertices, camera_at(1.0), UNLIT))[0]
        assert (picture == (level, 255 - level, (level * 7) % 256)).all()


def test_edges_blend_in_linear_light(kernels):
    grey = (float(linear(124)),) * 3
    background = Background(grey, grey)
    light = replace(UNLIT, background=background)
    surface, vertices = quad()
    # The left edge of the square passes through the middle of pixel column 8, so that two of four samples are inside.
    picture = both(kernels, vertices, build_scene(surface, vertices, camera_at(1.0, x=1 + 0.5 / 16), light))[0]
    assert (picture[:, :8] == 124).all()
    assert (picture[:, 8] == np.rint(srgb(0.5 + 0.5 * linear(124)))).all()
    assert (picture[:, 9:] == 255).all()


def test_a_texture_lies_the_right_way_up_and_is_interpolated(kernels):
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0] = (255, 0, 0)
    texture[1, 1] = (0, 255, 0)
    surface, vertices = quad(texture=texture)
    picture = both(kernels, vertices, build_scene(surface, vertices, camera_at(2.0), UNLIT))[0]
    assert np.array_equal(picture[1, 1], (255, 0, 0))
    assert np.array_equal(picture[-2, -2], (0, 255, 0))
    assert (picture[1, -2] == 0).all()
    # The middle lies half way between all four texels: light 0.25 of red and of green.
    assert np.abs(picture[7:9, 7:9].mean(axis=(0, 1)) - (srgb(0.25), srgb(0.25), 0)).max() < 3


def test_light_on_a_sphere_falls_from_the_lamp_to_the_far_side(kernels, make_head):
    face = make_head(40, 80)
    lamp = replace(STUDIO.lamps[0], towards=(0.0, 0.0, 1.0), color=(0.7, 0.7, 0.7))
    light = replace(STUDIO, lamps=(lamp,), sky=(0.0,) * 3, ground=(0.0,) * 3, shoulder=1.0,
                    background=Background((0.0,) * 3, (0.0,) * 3))
    sphere = face.neutral().copy()
    sphere[: 41 * 81] = sphere[: 41 * 81] / np.linalg.norm(sphere[: 41 * 81], axis=1, keepdims=True)
    surface = replace(face.surface, triangles=face.surface.triangles[: 2 * 40 * 80],
                      triangle_material=np.zeros(2 * 40 * 80), materials=(Material("clay", specular=0.0),))
    picture = both(kernels, sphere, build_scene(surface, sphere, camera_at(8.0, (128, 128), 480.0), light))[0]
    row = picture[64, 64:].astype(int)
    assert (np.diff(row[:, 0]) <= 0).all()
    # The middle faces the lamp: nothing but its own light.
    assert abs(row[0, 0] - srgb(0.7)) <= 1
    # At 30 degrees from the axis the light is Lambert's.
    x = round(480 * 0.5 / (8 - np.cos(np.radians(30))))
    assert abs(row[x, 0] - srgb(0.7 * np.cos(np.radians(30)))) <= 3


def broken(rng, face):
    """Vertices of a face with everything wrong that a mesh can have."""
    vertices = face.neutral().copy()
    at = rng.permutation(len(vertices))
    vertices[at[:20]] = np.nan
    vertices[at[20:40]] = rng.choice([np.inf, -np.inf], (20, 3))
    vertices[at[40:80]] *= 1e6
    vertices[at[80:120], 2] += rng.uniform(0, 3, 40)
    vertices[at[120:160]] = vertices[at[160:200]]
    vertices[at[200:220]] = 3e38
    return vertices


@pytest.mark.parametrize("size", [(64, 64), (4096, 16), (16, 4096), (33, 77)])
def test_broken_meshes_are_drawn_as_far_as_they_go(kernels, rng, make_head, size):
    face = make_head(12, 24)
    scene = build_scene(face.surface, face.neutral(), frame_face(face, size), STUDIO, two_sided=("skin",))
    fast, slow = both(kernels, broken(rng, face), scene)
    assert (np.abs(fast.astype(int) - slow).max(axis=2) > 1).mean() < 1e-3
    everything_lost = np.full_like(face.neutral(), np.nan)
    for picture in both(kernels, everything_lost, scene):
        assert np.array_equal(picture, scene.picture)


def test_a_face_without_triangles_is_background(kernels):
    surface, vertices = quad()
    surface = replace(surface, triangles=np.zeros((0, 3)), triangle_material=np.zeros(0))
    scene = build_scene(surface, vertices, camera_at(1.0), STUDIO)
    for picture in both(kernels, vertices, scene):
        assert np.array_equal(picture, scene.picture)


def textured(face, rng, **looks):
    """The face with noise for skin, and eyes that are painted strands with holes."""
    strands = rng.integers(0, 256, (64, 32, 4), np.uint8)
    skin, eye = face.surface.materials
    materials = (replace(skin, texture=rng.integers(0, 256, (64, 64, 3), np.uint8), relief=0.001),
                 replace(eye, texture=strands, strands=0.7, **looks))
    return replace(face.surface, materials=materials)


@pytest.mark.parametrize("size", [(48, 48), (200, 160)])
def test_relief_strands_and_holes_equal_the_reference(kernels, make_head, rng, size):
    face = make_head(12, 24)
    scene = build_scene(textured(face, rng), face.neutral(), frame_face(face, size), STUDIO, two_sided=("eye",))
    fast, slow = both(kernels, face.neutral(), scene)
    # A sample at the very threshold of a hole may fall either way.
    assert (np.abs(fast.astype(int) - slow).max(axis=2) > 1).mean() < 1e-3


def test_a_sheet_covers_as_much_as_it_is_opaque(kernels):
    light = replace(UNLIT, background=Background((0.0,) * 3, (0.0,) * 3))
    for level, share in ((0, 0.0), (50, 0.25), (100, 0.5), (180, 0.75), (255, 1.0)):
        texture = np.full((4, 4, 4), 255, np.uint8)
        texture[..., 3] = level
        surface, vertices = quad(texture=texture)
        picture = both(kernels, vertices, build_scene(surface, vertices, camera_at(1.0), light))[0]
        assert (picture == np.rint(srgb(share))).all()


def test_far_textures_show_the_mean_of_their_texels(kernels, rng):
    texture = rng.integers(0, 2, (256, 256, 1), np.uint8).repeat(3, 2) * 255
    surface, vertices = quad(texture=texture)
    picture = both(kernels, vertices, build_scene(surface, vertices, camera_at(1.0), UNLIT))[0]
    # A pixel holds 8 x 8 texels, of which it sees one level that holds at least a quarter of them.
    assert np.abs(picture[1:-1, 1:-1].astype(int) - srgb(0.5)).max() < 60
    assert abs(linear(picture).mean() - 0.5) < 0.02


def test_what_stands_before_the_lamp_throws_a_shadow_where_it_casts_one(kernels):
    wall, front = quad()[1] * (1, 1, 1), quad()[1] * 0.25 + np.float32([0, 0, 0.4])
    vertices = np.concatenate([wall, front])
    lamp = replace(STUDIO.lamps[0], towards=(-0.5, 0.0, 0.8), color=(0.5,) * 3, shadow=1.0)
    light = replace(STUDIO, lamps=(lamp,), sky=(0.1,) * 3, ground=(0.1,) * 3, shoulder=1.0)
    for casts in (True, False):
        flat = quad()[0]
        surface = replace(
            flat, triangles=np.concatenate([flat.triangles, flat.triangles + 4]), uv=np.tile(flat.uv, (2, 1)),
            color=np.ones((8, 3)), occlusion=np.ones(8), weld=np.arange(8), triangle_material=[0, 0, 1, 1],
            materials=(Material("wall", specular=0.0), Material("sheet", specular=0.0, casts=casts)))
        scene = build_scene(surface, vertices, camera_at(4.0, (64, 64), 96.0), light)
        picture, slow = both(kernels, vertices, scene)
        assert np.abs(picture.astype(int) - slow).max() <= 1
        # The sheet's middle throws its shadow 0.25 m to the right of it, 6 pixels.
        assert (picture[32, 32 + 9, 0] < 0.8 * picture[32, 12, 0]) == casts
        assert abs(int(picture[8, 12, 0]) - picture[32, 12, 0]) <= 2
