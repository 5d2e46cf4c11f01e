"""Textures as files: each once, holes kept; colours between texels."""

from dataclasses import replace

import numpy as np
import pytest

from personare.export.textures import sampled, texture_files
from personare.types import Material


def test_a_picture_that_materials_share_is_one_file(small_face, rng):
    shared = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    materials = (Material("a", texture=shared), Material("b"), Material("c", texture=lambda: shared),
                 Material("d", texture=rng.integers(0, 255, (8, 8, 4), dtype=np.uint8)),
                 Material("e", texture=rng.integers(0, 255, (600, 600, 3), dtype=np.uint8)))
    files, users = texture_files(replace(small_face.surface, materials=materials))
    assert users == {0: 0, 2: 0, 3: 1, 4: 2}
    assert [(suffix, holes) for suffix, _, holes in files] == [(".png", False), (".png", True), (".jpg", False)]
    assert [encoded()[:3] for _, encoded, _ in files] == [b"\x89PN", b"\x89PN", b"\xff\xd8\xff"]


def test_texels_are_read_where_they_are_and_mixed_in_between():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0], picture[0, 1] = (255, 0, 0), (0, 255, 0)
    # Row 0 lies at v = 1: the centre of the upper left texel is at (0.25, 0.75).
    uv = np.array([(0.25, 0.75), (0.75, 0.75), (0.5, 0.75), (0.25, 0.5), (1.25, 0.75), (0.01, 0.99)])
    want = [(1, 0, 0), (0, 1, 0), (0.5, 0.5, 0), (0.5, 0, 0), (1, 0, 0), (1, 0, 0)]
    assert sampled(picture, uv) == pytest.approx(np.array(want), abs=1e-6)
