"""Crops, points and five landmarks equal those of Deep3DFaceRecon_pytorch and style_avatar, pixel by pixel."""

import numpy as np
import pytest

from personare.faces.bfm_crop import crop_of, five_points, standard_points

SIZE = (480, 360)


@pytest.fixture
def expected(shared):
    return np.load(shared / "fixtures" / "facegood_styleavatar_deep3d" / "deep3d_align.npz")


@pytest.fixture
def standard(shared):
    return standard_points(shared / "data" / "faces" / "bfm_index" / "similarity_Lm3D_all.mat")


def picture():
    """The test picture of the fixture's README, BGR."""
    y, x = np.mgrid[0:360, 0:480]
    return np.stack([x * 255 // 479, y * 255 // 359, ((x // 20 + y // 20) % 2) * 200 + 20], -1).astype(np.uint8)


def upwards(points, height=360):
    """Points whose y grows upwards from the lowest row, or back."""
    return points * [1, -1] + [0, height - 1]


def test_the_crop_is_the_original_s(expected, standard):
    np.testing.assert_allclose(standard, expected["lm3d_5"], atol=1e-6)
    crop = crop_of(upwards(expected["lm5"]), standard, SIZE)
    np.testing.assert_allclose([*crop.size, crop.scale, *crop.center], expected["trans_params"], rtol=1e-6)
    assert np.array_equal(crop.picture(picture()), expected["crop_bgr"])
    for name in ("lm5", "lm68"):
        inside = upwards(crop.points(upwards(expected[name])), 224)
        np.testing.assert_allclose(inside, expected[f"{name}_crop"], atol=1e-4)


def test_a_clip_keeps_one_scale(expected, standard):
    crops = crop_of(upwards(np.stack([expected["lm5"], expected["video_lm5_frame1"]])), standard, SIZE)
    for crop, trans in zip(crops, expected["video_trans"], strict=True):
        np.testing.assert_allclose([*crop.size, crop.scale, *crop.center], trans, rtol=1e-6)
    assert np.array_equal(crops[1].picture(picture()), expected["video_crop_frame1"])


def test_five_of_68_landmarks(shared):
    both = np.load(shared / "fixtures" / "facegood_styleavatar_deep3d" / "lm68_to_lm5.npz")
    np.testing.assert_allclose(five_points(both["lm68"]), both["lm5"], atol=1e-6)
