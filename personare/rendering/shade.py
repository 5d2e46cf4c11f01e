"""Lighting of fragments, numba kernels. `draw_ref.py` holds their NumPy twins.

Fragments are collected into batches, structures of arrays, so that the arithmetic runs on whole vector registers.
"""

import numpy as np

from personare.rendering.compiled import compiled, inlined

# Fragments in a batch, and the columns of a batch. Offsets are unsigned constants: that tells LLVM that no index is
# negative and no two columns overlap, which it needs to use vector instructions.
# 384 fragments * 25 columns * 4 bytes fit a first-level cache of 48 KiB.
BATCH = 384
COLUMNS = 25
(NX, NY, NZ, R, G, B, OPEN, F0, ALPHA, SCATTER, VX, VY, DEPTH, LIT, TX, TY, TZ, STRANDS, LR, LG, LB, _VZ, _QR, _QG,
 _QB) = (np.uint64(k * BATCH) for k in range(COLUMNS))

# How far light of each colour wraps past the terminator at scatter 1: red travels farthest in skin.
_WRAP_R, _WRAP_G, _WRAP_B = np.float32(0.90), np.float32(0.50), np.float32(0.35)
_SHARPEST = np.float32(0.02)
# Light that enters skin beside a shadow comes out in it: how much redder half-shadow is at scatter 1.
_BLEED_R, _BLEED_G, _BLEED_B = np.float32(0.9), np.float32(0.30), np.float32(0.15)
# Skin has a second, broader highlight under its oil (d'Eon and Luebke, GPU Gems 3, chapter 14).
_BROADER = np.float32(2.0)

_ZERO, _QUARTER, _THIRD, _HALF = np.float32(0), np.float32(0.25), np.float32(1 / 3), np.float32(0.5)
_ONE, _TWO, _FOUR = np.float32(1), np.float32(2), np.float32(4)


@inlined
def wrapped(cosine, wrap, quarter):
    """max(cosine, 0) with its corner rounded over -wrap..wrap: soft light, equal to Lambert outside.

    quarter is 1 / (4 * wrap).
    """
    low = cosine + wrap if cosine > -wrap else _ZERO
    inside = low if low < _TWO * wrap else _TWO * wrap
    above = cosine - wrap if cosine > wrap else _ZERO
    return inside * inside * quarter + above


@inlined
def light_ambient(batch, count, ambient):
    """Normalise a batch, start its light with the ambient part, and prepare what all lamps need.

    ambient: (6,) float32 sky, ground. F0 becomes the strength of highlights.
    """
    for i in range(count):
        x, y, z = batch[NX + i], batch[NY + i], batch[NZ + i]
        scale = _ONE / np.sqrt(x * x + y * y + z * z + np.float32(1e-20))
        x, y, z = x * scale, y * scale, z * scale
        batch[NX + i], batch[NY + i], batch[NZ + i] = x, y, z
        u, v = batch[VX + i], batch[VY + i]
        scale = _ONE / np.sqrt(u * u + v * v + _ONE)
        u, v = u * scale, v * scale
        batch[VX + i], batch[VY + i], batch[_VZ + i] = u, v, scale
        facing = x * u + y * v + z * scale
        facing = facing if facing > _ZERO else _ZERO
        grazing = _ONE - facing if facing < _ONE else _ZERO
        grazing = grazing * grazing * grazing * grazing
        # Mirror-like surfaces rise to full reflection at grazing angles, matt ones hardly do; below a reflectance of
        # 0.02, less than any real surface has, the rise fades as well.
        f0, alpha = batch[F0 + i], batch[ALPHA + i]
        top = np.float32(50) * f0 if f0 < np.float32(0.02) else _ONE
        top *= (_ONE - alpha) * (_ONE - alpha)
        batch[F0 + i] = f0 * batch[OPEN + i] / (_FOUR * np.sqrt(alpha) + _TWO)
        # Strands stand in each other's way: what lies along them does not mirror the sky.
        mirror = (f0 + (top - f0 if top > f0 else _ZERO) * grazing) * batch[OPEN + i] * (_ONE - batch[STRANDS + i])
        high = _HALF + _HALF * y
        mirrored = _HALF + facing * y - _HALF * v
        mirrored = mirrored if mirrored > _ZERO else _ZERO
        batch[LR + i] = (batch[R + i] * (ambient[3] + (ambient[0] - ambient[3]) * high)
                          + mirror * (ambient[3] + (ambient[0] - ambient[3]) * mirrored))
        batch[LG + i] = (batch[G + i] * (ambient[4] + (ambient[1] - ambient[4]) * high)
                          + mirror * (ambient[4] + (ambient[1] - ambient[4]) * mirrored))
        batch[LB + i] = (batch[B + i] * (ambient[5] + (ambient[2] - ambient[5]) * high)
                          + mirror * (ambient[5] + (ambient[2] - ambient[5]) * mirrored))
        wrap = _FOUR * batch[SCATTER + i]
        batch[_QR + i] = _ONE / (wrap * _WRAP_R + _FOUR * _SHARPEST)
        batch[_QG + i] = _ONE / (wrap * _WRAP_G + _FOUR * _SHARPEST)
        batch[_QB + i] = _ONE / (wrap * _WRAP_B + _FOUR * _SHARPEST)


@inlined
def light_lamp(batch, count, lx, ly, lz, red, green, blue, size, shadow):
    """Add one lamp to a batch: diffuse light with a warm terminator, and a GGX highlight of two lobes.

    shadow is how dark its shadow is, 0..1. Along strands the highlight is a cylinder's: it runs across them (Kajiya
    and Kay, SIGGRAPH 1989).
    """
    for i in range(count):
        x, y, z = batch[NX + i], batch[NY + i], batch[NZ + i]
        hx, hy, hz = lx + batch[VX + i], ly + batch[VY + i], lz + batch[_VZ + i]
        squared = hx * hx + hy * hy + hz * hz + np.float32(1e-6)
        across = x * hx + y * hy + z * hz
        across = across if across > _ZERO else _ZERO
        cosine = x * lx + y * ly + z * lz
        # A lamp of some size widens its highlight: Karis, Real Shading in Unreal Engine 4, SIGGRAPH 2013.
        alpha = batch[ALPHA + i] + size * _THIRD
        alpha = alpha if alpha < _ONE else _ONE
        peak = alpha * alpha
        broad = _BROADER * alpha
        broad = broad if broad < _ONE else _ONE
        broad *= broad
        # GGX with visibility and Fresnel in one term, after Karis, Optimizing PBR for Mobile, SIGGRAPH 2015, its
        # fractions brought to one: the half vector is not normalised.
        along = batch[TX + i] * hx + batch[TY + i] * hy + batch[TZ + i] * hz
        straight = across * across
        straight += batch[STRANDS + i] * ((squared - along * along) - straight)
        spread = straight * (peak - _ONE) + squared
        wide = straight * (broad - _ONE) + squared
        toward = _QUARTER * squared
        least = np.float32(0.1) + _HALF * batch[STRANDS + i]
        toward = toward if toward > least else least
        lit = cosine if cosine > _ZERO else _ZERO
        scatter = batch[SCATTER + i]
        lobes = (_ONE - scatter) * peak / (spread * spread) + scatter * broad / (wide * wide)
        shine = batch[F0 + i] * lit * lobes * squared * squared / toward
        dark = shadow * (_ONE - batch[LIT + i])
        open_r = (_ONE - dark) * (_ONE + scatter * _BLEED_R * dark)
        open_g = (_ONE - dark) * (_ONE + scatter * _BLEED_G * dark)
        open_b = (_ONE - dark) * (_ONE + scatter * _BLEED_B * dark)
        batch[LR + i] += red * open_r * (
            batch[R + i] * wrapped(cosine, scatter * _WRAP_R + _SHARPEST, batch[_QR + i]) + shine)
        batch[LG + i] += green * open_g * (
            batch[G + i] * wrapped(cosine, scatter * _WRAP_G + _SHARPEST, batch[_QG + i]) + shine)
        batch[LB + i] += blue * open_b * (
            batch[B + i] * wrapped(cosine, scatter * _WRAP_B + _SHARPEST, batch[_QB + i]) + shine)


@compiled("void(float32[::1], uint64, float32[:,::1], float32[::1])")
def light_fragments(batch, count, lamps, ambient):
    """Light a batch: read its columns NX..VY, LIT and TX..STRANDS, write LR, LG, LB.

    Args:
        batch: (COLUMNS * BATCH,) float32; what it reads is changed on the way.
        count: fragments in it.
        lamps: (l, 8) float32: unit direction, colour, size, darkness of its shadow.
        ambient: (6,) float32 sky and ground.
    """
    light_ambient(batch, count, ambient)
    for k in range(lamps.shape[0]):
        light_lamp(batch, count, lamps[k, 0], lamps[k, 1], lamps[k, 2], lamps[k, 3], lamps[k, 4], lamps[k, 5],
                   lamps[k, 6], lamps[k, 7])
