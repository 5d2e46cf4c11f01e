import numpy as np
import pytest

from personare.rendering.texture_ref import halve_ref, unpack_ref


@pytest.mark.parametrize("shape", [(8, 6, 4), (7, 5, 3), (1, 4, 4), (1, 1, 3)])
def test_levels_equal_those_of_the_reference(rng, shape):
    texture = pytest.importorskip("personare.rendering.texture", reason="no kernels without numba")
    picture = rng.integers(0, 256, shape, np.uint8)
    table = np.sort(rng.integers(0, 65536, 256)).astype(np.uint16)
    full = [np.empty((*shape[:2], 4), np.uint16) for _ in range(2)]
    half = [np.empty((max(1, shape[0] // 2), max(1, shape[1] // 2), 4), np.uint16) for _ in range(2)]
    for k, (unpack, halve) in enumerate(((texture.unpack, texture.halve), (unpack_ref, halve_ref))):
        unpack(picture, table, full[k])
        halve(full[k], 1.2, half[k])
    assert np.array_equal(*full)
    assert np.array_equal(*half)


def test_a_texture_without_opacity_is_opaque(rng):
    picture = rng.integers(0, 256, (4, 4, 3), np.uint8)
    texels, half = np.empty((4, 4, 4), np.uint16), np.empty((2, 2, 4), np.uint16)
    unpack_ref(picture, np.arange(256, dtype=np.uint16), texels)
    halve_ref(texels, 1.0, half)
    assert (half[..., 3] == 65535).all()
    assert np.array_equal(half[0, 0, :3], (texels[:2, :2, :3].sum(axis=(0, 1), dtype=int) + 2) // 4)
