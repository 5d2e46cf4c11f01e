"""PNG pictures: a folder with one for every frame, and textures inside other files.

Source:
    W3C, Portable Network Graphics (third edition), ISO/IEC 15948.
"""

import re
import struct
import zlib

import numpy as np

from personare.export.folders import atomic_folder
from personare.export.pictures import checked_picture, pictures

_LEFT, _UP = 1, 2  # filters of a row
_OURS = re.compile(r"frame_\d+\.png")


def is_ours(name):
    """Whether a sequence has files of that path."""
    return bool(_OURS.fullmatch(str(name)))


def write(path, take, *, progress=None):
    """Write a folder of pictures, frame_000000.png on.

    Args:
        path: of the folder.
        take: Take with frames.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: there are no pictures, or they differ in size.
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    with pictures(take) as frames, atomic_folder(path, is_ours=is_ours) as folder:
        shape = None
        for number, picture in enumerate(frames):
            picture = checked_picture(picture, shape)
            shape = picture.shape
            (folder / f"frame_{number:06d}.png").write_bytes(png(picture))
            if progress:
                progress(number + 1, max(number + 1, len(take.motion)))


def png(picture):
    """Bytes of a PNG file.

    Args:
        picture: (h, w, 3) uint8 sRGB, or (h, w, 4) with an opacity; grey with an opacity takes two channels.
    """
    height, width, channels = picture.shape
    kind, filtered = (6, _UP) if channels == 4 else (2, _LEFT)
    if channels == 4 and (picture[..., :1] == picture[..., 1:3]).all():
        kind, picture, channels = 4, np.ascontiguousarray(picture[..., 2:]), 2
    # Each row says how it was filtered: by the difference to the pixel on the left, or to the one above.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 0] = filtered
    before = np.zeros_like(picture)
    if filtered == _LEFT:
        before[:, 1:] = picture[:, :-1]
    else:
        before[1:] = picture[:-1]
    rows[:, 1:] = (picture - before).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + \
        _chunk(b"sRGB", b"\0") + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
