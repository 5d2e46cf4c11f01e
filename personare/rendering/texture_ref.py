"""The kernels of texture.py in NumPy."""

import numpy as np


def unpack_ref(picture, table, texels):
    """texture.unpack."""
    texels[..., :3] = table[picture[..., :3]]
    texels[..., 3] = picture[..., 3].astype(np.uint16) * 257 if picture.shape[2] == 4 else 65535


def halve_ref(texels, opaquer, half):
    """texture.halve."""
    h, w = half.shape[:2]
    low, across = min(1, texels.shape[0] - 1), min(1, texels.shape[1] - 1)
    total = sum(texels[y:, x:][:2 * h:2, :2 * w:2].astype(np.uint32) for y in (0, low) for x in (0, across))
    total[..., 3] = np.minimum(total[..., 3] * opaquer, 4 * 65535)
    half[:] = (total + 2) >> 2


def laid_textures_ref(points, screen, triangles, uv, textures, triangle_material):
    """texture.lay_texture for all triangles: (f,) int64 levels, and (f, 3) float32 slopes of u and of v."""
    a, b, c = (triangles[:, k] for k in range(3))
    with np.errstate(all="ignore"):
        p, q = points[b] - points[a], points[c] - points[a]
        n = np.cross(p, q)
        scale = 1 / ((n * n).sum(axis=1, keepdims=True) + np.float32(1e-30))
        s, r = np.cross(q, n) * scale, np.cross(n, p) * scale
        (u1, v1), (u2, v2) = (uv[b] - uv[a]).T[..., None], (uv[c] - uv[a]).T[..., None]
        xy = screen.astype(np.int64)[triangles]
        (ax, ay), (bx, by), (cx, cy) = xy[:, 0].T, xy[:, 1].T, xy[:, 2].T
        pixels = np.abs((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)).astype(np.float32) * np.float32(1 / 65536)
        size = textures[triangle_material]
        texels = np.abs(u1 * v2 - u2 * v1)[:, 0] * (size[:, 1] * size[:, 2]).astype(np.float32)
    level = np.zeros(len(triangles), np.int64)
    for _ in range(textures.shape[1] // 3 - 1):
        coarse = texels > 2 * pixels
        texels = np.where(coarse, texels * np.float32(0.25), texels)
        level += coarse
    return level, u1 * s + u2 * r, v1 * s + v2 * r


def footprint_ref(textures, level, uv):
    """texture.footprint for (n, levels * 3) textures and (n, 2) uv: (4, n) positions, across and down."""
    first, w, h = np.take_along_axis(textures, level[:, None] * 3 + np.arange(3), axis=1).T
    x, y = np.clip(uv[:, 0] * w - 0.5, 0, w - 1), np.clip((1 - uv[:, 1]) * h - 0.5, 0, h - 1)
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    x1, y1 = np.minimum(x0 + 1, w - 1), np.minimum(y0 + 1, h - 1)
    at = np.stack([y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1]) * 4 + first
    return at, (x - x0).astype(np.float32), (y - y0).astype(np.float32)


def mixed_ref(texels, footprint):
    """texture.mixed for all four channels: (n, 4) float32."""
    at, across, down = footprint
    a, b, c, d = (texels[at[k][:, None] + np.arange(4)] / np.float32(65535) for k in range(4))
    across, down = across[:, None], down[:, None]
    return (a * (1 - across) + b * across) * (1 - down) + (c * (1 - across) + d * across) * down


def slope_ref(texels, footprint):
    """texture.slope_at: (2, n) float32 across and down."""
    at, across, down = footprint
    a, b, c, d = texels[at + 1] / np.float32(65535)
    return np.stack([(b - a) * (1 - down) + (d - c) * down, (c - a) * (1 - across) + (d - b) * across])
