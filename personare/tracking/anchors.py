"""Where the detector's landmarks lie on a face, and how the face's shapes move them there."""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError
from personare.faces.linear import LinearFace
from personare.spaces import FLAME_POSES
from personare.tracking.landmarks import COUNT, IRIS, LIPS, landmarks
from personare.types import Motion

# Rest is seen from the front; lips are told apart on an open mouth, as far open as the first of these columns goes.
_OPENING = ("jawOpen", "jaw_open", "JawOpen", "mouthOpen", "aa", "A", "a")
_OPEN, _SIZE_PX = 0.35, 768
# Where no column has such a name, the likeliest codes that move the outer edges of the lips so far apart.
_OPEN_M, _OUTER = 0.015, (0, 17)
_PITCHES_RAD = (0.0, 0.2, -0.2)
# A landmark beside the surface, as at the corners of the eyes, takes the nearest point, so many pixels away at most.
_BESIDE_PX = 20.0
# Columns whose sum of squared moves at the landmarks stays below this share of the largest are not seen by them.
_UNSEEN = 1e-5
_CODES = ("bfm", "flame", "nphm", "audiodvp", "deep3d")
# Of codes and of angles in rad, how far they are expected to move and how far they may.
_SPREAD_CODE, _MOST_CODE, _SPREAD_RAD, _MOST_RAD = 1.0, 3.0, 0.15, 0.6
# A neck that turns is the head's pose once more.
_NECK = "neck_"


@dataclass(frozen=True, eq=False)
class Anchored:
    """A face seen through n landmarks.

    Args:
        face: the Face.
        corners: (n, 3) int32 vertices around each landmark, weights: (n, 3) float32 barycentric.
        index: (n,) int32 which of the detector's landmarks they are.
        rest: (n, 3) float64 metres.
        shapes: (k, n, 3) float64 metres, of the columns that the landmarks see.
        columns: (k,) int32 index of those in the face's space.
        products: ((columns, …), (n, 3) float64) of each corrective, columns as positions among the k.
        normals: (n, 3) float64 outward.
        low, high: (k,) bounds of the columns.
        spread: (k,) how far each column is expected to move.
    """

    face: LinearFace
    corners: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    rest: np.ndarray
    shapes: np.ndarray
    columns: np.ndarray
    products: tuple
    normals: np.ndarray
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray

    def of(self, landmarks):
        """Positions among the n of some of the detector's landmarks; those that are not anchored are left out."""
        place = np.full(COUNT, -1)
        place[self.index] = np.arange(len(self.index))
        found = place[np.asarray(landmarks)]
        return found[found >= 0]

    def moved(self, values):
        """(t, n, 3) displacement from rest of values (t, k), correctives included."""
        moves = np.tensordot(values, self.shapes, 1)
        limited = np.clip(values, 0, 1)
        for columns, step in self.products:
            weight = limited[:, columns].prod(1)
            moves[weight > 0] += weight[weight > 0, None, None] * step
        return moves

    def at(self, vertices):
        """(…, n, 3) points of the landmarks on vertices (…, v, 3) of the face."""
        return sum(vertices[..., self.corners[:, i], :] * self.weights[:, i, None] for i in range(3))


def anchored(face, *, model=None):
    """Find the landmarks on pictures of a face, and what moves them.

    Args:
        face: Face that looks along +z; one that is not linear is taken as linear about its rest.
        model: path of face_landmarker.task; default the user's copy.

    Returns:
        Anchored.

    Raises:
        InputError: no face is seen on its pictures.
        MissingExtra, AssetError: MediaPipe or its model file is missing.
    """
    face = linearised(face)
    rest, camera, pixels = _seen(face, np.zeros(len(face.space), np.float32), model)
    triangles, lips, iris = face.surface.triangles, np.array(LIPS), np.array(IRIS)
    skin = _skin(face, rest, camera, pixels)
    hits = _hits(pixels, rest, triangles, skin, camera)
    anything = np.ones(len(triangles), bool)
    for kept, new in zip(hits, _hits(pixels[iris], rest, triangles, anything, camera), strict=True):
        kept[iris] = new
    row = opening(face, hits)
    if row.any():
        opened, camera, pixels = _seen(face, row, model)
        for kept, new in zip(hits, _hits(pixels[lips], opened, triangles, skin, camera), strict=True):
            kept[lips] = new
    return through(face, *hits)


def linearised(face):
    """The face itself where it is linear; else a LinearFace of its moves for one step of each column.

    Angles take their slope about 0: a step of one would cut across the arc.
    """
    if isinstance(face, LinearFace):
        return face
    turning = np.isin(face.space.columns, FLAME_POSES)
    step = np.diag(np.where(turning, _SPREAD_RAD, 1)).astype(np.float32)
    still = np.zeros((1, len(face.space)), np.float32)
    rest = face.mesh(Motion(still, 30, face.space)).vertices[0]
    shapes = np.empty((len(step), *rest.shape), np.float32)
    for k, row in enumerate(step):
        there = face.mesh(Motion(row[None], 30, face.space)).vertices[0]
        back = face.mesh(Motion(-row[None], 30, face.space)).vertices[0] if turning[k] else 2 * rest - there
        shapes[k] = (there - back) / (2 * row[k])
    return LinearFace(face.name, face.space, face.surface, rest, shapes, face.head_weight, face.head_pivot)


def _limits(face, columns):
    """(low, high, spread) of some columns (k,) of a face; see Anchored."""
    if not face.space.name.startswith(_CODES):
        return tuple(np.full(len(columns), value) for value in (0.0, 1.0, 0.35))
    turning = np.isin(np.array(face.space.columns)[columns], FLAME_POSES)
    most = np.where(turning, _MOST_RAD, _MOST_CODE)
    return -most, most, np.where(turning, _SPREAD_RAD, _SPREAD_CODE)


def opening(face, hits):
    """(columns,) float32 within their bounds that open the mouth, zero where none do; hits as of _hits."""
    row = np.zeros(len(face.space), np.float32)
    named = next((name for name in _OPENING if name in face.space.columns), None)
    if named:
        row[face.space.index(named)] = _OPEN
    elif hits[2][list(_OUTER)].all():
        corners, weights, _ = (part[list(_OUTER)] for part in hits)
        upper, lower = (np.einsum("knc,n->kc", face.shapes[:, at], share)
                        for at, share in zip(corners, weights, strict=True))
        low, high, spread = _limits(face, np.arange(len(row)))
        apart = (upper - lower)[:, 1]
        apart = np.where(low < 0, apart, np.maximum(apart, 0))
        reach = np.square(spread * apart).sum()
        wanted = _OPEN_M / reach * spread**2 * apart if reach > 0 else row
        # What hardly parts lips would have to go far beyond what the columns are made for.
        if ((wanted >= low) & (wanted <= high)).all():
            row[:] = wanted
    return row


def _seen(face, row, model):
    """(vertices, camera, (478, 2) pixels) of the face with values (k,) of its columns, drawn from the front."""
    from personare.rendering.camera import frame_face
    from personare.rendering.frames import render_frames

    still = Motion(row[None], 30, face.space)
    for pitch in _PITCHES_RAD:
        camera = frame_face(face, (_SIZE_PX, _SIZE_PX), pitch_rad=pitch)
        found = landmarks(render_frames(face, still, camera=camera), model=model)[0]
        if found is not None:
            return face.mesh(still).vertices[0], camera, found[:, :2].astype(np.float64)
    raise InputError("face", expected="a head that looks along +z, eyes and mouth in sight",
                     got=f"'{face.name}', on whose picture no face is found",
                     remedy="turn it to +z with +y up, in metres; personare face sheet shows it")


def _skin(face, vertices, camera, pixels):
    """(f,) bool, the triangles of the connected part and the material that most landmarks fall on."""
    from personare.tracking.landmarks import surface_points

    surface = face.surface
    hit, _ = surface_points(pixels, vertices, surface.triangles, camera)
    part = parts_of(surface.weld[surface.triangles])[surface.weld[surface.triangles[:, 0]]]
    both = part.astype(np.int64) * (surface.triangle_material.max() + 1) + surface.triangle_material
    kinds, votes = np.unique(both[hit[hit >= 0]], return_counts=True)
    return both == kinds[votes.argmax()]


def parts_of(triangles):
    """(v,) int64 the least vertex of the connected part of a mesh that each vertex is in."""
    label = np.arange(triangles.max() + 1)
    while True:
        least = label[triangles].min(axis=1)
        new = label.copy()
        for corner in triangles.T:
            np.minimum.at(new, corner, least)
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _hits(pixels, vertices, triangles, kept, camera):
    """[(n, 3) corners, (n, 3) weights, (n,) found] of pixels on the kept triangles, or the nearest of their corners."""
    from personare.tracking.landmarks import surface_points

    chosen = triangles[kept]
    hit, weights = surface_points(pixels, vertices, chosen, camera)
    corners, found = chosen[hit].astype(np.int32), hit >= 0
    screen = camera.project(vertices)
    a, b, c = (screen[chosen[:, i], :2] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    front = np.unique(chosen[area < 0])
    depth = np.median(screen[corners[found][:, 0], 2]) if found.any() else np.inf
    reach = np.ptp(vertices[:, 2])
    far = found & (screen[corners[:, 0], 2] > depth + 0.35 * reach)        # through a hole to the back of the head
    near = front[screen[front, 2] < depth + 0.35 * reach]
    for i in np.flatnonzero(~found | far):
        away = np.linalg.norm(screen[near, :2] - pixels[i], axis=1) if len(near) else np.array([np.inf])
        found[i] = away.min() < _BESIDE_PX
        if found[i]:
            corners[i], weights[i] = near[away.argmin()], (1, 0, 0)
    return [corners, weights, found]


def through(face, corners, weights, found):
    """Anchored of a LinearFace and the places of the 478 landmarks on it.

    Args:
        corners: (478, 3) int vertices, weights: (478, 3) barycentric, found: (478,) bool, which of them are known.
    """
    index = np.flatnonzero(found).astype(np.int32)
    corners, weights = corners[found], weights[found].astype(np.float64)

    def at(field):
        return sum(field[..., corners[:, i], :] * weights[:, i, None] for i in range(3)).astype(np.float64)

    shapes = at(face.shapes)
    force = (shapes**2).sum((1, 2))
    necks = np.array([name.startswith(_NECK) for name in face.space.columns])
    columns = np.flatnonzero((force > _UNSEEN * force.max()) & ~necks).astype(np.int32)
    slot = {name: i for i, name in enumerate(np.array(face.space.columns)[columns])}
    products = []
    for corrective in face.correctives:
        if all(name in slot for name in corrective.columns):
            moves = np.zeros_like(face.rest)
            moves[corrective.vertices] = corrective.moves
            if np.abs(step := at(moves)).max() > 1e-5:
                products.append(([slot[name] for name in corrective.columns], step))
    return Anchored(face, corners, weights.astype(np.float32), index, at(face.rest), shapes[columns], columns,
                    tuple(products), at(_normals(face)), *_limits(face, columns))


def _normals(face):
    triangles, weld = face.surface.triangles, face.surface.weld
    corners = face.rest[triangles].astype(np.float64)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(face.rest.shape)
    for i in range(3):
        np.add.at(normals, weld[triangles[:, i]], facing)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return normals[weld]
