"""Windows cut out and put back."""

import numpy as np

from personare.portraits.crops import FEATHER, bilinear, cut, depth_inside, opacity, put, to_window


def ramp(h, w):
    """A picture that is linear in x and y, which linear interpolation keeps."""
    y, x = np.mgrid[:h, :w] + 0.5
    return np.stack([x, y, x + y], 2)


def turned(scale, angle, x, y):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def test_a_turned_window_shows_what_lies_there():
    window, size = turned(20, 0.4, 60, 50), 40
    shown = cut(ramp(100, 120).astype(np.uint8), window, size)
    place = (np.array([7.5, 30.5]) * 2 / size - 1) @ window[:, :2].T + window[:, 2]
    np.testing.assert_allclose(shown[30, 7], [*place, place.sum()], atol=1.0)


def test_pixels_are_averaged_where_the_window_is_larger_than_the_result():
    checks = np.indices((128, 128)).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    small = cut(checks.astype(np.uint8), turned(64, 0, 64, 64), 32)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 128).max() <= 1


def test_what_was_cut_out_comes_back_and_nothing_else_changes(rng):
    picture = rng.integers(0, 256, (90, 100, 3), dtype=np.uint8)
    window = turned(16, 0.0, 50, 40)                  # 32 pixels wide at 32: nothing is resampled
    cover = opacity(depth_inside(np.array([(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)]), 32))
    same = put(picture, window, cut(picture, window, 32).astype(np.float32) / 255, cover)
    np.testing.assert_array_equal(same, picture)
    black = put(picture, window, np.zeros((32, 32, 3), np.float32), cover)
    assert (black[40, 50] == 0).all()
    changed = (black != picture).any(axis=2)
    assert changed.any()
    assert not changed[:28].any()
    assert not changed[53:].any()
    assert not changed[:, :38].any()


def test_depth_is_the_distance_to_the_outline_and_cover_grows_from_it():
    size = 50
    depth = depth_inside(np.array([(-1.0, -1), (1, -1), (1, 1), (-1, 1)]), size)
    assert abs(depth[25, 0] - 0.5 / size) < 1e-6
    assert abs(depth.max() - 0.49) < 1e-6
    cover = opacity(depth)
    assert cover[25, 0] < 0.1
    assert (cover[depth > FEATHER] == 1).all()
    assert (np.diff(cover[25, :25]) >= 0).all()


def test_a_window_beyond_the_picture_is_no_error(rng):
    picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    away = turned(10, 0.2, 400, -300)
    assert cut(picture, away, 16).shape == (16, 16, 3)
    np.testing.assert_array_equal(put(picture, away, np.zeros((16, 16, 3)), np.ones((16, 16))), picture)


def test_interpolation_takes_the_middle_of_pixels():
    row = np.arange(12, dtype=float).reshape(1, 4, 3)
    assert bilinear(row, np.array([1.5, 2.0]), np.array([0.5, 0.5]))[:, 0].tolist() == [3.0, 4.5]
    window = turned(7, 1.0, 3, 4)
    np.testing.assert_allclose(to_window(window, np.array([[3.0, 4.0]])), 0, atol=1e-12)
