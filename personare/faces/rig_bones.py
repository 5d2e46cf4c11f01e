"""How head pose, gaze and jaw turn the bones of a rig.

The head's turn is shared by neck and head where there are both; together they make exactly the pose asked for. A rig
without such bones turns as a whole. All transforms are in world axes: +z out of the face, +x the subject's left.
"""

from dataclasses import dataclass

import numpy as np

from personare.faces.rig_drive import gaze_angles, jaw_angles
from personare.faces.skin import rigid, rotation_from_vector

# Of a turn of the head, what the neck does; the joints between skull and chest share it about so.
NECK_SHARE = 0.35
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class Bone:
    """A node that is turned.

    Args:
        role: "neck", "head", "leftEye", "rightEye", "jaw", or "whole" for a rig without a head of its own.
        node: its number.
        pivot: (3,) float64, world, the point it turns about at rest.
        above: position of the next Bone above it in the list, or -1.
    """

    role: str
    node: int
    pivot: np.ndarray
    above: int


def bone_turns(bones, motion, drive):
    """What each bone does in each frame, seen from the one above it.

    Args:
        bones: Bones, those above before those below.
        motion: Motion in ARKit-52.
        drive: Drive.

    Returns:
        list of (t, 4, 4) float32 in world axes, None for a bone at rest.
    """
    values = drive.values(motion)
    pose = np.tile(np.eye(4, dtype=np.float32), (len(motion), 1, 1)) if motion.head_pose is None else motion.head_pose
    rotation, offset = pose[:, :3, :3].astype(np.float64), pose[:, :3, 3].astype(np.float64)
    roles = {bone.role: bone for bone in bones}
    neck = "neck" in roles and "head" in roles
    upper = rotation_from_vector(NECK_SHARE * rotation_vectors(rotation)) if neck else np.eye(3)
    # What the head adds to the neck; both together turn as asked.
    lower = np.swapaxes(upper, -1, -2) @ rotation
    turns = []
    for bone in bones:
        if bone.role == "neck":
            turns.append(about(bone.pivot, upper if neck else rotation, np.zeros(3)))
        elif bone.role in ("head", "whole"):
            shift = np.einsum("tji,tj->ti", upper, offset) if neck else offset
            turns.append(about(bone.pivot, lower if neck else rotation, shift))
        elif bone.role == "jaw":
            opened, aside = jaw_angles(values, drive.jaw).T
            turns.append(about(bone.pivot, _turn(aside, opened), np.zeros(3)))
        else:
            side = bone.role.removesuffix("Eye")
            aside, up = gaze_angles(values, side).T if side in drive.eyes else np.zeros((2, len(motion)))
            turns.append(about(bone.pivot, _turn(aside, -up), np.zeros(3)))
    return [turn if np.abs(turn - np.eye(4)).max(initial=0) > _STILL else None for turn in turns]


def _turn(aside, down):
    """(t, 3, 3) rotations: first down about +x, then aside about +y, radians."""
    zero = np.zeros_like(aside)
    return (rotation_from_vector(np.stack([zero, aside, zero], 1))
            @ rotation_from_vector(np.stack([down, zero, zero], 1)))


def about(pivot, rotation, shift):
    """(t, 4, 4) float64 transforms that turn about a point and then shift."""
    rotation = rotation if rotation.ndim == 3 else rotation[None]
    return rigid(rotation, pivot - rotation @ pivot + shift)


def world_turns(bones, turns):
    """list of (t, 4, 4) float64, what each bone does to the world at rest, the bones above it included."""
    out = []
    for bone, turn in zip(bones, turns, strict=True):
        turn = np.eye(4)[None] if turn is None else turn
        out.append(turn if bone.above < 0 else out[bone.above] @ turn)
    return out


def rotation_vectors(rotations):
    """(t, 3) float64 axis times angle of (t, 3, 3) rotations by less than half a turn."""
    r = np.asarray(rotations, np.float64)
    axis = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], 1) / 2
    sine, cosine = np.linalg.norm(axis, axis=1), (np.trace(r, axis1=1, axis2=2) - 1) / 2
    angle = np.arctan2(sine, cosine)
    return axis * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)[:, None]
