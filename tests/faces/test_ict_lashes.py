"""The lash texture is hairs that stand on their strips' roots, thin to their tips, and leave the rest open."""

import numpy as np

from personare.faces.ict_lashes import HEIGHT_PX, WIDTH_PX, lash_texture


def test_hairs_stand_on_the_roots_and_thin_out():
    texture = lash_texture()
    assert texture.shape == (HEIGHT_PX, WIDTH_PX, 4)
    assert texture.dtype == np.uint8
    assert lash_texture() is texture
    band = HEIGHT_PX // 6
    cover = texture[:6 * band, :, 3].reshape(6, band, WIDTH_PX).mean((0, 2)) / 255
    root, middle, tip = cover[int(0.12 * band)], cover[band // 2], cover[int(0.93 * band):]
    assert 0.1 < root < 0.5
    assert middle < 0.7 * root
    assert not tip.any()
    assert not cover[:int(0.04 * band)].any()


def test_upper_lashes_are_longer_than_lower_ones():
    opaque = lash_texture()[..., 3].astype(float)
    upper, lower = opaque[:HEIGHT_PX // 2].mean(), opaque[HEIGHT_PX // 2:].mean()
    assert upper > 1.2 * lower > 0
