"""glTF 2.0 binary (.glb): the face with its shapes as morph targets, and the motion as an animation.

One mesh, one primitive for each material, morph targets named after the columns of the face's space (correctives
after the columns that drive them) in `mesh.extras.targetNames`, where three.js, Blender and Unreal look for them.
The head pose is a skin of two joints, `root` and `head`; a vertex follows `head` by the face's head weight, which is
exactly the blend of docs/conventions.md. Targets are sparse. Checked with the Khronos validator and in three.js
(tests/export/node).

Source:
    Khronos Group, glTF 2.0 specification, sections 3.6 to 3.11 and 4 (GLB); KHR_materials_specular.
"""

import json
import struct

import numpy as np

from personare.errors import InputError, OutputError
from personare.export.glb_shapes import EXTENSION, pack_shapes
from personare.export.gltf_buffer import ELEMENTS, Buffer
from personare.export.jpeg import jpeg
from personare.export.normals import vertex_normals
from personare.export.png import png
from personare.export.rotations import quaternions
from personare.store import atomic_path

# Reflectance that glTF materials have without an extension.
_GLTF_SPECULAR = 0.04
# A texture with holes shows where it is more opaque than this: thin hairs stay.
ALPHA_CUTOFF = 0.35
# Texels of a texture without holes beyond which it is written as JPEG; a PNG of 2048 x 2048 takes 8 MB.
LARGEST_PNG = 2**18
_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942


def write(path, take, *, progress=None):
    """Write the face of a take and its motion.

    Args:
        path: where to.
        take: Take with a face of linear shapes (see LinearFace), or a Rig, whose file is kept as it is.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, a face without linear shapes, or a motion with columns that it does not know.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    if hasattr(take.face, "tracks"):
        # A character out of a file stays that file, with an animation more.
        from personare.export.rig_glb import write as write_rig

        write_rig(path, take, progress=progress)
        return
    face, targets, motion = _checked(take)
    buffer = Buffer()
    document = _document(take.name, face, targets, buffer)
    if len(motion):
        document["animations"] = [_animation(take.name, face, targets, motion, buffer)]
    document |= buffer.tables()
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        write_chunks(file, path, document, buffer)
        if progress:
            progress(len(motion), len(motion))


def _checked(take):
    face, motion = take.face, take.motion
    if face is None or not hasattr(face, "targets"):
        raise InputError("face", expected="a face of linear shapes", got="none" if face is None else
                         f"'{face.name}'", remedy="name one such as sona")
    return face, face.targets(motion), motion


def write_chunks(file, path, document, buffer):
    """Write both chunks of a .glb.

    Args:
        file: open for writing bytes.
        path: for the message.
        document: the JSON, complete.
        buffer: with `pieces`, bytes-like objects, and `size`, their length, a multiple of 4.

    Raises:
        OutputError: more than 4 GB.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + buffer.size
    if total >= 1 << 32:
        raise OutputError(f"{path}: {total >> 20} MB do not fit into one .glb; write a shorter take")
    file.write(struct.pack("<III", _MAGIC, _VERSION, total))
    file.write(struct.pack("<II", len(text), _JSON) + text)
    file.write(struct.pack("<II", buffer.size, _BIN))
    for piece in buffer.pieces:
        file.write(piece)


def _document(name, face, targets, buffer):
    """Everything but the animation: scene, skin, mesh and materials."""
    pivot = [float(x) for x in face.head_pivot]
    used = np.unique(face.surface.triangle_material)
    inverse_binds = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))
    inverse_binds[1, 3, :3] = -face.head_pivot  # Columns first, as glTF stores matrices.
    materials, textures = _materials([face.surface.materials[i] for i in used], buffer)
    primitives, packed = _primitives(face, targets.shapes, used, buffer)
    if packed:
        textures["extensionsUsed"] = [*textures.get("extensionsUsed", ()), EXTENSION]
        textures["extensionsRequired"] = [EXTENSION]
    return {
        "asset": {"version": "2.0", "generator": "personare"},
        "scene": 0,
        "scenes": [{"name": name, "nodes": [MESH_NODE, ROOT_NODE]}],
        "nodes": [{"name": face.name, "mesh": 0, "skin": 0},
                  {"name": "root", "children": [HEAD_NODE]},
                  {"name": "head", "translation": pivot}],
        "skins": [{"joints": [ROOT_NODE, HEAD_NODE], "skeleton": ROOT_NODE,
                   "inverseBindMatrices": buffer.add(inverse_binds.reshape(2, 16), "MAT4")}],
        "meshes": [{"name": face.name, "primitives": primitives,
                    "weights": [0.0] * len(targets.names),
                    "extras": {"targetNames": list(targets.names)}}],
        "materials": materials, **textures}


MESH_NODE, ROOT_NODE, HEAD_NODE = range(3)


def _primitives(face, shapes, used, buffer):
    """One primitive for each material, with the vertices that it uses and no others; whether targets are packed."""
    surface = face.surface
    normals = vertex_normals(face.rest, surface.triangles, surface.weld)
    parts = []
    for slot, material in enumerate(used):
        triangles = surface.triangles[surface.triangle_material == material]
        vertices, corners = np.unique(triangles, return_inverse=True)
        index_type = np.uint16 if len(vertices) < 65535 else np.uint32
        parts.append((vertices, {
            "attributes": _attributes(face, normals, vertices, buffer),
            "indices": buffer.add(corners.reshape(-1).astype(index_type), "SCALAR", target=ELEMENTS),
            "material": slot, "targets": []}))
    tilts = np.zeros(shapes.shape, np.float32)
    for tilt, shape in zip(tilts, shapes, strict=True):
        tilt[:] = _tilts(face.rest, shape, normals, surface)
    packed = pack_shapes(shapes, tilts)
    for vertices, primitive in parts:
        primitive["targets"] = [packed.add(buffer, shape, vertices) for shape in range(len(shapes))]
    return [primitive for _, primitive in parts], packed.packed


def _tilts(rest, shape, rest_normals, surface):
    """(v, 3) float32 change of the normals from rest to a shape; only what lies about its vertices is computed."""
    corners, tilts = surface.weld[surface.triangles], np.zeros_like(rest)
    turned = np.zeros(len(rest), bool)
    turned[corners[shape.any(axis=1)[surface.triangles].any(axis=1)]] = True
    around, at = turned[corners].any(axis=1), turned[surface.weld]
    if at.any():
        normals = vertex_normals(rest + shape, surface.triangles[around], surface.weld)
        tilts[at] = normals[at] - rest_normals[at]
    return tilts


def _attributes(face, normals, vertices, buffer):
    """Accessors of one primitive's vertices."""
    surface = face.surface
    # glTF has no occlusion for vertices; in the colour it darkens the inside of the mouth as it should.
    color = (surface.color * surface.occlusion[:, None])[vertices]
    uv = surface.uv[vertices] * [1, -1] + [0, 1]  # glTF counts v from the upper edge.
    joints, weights = _skinning(face.head_weight[vertices])
    return {
        "POSITION": buffer.add(face.rest[vertices], "VEC3", bounds=True, vertex=True),
        "NORMAL": buffer.add(normals[vertices], "VEC3", vertex=True),
        "COLOR_0": buffer.add(color, "VEC3", vertex=True),
        "TEXCOORD_0": buffer.add(uv.astype(np.float32), "VEC2", vertex=True),
        "JOINTS_0": buffer.add(joints, "VEC4", vertex=True),
        "WEIGHTS_0": buffer.add(weights, "VEC4", vertex=True, shares=True)}


def _skinning(head_weight):
    """(v, 4) uint8 joints and (v, 4) uint16 weights in steps of 1 / 65535: root and head share each vertex."""
    head = np.clip(head_weight, 0, 1).astype(np.float32)
    joints = np.zeros((len(head), 4), np.uint8)
    weights = np.zeros((len(head), 4), np.uint16)
    share = np.rint(head * 65535).astype(np.uint16)
    # A joint without weight has to be joint 0, so a vertex that follows the head alone names it first.
    alone = share == 65535
    joints[alone, 0] = joints[(share > 0) & ~alone, 1] = 1
    weights[:, 0] = np.where(alone, 65535, 65535 - share)
    weights[:, 1] = np.where(alone, 0, share)
    return joints, weights


def _materials(materials, buffer):
    """Materials, and the tables of textures where any has one."""
    entries, images, known = [], [], {}
    for material in materials:
        color = [float(x) for x in material.color]
        base = {"baseColorFactor": [*color, 1.0], "metallicFactor": 0.0,
                "roughnessFactor": float(material.roughness)}
        entry = {"name": material.name, "pbrMetallicRoughness": base}
        picture = material.picture()
        if picture is not None:
            if id(picture) not in known:
                known[id(picture)] = len(images)
                images.append(_image(picture, buffer))
            base["baseColorTexture"] = {"index": known[id(picture)]}
            if picture.shape[2] == 4:
                entry |= {"alphaMode": "MASK", "alphaCutoff": ALPHA_CUTOFF}
        if material.two_sided:
            entry["doubleSided"] = True
        if material.specular != _GLTF_SPECULAR:
            share = float(material.specular) / _GLTF_SPECULAR
            entry["extensions"] = {"KHR_materials_specular": {"specularColorFactor": [share] * 3}}
        entries.append(entry)
    tables = {}
    if any("extensions" in entry for entry in entries):
        tables["extensionsUsed"] = ["KHR_materials_specular"]
    if images:
        tables |= {"images": images, "samplers": [{"magFilter": 9729, "minFilter": 9987}],
                   "textures": [{"source": i, "sampler": 0} for i in range(len(images))]}
    return entries, tables


def _image(picture, buffer):
    """An image of the document: JPEG where it is large, PNG where it has holes or is small."""
    large = picture.shape[0] * picture.shape[1] > LARGEST_PNG
    kind, encode = ("jpeg", jpeg) if large and picture.shape[2] == 3 else ("png", png)
    return {"mimeType": f"image/{kind}", "bufferView": buffer.add_bytes(encode(picture))}


def _animation(name, face, targets, motion, buffer):
    """Weights, and the joint of the head where the motion moves it; key i at i / fps."""
    times = (np.arange(len(motion)) / motion.fps).astype(np.float32)
    keys = buffer.add(times, "SCALAR", bounds=True)
    tracks = [(MESH_NODE, "weights", buffer.add(targets.weights.reshape(-1), "SCALAR"))]
    if motion.head_pose is not None:
        turns = quaternions(motion.head_pose[:, :3, :3]).astype(np.float32)
        places = face.head_pivot + motion.head_pose[:, :3, 3]
        tracks += [(HEAD_NODE, "rotation", buffer.add(turns, "VEC4")),
                   (HEAD_NODE, "translation", buffer.add(places, "VEC3"))]
    return {
        "name": name,
        "channels": [{"sampler": i, "target": {"node": node, "path": path}}
                     for i, (node, path, _) in enumerate(tracks)],
        "samplers": [{"input": keys, "output": output, "interpolation": "LINEAR"} for *_, output in tracks],
        "extras": {"fps": float(motion.fps)}}
