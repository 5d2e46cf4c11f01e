"""The inside of the mouth: where the photo shows it itself, and how to light what is drawn so that it suits."""

import numpy as np

from personare.portraits.eyes import polygon_depth
from personare.portraits.points import EYES, INNER_LIPS, OUTER_LIPS
from personare.rendering.light import linear, srgb

# Linear light that the built-in head's whites of the eyes, front teeth and skin send back in the light of photo.py;
# measured on its own picture, tests/portraits/test_mouth.py.
_WHITE_LIGHT = np.array([0.553, 0.536, 0.530])
_TEETH_LIGHT = np.array([0.610, 0.539, 0.445])
_SKIN_LIGHT = np.array([0.694, 0.434, 0.332])
# Skin this saturated is in full colour: (max - min) / max of sRGB levels.
_COLOURFUL = 0.22
_GAIN = (0.12, 1.6)
_FEWEST, _SURE = 8, 200  # pixels of eyes or teeth from which light is told, and how surely they are teeth, 0..255
# Softness of the edge of an open mouth, and how far beyond it lips belong to it, in widths of the mouth.
_SOFT_SHARE, _EDGES_SHARE = 0.02, 0.05
# The upper lip's shadow reaches so far, in widths of the mouth; the dark behind is so much of the lips' own levels.
_SHADOW, _DARKEST = 0.10, np.array([0.24, 0.17, 0.17])
# The edge of the lips before the teeth is this soft, in widths of the mouth.
_LIPS_SOFT = 0.03


def lips_mask(shape, person):
    """(h, w) uint8, soft: the inside of the mouth and the lips' edges, where a mouth at rest looks like the photo."""
    mask = np.zeros(shape[:2], np.uint8)
    rim = person.landmarks[list(INNER_LIPS)]
    wide = np.ptp(person.landmarks[list(OUTER_LIPS), 0])
    soft, beyond = max(1.0, _SOFT_SHARE * wide), _EDGES_SHARE * wide + 1
    h, w = shape[:2]
    x0, y0 = np.maximum(np.floor(rim.min(axis=0) - 2 * beyond).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(rim.max(axis=0) + 2 * beyond).astype(int), (w, h))
    if x1 <= x0 or y1 <= y0:
        return mask
    rows, columns = np.indices((y1 - y0, x1 - x0))
    depth = polygon_depth(np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1), rim)
    mask[y0:y1, x0:x1] = np.rint(255 * np.clip((depth + beyond) / soft + 0.5, 0, 1))
    return mask


def mouth_gain(picture, person, pixels, skin, iris, teeth_seen):
    """What the drawn mouth is multiplied with to suit the light of the photo.

    Teeth that are seen tell the light best, then the whites of the eyes, which are about as bright, then skin.

    Args:
        picture: (h, w, 3) uint8.
        person: Likeness.
        pixels: (v, 3) pixels of the mesh on the photo.
        skin: (v,) bool, vertices of skin that is seen.
        iris: (h, w) uint8 where irises are.
        teeth_seen: (h, w) uint8 where the photo shows teeth.

    Returns:
        (12,) float32, see pixels.draw_face.
    """
    h, w = picture.shape[:2]
    at = np.clip(pixels[skin, :2].astype(int), 0, (w - 1, h - 1))
    levels = picture[at[:, 1], at[:, 0]]
    level = np.median(levels, axis=0)
    skin_light = linear(level)
    saturation = float(np.clip((level.max() - level.min()) / max(level.max(), 1) / _COLOURFUL, 0, 1))
    whites = []
    for side in EYES:
        lids = person.landmarks[list(EYES[side])]
        low, high = np.floor(lids.min(axis=0)).astype(int), np.ceil(lids.max(axis=0)).astype(int)
        x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], w), min(high[1], h)
        if x1 > x0 and y1 > y0:
            rows, columns = np.indices((y1 - y0, x1 - x0))
            inside = polygon_depth(np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1), lids)
            seen = (inside > 0.25 * inside.max()) & (iris[y0:y1, x0:x1] == 0)
            whites.append(linear(picture[y0:y1, x0:x1][seen]))
    whites = np.concatenate(whites) if whites else np.zeros((0, 3))
    brightness = skin_light.mean() / _SKIN_LIGHT.mean()
    color = np.ones(3)
    if len(whites) >= _FEWEST:
        white = np.percentile(whites, 70, axis=0)
        brightness = np.clip(white.mean() / _WHITE_LIGHT.mean(), brightness, 2.5 * brightness)
        color = white / max(white.mean(), 1e-6) / (_WHITE_LIGHT / _WHITE_LIGHT.mean())
    teeth = linear(picture[teeth_seen > _SURE])
    if len(teeth) >= _FEWEST:
        # Teeth that the photo shows tell it best; those in the shadow of the lips are not their usual light.
        bright = np.percentile(teeth, 75, axis=0) / _TEETH_LIGHT
        brightness, color, saturation = bright.mean(), bright / max(bright.mean(), 1e-6), 1.0
    light = np.clip(brightness * np.clip(color, 0.6, 1.5) ** 0.7, *_GAIN)
    rim = person.landmarks[list(OUTER_LIPS)]
    lips = picture[np.clip(rim[:, 1].astype(int), 0, h - 1), np.clip(rim[:, 0].astype(int), 0, w - 1)]
    wide = np.ptp(rim[:, 0])
    tone = srgb(_TEETH_LIGHT * light)
    grey = tone @ (0.3, 0.6, 0.1)
    return np.array([*light, saturation, max(_SHADOW * wide, 1.0), *(_DARKEST * np.median(lips, axis=0)),
                     max(_LIPS_SOFT * wide, 1.0), *(grey + saturation * (tone - grey))], np.float32)
