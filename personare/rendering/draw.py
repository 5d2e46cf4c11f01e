"""A frame, from projected vertices to sRGB: the kernel that runs all others. `draw_ref.py` is its NumPy twin.

Rows are drawn in bands whose samples stay in the cache.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined
from personare.rendering.fragments import collect, interpolate, paint
from personare.rendering.light import TONE_LIMIT, TONE_STEPS
from personare.rendering.raster import bin_triangles, fill_band, list_triangles
from personare.rendering.shade import BATCH, COLUMNS, LB, LG, LR, light_fragments
from personare.rendering.shadow import cast, light_reaching

# Pixels in a band: 16384 pixels * 4 samples * 8 bytes = 512 KiB, half of a common second-level cache.
BAND_PIXELS = 16384

_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)


@inlined
def add_light(fragments, weights, start, count, batch, line):
    """Add the light of a batch to a line of pixels. line: (w, 4) float32, light and coverage."""
    for n in range(count):
        i = start + n
        column, weight = np.uint32(fragments[i, 0]), weights[i]
        line[column, 0] += weight * batch[LR + n]
        line[column, 1] += weight * batch[LG + n]
        line[column, 2] += weight * batch[LB + n]
        line[column, 3] += weight


@inlined
def write_line(line, y, low, high, backdrop, tones, picture):
    """Turn a line of light into sRGB over row y of the backdrop, and clear it."""
    y = np.uint64(y)
    for column in range(low, high + 1):
        i = np.uint64(column)
        covered = line[i, 3]
        if covered > _ZERO:
            for k in range(3):
                light = line[i, np.uint64(k)] + (_ONE - covered) * backdrop[y, i, np.uint64(k)]
                step = light * np.float32(TONE_STEPS / TONE_LIMIT) + _HALF
                step = step if step > _ZERO else _ZERO
                step = step if step < np.float32(TONE_STEPS - 1) else np.float32(TONE_STEPS - 1)
                picture[y, i, np.uint64(k)] = tones[np.uint32(step)]
            line[i, 0] = line[i, 1] = line[i, 2] = line[i, 3] = 0


@inlined
def arrange(points, screen, nearness, triangles, attributes, uv, triangle_material, textures, two_sided, casts, frame,
            facets, heights, h, w):
    """What comes before the rows of a frame of h x w pixels: the bands' lists of triangles, and the shadow's map.

    Returns:
        Rows in a band; (bands + 1,) where the list of each band starts; the lists, triangle numbers.
    """
    band_rows = min(h, max(1, BAND_PIXELS // w))
    bands = (h + band_rows - 1) // band_rows
    starts, filled = np.empty(bands + 1, np.int64), np.empty(bands, np.int64)
    reach = np.empty((triangles.shape[0], 2), np.int32)
    listed = np.empty(bin_triangles(screen, nearness, triangles, two_sided, w, h, band_rows, reach, starts),
                      np.int32)
    list_triangles(reach, starts, filled, listed, triangles, attributes, triangle_material, points, screen, uv,
                   textures, facets)
    if heights.shape[0] > 0:
        cast(points, nearness, triangles, casts, frame, np.empty(points.shape, np.float32), heights)
    return band_rows, starts, listed


@compiled("void(float32[:,::1], int32[:,::1], float32[::1], int32[:,::1], float32[:,::1], float32[:,::1], int32[::1],"
          "float32[:,::1], int64[:,::1], uint16[::1], boolean[::1], boolean[::1], float32[::1], float32[:,::1],"
          "float32[::1], float32[:,:,::1], uint8[::1], float32[::1], float32[:,::1], float32[:,::1], uint8[:,:,::1])")
def draw(points, screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels,
         two_sided, casts, view, lamps, ambient, backdrop, tones, frame, facets, heights, picture):
    """Draw one frame over a picture that holds the background.

    Args:
        points: (v, 3) float32, camera space.
        screen, nearness: (v, 2) int32 and (v,) float32, from raster.project.
        triangles: (f, 3) int32.
        attributes: (v, 8) float32: normal in camera axes, openness, linear RGB, depth.
        uv: (v, 2) float32.
        triangle_material: (f,) int32.
        materials: (m, 6) float32: reflectance, GGX alpha, scatter, relief, strands, 1 where the texture has holes.
        textures: (m, 3 * levels) int64: start in texels, width and height of each level; 0 wide for none.
        texels: (n,) uint16 linear RGBA of all textures.
        two_sided, casts: (f,) bool, whether backs are drawn, and whether it throws shadow.
        view: (5,) float32: 1 / focal_px, center x, center y, 1 / 256, steepest relative depth change of a pixel.
        lamps, ambient: (l, 8) and (6,) float32; the first lamp throws the shadow.
        backdrop: (h, w, 3) float32 linear.
        tones: (TONE_STEPS,) uint8.
        frame: (12,) float32, where the shadow's map lies; see scene.aimed.
        facets: (f, 24) float32 scratch, megabytes that need not be asked of the system for each frame.
        heights: (s, s) float32 scratch, the shadow's map; of size 0 for no shadow.
        picture: (h, w, 3) uint8 in and out.
    """
    h, w = picture.shape[0], picture.shape[1]
    band_rows, starts, listed = arrange(points, screen, nearness, triangles, attributes, uv, triangle_material,
                                        textures, two_sided, casts, frame, facets, heights, h, w)
    samples = np.empty(band_rows * 4 * (w + 4), np.int64)
    touched = np.empty(2, np.int64)
    fragments, weights = np.empty((4 * w, 4), np.int32), np.empty(4 * w, np.float32)
    batch, line = np.empty(COLUMNS * BATCH, np.float32), np.zeros((w, 4), np.float32)
    for band in range(len(starts) - 1):
        if starts[band] == starts[band + 1]:
            continue
        rows = min(band_rows, h - band * band_rows)
        samples.fill(0)
        fill_band(screen, nearness, triangles, listed, starts[band], starts[band + 1], w, band * band_rows, rows,
                  samples, touched, uv, textures, texels, materials, facets)
        low, high = touched[0], touched[1]
        for row in range(rows):
            y = band * band_rows + row
            total = collect(samples, row * 4 * (w + 4), low, high, y, facets, materials, view[4],
                            fragments, weights)
            start = np.uint64(0)
            while start < total:
                count = min(total - start, np.uint64(BATCH))
                interpolate(fragments, start, count, triangles, attributes, facets, materials, view, batch)
                paint(fragments, start, count, triangles, uv, facets, materials, textures, texels, batch)
                if heights.shape[0] > 0:
                    light_reaching(batch, count, frame, heights)
                light_fragments(batch, count, lamps, ambient)
                add_light(fragments, weights, start, count, batch, line)
                start += count
            write_line(line, y, low, high, backdrop, tones, picture)
