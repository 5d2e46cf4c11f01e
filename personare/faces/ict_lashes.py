"""A texture for the lash strips of ICT-FaceKit, which come without one: single hairs, drawn by formula.

The six strips of an eye stand one below the other in uv, roots uppermost; those of the upper lid fill the upper half.
The right eye has the left half of the texture.
"""

from functools import cache

import numpy as np

WIDTH_PX, HEIGHT_PX = 1024, 512
_STRIPS = 6                       # of an eye; each has a sixth of the height, of which this much is used
_ROOT, _TIP = 0.925, 0.09
_HAIRS = 46                       # of one strip
_THICK_PX = 2.4                   # at the root
_REACH_PX = 64                    # how far to the side a hair goes at most
_COLOR = (26, 19, 16)             # sRGB


@cache
def lash_texture():
    """(512, 1024, 4) uint8 sRGB and how opaque; the same array each time."""
    rng = np.random.default_rng(68)
    opaque = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    band = HEIGHT_PX // _STRIPS
    rows = (np.arange(band)[:, None] + 0.5) / band
    # Row 0 of a picture lies at v = 1: the root of a strip is near the top of its band.
    along = np.clip((rows - (1 - _ROOT)) / (_ROOT - _TIP), 0, 1)
    for strip in range(_STRIPS):
        picture = np.zeros((band, WIDTH_PX), np.float32)
        for half in (0, 1):
            for root in _roots(rng, half):
                near = slice(max(0, int(root) - _REACH_PX), int(root) + _REACH_PX)
                columns = np.arange(near.start, min(near.stop, WIDTH_PX)) + 0.5
                hair = _hair(rng, root, along, columns, short=strip >= _STRIPS // 2)
                picture[:, near] = np.maximum(picture[:, near], hair)
        opaque[strip * band:(strip + 1) * band] = picture * (rows > 1 - _ROOT - 0.02) * (rows < 1 - _TIP)
    color = np.full((HEIGHT_PX, WIDTH_PX, 3), _COLOR, np.uint8)
    return np.concatenate([color, np.round(255 * opaque[..., None]).astype(np.uint8)], -1)


def _roots(rng, half):
    """Where the hairs of one strip begin, pixels; none at the ends of the lid."""
    width = WIDTH_PX / 2
    share = (np.arange(_HAIRS) + rng.uniform(-0.35, 0.35, _HAIRS)) / _HAIRS
    return half * width + width * (0.05 + 0.9 * share)


def _hair(rng, root, along, columns, *, short):
    """(band, w) how opaque one hair is: it leans outward from the middle of the lid and thins to its tip."""
    half = WIDTH_PX / 2
    from_middle = (root % half) / half - 0.5
    length = rng.uniform(0.55, 0.95) * (0.62 if short else 1.0) * (1 - 0.9 * from_middle**2)
    lean = np.clip(46 * from_middle + rng.normal(0, 5), -_REACH_PX + 3, _REACH_PX - 3) * along**1.5
    thick = 0.5 * _THICK_PX * np.clip(1 - along / length, 0, 1) ** 0.7
    return np.clip(thick - np.abs(columns - root - lean) + 0.5, 0, 1) * (thick > 0)
