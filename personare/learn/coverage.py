"""Which triangle lies nearest under the middle of every pixel: whole numbers, no holes, no gradients.

Corners are moved to multiples of 1/65536 pixel and edge functions are integers, so an edge that two triangles share is
decided once: no pixel between them is empty and none belongs to both. Of the nearest triangles at one depth the first
wins, so a picture is the same each time and on each device. On a CPU a numba kernel does it, elsewhere torch does the
same arithmetic on all pixels of all triangles at once; tests/learn/test_coverage.py compares them to the bit.
"""

import math

import torch

SUBPIXELS, HALF = 2**16, 2**15
# A triangle with a corner farther out than this many pixels is not drawn: products of edges stay below 2**61.
GUARD_PX = 2.0**13
# Depth -1..1 becomes 31 bits of a key, nearer is greater; below them LAST - number, so that the first of two wins.
DEPTH_STEPS, LAST = 2.0**30, 2**31 - 1
# Pixels that torch looks at together, over all triangles; 50 bytes each.
_BLOCK = 2**22


def triangle_ids(clip, triangles, size, *, cull=False):
    """Number of the nearest triangle at every pixel centre.

    Args:
        clip: (b, v, 4) float, clip coordinates; row 0 of the picture lies at y / w = -1, column 0 at x / w = -1, and
            what has the smaller z / w in -1..1 is nearer. A triangle with a corner at w <= 0 is not drawn.
        triangles: (f, 3) int64.
        size: (w, h) pixels.
        cull: leave out triangles that run clockwise on the picture, row 0 uppermost.

    Returns:
        (b, h, w) int64, -1 where there is none.
    """
    with torch.no_grad():
        screen, depth, usable = _fixed(clip, size)
        kernel = _kernel() if clip.device.type == "cpu" else None
        if kernel is None:
            keys = cover_ref(screen, depth, usable, triangles, size, cull=cull)
        else:
            corners = triangles.contiguous().numpy()
            keys = torch.zeros(len(clip), size[1], size[0], dtype=torch.int64)
            for frame in range(len(clip)):
                kernel(screen[frame].numpy(), depth[frame].numpy(), usable[frame].numpy(), corners, cull,
                       keys[frame].numpy())
        return torch.where(keys > 0, LAST - (keys & LAST), -1)


def _fixed(clip, size):
    """(b, v, 2) int64 in 1/65536 pixel, (b, v) float64 depth, and (b, v) bool whether a corner can be drawn."""
    clip = clip.double()
    w = clip[..., 3]
    usable = (w > 0) & torch.isfinite(clip).all(-1)
    w = torch.where(usable, w, 1.0)
    half = torch.tensor(size, dtype=torch.float64, device=clip.device) / 2
    pixels = (clip[..., :2] / w[..., None] + 1) * half
    usable &= (pixels.abs() < GUARD_PX).all(-1)
    screen = torch.where(usable[..., None], torch.floor(pixels * SUBPIXELS + 0.5), 0.0).long()
    return screen, torch.where(usable, clip[..., 2] / w, 2.0), usable


def cover_ref(screen, depth, usable, triangles, size, *, cull):
    """(b, h, w) int64 keys of the nearest triangles, in torch on any device; 0 where there is none.

    Args:
        screen, depth, usable: (b, v, 2) int64 in 1/65536 pixel, (b, v) float64, (b, v) bool.
        triangles, size, cull: as in triangle_ids.
    """
    width, height = size
    keys = torch.zeros(len(screen) * height * width, dtype=torch.int64, device=screen.device)
    for frame in range(len(screen)):
        corners, far = screen[frame][triangles], depth[frame][triangles]  # (f, 3, 2), (f, 3)
        area = _edge(corners[:, 0], corners[:, 1], corners[:, 2])
        keep = usable[frame][triangles].all(1) & ((area < 0) if cull else (area != 0))
        low = ((corners.amin(1) - HALF + SUBPIXELS - 1) >> 16).clamp(min=0)
        high = (corners.amax(1) - HALF) >> 16
        high = torch.minimum(high, torch.tensor([width - 1, height - 1], device=high.device))
        spans = torch.where(keep[:, None], (high - low + 1).clamp(min=0), 0)
        count = spans[:, 0] * spans[:, 1]
        chosen = torch.nonzero(count)[:, 0]
        ends = torch.cumsum(count[chosen], 0)
        start = 0
        while start < len(chosen):
            before = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(torch.searchsorted(ends, torch.tensor(before + _BLOCK, device=ends.device))))
            part = chosen[start:stop]
            _cover_part(keys, part, corners[part], far[part], area[part], low[part], spans[part],
                        (frame * height * width, width))
            start = stop
    return keys.view(-1, height, width)


def _cover_part(keys, number, corners, far, area, low, spans, place):
    """Put some triangles into the keys; place is the key of the frame's first pixel, and the width of a row."""
    turned = (area < 0)[:, None]
    b = torch.where(turned, corners[:, 2], corners[:, 1])
    c = torch.where(turned, corners[:, 1], corners[:, 2])
    far_b, far_c = (torch.where(turned[:, 0], far[:, i], far[:, j]) for i, j in ((2, 1), (1, 2)))
    a, far_a, area = corners[:, 0], far[:, 0], area.abs()
    count = spans[:, 0] * spans[:, 1]
    own = torch.repeat_interleave(torch.arange(len(number), device=number.device), count)
    step = torch.arange(len(own), device=own.device) - (torch.cumsum(count, 0) - count)[own]
    column, row = low[own, 0] + step % spans[own, 0], low[own, 1] + step // spans[own, 0]
    at = torch.stack([column, row], -1) * SUBPIXELS + HALF
    of_c, of_a, of_b = (_edge(p[own], q[own], at) for p, q in ((a, b), (b, c), (c, a)))
    inside = ((of_c + _bias(a, b)[own] >= 0) & (of_a + _bias(b, c)[own] >= 0) & (of_b + _bias(c, a)[own] >= 0))
    z = far_a[own] + (of_b.double() * (far_b - far_a)[own] + of_c.double() * (far_c - far_a)[own]) / area[own].double()
    inside &= (z >= -1) & (z <= 1)
    key = (((1 - z) * DEPTH_STEPS).long() << 31) | (LAST - number[own])
    pixel = place[0] + row * place[1] + column
    keys.scatter_reduce_(0, pixel[inside], key[inside], "amax")


def _edge(p, q, at):
    """Twice the signed area of p, q and a third point, above 0 where they run clockwise on the picture."""
    return (q[..., 0] - p[..., 0]) * (at[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (at[..., 0] - p[..., 0])


def _bias(p, q):
    """0 for an edge that owns the points on it, else -1; its other side is the opposite."""
    dx, dy = q[..., 0] - p[..., 0], q[..., 1] - p[..., 1]
    return torch.where((dy < 0) | ((dy == 0) & (dx > 0)), 0, -1)


def _cover(screen, depth, usable, triangles, cull, keys):
    """One frame of cover_ref, for numba. keys is (h, w) int64, in and out."""
    height, width = keys.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if not (usable[a] and usable[b] and usable[c]):
            continue
        area = ((screen[b, 0] - screen[a, 0]) * (screen[c, 1] - screen[a, 1])
                - (screen[b, 1] - screen[a, 1]) * (screen[c, 0] - screen[a, 0]))
        if area == 0 or (area > 0 and cull):
            continue
        if area < 0:
            b, c, area = c, b, -area
        ax, ay, bx, by, cx, cy = (screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1])
        left, right = max(0, (min(ax, bx, cx) + 32767) >> 16), min(width - 1, (max(ax, bx, cx) - 32768) >> 16)
        top, bottom = max(0, (min(ay, by, cy) + 32767) >> 16), min(height - 1, (max(ay, by, cy) - 32768) >> 16)
        own_c = 0 if by < ay or (by == ay and bx > ax) else -1
        own_a = 0 if cy < by or (cy == by and cx > bx) else -1
        own_b = 0 if ay < cy or (ay == cy and ax > cx) else -1
        to_b, to_c = depth[b] - depth[a], depth[c] - depth[a]
        for row in range(top, bottom + 1):
            y = row * 65536 + 32768
            for column in range(left, right + 1):
                x = column * 65536 + 32768
                of_c = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
                of_a = (cx - bx) * (y - by) - (cy - by) * (x - bx)
                of_b = (ax - cx) * (y - cy) - (ay - cy) * (x - cx)
                if of_c + own_c >= 0 and of_a + own_a >= 0 and of_b + own_b >= 0:
                    z = depth[a] + (float(of_b) * to_b + float(of_c) * to_c) / float(area)
                    if -1.0 <= z <= 1.0:
                        key = (math.floor((1.0 - z) * 2.0**30) << 31) | (2**31 - 1 - t)
                        keys[row, column] = max(keys[row, column], key)


_compiled = []


def _kernel():
    """_cover, compiled at its first use; None without numba."""
    if not _compiled:
        try:
            from personare.rendering.compiled import compiled
        except ImportError:
            _compiled.append(None)
        else:
            _compiled.append(compiled("void(int64[:,::1], float64[::1], boolean[::1], int64[:,::1], boolean, "
                                      "int64[:,::1])")(_cover))
    return _compiled[0]
