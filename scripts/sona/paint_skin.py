"""Skin: pores, mottling, faint spots, the red of the lips with its lines, lids, nostrils. Centimetres."""

import numba
import numpy as np

from sona.noise import cells, smooth_noise

# Columns of the fields that looks.paint_fields gives each vertex of the skin, after its position.
EYE_RING, MOUTH_RING, NOSTRIL_RING, EAR, RED, ALONG, UPPER = range(3, 10)
COLUMNS = 7


@numba.njit(cache=True, error_model="numpy")
def _step(x, low, high):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@numba.njit(cache=True, error_model="numpy")
def _bump(x, y, cx, cy, wide, high):
    return np.exp(-((x - cx) / wide) ** 2 - ((y - cy) / high) ** 2)


@numba.njit(cache=True, error_model="numpy")
def _grain(x, y, z, face, out):
    """Pores, mottling and spots: what all skin has. face: 1 where pores show, 0 on the body."""
    warp = 0.25 * smooth_noise(2.1 * x, 2.1 * y, 2.1 * z)
    patch = 0.6 * smooth_noise(0.9 * x, 0.9 * y, 0.9 * z) + 0.4 * smooth_noise(2.7 * x, 2.7 * y, 2.7 * z)
    fine = smooth_noise(7 * x, 7 * y, 7 * z)
    finest = smooth_noise(19 * x, 19 * y, 19 * z)
    red = 0.6 * smooth_noise(1.7 * x + 40, 1.7 * y, 1.7 * z) + 0.4 * smooth_noise(5.3 * x + 40, 5.3 * y, 5.3 * z)
    far, own = cells(11.5 * x + warp, 11.5 * y - warp, 11.5 * z)
    pore = np.exp(-(far / 0.30) ** 2) * (0.35 + 0.65 * own) * (0.3 + 0.7 * face)
    spot_far, spot_own = cells(2.3 * x, 2.3 * y, 2.3 * z)
    size = 0.10 + 0.13 * spot_own
    spot = np.exp(-(spot_far / size) ** 4) * _step(spot_own, 0.35, 1.0)
    shade = 1 + 0.028 * patch + 0.022 * fine + 0.028 * finest - 0.11 * pore
    out[0] = shade * (1 - 0.05 * spot) * (1 + 0.006 * red)
    out[1] = shade * (1 - 0.11 * spot) * (1 - 0.030 * red)
    out[2] = shade * (1 - 0.14 * spot) * (1 - 0.034 * red)


@numba.njit(cache=True, error_model="numpy")
def _lips(x, y, z, red, ring, along, upper, out):
    """Lines across the red of the lips, a shade under its border, the dark where they meet."""
    # Lines run from the border to the seal and fan out to the corners.
    place = 46 * along + 1.2 * smooth_noise(3 * along, 0.9 * ring, 7.0)
    lines = smooth_noise(place, 0.25 * ring, 3.0) + 0.6 * smooth_noise(2.1 * place, 0.4 * ring, 5.0)
    shade = 1 - red * (0.10 * abs(lines) + 0.07 * max(lines, 0.0))
    shade *= 1 - red * (0.20 if upper > 0.5 else 0.0)
    middle = np.exp(-((ring - 7.2) / 1.1) ** 2) * (1 - along * along)
    shade *= 1 + 0.16 * red * middle * (0.35 if upper > 0.5 else 1.0)
    # A faint pale roll outside the border, and a darker line on it.
    shade *= 1 + 0.03 * np.exp(-((ring - 3.9) / 0.55) ** 2) * (1 - red)
    shade *= 1 - 0.16 * np.exp(-((ring - 5.2) / 0.55) ** 2)
    seam = np.exp(-((ring - 9.3) / 0.75) ** 2)
    corner = _step(abs(along), 0.80, 1.0) * _step(ring, 4.5, 8.0)
    shade *= (1 - 0.62 * seam) * (1 - 0.40 * corner)
    out[0] *= shade
    out[1] *= shade * (1 - 0.10 * seam - 0.05 * corner)
    out[2] *= shade * (1 - 0.10 * seam - 0.05 * corner)


@numba.njit(cache=True, error_model="numpy")
def _eyes(x, y, ring, out):
    """The lid's fold, the dark line at the lashes, the moist edge, and thin skin under the eye."""
    a = abs(x)
    above = _step(y, -0.10, 0.16)
    fold = np.exp(-((ring - 4.0) / 0.40) ** 2) * _step(y, 0.15, 0.45) * _step(a, 1.75, 2.4) * (1 - _step(a, 4.5, 5.1))
    line = np.exp(-((ring - 7.0) / 0.42) ** 2)
    lashes = line * (0.82 * above * _step(a, 1.60, 2.1) + (1 - above) * 0.38 * _step(a, 2.0, 3.2))
    lid = _step(ring, 3.5, 5.0) * (1 - _step(ring, 6.2, 7.0)) * above
    wet = _step(ring, 7.2, 8.0)
    shade = (1 - 0.42 * fold) * (1 - lashes) * (1 - 0.07 * lid)
    out[0] *= shade * (1 + 0.05 * wet)
    out[1] *= shade * (1 - 0.06 * lid + 0.05 * wet)
    out[2] *= shade * (1 - 0.05 * lid + 0.05 * wet)


@numba.njit(cache=True, error_model="numpy")
def _places(x, y, z, out):
    """Shades of the face that are finer than its mesh: under the eyes, beside nose and mouth, where blood shows."""
    a = abs(x)
    front = _step(z, 3.0, 6.0)
    bag = _bump(a, y, 2.75, -1.15 - 0.10 * (a - 2.7) ** 2, 1.15, 0.30)
    hollow = _bump(a, y, 1.75, -0.85, 0.50, 0.55)
    tear = (0.10 * bag + 0.13 * hollow) * front
    cheek = front * _bump(a, y, 4.2, -3.4, 1.9, 1.5)
    nose = _bump(a, y, 0.0, -4.2, 1.1, 0.75) * _step(z, 8.5, 10.0)
    wing = front * np.exp(-((a - 1.78) / 0.16) ** 2 - ((y + 4.75) / 0.55) ** 2) * _step(z, 7.5, 8.5)
    chin = front * _bump(a, y, 0.0, -9.6, 1.3, 0.8)
    philtrum = front * np.exp(-((a - 0.30) / 0.12) ** 2 - ((y + 5.95) / 0.45) ** 2)
    blood = 0.045 * cheek + 0.075 * nose + 0.035 * chin
    vein = front * bag * max(0.0, smooth_noise(1.3 * x + 9, 3.1 * y, 2.0)) * 0.05
    shade = (1 - tear) * (1 - 0.20 * wing) * (1 + 0.035 * philtrum)
    out[0] *= shade * (1 + 0.25 * blood - 0.5 * vein)
    out[1] *= shade * (1 - blood - 0.15 * tear)
    out[2] *= shade * (1 - 0.9 * blood + 0.25 * tear + 0.3 * vein)


@numba.njit(cache=True, error_model="numpy")
def _paint(laid, out):
    for n in range(len(laid)):
        x, y, z = laid[n, 0], laid[n, 1], laid[n, 2]
        red, eye, mouth = laid[n, RED], laid[n, EYE_RING], laid[n, MOUTH_RING]
        face = _step(z, 3.0, 7.0) * _step(y, -11.0, -9.0)
        face *= 0.45 + 0.55 * _bump(abs(x), y, 1.6, -3.6, 3.0, 3.0)
        smooth = (1 - red) * (1 - _step(eye, 2.0, 5.0))
        _grain(x, y, z, face * smooth, out[n])
        for k in range(3):
            out[n, k] = 1 + (out[n, k] - 1) * (0.35 + 0.65 * smooth)
        _places(x, y, z, out[n])
        if mouth > 0.01:
            _lips(x, y, z, red, mouth, laid[n, ALONG], laid[n, UPPER], out[n])
        if eye > 0.01:
            _eyes(x, y, eye, out[n])
        hole = _step(laid[n, NOSTRIL_RING], 0.6, 3.2)
        for k in range(3):
            out[n, k] *= 1 - (0.78 if k == 0 else 0.86) * hole


def shares(laid):
    """(n, 3) share of the vertices' colour that texels of the skin send back.

    Args:
        laid: (n, 3 + COLUMNS) position and fields.
    """
    out = np.empty((len(laid), 3))
    _paint(np.ascontiguousarray(laid), out)
    return out


def fields(skin, red):
    """(v, COLUMNS) what the painter wants to know about each vertex of the skin.

    Args:
        skin: regions.Skin.
        red: (v,) 0..1 how red the lip is.
    """
    def ring_of(name):
        return np.where(skin.patch == name, skin.ring, 0.0)

    return np.column_stack([ring_of("eye"), ring_of("mouth"), ring_of("nostril"), skin.patch == "ear", red,
                            np.abs(skin.along), np.where(skin.mouth, ~skin.lower & (skin.ring >= 0), 0.0)])


