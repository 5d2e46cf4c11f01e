"""Any set of blendshapes: a folder or .zip with a neutral mesh and one OBJ or PLY a shape, or arrays in one .npz."""

from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.faces.cavity import with_cavity
from personare.faces.linear import LinearFace
from personare.faces.names import named_shapes
from personare.faces.polygons import Polygons, checked_mesh, read_polygons, surface_of, unit_of
from personare.files.archives import read_files
from personare.files.arrays import npz_names, read_npz

_NEUTRAL_NAMES = ("neutral", "rest", "basis", "base", "default", "template", "mean", "head")
_SUFFIXES = (".obj", ".ply")
_MOST_SHAPES = 1000
_WIDEST_UV = 1e6          # beyond it no texture is meant; also what is no number is beyond
_MOST_NUMBERS = 2**29     # of all shapes together, 2 GB

# Names that arrays of an .npz go by, ours first.
_ALIASES = {"rest": ("rest", "neutral", "vertices", "v_template"), "shapes": ("shapes", "deltas", "blendshapes"),
            "names": ("names", "shape_names"), "triangles": ("triangles", "faces", "tris", "f")}


def open_shapes(path, *, unit_m=None):
    """Open a neutral mesh and its shapes as a face.

    Args:
        path: a folder or .zip with OBJ or PLY files of one topology, one of them named neutral (or rest, base, …); or
            an .npz with rest (v, 3), shapes (k, v, 3) as displacements, names (k,), triangles (f, 3), maybe uv (v, 2).
        unit_m: metres of one unit of the files; default the power of ten that makes the mesh 0.1 to 1 m high.

    Returns:
        LinearFace whose space has all 52 ARKit columns where at least 8 names say so, in any style.

    Raises:
        InputError: no neutral mesh, another topology in one of the files, damaged or unreasonable ones.
    """
    path = Path(path)
    mesh, shapes = (_from_npz if path.suffix.lower() == ".npz" else _from_files)(path)
    if not 1 <= len(shapes) <= _MOST_SHAPES:
        raise InputError(path, expected=f"1 to {_MOST_SHAPES} shapes beside the neutral mesh", got=str(len(shapes)),
                         remedy="put one mesh file for each shape there, or open the mesh alone as template:PATH")
    unit = np.float32(unit_of(mesh.vertices) if unit_m is None else unit_m)
    surface, source, offset = with_cavity(*surface_of(mesh), mesh.vertices)
    space, moves = named_shapes(shapes, path.stem or "shapes")
    rest = (mesh.vertices[source] + offset) * unit
    weight, pivot = rigid_head(rest)
    return LinearFace(name=path.stem or "shapes", space=space, surface=surface, rest=rest,
                      shapes=np.take(moves, source, 1) * unit, head_weight=weight, head_pivot=pivot)


def rigid_head(rest):
    """Head weights and pivot of a mesh of which nothing is known: all of it turns, about a point low in its middle."""
    low, high = rest.min(0), rest.max(0)
    return np.ones(len(rest), np.float32), (low + (high - low) * np.float32([0.5, 0.35, 0.4])).astype(np.float32)


def _from_files(path):
    """Polygons of the neutral mesh and a dict of displacements by file name."""
    meshes, size = {}, 0
    for name, data in read_files(path, lambda name: name.suffix.lower() in _SUFFIXES):
        if name.stem in meshes:
            raise InputError(path, expected="one file for each shape", got=f"two named {name.stem}",
                             remedy="keep one of them")
        meshes[name.stem] = (name, data) if _is_neutral(name.stem) else read_polygons(data, name, vertices_only=True)
        size += len(data)
        if len(meshes) > _MOST_SHAPES or size > _MOST_NUMBERS:
            raise InputError(path, expected=f"at most {_MOST_SHAPES} shapes", got="more", remedy="check the folder")
    neutral = min((stem for stem in meshes if _is_neutral(stem)), key=_neutral_rank, default=None)
    if neutral is None:
        raise InputError(path, expected="a mesh file named neutral.obj or neutral.ply", got=", ".join(meshes)[:80] or
                         "no mesh files", remedy="name the face at rest so")
    shapes = {}
    for stem, mesh in meshes.items():
        shapes[stem] = read_polygons(mesh[1], mesh[0], vertices_only=True) if isinstance(mesh, tuple) else mesh
    mesh = read_polygons(meshes[neutral][1], meshes[neutral][0])
    return mesh, _displacements(path, mesh, {stem: v for stem, v in shapes.items() if stem != neutral})


def _is_neutral(stem):
    return _neutral_rank(stem) < len(_NEUTRAL_NAMES) * 2


def _neutral_rank(stem):
    """Small for names of a face at rest: exact ones first, then those with the word neutral in them."""
    text = stem.lower()
    if text in _NEUTRAL_NAMES:
        return _NEUTRAL_NAMES.index(text)
    return len(_NEUTRAL_NAMES) if "neutral" in text else len(_NEUTRAL_NAMES) * 2


def _displacements(path, mesh, meshes):
    for stem, vertices in meshes.items():
        if vertices.shape != mesh.vertices.shape:
            raise InputError(path, expected=f"{len(mesh.vertices)} vertices in every shape",
                             got=f"{len(vertices)} in {stem}", remedy="export all shapes from one topology")
    return {stem: vertices - mesh.vertices for stem, vertices in meshes.items()}


def _from_npz(path):
    """The same of arrays."""
    inside = npz_names(path)
    chosen = {name: next((alias for alias in aliases if alias in inside), aliases[0])
              for name, aliases in _ALIASES.items()}
    data = read_npz(path, list(chosen.values()), optional=("uv",))
    rest, moves, names, triangles = (data[chosen[name]] for name in _ALIASES)
    if rest.ndim != 2 or rest.shape[1:] != (3,) or moves.shape != (len(names), *rest.shape) or (
            triangles.ndim != 2 or triangles.shape[1] != 3):
        raise InputError(path, expected="rest (v, 3), shapes (k, v, 3), names (k,), triangles (f, 3)",
                         got=f"{rest.shape}, {moves.shape}, {names.shape}, {triangles.shape}",
                         remedy="see docs/faces/npz.md")
    if any(array.dtype.kind not in "fiu" for array in (rest, moves, triangles)) or names.dtype.kind != "U":
        raise InputError(path, expected="numbers, and names as text", got="something else",
                         remedy="see docs/faces/npz.md")
    rest, triangles = checked_mesh(path, rest, triangles)
    if len(set(names.tolist())) != len(names):
        raise InputError(path, expected="a name for each shape", got="one name twice", remedy="rename one of them")
    uv = data.get("uv")
    has_uv = (uv is not None and uv.shape == (len(rest), 2) and uv.dtype.kind in "fiu"
              and np.abs(uv).max(initial=0) < _WIDEST_UV)
    with np.errstate(over="ignore"):
        moves = moves.astype(np.float32)
    if not np.isfinite(moves).all():
        raise InputError(path, expected="finite shapes", got="NaN or infinity", remedy="export them again")
    mesh = Polygons(rest, triangles, np.float32(uv) if has_uv else None, triangles if has_uv else None)
    return mesh, {str(name): move for name, move in zip(names, moves, strict=True)}
