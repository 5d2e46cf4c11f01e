import numpy as np
import pytest

from personare.rendering.draw_ref import light_ref, wrapped_ref
from personare.rendering.light import STUDIO, lamp_table

WHITE_AHEAD = np.array([[0, 0, 1, 1, 1, 1, 0, 0]], np.float32)
DARK = np.zeros(6, np.float32)


def lit(normal, *, albedo=(1, 1, 1), openness=1.0, f0=0.0, alpha=0.25, scatter=0.0, lamps=WHITE_AHEAD, ambient=DARK):
    """(n, 3) light of fragments with these normals, seen along the axis."""
    normal = np.atleast_2d(np.asarray(normal, np.float32))
    n = len(normal)
    material = np.tile(np.array([f0, alpha, scatter], np.float32), (n, 1))
    ray = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    return light_ref(normal, np.tile(np.array(albedo, np.float32), (n, 1)), np.full(n, openness, np.float32),
                     material, ray, lamps, ambient)


def turned(angle):
    """Unit normals turned from the viewer to the side."""
    return np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], 1)


def test_matt_surfaces_follow_lambert():
    angle = np.linspace(0, np.pi, 181)
    assert np.abs(lit(turned(angle))[:, 0] - np.maximum(np.cos(angle), 0)).max() < 0.011


@pytest.mark.parametrize("scatter", [0.0, 0.5, 1.0])
def test_light_falls_steadily_and_red_wraps_farthest(scatter):
    angle = np.linspace(0, np.pi, 721)
    red, green, blue = lit(turned(angle), scatter=scatter).T
    assert all((np.diff(c) <= 1e-7).all() and c[-1] == 0 for c in (red, green, blue))
    assert (red >= green - 1e-6).all()
    assert (green >= blue - 1e-6).all()
    if scatter:
        assert red[400] > 0 == blue[500]


def test_rounding_the_corner_changes_nothing_outside_it():
    cosine = np.linspace(-1, 1, 401)
    soft = wrapped_ref(cosine, 0.3)
    assert np.allclose(soft[np.abs(cosine) > 0.3], np.maximum(cosine, 0)[np.abs(cosine) > 0.3])
    assert (soft >= np.maximum(cosine, 0) - 1e-12).all()
    assert np.abs(np.diff(soft, 2)).max() < 1e-4


def test_glossy_eyes_catch_the_key_lamp():
    lamps = lamp_table(STUDIO)
    toward = lamps[0, :3] + (0, 0, 1)
    toward /= np.linalg.norm(toward)
    glint, beside = lit([toward, (0, 0, 1)], albedo=(0.1, 0.1, 0.1), f0=0.05, alpha=0.0036, lamps=lamps)
    assert glint.min() > 5 * beside.max()
    assert glint.min() > 0.5


def test_highlights_are_sharper_on_smoother_surfaces_and_end_in_hollows():
    normals = turned(np.radians([0, 10, 25]))
    smooth, rough = (lit(normals, albedo=(0, 0, 0), f0=0.04, alpha=alpha, lamps=WHITE_AHEAD * (1, 1, 1, 1, 1, 1, 0, 0))
                     for alpha in (0.02, 0.3))
    assert smooth[0, 0] > 10 * rough[0, 0]
    assert smooth[2, 0] < rough[2, 0]
    assert (lit(normals, albedo=(0, 0, 0), f0=0.04, openness=0.0) == 0).all()


def test_the_sky_lights_what_faces_up():
    ambient = np.array([0.4, 0.5, 0.6, 0.1, 0.2, 0.3], np.float32)
    up, down, ahead = lit([(0, 1, 0), (0, -1, 0), (0, 0, 1)], lamps=WHITE_AHEAD[:0], ambient=ambient)
    assert np.allclose(up, ambient[:3])
    assert np.allclose(down, ambient[3:])
    assert np.allclose(ahead, (ambient[:3] + ambient[3:]) / 2)


def test_compiled_light_equals_the_reference(rng):
    shade = pytest.importorskip("personare.rendering.shade", reason="no kernels without numba")
    n = 300
    normal = rng.normal(size=(n, 3)).astype(np.float32)
    normal[:5] = 0
    albedo, openness = rng.random((n, 3), np.float32), rng.random(n, np.float32)
    material = rng.random((n, 3), np.float32) * (0.08, 1, 1) + np.array([0, 0.0001, 0])
    ray = np.concatenate([rng.normal(size=(n, 2)) * 0.3, np.ones((n, 1))], 1)
    batch = np.full(shade.COLUMNS * shade.BATCH, np.nan, np.float32)
    lit, strand = rng.random(n, np.float32), rng.normal(size=(n, 4)).astype(np.float32)
    strand[:, :3] /= np.linalg.norm(strand[:, :3], axis=1, keepdims=True)
    strand[:, 3] = rng.random(n)
    columns = np.concatenate([normal, albedo, openness[:, None], material, ray[:, :2], np.ones((n, 1)), lit[:, None],
                              strand], 1)
    for k, column in enumerate(columns.T):
        batch[k * shade.BATCH:k * shade.BATCH + n] = column
    ambient = rng.random(6, np.float32)
    shade.light_fragments(batch, np.uint64(n), lamp_table(STUDIO), ambient)
    fast = np.stack([batch[int(start):int(start) + n] for start in (shade.LR, shade.LG, shade.LB)], 1)
    slow = light_ref(normal, albedo, openness, material.astype(np.float32), ray.astype(np.float32), lamp_table(STUDIO),
                     ambient, lit=lit, strand=strand)
    assert np.allclose(fast, slow, rtol=2e-4, atol=1e-5)
