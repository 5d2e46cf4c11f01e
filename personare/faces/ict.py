"""ICT-FaceKit's light head: 100 identities and 57 shapes, from its own folder or archive or the fast .npz of it.

Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020; files and numbers of the parts after the
README of github.com/ICT-VGL/ICT-FaceKit (MIT). Both forms of its files give the same face: tests/faces/test_ict.py.
"""

from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.faces.bundle import is_saved, read_linear
from personare.faces.ict_looks import dressed, head_weights
from personare.faces.joints import HEAD, Joint, matrices
from personare.faces.linear import LinearFace
from personare.faces.names import arkit_shapes
from personare.faces.polygons import Polygons, read_polygons
from personare.files.archives import is_archive, read_files
from personare.files.arrays import read_npz
from personare.spaces import ARKIT_52, ICT_53, ICT_57, space_named

UNIT_M = 0.01             # its files are in centimetres
IDENTITIES = 100
WIDEST = 5.0              # identity weights, in standard deviations, beyond which no face is left
# How far gaze at weight 1 turns the left eye about x and y, degrees: as on our own head.
_GAZE_DEG = {"Up": (-25.0, 0.0), "Down": (28.0, 0.0), "In": (0.0, -30.0), "Out": (0.0, 30.0)}
NEUTRAL = "generic_neutral_mesh"
_SPACES = (ARKIT_52, ICT_53, ICT_57)
_NPZ_MESH = ("neutral", "uvs", "tris", "tris_uv", "tri_material", "material_names", "expression_names",
             "expression_deltas")


def open_ict(path, *, space="arkit-52", identity=None):
    """Open a copy of ICT-FaceKit.

    Args:
        path: its folder, a folder that holds FaceXModel, a .zip or .tar.* of either, or ict_facekit.npz.
        space: "arkit-52" (browInnerUp and cheekPuff drive both halves, tongueOut nothing), or its own names as "ict-53"
            or "ict-57".
        identity: up to 100 weights of its identity modes in standard deviations, or a dict mode -> weight; default
            the average head.

    Returns:
        LinearFace in metres. Its first 26,719 vertices are the model's own; those behind double them at uv seams.

    Raises:
        InputError: files missing, damaged, or of another topology; a weight out of range; another space.
    """
    path, space = _located(Path(path)), space_named(space)
    if is_saved(path):
        return read_linear(path)
    if space not in _SPACES:
        raise InputError("space", expected=", ".join(known.name for known in _SPACES), got=space.name,
                         remedy="convert the motion to one of those")
    weights = identity_weights(identity)
    fast = path.suffix.lower() == ".npz"
    mesh, shapes, moves = (_from_npz if fast else _from_files)(path, weights)
    shapes = _columns(path, shapes, space)
    surface, source = dressed(mesh, path)
    rest, shapes = (mesh.vertices + moves) * np.float32(UNIT_M), shapes * np.float32(UNIT_M)
    weight, pivot = head_weights(rest)
    eyes = _gaze(mesh, rest, shapes, space)
    joints = tuple(Joint(name, center, ball[source].astype(np.float32), turns) for name, center, ball, turns in eyes)
    return LinearFace(name="ict", space=space, surface=surface, rest=rest[source], shapes=np.take(shapes, source, 1),
                      head_weight=weight[source], head_pivot=pivot,
                      joints=(*joints, Joint(HEAD, pivot, weight[source])))


def _located(path):
    """The model itself where a folder holds it as one archive or .npz, as after a download."""
    if path.is_dir() and not any(True for up in ("", "*/") for _ in path.glob(f"{up}{NEUTRAL}.obj")):
        packed = [file for file in sorted(path.iterdir()) if is_archive(file) or file.suffix.lower() == ".npz"]
        return min(packed, key=lambda file: file.suffix.lower() != ".npz", default=path)
    return path


def identity_weights(identity):
    """(100,) float64 of a list of weights, a dict mode -> weight, or None.

    Raises:
        InputError: no such mode, or a weight that is no number in -5..5.
    """
    weights = np.zeros(IDENTITIES)
    pairs = identity.items() if isinstance(identity, dict) else enumerate(() if identity is None else identity)
    for mode, weight in pairs:
        real = isinstance(weight, int | float | np.integer | np.floating)
        if not (isinstance(mode, int | np.integer) and 0 <= mode < IDENTITIES and real and abs(weight) <= WIDEST):
            raise InputError(f"identity {mode}", expected=f"modes 0..{IDENTITIES - 1} with weights in "
                             f"-{WIDEST:g}..{WIDEST:g}", got=repr(weight), remedy="use about -2..2")
        weights[mode] = weight
    return weights


def _columns(path, shapes, space):
    """(k, v, 3) shapes in the order of a space, of a dict of them by ICT's names."""
    missing = [name for name in ICT_53.columns if name not in shapes]
    if missing:
        raise InputError(path, expected="the 53 shapes of ICT-FaceKit", got=f"none named {', '.join(missing[:3])}",
                         remedy="download it again from github.com/ICT-VGL/ICT-FaceKit")
    if space == ARKIT_52:
        # cheekRaiser is no shape of ARKit, although its name reads like cheekSquint.
        return arkit_shapes({name: shapes[name] for name in ICT_53.columns})
    if len(space) > len(ICT_53) and not set(space.columns) <= set(shapes):
        raise InputError(path, expected="the 57 shapes of its folder", got=f"{len(shapes)}",
                         remedy="use space='ict-53'")
    return np.stack([shapes[name] for name in space.columns])


def _gaze(mesh, rest, shapes, space):
    """Turn the eyeballs in the gaze shapes, in place: the model's own move the lids alone.

    Returns:
        For each eye its joint's name, centre, vertices as (v,) bool, and turns by column.
    """
    eyes = []
    for side, sign in (("Left", 1), ("Right", -1)):
        parts = [mesh.materials.index(f"M_{part}{side}") for part in ("Sclera", "Iris")]
        ball = np.zeros(len(rest), bool)
        ball[mesh.triangles[np.isin(mesh.triangle_material, parts)]] = True
        center = (rest[ball].min(0) + rest[ball].max(0)) / 2
        suffix = side if space == ARKIT_52 else f"_{side[0]}"
        turns = {f"eyeLook{way}{suffix}": np.radians([x, sign * y, 0.0]) for way, (x, y) in _GAZE_DEG.items()}
        for column, turn in turns.items():
            shapes[space.index(column), ball] = (rest[ball] - center) @ (matrices(turn[None])[0].T - np.eye(3))
        eyes.append((f"eye{side}", center, ball, turns))
    return eyes


def _from_npz(path, weights):
    """Mesh, shapes by name and identity moves of the fast file; identities are read only where they are used."""
    used = np.flatnonzero(weights)
    data = read_npz(path, _NPZ_MESH + (("identity_deltas",) if len(used) else ()))
    try:
        mesh = Polygons(data["neutral"], data["tris"], data["uvs"], data["tris_uv"], None, data["tri_material"],
                        tuple(str(name) for name in data["material_names"]))
        shapes = dict(zip((str(name) for name in data["expression_names"]), data["expression_deltas"], strict=True))
        moves = np.tensordot(weights[used], data["identity_deltas"][used].astype(np.float64), 1) if len(used) else (
            np.zeros_like(mesh.vertices))
        _same_topology(path, mesh, *shapes.values(), moves)
    except (ValueError, IndexError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="the arrays of ICT-FaceKit", got=f"others ({error})"[:160],
                         remedy="convert it again from its folder") from error
    return mesh, shapes, moves.astype(np.float32)


def _from_files(path, weights):
    """The same of OBJ files in a folder or archive; those of unused identities are not read."""
    names = {NEUTRAL, *ICT_57.columns, *(f"identity{mode:03d}" for mode in np.flatnonzero(weights))}
    meshes, neutral = {}, None
    wanted = lambda name: name.suffix.lower() == ".obj" and name.stem in names  # noqa: E731
    for name, data in read_files(path, wanted):
        if name.stem == NEUTRAL:
            neutral = read_polygons(data, name)
        else:
            meshes[name.stem] = read_polygons(data, name, vertices_only=True)
    if neutral is None:
        raise InputError(path, expected=f"FaceXModel/{NEUTRAL}.obj", got="no such file",
                         remedy="name the folder or archive from github.com/ICT-VGL/ICT-FaceKit")
    _same_topology(path, neutral, *meshes.values())
    moves = np.zeros_like(neutral.vertices)
    for mode in np.flatnonzero(weights):
        if f"identity{mode:03d}" not in meshes:
            raise InputError(path, expected=f"identity{mode:03d}.obj", got="no such file",
                             remedy="use identities that this copy has")
        moves += np.float32(weights[mode]) * (meshes[f"identity{mode:03d}"] - neutral.vertices)
    return neutral, {name: meshes[name] - neutral.vertices for name in ICT_57.columns if name in meshes}, moves


def _same_topology(path, mesh, *others):
    for other in others:
        if other.shape != mesh.vertices.shape:
            raise InputError(path, expected=f"{len(mesh.vertices)} vertices in every shape", got=f"{len(other)}",
                             remedy="download it again")
        if not np.isfinite(other).all():
            raise InputError(path, expected="finite vertices", got="NaN or infinity", remedy="download it again")
