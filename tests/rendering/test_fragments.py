import numpy as np

from personare.rendering.camera import frame_face
from personare.rendering.draw_ref import collect_ref, shares_ref
from personare.rendering.light import STUDIO
from personare.rendering.raster_ref import project_ref, sample_keys_ref, vertex_normals_ref
from personare.rendering.scene import build_scene


def collected(face, size):
    scene = build_scene(face.surface, face.neutral(), frame_face(face, size), STUDIO)
    vertices = face.neutral()
    points, screen = np.empty_like(vertices), np.zeros((len(vertices), 2), np.int32)
    near, attributes = np.empty(len(vertices), np.float32), scene.attributes.copy()
    project_ref(vertices, scene.camera_from_world, scene.lens, points, screen, near)
    vertex_normals_ref(points, scene.welded, scene.weld, attributes)
    keys = sample_keys_ref(screen, near, scene.triangles, scene.two_sided, size[0], 0, size[1])
    return keys, scene, collect_ref(keys, 0, scene.triangles, attributes, scene.triangle_material, scene.view[4],
                                    scene.materials[:, 4])


def test_fragments_share_each_pixel_as_its_samples_do(head):
    keys, scene, (row, column, *_, weight) = collected(head, (160, 160))
    covered = np.zeros(keys.shape[:2])
    np.add.at(covered, (row, column), weight)
    assert np.array_equal(covered, (keys != 0).mean(axis=2))
    # Most pixels of a smooth head are shaded once, although most show several triangles.
    several = (keys != keys[..., :1]).any(axis=2)
    once = np.bincount(row * 160 + column, minlength=160 * 160).reshape(160, 160) == 1
    inside = (keys != 0).all(axis=2)
    assert (several & inside).sum() > 0.3 * inside.sum()
    assert once[inside].mean() > 0.97
    # Skin and eye never share one fragment.
    numbers = np.where(keys != 0, 2**31 - 1 - (keys & 0xFFFFFFFF), 0)
    material = scene.triangle_material[numbers]
    border = inside & (material != material[..., :1]).any(axis=2)
    assert border.any()
    assert not once[border].any()


def test_shares_are_perspective_correct():
    # A triangle on the screen whose corners lie at depths 1, 2 and 4.
    screen = np.array([(0, 0), (0, 3000), (3000, 0)], np.int32)
    near = np.array([1, 0.5, 0.25], np.float32)
    of, front = shares_ref(screen, near, np.array([[0, 1, 2], [0, 2, 1]]), np.array([1000, 1500]), np.array([1000, 0]))
    assert np.allclose(of[0], np.array([1, 0.5, 0.25]) / 1.75)
    assert np.allclose(of[1], np.array([1, 0.25, 0]) / 1.25)
    assert front.tolist() == [1, -1]
