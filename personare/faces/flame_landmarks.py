"""Where landmarks lie on FLAME's surface: embeddings as DECA, VHAP and others publish them, and regions by vertex."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.files.arrays import read_npy, read_npz
from personare.files.pickles import read_pickle

_PAIRS = {"static": ("static_lmk_faces_idx", "static_lmk_bary_coords"),
          "dynamic": ("dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords"),
          "full": ("full_lmk_faces_idx", "full_lmk_bary_coords")}
# Names of the two arrays in FLAME's own flame_static_embedding.pkl.
_OWN = ("lmk_face_idx", "lmk_b_coords")
_YAW_STEP_RAD = np.radians(1.0)     # the contour's rows: 40 for yaw 0..39 degrees to one side, 39 to the other


@final
@dataclass(frozen=True, eq=False)
class Embedding:
    """Points on triangles.

    Args:
        triangles: (…, n) int32 triangle of each point.
        barycentric: (…, n, 3) float32, adding up to 1.
    """

    triangles: np.ndarray
    barycentric: np.ndarray

    def __post_init__(self):
        shape = tuple("rn"[-np.ndim(self.triangles):])
        object.__setattr__(self, "triangles", checked("triangles", self.triangles, shape, dtype=np.int32))
        shape = (*self.triangles.shape, 3)
        object.__setattr__(self, "barycentric", checked("barycentric", self.barycentric, shape))

    def points(self, vertices, triangles, row=None):
        """(t, n, 3) points on a mesh.

        Args:
            vertices: (t, v, 3) float.
            triangles: (f, 3) int of the mesh.
            row: (t,) int, the row for each frame where the embedding has rows.
        """
        index, share = self.triangles, self.barycentric
        if index.ndim == 2:
            index, share = index[row], share[row]
            corners = np.take_along_axis(vertices[:, :, None], triangles[index].reshape(len(index), -1, 1, 1), 1)
            return np.einsum("tnkc,tnk->tnc", corners.reshape(*index.shape, 3, 3), share)
        return np.einsum("tnkc,nk->tnc", vertices[:, triangles[index]], share)


def read_embedding(path):
    """Embeddings of a file.

    Args:
        path: landmark_embedding.npy (a pickled dict, read as data), flame_static_embedding.pkl, or an .npz.

    Returns:
        dict with any of "static" (51 or more points inside the face), "dynamic" (79 rows of 17 contour points by yaw),
        "full" (68 or 70 points) -> Embedding.

    Raises:
        InputError: missing, damaged, or without any of them.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    data = (read_npy(path, objects=True) if suffix == ".npy" else
            read_npz(path) if suffix == ".npz" else read_pickle(path))
    data = data if isinstance(data, dict) else {}
    found = {}
    for kind, pair in {**_PAIRS, **({"static": _OWN} if _OWN[0] in data else {})}.items():
        if all(isinstance(data.get(name), np.ndarray) for name in pair):
            index, share = (data[name] for name in pair)
            if kind == "full" and index.ndim == 2:
                index, share = index[0], share[0]
            found[kind] = Embedding(index, share)
    if not found:
        raise InputError(path, expected="an embedding of landmarks", got=", ".join(map(str, data))[:80] or "nothing",
                         remedy="see docs/faces/flame.md")
    return found


def contour_row(yaw_rad, rows=79):
    """(t,) int row of the dynamic contour for the head's yaw.

    Args:
        yaw_rad: (t,) float, angle of the neck and head about +y; above 0 the subject turns to their left.
        rows: 79, of which 0..39 are turns by 0..39 degrees to the right and 40..78 by 1..39 to the left.

    Source:
        Sanyal et al., RingNet, CVPR 2019: the row is the negated yaw in whole degrees, held at 39; below 0 it is 39
        less that.
    """
    most = rows // 2
    degrees = np.clip(np.rint(-np.asarray(yaw_rad) / _YAW_STEP_RAD), -most, most).astype(np.int64)
    return np.where(degrees < 0, most - degrees, degrees)


def read_regions(path):
    """Regions of the head: name -> (n,) int32 vertices, of FLAME_masks.pkl.

    Raises:
        InputError: missing, damaged, or of another form.
    """
    data = read_pickle(path)
    if not isinstance(data, dict) or not all(isinstance(index, np.ndarray) and index.ndim == 1 and index.dtype.kind in
                                             "iu" for index in data.values()):
        raise InputError(path, expected="vertices by region, as in FLAME_masks.pkl", got="something else",
                         remedy="get it from flame.is.tue.mpg.de")
    return {str(name): index.astype(np.int32) for name, index in data.items()}
