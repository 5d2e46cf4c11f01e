"""draw.py, fragments.py and shade.py in NumPy: the fallback where numba cannot be imported, and the tests' measure."""

import numpy as np

from personare.rendering.light import TONE_LIMIT, TONE_STEPS
from personare.rendering.raster_ref import FIRST, SAMPLE_X, SAMPLE_Y, sample_keys_ref
from personare.rendering.shadow_ref import cast_ref, light_reaching_ref
from personare.rendering.texture_ref import footprint_ref, laid_textures_ref, mixed_ref, slope_ref

# The constants of fragments.py and shade.py, repeated here because this file must not import numba.
FLATTEST_COSINE = np.float32(0.75)
WRAP = np.array([0.90, 0.50, 0.35], np.float32)
SHARPEST = np.float32(0.02)
BLEED, BROADER, LEAN = np.array([0.9, 0.30, 0.15], np.float32), np.float32(2.0), np.float32(0.6)

_BAND_PIXELS = 2**18


def draw_ref(points, screen, nearness, triangles, attributes, uv, triangle_material, materials, textures, texels,
             two_sided, casts, view, lamps, ambient, backdrop, tones, frame, facets, heights, picture):
    """draw.draw; facets is not used."""
    h, w = picture.shape[:2]
    if len(heights):
        cast_ref(points, nearness, triangles, casts, frame, heights)
    laid = laid_textures_ref(points, screen, triangles, uv, textures, triangle_material)
    opacity = _opacity(screen, nearness, triangles, uv, triangle_material, materials, textures, texels, laid)
    rows = max(1, _BAND_PIXELS // w)
    for first in range(0, h, rows):
        count = min(rows, h - first)
        keys = sample_keys_ref(screen, nearness, triangles, two_sided, w, first, count, opacity)
        found = collect_ref(keys, first, triangles, attributes, triangle_material, view[4], materials[:, 4])
        if not len(found[0]):
            continue
        row, column, t, x, y, weight = found
        of, front = shares_ref(screen, nearness, triangles[t], x, y)
        looks = np.einsum("nkc,nk->nc", attributes[triangles[t]], of)
        material = materials[triangle_material[t]]
        ray = np.stack([(view[1] - x.astype(np.float32) * view[3]) * view[0],
                        (y.astype(np.float32) * view[3] - view[2]) * view[0], np.ones(len(x), np.float32)], 1)
        at = np.einsum("nkc,nk->nc", uv[triangles[t]], of)
        color, normal, strand = paint_ref(looks[:, :3] * front[:, None], at, material, textures[triangle_material[t]],
                                          texels, [k[t] for k in laid])
        lit = light_reaching_ref(normal, ray, looks[:, 7], frame, heights) if len(heights) else None
        light = light_ref(normal, looks[:, 4:7] * color, looks[:, 3], material, ray, lamps, ambient, lit=lit,
                          strand=strand)
        line = np.zeros((count, w, 4), np.float32)
        np.add.at(line, (row, column), np.concatenate([light, np.ones((len(t), 1), np.float32)], 1) * weight[:, None])
        covered = line[..., 3] > 0
        band = slice(first, first + count)
        mixed = line[covered, :3] + (1 - line[covered, 3:]) * backdrop[band][covered]
        step = np.nan_to_num(mixed * np.float32(TONE_STEPS / TONE_LIMIT) + np.float32(0.5))
        picture[band][covered] = tones[np.clip(step, 0, TONE_STEPS - 1).astype(np.int64)]


def _opacity(screen, nearness, triangles, uv, triangle_material, materials, textures, texels, laid):
    """What sample_keys_ref asks for, or None where no texture has holes."""
    masked = materials[triangle_material, 5] > 0
    if not masked.any():
        return None

    def opacity(t, x, y):
        share = np.ones(len(t), np.float32)
        holes = np.flatnonzero(masked[t])
        t = t[holes]
        of, _ = shares_ref(screen, nearness, triangles[t], x[holes], y[holes])
        at = np.einsum("nkc,nk->nc", uv[triangles[t]], of)
        share[holes] = mixed_ref(texels, footprint_ref(textures[triangle_material[t]], laid[0][t], at))[:, 3]
        return share
    return opacity


def collect_ref(keys, first_row, triangles, attributes, triangle_material, steepest, strands):
    """draw.collect for all rows at once: row, column, triangle, x, y and weight of each fragment."""
    row, column = np.nonzero(keys.any(axis=2))
    key = keys[row, column]
    t = np.where(key > 0, FIRST - (key & 0xFFFFFFFF), -1)                     # (n, 4)
    same = t[:, :, None] == t[:, None, :]                                     # (n, 4, 4)
    whole = same[:, 0].all(axis=1)
    merged = whole | _same_surface(key, t, triangles, attributes, triangle_material, steepest, strands)
    later = np.triu(np.ones((4, 4), bool), 1)
    commonest = np.argmax((same & later).sum(axis=2), axis=1)
    first = ~(same & later.T).any(axis=2) & (t >= 0)
    first[merged] = np.arange(4) == commonest[merged, None]
    n, s = np.nonzero(first)
    count = same[n, s].sum(axis=1)
    x = np.where(merged[n], 128, (same[n, s] * SAMPLE_X).sum(axis=1) // count) + column[n] * 256
    y = np.where(merged[n], 128, (same[n, s] * SAMPLE_Y).sum(axis=1) // count) + (row[n] + first_row) * 256
    weight = np.where(merged[n], 1, count * 0.25).astype(np.float32)
    return row[n], column[n], t[n, s], x, y, weight


def _same_surface(key, t, triangles, attributes, triangle_material, steepest, strands):
    covered = key.min(axis=1) > 0
    near, far = ((k(key, axis=1) >> 32).astype(np.int32).view(np.float32) for k in (np.max, np.min))
    normal = attributes[triangles[t, 0], :3]                                  # (n, 4, 3)
    cosine = (normal[:, :1] * normal).sum(axis=2)
    material = triangle_material[t]
    alike = material == material[:, :1]
    flat = (t == t[:, :1]) | ((cosine >= FLATTEST_COSINE) & alike)
    hair = alike.all(axis=1) & (strands[material[:, 0]] > 0)
    return covered & (hair | (near - far <= steepest * near) & flat.all(axis=1))


def shares_ref(screen, nearness, corners, x, y):
    """draw.shares for (n, 3) corners: (n, 3) float32 shares and (n,) 1 for front, -1 for back."""
    offset = screen[corners] - np.stack([x, y], 1)[:, None]
    (ax, ay), (bx, by), (cx, cy) = offset[:, 0].T, offset[:, 1].T, offset[:, 2].T
    of = np.stack([bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay], 1)
    front = np.where(of.sum(axis=1) < 0, np.float32(1), np.float32(-1))
    of = np.maximum(-front[:, None] * of.astype(np.float32) * nearness[corners], 0)
    return of / of.sum(axis=1, keepdims=True), front


def paint_ref(normal, uv, material, textures, texels, laid):
    """fragments.paint: (n, 3) colour, 1 where there is no texture, normals in relief, and strands (n, 4)."""
    color, normal, strand = np.ones((len(uv), 3), np.float32), normal.copy(), np.zeros((len(uv), 4), np.float32)
    has = np.flatnonzero(textures[:, 1] > 0)
    level, slope_u, slope_v = (k[has] for k in laid)
    at = footprint_ref(textures[has], level, uv[has])
    color[has] = mixed_ref(texels, at)[:, :3]
    size = np.take_along_axis(textures[has], level[:, None] * 3 + np.array([1, 2]), axis=1).T.astype(np.float32)
    across, down = slope_ref(texels, at) * size * material[has, 3]
    normal[has] -= across[:, None] * slope_u - down[:, None] * slope_v
    if (material[has, 4] > 0).any():
        along = np.cross(normal[has], slope_u)
        along /= np.sqrt((along * along).sum(axis=1, keepdims=True) + np.float32(1e-20))
        along = along + LEAN * (color[has, 1:2] - np.float32(0.5)) * normal[has]
        along /= np.sqrt((along * along).sum(axis=1, keepdims=True) + np.float32(1e-20))
        strand[has] = np.where(material[has, 4:5] > 0, np.concatenate([along, material[has, 4:5]], 1), 0)
    return color, normal, strand


def light_ref(normal, albedo, openness, material, ray, lamps, ambient, *, lit=None, strand=None):
    """shade.light_fragments: (n, 3) float32 light of fragments."""
    f0, alpha, scatter = material.T[:3]
    lit = np.ones(len(normal), np.float32) if lit is None else lit
    strand = np.zeros((len(normal), 4), np.float32) if strand is None else strand
    normal = normal / np.sqrt((normal * normal).sum(axis=1, keepdims=True) + np.float32(1e-20))
    ray = ray / np.sqrt((ray * ray).sum(axis=1, keepdims=True))
    facing = np.maximum((normal * ray).sum(axis=1), 0)
    mirror = f0 + np.maximum(np.minimum(50 * f0, 1) * (1 - alpha) ** 2 - f0, 0) * np.maximum(1 - facing, 0) ** 4
    mirrored = np.maximum(0.5 + facing * normal[:, 1] - 0.5 * ray[:, 1], 0)
    sky, ground = ambient[:3], ambient[3:]
    light = (albedo * (ground + (sky - ground) * (0.5 + 0.5 * normal[:, 1:2]))
             + (mirror * openness * (1 - strand[:, 3]))[:, None] * (ground + (sky - ground) * mirrored[:, None]))
    gloss = f0 * openness / (4 * np.sqrt(alpha) + 2)
    for lamp in lamps:
        cosine = (normal * lamp[:3]).sum(axis=1)
        half = ray + lamp[:3]
        squared = (half * half).sum(axis=1) + np.float32(1e-6)
        across = np.maximum((normal * half).sum(axis=1), 0) ** 2
        across = across + strand[:, 3] * (squared - (strand[:, :3] * half).sum(axis=1) ** 2 - across)
        sharp = np.minimum(alpha + lamp[6] * np.float32(1 / 3), 1)
        lobes = ((1 - scatter) * _lobe(across / squared, sharp)
                 + scatter * _lobe(across / squared, np.minimum(BROADER * sharp, 1)))
        shine = gloss * lobes / np.maximum(0.25 * squared, 0.1 + 0.5 * strand[:, 3]) * np.maximum(cosine, 0)
        wrap = scatter[:, None] * WRAP + SHARPEST
        dark = (lamp[7] * (1 - lit))[:, None]
        is_open = (1 - dark) * (1 + scatter[:, None] * BLEED * dark)
        light = light + lamp[3:6] * is_open * (albedo * wrapped_ref(cosine[:, None], wrap) + shine[:, None])
    return light.astype(np.float32)


def _lobe(across, alpha):
    """GGX of a squared cosine, not scaled."""
    return alpha**2 / (across * (alpha**2 - 1) + 1) ** 2


def wrapped_ref(cosine, wrap):
    """shade.wrapped."""
    return np.clip(cosine + wrap, 0, 2 * wrap) ** 2 / (4 * wrap) + np.maximum(cosine - wrap, 0)
