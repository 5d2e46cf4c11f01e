"""A differentiable renderer: clip coordinates to attributes at pixels, with gradients through surface and edges.

Which triangle a pixel sees is decided in whole numbers (coverage.py) and has no gradient. Where in the triangle it lies
is plain torch, correct in perspective, so colours and corners get their gradients from autograd. What is left, a pixel
that another triangle takes over as an outline moves, `antialias` adds: it blends pixels across outlines by how far the
outline lies between their middles. Leave it out to get what AudioDVP and tf_mesh_renderer do, which know no edges.

Source:
    Genova et al., Unsupervised Training for 3D Morphable Model Regression, CVPR 2018 (gradients through barycentrics);
    Laine et al., Modular Primitives for High-Performance Differentiable Rendering, 2020, section 3.4 (edges). There
    a pixel asks the triangle it sees for its outline; here each outline asks the pixels it passes, so triangles smaller
    than a pixel have outlines too. Numbers of both originals are met in tests/parity/test_rasterizing.py.
"""

from dataclasses import dataclass

import torch

from personare.learn.coverage import triangle_ids

_EMPTY_DEPTH = 2.0  # behind everything: depth runs from -1 to 1


@dataclass(frozen=True, eq=False)
class Raster:
    """What each pixel of some pictures sees of a mesh.

    Args:
        ids: (b, h, w) int64 triangle, -1 for none.
        pixels: (n,) int64, places of the pixels that see one, in b * h * w.
        corners: (n, 3) int64, their triangles' vertices, in b * v.
        weights: (n, 3) float, share of each corner at the middle of the pixel, correct in perspective; sum 1.
    """

    ids: torch.Tensor
    pixels: torch.Tensor
    corners: torch.Tensor
    weights: torch.Tensor

    @property
    def mask(self):
        """(b, h, w) bool, whether a pixel sees anything."""
        return self.ids >= 0

    def interpolated(self, attributes, *, empty=0.0):
        """Attributes of vertices at every pixel.

        Args:
            attributes: (b, v, c) or (1, v, c) float.
            empty: what stands where there is no triangle.

        Returns:
            (b, h, w, c) float.
        """
        out = attributes.new_full((*self.ids.shape, attributes.shape[-1]), empty)
        return self.placed(self.sampled(attributes), out)

    def sampled(self, attributes):
        """(n, c) attributes at the pixels that see a triangle only; see interpolated."""
        count, v, c = attributes.shape
        corners = self.corners if count == len(self.ids) else self.corners % v
        return (attributes.reshape(-1, c)[corners] * self.weights[..., None]).sum(1)

    def placed(self, values, picture):
        """A copy of pictures (b, h, w, c) with values (n, c) at the pixels that see a triangle."""
        flat = picture.reshape(-1, picture.shape[-1])
        return flat.index_copy(0, self.pixels, values.to(flat.dtype)).view(picture.shape)


def rasterize(clip, triangles, size, *, cull=False):
    """Find what every pixel sees.

    Args:
        clip: (b, v, 4) float, see coverage.triangle_ids; gradients flow to x, y and w through the weights.
        triangles: (f, 3) int64.
        size: (w, h) pixels.
        cull: leave out triangles that run clockwise on the picture, row 0 uppermost.

    Returns:
        Raster.
    """
    return raster_of(clip, triangles, triangle_ids(clip.detach(), triangles, size, cull=cull))


def raster_of(clip, triangles, ids):
    """Raster of triangles that are known already, ids (b, h, w) int64, -1 for none; see rasterize."""
    height, width = ids.shape[1:]
    pixels = torch.nonzero(ids.view(-1) >= 0)[:, 0]
    frame = pixels // (width * height)
    corners = triangles[ids.view(-1)[pixels]] + (frame * clip.shape[1])[:, None]
    x = ((pixels % width).to(clip.dtype) + 0.5) * (2 / width) - 1
    y = ((pixels // width % height).to(clip.dtype) + 0.5) * (2 / height) - 1
    return Raster(ids, pixels, corners, _weights(clip.reshape(-1, 4)[corners], x, y))


def _weights(corners, x, y):
    """Shares of three corners (n, 3, 4) at a place (n,) each, in -1..1, correct in perspective.

    The rows of the inverse of [x; y; w] are crosses of its columns, taken about the place itself, which keeps digits.
    """
    w = corners[..., 3]
    u = corners[..., 0] - x[:, None] * w
    v = corners[..., 1] - y[:, None] * w
    edges = torch.stack([u[:, i] * v[:, j] - v[:, i] * u[:, j] for i, j in ((1, 2), (2, 0), (0, 1))], -1)
    return edges / edges.sum(-1, keepdim=True)


def camera_clip(points, camera):
    """Clip coordinates of world points for a Camera, row 0 of its picture uppermost.

    Args:
        points: (..., 3) float tensor, world, metres.
        camera: rendering.camera.Camera.

    Returns:
        (..., 4).
    """
    rotation, offset = (torch.as_tensor(part, dtype=points.dtype, device=points.device)
                        for part in (camera.camera_from_world[:3, :3], camera.camera_from_world[:3, 3]))
    x, y, z = (points @ rotation.T + offset).unbind(-1)
    (width, height), (center_x, center_y) = camera.size, camera.center_px
    near, far, depth = camera.near_m, camera.far_m, -z
    return torch.stack([2 * camera.focal_px / width * x + (2 * center_x / width - 1) * depth,
                        -2 * camera.focal_px / height * y + (2 * center_y / height - 1) * depth,
                        ((far + near) * depth - 2 * far * near) / (far - near), depth], -1)


def screen_of(clip, size):
    """(..., 2) pixels of clip coordinates; the middle of pixel (0, 0) is (0.5, 0.5)."""
    half = torch.tensor(size, dtype=clip.dtype, device=clip.device) / 2
    return (clip[..., :2] / clip[..., 3:] + 1) * half


def depth_map(raster, clip):
    """(b, h, w) depth z / w in -1..1 of what every pixel sees, 2 where it sees nothing."""
    found = raster.sampled(clip[..., 2:])
    out = clip.new_full((*raster.ids.shape, 1), _EMPTY_DEPTH)
    return raster.placed(found[:, :1] / found[:, 1:], out)[..., 0]
