"""PNG pictures, for textures inside other files."""

import struct
import zlib

import numpy as np


def png(picture):
    """Bytes of a PNG file.

    Args:
        picture: (h, w, 3) uint8 sRGB.
    """
    height, width = picture.shape[:2]
    # Each row says how it was filtered; 1 is the difference to the pixel on the left.
    rows = np.zeros((height, 1 + width * 3), np.uint8)
    rows[:, 0] = 1
    left = np.zeros_like(picture)
    left[:, 1:] = picture[:, :-1]
    rows[:, 1:] = (picture - left).reshape(height, -1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + \
        _chunk(b"sRGB", b"\0") + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
