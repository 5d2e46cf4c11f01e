"""Wavefront OBJ: the face at rest as one file, or a folder with a file for every frame.

Source:
    Wavefront Technologies, Object Files (.obj), appendix B1 of the Advanced Visualizer manual; faces are
    v/vt with indices from 1.
"""

import re

import numpy as np

from personare.export.folders import atomic_folder
from personare.export.meshes import checked_face, frames, srgb
from personare.store import atomic_path

_OURS = re.compile(r"(frame_\d+|rest)\.obj|rest\.mtl")


def is_ours(name):
    """Whether a sequence has files of that path."""
    return bool(_OURS.fullmatch(str(name)))


def write(path, take, *, progress=None):
    """Write a folder: rest.obj, rest.mtl, and frame_000000.obj on, all with the same vertices in the same order.

    Args:
        path: of the folder.
        take: Take with a face.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, or a motion that is not for it.
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    face = checked_face(take, "obj")
    topology = topology_text(face.surface)
    with atomic_folder(path, is_ours=is_ours) as folder:
        (folder / "rest.mtl").write_text(material_text(face.surface), encoding="utf8")
        (folder / "rest.obj").write_bytes(vertex_text(face.neutral()) + topology)
        for number, vertices in frames(take):
            (folder / f"frame_{number:06d}.obj").write_bytes(vertex_text(vertices) + topology)
            if progress:
                progress(number + 1, len(take.motion))


def write_rest(path, take, *, progress=None):
    """Write the face at rest, to put a point cache or another vertex animation on.

    Args:
        path: where to.
        take: Take with a face.
        progress: called with (frames done, frames in total) once at the end.

    Raises:
        InputError: no face.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    face = checked_face(take, "rest")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(vertex_text(face.neutral()) + topology_text(face.surface, materials=False))
        if progress:
            progress(len(take.motion), len(take.motion))


def vertex_text(vertices):
    """Bytes of the v lines of (v, 3) vertices: metres with nine digits, enough for every bit of float32."""
    return ("v %.9g %.9g %.9g\n" * len(vertices) % tuple(vertices.ravel().tolist())).encode()


def topology_text(surface, *, materials=True):
    """Bytes of the texture coordinates and faces, grouped by material."""
    parts = ["mtllib rest.mtl\n"] if materials else []
    parts.append("vt %.6f %.6f\n" * len(surface.uv) % tuple(surface.uv.ravel().tolist()))
    for number in np.unique(surface.triangle_material):
        triangles = surface.triangles[surface.triangle_material == number] + 1
        parts.append(f"g {_word(surface.materials[number].name)}\n")
        if materials:
            parts.append(f"usemtl {_word(surface.materials[number].name)}\n")
        parts.append("f %d/%d %d/%d %d/%d\n" * len(triangles) % tuple(triangles.repeat(2, axis=1).ravel().tolist()))
    return "".join(parts).encode()


def material_text(surface):
    """Text of the material library: colours in sRGB, as viewers take them."""
    return "".join(f"newmtl {_word(material.name)}\nKd {' '.join(f'{c:.4f}' for c in srgb(np.array(material.color)))}\n"
                   f"illum 2\n" for material in surface.materials)


def _word(name):
    """A name without blanks, which end a name in these files."""
    return "_".join(name.split()) or "unnamed"
