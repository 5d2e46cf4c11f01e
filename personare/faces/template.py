"""A mesh alone, for methods that predict vertices: BIWI, VOCASET, multiface, and whatever else they were trained on.

Its motion has three columns a vertex, x, y and z of the way from rest in metres, so that it is a Motion like any other:
it is sliced, resampled, saved and drawn by the same code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.faces.bundle import damaged, read_card, unpack_surface
from personare.faces.cavity import with_cavity
from personare.faces.polygons import read_mesh_file, surface_of, unit_of
from personare.faces.shapes import rigid_head
from personare.files.arrays import read_npz
from personare.spaces import Space
from personare.types import Face, Mesh, Motion, Surface


@final
@dataclass(frozen=True, eq=False)
class VertexFace(Face):
    """A face whose motion says where every vertex of a template goes.

    Args:
        name: such as "BIWI".
        space: offset_space(v).
        surface: its Surface of n >= v vertices; those behind the template's own double them
            at uv seams and line the mouth.
        template: (v, 3) float32 metres.
        source: (n,) int32, template vertex of each vertex of the surface.
        offset: (n, 3) float32 metres from there; not 0 only behind the lips.
        head_weight: (n,) float32 in 0..1.
        head_pivot: (3,) float32 metres.
        unit_m: metres of one unit of the file the template came from.
    """

    name: str
    space: Space
    surface: Surface
    template: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    head_weight: np.ndarray
    head_pivot: np.ndarray
    unit_m: float = 1.0

    def __post_init__(self):
        n, v = len(self.surface.uv), len(self.space) // 3
        for name, shape, dtype in (("template", (v, 3), np.float32), ("source", (n,), np.int32),
                                   ("offset", (n, 3), np.float32),
                                   ("head_weight", (n,), np.float32), ("head_pivot", (3,), np.float32)):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape, dtype=dtype))
        if len(self.source) and not 0 <= self.source.min() <= self.source.max() < v:
            raise InputError("source", expected=f"indices in 0..{v - 1}", got=str(self.source.max()),
                             remedy="check the source of the mesh")

    def neutral(self):
        """(n, 3) float32 vertices at rest, metres."""
        return self.template[self.source] + self.offset

    def mesh(self, motion):
        """Mesh of a Motion in this face's space.

        Raises:
            InputError: the motion is in another space.
        """
        if motion.space is not self.space and motion.space.columns != self.space.columns:
            raise InputError("motion", expected=f"the space {self.space.name} of face '{self.name}'",
                             got=motion.space.name, remedy="retarget the motion first")
        vertices = (self.template + motion.values.reshape(len(motion), -1, 3))[:, self.source] + self.offset
        if motion.head_pose is not None:
            turn, offset = motion.head_pose[:, :3, :3], motion.head_pose[:, None, :3, 3]
            posed = (vertices - self.head_pivot) @ np.swapaxes(turn, 1, 2) + self.head_pivot + offset
            vertices = vertices + self.head_weight[:, None] * (posed - vertices)
        return Mesh(vertices, self.surface.triangles)

    def motion(self, vertices, fps):
        """Motion of predicted vertices.

        Args:
            vertices: (t, v, 3) float in the unit of the template's file.
            fps: frames a second.
        """
        vertices = checked("vertices", vertices, ("t", len(self.template), 3))
        moves = vertices * np.float32(self.unit_m) - self.template
        return Motion(moves.reshape(len(moves), -1), fps, self.space)

    def packed(self):
        """Card and arrays for save_face."""
        return {"kind": "vertices", "unit_m": self.unit_m}, {
            name: getattr(self, name) for name in ("template", "source", "offset", "head_weight", "head_pivot")}


def offset_space(count):
    """The space of count vertices: columns "0.x", "0.y", "0.z", "1.x", … in metres."""
    return Space(f"offsets-{count}", tuple(f"{i}.{axis}" for i in range(count) for axis in "xyz"))


def open_template(path, *, unit_m=None):
    """Open a .obj or .ply mesh as a face that vertices move.

    Args:
        path: the file.
        unit_m: metres of one of its units; default the power of ten that makes the mesh 0.1 to 1 m high.

    Raises:
        InputError: missing, damaged, or larger than a head can be.
    """
    path = Path(path)
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in (".obj", ".ply")]
        if len(files) != 1:
            raise InputError(path, expected="one .obj or .ply file in it", got=f"{len(files)}",
                             remedy="name the mesh itself, or call the one at rest neutral")
        path = files[0]
    mesh = read_mesh_file(path)
    unit = float(unit_of(mesh.vertices) if unit_m is None else unit_m)
    surface, source, offset = with_cavity(*surface_of(mesh), mesh.vertices)
    template = mesh.vertices * np.float32(unit)
    weight, pivot = rigid_head(template[source])
    return VertexFace(path.stem, offset_space(len(template)), surface, template, source, offset * np.float32(unit),
                      weight, pivot, unit)


def read_vertices(path):
    """The VertexFace of a file that save_face wrote.

    Raises:
        InputError: damaged.
    """
    card = read_card(path)
    try:
        data = read_npz(path, ["template", "source", "offset", "head_weight", "head_pivot"])
        return VertexFace(card["name"], offset_space(len(data["template"])), unpack_surface(path, card), **data,
                          unit_m=float(card["unit_m"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, error) from error
