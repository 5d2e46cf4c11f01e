"""Light of every picture and colour of the skin, solved for in closed form with the geometry held still.

Light is nine spherical harmonics a colour (shading.py), skin a colour at every vertex that all pictures share. Both are
linear RGB. Pictures do not tell which is the brighter: the mean colour of the skin is set, light takes the rest.
"""

import numpy as np
import torch
from torch.nn.functional import grid_sample

from personare.learn.rasterizing import depth_map, screen_of
from personare.learn.shading import BANDS, harmonics

GAMMA = 2.2                    # between sRGB and linear light, close enough for fitting and smooth at 0
_FACING = 0.2                  # cosine to the view below which a vertex says nothing of its colour
_RIDGE = 0.02                  # of light, against what the pictures say of a whole face
_OUTLIER = 0.08                # of linear light; beyond it a vertex counts less and less
_LEAST_ALBEDO, _MOST_ALBEDO = 0.01, 1.5


def linear(pictures):
    """Linear light of sRGB values in 0..1."""
    return pictures.clamp(min=0).pow(GAMMA)


def encoded(light):
    """sRGB values of linear light; a little above 0, so that it has gradients."""
    return light.clamp(min=1e-4).pow(1 / GAMMA)


def sampled_vertices(pictures, raster, clip, normal, towards):
    """Colour of every vertex on every picture, and how far that can be believed.

    Args:
        pictures: (b, h, w, c) float.
        raster: Raster of clip (b, v, 4).
        normal: (b, v, 3) unit. towards: (b, v, 3) unit, to the camera.

    Returns:
        (b, v, c), and (b, v) weights in 0..1, 0 for what is hidden or turned away.
    """
    b, h, w, _ = pictures.shape
    place = clip[..., :2] / clip[..., 3:]
    colors = grid_sample(pictures.permute(0, 3, 1, 2), place[:, None], align_corners=False)[:, :, 0].mT
    depth = depth_map(raster, clip)
    pixel = torch.floor(screen_of(clip, (w, h))).long()
    inside = (pixel >= 0).all(-1) & (pixel[..., 0] < w) & (pixel[..., 1] < h)
    x, y = pixel[..., 0].clamp(0, w - 1), pixel[..., 1].clamp(0, h - 1)
    # What the pixels about it see at the farthest: a vertex on the surface is not farther than that.
    around = torch.nn.functional.max_pool2d(torch.where(depth < 1.5, depth, -2.0)[:, None], 3, 1, 1)[:, 0]
    far = torch.gather(around.view(b, -1), 1, y * w + x)
    facing = (normal * towards).sum(-1)
    shown = inside & (clip[..., 2] / clip[..., 3] <= far + 1e-6)
    return colors, shown * ((facing - _FACING) / (1 - _FACING)).clamp(0)


def solved_light(colors, weights, albedo, normal, *, before=None):
    """(b, 3, 9) light of every picture.

    Args:
        colors: (b, v, 3) linear. weights: (b, v). albedo: (v, 3). normal: (b, v, 3).
        before: (b, 3, 9) light that tells outliers; default none are told.
    """
    bands = harmonics(normal)  # (b, v, 9)
    if before is not None:
        error = (colors - albedo * (bands @ before.mT)).abs().amax(-1)
        weights = weights / (1 + (error / _OUTLIER) ** 2)
    share = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
    scaled = albedo[None, :, :, None] * bands[:, :, None]  # (b, v, 3, 9)
    normal_matrix = torch.einsum("bv,bvci,bvcj->bcij", share, scaled, scaled)
    right = torch.einsum("bv,bvci,bvc->bci", share, scaled, colors)
    trace = normal_matrix.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)[..., None]
    # The constant band is free; the others are held to 0 where the normals do not tell them apart.
    hold = torch.eye(BANDS, dtype=colors.dtype, device=colors.device)
    hold[0, 0] = 1e-3
    return torch.linalg.solve(normal_matrix + _RIDGE * trace * hold, right[..., None])[..., 0]


def solved_albedo(colors, weights, light, normal, mean, *, before=None):
    """(v, 3) colour of the skin over all pictures, its mean over seen vertices as given.

    Args:
        colors: (b, v, 3) linear. weights: (b, v). light: (b, 3, 9). normal: (b, v, 3).
        mean: (3,) linear RGB.
        before: (v, 3) colour that tells outliers; vertices that are never seen keep it, or the mean.
    """
    shade = (harmonics(normal) @ light.mT).clamp(min=1e-3)  # (b, v, 3)
    if before is not None:
        error = (colors - before * shade).abs().amax(-1)
        weights = weights / (1 + (error / _OUTLIER) ** 2)
    fallback = mean.expand(colors.shape[1], 3) if before is None else before
    prior = 1e-3 * weights.amax().clamp(min=1e-6) * shade.square().mean()
    weight = weights[..., None]
    found = ((weight * shade * colors).sum(0) + prior * fallback) / ((weight * shade * shade).sum(0) + prior)
    seen = weights.sum(0)[:, None]
    found = found * (mean / ((seen * found).sum(0) / seen.sum().clamp(min=1e-6)).clamp(min=1e-4))
    return found.clamp(_LEAST_ALBEDO, _MOST_ALBEDO)


def mean_color(face, source):
    """(3,) float32 linear RGB: the mean of how some vertices of a face look without light."""
    surface = face.surface
    material = np.zeros(len(surface.uv), int)
    material[surface.triangles] = surface.triangle_material[:, None]
    colors = surface.color[source].astype(np.float64)
    for number, look in enumerate(surface.materials):
        own = material[source] == number
        colors[own] *= look.color
        texture = look.picture()
        if texture is not None and own.any():
            h, w = texture.shape[:2]
            u, v = surface.uv[source][own].T
            texel = texture[np.clip(((1 - v) * h).astype(int), 0, h - 1), np.clip((u * w).astype(int), 0, w - 1), :3]
            colors[own] *= (texel / 255.0) ** GAMMA
    return np.clip(colors.mean(0), 0.05, 0.9).astype(np.float32)
