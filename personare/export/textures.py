"""The textures of a face as picture files, each once, and the colours that they give its vertices."""

import numpy as np

from personare.export.jpeg import jpeg
from personare.export.png import png

# A texture with holes shows where it is more opaque than this: thin hairs stay.
ALPHA_CUTOFF = 0.35
# Texels of a texture without holes beyond which it is written as JPEG; a PNG of 2048 x 2048 takes 8 MB.
LARGEST_PNG = 2**18


def texture_files(surface):
    """Pictures of a surface's materials, encoded when they are asked for.

    Args:
        surface: Surface.

    Returns:
        (files, users): files is a list of (suffix, function that returns the bytes, whether it has holes), users a
        dict of material number -> index of its file.
    """
    files, users, known = [], {}, {}
    for number, material in enumerate(surface.materials):
        picture = material.picture()
        if picture is None:
            continue
        if id(picture) not in known:
            known[id(picture)] = len(files)
            holes = picture.shape[2] == 4
            large = picture.shape[0] * picture.shape[1] > LARGEST_PNG and not holes
            encode = jpeg if large else png
            files.append((".jpg" if large else ".png", lambda encode=encode, picture=picture: encode(picture), holes))
        users[number] = known[id(picture)]
    return files, users


def sampled(picture, uv):
    """(n, 3) float32 linear RGB of a picture at texture coordinates, between the four nearest texels.

    Args:
        picture: (h, w, 3 or 4) uint8 sRGB, first row at v = 1.
        uv: (n, 2), wrapped into 0..1.
    """
    h, w = picture.shape[:2]
    x = np.mod(uv[:, 0], 1) * w - 0.5
    y = (1 - np.mod(uv[:, 1], 1)) * h - 0.5
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    out = np.zeros((len(uv), 3), np.float32)
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - x0)) * np.abs(1 - dy - (y - y0))
            texels = picture[np.clip(y0 + dy, 0, h - 1), np.clip(x0 + dx, 0, w - 1), :3]
            out += (share[:, None] * _LINEAR[texels]).astype(np.float32)
    return out


# Linear value of every sRGB byte (IEC 61966-2-1).
_BYTES = np.arange(256) / 255
_LINEAR = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(np.float32)
