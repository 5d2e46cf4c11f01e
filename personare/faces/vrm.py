"""VRM 0.x and 1.0: clips of morph targets with names, humanoid bones, and how clips silence each other.

Source:
    vrm-c/vrm-specification, VRMC_vrm-1.0 (expressions, humanoid, lookAt) and 0.0 (blendShapeMaster, humanoid).
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from personare.faces.gltf_tables import without_nulls

# Preset names of VRM 0 -> those of VRM 1, which are used from here on.
PRESET_OF_VRM0 = {
    "neutral": "neutral", "a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh", "blink": "blink", "joy": "happy",
    "angry": "angry", "sorrow": "sad", "fun": "relaxed", "lookup": "lookUp", "lookdown": "lookDown",
    "lookleft": "lookLeft", "lookright": "lookRight", "blink_l": "blinkLeft", "blink_r": "blinkRight",
}
# What the overrides of a clip silence.
GROUPS = {"mouth": ("aa", "ih", "ou", "ee", "oh"), "blink": ("blink", "blinkLeft", "blinkRight"),
          "lookAt": ("lookUp", "lookDown", "lookLeft", "lookRight")}
_VRM0_FULL = 100.0
_BINARY_LIMIT = 0.5


@dataclass(frozen=True)
class Clip:
    """A named set of morph targets that move together.

    Args:
        name: name of the preset as in VRM 1, or the clip's own.
        preset: whether it is one of the presets.
        binds: (node, number of the target, weight at 1), ...
        is_binary: it is on or off, on above 0.5.
        overrides: "mouth", "blink" or "lookAt" -> "block" or "blend", the groups it silences.
    """

    name: str
    preset: bool
    binds: tuple[tuple[int, int, float], ...]
    is_binary: bool = False
    overrides: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Vrm:
    """What a VRM file says beyond glTF.

    Args:
        version: 0 or 1.
        clips: its Clips, presets first.
        bones: humanoid bone such as "head" -> node.
        looks_by_clips: gaze is made by the clips lookUp ... lookRight instead of bones.
        hidden: nodes that only the person inside sees, such as a body without its head.
    """

    version: int
    clips: tuple[Clip, ...]
    bones: dict
    looks_by_clips: bool
    hidden: frozenset = frozenset()


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Bind0(_Row):
    mesh: int = -1
    index: int = -1
    weight: float = 0.0


class _Group0(_Row):
    name: str = ""
    preset_name: str = "unknown"
    binds: list[_Bind0] | None = None
    is_binary: bool = False


class _Master0(_Row):
    blend_shape_groups: list[_Group0] = []


class _Bone0(_Row):
    bone: str
    node: int = -1


class _Humanoid0(_Row):
    human_bones: list[_Bone0] = []


class _Annotation0(_Row):
    mesh: int = -1
    first_person_flag: str = "Auto"


class _FirstPerson0(_Row):
    look_at_type_name: str = "Bone"
    mesh_annotations: list[_Annotation0] = []


class _Vrm0(_Row):
    blend_shape_master: _Master0 = _Master0()
    humanoid: _Humanoid0 = _Humanoid0()
    first_person: _FirstPerson0 = _FirstPerson0()


class _Bind1(_Row):
    node: int
    index: int
    weight: float = 1.0


class _Expression1(_Row):
    morph_target_binds: list[_Bind1] | None = None
    is_binary: bool = False
    override_mouth: str = "none"
    override_blink: str = "none"
    override_look_at: str = "none"


class _Expressions1(_Row):
    preset: dict[str, _Expression1] = {}
    custom: dict[str, _Expression1] = {}


class _Bone1(_Row):
    node: int


class _Humanoid1(_Row):
    human_bones: dict[str, _Bone1] = {}


class _LookAt1(_Row):
    type: str = "bone"


class _Annotation1(_Row):
    node: int
    type: str = "auto"


class _FirstPerson1(_Row):
    mesh_annotations: list[_Annotation1] = []


class _Vrm1(_Row):
    first_person: _FirstPerson1 = _FirstPerson1()
    humanoid: _Humanoid1 = _Humanoid1()
    expressions: _Expressions1 = _Expressions1()
    look_at: _LookAt1 = _LookAt1()


def read_vrm(gltf):
    """The Vrm of a Gltf, or None where it is none.

    Raises:
        InputError: the extension is not laid out as VRM 0.x or 1.0, or names nodes or targets that do not exist.
    """
    extensions = gltf.tables.extensions
    if "VRMC_vrm" in extensions:
        return _vrm1(gltf, _converted(gltf, extensions["VRMC_vrm"], _Vrm1))
    if "VRM" in extensions:
        return _vrm0(gltf, _converted(gltf, extensions["VRM"], _Vrm0))
    return None


def _converted(gltf, entry: Any, kind):
    try:
        return msgspec.convert(without_nulls(entry), kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise gltf.wrong("a VRM extension", str(error)) from error


def _vrm1(gltf, entry):
    clips = []
    for preset, group in ((True, entry.expressions.preset), (False, entry.expressions.custom)):
        for name, clip in group.items():
            binds = tuple((bind.node, bind.index, bind.weight) for bind in clip.morph_target_binds or ())
            overrides = {"mouth": clip.override_mouth, "blink": clip.override_blink, "lookAt": clip.override_look_at}
            clips.append(Clip(name, preset, _checked(gltf, binds), clip.is_binary,
                              {group: how for group, how in overrides.items() if how != "none"}))
    bones = {name: bone.node for name, bone in entry.humanoid.human_bones.items()}
    hidden = {note.node: note.node for note in entry.first_person.mesh_annotations if note.type == "firstPersonOnly"}
    return Vrm(1, tuple(clips), _existing(gltf, bones), entry.look_at.type == "expression",
               frozenset(_existing(gltf, hidden)))


def _vrm0(gltf, entry):
    nodes_of = {}
    for number, node in enumerate(gltf.tables.nodes):
        nodes_of.setdefault(node.mesh, []).append(number)
    clips = []
    for group in entry.blend_shape_master.blend_shape_groups:
        preset = PRESET_OF_VRM0.get(group.preset_name.lower())
        binds = tuple((node, bind.index, bind.weight / _VRM0_FULL) for bind in group.binds or ()
                      if bind.mesh >= 0 and bind.index >= 0 for node in nodes_of.get(bind.mesh, ()))
        clips.append(Clip(preset or group.name, preset is not None, _checked(gltf, binds), group.is_binary))
    bones = {bone.bone: bone.node for bone in entry.humanoid.human_bones if bone.node >= 0}
    clips.sort(key=lambda clip: not clip.preset)
    first = entry.first_person
    hidden = frozenset(node for note in first.mesh_annotations if note.first_person_flag == "FirstPersonOnly"
                       for node in nodes_of.get(note.mesh, ()) if note.mesh >= 0)
    return Vrm(0, tuple(clips), _existing(gltf, bones), first.look_at_type_name == "BlendShape", hidden)


def _checked(gltf, binds):
    """The binds, once each is known to name a target that exists."""
    for node, target, weight in binds:
        mesh = gltf.row("nodes", node).mesh
        count = 0 if mesh is None else len(gltf.row("meshes", mesh).primitives[0].targets)
        if not (0 <= target < count and np.isfinite(weight)):
            raise gltf.wrong(f"clips of the {count} morph targets at node {node}", f"target {target}, weight {weight}")
    return binds


def _existing(gltf, bones):
    for node in bones.values():
        gltf.row("nodes", node)
    return bones


def silenced(clips, weights):
    """Weights of clips as they are applied: on or off where a clip is binary, and less where another overrides.

    Args:
        clips: n Clips.
        weights: (t, n) float.

    Returns:
        (t, n) float32 in 0..1.
    """
    weights = np.clip(weights, 0, 1).astype(np.float32)
    for column, clip in enumerate(clips):
        if clip.is_binary:
            weights[:, column] = weights[:, column] > _BINARY_LIMIT
    left = {group: np.ones(len(weights), np.float32) for group in GROUPS}
    for column, clip in enumerate(clips):
        for group, how in clip.overrides.items():
            amount = weights[:, column]
            left[group] -= amount > 0 if how == "block" else amount
    for column, clip in enumerate(clips):
        for group, names in GROUPS.items():
            if clip.preset and clip.name in names:
                share = np.maximum(left[group], 0)
                weights[:, column] *= share == 1 if clip.is_binary else share
    return weights
