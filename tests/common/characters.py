"""Characters made by script for tests: the built-in head on a skeleton, as glTF, VRM 0 or VRM 1."""

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np

from personare.export.gltf_buffer import ELEMENTS, Buffer
from personare.export.normals import vertex_normals
from personare.export.png import png
from personare.faces.sona import open_sona
from personare.faces.visemes import RECIPES
from personare.spaces import ARKIT_52

UP_M = 1.5  # the head is lifted to where a standing person has it
PARTS = ("skin", "mouth", "eye", "teeth", "gums", "tongue")
VOWELS = {"A": "aa", "I": "ih", "U": "ou", "E": "E", "O": "oh"}
PRESETS = {"aa": ("a", "A"), "ih": ("i", "I"), "ou": ("u", "U"), "ee": ("e", "E"), "oh": ("o", "O"),
           "blink": ("blink", None), "blinkLeft": ("blink_l", "Close_L"), "blinkRight": ("blink_r", "Close_R")}
# Bone -> (parent, place); what VRM requires, with neck and eyes.
BONES = {
    "hips": (None, (0, 0.92, 0)), "spine": ("hips", (0, 1.02, 0)), "chest": ("spine", (0, 1.16, -0.02)),
    "neck": ("chest", (0, 1.34, -0.05)), "head": ("neck", None), "leftEye": ("head", None), "rightEye": ("head", None),
    **{f"{side}{name}": (f"{side}{above}" if above[0].isupper() else above, (sign * x, y, 0))
       for side, sign in (("left", 1), ("right", -1)) for name, above, x, y in (
           ("UpperLeg", "hips", 0.09, 0.86), ("LowerLeg", "UpperLeg", 0.09, 0.46), ("Foot", "LowerLeg", 0.09, 0.08),
           ("UpperArm", "chest", 0.16, 1.3), ("LowerArm", "UpperArm", 0.4, 1.3), ("Hand", "LowerArm", 0.62, 1.3))},
}


@cache
def _head():
    """(positions, shapes by name, triangles by part, colours, weights of chest, neck, head and eyes)."""
    face = open_sona()
    surface, names = face.surface, [material.name for material in face.surface.materials]
    triangles = {part: surface.triangles[surface.triangle_material == names.index(part)] for part in PARTS}
    used, flat = np.unique(np.concatenate([t.ravel() for t in triangles.values()]), return_inverse=True)
    ends = np.cumsum([0, *(t.size for t in triangles.values())])
    triangles = {part: flat[a:b].reshape(-1, 3) for part, a, b in zip(triangles, ends, ends[1:], strict=False)}
    rest = face.rest[used] + np.float32([0, UP_M, 0])
    shapes = {name: face.shapes[face.space.index(name)][used] for name in ARKIT_52.columns}
    paint = np.array([material.color for material in surface.materials], np.float32)
    color = surface.color[used].copy()
    for part, corners in triangles.items():
        color[np.unique(corners)] *= paint[names.index(part)]
    eye = np.zeros(len(used), bool)
    eye[np.unique(triangles["eye"])] = True
    share = face.head_weight[used]
    weights = np.stack([1 - share, share * (1 - share), share**2, 0 * share, 0 * share], 1)
    weights[eye] = 0
    weights[eye & (rest[:, 0] > 0), 3] = weights[eye & (rest[:, 0] <= 0), 4] = 1
    weights /= weights.sum(1, keepdims=True)
    places = {"head": face.head_pivot + np.float32([0, UP_M, 0]),
              "leftEye": rest[eye & (rest[:, 0] > 0)].mean(0), "rightEye": rest[eye & (rest[:, 0] <= 0)].mean(0)}
    normals = vertex_normals(rest, np.concatenate(list(triangles.values())), np.arange(len(rest)))
    return rest, shapes, triangles, color, weights.astype(np.float32), places, normals


def _mixed(shapes, recipe):
    """Sum of ARKit shapes, both sides of a name without one."""
    total = np.zeros_like(shapes["jawOpen"])
    for name, weight in recipe.items():
        for column in (name,) if name in shapes else (f"{name}Left", f"{name}Right"):
            total += np.float32(weight) * shapes[column]
    return total


def targets_of(kind):
    """Name -> displacement, as a character of a kind has them."""
    shapes = _head()[1]
    if kind == "arkit":
        return dict(shapes)
    if kind == "vowels":
        return {**{f"Fcl_MTH_{name}": _mixed(shapes, RECIPES[viseme]) for name, viseme in VOWELS.items()},
                "Fcl_EYE_Close_L": shapes["eyeBlinkLeft"], "Fcl_EYE_Close_R": shapes["eyeBlinkRight"]}
    if kind == "visemes":
        return {**{f"viseme_{name}": _mixed(shapes, recipe) for name, recipe in RECIPES.items()},
                "eyesClosed": shapes["eyeBlinkLeft"] + shapes["eyeBlinkRight"]}
    return {"eyeBlink_L": shapes["eyeBlinkLeft"], "eyeBlink_R": shapes["eyeBlinkRight"]}


def write_character(path, *, kind="arkit", rename=str, vrm=None, clips="presets", split=False, matrix=False,
                    armature=False):
    """Write a character.

    Args:
        path: .glb, .vrm, or .gltf with its buffer and texture beside it.
        kind: morph targets: "arkit", "vowels", "visemes", or "jaw" for a bone of the jaw and blinks alone.
        rename: what the targets are called, a function of the name.
        vrm: None, 0 (looks along -z) or 1.
        clips: of a VRM: "presets", or "perfect" for one clip for each ARKit shape as well.
        split: skin, inner mouth and eyes in meshes of their own, all with the same targets.
        matrix: the head's node has a matrix in place of translation and rotation.
        armature: bones hang under a node that turns z up to y up and centimetres to metres, as some tools write it.

    Returns:
        Path.
    """
    rest, _, triangles, color, weights, places, normals = _head()
    turn = np.float32([-1, 1, -1]) if vrm == 0 else np.float32([1, 1, 1])
    targets, buffer, bones = targets_of(kind), Buffer(), dict(BONES)
    if kind == "jaw":
        bones["jaw"] = "head", None
        weights, places = _with_jaw(weights, places)
    lean = 0.01 * np.float32([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) if armature else np.eye(3, dtype=np.float32)
    nodes, number = _skeleton(bones, places, turn, matrix, lean)
    joints = [name for name in ("chest", "neck", "head", "leftEye", "rightEye", "jaw") if name in bones]
    binds = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    for bind, joint in zip(binds, joints, strict=True):
        world = np.eye(4)
        world[:3, :3], world[:3, 3] = lean, _place(joint, bones, places) * turn
        bind[:] = np.linalg.inv(world).T
    document = {
        "asset": {"version": "2.0", "generator": "test"}, "scene": 0, "nodes": nodes, "meshes": [],
        "skins": [{"joints": [number[joint] for joint in joints],
                   "inverseBindMatrices": buffer.add(binds.reshape(-1, 16), "MAT4")}],
        "materials": [{"name": part, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.6}}
                      for part in PARTS],
        "extras": {"author": "ünïcode"}}
    document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    document["textures"], document["samplers"] = [{"source": 0, "sampler": 0}], [{"wrapS": 10497}]
    picture = png(np.full((4, 4, 3), 250, np.uint8))
    document["images"] = [{"uri": "skin%20paint.png"}] if path.suffix == ".gltf" else [
        {"mimeType": "image/png", "bufferView": buffer.add_bytes(picture)}]
    groups = [("skin",), ("mouth", "teeth", "gums", "tongue"), ("eye",)] if split else [PARTS]
    for group in groups:
        _add_mesh(document, buffer, group, rest * turn, normals * turn, color, weights, triangles,
                  {rename(name): step * turn for name, step in targets.items()})
    mesh_nodes = range(len(nodes) - len(groups), len(nodes))
    document["scenes"] = [{"nodes": [number["hips"], *mesh_nodes]}]
    if armature:
        nodes.append({"name": "Armature", "rotation": [-(0.5**0.5), 0.0, 0.0, 0.5**0.5], "scale": [0.01] * 3,
                      "children": [number["hips"]]})
        document["scenes"] = [{"nodes": [len(nodes) - 1, *mesh_nodes]}]
    spin = np.float32([[0, 0, 0, 1], [0, 0.1, 0, 0.995]])
    document["animations"] = [{"name": "idle", "channels": [{"sampler": 0, "target": {
        "node": number["spine"], "path": "rotation"}}], "samplers": [{
            "input": buffer.add(np.float32([0, 1]), "SCALAR", bounds=True), "output": buffer.add(spin, "VEC4")}]}]
    if vrm is not None:
        _add_vrm(document, vrm, clips, number, [rename(name) for name in targets], mesh_nodes[0])
    return _write(Path(path), document | buffer.tables(), b"".join(bytes(p) for p in buffer.pieces), picture)


def _with_jaw(weights, places):
    """Joint weights with a jaw: as far as jawOpen moves each vertex."""
    reach = np.linalg.norm(_head()[1]["jawOpen"], axis=1)
    share = np.clip(reach / (0.7 * reach.max()), 0, 1)[:, None].astype(np.float32)
    share[weights[:, 3:].sum(1) > 0] = 0
    jaw = places["head"] + np.float32([0, 0.02, 0.02])
    return np.concatenate([weights * (1 - share), share], 1), {**places, "jaw": jaw}


def _place(bone, bones, places):
    return np.float32(places.get(bone, bones[bone][1]))


def _skeleton(bones, places, turn, matrix, lean):
    """Nodes of the bones, and bone -> number."""
    number = {bone: i for i, bone in enumerate(bones)}
    nodes = []
    for bone, (parent, _) in bones.items():
        step = _place(bone, bones, places) - (0 if parent is None else _place(parent, bones, places))
        step = np.linalg.solve(lean, step * turn)
        node = {"name": f"J_{bone[0].upper()}{bone[1:]}", "translation": [float(x) for x in step]}
        if matrix and bone == "head":
            whole = np.eye(4)
            whole[3, :3] = node.pop("translation")
            node["matrix"] = whole.ravel().tolist()
        children = [number[child] for child, (above, _) in bones.items() if above == bone]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes, number


def _add_mesh(document, buffer, group, rest, normals, color, weights, triangles, targets):
    """One mesh with a primitive for each part, all over one list of vertices."""
    used, flat = np.unique(np.concatenate([triangles[part].ravel() for part in group]), return_inverse=True)
    joints = np.argsort(-weights[used], axis=1, kind="stable")[:, :4]
    share = np.take_along_axis(weights[used], joints, 1)
    joints[share == 0] = 0
    share /= share.sum(1, keepdims=True)
    uv = np.zeros((len(used), 2), np.float32) + 0.5
    attributes = {
        "POSITION": buffer.add(rest[used], "VEC3", bounds=True, vertex=True),
        "NORMAL": buffer.add(normals[used], "VEC3", vertex=True), "TEXCOORD_0": buffer.add(uv, "VEC2", vertex=True),
        "COLOR_0": buffer.add(color[used], "VEC3", vertex=True),
        "JOINTS_0": buffer.add(joints.astype(np.uint8), "VEC4", vertex=True),
        "WEIGHTS_0": buffer.add(share.astype(np.float32), "VEC4", vertex=True)}
    entries = [{"POSITION": buffer.add_sparse(step[used], 1e-7, bounds=True)} for step in targets.values()]
    primitives, start = [], 0
    for part in group:
        size = triangles[part].size
        corners = buffer.add(flat[start:start + size].astype(np.uint16), "SCALAR", target=ELEMENTS)
        primitives.append({"attributes": attributes, "material": PARTS.index(part), "targets": entries,
                           "indices": corners})
        start += size
    document["meshes"].append({"name": "_".join(group), "primitives": primitives,
                               "weights": [0.0] * len(targets), "extras": {"targetNames": list(targets)}})
    document["nodes"].append({"name": f"Mesh_{group[0]}", "mesh": len(document["meshes"]) - 1, "skin": 0})


def _add_vrm(document, version, clips, number, names, mesh_node):
    def target(name):
        return next(i for i, known in enumerate(names) if known.endswith(name))

    binds = {}
    for preset, (_, ending) in PRESETS.items():
        wanted = ["Close_L", "Close_R"] if ending is None else [ending]
        if clips == "presets" or "Close" in wanted[0]:
            arkit = {"Close_L": "eyeBlinkLeft", "Close_R": "eyeBlinkRight"}
            binds[preset] = [target(end if clips == "presets" else arkit[end]) for end in wanted]
    if version == 1:
        def clip(targets, **more):
            return {"morphTargetBinds": [{"node": mesh_node, "index": i, "weight": 1.0} for i in targets], **more}

        custom = {name: clip([i]) for i, name in enumerate(names)} if clips == "perfect" else {}
        document["extensions"] = {"VRMC_vrm": {
            "specVersion": "1.0", "meta": {"name": "test", "authors": ["test"], "version": "1",
                                           "licenseUrl": "https://vrm.dev/licenses/1.0/"},
            "humanoid": {"humanBones": {bone: {"node": node} for bone, node in number.items()}},
            "lookAt": {"type": "bone", "offsetFromHeadBone": [0, 0.06, 0]},
            "expressions": {"preset": {name: clip(targets) for name, targets in binds.items()}
                            | {"happy": clip([0], overrideMouth="block", isBinary=True)}, "custom": custom}}}
        document["extensionsUsed"] = ["VRMC_vrm"]
        return
    groups = [{"name": name, "presetName": PRESETS[name][0], "isBinary": False, "materialValues": [],
               "binds": [{"mesh": 0, "index": i, "weight": 100} for i in targets]} for name, targets in binds.items()]
    if clips == "perfect":
        groups += [{"name": name[0].upper() + name[1:], "presetName": "unknown", "isBinary": False,
                    "binds": [{"mesh": 0, "index": i, "weight": 100.0}]} for i, name in enumerate(names)]
    document["extensions"] = {"VRM": {
        "exporterVersion": "test", "specVersion": "0.0", "meta": {"title": "test", "texture": -1},
        "humanoid": {"humanBones": [{"bone": bone, "node": node, "useDefaultValues": True}
                                    for bone, node in number.items()]},
        "firstPerson": {"firstPersonBone": number["head"], "lookAtTypeName": "Bone"},
        "blendShapeMaster": {"blendShapeGroups": groups}, "secondaryAnimation": {"boneGroups": []},
        "materialProperties": []}}
    document["extensionsUsed"] = ["VRM"]


def _write(path, document, binary, picture):
    if path.suffix == ".gltf":
        document["buffers"] = [{"byteLength": len(binary), "uri": "head.bin"}]
        path.with_name("head.bin").write_bytes(binary)
        path.with_name("skin paint.png").write_bytes(picture)
        path.write_text(json.dumps(document), encoding="utf8")
        return path
    path.write_bytes(glb_bytes(document, binary))
    return path


def glb_bytes(document, binary):
    """Bytes of a .glb."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(binary) + b"\0" * (-len(binary) % 4)
    return (struct.pack("<III", 0x46546C67, 2, 28 + len(text) + len(binary)) + struct.pack("<II", len(text), 0x4E4F534A)
            + text + struct.pack("<II", len(binary), 0x004E4942) + binary)
