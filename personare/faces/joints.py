"""Joints of a face: what its columns say about jaw, eyes and head as rotations, and back.

Bones turn where shapes slide along a chord, so a skeleton (BVH, VMC, an engine's head) wants angles. Each column of
a joint is a rotation vector at weight 1; those of one joint stand at right angles or oppose each other, so that the way
back is a projection.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError

HEAD = "head"  # the joint that follows head_pose


@final
@dataclass(frozen=True, eq=False)
class Joint:
    """A part that turns about a point.

    Args:
        name: such as "jaw"; "head" follows the head pose of a motion.
        pivot: (3,) float32 metres, at rest.
        weight: (v,) float32 in 0..1, how far each vertex of the face follows.
        turns: column -> (3,) rotation vector at weight 1, radians, right-handed; any two of them are at right angles
            or opposed.
    """

    name: str
    pivot: np.ndarray
    weight: np.ndarray
    turns: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self):
        object.__setattr__(self, "pivot", checked("pivot", self.pivot, (3,)))
        object.__setattr__(self, "weight", checked("weight", self.weight, ("v",)))
        turns = {name: checked(name, turn, (3,), dtype=np.float64) for name, turn in self.turns.items()}
        for name, turn in turns.items():
            for other, against in turns.items():
                share = turn @ against / max(np.linalg.norm(turn) * np.linalg.norm(against), 1e-12)
                if name != other and not (abs(share) < 1e-6 or share < -1 + 1e-6):
                    apart = np.degrees(np.arccos(np.clip(share, -1, 1)))
                    raise InputError(f"turns of {self.name}", expected="axes at right angles or opposed",
                                     got=f"{name} and {other} {apart:.0f} degrees apart",
                                     remedy="give one of them its own joint")
        object.__setattr__(self, "turns", MappingProxyType(turns))


def rotations(joints, motion):
    """Rotation of every joint in every frame.

    Args:
        joints: the Joints of a face.
        motion: Motion; columns that it does not have count as 0.

    Returns:
        (t, j, 3, 3) float64. Eyes and jaw turn against the head, the head against the body.
    """
    out = np.tile(np.eye(3), (len(motion), len(joints), 1, 1))
    for j, joint in enumerate(joints):
        if joint.name == HEAD and motion.head_pose is not None:
            out[:, j] = motion.head_pose[:, :3, :3]
            continue
        vectors = np.zeros((len(motion), 3))
        for name, turn in joint.turns.items():
            if name in motion.space.columns:
                vectors += motion.column(name)[:, None] * turn
        if joint.turns:
            out[:, j] = matrices(vectors)
    return out


def columns(joints, turned):
    """The columns that say the same as rotations: the inverse of rotations().

    Args:
        joints: the Joints of a face, at most one for each column.
        turned: (t, j, 3, 3) rotations by less than half a turn.

    Returns:
        dict column -> (t,) float32 in 0..1; of two opposed columns one is 0. What a joint has no column for, such as a
        roll of the eye, is left out, and what is beyond weight 1 is clipped.
    """
    turned = checked("turned", turned, ("t", len(joints), 3, 3), dtype=np.float64)
    out = {}
    for j, joint in enumerate(joints):
        vectors = rotation_vectors(turned[:, j])
        for name, turn in joint.turns.items():
            out[name] = np.clip(vectors @ turn / (turn @ turn), 0, 1).astype(np.float32)
    return out


def matrices(vectors):
    """(t, 3, 3) float64 rotations of rotation vectors (t, 3), radians.

    Source:
        Rodrigues' formula.
    """
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=1)
    x, y, z = vectors.T
    zero = np.zeros(len(vectors))
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    first = np.sinc(angle / np.pi)[:, None, None]
    second = 0.5 * np.sinc(0.5 * angle / np.pi)[:, None, None] ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def rotation_vectors(rotation):
    """(t, 3) float64 rotation vectors, radians, of rotations (t, 3, 3) by less than half a turn."""
    rotation = np.asarray(rotation, np.float64)
    twist = np.stack([rotation[:, 2, 1] - rotation[:, 1, 2], rotation[:, 0, 2] - rotation[:, 2, 0],
                      rotation[:, 1, 0] - rotation[:, 0, 1]], 1)
    sine = 0.5 * np.linalg.norm(twist, axis=1)
    angle = np.arctan2(sine, 0.5 * (np.trace(rotation, axis1=1, axis2=2) - 1))
    return 0.5 * twist / np.maximum(np.sinc(angle / np.pi), 1e-9)[:, None]
