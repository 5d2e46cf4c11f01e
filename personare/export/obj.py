"""Wavefront OBJ: the face at rest as one file, or a folder with a file for every frame.

Source:
    Wavefront Technologies, Object Files (.obj), appendix B1 of the Advanced Visualizer manual; faces are
    v/vt with indices from 1.
"""

import re

import numpy as np

from personare.export.folders import atomic_folder
from personare.export.meshes import checked_face, frames, srgb
from personare.export.textures import texture_files
from personare.store import atomic_path

_OURS = re.compile(r"(frame_\d+|rest)\.obj|rest\.mtl|rest_\d+\.(png|jpg)")


def is_ours(name):
    """Whether a sequence has files of that path."""
    return bool(_OURS.fullmatch(str(name)))


def write(path, take, *, progress=None):
    """Write a folder: rest.obj, rest.mtl with its pictures, and frame_000000.obj on, all with the same vertices.

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
    files, users = texture_files(face.surface)
    names = [f"rest_{index}{suffix}" for index, (suffix, *_) in enumerate(files)]
    with atomic_folder(path, is_ours=is_ours) as folder:
        pictures = {number: (names[index], files[index][2]) for number, index in users.items()}
        (folder / "rest.mtl").write_text(material_text(face.surface, pictures), encoding="utf8")
        for name, (_, encoded, _) in zip(names, files, strict=True):
            (folder / name).write_bytes(encoded())
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


def material_text(surface, pictures):
    """Text of the material library: colours in sRGB, as viewers take them.

    Args:
        surface: Surface.
        pictures: material number -> (name of its file, whether it has holes).
    """
    parts = []
    for number, material in enumerate(surface.materials):
        color = " ".join(f"{c:.4f}" for c in srgb(np.array(material.color)))
        parts.append(f"newmtl {_word(material.name)}\nKd {color}\nillum 2\n")
        if number in pictures:
            name, holes = pictures[number]
            parts.append(f"map_Kd {name}\n" + f"map_d -imfchan m {name}\n" * holes)
    return "".join(parts)


def _word(name):
    """A name without blanks, which end a name in these files."""
    return "_".join(name.split()) or "unnamed"
