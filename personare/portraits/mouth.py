"""The inside of the mouth: where the photo shows it itself, and how to light what is drawn so that it suits."""

import numpy as np

from personare.portraits.eyes import polygon_depth
from personare.portraits.points import EYES, INNER_LIPS, OUTER_LIPS
from personare.rendering.light import linear

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
_SHADOW, _DARKEST = 0.11, 0.10
# The edge of the lips before the teeth is this soft, in widths of the mouth.
_LIPS_SOFT = 0.03


def mouth_masks(shape, person):
    """Two (h, w) uint8 masks with soft edges.

    The first is where the photo shows the inside of the mouth, nothing where lips are closed; the second that and the
    lips' edges, where a mouth at rest looks like the photo.
    """
    masks = np.zeros((2, *shape[:2]), np.uint8)
    rim = person.landmarks[list(INNER_LIPS)]
    wide = np.ptp(person.landmarks[list(OUTER_LIPS), 0])
    soft, beyond = max(1.0, _SOFT_SHARE * wide), _EDGES_SHARE * wide + 1
    h, w = shape[:2]
    x0, y0 = np.maximum(np.floor(rim.min(axis=0) - 2 * beyond).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(rim.max(axis=0) + 2 * beyond).astype(int), (w, h))
    if x1 <= x0 or y1 <= y0:
        return masks
    rows, columns = np.indices((y1 - y0, x1 - x0))
    depth = polygon_depth(np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1), rim)
    if person.is_open:
        masks[0, y0:y1, x0:x1] = np.rint(255 * np.clip(depth / soft + 0.5, 0, 1))
    masks[1, y0:y1, x0:x1] = np.rint(255 * np.clip((depth + beyond) / soft + 0.5, 0, 1))
    return masks


def mouth_gain(picture, person, pixels, skin, iris, teeth_seen):
    """What the drawn mouth is multiplied with to suit the light of the photo.

    The whites of the eyes tell the light best, as teeth are about as bright; skin tells where they are not seen.

    Args:
        picture: (h, w, 3) uint8.
        person: Likeness.
        pixels: (v, 3) pixels of the mesh on the photo.
        skin: (v,) bool, vertices of skin that is seen.
        iris: (h, w) uint8 where irises are.
        teeth_seen: (h, w) uint8 where the photo shows the inside of the mouth.

    Returns:
        (9,) float32, see pixels.draw_face.
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
        brightness = np.clip(white.mean() / _WHITE_LIGHT.mean(), 0.8 * brightness, 2.5 * brightness)
        color = white / max(white.mean(), 1e-6) / (_WHITE_LIGHT / _WHITE_LIGHT.mean())
    teeth = linear(picture[teeth_seen > _SURE])
    if len(teeth) >= _FEWEST:
        # Teeth that the photo shows tell it best, if they are teeth: brighter than what an open mouth shows else.
        bright = np.percentile(teeth.mean(axis=1), 85) / _TEETH_LIGHT.mean()
        brightness = bright if bright > brightness else brightness
    color = np.clip(color, 0.6, 1.5) ** 0.7
    rim = person.landmarks[list(OUTER_LIPS)]
    lips = picture[np.clip(rim[:, 1].astype(int), 0, h - 1), np.clip(rim[:, 0].astype(int), 0, w - 1)]
    return np.array([*np.clip(brightness * color, *_GAIN), saturation, max(_SHADOW * np.ptp(rim[:, 0]), 1.0),
                     *(_DARKEST * np.median(lips, axis=0)), max(_LIPS_SOFT * np.ptp(rim[:, 0]), 1.0)], np.float32)
