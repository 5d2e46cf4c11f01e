"""How sharp a photo is, and drawn parts brought to the same sharpness."""

import numpy as np

from personare.portraits.pixels import depth_in
from personare.portraits.points import OVAL
from personare.rendering.compiled import compiled

# Edges are blurred again by so many pixels to see how blurred they are; drawn ones are so blurred as they come.
_AGAIN_PX, _DRAWN_PX = 1.0, 0.7
# The share of a face's pixels that are its edges, and the widest blur, pixels.
_EDGES, _WIDEST_PX = 0.10, 3.0
_REACH = 2.5  # of a kernel, in its standard deviations


def blur_of(picture, landmarks):
    """Standard deviation, pixels, by which edges drawn at the picture's size are to be blurred to look like its own.

    Args:
        picture: (h, w, 3) uint8.
        landmarks: (478, 2) float64 pixels.

    Returns:
        0 for a photo as sharp as its pixels .. 3.

    Source:
        Zhuo and Sim, Defocus map estimation from a single image, Pattern Recognition 44, 2011, equation 6.
    """
    h, w = picture.shape[:2]
    oval = landmarks[list(OVAL)]
    x0, y0 = np.clip(np.floor(oval.min(axis=0)).astype(int), 0, (w - 1, h - 1))
    x1, y1 = np.clip(np.ceil(oval.max(axis=0)).astype(int), 1, (w, h))
    grey = picture[y0:y1, x0:x1].mean(axis=2)
    if min(grey.shape) < 8:
        return 0.0
    once, again = _steepness(grey), _steepness(_blurred(grey, _AGAIN_PX))
    edges = once >= np.quantile(once, 1 - _EDGES)
    ratio = max(float(np.median(once[edges] / np.maximum(again[edges], 1e-6))), 1 + 1e-3)
    blur = _AGAIN_PX / np.sqrt(ratio**2 - 1)
    return float(np.sqrt(np.clip(blur**2 - _DRAWN_PX**2, 0, _WIDEST_PX**2)))


def _steepness(grey):
    down, across = np.gradient(grey)
    return np.hypot(down, across)


def _blurred(grey, sigma):
    taps = weights_of(sigma)
    for axis in (0, 1):
        reach = len(taps) // 2
        padded = np.pad(grey, [(reach, reach) if k == axis else (0, 0) for k in (0, 1)], "edge")
        grey = np.lib.stride_tricks.sliding_window_view(padded, len(taps), axis=axis) @ taps
    return grey


def weights_of(sigma):
    """(2 n + 1,) float32 of a Gaussian of a standard deviation in pixels, together 1."""
    reach = max(1, int(np.ceil(_REACH * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    return (taps / taps.sum()).astype(np.float32)


@compiled("void(uint8[:,:,::1], float32[:,::1], float32[::1], float32)")
def soften(out, rim, taps, share):
    """Blur what lies inside a closed line.

    Args:
        out: (h, w, 3) uint8 in and out.
        rim: (m, 2) float32 pixels.
        taps: (2 n + 1,) float32 of weights_of.
        share: how much of the blurred takes the place of the sharp, 0..1.
    """
    h, w, reach = out.shape[0], out.shape[1], taps.shape[0] // 2
    x0, x1 = max(0, int(rim[:, 0].min()) - reach), min(w, int(rim[:, 0].max()) + reach + 2)
    y0, y1 = max(0, int(rim[:, 1].min()) - reach), min(h, int(rim[:, 1].max()) + reach + 2)
    if x1 <= x0 or y1 <= y0:
        return
    down = np.zeros((y1 - y0, x1 - x0 + 2 * reach, 3), np.float32)
    for i in range(y1 - y0):
        for j in range(x1 - x0 + 2 * reach):
            column = min(max(x0 + j - reach, 0), w - 1)
            for t in range(2 * reach + 1):
                row = min(max(y0 + i + t - reach, 0), h - 1)
                for k in range(3):
                    down[i, j, k] += taps[t] * np.float32(out[row, column, k])
    soft = np.float32(0.8) * np.float32(reach)
    for i in range(y1 - y0):
        for j in range(x1 - x0):
            inward = depth_in(rim, np.float32(x0 + j) + np.float32(0.5), np.float32(y0 + i) + np.float32(0.5))
            cover = share * min(max(np.float32(1) + inward / soft, np.float32(0)), np.float32(1))
            if cover > 0:
                for k in range(3):
                    level, blurred = np.float32(out[y0 + i, x0 + j, k]), np.float32(0)
                    for t in range(2 * reach + 1):
                        blurred += taps[t] * down[i, j + t, k]
                    out[y0 + i, x0 + j, k] = np.uint8(level + cover * (blurred - level) + np.float32(0.5))
