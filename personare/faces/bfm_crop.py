"""The crop of a picture that Deep3DFaceRecon's network and its kin are fed: 224x224, the face always of one size.

Five points of the picture are matched with five of a standard face by a least-squares affine camera; its scale and
offset say how far the picture is shrunk and where it is cut. Parity with the original in tests/parity/test_bfm_crop.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.files.matlab import read_mat

SIZE_PX, STANDARD_PX = 224, 102.0       # of the crop; scale at which the standard face fills it
# Eyes, nose, corners of the mouth out of the 68 landmarks, each the mean of some.
_FIVE = ((36, 39), (42, 45), (30,), (48,), (54,))
_A = -0.5                               # of the bicubic kernel, Keys 1981


@final
@dataclass(frozen=True, eq=False)
class Crop:
    """How a picture was cut.

    Args:
        size: (w, h) of the picture, pixels.
        scale: pixels of the crop for one of the picture.
        center: (2,) where the standard face's origin lies in the picture; x right, y up from the lowest row.
    """

    size: tuple[int, int]
    scale: float
    center: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "center", checked("center", self.center, (2,), dtype=np.float64))

    @property
    def shrunk(self):
        """(w, h) of the whole picture at the crop's scale."""
        return int(self.size[0] * self.scale), int(self.size[1] * self.scale)

    @property
    def corner(self):
        """(left, top) of the crop in that shrunk picture."""
        (w, h), (w0, h0), (x, y) = self.shrunk, self.size, self.center
        return (int(w / 2 - SIZE_PX / 2 + (x - w0 / 2) * self.scale),
                int(h / 2 - SIZE_PX / 2 + (h0 / 2 - y) * self.scale))

    def points(self, points):
        """(…, 2) points of the picture in the crop, both with y up from the lowest row."""
        (w, h), (w0, h0) = self.shrunk, self.size
        middle = np.array([w0 / 2, h0 / 2])
        return (points - self.center + middle) * self.scale - (np.array([w, h]) - SIZE_PX) / 2

    def picture(self, picture):
        """(224, 224, 3) uint8 crop of a picture (h, w, 3) uint8, bicubic; what lies outside is black."""
        picture = checked("picture", picture, (self.size[1], self.size[0], 3), dtype=np.uint8)
        shrunk = _resampled(_resampled(picture, self.shrunk[0], 1), self.shrunk[1], 0)
        left, top = self.corner
        out = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
        rows, columns = (slice(max(0, -start), min(SIZE_PX, length - start)) for start, length in
                         ((top, shrunk.shape[0]), (left, shrunk.shape[1])))
        inside = shrunk[max(0, top):max(0, top + SIZE_PX), max(0, left):max(0, left + SIZE_PX)]
        if inside.size:
            out[rows, columns] = inside
        return out


def standard_points(path):
    """(5, 3) float64 points of the standard face: eyes, nose, corners of the mouth, out of similarity_Lm3D_all.mat.

    Raises:
        InputError: missing, damaged, or another file.
    """
    points = read_mat(Path(path), ["lm"])["lm"]
    if points.shape != (68, 3):
        raise InputError(path, expected="lm (68, 3)", got=str(points.shape),
                         remedy="get it from github.com/sicxu/Deep3DFaceRecon_pytorch, folder BFM (MIT)")
    return np.stack([points[list(index)].mean(0) for index in _FIVE]).astype(np.float64)


def five_points(landmarks):
    """(…, 5, 2) eyes, nose and corners of the mouth of 68 landmarks (…, 68, 2)."""
    return np.stack([landmarks[..., list(index), :].mean(-2) for index in _FIVE], -2)


def crop_of(points, standard, size):
    """The Crop of a picture, or of every picture of a clip.

    Args:
        points: (5, 2) or (t, 5, 2) eyes, nose, corners of the mouth in pixels, y up from the lowest row (h - 1 - y).
        standard: (5, 3) of standard_points.
        size: (w, h) of the picture.

    Returns:
        Crop; for a clip a list, with one scale for all, the mean of the frames'.

    Raises:
        InputError: another shape, or points that span no face.
    """
    clip = np.ndim(points) == 3
    points = checked("points", points if clip else np.asarray(points)[None], ("t", 5, 2), dtype=np.float64)
    camera = np.concatenate([checked("standard", standard, (5, 3), dtype=np.float64), np.ones((5, 1))], 1)
    fitted = np.linalg.lstsq(camera, np.moveaxis(points, 1, 0).reshape(5, -1), rcond=None)[0].reshape(4, -1, 2)
    spans = np.linalg.norm(fitted[:3], axis=0).mean(1)
    if not len(spans) or spans.min() <= 0:
        raise InputError("points", expected="five points of a face", got="points on one spot",
                         remedy="detect them again")
    scale = STANDARD_PX / spans.mean()
    crops = [Crop(tuple(size), float(scale), center) for center in fitted[3]]
    return crops if clip else crops[0]


def _resampled(picture, length, axis):
    """uint8 picture with one axis at another length: bicubic, widened when it shrinks, rounded as Pillow rounds."""
    source = picture.shape[axis]
    ratio = source / length
    reach = 2.0 * max(ratio, 1.0)
    center = (np.arange(length) + 0.5) * ratio
    first = np.maximum((center - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((center + reach + 0.5).astype(np.int64), source)
    tap = first[:, None] + np.arange(int((last - first).max(initial=0)))
    weight = _bicubic((tap + 0.5 - center[:, None]) / max(ratio, 1.0)) * (tap < last[:, None])
    weight /= weight.sum(1, keepdims=True)
    moved = np.moveaxis(picture, axis, 0).reshape(source, -1)
    out = np.zeros((length, moved.shape[1]), np.float32)
    for i in range(tap.shape[1]):
        out += weight[:, i, None].astype(np.float32) * moved[np.minimum(tap[:, i], source - 1)]
    out = np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8)
    return np.moveaxis(out.reshape(length, *np.moveaxis(picture, axis, 0).shape[1:]), 0, axis)


def _bicubic(x):
    x = np.abs(x)
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * _A
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
