"""Point caches (.pc2): the vertices of every frame, for 3ds Max, Blender, Maya and Audio2Face-3D's training.

A header of 32 bytes and then float32 x, y, z of every vertex, frame after frame. The mesh they belong to is not in it:
write it with the format rest, whose vertices stand in the same order.

Source:
    The layout as Blender's and 3ds Max's importers read it (Point Cache 2): "POINTCACHE2\\0", version 1, number of
    points, first frame, frames a sample, number of samples.
"""

import struct

import numpy as np

from personare.export.meshes import checked_face, slices
from personare.store import atomic_path

MAGIC, VERSION = b"POINTCACHE2\0", 1
HEADER = struct.Struct("<12siiffi")


def write(path, take, *, progress=None):
    """Write the vertices of a take as they are: metres, +y up, bit for bit those of the face.

    Args:
        path: where to.
        take: Take with a face.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, or a motion that is not for it.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    face, motion = checked_face(take, "pc2"), take.motion
    head = HEADER.pack(MAGIC, VERSION, len(face.neutral()), 0.0, 1.0, len(motion))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(head)
        done = 0
        for vertices in slices(take):
            file.write(np.ascontiguousarray(vertices, "<f4"))
            done += len(vertices)
            if progress:
                progress(done, len(motion))
