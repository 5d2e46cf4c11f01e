"""Textures on triangles: which level of detail, how the picture lies on the surface, what it shows. Numba kernels.

A texture is stored as linear RGBA in 16 bits, each level half the size of the one before. A triangle looks at one
level, so that about one texel falls on each pixel. `texture_ref.py` holds the NumPy twins.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined

# Columns of facets, one row for each triangle of the mesh: 0..3 normal at the first corner and material, 4..12 planes
# of the corners' shares, 13 front or back, 14 level of detail, 16..21 slopes of u and v over the surface.
FACET_COLUMNS = 24
LEVEL, SLOPE_U, SLOPE_V = 14, 16, 19

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_FULL = np.float32(1 / 65535)


@compiled("void(uint8[:,:,:], uint16[::1], uint16[:,:,::1])")
def unpack(picture, table, texels):
    """Linear RGBA of a picture (h, w, 3 or 4) uint8 by a table of 256 levels; texels (h, w, 4) uint16 out."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            for k in range(3):
                texels[y, x, k] = table[picture[y, x, k]]
            texels[y, x, 3] = np.uint16(picture[y, x, 3]) * np.uint16(257) if picture.shape[2] == 4 else 65535


@compiled("void(uint16[:,:,::1], float64, uint16[:,:,::1])")
def halve(texels, opaquer, half):
    """The next level of a texture, (h, w, 4) uint16 to half its size: means of four, opacity times opaquer."""
    low, across = min(1, texels.shape[0] - 1), min(1, texels.shape[1] - 1)
    for y in range(half.shape[0]):
        for x in range(half.shape[1]):
            for k in range(4):
                total = (np.uint32(texels[2 * y, 2 * x, k]) + texels[2 * y + low, 2 * x, k]
                         + texels[2 * y, 2 * x + across, k] + texels[2 * y + low, 2 * x + across, k])
                if k == 3:
                    total = np.uint32(min(total * opaquer, 4.0 * 65535.0))
                half[y, x, k] = (total + 2) >> 2


@inlined
def lay_texture(facets, t, corners, points, uv, area, textures, material):
    """Write level and slopes of one triangle.

    Args:
        facets: (f, FACET_COLUMNS) float32 out.
        t: the triangle.
        corners: its three vertices.
        points: (v, 3) float32, camera space.
        uv: (v, 2) float32.
        area: its doubled area on the screen in 1/256 pixel squared.
        textures: (m, 3 * levels) int64, start, width and height of each level; 0 wide for none.
        material: its material.
    """
    a, b, c = corners
    px, py, pz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    qx, qy, qz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
    scale = _ONE / (nx * nx + ny * ny + nz * nz + np.float32(1e-30))
    # In a triangle a + s p + t q, s grows along q x n and t along n x p, both over |n|^2.
    sx, sy, sz = (qy * nz - qz * ny) * scale, (qz * nx - qx * nz) * scale, (qx * ny - qy * nx) * scale
    rx, ry, rz = (ny * pz - nz * py) * scale, (nz * px - nx * pz) * scale, (nx * py - ny * px) * scale
    u1, u2 = uv[b, 0] - uv[a, 0], uv[c, 0] - uv[a, 0]
    v1, v2 = uv[b, 1] - uv[a, 1], uv[c, 1] - uv[a, 1]
    facets[t, 16], facets[t, 17], facets[t, 18] = u1 * sx + u2 * rx, u1 * sy + u2 * ry, u1 * sz + u2 * rz
    facets[t, 19], facets[t, 20], facets[t, 21] = v1 * sx + v2 * rx, v1 * sy + v2 * ry, v1 * sz + v2 * rz
    texels = abs(u1 * v2 - u2 * v1) * np.float32(textures[material, 1] * textures[material, 2])
    pixels = np.float32(abs(area)) * np.float32(1 / 65536)
    facets[t, 14] = _ZERO
    level = np.int64(0)
    last = np.int64(textures.shape[1] // 3 - 1)
    # Round half the binary logarithm of texels / pixels: one level up for each factor of 4 beyond a factor of 2.
    while texels > np.float32(2) * pixels and level < last:
        texels *= np.float32(0.25)
        level += 1
    facets[t, 14] = level


@inlined
def shares(facets, t, x, y):
    """Share of each corner of a triangle at a point, 1/256 pixel, correct in perspective.

    A point outside, where a neighbour holds the middle of the pixel, counts as a point of the edge.
    """
    of_a = facets[t, 4] + (facets[t, 5] * x + facets[t, 6] * y)
    of_b = facets[t, 7] + (facets[t, 8] * x + facets[t, 9] * y)
    of_c = facets[t, 10] + (facets[t, 11] * x + facets[t, 12] * y)
    of_a = of_a if of_a > _ZERO else _ZERO
    of_b = of_b if of_b > _ZERO else _ZERO
    of_c = of_c if of_c > _ZERO else _ZERO
    # The smallest number keeps a sliver on which all three round to nothing from dividing by it.
    scale = _ONE / (of_a + of_b + of_c + np.float32(1e-30))
    return of_a * scale, of_b * scale, of_c * scale


@inlined
def footprint(textures, m, level, u, v):
    """Positions of the four texels round a point, and how far it lies from the first across and down."""
    k = np.uint64(3 * level)
    first, w, h = textures[m, k], textures[m, k + np.uint64(1)], textures[m, k + np.uint64(2)]
    x, y = u * np.float32(w) - _HALF, (_ONE - v) * np.float32(h) - _HALF
    x, y = min(max(x, _ZERO), np.float32(w - 1)), min(max(y, _ZERO), np.float32(h - 1))
    x0, y0 = np.int64(x), np.int64(y)
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    upper, lower = first + y0 * w * 4, first + y1 * w * 4
    return (np.uint64(upper + x0 * 4), np.uint64(upper + x1 * 4), np.uint64(lower + x0 * 4), np.uint64(lower + x1 * 4),
            x - np.float32(x0), y - np.float32(y0))


@inlined
def mixed(texels, at, channel):
    """One channel of the texture at a footprint, bilinear, 0..1."""
    a, b, c, d, across, down = at
    upper = np.float32(texels[a + channel]) * (_ONE - across) + np.float32(texels[b + channel]) * across
    lower = np.float32(texels[c + channel]) * (_ONE - across) + np.float32(texels[d + channel]) * across
    return (upper * (_ONE - down) + lower * down) * _FULL


@inlined
def alpha_at(facets, t, corners, uv, textures, texels, m, x, y):
    """How opaque a triangle is at a point, 1/256 pixel; 0..1."""
    a, b, c = corners
    of_a, of_b, of_c = shares(facets, t, np.float32(x), np.float32(y))
    u = uv[a, 0] * of_a + uv[b, 0] * of_b + uv[c, 0] * of_c
    v = uv[a, 1] * of_a + uv[b, 1] * of_b + uv[c, 1] * of_c
    return mixed(texels, footprint(textures, m, np.int64(facets[t, 14]), u, v), np.uint64(3))


@inlined
def slope_at(texels, at):
    """Change of the texture's green from one texel to the next, across and down."""
    a, b, c, d, across, down = at
    g = np.uint64(1)
    ga, gb, gc, gd = (np.float32(texels[a + g]), np.float32(texels[b + g]), np.float32(texels[c + g]),
                      np.float32(texels[d + g]))
    return (((gb - ga) * (_ONE - down) + (gd - gc) * down) * _FULL,
            ((gc - ga) * (_ONE - across) + (gd - gb) * across) * _FULL)
