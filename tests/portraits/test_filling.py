"""Filling what is unknown from around it."""

import numpy as np

from personare.portraits.filling import filled


def test_a_smooth_picture_is_restored_and_what_is_known_kept():
    y, x = np.mgrid[:48, :61]
    picture = np.stack([0.5 * x + y, 60 + 0 * x, 100 - 0.7 * y], -1).astype(float)
    known = np.ones((48, 61))
    known[15:30, 20:41] = 0
    got = filled(np.where(known[..., None] > 0, picture, 1e6), known)
    assert np.array_equal(got[known > 0], picture[known > 0])
    assert np.abs(got - picture).max() < 6
    assert np.abs(got[..., 1] - 60).max() < 1e-9


def test_a_single_known_pixel_fills_everything():
    known = np.zeros((7, 9))
    known[3, 4] = 1
    got = filled(np.where(known[..., None] > 0, 42.0, 0), known)
    assert np.allclose(got, 42)
