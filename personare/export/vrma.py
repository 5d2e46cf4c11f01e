"""VRM Animation (.vrma): expressions, head and gaze for any VRM character, without a character in it.

Each expression is a node whose x is its weight. Neck and head turn on a skeleton in T-pose with the bones that VRM
requires; the gaze is the turn of a node of its own. For a character that is a VRM, its own clips are written, the 52
of "perfect sync" where it has them; for any other face the presets aa ih ou ee oh and the blinks.

Source:
    vrm-c/vrm-specification, VRMC_vrm_animation-1.0; read by three-vrm-animation 3.4 (tests/export/node).
"""

import numpy as np

from personare.errors import InputError
from personare.export.glb import write_chunks
from personare.export.gltf_buffer import Buffer
from personare.export.rotations import quaternions
from personare.spaces import VRM1
from personare.store import atomic_path

# Bone -> (bone above, place in metres): a person of 1.7 m in T-pose. The proportions matter to nobody: turns alone
# are carried over.
_BONES = {
    "hips": (None, (0, 0.92, 0)), "spine": ("hips", (0, 1.02, 0)), "chest": ("spine", (0, 1.14, 0)),
    "neck": ("chest", (0, 1.42, 0)), "head": ("neck", (0, 1.5, 0)),
    **{f"{side}{name}": (f"{side}{above}" if above[0].isupper() else above, (sign * x, y, 0.0))
       for side, sign in (("left", 1), ("right", -1)) for name, above, x, y in (
           ("UpperLeg", "hips", 0.09, 0.86), ("LowerLeg", "UpperLeg", 0.09, 0.47), ("Foot", "LowerLeg", 0.09, 0.08),
           ("UpperArm", "chest", 0.16, 1.36), ("LowerArm", "UpperArm", 0.42, 1.36), ("Hand", "LowerArm", 0.66, 1.36))},
}
_NECK_SHARE = 0.35
# Expressions that the gaze makes; a file may not hold them itself.
LOOKS = ("lookUp", "lookDown", "lookLeft", "lookRight")
# Turn of the eyes at weight 1 of those.
GAZE_UP_RAD, GAZE_DOWN_RAD, GAZE_SIDE_RAD = np.radians([25.0, 28.0, 30.0])


def write(path, take, *, progress=None):
    """Write the animation of a take.

    Args:
        path: where to.
        take: Take with a motion in vrm1, or with a VRM character and a motion it understands.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: another motion, or one without frames.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = take.motion
    if not len(motion):
        raise InputError("motion", expected="at least one frame", got="none", remedy="animate some sound")
    expressions, gaze = _curves(take)
    buffer, nodes, tracks = Buffer(), [], []
    humanoid, roots = _skeleton(nodes)
    if motion.head_pose is not None:
        _turn_head(motion.head_pose[:, :3, :3], humanoid, tracks)
    named = {"preset": {}, "custom": {}}
    for name, preset, weights in expressions:
        named["preset" if preset else "custom"][name] = {"node": len(nodes)}
        places = np.zeros((len(weights), 3), np.float32)
        places[:, 0] = np.clip(weights, 0, 1)
        tracks.append((len(nodes), "translation", places))
        nodes.append({"name": name})
    extension = {"specVersion": "1.0", "humanoid": {"humanBones": {bone: {"node": n} for bone, n in humanoid.items()}},
                 "expressions": {kind: entries for kind, entries in named.items() if entries}}
    if gaze is not None:
        extension["lookAt"] = {"node": len(nodes)}
        tracks.append((len(nodes), "rotation", quaternions(_gaze_turns(gaze)).astype(np.float32)))
        nodes.append({"name": "lookAt", "translation": [0.0, 1.56, 0.0]})
    roots += range(len(humanoid), len(nodes))
    document = {"asset": {"version": "2.0", "generator": "personare"}, "scene": 0,
                "scenes": [{"name": take.name, "nodes": roots}], "nodes": nodes,
                "animations": [_animation(take.name, tracks, motion.fps, buffer)],
                "extensionsUsed": ["VRMC_vrm_animation"], "extensions": {"VRMC_vrm_animation": extension}}
    document |= buffer.tables()
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        write_chunks(file, path, document, buffer)
        if progress:
            progress(len(motion), len(motion))


def _curves(take):
    """[(name, whether it is a preset, (t,) weights)], and (t, 2) gaze to the left and up in radians or None."""
    motion = take.motion
    if motion.space.columns == VRM1.columns:
        left, right, up, down = (motion.column(name) for name in ("lookLeft", "lookRight", "lookUp", "lookDown"))
        gaze = np.stack([(left - right) * GAZE_SIDE_RAD, up * GAZE_UP_RAD - down * GAZE_DOWN_RAD], 1)
        return [(name, True, motion.column(name)) for name in VRM1.columns
                if name not in LOOKS and motion.column(name).any()], gaze
    if getattr(take.face, "vrm", None) is None:
        raise InputError("motion", expected="the space vrm1, or a character out of a .vrm file", got=motion.space.name,
                         remedy="convert the motion to vrm1, or name such a character with --face")
    return take.face.expressions(motion)


def _skeleton(nodes):
    """Add the bones to nodes; bone -> number, and the roots."""
    number = {bone: i for i, bone in enumerate(_BONES)}
    for bone, (above, place) in _BONES.items():
        step = np.subtract(place, _BONES[above][1] if above else (0, 0, 0))
        children = [number[child] for child, (parent, _) in _BONES.items() if parent == bone]
        nodes.append({"name": bone, "translation": [float(x) for x in step]}
                     | ({"children": children} if children else {}))
    return number, [number["hips"]]


def _turn_head(rotation, humanoid, tracks):
    """Tracks of neck and head, which turn together as asked."""
    whole = quaternions(rotation)
    # The first share of a turn about its own axis is that share of its angle.
    sine = np.linalg.norm(whole[:, :3], axis=1)
    angle = _NECK_SHARE * np.arctan2(sine, whole[:, 3])
    axis = whole[:, :3] / np.maximum(sine, 1e-12)[:, None]
    for bone, turn in (("neck", angle), ("head", np.arctan2(sine, whole[:, 3]) - angle)):
        rows = np.concatenate([axis * np.sin(turn)[:, None], np.cos(turn)[:, None]], 1)
        tracks.append((humanoid[bone], "rotation", rows.astype(np.float32)))


def _gaze_turns(gaze):
    """(t, 3, 3) turns of something that looks along +z: first up, then to the left."""
    (sa, su), (ca, cu), zero = np.sin(gaze).T, np.cos(gaze).T, np.zeros(len(gaze))
    return np.stack([ca, -sa * su, sa * cu, zero, cu, su, -sa, -ca * su, ca * cu], 1).reshape(-1, 3, 3)


def _animation(name, tracks, fps, buffer):
    """One channel for each track; one that stands still has a single key."""
    times = (np.arange(len(tracks[0][2])) / fps).astype(np.float32)
    every, first, samplers = buffer.add(times, "SCALAR", bounds=True), None, []
    for _, path, rows in tracks:
        still = len(rows) > 1 and (rows == rows[0]).all()
        if still and first is None:
            first = buffer.add(times[:1], "SCALAR", bounds=True)
        output = buffer.add(rows[:1] if still else rows, "VEC4" if path == "rotation" else "VEC3")
        samplers.append({"input": first if still else every, "output": output, "interpolation": "LINEAR"})
    return {"name": name, "samplers": samplers, "extras": {"fps": float(fps)},
            "channels": [{"sampler": i, "target": {"node": node, "path": path}}
                         for i, (node, path, _) in enumerate(tracks)]}
