"""Kernels that sample a photo, against plain NumPy."""

import numpy as np
import pytest

from personare.portraits.pixels import draw_lashes, nearest, warp_picture


def catmull_rom(picture, x, y):
    """Bicubic value of a picture at points, by the definition of Catmull-Rom splines; edges go on."""
    h, w = picture.shape[:2]
    left, top = np.floor(x - 0.5).astype(int), np.floor(y - 0.5).astype(int)

    def weights(t):
        return np.stack([-0.5 * t**3 + t**2 - 0.5 * t, 1.5 * t**3 - 2.5 * t**2 + 1, -1.5 * t**3 + 2 * t**2 + 0.5 * t,
                         0.5 * t**3 - 0.5 * t**2], -1)

    across, down = weights(x - 0.5 - left), weights(y - 0.5 - top)
    total = 0
    for j in range(4):
        for i in range(4):
            part = picture[np.clip(top - 1 + j, 0, h - 1), np.clip(left - 1 + i, 0, w - 1)].astype(float)
            total = total + (across[..., i] * down[..., j])[..., None] * part
    return np.clip(total, 0, 255)


def grid(shape, step):
    y, x = np.indices((int(np.ceil(shape[0] / step)) + 1, int(np.ceil(shape[1] / step)) + 1))
    return np.stack([x * step, y * step], -1).astype(np.float32)


def test_a_field_at_rest_copies_and_a_shift_samples_between_pixels(rng):
    picture = rng.integers(0, 256, (40, 52, 3), np.uint8)
    field, out = grid(picture.shape, 8.0), np.empty_like(picture)
    warp_picture(picture, field, np.float32(8), out)
    assert np.array_equal(out, picture)
    warp_picture(picture, field + np.float32([1.3, -0.6]), np.float32(8), out)
    y, x = np.indices(picture.shape[:2])
    # The field ends at the last row of its grid, and what lies between is interpolated from it.
    want = catmull_rom(picture, x + 0.5 + 1.3, y + 0.5 - 0.6)
    assert np.abs(out - want).max() <= 1.0


def test_lashes_darken_along_their_line_only():
    picture = np.full((30, 60, 3), 200, np.uint8)
    line = np.array([[10, 15], [30, 18], [50, 15]], np.float32)
    draw_lashes(picture, line, np.array([40, 30, 20], np.float32), np.float32(3), np.float32(1))
    assert picture[17, 30].max() < 90
    assert (picture[:10] == 200).all()
    assert (picture[24:] == 200).all()
    assert (picture[:, :6] == 200).all()
    again = np.full((30, 60, 3), 10, np.uint8)
    draw_lashes(again, line, np.array([40, 30, 20], np.float32), np.float32(3), np.float32(1))
    assert (again == 10).all()  # lashes never lighten


def test_nearest_keeps_what_is_in_front():
    screen = np.array([[0, 0], [0, 40], [40, 0], [0, 0], [0, 40], [40, 0]], np.int32) * 256
    nearness = np.array([1, 1, 1, 2, 2, 2], np.float32)
    out = np.zeros((16, 16), np.float32)
    triangles = np.array([[3, 4, 5], [0, 1, 2]], np.int32)
    nearest(screen, nearness, triangles, np.zeros(2, bool), out)
    assert out[3, 3] == pytest.approx(2)
    assert (out > 0).all()
    out[:] = 0
    nearest(screen, nearness, triangles[:, ::-1].copy(), np.zeros(2, bool), out)
    assert not out.any()  # seen from behind
