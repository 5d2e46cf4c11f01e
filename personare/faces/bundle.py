"""One .npz file a face, written by save_face and opened in milliseconds; other .npz files by what they hold."""

import json
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np

from personare.errors import AssetError, InputError
from personare.faces.joints import Joint
from personare.faces.linear import Corrective, LinearFace
from personare.files.arrays import npz_names, read_npz
from personare.spaces import SPACES, Space
from personare.store import atomic_path
from personare.types import Material, Surface

LAYOUT = 1
_CARD = "personare_face"           # JSON, present in every file that save_face wrote
_SURFACE = ("triangles", "uv", "color", "occlusion", "triangle_material", "weld")

# What an array's name tells of a file's origin -> the module that opens it.
_ORIGINS = (
    ({"expression_deltas", "identity_deltas"}, "personare.faces.ict:open_ict"),
    ({"shapedirs", "posedirs", "v_template"}, "personare.faces.flame:open_flame"),
    ({"shapes", "names"}, "personare.faces.shapes:open_shapes"),
)
# Kind of face on a card -> "module:function" that makes it of the file's path.
_KINDS = {"linear": "personare.faces.bundle:read_linear", "person": "personare.faces.person:read_person",
          "vertices": "personare.faces.template:read_vertices",
          "flame": "personare.faces.flame:read_flame", "bfm": "personare.faces.bfm:open_bfm",
          "nphm": "personare.faces.nphm:read_nphm"}


def open_npz(path):
    """The Face of an .npz file: one of save_face, of ICT-FaceKit, FLAME, or rest + shapes + names.

    Raises:
        InputError: missing, damaged, or of none of these.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(path.glob("*.npz"))
        if len(files) != 1:
            raise InputError(path, expected="one .npz file in it", got=f"{len(files)}", remedy="name the file itself")
        path = files[0]
    inside = npz_names(path)
    if _CARD in inside:
        target = _KINDS.get(read_card(path).get("kind"), "")
    else:
        target = next((target for names, target in _ORIGINS if names <= inside), "")
    if not target:
        read_npz(path, [])
        raise InputError(path, expected="a face: arrays rest, shapes, names, triangles, or a file of save_face",
                         got=", ".join(sorted(inside))[:120] or "no arrays", remedy="see docs/faces/npz.md")
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)(path)


def save_face(face, path):
    """Write a face to one .npz file that open_face reads back in milliseconds.

    Args:
        face: LinearFace, or another Face with a method `packed` that returns its card and arrays.
        path: where to; an existing file is replaced once the new one is complete.

    Returns:
        The path as a Path.

    Raises:
        InputError: the face is of a kind that is no table of arrays, such as a rig, which is a file already.
        OutputError: the file could not be written.
    """
    if isinstance(face, LinearFace):
        card, arrays = pack_linear(face)
    elif hasattr(face, "packed"):
        card, arrays = face.packed()
    else:
        raise InputError("face", expected="a face made of shapes", got=type(face).__name__,
                         remedy="use its own file where a face is named")
    card, arrays = pack_surface(face.surface, card | {"name": face.name}, arrays)
    return write_arrays(path, card, arrays)


def write_arrays(path, card, arrays):
    """Write arrays with a card, uncompressed so that each can be read in one go; returns the path."""
    path = Path(path)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **card_arrays(card, arrays))
    return path


def card_arrays(card, arrays):
    """name -> array of a face's file: its arrays and its card."""
    return {_CARD: np.array(json.dumps({"layout": LAYOUT} | card))} | arrays


def is_saved(path):
    """Whether a path is a file that save_face wrote."""
    return Path(path).suffix.lower() == ".npz" and _CARD in npz_names(path)


def read_card(path):
    """The card of a file that save_face wrote, a dict.

    Raises:
        InputError: damaged. AssetError: written by a newer personare.
    """
    try:
        card = json.loads(str(read_npz(path, [_CARD])[_CARD][()]))
        layout = int(card["layout"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, error) from error
    if layout > LAYOUT:
        raise AssetError(f"{path}: layout {layout} is above {LAYOUT}; update personare")
    return card


def damaged(path, error):
    """The InputError of a face file whose parts do not fit together."""
    told = " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return InputError(path, expected="a face that personare wrote", got=f"parts that do not fit ({told})",
                      remedy="convert it again")


def pack_surface(surface, card, arrays):
    """Card and arrays with those of a Surface added."""
    materials, textures = [], {}
    for i, material in enumerate(surface.materials):
        told = {field.name: getattr(material, field.name) for field in fields(material)}
        texture = told["texture"]
        if texture is not None:
            textures[f"texture_{i}"] = texture() if callable(texture) else texture
        materials.append(told | {"color": list(map(float, material.color)), "texture": texture is not None})
    return card | {"materials": materials}, {name: getattr(surface, name) for name in _SURFACE} | textures | arrays


def unpack_surface(path, card):
    """The Surface of a file."""
    materials = []
    for i, told in enumerate(card["materials"]):
        told = dict(told)
        texture = read_npz(path, [f"texture_{i}"])[f"texture_{i}"] if told.pop("texture") else None
        materials.append(Material(**told | {"color": tuple(told["color"]), "texture": texture}))
    return Surface(materials=tuple(materials), **read_npz(path, _SURFACE))


def pack_space(space):
    """What a card says of a space: its name, and its columns where nobody else knows them."""
    known = SPACES.get(space.name)
    return {"space": space.name} if known == space else {"space": space.name, "columns": list(space.columns)}


def unpack_space(card):
    """The Space of a card."""
    return Space(card["space"], tuple(card["columns"])) if "columns" in card else SPACES[card["space"]]


def pack_linear(face):
    """Card and arrays of a LinearFace, without its surface."""
    card = {"kind": "linear", **pack_space(face.space),
            "correctives": [list(corrective.columns) for corrective in face.correctives],
            "joints": [{"name": joint.name, "turns": {name: list(turn) for name, turn in joint.turns.items()}}
                       for joint in face.joints]}
    arrays = {name: getattr(face, name) for name in ("rest", "shapes", "head_weight", "head_pivot")}
    for i, corrective in enumerate(face.correctives):
        arrays |= {f"corrective_{i}_vertices": corrective.vertices, f"corrective_{i}_moves": corrective.moves}
    for i, joint in enumerate(face.joints):
        arrays |= {f"joint_{i}_pivot": joint.pivot, f"joint_{i}_weight": joint.weight}
    return card, arrays


def read_linear(path):
    """The LinearFace of a file that save_face wrote.

    Raises:
        InputError: damaged.
    """
    card = read_card(path)
    try:
        data = read_npz(path, ["rest", "shapes", "head_weight", "head_pivot"])
        return LinearFace(name=card["name"], space=unpack_space(card), surface=unpack_surface(path, card), **data,
                          correctives=_correctives(path, card), joints=_joints(path, card))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, error) from error


def _correctives(path, card):
    parts = [read_npz(path, [f"corrective_{i}_vertices", f"corrective_{i}_moves"])
             for i in range(len(card["correctives"]))]
    return tuple(Corrective(tuple(columns), *part.values())
                 for columns, part in zip(card["correctives"], parts, strict=True))


def _joints(path, card):
    parts = [read_npz(path, [f"joint_{i}_pivot", f"joint_{i}_weight"]) for i in range(len(card["joints"]))]
    return tuple(Joint(told["name"], *part.values(), told["turns"])
                 for told, part in zip(card["joints"], parts, strict=True))
