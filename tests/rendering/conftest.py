"""A generated head: an egg with a nose and two glossy eyes, on a neck; its jaw opens."""

from types import SimpleNamespace

import numpy as np
import pytest

from personare.faces.linear import LinearFace
from personare.rendering.scene import FACET_COLUMNS
from personare.spaces import Space
from personare.types import Material, Motion, Surface

SPACE = Space("test-2", ("jawOpen", "lookUp"))


def sphere(rows, columns):
    """(v, 3) unit sphere with its poles on the y axis, (v, 2) uv and (f, 3) triangles; doubled at the uv seam."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    around, down = 2 * np.pi * u, np.pi * v
    points = np.stack([np.sin(around) * np.sin(down), np.cos(down), -np.cos(around) * np.sin(down)], -1)
    points[:, -1] = points[:, 0]
    a = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    b, c, d = a + columns + 1, a + columns + 2, a + 1
    return points.reshape(-1, 3), np.stack([u, 1 - v], -1).reshape(-1, 2), np.concatenate(
        [np.stack([a, c, b], 1), np.stack([a, d, c], 1)])


def weld_of(points):
    """(v,) index of the first vertex at the same place."""
    _, first, back = np.unique(points.round(7), axis=0, return_index=True, return_inverse=True)
    return first[back.ravel()]


def build_head(rows=24, columns=48, *, scale=1.0, texture=None):
    """The test head as a LinearFace, about 0.24 m high."""
    skin, skin_uv, skin_triangles = sphere(rows, columns)
    skin = skin * (0.075, 0.115, 0.09)
    skin[:, 2] += 0.02 * np.exp(-((skin[:, 0] / 0.015) ** 2) - (skin[:, 1] / 0.025) ** 2) * (skin[:, 2] > 0)
    neck, neck_uv, neck_triangles = sphere(8, 24)
    neck = neck * (0.05, 0.08, 0.05) + (0, -0.15, -0.02)
    parts, uvs, triangles, materials = [skin, neck], [skin_uv, neck_uv], [skin_triangles, neck_triangles], [0, 0]
    for x in (-0.03, 0.03):
        eye, uv, eye_triangles = sphere(10, 20)
        parts.append(eye * 0.014 + (x, 0.03, 0.074))
        uvs.append(uv)
        triangles.append(eye_triangles)
        materials.append(1)
    starts = np.cumsum([0, *map(len, parts)])
    points = np.concatenate(parts) * scale
    looks = (Material("skin", (0.62, 0.38, 0.29), 0.45, 0.028, 0.5, texture),
             Material("eye", (0.8, 0.8, 0.8), 0.08, 0.05, 0.1))
    surface = Surface(
        np.concatenate([t + start for t, start in zip(triangles, starts, strict=False)]), np.concatenate(uvs),
        np.ones_like(points), np.ones(len(points)), looks,
        np.repeat(materials, [len(t) for t in triangles]), weld_of(points))
    shapes = np.zeros((2, len(points), 3))
    shapes[0, :, 1] = -0.03 * scale * np.clip(-points[:, 1] / (0.1 * scale), 0, 1)
    shapes[1, starts[2]:, 1] = 0.002 * scale
    on_head = (np.arange(len(points)) < starts[1]) | (np.arange(len(points)) >= starts[2])
    return LinearFace("egg", SPACE, surface, points, shapes, on_head.astype(np.float32), np.zeros(3))


@pytest.fixture(scope="session")
def head():
    """The test head."""
    return build_head()


@pytest.fixture(scope="session")
def make_head():
    """build_head itself, for heads of other sizes and looks."""
    return build_head


@pytest.fixture(scope="session")
def talk():
    """A motion of 11 frames in which the jaw opens and the head turns."""
    t = np.linspace(0, 1, 11, dtype=np.float32)
    pose = np.tile(np.eye(4, dtype=np.float32), (11, 1, 1))
    pose[:, 0, 0] = pose[:, 2, 2] = np.cos(0.4 * t)
    pose[:, 0, 2] = np.sin(0.4 * t)
    pose[:, 2, 0] = -pose[:, 0, 2]
    return Motion(np.stack([t, 1 - t], 1), 30, SPACE, pose)


@pytest.fixture
def kernels():
    """The compiled kernels, and sample_keys, which runs those that make samples; skips where numba is missing."""
    pytest.importorskip("numba", reason="no kernels without numba")
    from personare.rendering.draw import draw
    from personare.rendering.raster import project, vertex_normals

    return SimpleNamespace(project=project, vertex_normals=vertex_normals, draw=draw, sample_keys=sample_keys)


def sample_keys(screen, nearness, triangles, two_sided, w, h, band_rows=None):
    """(h, w, 4) int64 keys, band by band as in draw."""
    from personare.rendering.raster import bin_triangles, fill_band, list_triangles

    band_rows = band_rows or h
    bands = -(-h // band_rows)
    reach, starts = np.empty((len(triangles), 2), np.int32), np.empty(bands + 1, np.int64)
    count = bin_triangles(screen, nearness, triangles, two_sided, w, h, band_rows, reach, starts)
    listed = np.empty(count, np.int32)
    attributes, material = np.zeros((len(screen), 8), np.float32), np.zeros(len(triangles), np.int32)
    facets = np.empty((len(triangles), FACET_COLUMNS), np.float32)
    points, uv = np.zeros((len(screen), 3), np.float32), np.zeros((len(screen), 2), np.float32)
    textures, texels, looks = np.zeros((1, 3), np.int64), np.zeros(4, np.uint16), np.zeros((1, 6), np.float32)
    list_triangles(reach, starts, np.empty(bands, np.int64), listed, triangles, attributes, material, points, screen,
                   uv, textures, facets)
    keys = []
    for band in range(bands):
        rows = min(band_rows, h - band * band_rows)
        samples = np.zeros(rows * (w + 4) * 4, np.int64)
        touched = np.empty(2, np.int64)
        fill_band(screen, nearness, triangles, listed, starts[band], starts[band + 1], w, band * band_rows, rows,
                  samples, touched, uv, textures, texels, looks, facets)
        part = samples.reshape(rows, w + 4, 4)[:, :w]
        assert not part[:, : touched[0]].any()
        assert not part[:, touched[1] + 1:].any()
        keys.append(part)
    return np.concatenate(keys)
