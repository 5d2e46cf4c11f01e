"""Read a photo: any common format, depth and colour, upright, as sRGB."""

from pathlib import Path

import numpy as np

from personare.errors import InputError

# A photo larger than this is brought down to it; more gives no better face and slow video.
LONGEST_PX = 2160
SMALLEST_PX = 64
# Where an orientation may stand: TIFF keeps it behind its pixels.
_MOST_BYTES = 2**28
# What a transparent photo stands on.
_BEHIND = 255.0
# EXIF orientation -> (quarter turns counter-clockwise, mirrored left to right afterwards), tag 0x0112.
_TURNS = {1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True),
          8: (1, False)}
_ORIENTATION = 0x0112


def read_picture(path):
    """The picture of a file.

    Args:
        path: JPEG, PNG, WebP, BMP, TIFF or GIF (its first picture), or any video (its first frame); grey, palette,
            16 bits and transparency included. EXIF says which side is up.

    Returns:
        picture (h, w, 3) uint8 sRGB, and notes, sentences on what was done to it.

    Raises:
        InputError: no such file, not a picture, or too small to hold a face.
    """
    import av

    path = Path(path)
    if not path.is_file():
        raise InputError("photo", expected="a picture file", got=f"nothing at {path}", remedy="check the path")
    try:
        with av.open(str(path)) as file:
            frame = next(file.decode(video=0), None) if file.streams.video else None
            rotation = int(getattr(frame, "rotation", 0) or 0)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise InputError("photo", expected="a picture", got=f"{path.name}, which cannot be read ({error})",
                         remedy="save it as PNG or JPEG") from error
    if frame is None:
        raise InputError("photo", expected="a picture", got=f"{path.name}, which holds none",
                         remedy="save it as PNG or JPEG")
    picture = _upright(_flattened(frame), path, rotation)
    h, w = picture.shape[:2]
    if min(h, w) < SMALLEST_PX:
        raise InputError("photo", expected=f"{SMALLEST_PX} pixels or more on each side", got=f"{w} x {h}",
                         remedy="take a larger one: a face needs about 60 pixels between the temples")
    if max(h, w) <= LONGEST_PX:
        return picture, ()
    picture = _reduced(picture, LONGEST_PX)
    return picture, (f"{path.name}: {w} x {h} pixels, brought down to {picture.shape[1]} x {picture.shape[0]}",)


def _flattened(frame):
    """(h, w, 3) uint8 sRGB of a decoded frame; what is transparent stands on white."""
    deep = max(part.bits for part in frame.format.components) > 8
    rgba = frame.reformat(format="rgba64le" if deep else "rgba").to_ndarray().astype(np.float32)
    if deep:
        rgba /= 257
    opacity = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * opacity + _BEHIND * (1 - opacity)).astype(np.uint8)


def _upright(picture, path, rotation):
    """The picture turned as its EXIF orientation says, or as its container does."""
    with open(path, "rb") as file:
        orientation = _exif_orientation(file.read(_MOST_BYTES))
    if orientation in _TURNS:
        quarters, mirrored = _TURNS[orientation]
    else:
        quarters, mirrored = round(rotation / 90) % 4, False
    picture = np.rot90(picture, quarters)
    return np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)


def _exif_orientation(head):
    """Orientation 1..8 of the EXIF block of a file, or None."""
    if head[:4] in (b"II*\x00", b"MM\x00*"):
        return _tag(head, "little" if head[:1] == b"I" else "big")
    for mark in (b"Exif\x00\x00", b"eXIf", b"EXIF"):
        at = head.find(mark)
        if at < 0:
            continue
        start = next((at + skip for skip in (len(mark), len(mark) + 4) if head[at + skip:at + skip + 4] in
                      (b"II*\x00", b"MM\x00*")), None)
        if start is not None:
            return _tag(head[start:], "little" if head[start:start + 1] == b"I" else "big")
    return None


def _tag(block, order):
    """The orientation in a TIFF block, or None."""
    first = int.from_bytes(block[4:8], order)
    for k in range(int.from_bytes(block[first:first + 2], order)):
        entry = block[first + 2 + 12 * k:first + 14 + 12 * k]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == _ORIENTATION:
            return int.from_bytes(entry[8:10], order)
    return None


def _reduced(picture, longest):
    """The picture with its longer side at `longest` pixels: means of areas."""
    import av

    h, w = picture.shape[:2]
    scale = longest / max(h, w)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    small = frame.reformat(width=max(2, round(w * scale)), height=max(2, round(h * scale)), interpolation="AREA")
    return small.to_ndarray()
