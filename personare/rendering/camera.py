"""Pinhole cameras, and the one that frames any head like a portrait. Conventions: docs/render.md."""

import math
from dataclasses import dataclass

import numpy as np

from personare.arrays import checked
from personare.errors import InputError

# 25 degrees over the height of the picture: a portrait lens (about 54 mm behind a 24 mm high sensor). Wider
# lenses swell the nose, longer ones flatten the face.
PORTRAIT_FOV_RAD = math.radians(25.0)

# A vertex belongs to the head where it follows the head pose by more than half.
_HEAD_WEIGHT = 0.5

# Size limits of a picture; beyond them the fixed-point coordinates are not tested.
_SMALLEST_PX, _LARGEST_PX = 16, 4096


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that looks along its own -z, with +y up, as in glTF.

    Args:
        camera_from_world: (4, 4) float64 rigid transform.
        focal_px: focal length in pixels, the same for both axes.
        center_px: (x, y) of the optical axis; (w / 2, h / 2) is the middle of the picture.
        size: (w, h) pixels, each 16..4096.
        near_m, far_m: what lies nearer or farther than these along the axis is not drawn, 0 < near < far.
    """

    camera_from_world: np.ndarray
    focal_px: float
    center_px: tuple[float, float]
    size: tuple[int, int]
    near_m: float
    far_m: float

    def __post_init__(self):
        matrix = checked("camera_from_world", self.camera_from_world, (4, 4), dtype=np.float64)
        object.__setattr__(self, "camera_from_world", matrix)
        object.__setattr__(self, "size", checked_size(self.size))
        if not (math.isfinite(self.focal_px) and self.focal_px > 0):
            raise InputError("focal_px", expected="a positive number of pixels", got=repr(self.focal_px),
                             remedy="use frame_face to get a camera that fits a face")
        if not 0 < self.near_m < self.far_m:
            raise InputError("near_m", expected="0 < near_m < far_m", got=f"{self.near_m} and {self.far_m}",
                             remedy="use frame_face to get a camera that fits a face")

    def project(self, points):
        """Pixel position and depth of points.

        Args:
            points: (..., 3) float, world, metres.

        Returns:
            (..., 3) float64: x and y in pixels (pixel (0, 0) has its centre at (0.5, 0.5), y down) and the
            depth along the axis in metres. Points behind the camera have a negative depth and no meaning.
        """
        rotation, offset = self.camera_from_world[:3, :3], self.camera_from_world[:3, 3]
        x, y, z = np.moveaxis(np.asarray(points, np.float64) @ rotation.T + offset, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = self.focal_px / -z
            return np.stack([self.center_px[0] + x * scale, self.center_px[1] - y * scale, -z], -1)


def checked_size(size):
    """The (w, h) of a picture as two ints.

    Raises:
        InputError: not two whole numbers in 16..4096.
    """
    try:
        w, h = (int(side) for side in size)
        fits = (w, h) == tuple(size) and min(w, h) >= _SMALLEST_PX and max(w, h) <= _LARGEST_PX
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise InputError("size", expected=f"(width, height), each a whole number in "
                         f"{_SMALLEST_PX}..{_LARGEST_PX}", got=repr(size), remedy="pass for example (512, 512)")
    return w, h


def frame_face(face, size=(512, 512), *, yaw_rad=0.0, pitch_rad=0.0, margin=0.055):
    """A camera that frames a face like a portrait: the head in the middle, a little air above.

    Only the part that follows the head pose is framed, so shoulders may leave the picture, and every
    distance is taken from the head itself, so any unit works.

    Args:
        face: the Face; its neutral() and head_weight are used.
        size: (w, h) pixels, each 16..4096.
        yaw_rad: turns the camera about the head; above 0 it moves towards the subject's left.
        pitch_rad: above 0 it moves up and looks down.
        margin: air between head and edge, as a share of the picture, 0..0.4.

    Returns:
        Camera with a vertical field of view of 25 degrees.

    Raises:
        InputError: size or margin out of range.
    """
    w, h = checked_size(size)
    if not 0 <= margin <= 0.4:
        raise InputError("margin", expected="a share in 0..0.4", got=repr(margin), remedy="pass for example 0.1")
    points, has_body = _head_points(face)
    rotation = _camera_rotation(yaw_rad, pitch_rad)
    right, up, towards = (points @ rotation.T).T
    focal = 0.5 * h / math.tan(0.5 * PORTRAIT_FOV_RAD)
    # A neck and shoulders fill what lies below the chin; a head without them stands in the middle.
    below = 1.8 * margin if has_body else margin
    reach_x, reach_up, reach_down = (w * (0.5 - margin) / focal, h * (0.5 - margin) / focal,
                                     h * (0.5 - below) / focal)
    x = 0.5 * (right.min() + right.max())
    y, distance = _fit(up, towards, reach_up, reach_down)
    distance = max(distance, float(np.max(towards + np.abs(right - x) / reach_x)))
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = rotation
    camera_from_world[:3, 3] = -x, -y, -distance
    depth = distance - float(towards.max())
    return Camera(camera_from_world, focal, (w / 2, h / 2), (w, h), near_m=0.05 * depth, far_m=100 * distance)


def _head_points(face):
    """(n, 3) finite vertices of the head, float64, and whether the model goes on below them."""
    vertices = np.asarray(face.neutral(), np.float64)
    finite = np.isfinite(vertices).all(axis=1)
    on_head = finite & (face.head_weight > _HEAD_WEIGHT)
    if on_head.sum() < 3:
        on_head = finite
    head = vertices[on_head] if on_head.any() else np.zeros((1, 3))
    if np.ptp(head, axis=0).max() == 0:
        # A single point has no size; the size of a head keeps the camera in order.
        head = head[:1] + np.array([[-0.1, -0.1, -0.1], [0.1, 0.1, 0.1]])
    bottom = head[:, 1].min() - 0.1 * np.ptp(head[:, 1])
    return head, bool((vertices[finite, 1] < bottom).any())


def _camera_rotation(yaw_rad, pitch_rad):
    """(3, 3) rows right, up, towards the viewer, in world axes."""
    sin_yaw, cos_yaw = math.sin(yaw_rad), math.cos(yaw_rad)
    sin_pitch, cos_pitch = math.sin(pitch_rad), math.cos(pitch_rad)
    towards = np.array([sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch])
    right = np.array([cos_yaw, 0.0, -sin_yaw])
    return np.stack([right, np.cross(towards, right), towards])


def _fit(up, towards, reach_up, reach_down):
    """Height of the axis and the smallest distance at which all points stay within both reaches.

    A point at height u and depth distance - t stays inside if u - y <= reach_up * (distance - t) and
    y - u <= reach_down * (distance - t). The sum of the two tightest ones gives the distance.
    """
    highest = float(np.max(up + reach_up * towards))      # y >= highest - reach_up * distance
    lowest = float(np.min(up - reach_down * towards))     # y <= lowest + reach_down * distance
    distance = (highest - lowest) / (reach_up + reach_down)
    return highest - reach_up * distance, distance
