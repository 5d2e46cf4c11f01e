"""Attributes at pixels and their gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

import personare  # noqa: E402
from personare.learn.rasterizing import camera_clip, depth_map, raster_of, rasterize, screen_of  # noqa: E402
from personare.rendering.camera import Camera, frame_face  # noqa: E402


@pytest.fixture
def scene():
    """A few triangles at different depths that cross each other, in double precision."""
    generator = torch.Generator().manual_seed(3)
    points = torch.rand(2, 12, 3, generator=generator, dtype=torch.float64) * 2 - 1
    depth = points[..., 2:] + 3
    clip = torch.cat([points[..., :2] * depth, (points[..., 2:] * 0.5) * depth, depth], -1)
    return clip, torch.arange(12).view(4, 3)


def test_what_is_linear_in_space_is_exact_at_pixels(scene):
    clip, triangles = scene
    raster = rasterize(clip, triangles, (40, 30))
    found = raster.interpolated(clip)
    row, column = torch.meshgrid(torch.arange(30), torch.arange(40), indexing="ij")
    places = screen_of(found, (40, 30))[raster.mask]
    expected = torch.stack([column, row], -1).expand(2, -1, -1, -1)[raster.mask] + 0.5
    torch.testing.assert_close(places, expected.double(), atol=1e-9, rtol=0)
    assert (found[~raster.mask] == 0).all()
    np.testing.assert_allclose(raster.weights.sum(1), 1)
    assert raster.weights.min() > -1e-3  # corners are moved by less than 1/65536 pixel
    depth = depth_map(raster, clip)
    assert (depth[~raster.mask] == 2).all()
    torch.testing.assert_close(depth[raster.mask], (found[..., 2] / found[..., 3])[raster.mask])


def test_gradients_equal_finite_differences(scene):
    clip, triangles = scene
    ids = rasterize(clip, triangles, (12, 9)).ids
    colors = torch.rand(2, 12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def picture(corners, colors):
        return raster_of(corners, triangles, ids).interpolated(colors)

    assert torch.autograd.gradcheck(picture, (clip.requires_grad_(), colors.requires_grad_()))


def test_one_row_of_attributes_serves_all_frames_and_results_do_not_depend_on_the_batch(scene):
    clip, triangles = scene
    values = torch.rand(1, 12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    both = rasterize(clip, triangles, (40, 30)).interpolated(values, empty=-1.0)
    for frame in range(2):
        one = rasterize(clip[frame : frame + 1], triangles, (40, 30)).interpolated(values, empty=-1.0)
        assert torch.equal(both[frame], one[0])
    assert (both == -1).any()


def test_clip_coordinates_are_those_of_a_camera():
    face = personare.open_face("sona")
    frame = frame_face(face, (300, 200), yaw_rad=0.5, pitch_rad=-0.2)
    camera = Camera(frame.camera_from_world, frame.focal_px, (140.0, 111.0), frame.size, frame.near_m, frame.far_m)
    points = face.neutral()[::97].astype(np.float64)
    clip = camera_clip(torch.tensor(points), camera)
    expected = camera.project(points)
    np.testing.assert_allclose(screen_of(clip, camera.size), expected[:, :2], atol=1e-9)
    np.testing.assert_allclose(clip[:, 3], expected[:, 2])
    assert ((clip[:, 2] / clip[:, 3]).abs() < 1).all()
