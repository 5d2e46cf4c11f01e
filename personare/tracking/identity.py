"""How people's faces differ, for any face: smooth, mostly symmetric displacements of its rest, and their basis.

Source:
    Luethi et al., Gaussian Process Morphable Models, TPAMI 2018: a sum of Gaussian kernels of several widths, and its
    symmetric version, in place of statistics of scanned people.
"""

import numpy as np

# (width, standard deviation) in metres: the whole skull, the large forms, the features.
_SCALES = ((0.120, 0.0080), (0.045, 0.0050), (0.018, 0.0025))
_FINE = (0.008, 0.0012)
# Share of the prior that is the same on both sides of a face.
_SYMMETRIC = 0.85
_MODES = 45
_CHUNK = 128  # vertices at once, so that what is made of them stays in the cache


def modes(points):
    """Basis of smooth displacements of points, in standard deviations.

    Args:
        points: (n, 3) metres, x across the face about its middle.

    Returns:
        (m, n, 3) float64 metres a deviation.
    """
    basis = []
    take = slice(-1, -_MODES - 1, -1)
    for gram, axes in zip(_kernels(points, points, _SCALES), ((0,), (1, 2)), strict=True):
        values, vectors = np.linalg.eigh(gram)
        for axis in axes:
            moves = np.zeros((_MODES, len(points), 3))
            moves[:, :, axis] = (vectors[:, take] * np.sqrt(np.maximum(values[take], 0))).T
            basis.append(moves)
    return np.concatenate(basis)


def spread_out(points, moves, vertices):
    """Displacements of points carried to the vertices around them, dying out far away.

    Args:
        points: (n, 3) metres, moves: (n, 3) metres, vertices: (v, 3) metres.

    Returns:
        (v, 3) float32 metres.
    """
    # Vertices of seams and doubled sheets share their places.
    vertices, place = np.unique(vertices, axis=0, return_inverse=True)
    carried = np.zeros(vertices.shape, np.float32)
    scales, noise = (*_SCALES, _FINE), 1e-3 * _FINE[1] ** 2 * np.eye(len(points))
    across, along = (np.linalg.solve(gram + noise, moves[:, axes]) for gram, axes in
                     zip(_kernels(points, points, scales), ([0], [1, 2]), strict=True))
    for start in range(0, len(vertices), _CHUNK):
        part = slice(start, start + _CHUNK)
        odd, even = _kernels(vertices[part], points, scales)
        carried[part, :1], carried[part, 1:] = odd @ across, even @ along
    return carried[place.ravel()]


def _kernels(a, b, scales):
    """Two (p, q) covariances of the displacement at points a and b: of its component across the face, of the others."""
    plain, mirrored = _squared(a, b), _squared(a, b * [-1, 1, 1])
    odd, even = np.zeros(plain.shape), np.zeros(plain.shape)
    for width, deviation in scales:
        near, far = np.exp(plain / (-2 * width**2)), np.exp(mirrored / (-2 * width**2))
        far *= _SYMMETRIC
        share = deviation**2 / (1 + _SYMMETRIC)
        odd += share * (near - far)
        even += share * (near + far)
    return odd, even


def _squared(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)
