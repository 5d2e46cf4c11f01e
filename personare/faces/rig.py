"""Rigs: any character in glTF, GLB or VRM that has morph targets, clips or bones for a face, driven by ARKit-52.

The file is kept as it is; what is read beside it says how its targets and bones follow each column, so that the
character can be drawn here and written back with an animation (personare/export/rig_glb.py).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from personare.errors import InputError
from personare.faces.gltf import Gltf, read_gltf
from personare.faces.gltf_looks import read_materials, unwrapped
from personare.faces.gltf_scene import Nodes, read_nodes, read_parts, target_names
from personare.faces.rig_body import Body, build_body, build_surface, taken
from personare.faces.rig_bones import Bone, bone_turns, world_turns
from personare.faces.rig_drive import Control, Drive, gaze_angles, plan_drive
from personare.faces.rig_names import bones_of
from personare.faces.vrm import Vrm, read_vrm
from personare.spaces import ARKIT_52, Space
from personare.types import Face, Mesh, Surface

SUFFIXES = (".vrm", ".glb", ".gltf")
_ROLES = ("neck", "head", "leftEye", "rightEye", "jaw")
# A model higher than this times its face has a body; without a head of its own it stays upright.
_BUST = 3.0
# A vertex hangs on the bone of an eye by more than this weight.
_HELD = 0.5
# Vertices that move by this share of the largest movement of their part belong to the face.
_FACE_SHARE = 0.1
# Of the height of the face, how far below it hair may hang and still be framed.
_HANGING = 0.1
# Of the size of its part, what a morph target has to move something by to be one.
_EMPTY = 1e-4
# A shift of a bone below this is rounding.
_STILL_M = 1e-6


@dataclass(frozen=True, eq=False)
class Track:
    """One animated property of a node.

    Args:
        node: its number in the file.
        path: "weights", "rotation" or "translation", as in glTF.
        values: (t, k) float32 weights, (t, 3, 3) float64 rotations or (t, 3) float32 metres.
    """

    node: int
    path: str
    values: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class Rig(Face):
    """A character out of a file.

    Args:
        name: name of the file.
        space: arkit-52.
        surface: topology and looks of all its parts.
        head_weight: (v,) float32 in 0..1.
        head_pivot: (3,) float32 metres, the joint of its head.
        source: the opened file.
        nodes: its nodes at rest.
        vrm: what it says beyond glTF, or None.
        bones: Bones that are turned, those above first.
        drive: how ARKit-52 moves it.
        body: its vertices.
    """

    name: str
    space: Space
    surface: Surface
    head_weight: np.ndarray
    head_pivot: np.ndarray
    source: Gltf
    nodes: Nodes
    vrm: Vrm | None
    bones: tuple[Bone, ...]
    drive: Drive
    body: Body

    def neutral(self):
        """(v, 3) float32 vertices at rest, metres."""
        return self.body.rest

    def mesh(self, motion):
        """Mesh of a Motion, by morph targets and skin.

        Args:
            motion: Motion whose columns are among arkit-52, or all of those and more.

        Returns:
            Mesh with (t, v, 3) vertices in world axes, +z out of the face.

        Raises:
            InputError: the motion is in another space.
        """
        motion = self.understood(motion)
        targets = self.drive.targets(motion, self.body.counts)
        turns = world_turns(self.bones, bone_turns(self.bones, motion, self.drive))
        return Mesh(self.body.posed(len(motion), targets, turns), self.surface.triangles)

    def understood(self, motion):
        """The motion in arkit-52: columns that it lacks are 0, columns of a larger space of that kind are left out.

        Raises:
            InputError: it has other columns than those and lacks some of them.
        """
        columns = motion.space.columns
        if columns == ARKIT_52.columns:
            return motion
        strange = [name for name in columns if name not in ARKIT_52.columns]
        if strange and not set(ARKIT_52.columns) <= set(columns):
            raise InputError("motion", expected=f"columns of the space {self.space.name} of face '{self.name}'",
                             got=f"{motion.space.name} with {', '.join(strange[:3])}",
                             remedy="convert the motion first")
        values = np.zeros((len(motion), len(ARKIT_52)), np.float32)
        shared = [name for name in columns if name in ARKIT_52.columns]
        values[:, ARKIT_52.indices(shared)] = motion.columns(shared)
        return replace(motion, values=values, space=ARKIT_52)

    def expressions(self, motion):
        """What a VRM animation of a motion holds, by the clips of this character alone.

        Args:
            motion: Motion in arkit-52.

        Returns:
            [(name, whether it is a preset, (t,) float32 weights)], and the gaze, (t, 2) float64 radians to the left
            and up, or None where clips of single eyes make it.

        Raises:
            InputError: the file is no VRM, or the motion is in another space.
        """
        if self.vrm is None:
            raise InputError("face", expected="a character out of a .vrm file", got=f"'{self.name}'",
                             remedy="convert the motion to vrm1, which any VRM understands")
        motion = self.understood(motion)
        clips = [control for control in self.drive.controls if control.clip]
        drive = plan_drive(clips, bones=("leftEye", "rightEye"), eyes_by_shapes=lambda side, used: True)
        weights = drive.weights(motion)
        rows = [(clips[i].name, clips[i].clip.preset, weights[:, i]) for i in drive.used()]
        gazes = [gaze_angles(drive.values(motion), side) for side in drive.eyes]
        return rows, np.mean(gazes, 0) if gazes else None

    def tracks(self, motion):
        """What an animation of the file has to hold to show a motion.

        Args:
            motion: Motion in arkit-52.

        Returns:
            list of Track: weights of every mesh that something drives, then rotations and translations of bones.

        Raises:
            InputError: the motion is in another space.
        """
        motion, tracks = self.understood(motion), []
        moved = {node for i in self.drive.used() for node, _, _ in self.drive.controls[i].binds}
        for node, rows in self.drive.targets(motion, self.body.counts).items():
            if node in moved:
                tracks.append(Track(node, "weights", rows + self.body.starts[node]))
        for bone, turn in zip(self.bones, bone_turns(self.bones, motion, self.drive), strict=True):
            if turn is not None:
                tracks += _bone_tracks(bone, turn, self.nodes, self.body.facing, len(motion))
        return tracks

    def report(self):
        """What makes each column of arkit-52, and what nothing makes, as lines of text."""
        drive = self.drive
        lines = [f"{name}: {drive.found[name]}" for name in ARKIT_52.columns if name in drive.found]
        if drive.missing:
            lines.append(f"missing: {', '.join(drive.missing)}")
        roles = [bone.role for bone in self.bones if bone.role in ("neck", "head", "whole")]
        return [*lines, f"head pose: {' and '.join(roles) or 'nothing'}"]


def open_rig(path):
    """Open a character.

    Args:
        path: .glb, .gltf or .vrm, or a folder with one of them.

    Returns:
        Rig.

    Raises:
        InputError: the file is missing, damaged, compressed, too large, or nothing in it is a face that can be
            driven; the message names what was found.
    """
    path = _file_of(Path(path))
    gltf = read_gltf(path)
    nodes, vrm = read_nodes(gltf), read_vrm(gltf)
    nodes.shown[list(vrm.hidden if vrm else ())] = False
    parts = [taken(part, *unwrapped(part.uv, part.triangles)) for part in read_parts(gltf, nodes)]
    controls, names = _controls(gltf, parts, vrm)
    roles = _roles(gltf, nodes, vrm)
    drive = plan_drive(
        controls, bones=tuple(roles), looks_by_clips=bool(vrm and vrm.looks_by_clips),
        eyes_by_shapes=lambda side, used: _eye_follows(parts, nodes, roles[f"{side}Eye"], controls, used))
    if "jawOpen" not in drive.found:
        raise InputError(path, expected="what opens a mouth: jawOpen, visemes, vowels or a bone of the jaw by a known "
                         "name", got=", ".join(names[:8]) or "no morph targets", remedy="see docs/faces/rig.md")
    facing = _facing(nodes, roles, vrm)
    still = build_body(gltf, nodes, parts, facing, np.full(len(nodes.parents), -1))
    face = _face_vertices(still, controls, drive, nodes.follows(roles["jaw"]) if drive.jaw else None)
    bones = _bones(nodes, roles, drive, still, face)
    body = build_body(gltf, nodes, parts, facing, _bone_of(nodes, bones))
    used = sorted({part.material for part in parts}, key=lambda index: -1 if index is None else index)
    head_weight = _head_weight(nodes, bones, body, face)
    on_head = {piece.part.material for piece in body.pieces if head_weight[piece.place].any()}
    surface = build_surface(parts, body.rest, read_materials(gltf, used, on_head),
                            {index: i for i, index in enumerate(used)})
    return Rig(name=path.stem, space=ARKIT_52, surface=surface, head_weight=head_weight,
               head_pivot=_head_pivot(bones), source=gltf, nodes=nodes, vrm=vrm, bones=bones, drive=drive, body=body)


def _file_of(path):
    """The file itself, or the one character in a folder."""
    if not path.is_dir():
        return path
    files = [file for suffix in SUFFIXES for file in sorted(path.glob(f"*{suffix}"))]
    if len(files) != 1:
        raise InputError(path, expected="a folder with one .vrm, .glb or .gltf", got=f"{len(files)} of them",
                         remedy="name the file itself")
    return files[0]


def _controls(gltf, parts, vrm):
    """Clips, then one Control for each name of a morph target over all meshes that have it; and those names.

    Targets that move nothing are left out: some exporters write all names and fill only those the artist made.
    """
    moving = set()
    for part in parts:
        reach = np.abs(part.shapes).max((1, 2), initial=0)
        moving |= {(part.node, target) for target in np.flatnonzero(reach > _EMPTY * np.ptp(part.points, axis=0).max())}
    clips = [Control(clip.name, clip.binds, clip) for clip in (vrm.clips if vrm else ())]
    by_name = {}
    for node in dict.fromkeys(part.node for part in parts):
        mesh = gltf.row("meshes", gltf.row("nodes", node).mesh)
        for target, name in enumerate(target_names(gltf, mesh)):
            by_name.setdefault(name, []).append((node, target, 1.0))
    controls = [*clips, *(Control(name, tuple(binds)) for name, binds in by_name.items())]
    # A name that moves some mesh is driven on all that have it, so that they share their curves.
    return [control for control in controls if any(bind[:2] in moving for bind in control.binds)], tuple(by_name)


def _roles(gltf, nodes, vrm):
    """Role -> node: those a VRM names, else by the names of nodes, joints of skins before others."""
    if vrm and vrm.bones:
        return {role: vrm.bones[role] for role in _ROLES if role in vrm.bones}
    joints = {joint for skin in gltf.tables.skins for joint in skin.joints}
    candidates = [node for node in nodes.order if nodes.shown[node] and gltf.tables.nodes[node].mesh is None]
    candidates.sort(key=lambda node: node not in joints)
    found = bones_of([gltf.tables.nodes[node].name for node in candidates])
    return {role: candidates[position] for role, position in found.items()}


def _facing(nodes, roles, vrm):
    """(4, 4) world_from_scene: half a turn for VRM 0, which looks along -z, and for eyes that stand the wrong way."""
    turned = vrm is not None and vrm.version == 0
    if vrm is None and {"leftEye", "rightEye"} <= set(roles):
        turned = nodes.world[roles["leftEye"], 0, 3] < nodes.world[roles["rightEye"], 0, 3] - 1e-6
    return np.diag([-1.0, 1.0, -1.0, 1.0]) if turned else np.eye(4)


def _eye_follows(parts, nodes, bone, controls, used):
    """Whether the vertices that hang on the bone of an eye are moved by any of some controls."""
    below, binds = nodes.follows(bone), {(node, target) for i in used for node, target, _ in controls[i].binds}
    held = 0
    for part in parts:
        on_bone = part.weights[:, below[part.joints]].sum(1) > _HELD if len(part.joints) else np.full(
            len(part.points), below[part.node])
        held += on_bone.sum()
        targets = [target for node, target in binds if node == part.node]
        if targets and (np.abs(part.shapes[targets]).max((0, 2))[on_bone[part.moved]] > 0).any():
            return True
    return held == 0


def _face_vertices(body, controls, drive, jaw):
    """(v,) bool, vertices that any driven control or the jaw, (n,) bool nodes, moves; all where nothing does."""
    binds = {(node, target) for i in drive.used() for node, target, _ in controls[i].binds}
    face = np.zeros(len(body.rest), bool)
    for piece in body.pieces:
        part = piece.part
        targets = [target for node, target in binds if node == part.node]
        if targets and len(part.moved):
            step = np.linalg.norm(part.shapes[targets], axis=2).max(0)
            face[part.moved + piece.place.start] |= step > _FACE_SHARE * step.max()
    if jaw is not None:
        face |= body.follow(jaw) > _HELD
    return face if face.any() else np.ones(len(body.rest), bool)


def _bones(nodes, roles, drive, body, face):
    """Bones that a motion may turn, those above first; a bust without a head of its own turns as a whole."""
    wanted = {role: node for role, node in roles.items() if role in ("neck", "head")
              or (role == "jaw" and drive.jaw) or role.removesuffix("Eye") in drive.eyes}
    if "head" in wanted and not ("neck" in wanted and nodes.follows(wanted["neck"])[wanted["head"]]):
        wanted.pop("neck", None)
    listed = [Bone(role, wanted[role], body.world[wanted[role], :3, 3], -1) for role in _ROLES if role in wanted]
    if not {"head", "neck"} & set(wanted):
        low, high = body.rest[face].min(0), body.rest[face].max(0)
        if np.ptp(body.rest[:, 1]) <= _BUST * (high - low)[1]:
            pivot = np.array([(low + high)[0] / 2, low[1], body.rest[:, 2].mean()], np.float64)
            tops = {_top(nodes, piece.part.node) for piece in body.pieces} | {
                _top(nodes, joint) for piece in body.pieces for joint in piece.part.joints}
            listed = [*(Bone("whole", node, pivot, -1) for node in sorted(tops)), *listed]
    out = []
    for bone in listed:
        above = [i for i, other in enumerate(out) if nodes.follows(other.node)[bone.node]]
        out.append(replace(bone, above=above[-1] if above else -1))
    return tuple(out)


def _top(nodes, node):
    while nodes.parents[node] >= 0:
        node = nodes.parents[node]
    return int(node)


def _bone_of(nodes, bones):
    """(n,) int, the lowest bone above or at each node, or -1."""
    bone_of = np.full(len(nodes.parents), -1)
    for i, bone in enumerate(bones):
        bone_of[nodes.follows(bone.node)] = i
    return bone_of


def _head_pivot(bones):
    """(3,) float32, where the head turns."""
    pivots = {bone.role: bone.pivot for bone in bones}
    return np.asarray(pivots.get("head", pivots.get("whole", pivots.get("neck", np.zeros(3)))), np.float32)


def _head_weight(nodes, bones, body, face):
    """(v,) float32, how far vertices follow the head; 0 for hair that hangs far below the face.

    Such hair follows the head as well, but it is no part of what a camera should frame.
    """
    node = next((bone.node for role in ("head", "neck") for bone in bones if bone.role == role), None)
    share = np.ones(len(body.rest), np.float32) if node is None else body.follow(nodes.follows(node))
    low, high = body.rest[face, 1].min(), body.rest[face, 1].max()
    share[body.rest[:, 1] < low - _HANGING * (high - low)] = 0
    return share


def _bone_tracks(bone, turn, nodes, facing, count):
    """Tracks of one bone: its own rotation, and its place where it shifts, both against its parent."""
    parent = nodes.parents[bone.node]
    above = np.eye(4) if parent < 0 else nodes.world[parent]
    # facing undoes the half turn of a file that looks the other way; what is left is in the axes of the file.
    turn = np.broadcast_to(facing.T @ turn @ facing, (count, 4, 4))
    local = np.linalg.solve(above, turn @ nodes.world[bone.node])
    turned = local[:, :3, :3]
    tracks = [Track(bone.node, "rotation", turned / np.linalg.norm(turned, axis=1, keepdims=True))]
    shift = local[:, :3, 3] - nodes.local[bone.node, :3, 3]
    if np.abs(shift).max(initial=0) > _STILL_M:
        tracks.append(Track(bone.node, "translation", local[:, :3, 3].astype(np.float32)))
    return tracks
