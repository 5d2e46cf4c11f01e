"""Samples to fragments: what each pixel shows, and what the lighting needs to know there. Numba kernels.

A pixel whose four samples lie on one smooth surface becomes one fragment; at edges every triangle in it becomes
one, weighted by its samples. `draw_ref.py` holds the NumPy twins.
"""

import numpy as np

from personare.rendering.compiled import inlined
from personare.rendering.raster import FIRST, SAMPLE_X, SAMPLE_Y
from personare.rendering.shade import ALPHA, F0, NX, NY, NZ, OPEN, SCATTER, VX, VY, B, G, R

# Two triangles of one smooth surface have normals less than about 40 degrees apart.
FLATTEST_COSINE = np.float32(0.75)

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_LOW_WORD = np.int64(2**32 - 1)
_I1, _I2, _I3 = np.uint64(1), np.uint64(2), np.uint64(3)


@inlined
def part_ways(one, other, facets):
    """Whether two triangles meet at an edge or belong to different materials; not so for one and the same."""
    cosine = (facets[one, 0] * facets[other, 0] + facets[one, 1] * facets[other, 1]
              + facets[one, 2] * facets[other, 2])
    return (cosine < FLATTEST_COSINE) | (facets[one, 3] != facets[other, 3])


@inlined
def triangle_of(key):
    """Triangle number of a sample key that is not empty."""
    return np.uint32(FIRST - (key & _LOW_WORD))


@inlined
def collect(samples, first, low, high, row, facets, steepest, fragments, weights):
    """List what a row of pixels shows: once where a pixel shows one surface, else once for each triangle in it.

    The common path has one branch: several triangles share most pixels of a dense mesh, in no order that a
    processor could foresee.

    Args:
        samples: (n,) int64 keys, from raster.fill_band.
        first: position of the first key of the row.
        low, high: first and last pixel to look at.
        row: number of the row in the picture.
        facets: (f, 16) float32, from raster.list_triangles.
        steepest: largest relative change of depth inside a pixel of one surface.
        fragments: (4 * w, 4) int32 out: column, triangle, and the point to look at in 1/256 pixel.
        weights: (4 * w,) float32 out, share of the pixel.

    Returns:
        Number of fragments.
    """
    n = np.uint64(0)
    for column in range(low, high + 1):
        i = np.uint64(first + column * 4)
        k0, k1, k2, k3 = samples[i], samples[i + _I1], samples[i + _I2], samples[i + _I3]
        far = min(min(k0, k1), min(k2, k3))
        if far > 0:
            t0, t1, t2, t3 = triangle_of(k0), triangle_of(k1), triangle_of(k2), triangle_of(k3)
            nearest = np.int32(max(max(k0, k1), max(k2, k3)) >> 32).view(np.float32)
            farthest = np.int32(far >> 32).view(np.float32)
            if not ((nearest - farthest > steepest * nearest) | part_ways(t0, t1, facets) | part_ways(t0, t2, facets)
                    | part_ways(t0, t3, facets)):
                # One surface: look at the middle of the pixel, through the triangle that holds most samples.
                most = np.int64(t0 == t1) + np.int64(t0 == t2) + np.int64(t0 == t3)
                others = np.int64(t1 == t2) + np.int64(t1 == t3)
                t = t1 if others > most else t0
                t = t2 if (most + others == 0) & (t2 == t3) else t
                fragments[n, 0], fragments[n, 1] = column, t
                fragments[n, 2], fragments[n, 3] = column * 256 + 128, row * 256 + 128
                weights[n] = 1
                n += _I1
                continue
        if (k0 | k1 | k2 | k3) != 0:
            n = collect_edge((k0, k1, k2, k3), column, row, n, fragments, weights)
    return n


@inlined
def collect_edge(keys, column, row, n, fragments, weights):
    """List every triangle in a pixel, looked at in the middle of its samples; returns the new length."""
    for s in range(4):
        fresh, count, sum_x, sum_y = keys[s] != 0, 0, 0, 0
        number = keys[s] & _LOW_WORD
        for other in range(4):
            if keys[other] != 0 and keys[other] & _LOW_WORD == number:
                fresh = fresh and other >= s
                count += 1
                sum_x += SAMPLE_X[other]
                sum_y += SAMPLE_Y[other]
        if fresh:
            fragments[n, 0], fragments[n, 1] = column, FIRST - number
            fragments[n, 2], fragments[n, 3] = column * 256 + sum_x // count, row * 256 + sum_y // count
            weights[n] = np.float32(count) * np.float32(0.25)
            n += _I1
    return n


@inlined
def texel(texels, first, w, h, u, v):
    """Linear light of one channel, bilinear; first is the position of its first value. Past 0..1 the rim goes on."""
    x, y = u * np.float32(w) - _HALF, (_ONE - v) * np.float32(h) - _HALF
    x, y = min(max(x, _ZERO), np.float32(w - 1)), min(max(y, _ZERO), np.float32(h - 1))
    x0, y0 = np.int64(x), np.int64(y)
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    across, down = x - np.float32(x0), y - np.float32(y0)
    upper = (texels[first + (y0 * w + x0) * 3] * (_ONE - across)
             + texels[first + (y0 * w + x1) * 3] * across)
    lower = (texels[first + (y1 * w + x0) * 3] * (_ONE - across)
             + texels[first + (y1 * w + x1) * 3] * across)
    return upper * (_ONE - down) + lower * down


@inlined
def interpolate(fragments, start, count, triangles, attributes, facets, materials, view, batch):
    """Look up what the lighting needs at `count` fragments from `start` on. The other arrays are those of draw."""
    for n in range(count):
        i = start + n
        t, x, y = np.uint32(fragments[i, 1]), np.float32(fragments[i, 2]), np.float32(fragments[i, 3])
        a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        of_a, of_b, of_c = shares(facets, t, x, y)
        front = facets[t, 13]
        batch[NX + n] = front * (attributes[a, 0] * of_a + attributes[b, 0] * of_b + attributes[c, 0] * of_c)
        batch[NY + n] = front * (attributes[a, 1] * of_a + attributes[b, 1] * of_b + attributes[c, 1] * of_c)
        batch[NZ + n] = front * (attributes[a, 2] * of_a + attributes[b, 2] * of_b + attributes[c, 2] * of_c)
        batch[OPEN + n] = attributes[a, 3] * of_a + attributes[b, 3] * of_b + attributes[c, 3] * of_c
        batch[R + n] = attributes[a, 4] * of_a + attributes[b, 4] * of_b + attributes[c, 4] * of_c
        batch[G + n] = attributes[a, 5] * of_a + attributes[b, 5] * of_b + attributes[c, 5] * of_c
        batch[B + n] = attributes[a, 6] * of_a + attributes[b, 6] * of_b + attributes[c, 6] * of_c
        m = np.uint32(facets[t, 3])
        batch[F0 + n], batch[ALPHA + n], batch[SCATTER + n] = materials[m, 0], materials[m, 1], materials[m, 2]
        batch[VX + n] = (view[1] - x * view[3]) * view[0]
        batch[VY + n] = (y * view[3] - view[2]) * view[0]


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
def paint(fragments, start, count, triangles, uv, facets, textures, texels, batch):
    """Multiply the colour of those fragments whose material has a texture with it."""
    for n in range(count):
        i = start + n
        t = np.uint32(fragments[i, 1])
        m = np.uint32(facets[t, 3])
        if textures[m, 1] > 0:
            a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
            of_a, of_b, of_c = shares(facets, t, np.float32(fragments[i, 2]), np.float32(fragments[i, 3]))
            u = uv[a, 0] * of_a + uv[b, 0] * of_b + uv[c, 0] * of_c
            v = uv[a, 1] * of_a + uv[b, 1] * of_b + uv[c, 1] * of_c
            first, w, h = textures[m, 0], textures[m, 1], textures[m, 2]
            batch[R + n] *= texel(texels, first, w, h, u, v)
            batch[G + n] *= texel(texels, first + 1, w, h, u, v)
            batch[B + n] *= texel(texels, first + 2, w, h, u, v)
