"""The Basel model's mesh laid on a person: where renderers that know its textures find them on any fitted face.

The person is fitted, drawn and moved as the face of the photo, mouth and lids included; the other mesh only says what
texture coordinates a place on the skin has. It is laid on the head at rest by landmarks and closest points
(faces/registration.py) and from there on goes wherever the skin goes.
"""

import numpy as np

from personare.errors import InputError
from personare.portraits.parts import kinds_of
from personare.portraits.surfaces import FaceSurface, surface_of
from personare.spaces import BFM_64

# A picture that these renderers draw shows so much around the middle of the Basel model, metres: 224 pixels at 10 dm
# before a lens of 1015.
_HALF_M = 0.1 * 10 * 224 / 1015 / 2
# A place farther from the skin than this is none of the person's, metres.
_FAR_M = 0.012


def laid_on(face, layout, anchors):
    """FaceSurface of a face with the triangles and texture coordinates of a Basel face.

    Args:
        face: Face at rest, the one that photos are fitted with.
        layout: LinearFace of the Basel model in the space bfm-64, see faces.bfm.open_bfm.
        anchors: ((n, 3), (n, 3)) the same landmarks on layout and face, metres.

    Returns:
        FaceSurface.

    Raises:
        InputError: layout is another face, or one without texture coordinates. MissingExtra: scipy is missing.
    """
    from personare.faces.registration import normals_of, register

    known = layout.surface.uv.any()
    if layout.space is not BFM_64 or not known:
        raise InputError("face", expected="the Basel model with texture coordinates",
                         got=f"'{layout.name}' in {layout.space.name}, {'with' if known else 'without'} them",
                         remedy="name your bfm.npz; put style_avatar's uv.npy or uv.npz beside it")
    skin = layout.surface.triangles[layout.surface.triangle_material == 0]
    kept = face.surface.triangles[kinds_of(face.surface, face.neutral()) < 2]
    warped = register((layout.neutral(), skin), (face.neutral(), kept), *anchors).warped
    met, corners, weights = _places(warped, normals_of(warped, skin), face.neutral().astype(np.float64), kept)
    triangles = skin[met[skin].all(axis=1)]
    own = surface_of(face)
    speaking = np.zeros(len(face.neutral()), bool)
    speaking[own.triangles[own.speaks]] = True
    rest = layout.neutral()[np.unique(triangles)]
    low, high = rest.min(axis=0), rest.max(axis=0)
    half = (high - low)[:2].max() / 2
    return FaceSurface(
        face, np.ascontiguousarray(triangles.astype(np.int32)),
        np.ascontiguousarray(layout.surface.uv[triangles], np.float32),
        speaking[corners[:, 0]][triangles].any(axis=1), carried=(corners, weights.astype(np.float32)),
        around=float(_HALF_M / half), aside=tuple((-(low + high)[:2] / 2 / half * (1, -1)).tolist()))


def _places(points, normals, vertices, triangles):
    """(n,) bool near enough, (n, 3) int32 corners and (n, 3) weights of the places on a mesh nearest to points.

    Where nothing there looks the same way, as in the corners of the eyes, it is the nearest vertex.
    """
    from scipy.spatial import cKDTree

    from personare.faces.registration import closest_points

    triangle, weights, gap = closest_points(points, normals, vertices, triangles)
    corners = triangles[triangle].astype(np.int32)
    alone, used = triangle < 0, np.unique(triangles)
    gap[alone], nearest = cKDTree(vertices[used]).query(points[alone])
    corners[alone], weights[alone] = used[nearest][:, None], (1, 0, 0)
    return gap < _FAR_M, corners, weights


def background(number):
    """(h, w) bool: pixels without a triangle that reach the edge of a picture; an open mouth does not.

    Args:
        number: (h, w) int, -1 for none.
    """
    from scipy.ndimage import label

    part, count = label(number < 0)
    rim = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    reached = np.zeros(count + 1, bool)
    reached[rim] = True
    reached[0] = False
    return reached[part]
