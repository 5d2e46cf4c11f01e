"""What fits of the Basel model say: coefficients by name, pose, camera, normals, light and landmarks, per convention.

Two programs fit the same bases and mean different things by their numbers. Deep3DFaceRecon (and style_avatar) turns a
head about its middle and moves it, its camera stands at z = 10 dm. AudioDVP moves first and turns then, and its camera
is upside down and mirrors the face. Both are here as they are; docs/faces/bfm.md has the table.
"""

from dataclasses import dataclass
from typing import final

import numpy as np

from personare.arrays import checked
from personare.faces.bfm import AUDIODVP_UNIT_M, DECIMETRE_M
from personare.spaces import BFM_64, DEEP3D_257
from personare.types import Motion

DEEP3D_FOCAL_PX, DEEP3D_CENTER_PX, DEEP3D_CAMERA_Z, DEEP3D_SIZE_PX = 1015.0, 112.0, 10.0, 224
AUDIODVP_FOV_RAD, AUDIODVP_CAMERA_Z, AUDIODVP_NEAR, AUDIODVP_FAR = np.radians(25.0), 8.0, 0.01, 100.0
# Ambient light each adds to its first band, in their own units of light.
DEEP3D_AMBIENT, AUDIODVP_AMBIENT = 0.8, 0.7
_BANDS = 9

# The 68 landmarks seen in a mirror: jaw, brows, nose, eyes and lips, each part read from the other side.
MIRRORED_68 = np.array([*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
                        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1),
                        *range(64, 59, -1), *range(67, 64, -1)])


@final
@dataclass(frozen=True, eq=False)
class Deep3DFit:
    """One clip's 257 coefficients by name.

    Args:
        identity: (t, 80), expression: (t, 64), texture: (t, 80), all in standard deviations.
        angles_rad: (t, 3) about x, y, z.
        light: (t, 3, 9) spherical harmonics of red, green, blue.
        translation: (t, 3) decimetres.
    """

    identity: np.ndarray
    expression: np.ndarray
    texture: np.ndarray
    angles_rad: np.ndarray
    light: np.ndarray
    translation: np.ndarray

    def motion(self, fps):
        """Motion in the space bfm-64 with the head pose, about the pivot of open_bfm's face, metres."""
        pose = np.tile(np.eye(4), (len(self.angles_rad), 1, 1))
        pose[:, :3, :3] = rotations(self.angles_rad)
        pose[:, :3, 3] = self.translation * DECIMETRE_M
        return Motion(self.expression, fps, BFM_64, pose)


# Field of a fit -> stem of its columns in the space deep3d-257.
_STEMS = {"identity": "id_", "expression": "exp_", "texture": "tex_", "angles_rad": "angle_", "light": "gamma_",
          "translation": "trans_"}


def split_deep3d(values):
    """Deep3DFit of coefficient rows in the space deep3d-257.

    Args:
        values: (t, 257) float, such as a Motion's values or what R-Net puts out.

    Raises:
        InputError: another shape.
    """
    values = checked("values", values, ("t", len(DEEP3D_257)), dtype=np.float64)
    parts = {field: values[:, [i for i, name in enumerate(DEEP3D_257.columns) if name.startswith(stem)]]
             for field, stem in _STEMS.items()}
    return Deep3DFit(**parts | {"light": parts["light"].reshape(-1, 3, _BANDS)})


def rotations(angles_rad):
    """(t, 3, 3) Rz Ry Rx of angles (t, 3) about x, y, z, for columns: p' = R p. Both conventions use this order."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles_rad).T, np.sin(angles_rad).T
    return np.stack([
        cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
        sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,
        -sy, cy * sx, cy * cx], -1).reshape(-1, 3, 3)


def deep3d_geometry(model, identity, expression):
    """(t, v, 3) float64 decimetres, centred on the mean of the mean shape, before pose."""
    return (model.geometry(identity, expression) - model.middle) / DECIMETRE_M


def deep3d_posed(geometry, angles_rad, translation):
    """(t, v, 3) decimetres in world coordinates: R p + t."""
    return geometry @ np.swapaxes(rotations(angles_rad), 1, 2) + translation[:, None]


def deep3d_pixels(points):
    """(…, 2) pixels in a picture of 224x224 of world points in decimetres; x right, y down, row 0 uppermost.

    As in the original, row 223 - y: pixel centres lie at whole numbers. Add 0.5 for this project's convention.
    """
    depth = DEEP3D_CAMERA_Z - points[..., 2]
    x, y = (DEEP3D_FOCAL_PX * points[..., axis] / depth + DEEP3D_CENTER_PX for axis in (0, 1))
    return np.stack([x, DEEP3D_SIZE_PX - 1 - y], -1)


def audiodvp_geometry(model, alpha, delta):
    """(t, v, 3) float64 in AudioDVP's unit, not centred, before pose; a batch of one alpha serves all frames."""
    return model.geometry(alpha, delta) / AUDIODVP_UNIT_M


def audiodvp_posed(geometry, rotation_rad, translation):
    """(t, v, 3) world coordinates: R (p - t)."""
    return (geometry - translation[:, None]) @ np.swapaxes(rotations(rotation_rad), 1, 2)


def audiodvp_clip(points):
    """(…, 4) clip coordinates of world points: a camera at z = 8 that looks down -z with +y down."""
    f, near, far = 1 / np.tan(AUDIODVP_FOV_RAD / 2), AUDIODVP_NEAR, AUDIODVP_FAR
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    depth = AUDIODVP_CAMERA_Z - z
    return np.stack([-f * x, -f * y, ((far + near) * depth - 2 * far * near) / (far - near), depth], -1)


def audiodvp_pixels(clip, size_px=256):
    """(…, 2) pixels of clip coordinates, both axes from -1: the picture is upright and mirrored left to right."""
    return (clip[..., :2] / clip[..., 3:] + 1) * (size_px / 2)


def landmarks(model, points, *, mirrored=False):
    """(t, 68, …) of per-vertex values; mirrored takes the order of AudioDVP, whose face is seen in a mirror."""
    index = model.landmarks[MIRRORED_68] if mirrored else model.landmarks
    return points[:, index]


def lower_face(model):
    """(f,) bool: triangles with a corner below the mean height of the mean shape: what AudioDVP draws."""
    return (model.mean[:, 1] < model.middle[1])[model.triangles].any(1)


def normals(model, geometry, *, by_area=False):
    """(t, v, 3) float64 unit normals: of the faces about each vertex, added with equal weights, or by_area as AudioDVP.

    Args:
        model: BfmModel.
        geometry: (t, v, 3), before pose; turn the normals with the head.
        by_area: large faces count more.
    """
    a, b, c = (geometry[:, corner] for corner in model.triangles.T)
    faces = np.cross(a - b, b - c)
    if not by_area:
        faces = _unit(faces)
    faces = np.concatenate([faces, np.zeros_like(faces[:, :1])], 1)
    return _unit(sum(faces[:, model.incident[:, i]] for i in range(model.incident.shape[1])))


def _unit(vectors):
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def harmonics(normal):
    """(…, 9) spherical harmonics of unit normals, bands 0 to 2, with the constants both conventions share.

    Source:
        Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, 2001: each basis function
        times pi, 2 pi / sqrt(3), 2 pi / sqrt(8) of its band.
    """
    x, y, z = np.moveaxis(np.asarray(normal), -1, 0)
    first, second = np.pi / np.sqrt(4 * np.pi), 2 * np.pi / np.sqrt(3) * np.sqrt(3 / (4 * np.pi))
    third = 2 * np.pi / np.sqrt(8) * 3 * np.sqrt(5) / np.sqrt(12 * np.pi)
    return np.stack([np.full_like(x, first), -second * y, second * z, -second * x, third * x * y, -third * y * z,
                     third / (2 * np.sqrt(3)) * (3 * z * z - 1), -third * x * z, third / 2 * (x * x - y * y)], -1)


def shaded(reflectance, normal, light, *, ambient):
    """(t, v, 3) colour of lit skin, not clamped.

    Args:
        reflectance: (t, v, 3), in whatever range.
        normal: (t, v, 3) unit, in world coordinates.
        light: (t, 3, 9) for red, green, blue; AudioDVP's gamma is (t, 9, 3), see audiodvp_light.
        ambient: DEEP3D_AMBIENT or AUDIODVP_AMBIENT, added to the first band.
    """
    light = np.array(light)
    light[:, :, 0] += ambient
    return reflectance * (harmonics(normal) @ np.swapaxes(light, 1, 2))


def audiodvp_light(gamma):
    """(t, 3, 9) light of AudioDVP's gamma (t, 27), which holds three colours for each band."""
    return np.swapaxes(np.reshape(gamma, (-1, _BANDS, 3)), 1, 2)
