"""The upper teeth of a person: where the photo shows them, and how the face's own are put there.

Teeth that the photo shows are found by their colour, as what is bright and pale between the lips, from the upper lip
down to their edges. The face's upper teeth are moved until their edges lie on those, so that they can carry the photo's
pixels. Where the photo shows none they stand a little higher than on the built-in head, whose lips show much of them.
"""

from dataclasses import dataclass, replace

import numpy as np

from personare.portraits.eyes import polygon_depth
from personare.portraits.parts import kinds_of, named
from personare.portraits.points import INNER_LIPS, LIP_PAIRS, OUTER_LIPS

# Closed lips meet so far above the edges of the upper teeth, and of the lower ones where no more is known.
_UPPER_EDGE_M, _LOWER_EDGE_M = 0.0040, 0.0065
# They are moved no farther than this onto the photo's, and widened by no more than so much.
_MOST_M, _WIDEST = 0.006, 1.30
# Pixels between the lips below which nothing can be told, and the least height of the opening, pixels.
_FEWEST, _LEAST_OPEN_PX = 60, 4.0
# Teeth are at least so bright beside the lips in their darkest channel, and at most so colourful beside them.
_BRIGHT, _PALE = 1.05, 0.72
# Those farther back have this share of the light of the others.
_SHADED = 0.6
# Columns into which the mouth is parted, the share of them that must show teeth, and the middle ones that count.
_COLUMNS, _LEAST_SHARE, _MIDDLE = 24, 0.35, 0.30
# Upper teeth begin above this share of the opening; a gap of the second ends them; beyond the third lips cover them.
_BEGIN, _GAP, _COVERED = 0.45, 0.15, 0.88


@dataclass(frozen=True, eq=False)
class SeenTeeth:
    """Upper teeth on a photo.

    Args:
        mask: (h, w) uint8 0..255 where they are, with a soft edge.
        across: (2,) pixels of their ends along the mouth's axis, from its middle.
        at: (n,) pixels along that axis, edge: (n,) pixels across it, of the lower edges of the teeth.
        covered: (n,) bool, where the lower lip hides the edge, which then lies lower.
        axes: origin (2,), along (2,) and down (2,) of the mouth, pixels and unit vectors.
    """

    mask: np.ndarray
    across: np.ndarray
    at: np.ndarray
    edge: np.ndarray
    covered: np.ndarray
    axes: tuple


def seen_teeth(picture, landmarks):
    """The upper teeth that a photo shows between open lips, or None.

    Args:
        picture: (h, w, 3) uint8.
        landmarks: (478, 2) float64 pixels.
    """
    rim, outer = landmarks[list(INNER_LIPS)], landmarks[list(OUTER_LIPS)]
    h, w = picture.shape[:2]
    x0, y0 = np.maximum(np.floor(rim.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(rim.max(axis=0)).astype(int) + 2, (w, h))
    if x1 - x0 < _LEAST_OPEN_PX or y1 - y0 < _LEAST_OPEN_PX:
        return None
    rows, columns = np.indices((y1 - y0, x1 - x0))
    places = np.stack([columns + x0 + 0.5, rows + y0 + 0.5], -1)
    inside = polygon_depth(places, rim) > 0.5
    axes = _axes(rim)
    along, down = _in_axes(places, axes)
    if inside.sum() < _FEWEST or np.ptp(down[inside]) < _LEAST_OPEN_PX:
        return None
    pale = _pale(picture[y0:y1, x0:x1].astype(np.float64), inside, picture, (rim + outer) / 2)
    if pale is None:
        return None
    upper, at, edge, covered = _upper_runs(pale, inside, along, down)
    if len(at) < _LEAST_SHARE * _COLUMNS:
        return None
    mask = np.zeros((h, w), np.uint8)
    mask[y0:y1, x0:x1] = np.rint(255 * _softened(upper))
    return SeenTeeth(mask, np.percentile(along[upper], (2, 98)), at, edge, covered, axes)


def with_teeth(person, seen, anchors):
    """A Likeness whose teeth stand where the photo shows them, or behind the lips as those of most people do.

    Args:
        person: Likeness.
        seen: SeenTeeth or None.
        anchors: corners (n, 3), weights (n, 3) and index (n,) of the landmarks on its face.
    """
    upper, teeth = upper_teeth(person.face), _of(person.face, "teeth")
    if not (upper & teeth).any():
        return person
    rest = person.face.rest.copy()
    lower = (teeth | _of(person.face, "gums")) & ~upper
    heights, meet = person.shut()[:, 1], _meeting(person.shut(), anchors)
    if (lower & teeth).any():
        rest[lower, 1] += meet - _LOWER_EDGE_M - heights[lower & teeth].max()
    if seen is None:
        rest[upper, 1] += meet - _UPPER_EDGE_M - heights[upper & teeth].min()
        return replace(person, face=replace(person.face, rest=rest))
    teeth = np.flatnonzero(upper & teeth)
    pixels = person.camera.project(person.on_photo()[teeth])
    along, down = _in_axes(pixels[:, :2], seen.axes)
    low, high = along.min(), along.max()
    wide = float(np.clip(np.ptp(seen.across) / max(high - low, 1e-6), 1, _WIDEST))
    middle = (low + high) / 2
    low, high = middle + wide * (low - middle), middle + wide * (high - middle)
    aside = max(0.0, seen.across[1] - high) + min(0.0, seen.across[0] - low)
    sink = _lower(along, down, middle, wide, aside, seen)
    move = aside * seen.axes[1] + sink * seen.axes[2]
    turn = person.camera.camera_from_world[:3, :3] @ person.pose[:3, :3]
    depth = pixels[:, 2].mean()
    shift = (np.array([move[0], -move[1], 0]) * depth / person.camera.focal_px) @ turn
    shift *= min(1.0, _MOST_M / max(np.linalg.norm(shift), 1e-9))
    center, both = rest[teeth, 0].mean(), upper | lower
    rest[both, 0] = center + shift[0] + wide * (rest[both, 0] - center)
    rest[upper, 1:] += shift[1:].astype(np.float32)
    return replace(person, face=replace(person.face, rest=rest))


def upper_teeth(face):
    """(v,) bool, teeth and gums that the jaw does not take along."""
    stiff = _of(face, "teeth") | _of(face, "gums")
    jaw = np.linalg.norm(face.shapes[face.space.index("jawOpen")], axis=1)
    return stiff & (jaw < 0.5 * jaw[stiff].max()) if stiff.any() else stiff


def _of(face, name):
    kind = kinds_of(face.surface, face.rest)
    return np.isin(np.arange(len(face.rest)), face.surface.triangles[(kind == 2) & named(face.surface, name)])


def _meeting(vertices, anchors):
    """Height at which closed lips meet, in metres of the head."""
    corners, weights, index = anchors
    place = {k: i for i, k in enumerate(np.asarray(index).tolist())}
    lips = [place[k] for pair in LIP_PAIRS[2:-2] for k in pair if k in place]
    return float((vertices[corners[lips], 1] * weights[lips]).sum(axis=1).mean())


def _axes(rim):
    """Middle of the mouth, the way along it and the way down."""
    along = rim[len(rim) // 2] - rim[0]
    along = along / max(np.linalg.norm(along), 1e-9)
    return rim.mean(axis=0), along, np.array([-along[1], along[0]])


def _in_axes(places, axes):
    origin, along, down = axes
    return (places - origin) @ along, (places - origin) @ down


def _pale(part, inside, picture, lips):
    """(h, w) bool, what is as bright and pale as teeth, or None where that is no part of its own."""
    h, w = picture.shape[:2]
    at = np.clip(lips.astype(int), 0, (w - 1, h - 1))
    usual = np.median(picture[at[:, 1], at[:, 0]].astype(np.float64), axis=0)
    colourful = (usual.max() - usual.min()) / max(usual.max(), 1.0)
    darkest, brightest = part.min(axis=2), part.max(axis=2)
    levels = darkest[inside]
    pale = inside & (darkest > _parted(levels)) & ((brightest - darkest) < _PALE * colourful * brightest)
    if pale.sum() < _FEWEST / 2 or np.median(darkest[pale]) < _BRIGHT * usual.min():
        return None
    # Teeth farther back stand in the shade, and are yellower, but never as red as lips.
    red, lips_red = part[..., 0] - part[..., 1], (usual[0] - usual[1]) / max(usual[0], 1.0)
    return pale | (inside & (darkest > _SHADED * np.median(darkest[pale])) & (red < _PALE * lips_red * part[..., 0]))


def _parted(levels):
    """The level that parts levels best into dark and bright (Otsu, 1979)."""
    counts, edges = np.histogram(levels, 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (total / below - (total[-1] - total) / above) ** 2
    return edges[1:][np.nanargmax(np.where((below > 0) & (above > 0), apart, -1))]


def _upper_runs(pale, inside, along, down):
    """Pixels (h, w) bool of upper teeth, and where (n,) which edges (n,) of them lie, and whether lips hide those."""
    upper = np.zeros(pale.shape, bool)
    low, high = along[inside].min(), along[inside].max()
    step = (high - low) / _COLUMNS
    number = np.clip(((along - low) / max(step, 1e-9)).astype(int), 0, _COLUMNS - 1)
    found = []
    for k in range(_COLUMNS):
        here = inside & (number == k)
        if here.sum() < 3:
            continue
        top, height = down[here].min() - 0.5, np.ptp(down[here]) + 1
        rows = np.arange(int(np.ceil(height)))
        row = np.clip((down - top).astype(int), 0, len(rows) - 1)
        share = (np.bincount(row[here & pale], minlength=len(rows))
                 / np.maximum(np.bincount(row[here], minlength=len(rows)), 1))
        teeth = np.flatnonzero(share > 0.5)
        if not len(teeth) or teeth[0] > max(_BEGIN * len(rows), 2):
            continue
        gaps = np.flatnonzero(np.diff(teeth) > max(_GAP * len(rows), 2))
        last = teeth[gaps[0]] if len(gaps) else teeth[-1]
        upper |= here & (row <= last) & pale
        found.append((low + (k + 0.5) * step, top + last + 1, last + 1 >= _COVERED * len(rows)))
    at, edge, covered = (np.array(part) for part in zip(*found, strict=True)) if found else (np.zeros(0),) * 3
    return upper, at, edge, covered.astype(bool)


def _lower(along, down, middle, wide, aside, seen):
    """How far the teeth go down, pixels, for their edges to lie on those seen."""
    along = middle + wide * (along - middle) + aside
    reach = np.ptp(seen.across) / _COLUMNS * 1.5
    steps = []
    for at, edge in zip(seen.at, seen.edge, strict=True):
        near = np.abs(along - at) < reach
        steps.append(edge - down[near].max() if near.any() else np.nan)
    steps, central = np.array(steps), np.abs(seen.at - seen.across.mean()) < _MIDDLE * np.ptp(seen.across)
    known = np.isfinite(steps) & central
    if not known.any():
        return 0.0
    free = known & ~seen.covered
    if free.sum() >= 0.4 * known.sum():
        return float(np.median(steps[free]))
    return float(max(np.median(steps[known]) + 1, 0))


def _softened(mask):
    """A mask with an edge of about a pixel: the mean of 3 x 3."""
    padded = np.pad(mask.astype(np.float64), 1)
    h, w = mask.shape
    return sum(padded[i:i + h, j:j + w] for i in range(3) for j in range(3)) / 9
