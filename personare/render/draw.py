"""Samples to pixels: collect what each pixel shows, shade it, and write sRGB. `draw_ref.py` is the NumPy twin.

A pixel whose four samples lie on one smooth surface is shaded once; at edges every triangle in it is shaded
and weighted by its samples. Rows are drawn in bands whose samples stay in the cache.
"""

import numpy as np

from personare.render.compiled import compiled, inlined
from personare.render.light import TONE_LIMIT, TONE_STEPS
from personare.render.raster import FIRST, SAMPLE_X, SAMPLE_Y, bin_triangles, fill_band, list_triangles
from personare.render.shade import (
    ALPHA,
    BATCH,
    F0,
    LB,
    LG,
    LR,
    NX,
    OPEN,
    SCATTER,
    VX,
    VY,
    WEIGHT,
    R,
    light_ambient,
    light_lamp,
)

# Two triangles belong to one smooth surface where the depth inside a pixel changes by at most this many pixel
# widths, and their normals by less than about 40 degrees.
STEEPEST = 4.0
FLATTEST_COSINE = np.float32(0.75)

# Pixels in a band: 16384 pixels * 4 samples * 8 bytes = 512 KiB, half of a common second-level cache.
BAND_PIXELS = 16384

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_LOW_WORD = np.int64(2**32 - 1)


@inlined
def texel(texels, start, w, h, u, v, channel):
    """Bilinear sample of one channel, 0..1 linear; uv outside 0..1 repeats."""
    x, y = (u - np.floor(u)) * w - _HALF, (_ONE - (v - np.floor(v))) * h - _HALF
    left, top = np.floor(x), np.floor(y)
    across, down = x - left, y - top
    x0, y0 = np.int64(left), np.int64(top)
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    x0, y0 = min(max(x0, 0), w - 1), min(max(y0, 0), h - 1)
    upper = (texels[start + (y0 * w + x0) * 3 + channel] * (_ONE - across)
             + texels[start + (y0 * w + x1) * 3 + channel] * across)
    lower = (texels[start + (y1 * w + x0) * 3 + channel] * (_ONE - across)
             + texels[start + (y1 * w + x1) * 3 + channel] * across)
    return upper * (_ONE - down) + lower * down


@inlined
def add_fragment(batch, n, t, x, y, weight, scene, lens):
    """Interpolate triangle t at the point (x, y), 1/256 pixel, into row n of a batch.

    scene: the arrays of draw from screen to texels. A point outside the triangle, where a neighbour has the middle of the pixel, counts as its edge.
    """
    screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels = scene
    a, b, c = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
    ax, ay = np.float32(screen[a, 0] - x), np.float32(screen[a, 1] - y)
    bx, by = np.float32(screen[b, 0] - x), np.float32(screen[b, 1] - y)
    cx, cy = np.float32(screen[c, 0] - x), np.float32(screen[c, 1] - y)
    of_a, of_b, of_c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    total = of_a + of_b + of_c
    # Pixel rows run downwards, so a triangle seen from its front has a negative area here.
    front = _ONE if total < _ZERO else -_ONE
    of_a, of_b, of_c = of_a / total * nearness[a], of_b / total * nearness[b], of_c / total * nearness[c]
    of_a = of_a if of_a > _ZERO else _ZERO
    of_b = of_b if of_b > _ZERO else _ZERO
    of_c = of_c if of_c > _ZERO else _ZERO
    scale = _ONE / (of_a + of_b + of_c)
    of_a, of_b, of_c = of_a * scale, of_b * scale, of_c * scale
    m = np.uint32(triangle_material[t])
    for k in range(3):
        p, q = np.uint32(k), np.uint32(k + 4)
        batch[NX + np.uint64(k * BATCH) + n] = front * (
            attributes[a, p] * of_a + attributes[b, p] * of_b + attributes[c, p] * of_c)
        color = attributes[a, q] * of_a + attributes[b, q] * of_b + attributes[c, q] * of_c
        batch[R + np.uint64(k * BATCH) + n] = color * materials[m, p]
    batch[OPEN + n] = attributes[a, 3] * of_a + attributes[b, 3] * of_b + attributes[c, 3] * of_c
    batch[F0 + n], batch[ALPHA + n], batch[SCATTER + n] = materials[m, 3], materials[m, 4], materials[m, 5]
    batch[VX + n] = (lens[1] - np.float32(x) * lens[3]) * lens[0]
    batch[VY + n] = (np.float32(y) * lens[3] - lens[2]) * lens[0]
    batch[WEIGHT + n] = weight
    if textures[m, 1] > 0:
        u = uv[a, 0] * of_a + uv[b, 0] * of_b + uv[c, 0] * of_c
        v = uv[a, 1] * of_a + uv[b, 1] * of_b + uv[c, 1] * of_c
        for k in range(3):
            batch[R + np.uint64(k * BATCH) + n] *= texel(
                texels, textures[m, 0], textures[m, 1], textures[m, 2], u, v, k)


@inlined
def same_surface(k0, k1, k2, k3, t0, t1, t2, t3, steepest, attributes, triangles, triangle_material):
    """Whether four covered samples (keys k, triangles t) lie on one smooth surface."""
    near, far = max(k0, k1, k2, k3), min(k0, k1, k2, k3)
    if far == 0:
        return False
    nearest = np.int32(near >> 32).view(np.float32)
    if nearest - np.int32(far >> 32).view(np.float32) > steepest * nearest:
        return False
    a = np.uint32(triangles[t0, 0])
    for t in (t1, t2, t3):
        if t != t0:
            b = np.uint32(triangles[t, 0])
            cosine = (attributes[a, 0] * attributes[b, 0] + attributes[a, 1] * attributes[b, 1]
                      + attributes[a, 2] * attributes[b, 2])
            if cosine < FLATTEST_COSINE or triangle_material[t] != triangle_material[t0]:
                return False
    return True


@inlined
def commonest(t0, t1, t2, t3):
    """The triangle that holds most of four samples, the first of several."""
    if t0 == t1 or t0 == t2 or t0 == t3:
        return t0
    if t1 == t2 or t1 == t3:
        return t1
    return t2 if t2 == t3 else t0


@inlined
def add_pixel(samples, i, batch, columns, n, column, row, scene, lens):
    """Add the fragments of one pixel to a batch; returns the new length. i: position of its first sample."""
    k0, k1, k2, k3 = samples[i], samples[i + 1], samples[i + 2], samples[i + 3]
    if (k0 | k1 | k2 | k3) == 0:
        return n
    t0, t1 = np.uint32(FIRST - (k0 & _LOW_WORD)), np.uint32(FIRST - (k1 & _LOW_WORD))
    t2, t3 = np.uint32(FIRST - (k2 & _LOW_WORD)), np.uint32(FIRST - (k3 & _LOW_WORD))
    whole = t0 == t1 and t0 == t2 and t0 == t3
    if not whole and same_surface(k0, k1, k2, k3, t0, t1, t2, t3, lens[4], scene[3], scene[2], scene[5]):
        t0 = commonest(t0, t1, t2, t3)
        whole = True
    x, y = column * 256, row * 256
    if whole:
        columns[n] = column
        add_fragment(batch, n, t0, x + 128, y + 128, _ONE, scene, lens)
        return n + np.uint64(1)
    keys, numbers = (k0, k1, k2, k3), (t0, t1, t2, t3)
    for s in range(4):
        fresh = keys[s] != 0
        for earlier in range(s):
            fresh = fresh and not (keys[earlier] != 0 and numbers[earlier] == numbers[s])
        if fresh:
            count, sum_x, sum_y = 0, 0, 0
            for other in range(s, 4):
                if keys[other] != 0 and numbers[other] == numbers[s]:
                    count += 1
                    sum_x += SAMPLE_X[other]
                    sum_y += SAMPLE_Y[other]
            columns[n] = column
            add_fragment(batch, n, numbers[s], x + sum_x // count, y + sum_y // count,
                         np.float32(count) * np.float32(0.25), scene, lens)
            n += np.uint64(1)
    return n


@inlined
def shade_batch(batch, columns, count, lamps, ambient, line):
    """Light a batch and add it to a line of pixels. line: (w, 4) float32, light and coverage."""
    light_ambient(batch, count, ambient)
    for k in range(lamps.shape[0]):
        light_lamp(batch, count, lamps[k, 0], lamps[k, 1], lamps[k, 2], lamps[k, 3], lamps[k, 4], lamps[k, 5],
                   lamps[k, 6])
    for i in range(count):
        column, weight = np.uint32(columns[i]), batch[WEIGHT + i]
        line[column, 0] += weight * batch[LR + i]
        line[column, 1] += weight * batch[LG + i]
        line[column, 2] += weight * batch[LB + i]
        line[column, 3] += weight


@inlined
def write_line(line, low, high, backdrop, tones, picture):
    """Turn a line of light into sRGB over the backdrop, and clear it."""
    for column in range(low, high + 1):
        i = np.uint64(column)
        covered = line[i, 3]
        if covered > _ZERO:
            for k in range(3):
                light = line[i, k] + (_ONE - covered) * backdrop[i, k]
                step = light * np.float32(TONE_STEPS / TONE_LIMIT) + _HALF
                step = step if step > _ZERO else _ZERO
                step = step if step < np.float32(TONE_STEPS - 1) else np.float32(TONE_STEPS - 1)
                picture[i, k] = tones[np.uint32(step)]
            line[i, 0] = line[i, 1] = line[i, 2] = line[i, 3] = 0


@compiled("void(int32[:,::1], float32[::1], int32[:,::1], float32[:,::1], float32[:,::1], int32[::1],"
          "float32[:,::1], int64[:,::1], float32[::1], boolean[::1], float32[::1], float32[:,::1], float32[::1],"
          "float32[:,:,::1], uint8[::1], uint8[:,:,::1])")
def draw(screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels, two_sided,
         lens, lamps, ambient, backdrop, tones, picture):
    """Draw one frame over a picture that holds the background.

    Args:
        screen, nearness: (v, 2) int32 and (v,) float32, from raster.project.
        triangles: (f, 3) int32.
        attributes: (v, 8) float32: normal in camera axes, openness, linear RGB, 0.
        uv: (v, 2) float32.
        triangle_material: (f,) int32.
        materials: (m, 8) float32: linear RGB, reflectance, GGX alpha, scatter, 0, 0.
        textures: (m, 3) int64: start in texels, width and height; 0 wide for none.
        texels: (n,) float32 linear RGB of all textures.
        two_sided: (f,) bool.
        lens: (5,) float32: 1 / focal_px, center x, center y, 1 / 256, steepest relative depth change of a pixel.
        lamps, ambient: (l, 8) and (6,) float32.
        backdrop: (h, w, 3) float32 linear.
        tones: (TONE_STEPS,) uint8.
        picture: (h, w, 3) uint8 in and out.
    """
    h, w = picture.shape[0], picture.shape[1]
    band_rows = min(h, max(1, BAND_PIXELS // w))
    bands = (h + band_rows - 1) // band_rows
    starts, filled = np.empty(bands + 1, np.int64), np.empty(bands, np.int64)
    reach = np.empty((triangles.shape[0], 2), np.int32)
    total = bin_triangles(screen, nearness, triangles, two_sided, w, h, band_rows, reach, starts)
    listed = np.empty(total, np.int32)
    list_triangles(reach, starts, filled, listed)
    samples = np.empty((band_rows, 4 * (w + 4)), np.int64)
    touched = np.empty((band_rows, 2), np.int32)
    batch, columns = np.empty(16 * BATCH, np.float32), np.empty(BATCH, np.int32)
    line = np.zeros((w, 4), np.float32)
    flat = samples.reshape(-1)
    scene = (screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels)
    for band in range(bands):
        if starts[band] == starts[band + 1]:
            continue
        samples[:] = 0
        touched[:, 0] = w
        touched[:, 1] = -1
        rows = min(band_rows, h - band * band_rows)
        fill_band(screen, nearness, triangles, listed[starts[band]:starts[band + 1]], w, band * band_rows, rows,
                  samples, touched)
        for row in range(rows):
            n = np.uint64(0)
            y = band * band_rows + row
            for column in range(touched[row, 0], touched[row, 1] + 1):
                n = add_pixel(flat, np.uint64((row * (w + 4) + column) * 4), batch, columns, n, column, y, scene, lens)
                if n + np.uint64(4) > BATCH:
                    shade_batch(batch, columns, n, lamps, ambient, line)
                    n = np.uint64(0)
            shade_batch(batch, columns, n, lamps, ambient, line)
            write_line(line, touched[row, 0], touched[row, 1], backdrop[y], tones, picture[y])
