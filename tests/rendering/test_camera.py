import math

import numpy as np
import pytest

from personare.errors import InputError
from personare.rendering.camera import PORTRAIT_FOV_RAD, Camera, frame_face


def test_the_subjects_left_is_on_the_right_and_up_is_up():
    camera = Camera(np.eye(4), 100.0, (32, 24), (64, 48), 0.1, 100)
    left, above, middle = camera.project([[0.1, 0, -2], [0, 0.1, -2], [0, 0, -2]])
    assert np.allclose(middle, (32, 24, 2))
    assert np.allclose(left, (32 + 5, 24, 2))
    assert np.allclose(above, (32, 24 - 5, 2))


def test_yaw_shows_the_subjects_left_side_and_pitch_the_crown(head):
    tip = np.array([[0, 0, 0.11], [0, 0, 0.0]])
    nose, middle = frame_face(head, yaw_rad=0.4).project(tip)
    assert nose[0] < middle[0]
    nose, middle = frame_face(head, pitch_rad=0.3).project(tip)
    assert nose[1] > middle[1]
    for yaw, pitch in ((0.4, 0.0), (-1.2, 0.3), (3.1, -0.4)):
        rotation = frame_face(head, yaw_rad=yaw, pitch_rad=pitch).camera_from_world[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3))
        assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize("size", [(512, 512), (1920, 1080), (300, 800), (17, 16), (4096, 4096)])
@pytest.mark.parametrize("yaw", [0.0, 0.7, -2.0])
def test_the_head_fills_the_frame_up_to_the_margin(head, size, yaw):
    margin = 0.09
    camera = frame_face(head, size, yaw_rad=yaw, margin=margin)
    x, y, depth = camera.project(head.neutral()[head.head_weight > 0.5]).T
    w, h = size
    room = (x.min() / w, 1 - x.max() / w, y.min() / h, 1 - y.max() / h)
    assert min(room) > margin - 1e-6
    # It touches the margin on one side, or above and at the chin, where a neck takes 1.8 times as much.
    assert min(room[0] - margin, room[1] - margin, max(room[2] - margin, room[3] - 1.8 * margin)) < 0.02
    assert camera.near_m < depth.min()
    assert depth.max() < camera.far_m


def test_the_portrait_lens_and_the_air_above(head):
    camera = frame_face(head, (512, 512))
    assert 2 * math.atan(256 / camera.focal_px) == pytest.approx(PORTRAIT_FOV_RAD)
    y = camera.project(head.neutral()[head.head_weight > 0.5])[:, 1]
    assert 0 < y.min() < 512 - y.max()


def test_framing_does_not_depend_on_the_unit(make_head):
    small, large = frame_face(make_head()), frame_face(make_head(scale=100.0))
    points = make_head().neutral()
    assert np.allclose(small.project(points)[:, :2], large.project(100 * points)[:, :2], atol=1e-3)


def test_a_head_without_body_stands_in_the_middle(make_head):
    face = make_head()
    face.head_weight[:] = 1
    y = frame_face(face).project(face.neutral())[:, 1]
    assert y.min() == pytest.approx(512 - y.max(), abs=1)


def test_odd_models_still_get_a_camera(make_head):
    face = make_head()
    face.rest[5] = np.nan
    face.rest[7] = np.inf
    assert np.isfinite(frame_face(face).camera_from_world).all()
    face.rest[:] = 3.0
    assert np.allclose(frame_face(face).project([[3, 3, 3]])[0, 0], 256)
    face.rest[:] = np.nan
    assert np.isfinite(frame_face(face).camera_from_world).all()


@pytest.mark.parametrize("size", [(15, 16), (4097, 512), (512,), 512, "512x512", (64.5, 64), (512, None)])
def test_a_bad_size_is_named(head, size):
    with pytest.raises(InputError, match=r"size: expected \(width, height\), each a whole number in 16..4096"):
        frame_face(head, size)


def test_other_bad_input_is_named(head):
    with pytest.raises(InputError, match=r"margin: expected a share in 0\.\.0\.4"):
        frame_face(head, margin=0.5)
    with pytest.raises(InputError, match="focal_px: expected a positive number of pixels"):
        Camera(np.eye(4), math.nan, (8, 8), (16, 16), 0.1, 1)
    with pytest.raises(InputError, match="near_m: expected 0 < near_m < far_m"):
        Camera(np.eye(4), 10.0, (8, 8), (16, 16), 1.0, 0.5)
