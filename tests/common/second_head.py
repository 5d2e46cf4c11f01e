"""A second head for tests: the built-in one bent into another size and form, its vertices in another order."""

import numpy as np

from personare.faces.linear import LinearFace
from personare.faces.sona import open_sona
from personare.types import Surface


def bent(points):
    """(..., 3) points of a head that is wider, longer in the chin and turned a little."""
    x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    form = np.stack([1.12 * x, 1.05 * y - 0.06 * np.maximum(-y, 0), 0.95 * z + 0.15 * y**2], axis=-1)
    turn = np.array([[0.995, 0, 0.0999], [0, 1, 0], [-0.0999, 0, 0.995]])
    return 0.9 * form @ turn.T + [0.01, 0.02, -0.03]


def other_head(*, shapes=True, seed=0):
    """(face, order): LinearFace of the bent head; its vertex i is the built-in head's vertex order[i]."""
    sona = open_sona()
    order = np.random.default_rng(seed).permutation(len(sona.rest))
    place = np.argsort(order)
    rest = bent(sona.rest)[order]
    moved = np.zeros((len(sona.space), len(order), 3), np.float32)
    if shapes:
        for k, shape in enumerate(sona.shapes):
            moved[k] = bent(sona.rest + shape)[order] - rest
    surface = sona.surface
    surface = Surface(
        triangles=place[surface.triangles].astype(np.int32), uv=surface.uv[order], color=surface.color[order],
        occlusion=surface.occlusion[order], materials=surface.materials,
        triangle_material=surface.triangle_material, weld=place[surface.weld[order]].astype(np.int32))
    return LinearFace("other", sona.space, surface, rest.astype(np.float32), moved, sona.head_weight[order],
                      sona.head_pivot), order


def anchors(*, count=160, seed=1):
    """((n, 3), (n, 3)) the same points of the skin of the built-in face and of the bent one."""
    sona = open_sona()
    skin = np.unique(sona.surface.triangles[sona.surface.triangle_material == 0])
    front = skin[(sona.rest[skin, 2] > 0.02) & (np.abs(sona.rest[skin, 1]) < 0.09)]
    chosen = np.random.default_rng(seed).choice(front, count, replace=False)
    return sona.rest[chosen], bent(sona.rest[chosen])
