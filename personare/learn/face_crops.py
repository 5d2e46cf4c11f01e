"""Small pictures of one face, cut from large ones on whole pixels, so that what lies where is known exactly."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from personare.errors import InputError

_AIR = 0.08  # about the face, as a share of the crop


@dataclass(frozen=True, eq=False)
class FaceCrops:
    """Square cuts of pictures.

    Args:
        pictures: (b, s, s, 3) uint8 sRGB.
        inside: (b, s, s) bool, whether the picture was there.
        corner: (b, 2) int64, x and y of the upper left corner in pixels of the whole picture.
        factor: pixels of the whole picture to one of the cut.
    """

    pictures: torch.Tensor
    inside: torch.Tensor
    corner: torch.Tensor
    factor: int

    def __len__(self):
        return len(self.pictures)

    def clip(self, clip, size):
        """Clip coordinates in the cuts, of those (b, v, 4) in whole pictures of (w, h) pixels."""
        side = self.pictures.shape[1] * self.factor
        w, h = size
        scale = clip.new_tensor([w / side, h / side])
        shift = clip.new_tensor([w, h]) / side - 2 * self.corner.to(clip) / side - 1
        flat = clip[..., :2] * scale + shift[:, None] * clip[..., 3:]
        return torch.cat([flat, clip[..., 2:]], -1)

    def at(self, level, *, device="cpu"):
        """(b, s, s, 3) float sRGB in 0..1 and (b, s, s) bool inside, halved level times."""
        pictures = self.pictures.to(device).permute(0, 3, 1, 2).float() / 255
        inside = self.inside.to(device)[:, None].float()
        for _ in range(level):
            pictures, inside = avg_pool2d(pictures, 2), avg_pool2d(inside, 2)
        return pictures.permute(0, 2, 3, 1), inside[:, 0] > 0.999

    def part(self, start, stop):
        """FaceCrops of pictures start <= i < stop."""
        return FaceCrops(self.pictures[start:stop], self.inside[start:stop], self.corner[start:stop], self.factor)


@dataclass(frozen=True)
class CropPlan:
    """How pictures are cut: the same size for all, whole pixels.

    Args:
        side: pixels of a cut. factor: pixels of the whole picture to one of it.
        corner: (t, 2) int64.
    """

    side: int
    factor: int
    corner: np.ndarray

    def cut(self, picture, frame, points=None):
        """One picture, cut.

        Args:
            picture: (h, w, 3) uint8.
            frame: its number.
            points: (n, 2) pixels; what lies outside of their convex hull counts as outside. None or fewer than three:
                all of the picture counts.

        Returns:
            (side, side, 3) uint8 and (side, side) bool.
        """
        cut, inside = self._cut(picture, frame)
        if points is None or len(points) < 3:
            return cut, inside
        corners = (hull(points) - self.corner[frame]) / self.factor
        x = np.arange(self.side) + 0.5
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
            inside &= (x1 - x0) * (x[:, None] - y0) - (y1 - y0) * (x - x0) >= 0
        return cut, inside

    def _cut(self, picture, frame):
        whole, (h, w) = self.side * self.factor, picture.shape[:2]
        left, top = self.corner[frame]
        out, inside = np.zeros((whole, whole, 3), np.uint8), np.zeros((whole, whole), bool)
        x0, x1, y0, y1 = max(0, left), min(w, left + whole), max(0, top), min(h, top + whole)
        if x0 < x1 and y0 < y1:
            out[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
            inside[y0 - top : y1 - top, x0 - left : x1 - left] = True
        if self.factor == 1:
            return out, inside
        blocks = out.reshape(self.side, self.factor, self.side, self.factor, 3)
        mean = (blocks.sum((1, 3), dtype=np.uint32) + self.factor**2 // 2) // self.factor**2
        return mean.astype(np.uint8), inside.reshape(self.side, self.factor, self.side, self.factor).all((1, 3))


def hull(points):
    """(m, 2) corners of the convex hull of points (n, 2), each further one a turn from x towards y."""
    points = np.unique(np.asarray(points, np.float64), axis=0)
    halves = []
    for ordered in (points, points[::-1]):
        half = []
        for point in ordered:
            while len(half) > 1 and _turn(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves += half[:-1]
    return np.array(halves)


def _turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def plan_of(low, high, *, finest, levels):
    """CropPlan of faces that fill boxes.

    Args:
        low, high: (t, 2) corners of the boxes in pixels.
        finest: most pixels of a cut.
        levels: how often cuts are to be halved; their size is a multiple of 2 ** (levels - 1).

    Raises:
        InputError: no box has a size.
    """
    extent = (high - low).max(1)
    extent = extent[np.isfinite(extent)]
    if not len(extent) or not 4 <= extent.max() < 1e5:
        raise InputError("track", expected="a face of 4 pixels or more on its pictures", 
                         got=f"{extent.max(initial=0):.0f}", remedy="track the video again")
    # A face that comes much closer for a moment does not make all cuts large.
    need = float(np.quantile(extent, 0.98)) * (1 + 2 * _AIR)
    factor, step = max(1, round(need / finest)), 2 ** (levels - 1)
    side = -(-int(np.ceil(need / factor)) // step) * step
    center = np.nan_to_num((low + high) / 2)
    return CropPlan(side, factor, np.floor(center - side * factor / 2 + 0.5).astype(np.int64))


def crops_of(cuts, plan, frames):
    """FaceCrops of (picture, inside) pairs of some frames."""
    pictures, inside = zip(*cuts, strict=True)
    return FaceCrops(torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(inside)),
                     torch.from_numpy(plan.corner[list(frames)]), plan.factor)
