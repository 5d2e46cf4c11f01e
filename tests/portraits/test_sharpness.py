"""Sharpness of pictures, on the built-in head blurred by a known amount, and of what is drawn."""

import numpy as np
import pytest
import sona_photo as sona

from personare.portraits.eyes import polygon_depth
from personare.portraits.points import INNER_LIPS
from personare.portraits.sharpness import blur_of, soften, weights_of


def blurred(picture, sigma):
    """The picture, convolved along both axes."""
    taps = weights_of(sigma)
    for axis in (0, 1):
        reach = [(len(taps) // 2,) * 2 if k == axis else (0, 0) for k in range(3)]
        view = np.lib.stride_tricks.sliding_window_view(np.pad(picture.astype(float), reach, "edge"), len(taps), axis)
        picture = view @ taps.astype(float)
    return picture


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.5])
def test_a_blur_is_told_from_the_picture(sigma):
    sitter = sona.Sitter(320)
    found = sitter.landmarks(sona.motion_of(sitter.face, {}))[:, :2].astype(float)
    assert blur_of(np.rint(blurred(sitter.picture, sigma)).astype(np.uint8), found) == pytest.approx(sigma, rel=0.25)
    assert blur_of(sitter.picture, found) < 0.4


def test_what_lies_inside_is_blurred_and_the_rest_stays():
    picture = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    rim = (np.stack([40 + 25 * np.cos(angle), 30 + 14 * np.sin(angle)], 1)).astype(np.float32)
    taps = weights_of(1.2)
    out = picture.copy()
    soften(out, rim, taps, np.float32(1))
    rows, columns = np.indices((60, 80))
    depth = polygon_depth(np.stack([columns + 0.5, rows + 0.5], -1), rim)
    assert np.abs(out - blurred(picture, 1.2))[depth > 0.01].max() <= 1
    assert np.array_equal(out[depth < -0.9 * len(taps) // 2], picture[depth < -0.9 * len(taps) // 2])
    half = picture.copy()
    soften(half, rim, taps, np.float32(0.5))
    assert np.abs(half - (picture.astype(float) + out) / 2)[depth > 0.01].max() <= 1.5


def test_the_mouth_of_a_blurred_photo_is_as_blurred():
    sitter = sona.Sitter(320)
    sharp, soft = sitter.portrait(), sitter.portrait(np.rint(blurred(sitter.picture, 2.0)).astype(np.uint8))
    assert len(soft.taps) > len(sharp.taps)
    motion = sona.motion_of(sitter.face, {"jawOpen": 0.5, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5})
    speech = np.ones(1)
    steep = []
    for portrait in (sharp, soft):
        (frame,) = portrait._draw(motion, speech)
        now = sitter.landmarks(motion)[list(INNER_LIPS), :2].astype(float)
        rows, columns = np.indices(frame.shape[:2])
        inside = polygon_depth(np.stack([columns + 0.5, rows + 0.5], -1), now) > 1
        steep.append(np.percentile(np.hypot(*np.gradient(frame.mean(axis=2)))[inside], 90))
    assert steep[1] < 0.6 * steep[0]
