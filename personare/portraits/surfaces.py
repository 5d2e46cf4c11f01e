"""Where the pixels of pictures lie on a person's face, as numbers, and what pictures show of its surface.

What style_avatar makes with two rasterisers and keeps as videos: uv, background and texture; here in float, with what
is hidden left out. Row r of a texture of n rows is at v = (r + 0.5) / n. The face reaches from the chin to the upper
forehead and to the ears; hair, neck and brows that are cards are left to the picture.
"""

from dataclasses import dataclass, replace

import numpy as np

from personare.errors import InputError
from personare.portraits.crops import bilinear, cut
from personare.portraits.guides import kernel
from personare.portraits.region import find_region
from personare.types import Motion

# Half the window over half of what the face takes in it.
_AROUND = 1.5
# What belongs to the face, in distances from the mouth to the eyes: above the eyes, behind them, below the chin. From
# so far behind the lips the jaw rises by so much for what lies farther back; below it is neck.
_ABOVE, _BEHIND, _BELOW = 1.0, 1.2, 0.1
_JAW_BEHIND, _JAW_RISE = 0.6, 0.5
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
# A texel is hidden behind what is nearer by more than this share of its distance.
_SLACK = 0.004
# The cosine of the angle at which a surface is too oblique to be looked at.
_OBLIQUE = 0.15


@dataclass(frozen=True, eq=False)
class FaceSurface:
    """The part of a face that networks draw.

    Args:
        face: the Face.
        triangles: (f, 3) int32 into its vertices.
        corner_uv: (f, 3, 2) float32 in 0..1.
        speaks: (f,) bool, triangles around and inside the mouth.
        carried: None, or the vertices of another mesh, which the triangles are of: (n, 3) int32 corners into those of
            the face and (n, 3) float32 weights; see portraits.layouts.
        around: half the window over half of what the face takes in it.
        aside: how far the window's middle lies right of and below the face's, over half of what the face takes.
    """

    face: object
    triangles: np.ndarray
    corner_uv: np.ndarray
    speaks: np.ndarray
    carried: tuple | None = None
    around: float = _AROUND
    aside: tuple[float, float] = (0.0, 0.0)

    def placed(self, vertices):
        """(..., n, 3) vertices that the triangles are of, of the face's (..., v, 3)."""
        if self.carried is None:
            return vertices
        corners, weights = self.carried
        return sum(vertices[..., corners[:, i], :] * weights[:, i, None] for i in range(3))


def surface_of(face):
    """FaceSurface of a face.

    Raises:
        InputError: it has no texture coordinates, or no jaw.
    """
    surface = face.surface
    if surface.uv is None:
        raise InputError("face", expected="texture coordinates", got=f"'{face.name}' without", remedy="use sona")
    region, moved = find_region(face), np.zeros(len(face.neutral()), bool)
    moved[region.painted] = True
    cards = np.array([material.two_sided for material in surface.materials])[surface.triangle_material]
    kept = ~cards & _within(face, region)[surface.triangles].all(axis=1)
    triangles, material = surface.triangles[kept], surface.triangle_material[kept]
    inner = np.unique(surface.triangle_material[np.isin(surface.triangles, region.vertices).all(axis=1)])
    skin = np.bincount(material).argmax()
    speaks = moved[triangles].any(axis=1) | (np.isin(material, inner) & (material != skin))
    return FaceSurface(face, np.ascontiguousarray(triangles.astype(np.int32)),
                       np.ascontiguousarray(surface.uv[triangles], np.float32), speaks)


def _within(face, region):
    """(v,) bool: vertices between chin, forehead and ears."""
    rest, space = face.neutral(), face.space
    missing = [name for name in _BLINKS if name not in space.columns]
    if missing:
        raise InputError("face", expected=f"a column {missing[0]}", got=f"'{face.name}' in {space.name}",
                         remedy="use sona or ict")
    values = np.eye(len(space), dtype=np.float32)[list(space.indices(_BLINKS))]
    far = np.linalg.norm(face.mesh(Motion(values, 30, space)).vertices - rest, axis=2).max(axis=0)
    eyes = rest[far > 0.5 * far.max()].mean(axis=0)
    unit = eyes[1] - region.center[1]
    painted = rest[region.painted]
    back = np.maximum(painted[:, 2].max() - rest[:, 2] - _JAW_BEHIND * unit, 0)
    return ((rest[:, 1] < eyes[1] + _ABOVE * unit) & (rest[:, 2] > eyes[2] - _BEHIND * unit)
            & (rest[:, 1] > painted[:, 1].min() - _BELOW * unit + _JAW_RISE * back))


def window_of(surface, camera, motion, size):
    """A square window that the face stays in, and a camera for it.

    Args:
        surface: FaceSurface.
        camera: Camera of the pictures.
        motion: Motion of the face, all of it is looked at.
        size: pixels of the window's side.

    Returns:
        (matrix (2, 3) of portraits.crops, Camera of the window).
    """
    corners = [_corners(surface, camera, surface.face.mesh(motion.frames(start, min(start + 64, len(motion)))).vertices)
               for start in range(0, len(motion), 64)]
    return _window(surface, np.min(corners, axis=0)[0], np.max(corners, axis=0)[1], camera, size)


def window_around(surface, camera, vertices, size):
    """The same of (t, v, 3) vertices."""
    return _window(surface, *_corners(surface, camera, vertices), camera, size)


def _corners(surface, camera, vertices):
    points = camera.project(surface.placed(vertices)[:, np.unique(surface.triangles)])[..., :2]
    return np.stack([points.min(axis=(0, 1)), points.max(axis=(0, 1))])


def _window(surface, low, high, camera, size):
    taken = (high - low).max() / 2
    middle, half = (low + high) / 2 + taken * np.array(surface.aside), surface.around * taken
    matrix = np.array([[half, 0, middle[0]], [0, half, middle[1]]])
    scale = size / (2 * half)
    x, y = (np.asarray(camera.center_px) - middle + half) * scale
    return matrix, replace(camera, focal_px=camera.focal_px * scale, center_px=(x, y), size=(size, size))


def places(surface, camera, vertices):
    """Where the pixels of a picture lie on the face.

    Args:
        surface: FaceSurface.
        camera: Camera, whose size the result has.
        vertices: (v, 3) float32 of the face's mesh.

    Returns:
        uv (h, w, 2) float32, 0 where there is no face; number (h, w) int32 of the triangle, -1 for none; nearness
        (h, w) float64, 1 over the distance, 0 for none.
    """
    w, h = camera.size
    number, uv, near = np.empty((h, w), np.int32), np.empty((h, w, 2), np.float32), np.empty((h, w))
    points = np.ascontiguousarray(camera.project(surface.placed(vertices)))
    kernel()(points, surface.triangles, surface.corner_uv, np.zeros(len(surface.triangles), bool), number, uv, near)
    return uv, number, near


class Unwrapper:
    """What pictures show of a face's surface, averaged over those it is shown.

    Args:
        surface: FaceSurface.
        size: texels of a side.
    """

    def __init__(self, surface, size=256):
        self.surface, self.size = surface, size
        flat = np.concatenate([surface.corner_uv.reshape(-1, 2).astype(float) * size,
                               np.ones((3 * len(surface.triangles), 1))], axis=1)
        number, place = np.empty((size, size), np.int32), np.empty((size, size, 2), np.float32)
        corners = np.arange(len(flat), dtype=np.int32).reshape(-1, 3)
        # Shares of the first two corners are what is interpolated; both sides, for charts may be mirrored.
        shares = np.tile(np.array([[1, 0], [0, 1], [0, 0]], np.float32), (len(corners), 1, 1))
        kernel()(flat, corners, shares, np.ones(len(corners), bool), number, place, np.empty((size, size)))
        self.texels = np.flatnonzero(number.ravel() >= 0)
        self._corners = surface.triangles[number.ravel()[self.texels]]
        place = place.reshape(-1, 2)[self.texels]
        self._shares = np.concatenate([place, 1 - place.sum(axis=1, keepdims=True)], axis=1)
        self._sum, self._weight = np.zeros((len(self.texels), 3)), np.zeros(len(self.texels))

    def look(self, picture, camera, vertices):
        """Take what a picture shows; what is hidden, turned away or outside counts nothing.

        Args:
            picture: (h, w, 3) uint8.
            camera: Camera of it.
            vertices: (v, 3) float32 of the face's mesh.
        """
        corners = self.surface.placed(vertices)[self._corners].astype(np.float64)
        points = (corners * self._shares[:, :, None]).sum(axis=1)
        pixels = camera.project(points)
        x, y, depth = pixels.T
        near = places(self.surface, camera, vertices)[2]
        column, row = (np.clip(np.floor(np.nan_to_num(at, nan=-1)), 0, side - 1).astype(int)
                       for at, side in zip((x, y), camera.size, strict=True))
        inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < camera.size[0]) & (y < camera.size[1])
        seen = inside & (1 / np.maximum(depth, 1e-9) >= near[row, column] * (1 - _SLACK))
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        eye = np.linalg.inv(camera.camera_from_world)[:3, 3]
        facing = np.einsum("nc,nc->n", normal, eye - points) / np.maximum(
            np.linalg.norm(normal, axis=1) * np.linalg.norm(eye - points, axis=1), 1e-12)
        weight = np.where(seen, np.maximum(facing - _OBLIQUE, 0), 0)
        kept = weight > 0
        self._sum[kept] += weight[kept, None] * bilinear(picture, x[kept], y[kept])
        self._weight += weight

    @property
    def seen(self):
        """(r, r) bool: texels that a picture showed."""
        seen = np.zeros(self.size**2, bool)
        seen[self.texels] = self._weight > 0
        return seen.reshape(self.size, self.size)

    def texture(self):
        """(r, r, 3) uint8; texels that nothing showed have the mean of those shown.

        Raises:
            InputError: nothing was shown.
        """
        kept = self._weight > 0
        if not kept.any():
            raise InputError("pictures", expected="a face that is seen", got="none", remedy="check the track")
        colours = self._sum[kept] / self._weight[kept, None]
        texture = np.tile(colours.mean(axis=0), (self.size**2, 1))
        texture[self.texels[kept]] = colours
        return np.clip(np.round(texture), 0, 255).astype(np.uint8).reshape(self.size, self.size, 3)


def looked_up(texture, uv):
    """(..., 3) uint8 of a texture at uv, between texels too.

    Args:
        texture: (r, r, 3) uint8.
        uv: (..., 2) float in 0..1.
    """
    size = len(texture)
    return np.round(bilinear(texture, uv[..., 0] * size, uv[..., 1] * size)).astype(np.uint8)


def window_picture(picture, matrix, size):
    """(size, size, 3) uint8: the window of a picture; see window_of."""
    return cut(picture, matrix, size)
