"""FLAME 2020 and 2023: shape, expression, and neck, jaw and eyes that turn as bones with correctives.

Li et al., Learning a Model of Facial Shape and Expression from 4D Scans, ACM TOG 36(6), 2017. The model is its owners'
(flame.is.tue.mpg.de, after registration); it is read from their pickle without running it, or from an .npz of its
arrays. The arithmetic is checked against the paper's formulas written out in tests/faces/test_flame.py.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.faces.bundle import damaged, is_saved, read_card, unpack_surface
from personare.faces.cavity import with_cavity
from personare.faces.joints import HEAD, Joint
from personare.faces.polygons import SKIN, Polygons, checked_mesh, read_mesh_file, surface_of
from personare.faces.skin import Skin, rigid, rotation_from_vector, skinned, world_from_joints
from personare.files.arrays import read_npz
from personare.files.pickles import read_pickle
from personare.spaces import FLAME_POSES, Space, numbered
from personare.types import Face, Mesh, Surface

SHAPES, EXPRESSIONS = 300, 100     # shapedirs holds both, in this order, in the 2020 and 2023 releases
JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
WIDEST = 10.0                      # weights of shape beyond this many deviations no longer give a face
_JOINT_NAMES = {"neck": "neck", "jaw": "jaw", "left_eye": "eyeLeft", "right_eye": "eyeRight"}
_POSE_FEATURES = 9 * (len(JOINTS) - 1)
_NAMES = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "kintree_table", "weights")


@final
@dataclass(frozen=True, eq=False)
class FlameFace(Face):
    """One identity of FLAME.

    Args:
        name: such as "flame".
        space: its expression columns exp_000 …, then rotation vectors of neck, jaw and eyes, as in flame-100.
        surface: its Surface of n >= v vertices; those behind the model's own v
            double them at uv seams and line the mouth.
        rest: (n, 3) float32 metres, with shape, without expression and pose.
        expressions: (e, n, 3) float32 metres a deviation.
        correctives: (36, n, 3) float32 metres for each element of the turned joints' rotations less the identity.
        skin: Skin of the five joints.
        joint_places: (5, 3) float32 metres, at rest.
        joint_expressions: (e, 5, 3) float32 metres, how far expressions move them.
        head_weight: (n,) float32 in 0..1.
        head_pivot: (3,) float32 metres, the root joint, about which FLAME's global rotation turns.
    """

    name: str
    space: Space
    surface: Surface
    rest: np.ndarray
    expressions: np.ndarray
    correctives: np.ndarray
    skin: Skin
    joint_places: np.ndarray
    joint_expressions: np.ndarray
    head_weight: np.ndarray
    head_pivot: np.ndarray

    def __post_init__(self):
        n, e, j = len(self.surface.uv), len(self.space) - len(FLAME_POSES), len(JOINTS)
        for name, shape in (("rest", (n, 3)), ("expressions", (e, n, 3)), ("correctives", (_POSE_FEATURES, n, 3)),
                            ("joint_places", (j, 3)), ("joint_expressions", (e, j, 3)), ("head_weight", (n,)),
                            ("head_pivot", (3,))):
            object.__setattr__(self, name, checked(name, getattr(self, name), shape))

    @property
    def joints(self):
        """Its Joints for formats with bones: neck, jaw, eyeLeft, eyeRight, and the head as a whole."""
        turning = [Joint(_JOINT_NAMES[name], self.joint_places[i], self.skin.weights[:, i],
                         {f"{name}_{axis}": turn for axis, turn in zip("xyz", np.eye(3), strict=True)})
                   for i, name in enumerate(JOINTS) if name in _JOINT_NAMES]
        return (*turning, Joint(HEAD, self.head_pivot, self.head_weight))

    def neutral(self):
        """(n, 3) float32 vertices at rest, metres."""
        return self.rest

    def weights(self, motion):
        """(t, k) float32 values in the columns of this face; columns that the motion does not have are 0.

        Raises:
            InputError: the motion has a column that this face does not know.
        """
        if motion.space.columns == self.space.columns:
            return motion.values
        known = {name: k for k, name in enumerate(self.space.columns)}
        strange = [name for name in motion.space.columns if name not in known]
        if strange:
            raise InputError("motion", expected=f"columns of the space {self.space.name} of face '{self.name}'",
                             got=f"{motion.space.name} with {', '.join(strange[:3])}",
                             remedy="retarget the motion first")
        values = np.zeros((len(motion), len(self.space)), np.float32)
        values[:, [known[name] for name in motion.space.columns]] = motion.values
        return values

    def mesh(self, motion):
        """Mesh of a Motion; columns as for weights.

        Args:
            motion: Motion in flame-100, flame-50 or fewer of their columns; its head pose is FLAME's global rotation.
        """
        values = self.weights(motion)
        count = len(self.expressions)
        expression, vectors = values[:, :count], values[:, count:].reshape(len(values), -1, 3)
        turns = rotation_from_vector(vectors)
        feature = (turns - np.eye(3, dtype=np.float32)).reshape(len(values), -1)
        vertices = _blended(expression, self.expressions) + _blended(feature, self.correctives) + self.rest
        vertices = skinned(self.skin, vertices, self._moves(expression, turns))
        if motion.head_pose is not None:
            turn, offset = motion.head_pose[:, :3, :3], motion.head_pose[:, None, :3, 3]
            posed = (vertices - self.head_pivot) @ np.swapaxes(turn, 1, 2) + self.head_pivot + offset
            vertices += self.head_weight[:, None] * (posed - vertices)
        return Mesh(vertices, self.surface.triangles)

    def _moves(self, expression, turns):
        """(t, 5, 4, 4) float32 where each joint takes what stands at rest; joints follow the expression."""
        places = self.joint_places + np.tensordot(expression, self.joint_expressions, 1)
        offsets = places.copy()
        for joint, parent in enumerate(self.skin.parents):
            if parent >= 0:
                offsets[:, joint] -= places[:, parent]
        still = np.broadcast_to(np.eye(3, dtype=np.float32), (len(turns), 1, 3, 3))
        world = world_from_joints(rigid(np.concatenate([still, turns], 1), offsets), self.skin.parents)
        return world @ rigid(np.eye(3, dtype=np.float32), -places)

    def packed(self):
        """Card and arrays for save_face."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return {"kind": "flame", "columns": list(self.space.columns), "space": self.space.name}, arrays | {
            "parents": self.skin.parents, "weights": self.skin.weights}


_ARRAYS = ("rest", "expressions", "correctives", "joint_places", "joint_expressions", "head_weight", "head_pivot")


def _blended(values, shapes):
    """values @ shapes as (t, n, 3)."""
    if not values.any():
        return np.zeros((len(values), *shapes.shape[1:]), np.float32)
    return (values @ shapes.reshape(len(shapes), -1)).reshape(len(values), -1, 3)


def open_flame(path, *, shape=None, expressions=None):
    """Open a copy of FLAME.

    Args:
        path: generic_model.pkl or flame2023.pkl as its owners publish it, an .npz of its arrays, or a folder with one
            of them. An .obj of its topology beside it, such as head_template.obj, gives the surface its uv.
        shape: up to 300 weights of its shape modes in standard deviations; default the average head.
        expressions: how many expression columns the face has, 1..100; default all that the file has.

    Returns:
        FlameFace in metres.

    Raises:
        InputError: missing, damaged, hostile, or of another layout; a weight out of range.
    """
    path = _model_file(Path(path))
    if is_saved(path):
        return read_flame(path)
    data = read_npz(path, _NAMES) if path.suffix.lower() == ".npz" else read_pickle(path)
    data = _checked(path, data)
    modes = data["shapedirs"].shape[2]
    first = modes - EXPRESSIONS if modes > EXPRESSIONS else 0
    expressions = modes - first if expressions is None else expressions
    if not (isinstance(expressions, int) and 1 <= expressions <= modes - first):
        raise InputError("expressions", expected=f"1..{modes - first}", got=repr(expressions), remedy="pass 50 or 100")
    weights = np.zeros(first)
    given = np.zeros(0) if shape is None else checked("shape", shape, ("n",), dtype=np.float64)
    if len(given) > first or (len(given) and np.abs(given).max() > WIDEST):
        raise InputError("shape", expected=f"up to {first} weights in -{WIDEST:g}..{WIDEST:g}",
                         got=f"{len(given)} weights", remedy="use about -2..2")
    weights[:len(given)] = given
    moves = np.moveaxis(data["shapedirs"][:, :, first:first + expressions], 2, 0)
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large for float32 is told of as not finite
        rest = data["v_template"] + data["shapedirs"][:, :, :first] @ weights
        return _face(path, data, rest, moves)


def _face(path, data, rest, moves):
    """FlameFace of the checked arrays, an identity at rest and its expressions."""
    regressor = data["J_regressor"]
    parents = data["kintree_table"][0].astype(np.int64)
    parents[(parents < 0) | (parents >= len(JOINTS))] = -1
    joints = regressor @ rest
    mesh = _mesh(path, rest, data["f"])
    surface, source, offset = with_cavity(*surface_of(mesh, (SKIN,)), mesh.vertices)
    corrective = np.moveaxis(data["posedirs"], 2, 0)
    still = np.tile(np.eye(4, dtype=np.float32), (len(JOINTS), 1, 1))
    space = Space(f"flame-{len(moves)}", numbered("exp", len(moves)) + FLAME_POSES)
    return FlameFace(
        name="flame", space=space, surface=surface, rest=rest[source] + offset, expressions=np.take(moves, source, 1),
        correctives=np.take(corrective, source, 1), skin=Skin(parents, still, data["weights"][source]),
        joint_places=joints, joint_expressions=np.einsum("jv,evc->ejc", regressor, moves),
        head_weight=np.ones(len(source)), head_pivot=joints[0])


def _model_file(path):
    """The model's file; in a folder the first that is one by its name."""
    if not path.is_dir():
        return path
    for pattern in ("generic_model.pkl", "*flame*.pkl", "*FLAME*.pkl", "*flame*.npz", "*FLAME*.npz"):
        found = [file for file in sorted(path.glob(pattern)) if not _is_beside(file)]
        if found:
            return found[0]
    raise InputError(path, expected="generic_model.pkl or flame2023.pkl", got="no such file",
                     remedy="get it from flame.is.tue.mpg.de, after registration; research or a licence of theirs")


def _is_beside(path):
    """Whether a file's name speaks of what is published beside a model."""
    return any(word in path.name.lower() for word in ("mask", "embedding", "texture"))


def _checked(path, data):
    """The arrays of a model as numbers of the shapes that belong together."""
    if not isinstance(data, dict):
        data = {}
    numeric = {name for name, array in data.items() if isinstance(array, np.ndarray) and array.dtype.kind in "fiu"}
    missing = [name for name in _NAMES if name not in numeric]
    if missing:
        raise InputError(path, expected="the arrays of FLAME", got=f"none named {', '.join(missing[:3])}",
                         remedy="check that it is generic_model.pkl or flame2023.pkl")
    found = {name: np.asarray(data[name]) for name in _NAMES}
    v, j = found["v_template"].shape[0] if found["v_template"].ndim == 2 else 0, len(JOINTS)
    found["posedirs"] = found["posedirs"].reshape(v, 3, -1) if found["posedirs"].size == v * 3 * _POSE_FEATURES else (
        found["posedirs"])
    wanted = {"v_template": (v, 3), "shapedirs": (v, 3, "s"), "posedirs": (v, 3, _POSE_FEATURES), "J_regressor": (j, v),
              "weights": (v, j), "kintree_table": (2, j), "f": ("f", 3)}
    for name, shape in wanted.items():
        whole = name in ("f", "kintree_table")
        try:
            found[name] = checked(name, found[name], shape, dtype=np.int64 if whole else np.float64)
        except InputError as error:
            raise InputError(path, expected=f"{name} of {error.expected}", got=error.got,
                             remedy="check that it is generic_model.pkl or flame2023.pkl") from error
    checked_mesh(path, found["v_template"], found["f"])
    return found


def _mesh(path, rest, triangles):
    """Polygons of the model, with uv of an .obj of its topology that lies beside it."""
    vertices, triangles = checked_mesh(path, rest, triangles)
    for other in sorted(path.parent.glob("*head_template*.obj"))[:3]:
        mesh = read_mesh_file(other)
        if mesh.uv is not None and len(mesh.vertices) == len(vertices) and len(mesh.triangles) == len(triangles):
            return Polygons(vertices, mesh.triangles, mesh.uv, mesh.triangles_uv)
    return Polygons(vertices, triangles)


def read_flame(path):
    """The FlameFace of a file that save_face wrote.

    Raises:
        InputError: damaged.
    """
    card = read_card(path)
    try:
        data = read_npz(path, (*_ARRAYS, "parents", "weights"))
        still = np.tile(np.eye(4, dtype=np.float32), (len(JOINTS), 1, 1))
        skin = Skin(data.pop("parents"), still, data.pop("weights"))
        return FlameFace(card["name"], Space(card["space"], tuple(card["columns"])),
                         unpack_surface(path, card), skin=skin, **data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, error) from error
