"""The Basel model in torch: coefficients of either convention to clip coordinates and lit colours, with gradients.

The same arithmetic as faces/bfm_fit.py, where the conventions are told; docs/faces/bfm.md has the table.
"""

import math
from dataclasses import dataclass

import torch

from personare.faces import bfm_fit
from personare.faces.bfm import AUDIODVP_UNIT_M, DECIMETRE_M
from personare.learn.shading import normals, rotations, shaded

# Depths between which Deep3D's heads, at about 10 dm, are drawn.
_DEEP3D_NEAR, _DEEP3D_FAR = 5.0, 15.0


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A BfmModel as tensors, in the unit of one convention; make it with face_model.

    Args:
        convention: "deep3d" or "audiodvp".
        mean: (v, 3). identity: (80, v, 3). expression: (64, v, 3).
        albedo_mean: (v, 3) RGB about 0..1. albedo: (80, v, 3).
        triangles: (f, 3) int64. incident: (v, 8) int64. landmarks: (68,) int64, of what stands on the left first.
        lower: (f,) bool, the triangles of the lower face, AudioDVP's mouth.
    """

    convention: str
    mean: torch.Tensor
    identity: torch.Tensor
    expression: torch.Tensor
    albedo_mean: torch.Tensor
    albedo: torch.Tensor
    triangles: torch.Tensor
    incident: torch.Tensor
    landmarks: torch.Tensor
    lower: torch.Tensor

    def geometry(self, identity, expression):
        """(b, v, 3) before pose, in the convention's unit; a single row of identity serves all."""
        return (self.mean + torch.tensordot(identity, self.identity, 1)
                + torch.tensordot(expression, self.expression, 1))

    def reflectance(self, texture):
        """(b, v, 3) RGB of coefficients (b, 80), not clamped."""
        return self.albedo_mean + torch.tensordot(texture, self.albedo, 1)

    def posed(self, geometry, angles_rad, translation):
        """(b, v, 3) world coordinates: R p + t of Deep3D, R (p - t) of AudioDVP."""
        turn = rotations(angles_rad).mT
        if self.convention == "deep3d":
            return geometry @ turn + translation[:, None]
        return (geometry - translation[:, None]) @ turn

    def clip(self, world):
        """(..., 4) clip coordinates for rasterize, row 0 uppermost on the picture as people look at it."""
        x, y, z = world.unbind(-1)
        if self.convention == "audiodvp":
            f, near, far = 1 / math.tan(bfm_fit.AUDIODVP_FOV_RAD / 2), bfm_fit.AUDIODVP_NEAR, bfm_fit.AUDIODVP_FAR
            depth = bfm_fit.AUDIODVP_CAMERA_Z - z
            across, down = -f * x, -f * y
        else:
            f, near, far = 2 * bfm_fit.DEEP3D_FOCAL_PX / bfm_fit.DEEP3D_SIZE_PX, _DEEP3D_NEAR, _DEEP3D_FAR
            depth = bfm_fit.DEEP3D_CAMERA_Z - z
            across, down = f * x, -f * y
        return torch.stack([across, down, ((far + near) * depth - 2 * far * near) / (far - near), depth], -1)

    def colors(self, geometry, angles_rad, texture, light):
        """(b, v, 3) lit colours, not clamped; light is (b, 3, 9)."""
        deep3d = self.convention == "deep3d"
        normal = normals(geometry, self.triangles, self.incident, by_area=not deep3d) @ rotations(angles_rad).mT
        return shaded(self.reflectance(texture), normal, light,
                      ambient=bfm_fit.DEEP3D_AMBIENT if deep3d else bfm_fit.AUDIODVP_AMBIENT)

    def marks(self, clip, size):
        """(b, 68, 2) landmarks of clip coordinates in pixels of a picture of (w, h), middles at halves."""
        points = clip[:, self.landmarks]
        half = torch.tensor(size, dtype=clip.dtype, device=clip.device) / 2
        return (points[..., :2] / points[..., 3:] + 1) * half


def face_model(model, *, convention="deep3d", dtype=torch.float32, device="cpu"):
    """FaceModel of a BfmModel.

    Args:
        model: faces.bfm.BfmModel.
        convention: "deep3d" (decimetres, centred on the mean shape's middle) or "audiodvp".
        dtype, device: of the tensors.
    """
    deep3d = convention == "deep3d"
    unit = DECIMETRE_M if deep3d else AUDIODVP_UNIT_M

    def put(values, scale=1.0):
        return (torch.as_tensor(values).double() / scale).to(device, dtype)

    marks = model.landmarks if deep3d else model.landmarks[bfm_fit.MIRRORED_68]
    return FaceModel(
        convention, mean=put(model.mean - model.middle if deep3d else model.mean, unit),
        identity=put(model.identity, unit), expression=put(model.expression, unit),
        albedo_mean=put(model.albedo_mean), albedo=put(model.albedo),
        **{name: torch.as_tensor(values).long().to(device) for name, values in (
            ("triangles", model.triangles), ("incident", model.incident), ("landmarks", marks))},
        lower=torch.as_tensor(bfm_fit.lower_face(model)).to(device))
