"""Smooth fields on the skin: a biharmonic solve with fixed handles, the way a sheet bends between pins."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu


class Sheet:
    """The skin as a thin elastic sheet.

    Args:
        p: (v, 3) rest positions, cm.
        triangles: (f, 3).
    """

    def __init__(self, p, triangles):
        self.count = len(p)
        laplacian, area = _cotangent(p, triangles)
        self.area = area
        self.bend = bend = laplacian.T @ sparse.diags(1.0 / area) @ laplacian
        # A trace of membrane energy keeps the sheet from swinging past its handles.
        self.energy = (bend - 0.05 * laplacian).tocsc()

    def fair(self, p, *, reach_cm, keep):
        """Positions p (v, 3) with bends shorter than reach_cm removed; keep (v,) >= 0 holds a vertex in place."""
        hold = sparse.diags(self.area * (1.0 + 30.0 * keep))
        return splu((hold + reach_cm**4 * self.bend).tocsc()).solve(hold @ p)

    def extend(self, fixed, values):
        """Extend values (n, d) at the fixed vertices smoothly over the whole sheet, (v, d)."""
        free = np.setdiff1d(np.arange(self.count), fixed)
        out = np.zeros((self.count, values.shape[1]))
        out[fixed] = values
        rows = self.energy[free]
        out[free] = splu(rows[:, free].tocsc()).solve(-(rows[:, fixed] @ values))
        return out


def _cotangent(p, triangles):
    """Cotangent Laplacian (negative semi-definite) and the area of each vertex."""
    rows, columns, weights = [], [], []
    area = np.zeros(len(p))
    a, b, c = (p[triangles[:, k]] for k in range(3))
    double = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    for k in range(3):
        i, j, o = (triangles[:, (k + s) % 3] for s in range(3))
        u, v = p[i] - p[o], p[j] - p[o]
        cot = np.clip((u * v).sum(1) / np.maximum(double, 1e-6), -2.0, 6.0)
        rows += [i, j]
        columns += [j, i]
        weights += [0.5 * cot, 0.5 * cot]
        np.add.at(area, i, double / 6)
    w = np.maximum(np.concatenate(weights), 1e-3)
    link = sparse.coo_matrix((w, (np.concatenate(rows), np.concatenate(columns))), (len(p), len(p))).tocsr()
    return link - sparse.diags(np.asarray(link.sum(1)).ravel()), np.maximum(area, 2e-3)
