"""Windows of pictures: cut out as small squares, and put back with a soft edge.

A window is a (2, 3) matrix: (x, y) in pixels of the picture = matrix @ (p, q, 1), p and q in -1..1 over the square.
"""

import numpy as np

# Pixels between the bound of what is painted anew and its first wholly painted pixel, as a share of the window.
FEATHER = 0.06


def grid(size):
    """(s, s, 2) float64: p and q of the middles of the pixels of a window."""
    line = (np.arange(size) + 0.5) * (2 / size) - 1
    return np.stack(np.meshgrid(line, line), 2)


def to_window(window, points):
    """(n, 2) float64 pixels of a picture in p and q of a window."""
    return (points - window[:, 2]) @ np.linalg.inv(window[:, :2]).T


def cut(picture, window, size):
    """A window of a picture.

    Args:
        picture: (h, w, 3) uint8; beyond its edge the last pixels are repeated.
        window: (2, 3).
        size: pixels of the result's side.

    Returns:
        (s, s, 3) uint8. Where the window holds more pixels than asked for, they are averaged.
    """
    pixels = 2 * np.hypot(*window[:, 0]) / size
    finer = max(1, round(pixels)) if pixels > 1.25 else 1
    points = grid(size * finer) @ window[:, :2].T + window[:, 2]
    found = bilinear(picture, points[..., 0], points[..., 1])
    if finer > 1:
        found = found.reshape(size, finer, size, finer, 3).mean(axis=(1, 3))
    return (found + 0.5).astype(np.uint8)


def bilinear(picture, x, y):
    """(..., 3) float32 of a picture at pixel positions; pixel (0, 0) has its middle at (0.5, 0.5)."""
    h, w = picture.shape[:2]
    x, y = np.clip(x - 0.5, 0, w - 1), np.clip(y - 0.5, 0, h - 1)
    left, top = np.minimum(x.astype(np.int32), max(w - 2, 0)), np.minimum(y.astype(np.int32), max(h - 2, 0))
    x, y = (x - left).astype(np.float32)[..., None], (y - top).astype(np.float32)[..., None]
    flat, at = picture.reshape(h * w, -1), top * w + left
    right, below = int(w > 1), w if h > 1 else 0
    above = flat.take(at, 0) * (1 - x) + flat.take(at + right, 0) * x
    return above * (1 - y) + (flat.take(at + below, 0) * (1 - x) + flat.take(at + below + right, 0) * x) * y


def depth_inside(outline, size):
    """How far each pixel of a window lies inside a convex outline, in window widths; below 0 outside.

    Args:
        outline: (n, 2) corners in p and q, see region.hull.
        size: pixels of the window's side.

    Returns:
        (s, s) float32.
    """
    places, depth = grid(size), np.full((size, size), np.inf)
    for start, stop in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        along = (stop - start) / max(np.hypot(*(stop - start)), 1e-12)
        np.minimum(depth, (places[..., 1] - start[1]) * along[0] - (places[..., 0] - start[0]) * along[1], out=depth)
    return (depth / 2).astype(np.float32)


def opacity(depth):
    """(s, s) float32 in 0..1: how much of a painted window covers the picture, 0 at the outline, smooth."""
    share = np.clip(depth / FEATHER, 0, 1)
    return share * share * (3 - 2 * share)


def put(picture, window, painted, cover):
    """A picture with a window painted over.

    Args:
        picture: (h, w, 3) uint8.
        window: (2, 3).
        painted: (s, s, 3) float32 in 0..1.
        cover: (s, s) float32 in 0..1, 0 along its edge.

    Returns:
        (h, w, 3) uint8, a new array.
    """
    h, w = picture.shape[:2]
    size, result = len(painted), picture.copy()
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if not len(rows):
        return result
    # A pixel more on every side, for the edge is interpolated.
    (top, below), (left, right) = (((line[0] - 1) * 2 / size - 1, (line[-1] + 2) * 2 / size - 1)
                                   for line in (rows, columns))
    corners = np.array([(left, top), (right, top), (left, below), (right, below)]) @ window[:, :2].T + window[:, 2]
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
    if x0 >= x1 or y0 >= y1:
        return result
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    place = to_window(window, np.stack([x.ravel(), y.ravel()], 1)).reshape(*x.shape, 2)
    inside = (np.abs(place) < 1).all(axis=2)
    place = (place + 1) * (size / 2)
    layer = bilinear(np.concatenate([painted * 255, cover[..., None]], 2), place[..., 0], place[..., 1])
    share = np.where(inside, layer[..., 3], 0)[..., None]
    old = picture[y0:y1, x0:x1]
    result[y0:y1, x0:x1] = np.clip(old + share * (layer[..., :3] - old) + 0.5, 0, 255).astype(np.uint8)
    return result
