"""A character's own file with one animation more (.glb, .vrm): everything else in it stays as it was.

Bytes of all buffers come first, unchanged; the keys of the animation are put behind them. Materials, textures,
skeleton, other animations, extensions and extras are written as they were read. Files that lay beside a .gltf move
into the .glb, since that has room for one buffer only.

Source:
    Khronos Group, glTF 2.0 specification, sections 3.11 (animations) and 4 (GLB).
"""

from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.export.glb import write_chunks
from personare.export.gltf_buffer import Buffer
from personare.export.rotations import quaternions
from personare.store import atomic_path

_MEDIA = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))
_KINDS = {"weights": "SCALAR", "rotation": "VEC4", "translation": "VEC3"}


class _Behind:
    """Pieces of a buffer, one after the other, each padded to 4 bytes."""

    def __init__(self):
        self.pieces, self.size = [], 0

    def add(self, content):
        """Where the content starts."""
        start, padding = self.size, -len(content) % 4
        self.pieces += [content, b"\0" * padding]
        self.size += len(content) + padding
        return start


def write(path, take, *, progress=None):
    """Write the file of a Rig with an animation of its motion.

    Args:
        path: where to; not the file itself.
        take: Take with a Rig.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no Rig, a motion in another space, or the path of the character itself.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    rig, motion = take.face, take.motion
    if not hasattr(rig, "tracks"):
        raise InputError("face", expected="a character out of a glTF or VRM file", got="none" if rig is None else
                         f"'{rig.name}'", remedy="name its file, as in --face me.vrm")
    if Path(path).exists() and Path(rig.source.path).exists() and Path(path).samefile(rig.source.path):
        raise InputError(path, expected="another file than the character's own", got="the same",
                         remedy="choose another name, so that the character stays as it is")
    document, behind = _kept(rig.source)
    if len(motion):
        _animate(document, behind, rig, motion, take.name)
    if behind.size:
        document["buffers"] = [{**_first(document.get("buffers")), "byteLength": behind.size}]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        write_chunks(file, path, document, behind)
        if progress:
            progress(len(motion), len(motion))


def write_vrm(path, take, *, progress=None):
    """Like write, for a character that is a VRM.

    Raises:
        InputError: also for a face that is none: the humanoid and the licence of a VRM cannot be made up.
    """
    if getattr(take.face, "vrm", None) is None:
        raise InputError("face", expected="a character out of a .vrm file", got="none" if take.face is None else
                         f"'{take.face.name}'", remedy="name it, as in --face me.vrm, or write .glb or .vrma")
    write(path, take, progress=progress)


def _first(buffers):
    return {key: value for key, value in (buffers or [{}])[0].items() if key != "uri"}


def _kept(source):
    """The document with all its bytes in one buffer, ready to be added to; and that buffer."""
    document, behind = dict(source.document), _Behind()
    starts = [behind.add(content) for content in source.buffers]
    views = [dict(view) for view in document.get("bufferViews", ())]
    for view in views:
        start = starts[view["buffer"]]
        if start:
            view["byteOffset"] = view.get("byteOffset", 0) + start
        view["buffer"] = 0
    images = [dict(image) for image in document.get("images", ())]
    for number, image in enumerate(images):
        uri = image.get("uri")
        if uri and not uri.startswith("data:"):
            content = source.picture(number)
            views.append({"buffer": 0, "byteOffset": behind.add(content), "byteLength": len(content)})
            media = next((kind for start, kind in _MEDIA if content.startswith(start)), "image/png")
            images[number] = {**{key: value for key, value in image.items() if key != "uri"},
                              "mimeType": image.get("mimeType", media), "bufferView": len(views) - 1}
    if images:
        document["images"] = images
    if views:
        document["bufferViews"] = views
    return document, behind


def _animate(document, behind, rig, motion, name):
    """Add the animation of a motion."""
    tracks, keys = rig.tracks(motion), Buffer()
    times = keys.add((np.arange(len(motion)) / motion.fps).astype(np.float32), "SCALAR", bounds=True)
    outputs, samplers, channels, known = [], [], [], {}
    for track in tracks:
        values = quaternions(track.values) if track.path == "rotation" else track.values
        values = np.ascontiguousarray(values, np.float32)
        key = track.path, values.shape, values.tobytes()
        if key not in known:
            # Meshes of one head share their curves, so each is stored once.
            known[key] = len(samplers)
            outputs.append(keys.add(values.reshape(-1) if track.path == "weights" else values, _KINDS[track.path]))
            samplers.append({"input": times, "output": outputs[-1], "interpolation": "LINEAR"})
        channels.append({"sampler": known[key], "target": {"node": track.node, "path": track.path}})
    if not channels:
        return
    _append(document, behind, keys, samplers)
    animations = list(document.get("animations", ()))
    animations.append({"name": _free_name(name, animations), "channels": channels, "samplers": samplers,
                       "extras": {"fps": float(motion.fps)}})
    document["animations"] = animations
    _part_matrices(document, {track.node for track in tracks if track.path != "weights"}, rig.nodes.local)


def _append(document, behind, keys, samplers):
    """Put new accessors and their bytes behind those of the document, and count the samplers on."""
    tables = keys.tables()
    views, accessors = list(document.get("bufferViews", ())), list(document.get("accessors", ()))
    start = behind.size
    for piece in keys.pieces:
        behind.pieces.append(piece)
    behind.size += keys.size
    first_view, first_accessor = len(views), len(accessors)
    views += [view | {"byteOffset": view["byteOffset"] + start} for view in tables["bufferViews"]]
    accessors += [entry | {"bufferView": entry["bufferView"] + first_view} for entry in tables["accessors"]]
    for sampler in samplers:
        sampler["input"] += first_accessor
        sampler["output"] += first_accessor
    document["bufferViews"], document["accessors"] = views, accessors


def _free_name(name, animations):
    """The name, with a number behind it where an animation has it already."""
    taken = {animation.get("name") for animation in animations if isinstance(animation, dict)}
    tries = [name, *(f"{name} {i}" for i in range(2, len(taken) + 3))]
    return next(text for text in tries if text not in taken)


def _part_matrices(document, moved, local):
    """Write nodes that an animation turns as translation, rotation and scale: glTF allows no matrix there."""
    nodes = list(document["nodes"])
    for number in moved:
        if "matrix" in nodes[number]:
            node = {key: value for key, value in nodes[number].items() if key != "matrix"}
            scale = np.linalg.norm(local[number, :3, :3], axis=0)
            turn = quaternions((local[number, :3, :3] / scale)[None])[0]
            nodes[number] = node | {"translation": local[number, :3, 3].tolist(), "rotation": turn.tolist(),
                                    "scale": scale.tolist()}
    document["nodes"] = nodes
