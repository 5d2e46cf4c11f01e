"""A picture laid out over the texture of the mesh it shows, with what the picture does not show marked.

Everything is float: texels look at the picture where their point of the surface lies, between pixels too. A texel is
seen where its triangle faces the camera and nothing lies in front of it.
"""

import torch

from personare.learn.rasterizing import depth_map, rasterize, screen_of

# A point is hidden where the picture shows something nearer than the point's own plane gets within this many pixels.
_SLACK_PX = 1.0
_DEPTH_DIGITS = 1e-6


def texture_raster(uv, triangles, size):
    """Raster of a mesh laid flat by its texture coordinates, row 0 at v = 1.

    Args:
        uv: (v, 2) float in 0..1.
        triangles: (f, 3) int64.
        size: (w, h) texels.
    """
    flat = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1], torch.zeros_like(uv[:, 0]), torch.ones_like(uv[:, 0])], -1)
    return rasterize(flat[None], triangles, size)


def unwrap(picture, clip, triangles, uv, size):
    """Texture of a mesh, from a picture of it.

    Args:
        picture: (b, h, w, c) float.
        clip: (b, v, 4) float, where the mesh lies on it; see rasterize.
        triangles: (f, 3) int64, counter-clockwise seen from outside.
        uv: (v, 2) float in 0..1.
        size: (w, h) texels.

    Returns:
        texture (b, h, w, c) float, row 0 at v = 1, 0 where no triangle lies; seen (b, h, w) bool, whether the picture
        shows that point of the surface.
    """
    b, height, width, c = picture.shape
    flat = texture_raster(uv, triangles, size)
    corners = clip[:, flat.corners]  # (b, n, 3, 4)
    points = (corners * flat.weights[..., None]).sum(2)
    seen_at = points[..., :2] / points[..., 3:]
    sampled = torch.nn.functional.grid_sample(picture.permute(0, 3, 1, 2), seen_at[:, None].to(picture.dtype),
                                              align_corners=False, padding_mode="border")[:, :, 0].mT  # (b, n, c)
    with torch.no_grad():
        depth = depth_map(rasterize(clip, triangles, (width, height)), clip)
        pixel = torch.floor((seen_at + 1) * seen_at.new_tensor([width / 2, height / 2])).long()
        fits = (pixel >= 0).all(-1) & (pixel[..., 0] < width) & (pixel[..., 1] < height) & (points[..., 3] > 0)
        x, y = pixel[..., 0].clamp(0, width - 1), pixel[..., 1].clamp(0, height - 1)
        nearest = torch.gather(depth.view(b, -1), 1, y * width + x)
        front, slack = _planes(corners, (width, height))
        shown = fits & front & (points[..., 2] / points[..., 3] <= nearest + _SLACK_PX * slack + _DEPTH_DIGITS)
    texture = sampled.new_zeros(b, size[1] * size[0], c).index_copy(1, flat.pixels, sampled)
    seen = torch.zeros(b, size[1] * size[0], dtype=torch.bool, device=clip.device).index_copy(1, flat.pixels, shown)
    return texture.view(b, size[1], size[0], c), seen.view(b, size[1], size[0])


def _planes(corners, size):
    """Whether triangles (..., 3, 4) face the camera, and how far their depth changes over a pixel each way."""
    screen, z = screen_of(corners, size), corners[..., 2] / corners[..., 3]
    (ux, uy), (vx, vy) = ((screen[..., k, :] - screen[..., 0, :]).unbind(-1) for k in (1, 2))
    area = ux * vy - uy * vx
    to_one, to_two = z[..., 1] - z[..., 0], z[..., 2] - z[..., 0]
    front = area < 0  # y runs down, so what faces the camera turns the other way
    area = torch.where(front, area, -1.0)
    return front, ((to_one * vy - to_two * uy) / area).abs() + ((to_two * ux - to_one * vx) / area).abs()
