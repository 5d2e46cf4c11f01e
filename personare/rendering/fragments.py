"""Samples to fragments: what each pixel shows, and what the lighting needs to know there. Numba kernels.

A pixel whose four samples lie on one smooth surface becomes one fragment; at edges every triangle in it becomes
one, weighted by its samples. `draw_ref.py` holds the NumPy twins.
"""

import numpy as np

from personare.rendering.compiled import inlined
from personare.rendering.samples import FIRST, SAMPLE_X, SAMPLE_Y
from personare.rendering.shade import (
    ALPHA,
    DEPTH,
    F0,
    LIT,
    NX,
    NY,
    NZ,
    OPEN,
    SCATTER,
    STRANDS,
    TX,
    TY,
    TZ,
    VX,
    VY,
    B,
    G,
    R,
)
from personare.rendering.texture import footprint, mixed, shares, slope_at

# Two triangles of one smooth surface have normals less than about 40 degrees apart.
FLATTEST_COSINE = np.float32(0.75)
# How far a strand leans off the surface for each unit of its shade, which breaks the highlight up.
LEAN = np.float32(0.6)

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
def collect(samples, first, low, high, row, facets, materials, steepest, fragments, weights):
    """List what a row of pixels shows: once where a pixel shows one surface, else once for each triangle in it.

    The common path has one branch: several triangles share most pixels of a dense mesh, in no order that a
    processor could foresee.

    Args:
        samples: (n,) int64 keys, from raster.fill_band.
        first: position of the first key of the row.
        low, high: first and last pixel to look at.
        row: number of the row in the picture.
        facets: (f, 24) float32, from raster.list_triangles.
        materials: (m, 6) float32; strands count as one surface, however they cross.
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
            m = facets[t0, 3]
            strands = ((materials[np.uint32(m), 4] > 0) & (facets[t1, 3] == m) & (facets[t2, 3] == m)
                       & (facets[t3, 3] == m))
            apart = ((nearest - farthest > steepest * nearest) | part_ways(t0, t1, facets) | part_ways(t0, t2, facets)
                     | part_ways(t0, t3, facets))
            if strands | (not apart):
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
        batch[DEPTH + n] = attributes[a, 7] * of_a + attributes[b, 7] * of_b + attributes[c, 7] * of_c
        batch[LIT + n] = 1
        batch[TX + n] = batch[TY + n] = batch[TZ + n] = batch[STRANDS + n] = 0


@inlined
def paint(fragments, start, count, triangles, uv, facets, materials, textures, texels, batch):
    """Colour, relief and strands of those fragments whose material has a texture."""
    for n in range(count):
        i = start + n
        t = np.uint32(fragments[i, 1])
        m = np.uint32(facets[t, 3])
        if textures[m, 1] > 0:
            a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
            of_a, of_b, of_c = shares(facets, t, np.float32(fragments[i, 2]), np.float32(fragments[i, 3]))
            u = uv[a, 0] * of_a + uv[b, 0] * of_b + uv[c, 0] * of_c
            v = uv[a, 1] * of_a + uv[b, 1] * of_b + uv[c, 1] * of_c
            level = np.int64(facets[t, 14])
            at = footprint(textures, m, level, u, v)
            green = mixed(texels, at, np.uint64(1))
            batch[R + n] *= mixed(texels, at, np.uint64(0))
            batch[G + n] *= green
            batch[B + n] *= mixed(texels, at, np.uint64(2))
            if materials[m, 3] > 0:
                k = np.uint64(3 * level)
                across, down = slope_at(texels, at)
                across *= np.float32(textures[m, k + _I1]) * materials[m, 3]
                down *= np.float32(textures[m, k + _I2]) * materials[m, 3]
                batch[NX + n] -= across * facets[t, 16] - down * facets[t, 19]
                batch[NY + n] -= across * facets[t, 17] - down * facets[t, 20]
                batch[NZ + n] -= across * facets[t, 18] - down * facets[t, 21]
            if materials[m, 4] > 0:
                lay_strand(batch, n, facets, t, green, materials[m, 4])


@inlined
def lay_strand(batch, n, facets, t, shade, strands):
    """Direction of a strand, at right angles to the normal and to where u grows; light strands lean outwards."""
    x, y, z = batch[NX + n], batch[NY + n], batch[NZ + n]
    u, v, w = facets[t, 16], facets[t, 17], facets[t, 18]
    tx, ty, tz = y * w - z * v, z * u - x * w, x * v - y * u
    scale = _ONE / np.sqrt(tx * tx + ty * ty + tz * tz + np.float32(1e-20))
    lean = LEAN * (shade - _HALF)
    tx, ty, tz = tx * scale + lean * x, ty * scale + lean * y, tz * scale + lean * z
    scale = _ONE / np.sqrt(tx * tx + ty * ty + tz * tz + np.float32(1e-20))
    batch[TX + n], batch[TY + n], batch[TZ + n] = tx * scale, ty * scale, tz * scale
    batch[STRANDS + n] = strands
