"""PLY: a folder with a binary file for every frame, vertices with colours, as scanners, MeshLab and FaceTalk have them.

Source:
    G. Turk, The PLY Polygon File Format (1994); binary_little_endian 1.0.
"""

import re

import numpy as np

from personare.export.folders import atomic_folder
from personare.export.meshes import checked_face, frames, vertex_colors

_OURS = re.compile(r"(frame_\d+|rest)\.ply")
_VERTEX = np.dtype([("place", "<f4", 3), ("color", "u1", 3)])
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def is_ours(name):
    """Whether a sequence has files of that path."""
    return bool(_OURS.fullmatch(str(name)))


def write(path, take, *, progress=None):
    """Write a folder: rest.ply, and frame_000000.ply on, all with the same vertices in the same order.

    Args:
        path: of the folder.
        take: Take with a face.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, or a motion that is not for it.
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    face = checked_face(take, "ply")
    encode = mesh_encoder(face.surface)
    with atomic_folder(path, is_ours=is_ours) as folder:
        (folder / "rest.ply").write_bytes(encode(face.neutral()))
        for number, vertices in frames(take):
            (folder / f"frame_{number:06d}.ply").write_bytes(encode(vertices))
            if progress:
                progress(number + 1, len(take.motion))


def mesh_encoder(surface):
    """A function from (v, 3) vertices in metres to the bytes of a file with this surface's colours and triangles."""
    rows = np.zeros(len(surface.uv), _VERTEX)
    rows["color"] = np.round(vertex_colors(surface) * 255)
    corners = np.zeros(len(surface.triangles), _FACE)
    corners["count"], corners["corners"] = 3, surface.triangles
    head = ("ply\nformat binary_little_endian 1.0\ncomment metres, +y up, +z out of the face\n"
            f"element vertex {len(rows)}\nproperty float x\nproperty float y\nproperty float z\n"
            "property uchar red\nproperty uchar green\nproperty uchar blue\n"
            f"element face {len(corners)}\nproperty list uchar int vertex_indices\nend_header\n").encode()
    tail = corners.tobytes()

    def encode(vertices):
        rows["place"] = vertices
        return head + rows.tobytes() + tail

    return encode
