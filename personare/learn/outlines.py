"""Outlines of a mesh on a picture, and pixels blended across them: where edges get their gradients from.

Source:
    Laine et al., Modular Primitives for High-Performance Differentiable Rendering, 2020, section 3.4; what
    differs is told in rasterizing.py.
"""

from dataclasses import dataclass

import numpy as np
import torch

from personare.learn.rasterizing import depth_map, screen_of


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of a mesh.

    Args:
        ends: (e, 2) int64 vertices.
        opposite: (e, 2) int64, the third vertices of the triangles on it; -1 where there is only one.
        runs: (e,) int64, 1 where the first of those triangles lists the two ends in their order, else -1.
    """

    ends: torch.Tensor
    opposite: torch.Tensor
    runs: torch.Tensor


def edges_of(triangles, *, weld=None, device="cpu"):
    """Edges of triangles; of more than two on one edge the first two count.

    Args:
        triangles: (f, 3) int array.
        weld: (v,) int array, the first vertex at the same place, so that a seam of the texture is no border.
        device: where to.

    Returns:
        Edges.
    """
    triangles = np.asarray(triangles, np.int64)
    welded = triangles if weld is None else np.asarray(weld, np.int64)[triangles]
    ends = np.concatenate([welded[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    third = np.concatenate([welded[:, k] for k in (2, 0, 1)])
    proper = ends[:, 0] != ends[:, 1]
    ends, third = ends[proper], third[proper]
    runs, ends = np.where(ends[:, 0] < ends[:, 1], 1, -1), np.sort(ends, 1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))  # stable: triangles stay in their order
    ends, third, runs = ends[order], third[order], runs[order]
    first = np.concatenate([[True], (np.diff(ends, axis=0) != 0).any(1)]) if len(ends) else np.zeros(0, bool)
    start = np.flatnonzero(first)
    count = np.diff(np.append(start, len(ends)))
    second = np.where(count > 1, third[np.minimum(start + 1, len(ends) - 1)], -1)
    opposite = np.stack([third[start], second], 1)
    return Edges(*(torch.as_tensor(part, device=device) for part in (ends[start], opposite, runs[start])))


def antialias(picture, raster, clip, edges, *, cull=False):
    """Blend pixels across outlines, so that their colours change smoothly as outlines move.

    The share of the way between the middles of two neighbouring pixels at which an outline passes says which of them
    gets how much of the other. Outlines are borders of the mesh and edges whose two triangles lie on one side.

    Args:
        picture: (b, h, w, c) float, background included.
        raster: Raster of the same clip.
        clip: (b, v, 4) float; gradients flow to x, y and w of what lies on an outline.
        edges: Edges of the same triangles.
        cull: as the raster was made.

    Returns:
        (b, h, w, c) float.
    """
    _, height, width, c = picture.shape
    screen = screen_of(clip, (width, height))
    with torch.no_grad():
        depth = depth_map(raster, clip).view(-1)
        outlines = _outlines(screen, clip[..., 3], edges, cull)
    flat, places, changes = picture.reshape(-1, c), [], []
    for axis in (0, 1):
        near, other, reach = _blends(screen, clip[..., 2] / clip[..., 3], depth, outlines, edges, axis, (width, height))
        share = (reach - 0.5)[:, None]
        places.append(torch.where(share[:, 0] > 0, other, near))
        changes.append(share * (flat[near] - flat[other]))
    return flat.index_put((torch.cat(places),), torch.cat(changes), accumulate=True).view(picture.shape)


def _outlines(screen, w, edges, cull):
    """(n,) frame and edge of every outline, and on which side its triangles lie: above 0 where _turn is."""
    start, stop = screen[:, edges.ends[:, 0]], screen[:, edges.ends[:, 1]]
    first, second = (_turn(start, stop, screen[:, edges.opposite[:, k].clamp(min=0)]) for k in (0, 1))
    border = edges.opposite[:, 1] < 0
    alone = (first * edges.runs < 0) if cull else first != 0
    usable = (w > 0) & torch.isfinite(screen).all(-1)
    outline = torch.where(border, alone, first * second > 0) & usable[:, edges.ends].all(-1)
    frame, edge = torch.nonzero(outline, as_tuple=True)
    return frame, edge, torch.sign(first[frame, edge])


def _blends(screen, far, depth, outlines, edges, axis, size):
    """Pairs of neighbours along an axis (0 for x) with an outline between them that can be seen.

    Returns:
        near, other: (n,) int64 pixels, inside and outside of the outline. reach: (n,) float, share of the way from the
        middle of near to that of other at which the outline passes.
    """
    width, height = size
    with torch.no_grad():
        own, line = _crossings(screen, outlines, edges, 1 - axis, size[1 - axis])
        frame, edge, side = (part[own] for part in outlines)
    start, stop = (screen[frame, edges.ends[edge, k]] for k in (0, 1))
    share = (line + 0.5 - start[:, 1 - axis]) / (stop[:, 1 - axis] - start[:, 1 - axis])
    across = start[:, axis] + share * (stop[:, axis] - start[:, axis]) - 0.5
    with torch.no_grad():
        lower = torch.floor(across).long()
        fits = (lower >= 0) & (lower < size[axis] - 1)
        lower = torch.where(fits, lower, 0)
        column, row = (lower, line) if axis == 0 else (line, lower)
        pixel = (frame * height + row) * width + column
        after = pixel + (1 if axis == 0 else width)
        after = torch.where(fits, after, pixel)
        # A step towards greater coordinates turns from the edge as the triangles do: the inside lies there.
        upward = ((start - stop)[:, 1] if axis == 0 else (stop - start)[:, 0]) * side > 0
        near, other = torch.where(upward, after, pixel), torch.where(upward, pixel, after)
        z = far[frame, edges.ends[edge, 0]] * (1 - share) + far[frame, edges.ends[edge, 1]] * share
        seen = fits & (z < depth[other]) & (depth[near] < depth[other])
        seen &= _nearest(pixel, z, seen, len(depth))
        base = lower[seen]
    part = across[seen] - base
    return near[seen], other[seen], torch.where(upward[seen], 1 - part, part)


def _crossings(screen, outlines, edges, axis, count):
    """Where outlines cross lines of pixel middles: (m,) number of the outline, (m,) number of the line.

    Args:
        axis: 0 for lines on which x is constant, 1 for those on which y is.
        count: of lines.
    """
    frame, edge, _ = outlines
    start, stop = (screen[frame, edges.ends[edge, k]] - 0.5 for k in (0, 1))
    # Only those that run along the axis more than across it: each outline is blended one way, or it would count twice.
    length = (stop - start).abs()
    along = length[:, 1] > length[:, 0] if axis == 1 else length[:, 0] >= length[:, 1]
    ends = torch.stack([start[:, axis], stop[:, axis]])
    # Half open, so that a line through a corner of the outline is crossed once.
    first = torch.ceil(ends.amin(0)).clamp(0, count).long()
    number = torch.where(along, (torch.ceil(ends.amax(0)).clamp(0, count).long() - first).clamp(min=0), 0)
    own = torch.repeat_interleave(torch.arange(len(frame), device=frame.device), number)
    step = torch.arange(len(own), device=own.device) - (torch.cumsum(number, 0) - number)[own]
    return own, first[own] + step


def _nearest(pixel, z, seen, count):
    """(n,) bool: of the outlines between one pair of pixels the nearest, of those at one depth the first."""
    number = torch.arange(len(pixel), device=pixel.device)
    best = z.new_full((count,), torch.inf).scatter_reduce_(0, pixel[seen], z[seen], "amin")
    nearest = seen & (z == best[pixel])
    first = number.new_full((count,), len(pixel)).scatter_reduce_(0, pixel[nearest], number[nearest], "amin")
    return nearest & (first[pixel] == number)


def _turn(p, q, at):
    """Twice the signed area of p, q and a third point, above 0 where they run clockwise on the picture."""
    return (q[..., 0] - p[..., 0]) * (at[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (at[..., 0] - p[..., 0])
