"""Sona, the built-in head: our own geometry (CC0), 52 ARKit and 16 tongue shapes. Made by scripts/make_sona.py."""

from dataclasses import dataclass, field
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from personare.assets import builtin_path
from personare.errors import AssetError, InputError
from personare.faces import sona_shapes
from personare.faces.linear import LinearFace
from personare.spaces import space_named, unknown_name
from personare.store import read_bundle
from personare.types import Material, Surface

SHORT, BYTE = 65535, 255  # weights, uv and tints in 0..1 are stored as integers
WIDEST = 2.0              # identity weights beyond this no longer give a face
PICTURES = ("atlas.jpg", "strands.jpg")
HAIR = ("short", "bob", "curls")

# Identity axis -> what it does at weight 1; -1 does the opposite. The first four are sums of many.
AXES = MappingProxyType({
    "age": "folds, jowls, thinner lips; 0..1.5", "youth": "a child's proportions; 0..1",
    "femininity": "a woman's proportions, -1 a man's", "heaviness": "full cheeks, chin and neck",
    "face_width": "wider face", "face_length": "longer face", "jaw_width": "wider angles of the jaw",
    "jaw_height": "lower angles of the jaw", "chin_protrusion": "chin further ahead",
    "chin_width": "wider chin", "chin_height": "longer chin", "cheek_bones": "stronger cheek bones",
    "cheek_fullness": "rounder cheeks", "brow_ridge": "stronger brow ridge", "brow_height": "higher brows",
    "brow_thickness": "wider brows", "brow_angle": "outer ends of the brows up",
    "forehead": "rounder forehead", "temples": "fuller temples", "skull_width": "wider skull",
    "skull_height": "higher skull", "skull_depth": "longer back of the head", "neck_width": "thicker neck",
    "nose_length": "longer nose", "nose_width": "wider nose", "nose_bridge": "higher bridge",
    "nose_tip": "tip turned up", "nose_projection": "nose further ahead", "lip_fullness": "fuller lips",
    "mouth_width": "wider mouth", "mouth_height": "mouth further up",
    "mouth_curve": "corners of the mouth up", "eye_size": "larger eyes",
    "eye_spacing": "eyes further apart", "eye_tilt": "outer corners up", "eye_depth": "eyes further back",
    "ear_size": "larger ears", "ear_angle": "ears stand off",
    "hair_length": "longer hair, a bob down to the shoulders; 0..1",
    "hair_volume": "fuller hair; 0..1", "hairline": "higher hairline, -1 a fringe",
})


@dataclass(frozen=True)
class Character:
    """One ready identity of the built-in head.

    Args:
        summary: one line.
        identity: axis -> weight.
        tones: any of "skin", "lips", "hair", "scalp", "brows", "iris" -> linear RGB; the rest stays as it is.
        hair: style of the hair, one of HAIR, or None for a shaven head.
    """

    summary: str
    identity: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))
    tones: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))
    hair: str | None = "short"


def _character(summary, identity, tones, *, hair="short"):
    return Character(summary, MappingProxyType(identity), MappingProxyType(tones), hair)


CHARACTERS = MappingProxyType({
    "sona": Character("a young adult with short brown hair"),
    "mara": _character("a woman of sixty with a grey bob", {
        "age": 1.0, "femininity": 0.8, "hair_volume": 0.25, "face_width": 0.2, "nose_length": 0.2,
        "cheek_fullness": 0.3, "hairline": 0.5, "mouth_curve": 0.4, "brow_angle": -0.4, "eye_tilt": -0.4,
        "nose_bridge": 0.4,
    }, {"skin": (0.66, 0.42, 0.32), "hair": (0.36, 0.35, 0.34), "scalp": (0.40, 0.36, 0.33),
        "brows": (0.16, 0.13, 0.11), "lips": (0.50, 0.17, 0.17), "iris": (0.16, 0.26, 0.34)}, hair="bob"),
    "tomas": _character("a broad man of forty, shaven head", {
        "femininity": -1.0, "jaw_width": 0.5, "neck_width": 0.6, "chin_width": 0.4, "nose_width": 0.3,
        "brow_thickness": 0.7, "age": 0.45, "face_width": 0.3, "ear_size": 0.2, "eye_size": -0.5, "lip_fullness": -0.1,
        "skull_height": -0.2, "brow_angle": 0.5,
    }, {"skin": (0.58, 0.345, 0.245), "scalp": (0.40, 0.25, 0.19), "brows": (0.045, 0.026, 0.016),
        "lips": (0.45, 0.19, 0.16), "iris": (0.17, 0.20, 0.12)}, hair=None),
    "amara": _character("a young woman with dark skin and cropped hair", {
        "femininity": 0.9, "lip_fullness": 1.1, "nose_width": 0.8, "nose_bridge": -0.5, "nose_projection": -0.4,
        "cheek_bones": 0.9, "forehead": 0.4, "eye_tilt": 0.5, "eye_size": 0.3, "jaw_width": -0.2, "mouth_width": 0.3,
        "skull_depth": 0.3, "mouth_curve": 0.5,
    }, {"skin": (0.150, 0.068, 0.040), "scalp": (0.012, 0.008, 0.006), "brows": (0.010, 0.007, 0.005),
        "lips": (0.200, 0.062, 0.056), "iris": (0.085, 0.040, 0.018)}, hair="curls"),
    "kenji": _character("a man of thirty with a wide face and black hair", {
        "femininity": -0.25, "face_width": 0.7, "cheek_bones": 0.9, "nose_bridge": -0.9, "nose_projection": -0.5,
        "nose_width": 0.3, "eye_size": -0.6, "eye_tilt": 0.9, "eye_depth": -0.5, "eye_spacing": 0.4,
        "brow_ridge": -0.7,
        "hair_volume": 0.35, "hairline": -0.8, "jaw_height": -0.2, "brow_height": 0.2,
    }, {"skin": (0.64, 0.41, 0.275), "hair": (0.012, 0.010, 0.010), "scalp": (0.030, 0.024, 0.021),
        "brows": (0.020, 0.015, 0.012), "lips": (0.48, 0.20, 0.17), "iris": (0.10, 0.045, 0.016)}),
    "ines": _character("a girl of ten with long fair hair", {
        "youth": 1.0, "femininity": 0.45, "hair_length": 1.0, "hair_volume": 0.1, "hairline": -0.7,
        "brow_thickness": -0.3, "brow_height": 0.3, "mouth_curve": 0.5, "brow_angle": -0.5,
    }, {"skin": (0.80, 0.54, 0.43), "hair": (0.30, 0.165, 0.065), "scalp": (0.38, 0.22, 0.11),
        "brows": (0.20, 0.115, 0.055), "lips": (0.62, 0.25, 0.23), "iris": (0.10, 0.24, 0.36)}, hair="bob"),
    "viktor": _character("an old man, long face, white hair", {
        "age": 1.5, "femininity": -0.6, "face_length": 0.9, "nose_length": 0.5, "nose_bridge": 0.9,
        "nose_projection": 0.5, "ear_size": 0.7, "ear_angle": 0.4, "cheek_fullness": -0.6, "brow_thickness": 0.4,
        "neck_width": -0.5, "chin_protrusion": 0.4, "eye_depth": 0.6, "hair_volume": -0.2, "face_width": -0.4,
        "mouth_width": 0.2, "hairline": 0.9, "mouth_curve": -0.3, "brow_angle": -0.3,
    }, {"skin": (0.72, 0.44, 0.35), "hair": (0.62, 0.60, 0.57), "scalp": (0.62, 0.50, 0.44),
        "brows": (0.36, 0.33, 0.30), "lips": (0.50, 0.23, 0.21), "iris": (0.20, 0.30, 0.36)}),
    "ravi": _character("a heavy man of thirty-five, brown skin", {
        "heaviness": 1.0, "femininity": -0.4, "nose_bridge": 0.4, "nose_length": 0.3, "nose_width": 0.3,
        "nose_tip": -0.4, "brow_thickness": 1.0, "lip_fullness": 0.4, "eye_size": 0.2, "hair_volume": 0.8,
        "hairline": 0.35, "brow_height": -0.2, "chin_protrusion": -0.3, "mouth_curve": 0.4,
    }, {"skin": (0.330, 0.175, 0.105), "hair": (0.010, 0.008, 0.008), "scalp": (0.020, 0.014, 0.011),
        "brows": (0.014, 0.010, 0.008), "lips": (0.270, 0.105, 0.088), "iris": (0.075, 0.035, 0.015)}),
})


def open_sona(folder=None, *, character="sona", identity=None):
    """Open the built-in head.

    Args:
        folder: another bundle of the same layout; default the one that ships with personare.
        character: name of one of CHARACTERS.
        identity: axis -> weight in -2..2, added to the character's; AXES names them.

    Returns:
        LinearFace in the space a2f-68, of which arkit-52 is a part; origin in the middle of the face, metres, +y up,
        +z out of the face.

    Raises:
        AssetError: the bundle is missing, damaged, or not of this layout.
        InputError: no such character or axis, or a weight out of range.
    """
    person, weights = _weights(character, identity)
    bundle = read_bundle(builtin_path("sona") if folder is None else folder)
    config = bundle.card.config
    try:
        with np.load(bundle.path("sona.npz"), allow_pickle=False) as file:
            plain = {name for name in file.files if not name.startswith("axis_")}
            data = {name: file[name] for name in (file.files if weights else plain)}
        space = space_named(config["space"])
        targets = [(name,) for name in space.columns] + [tuple(columns) for columns in config["correctives"]]
        lists = sona_shapes.unpack(data, targets, config["delta_unit_m"])
        rest = data["rest"]
        if weights:
            moves = _moved(data, config, weights)
            rest, fit = rest + moves, sona_shapes.Fit(data, config, weights, moves)
            lists = [(vertices, fit.fitted(columns, vertices, steps))
                     for columns, (vertices, steps) in zip(targets, lists, strict=True)]
        # What is not worn lies on the skin, where it changes no measure of the head.
        hidden = np.flatnonzero(_hidden(data, config, person))
        rest[hidden] = rest[data["bind"][hidden]]
        head_weight, k = data["head_weight"] / np.float32(SHORT), len(space)
        return LinearFace(
            name=bundle.card.name if character == "sona" else f"{bundle.card.name}/{character}", space=space,
            surface=_surface(bundle, data, person), rest=rest, shapes=sona_shapes.dense(lists[:k], len(rest)),
            head_weight=head_weight, head_pivot=data["head_pivot"],
            correctives=sona_shapes.correctives(targets[k:], lists[k:]),
            joints=sona_shapes.joints(data, config, weights, data["part"] == config["parts"].index("eye"),
                                      head_weight=head_weight, head_pivot=data["head_pivot"]))
    except (KeyError, TypeError) as error:
        raise AssetError(f"{bundle.folder}: not laid out as a sona bundle ({error}); reinstall personare") from error


def _weights(character, identity):
    """The Character, and axis -> weight of it with the asked identity on top; axes at 0 are left out."""
    if character not in CHARACTERS:
        raise unknown_name("character", character, tuple(CHARACTERS))
    person, weights = CHARACTERS[character], dict(CHARACTERS[character].identity)
    for axis, weight in (identity or {}).items():
        if axis not in AXES:
            raise unknown_name("identity axis", axis, tuple(AXES))
        if not (np.isscalar(weight) and abs(weight) <= WIDEST):
            raise InputError(f"identity {axis}", expected=f"a weight in -{WIDEST:g}..{WIDEST:g}", got=weight,
                             remedy="use about -1..1")
        weights[axis] = weights.get(axis, 0.0) + float(weight)
    return person, {axis: weight for axis, weight in weights.items() if weight}


def _surface(bundle, data, person):
    """The Surface in a character's colours and with its hair."""
    config = bundle.card.config
    textures = {name: partial(_picture, bundle.path(name)) for name in PICTURES}
    materials = tuple(Material(**material | {"texture": textures.get(material.get("texture"))})
                      for material in config["materials"])
    keep = ~_hidden(data, config, person)[data["triangles"][:, 0]]
    color = data["color"].astype(np.float32)
    if person.tones:
        share = data["tint"] / np.float32(BYTE)
        tones = np.array(list(config["tones"].values()), np.float32)
        asked = np.array([person.tones.get(name, tone) for name, tone in config["tones"].items()], np.float32)
        color = np.clip(color * (share @ asked) / np.maximum(share @ tones, 1e-6), 0, 1)
    return Surface(
        triangles=data["triangles"][keep], uv=data["uv"] / np.float32(SHORT), color=color,
        occlusion=data["occlusion"] / np.float32(BYTE), weld=data["weld"], materials=materials,
        triangle_material=data["triangle_material"][keep])


def _hidden(data, config, person):
    """(v,) whether a vertex belongs to hair that the character does not wear."""
    styles = [k for k, name in enumerate(config["parts"]) if name.startswith("hair_") and name != f"hair_{person.hair}"]
    return np.isin(data["part"], styles)


@cache
def _picture(path):
    """The picture of a texture, decoded once: (h, w, 3) uint8, or (h, w, 4) for grey with its opacity below it."""
    import av

    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
    if frame.format.name.startswith("gray"):
        shade, opacity = np.split(frame.to_ndarray(format="gray"), 2)
        return np.stack([shade, shade, shade, opacity], 2)
    return frame.to_ndarray(format="rgb24")


def _moved(data, config, weights):
    """(v, 3) float32 displacement of the asked identity at rest."""
    moves = np.zeros((len(data["rest"]), 3), np.float32)
    last = np.cumsum(data["axis_counts"])
    for axis, end, count in zip(config["axes"], last, data["axis_counts"], strict=True):
        if axis in weights:
            of_axis = slice(end - count, end)
            moves[data["axis_vertices"][of_axis]] += data["axis_steps"][of_axis] * np.float32(
                weights[axis] * config["axis_unit_m"])
    twin = data["twin"]
    copy = twin != np.arange(len(twin))
    moves[copy] = moves[twin[copy]] * np.float32([-1, 1, 1])
    bind = data["bind"]
    rides = np.flatnonzero(bind != np.arange(len(bind)))
    moves[rides] += moves[bind[rides]]
    return moves
