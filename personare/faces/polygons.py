"""A mesh as files hold it, and the Surface a renderer needs: one uv a vertex, so seams split vertices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.types import Material, Surface

MOST_VERTICES = 2**20     # of one mesh; heads have 2,000 to 40,000
MOST_BYTES = 2**28        # of one mesh file
SKIN = Material("skin", (0.66, 0.42, 0.33), roughness=0.5, specular=0.028, scatter=0.5)


@dataclass(frozen=True, eq=False)
class Polygons:
    """What an OBJ or PLY file says.

    Args:
        vertices: (v, 3) float32, in the file's unit.
        triangles: (f, 3) int32; polygons are cut into fans.
        uv: (n, 2) float32, or None.
        triangles_uv: (f, 3) int32 into uv, -1 for a corner without; or None.
        color: (v, 3) float32 sRGB in 0..1, or None.
        triangle_material: (f,) int32 index into materials.
        materials: names, at least one.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None = None
    triangles_uv: np.ndarray | None = None
    color: np.ndarray | None = None
    triangle_material: np.ndarray | None = None
    materials: tuple[str, ...] = ("skin",)


def read_polygons(data, name, *, vertices_only=False):
    """Polygons of a file's bytes by the suffix of its name.

    Args:
        data: bytes of a .obj or .ply file.
        name: the file's name, also for errors.
        vertices_only: read (v, 3) float32 vertices alone, which is much faster.

    Raises:
        InputError: damaged, empty, not finite, or larger than a head can be.
    """
    if str(name).lower().endswith(".ply"):
        from personare.faces.ply import read_ply

        mesh = read_ply(data, name)
        return mesh.vertices if vertices_only else mesh
    from personare.faces.obj import read_obj, read_obj_vertices

    return read_obj_vertices(data, name) if vertices_only else read_obj(data, name)


def read_mesh_file(path):
    """Polygons of a .obj or .ply file.

    Raises:
        InputError: missing, damaged, or larger than a head can be.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(path, expected=f"a mesh of at most {MOST_BYTES >> 20} MB",
                             got=f"{path.stat().st_size >> 20} MB", remedy="simplify it first")
        return read_polygons(path.read_bytes(), path)
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a mesh file", got=error.strerror or str(error),
                         remedy="check the path") from error


def damaged(source, what):
    """The InputError of a broken mesh file."""
    return InputError(source, expected="a mesh of finite numbers and whole faces", got=str(what)[:160],
                      remedy="export it again")


def checked_mesh(source, vertices, triangles=None):
    """Vertices as (v, 3) float32 and triangles as (f, 3) int32, or the error that says what is wrong with them."""
    if not 3 <= len(vertices) <= MOST_VERTICES:
        raise damaged(source, f"{len(vertices)} vertices, where 3..{MOST_VERTICES} are read")
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = np.ascontiguousarray(vertices, np.float32)
    if not np.isfinite(vertices).all():
        raise damaged(source, f"{int((~np.isfinite(vertices)).any(1).sum())} vertices that are no finite numbers")
    if triangles is None:
        return vertices, None
    triangles = np.asarray(triangles).reshape(-1, 3)
    if not len(triangles):
        raise damaged(source, "no faces")
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise damaged(source, f"faces that name vertices {triangles.min()}..{triangles.max()} of {len(vertices)}")
    return vertices, np.ascontiguousarray(triangles, np.int32)


def fans(corners, counts):
    """Polygons cut into fans of triangles.

    Args:
        corners: (n, ...) of all polygons in a row.
        counts: (p,) int corners of each polygon; those of fewer than 3 give nothing.

    Returns:
        (f, 3, ...) and (f,) int64, the polygon each triangle comes from, in order.
    """
    counts = np.asarray(counts)
    starts = np.cumsum(counts) - counts
    parts, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for count in np.unique(counts[counts >= 3]):
        of_size = np.flatnonzero(counts == count)
        fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], 1)
        parts.append((starts[of_size, None, None] + fan).reshape(-1, 3))
        owners.append(np.repeat(of_size, count - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.asarray(corners)[np.concatenate(parts)[order]], owner[order]


def surface_of(mesh, materials=None):
    """The Surface of a mesh, its vertices doubled where uv has a seam.

    Args:
        mesh: Polygons.
        materials: Material for each of mesh.materials; default skin for all.

    Returns:
        Surface and (n,) int64, the mesh vertex that each of its n vertices stands at.
    """
    triangles, used_uv = mesh.triangles, np.zeros((len(mesh.vertices), 2), np.float32)
    source = np.arange(len(mesh.vertices))
    if mesh.uv is not None and mesh.triangles_uv is not None:
        pairs = triangles.astype(np.int64) * (len(mesh.uv) + 1) + mesh.triangles_uv + 1
        first = np.full(len(source), -1, np.int64)
        unique, inverse = np.unique(pairs, return_inverse=True)
        vertex, corner = unique // (len(mesh.uv) + 1), unique % (len(mesh.uv) + 1) - 1
        # The first uv of each vertex keeps the vertex's own number; further ones follow behind.
        leads = np.unique(vertex, return_index=True)[1]
        place = np.empty(len(unique), np.int64)
        first[vertex[leads]] = leads
        place[leads] = vertex[leads]
        further = np.setdiff1d(np.arange(len(unique)), leads)
        place[further] = len(source) + np.arange(len(further))
        triangles = place[inverse].reshape(-1, 3)
        source = np.concatenate([source, vertex[further]])
        used_uv = np.zeros((len(source), 2), np.float32)
        has = corner >= 0
        used_uv[place[has]] = mesh.uv[corner[has]]
    n = len(source)
    material = mesh.triangle_material if mesh.triangle_material is not None else np.zeros(len(triangles), np.int32)
    color = np.ones((n, 3), np.float32) if mesh.color is None else linear_light(mesh.color)[source]
    return Surface(triangles=triangles, uv=used_uv, color=color, occlusion=np.ones(n, np.float32),
                   materials=tuple(materials or (SKIN,) * len(mesh.materials)), triangle_material=material,
                   weld=source), source


def linear_light(color):
    """Linear RGB of sRGB in 0..1 (IEC 61966-2-1)."""
    color = np.clip(np.asarray(color, np.float32), 0, 1)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4).astype(np.float32)


def unit_of(vertices):
    """Metres of one unit of a head's coordinates, a power of ten that makes it 0.1 to 1 m high."""
    height = float(np.ptp(vertices[:, 1])) if len(vertices) else 0.0
    return 10.0 ** -np.floor(np.log10(height) + 1) if height > 0 else 1.0
