"""What the painter goes by, frame by frame: the window, what of it is painted anew, and where each pixel of the mesh
lies in the region's atlas.
"""

from dataclasses import dataclass

import numpy as np

from personare.portraits.crops import depth_inside, to_window
from personare.portraits.region import hull
from personare.rendering.uvmap_ref import map_uv_ref

# Of an outline, the farthest points in so many directions are as good as all of them.
_ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


@dataclass(frozen=True, eq=False)
class Guide:
    """Of one frame.

    Args:
        uv: (s, s, 2) float32 in 0..1, place in the atlas; 0 where there is no mesh.
        part: (s, s) uint8, 0 no mesh, 1 skin, 2.. inside of the mouth.
        depth: (s, s) float32, how far inside of what is painted anew, in window widths.
    """

    uv: np.ndarray
    part: np.ndarray
    depth: np.ndarray


def guide(region, camera, window, motion, size):
    """The Guide of one frame.

    Args:
        region: Region.
        camera: Camera of the pictures.
        window: (2, 3) from region.windows.
        motion: Motion of one frame in the region's face's space, with its head pose.
        size: pixels of the window's side.
    """
    face = region.face
    points = camera.project(face.mesh(motion).vertices[0, region.vertices])
    points[:, :2] = (to_window(window, points[:, :2]) + 1) * (size / 2)
    number, uv = np.empty((size, size), np.int32), np.empty((size, size, 2), np.float32)
    kernel()(np.ascontiguousarray(points), region.triangles, region.corner_uv, region.two_sided, number, uv,
              np.empty((size, size)))
    part = np.where(number >= 0, region.part[number] + 1, 0).astype(np.uint8)
    return Guide(uv, part, depth_inside(hull(to_window(window, _outline(region, camera, motion))), size))


def _outline(region, camera, motion):
    """(n, 2) pixels of the outermost painted vertices, jaw closed and open, as the head is turned."""
    points, pivot = region.outline.astype(np.float64), region.face.head_pivot.astype(np.float64)
    if motion.head_pose is not None:
        pose = motion.head_pose[0].astype(np.float64)
        points = (points - pivot) @ pose[:3, :3].T + pivot + pose[:3, 3]
    seen = camera.project(points)[:, :2]
    return seen[np.unique((seen @ _DIRECTIONS).argmax(axis=0))]


def kernel():
    """map_uv, compiled, or its NumPy twin where numba cannot be imported."""
    try:
        from personare.rendering.uvmap import map_uv
    except ImportError:
        return map_uv_ref
    return map_uv
