"""Textures looked up on pictures, and what pictures do not show."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.learn.rasterizing import rasterize  # noqa: E402
from personare.learn.unwrapping import unwrap  # noqa: E402

SIZE = (96, 96)


def sheet(center, width, z):
    """A square sheet that faces the camera: clip coordinates (v, 4) in perspective and triangles."""
    x, y = np.meshgrid(np.linspace(-width, width, 9) + center, np.linspace(-width, width, 9))
    at = np.arange(81).reshape(9, 9)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    points = torch.tensor(np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3))
    depth = 3 - points[:, 2]
    clip = torch.stack([2 * points[:, 0], -2 * points[:, 1], depth - 2, depth], -1)
    return clip.float(), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def scene():
    """A wide sheet, and a small one before its right part; they share the texture left and right."""
    (back, one), (front, two) = sheet(0.0, 1.0, 0.0), sheet(0.6, 0.2, 1.0)
    u, v = np.meshgrid(np.linspace(0.02, 0.48, 9), np.linspace(0.02, 0.98, 9))
    uv = np.concatenate([np.stack([u, v], -1).reshape(-1, 2), np.stack([u + 0.5, v], -1).reshape(-1, 2)])
    return (torch.cat([back, front])[None], torch.tensor(np.concatenate([one, two + 81])), torch.tensor(uv).float())


def test_texture_comes_back_where_it_is_seen_and_hidden_parts_are_told():
    clip, triangles, uv = scene()
    color = torch.cat([uv, 0.5 * torch.ones(len(uv), 1)], 1)[None]
    raster = rasterize(clip, triangles, SIZE)
    texture, seen = unwrap(raster.interpolated(color), clip, triangles, uv, (64, 64))
    row, column = np.mgrid[0:64, 0:64]
    expected = np.stack([(column + 0.5) / 64, 1 - (row + 0.5) / 64], -1)
    left, right = (column >= 2) & (column < 30), column >= 34
    seen, laid = seen[0].numpy(), (row >= 2) & (row < 62)
    # The small sheet hides what lies behind it: half its size there, seen at twice the depth scale 3/2.
    x, y = (expected[..., 0] - 0.25) / 0.23, (expected[..., 1] - 0.5) / 0.48
    hidden = left & (np.abs(x - 0.9) < 0.24) & (np.abs(y) < 0.24)
    clear = left & laid & ((np.abs(x - 0.9) > 0.36) | (np.abs(y) > 0.36))
    assert hidden.sum() > 30
    assert not seen[hidden].any()
    assert seen[clear].all()
    assert seen[right & laid & (column < 62)].all()
    error = np.abs(texture[0, ..., :2].numpy() - expected).max(-1)
    assert error[clear & (np.abs(x) < 0.9)].max() < 0.02


def test_backs_and_what_lies_outside_are_not_seen():
    clip, triangles, uv = scene()
    picture = torch.zeros(1, 96, 96, 3)
    assert not unwrap(picture, clip, triangles[:, [0, 2, 1]], uv, (32, 32))[1].any()
    aside = clip + torch.tensor([100.0, 0, 0, 0])
    texture, seen = unwrap(picture, aside, triangles, uv, (32, 32))
    assert not seen.any()
    assert torch.isfinite(texture).all()
