"""The eyes of a photo in two layers: whole irises that turn with the eyeballs, and whites without them that stay."""

import numpy as np

from personare.portraits.filling import filled
from personare.portraits.points import EYES, IRISES

# What the lids' landmarks enclose is trusted as far as this inside, as a share of the iris's radius.
_INSIDE = 0.10
# The rim of an iris reaches a little beyond its landmarks; its edge is this soft, in radii.
_RIM, _SOFT = 1.20, 0.16
_RINGS = 12
_FEWEST = 6  # pixels of an eye from which anything can be told
# Lashes reach so far from the edge of a lid, in radii of the iris, but not farther than so much of the eye's width.
_LASHES, _LASHES_WIDE, _LASH_WIDTH = 0.55, 0.12, 0.30
# Skin around the eyes is not darker than this share of its median; in full from the second on.
_DARK_SKIN = (0.70, 0.95)
# An eye that is open by less than this share of the iris's radius shows nothing to take an iris from.
_LEAST_OPEN = 0.35


def eye_layers(picture, landmarks):
    """Layers for the eyes.

    Args:
        picture: (h, w, 3) uint8 the photo.
        landmarks: (478, 2) float64 pixels.

    Returns:
        white (h, w, 3) uint8: the photo without irises, below the lids too; irises (h, w, 3) uint8: the photo with
        whole irises; iris (h, w) uint8: how much of a pixel is iris.
    """
    white, irises = picture.copy(), picture.copy()
    iris = np.zeros(picture.shape[:2], np.uint8)
    for side in EYES:
        _lay_eye(picture, landmarks, side, white, irises, iris)
    return white, irises, iris


def lid_layer(picture, landmarks):
    """(h, w, 3) uint8: the photo with the skin of the upper lids in place of eyes and lashes."""
    out = picture.copy()
    h, w = picture.shape[:2]
    for side, rim in EYES.items():
        lids = landmarks[list(rim)]
        _, radius = iris_of(landmarks, side)
        wide = np.ptp(lids[:, 0])
        low = np.floor(lids.min(axis=0) - 0.35 * wide).astype(int)
        high = np.ceil(lids.max(axis=0) + 0.35 * wide).astype(int)
        x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], w), min(high[1], h)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        rows, columns = np.indices((y1 - y0, x1 - x0))
        part = picture[y0:y1, x0:x1].astype(np.float64)
        beyond = -polygon_depth(np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1), lids)
        # Lashes and liner reach out from the lids; skin begins beyond them.
        beside = np.clip(beyond / max(min(_LASHES * radius, _LASHES_WIDE * wide), 1.0) - 1, 0, 1)
        # Brows, liner and shadows of lashes are darker than the skin, and do not spread over the lid.
        bright = part.mean(axis=2)
        usual = np.median(bright[beside > 0.5]) if (beside > 0.5).any() else 255.0
        known = beside * np.clip((bright / max(usual, 1.0) - _DARK_SKIN[0]) / (_DARK_SKIN[1] - _DARK_SKIN[0]), 0, 1)
        plain = filled(part, known) if known.max() > 0 else part
        out[y0:y1, x0:x1] = np.rint(beside[..., None] * part + (1 - beside[..., None]) * plain)
    return out


def lash_color(picture, landmarks):
    """(4,) float32: sRGB levels of the darkest along the upper lids, and how wide lashes are, pixels."""
    h, w = picture.shape[:2]
    edge = np.concatenate([landmarks[list(rim[1:8])] for rim in EYES.values()])
    at = np.clip(edge.astype(int), 0, (w - 1, h - 1))
    levels = picture[at[:, 1], at[:, 0]].astype(np.float64)
    dark = levels[levels.sum(axis=1) <= np.percentile(levels.sum(axis=1), 35)].mean(axis=0)
    radius = np.mean([iris_of(landmarks, side)[1] for side in EYES])
    return np.array([*dark, _LASH_WIDTH * radius], np.float32)


def polygon_depth(places, corners):
    """How far places (..., 2) lie inside a polygon (n, 2), negative outside; float64."""
    x, y = places[..., 0], places[..., 1]
    inside = np.zeros(x.shape, bool)
    near = np.full(x.shape, np.inf)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, 0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
        inside ^= crosses
        length = max((bx - ax) ** 2 + (by - ay) ** 2, 1e-12)
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1)
        near = np.minimum(near, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    return np.where(inside, near, -near)


def _lay_eye(picture, landmarks, side, white, irises, iris):
    center, radius = iris_of(landmarks, side)
    lids = landmarks[list(EYES[side])]
    h, w = picture.shape[:2]
    wide = np.ptp(lids[:, 0])
    low = np.floor(np.minimum(lids.min(axis=0), center - 1.5 * radius) - 0.3 * wide).astype(int)
    high = np.ceil(np.maximum(lids.max(axis=0), center + 1.5 * radius) + 0.3 * wide).astype(int)
    x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], w), min(high[1], h)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    rows, columns = np.indices((y1 - y0, x1 - x0))
    places = np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1)
    part = picture[y0:y1, x0:x1].astype(np.float64)
    open_px = polygon_depth(places, lids)
    away = np.linalg.norm(places - center, axis=-1) / max(radius, 0.5)
    known = open_px > _INSIDE * radius
    disc = np.clip((_RIM - away) / _SOFT + 0.5, 0, 1)
    if open_px.max() < _LEAST_OPEN * radius / 2 or (known & (away < 1)).sum() < _FEWEST:
        return
    whites = known & (away > _RIM + _SOFT)
    if whites.sum() < _FEWEST:
        whites = known & (away > 0.9)
    # Lashes and the shadow of the upper lid do not spread over the white.
    bright = part.mean(axis=2)
    weight = whites * np.clip(bright / max(np.median(bright[whites]) if whites.any() else 1, 1) - 0.5, 0, 0.5) * 2
    plain = filled(part, weight) if weight.any() else part
    # Up to the edges of the lids the photo stays, so that nothing changes where nothing has to.
    sure = np.clip(open_px / max(_INSIDE * radius, 1.0) + 1.5, 0, 1)[..., None]
    keep = sure * (1 - disc[..., None])
    white[y0:y1, x0:x1] = np.rint(keep * part + (1 - keep) * plain)
    whole = _whole_iris(part, away, places - center, known & (away < _RIM + _SOFT))
    irises[y0:y1, x0:x1] = np.rint(sure * part + (1 - sure) * whole)
    iris[y0:y1, x0:x1] = np.maximum(iris[y0:y1, x0:x1], np.rint(255 * disc).astype(np.uint8))


def _whole_iris(part, away, offset, known):
    """(h, w, 3) the iris with what lids hide: mirrored from below or above where that is seen, else its ring's mean."""
    out = part.copy()
    ring = np.minimum((away / _RIM * _RINGS).astype(int), _RINGS - 1)
    means = np.full((_RINGS, 3), np.nan)
    for k in range(_RINGS):
        here = known & (ring == k)
        if here.sum() >= 3:
            means[k] = part[here].mean(axis=0)
    seen = np.flatnonzero(np.isfinite(means[:, 0]))
    if not len(seen):
        return out
    for c in range(3):
        means[:, c] = np.interp(np.arange(_RINGS), seen, means[seen, c])
    where = np.clip(away / _RIM * _RINGS - 0.5, 0, _RINGS - 1)
    rounds = np.stack([np.interp(where, np.arange(_RINGS), means[:, c]) for c in range(3)], -1)
    reach = known | (away > _RIM + _SOFT)
    out[~reach] = rounds[~reach]
    return out


def iris_of(landmarks, side):
    """Centre (2,) and radius of an iris, pixels."""
    center, *ring = (landmarks[k, :2] for k in IRISES[side])
    return center, float(np.mean([np.linalg.norm(point - center) for point in ring]))
