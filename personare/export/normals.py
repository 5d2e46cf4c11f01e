"""Smooth normals of a mesh."""

import numpy as np


def vertex_normals(vertices, triangles, weld):
    """Area-weighted unit normals, one for each vertex; vertices at the same place share theirs.

    Args:
        vertices: (v, 3) float.
        triangles: (f, 3) int, counter-clockwise seen from outside.
        weld: (v,) int, index of the first vertex at the same place.

    Returns:
        (v, 3) float32 of length 1; +z where no triangle says otherwise.
    """
    corners = vertices[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = weld[triangles].T.reshape(-1)
    sums = np.stack([np.bincount(index, np.tile(axis, 3), minlength=len(vertices)) for axis in across.T], axis=1)
    sums = sums[weld]
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    flat = length[:, 0] < 1e-20
    sums[flat], length[flat] = (0, 0, 1), 1
    return (sums / length).astype(np.float32)
