"""Pose, normals and light of a face in torch, with gradients: faces/bfm_fit.py and its conventions once more.

Ramamoorthi and Hanrahan's nine bands light a face; tests/learn/test_shading.py holds this to the NumPy of bfm_fit.
"""

import math

import torch

BANDS = 9
_FIRST, _SECOND = math.sqrt(math.pi) / 2, math.sqrt(math.pi)
_THIRD = 2 * math.pi / math.sqrt(8) * 3 * math.sqrt(5) / math.sqrt(12 * math.pi)


def rotations(angles_rad):
    """(b, 3, 3) Rz Ry Rx of angles (b, 3) about x, y, z, for columns: p' = R p."""
    (cx, cy, cz), (sx, sy, sz) = torch.cos(angles_rad).unbind(-1), torch.sin(angles_rad).unbind(-1)
    rows = [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
            sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,
            -sy, cy * sx, cy * cx]
    return torch.stack(rows, -1).view(-1, 3, 3)


def turns(vectors_rad):
    """(b, 3, 3) rotations about vectors (b, 3) by their length; smooth at 0, where it has gradients too."""
    square = (vectors_rad * vectors_rad).sum(-1, keepdim=True)[..., None]
    angle = torch.sqrt(square + 1e-20)
    zero = torch.zeros_like(vectors_rad[:, 0])
    x, y, z = vectors_rad.unbind(-1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    small = square < 1e-6
    # Series where the quotients lose their digits.
    by_sine = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    by_cosine = torch.where(small, 0.5 - square / 24, (1 - torch.cos(angle)) / (angle * angle))
    unit = torch.eye(3, dtype=vectors_rad.dtype, device=vectors_rad.device)
    return unit + by_sine * cross + by_cosine * cross @ cross


def normals(vertices, triangles, incident, *, by_area=False):
    """(b, v, 3) unit normals: of the triangles about each vertex, added with equal weights or by their area.

    Args:
        vertices: (b, v, 3) float.
        triangles: (f, 3) int64.
        incident: (v, n) int64 triangles about each vertex, filled up with f; see incident_of.
        by_area: large triangles count more.
    """
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    faces = torch.linalg.cross(a - b, b - c)
    if not by_area:
        faces = _unit(faces)
    faces = torch.cat([faces, torch.zeros_like(faces[:, :1])], 1)
    return _unit(faces[:, incident].sum(2))


def _unit(vectors):
    square = (vectors * vectors).sum(-1, keepdim=True)
    return vectors * torch.where(square > 0, square, 1.0).rsqrt()


def incident_of(triangles, vertices, *, weld=None, device="cpu"):
    """(v, n) int64 triangles about each of v vertices, filled up with their number f.

    Args:
        triangles: (f, 3) int array.
        vertices: how many.
        weld: (v,) int array, the first vertex at the same place; doubled vertices then share their triangles.
        device: where to.
    """
    triangles = torch.as_tensor(triangles).long()
    weld = torch.arange(vertices) if weld is None else torch.as_tensor(weld).long()
    vertex, order = torch.sort(weld[triangles].reshape(-1), stable=True)
    count = torch.bincount(vertex, minlength=vertices)
    place = torch.arange(len(vertex)) - (torch.cumsum(count, 0) - count)[vertex]
    out = torch.full((vertices, int(count.max()) if len(vertex) else 1), len(triangles))
    out[vertex, place] = order // 3
    return out[weld].to(device)


def harmonics(normal):
    """(..., 9) spherical harmonics of unit normals (..., 3), bands 0 to 2, as bfm_fit.harmonics."""
    x, y, z = normal.unbind(-1)
    return torch.stack([torch.full_like(x, _FIRST), -_SECOND * y, _SECOND * z, -_SECOND * x, _THIRD * x * y,
                        -_THIRD * y * z, _THIRD / (2 * math.sqrt(3)) * (3 * z * z - 1), -_THIRD * x * z,
                        _THIRD / 2 * (x * x - y * y)], -1)


def shaded(reflectance, normal, light, *, ambient=0.0):
    """(b, v, 3) colour of lit skin, not clamped.

    Args:
        reflectance: (b or 1, v, 3), in whatever range.
        normal: (b, v, 3) unit, in world coordinates.
        light: (b, 3, 9) for red, green, blue.
        ambient: added to the first band.
    """
    first = torch.zeros(BANDS, dtype=light.dtype, device=light.device)
    first[0] = ambient
    return reflectance * (harmonics(normal) @ (light + first).mT)
