"""The part of a face that speech moves: its mesh, an atlas of its own, and a square window that follows the head.

Found from what the face's shapes move, so it works for any linear face with ARKit's names. The window turns, moves and
grows with the head but not with the jaw: a mouth at rest stays where it is in it, whatever the head does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from personare.errors import InputError
from personare.types import Motion

# Columns that move the mouth, by the start of their names.
_MOUTH = ("jaw", "mouth", "tongue", "cheekPuff")
# A vertex belongs to the mesh, or to what is painted anew, where a column moves it by more than these shares of what
# it moves most. What only smiles and cheeks move is left as it was filmed.
_MESH, _PAINTED = 0.06, 0.45
_LIPS = ("jawOpen", "mouthPucker", "mouthUpperUp", "mouthLowerDown", "mouthStretch")
# Half the window over half the painted area: what lies around it tells the painter light, skin and pose.
_AROUND = 1.3
# Share of the atlas's height that the skin takes; what is inside the mouth shares the rest.
_SKIN_SHARE, _GUTTER = 0.66, 0.01
_OPEN = "jawOpen"
# Lips: skin this near the middle and to each other, in half windows, of which the jaw takes one along and not the
# other, in shares of what it moves most.
_MIDDLE, _LIPS_NEAR, _STAYS, _GOES = 0.15, 0.04, 0.3, 0.6


@dataclass(frozen=True, eq=False)
class Region:
    """The moving part of one face.

    Args:
        face: the Face.
        columns: names of the columns that move it.
        vertices: (n,) int32 vertices of the face in use.
        triangles: (f, 3) int32 into those.
        corner_uv: (f, 3, 2) float32 in 0..1, place of each corner in the region's own atlas.
        part: (f,) int32 0 skin, 1.. what is inside the mouth.
        two_sided: (f,) bool.
        painted: (m,) int32 vertices of the face whose outline bounds what is painted anew.
        center: (3,) float32 middle of the window on the face at rest, metres.
        half_m: half the side of the window, metres.
    """

    face: object
    columns: tuple[str, ...]
    vertices: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray
    part: np.ndarray
    two_sided: np.ndarray
    painted: np.ndarray
    center: np.ndarray
    half_m: float

    @property
    def part_count(self):
        """Parts, skin among them."""
        return int(self.part.max()) + 1

    @cached_property
    def indices(self):
        """Numbers of the columns in the face's space."""
        return self.face.space.indices(self.columns)

    @cached_property
    def outline(self):
        """(2 m, 3) float32 painted vertices with the jaw closed and wide open."""
        space = self.face.space
        values = np.zeros((2, len(space)), np.float32)
        values[1, space.index(_OPEN)] = 0.75
        return self.face.mesh(Motion(values, 30, space)).vertices[:, self.painted].reshape(-1, 3)


def find_region(face):
    """The Region of a face.

    Raises:
        InputError: the face has no column jawOpen, or nothing that moves with it.
    """
    space = face.space
    if _OPEN not in space.columns:
        raise InputError("face", expected=f"a face with a column {_OPEN}", got=f"{face.name} in {space.name}",
                         remedy="use sona, the default, or ict")
    columns = tuple(name for name in space.columns if name.startswith(_MOUTH))
    rest, surface = face.neutral(), face.surface
    moved = _moved(face, columns)
    jaw = moved[columns.index(_OPEN)]
    material = surface.triangle_material
    # The jaw moves teeth and tongue too, but of nothing so much as of the skin.
    side = np.moveaxis(rest[surface.triangles], 1, 0)
    area = np.linalg.norm(np.cross(side[1] - side[0], side[2] - side[0]), axis=1)
    skin = int(np.bincount(material, weights=area * (jaw[surface.triangles] > _MESH).all(axis=1)).argmax())
    on_skin = np.zeros(len(rest), bool)
    on_skin[surface.triangles[material == skin]] = True
    lips = [k for k, name in enumerate(columns) if not name.startswith("tongue")]
    most = moved[lips].max(axis=0)
    shown = on_skin & (moved[[k for k, name in enumerate(columns) if name.startswith(_LIPS)]].max(axis=0) > _PAINTED)
    painted = np.flatnonzero(shown & _in_front(rest, shown))
    within = _within(rest, rest[painted])
    inner = _inner_materials(surface, skin, within)
    keep = (((material == skin) & (most[surface.triangles] > _MESH).any(axis=1))
            | (np.isin(material, inner) & within[surface.triangles].all(axis=1)))
    part = np.concatenate([[skin], inner]).tolist()
    part = np.array([part.index(m) for m in material[keep]], np.int32)
    triangles, vertices = surface.triangles[keep], np.unique(surface.triangles[keep])
    sides = np.array([one.two_sided for one in surface.materials])[material[keep]]
    low, high = rest[painted].min(axis=0), rest[painted].max(axis=0)
    opened = _opened(face)[painted]
    low, high = np.minimum(low, opened.min(axis=0)), np.maximum(high, opened.max(axis=0))
    center = (0.5 * (low + high)).astype(np.float32)
    center[2] = rest[painted, 2].mean()
    return Region(face, columns, vertices.astype(np.int32), np.searchsorted(vertices, triangles).astype(np.int32),
                  _atlas(surface.uv[triangles], part), part, np.ascontiguousarray(sides), painted.astype(np.int32),
                  center, float(_AROUND * 0.5 * (high - low)[:2].max()))


def column_moves(region, vertices):
    """(c, v, 3) float64 metres by which each of the region's columns at 1 moves some vertices of its face."""
    unit = np.zeros((len(region.columns), len(region.face.space)), np.float32)
    unit[np.arange(len(unit)), region.indices] = 1
    moved = region.face.mesh(Motion(unit, 30, region.face.space)).vertices[:, vertices]
    return (moved - region.face.neutral()[vertices]).astype(np.float64)


def lip_gaps(region):
    """(c,) float64 metres by which each column at 1 parts the lips, in the middle of the mouth; None without lips.

    Lips are neighbours at rest that an opening jaw parts.
    """
    face, skin = region.face, np.unique(region.triangles[region.part == 0])
    vertices = region.vertices[skin]
    rest, moves = face.neutral()[vertices].astype(np.float64), column_moves(region, vertices)
    jaw = moves[region.columns.index(_OPEN), :, 1]
    middle = np.abs(rest[:, 0] - region.center[0]) < _MIDDLE * region.half_m
    upper = np.flatnonzero(middle & (jaw > -_STAYS * np.ptp(jaw)))
    lower = np.flatnonzero(middle & (jaw < -_GOES * np.ptp(jaw)))
    far = np.linalg.norm(rest[upper, None] - rest[lower], axis=2)
    near = np.flatnonzero(far.min(axis=1, initial=np.inf) < _LIPS_NEAR * region.half_m)
    if not len(near):
        return None
    upper, lower = upper[near], lower[far[near].argmin(axis=1)]
    return (moves[:, upper, 1] - moves[:, lower, 1]).mean(axis=1)


def _moved(face, columns):
    """(k, v) how far each column moves each vertex, 1 the most that it moves any."""
    values = np.zeros((len(columns), len(face.space)), np.float32)
    values[np.arange(len(columns)), face.space.indices(columns)] = 1
    far = np.linalg.norm(face.mesh(Motion(values, 30, face.space)).vertices - face.neutral(), axis=2)
    return far / np.maximum(far.max(axis=1, keepdims=True), 1e-9)


def _opened(face):
    values = np.zeros((1, len(face.space)), np.float32)
    values[0, face.space.index(_OPEN)] = 0.75
    return face.mesh(Motion(values, 30, face.space)).vertices[0]


def _in_front(rest, chosen):
    """(v,) whether a vertex lies in the front of the chosen ones, not behind the jaw or down the throat."""
    if not chosen.any():
        raise InputError("face", expected="shapes that move the mouth", got="none", remedy="use sona, the default")
    front = rest[chosen, 2].max()
    return rest[:, 2] > front - 0.75 * np.ptp(rest[chosen, 0])


def _within(rest, around):
    """(v,) whether a vertex lies within the box of some, seen from the front."""
    low, high = around[:, :2].min(axis=0), around[:, :2].max(axis=0)
    return ((rest[:, :2] > low) & (rest[:, :2] < high)).all(axis=1)


def _inner_materials(surface, skin, within):
    """(n,) int: materials most of which lie within the painted skin, such as teeth and tongue."""
    inner = []
    for slot in range(len(surface.materials)):
        mine = np.unique(surface.triangles[surface.triangle_material == slot])
        if slot != skin and len(mine) and within[mine].mean() > 0.5:
            inner.append(slot)
    return np.array(inner, int)


def _atlas(uv, part):
    """(f, 3, 2) float32 texture coordinates brought to tiles: the skin above, what is inside in a row below."""
    placed, count = np.zeros_like(uv, np.float32), part.max()
    for p in range(count + 1):
        mine = part == p
        low, high = uv[mine].min(axis=(0, 1)), uv[mine].max(axis=(0, 1))
        share = (uv[mine] - low) / np.maximum(high - low, 1e-9) * (1 - 2 * _GUTTER) + _GUTTER
        if p == 0:
            placed[mine] = share * (1, _SKIN_SHARE)
        else:
            placed[mine] = share * (1 / count, 1 - _SKIN_SHARE) + ((p - 1) / count, _SKIN_SHARE)
    return np.ascontiguousarray(placed, np.float32)


def windows(region, camera, poses):
    """Where the square window lies on pictures.

    Args:
        region: Region.
        camera: Camera of the pictures.
        poses: (t, 4, 4) head poses.

    Returns:
        (t, 2, 3) float64: (x, y) in pixels of the picture = matrix @ (p, q, 1), p and q in -1..1 over the window.
    """
    face, pose = region.face, np.asarray(poses, np.float64)
    rest = face.neutral()[region.painted].astype(np.float64)
    pivot = face.head_pivot.astype(np.float64)

    def placed(points):
        turned = np.einsum("tij,vj->tvi", pose[:, :3, :3], points - pivot) + pivot + pose[:, None, :3, 3]
        return camera.project(turned)

    middle = placed(region.center[None].astype(np.float64))[:, 0]
    seen = placed(rest)[..., :2]
    flat = (rest[:, :2] - rest[:, :2].mean(axis=0)) * (1, -1)
    flat = flat[:, 0] + 1j * flat[:, 1]
    seen = (seen - seen.mean(axis=1, keepdims=True)) @ (1, 1j)
    turn = seen @ flat.conj()
    turn = turn / np.abs(turn) * (camera.focal_px * region.half_m / middle[:, 2])
    matrix = np.empty((len(pose), 2, 3))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2] = turn.real, -turn.imag, middle[:, 0]
    matrix[:, 1, 0], matrix[:, 1, 1], matrix[:, 1, 2] = turn.imag, turn.real, middle[:, 1]
    return matrix


def hull(points):
    """Convex hull of (n, 2) points, (m, 2), so that walking along it the inside lies on the right as y points down."""
    order = np.unique(points, axis=0)

    def chain(points):
        kept = []
        for p in points:
            while len(kept) > 1 and _cross(kept[-1] - kept[-2], p - kept[-1]) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return np.array(chain(order) + chain(order[::-1]))


def _cross(a, b):
    return a[0] * b[1] - a[1] * b[0]
