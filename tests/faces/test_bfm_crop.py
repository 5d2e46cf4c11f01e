"""A face in a picture is found again in its crop, at one size and place."""

import numpy as np
import pytest
from matfiles import write_mat

from personare.errors import InputError
from personare.faces.bfm_crop import Crop, crop_of, standard_points

STANDARD = np.array([[-0.3, 0.3, 0.1], [0.3, 0.3, 0.1], [0, 0, 0.5], [-0.25, -0.4, 0.2], [0.25, -0.4, 0.2]])


def test_a_face_of_any_size_comes_to_the_same_place():
    for size, zoom, place in (((640, 480), 80, (300, 200)), ((1920, 1080), 350, (900, 600)),
                              ((300, 900), 60, (150, 700))):
        crop = crop_of(STANDARD[:, :2] * zoom + place, STANDARD, size)
        assert crop.scale == pytest.approx(102 / zoom)
        np.testing.assert_allclose(crop.points(np.array(place)), [112, 112], atol=1)


def test_pictures_are_cut_where_points_say(rng):
    picture = np.zeros((500, 700, 3), np.uint8)
    picture[180:184, 340:344] = 255                     # a dot whose middle is x 342, y 182 from above
    crop = crop_of(STANDARD[:, :2] * 120 + (350, 300), STANDARD, (700, 500))
    cut = crop.picture(picture)[..., 0].astype(float)
    rows, columns = np.mgrid[:224, :224] + 0.5
    found = np.array([(cut * columns).sum(), (cut * rows).sum()]) / cut.sum()
    expected = crop.points(np.array([342, 500 - 182.0]))
    np.testing.assert_allclose(found, [expected[0], 224 - expected[1]], atol=1)


def test_what_lies_outside_the_picture_is_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    cut = Crop((100, 100), 1.0, np.array([0.0, 100.0])).picture(white)
    assert (cut[112:212, 112:212] == 255).all()
    assert not cut[:111].any()
    assert not cut[:, :111].any()
    assert not Crop((100, 100), 1.0, np.array([900.0, 0.0])).picture(white).any()


def test_sizes_and_points_are_checked(tmp_path):
    with pytest.raises(InputError, match="got points on one spot"):
        crop_of(np.zeros((5, 2)), STANDARD, (640, 480))
    with pytest.raises(InputError, match=r"points: expected shape \(t, 5, 2\)"):
        crop_of(np.zeros((4, 2)), STANDARD, (640, 480))
    with pytest.raises(InputError, match=r"picture: expected shape \(480, 640, 3\)"):
        Crop((640, 480), 1.0, np.zeros(2)).picture(np.zeros((640, 480, 3)))
    write_mat(tmp_path / "similarity_Lm3D_all.mat", {"lm": np.zeros((5, 3))})
    with pytest.raises(InputError, match=r"expected lm \(68, 3\), got \(5, 3\)"):
        standard_points(tmp_path / "similarity_Lm3D_all.mat")
