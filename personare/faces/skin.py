"""Linear blend skinning: vertices follow joints. For FLAME's neck, jaw and eyes, and for rigs from glTF and VRM."""

from dataclasses import dataclass
from typing import final

import numpy as np

from personare.arrays import checked
from personare.errors import InputError

# A joint whose matrix differs from the identity by less than this does not move anything that can be seen.
_STILL = 1e-7

# OpenBLAS starts threads for products of more multiplications than this; see personare/faces/linear.py.
_SERIAL_PRODUCT = 2**18


@final
@dataclass(frozen=True, eq=False)
class Skin:
    """Which joint moves which vertex.

    Args:
        parents: (j,) int32, index of each joint's parent, -1 for a root; in any order.
        inverse_binds: (j, 4, 4) float32 joint_from_rest: rest coordinates of the mesh to those of the joint.
        weights: (v, j) float32 >= 0; rows are brought to a sum of 1, a row of zeros follows no joint.

    Raises:
        InputError: shapes that do not fit, a negative weight, or parents that go in a circle.
    """

    parents: np.ndarray
    inverse_binds: np.ndarray
    weights: np.ndarray

    def __post_init__(self):
        parents = checked("parents", self.parents, ("j",), dtype=np.int32)
        binds = checked("inverse_binds", self.inverse_binds, (len(parents), 4, 4))
        weights = checked("weights", self.weights, ("v", len(parents)))
        if weights.size and weights.min() < 0:
            raise InputError("weights", expected="numbers of 0 or more", got=f"{weights.min():g}",
                             remedy="check the source of the skin")
        order_of(parents)
        total = weights.sum(1, keepdims=True)
        object.__setattr__(self, "parents", parents)
        object.__setattr__(self, "inverse_binds", binds)
        object.__setattr__(self, "weights", weights / np.where(total > 0, total, 1))

    def __len__(self):
        return len(self.parents)


def order_of(parents):
    """Joints in an order in which every parent comes before its children, as a list of ints.

    Args:
        parents: (j,) int, -1 for a root.

    Raises:
        InputError: a parent out of range, or parents that go in a circle.
    """
    parents = np.asarray(parents)
    if parents.size and (parents.min() < -1 or parents.max() >= len(parents)):
        raise InputError("parents", expected=f"indices in -1..{len(parents) - 1}",
                         got=f"{parents.min()}..{parents.max()}", remedy="check the source of the skin")
    children = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(joint)
    order = [joint for joint, parent in enumerate(parents) if parent < 0]
    for joint in order:
        order.extend(children[joint])
    if len(order) != len(parents):
        raise InputError("parents", expected="a tree", got="joints that are their own ancestors",
                         remedy="check the source of the skin")
    return order


def world_from_joints(parent_from_joint, parents):
    """Chain the transforms of joints down from the roots.

    Args:
        parent_from_joint: (..., j, 4, 4) float.
        parents: (j,) int, -1 for a root; in any order.

    Returns:
        (..., j, 4, 4) world_from_joint of the same dtype.
    """
    world = np.array(parent_from_joint)
    for joint in order_of(parents):
        if parents[joint] >= 0:
            world[..., joint, :, :] = world[..., parents[joint], :, :] @ parent_from_joint[..., joint, :, :]
    return world


def skinned(skin, vertices, world_from_joint):
    """Vertices moved by their joints: p' = sum_j weight_j * world_from_joint_j * joint_from_rest_j * p.

    Joints that stand at rest cost nothing, and vertices that no moving joint touches are not read.

    Args:
        skin: Skin of v vertices and j joints.
        vertices: (v, 3) for all frames or (t, v, 3) float32, at rest; not changed.
        world_from_joint: (t, j, 4, 4) float32.

    Returns:
        (t, v, 3) float32.

    Raises:
        InputError: shapes that do not fit.
    """
    count, joints = len(skin.weights), len(skin)
    world = checked("world_from_joint", world_from_joint, ("t", joints, 4, 4))
    vertices = np.asarray(vertices, np.float32)
    if vertices.shape[-2:] != (count, 3) or vertices.shape[:-2] not in ((), (len(world),)):
        raise InputError("vertices", expected=f"shape ({count}, 3) or ({len(world)}, {count}, 3)",
                         got=f"shape {vertices.shape}", remedy="pass one mesh, or one for each frame")
    moved = np.array(np.broadcast_to(vertices, (len(world), count, 3)))
    # Weights sum to 1, so p' = p + sum_j weight_j * (matrix_j - 1) * p, in which resting joints fall out.
    steps = (world @ skin.inverse_binds)[:, :, :3] - np.eye(3, 4, dtype=np.float32)
    moving = np.flatnonzero((np.abs(steps) > _STILL).any((0, 2, 3)))
    touched = np.flatnonzero((skin.weights[:, moving] > 0).any(1))
    if not len(touched):
        return moved
    share = np.ascontiguousarray(skin.weights[np.ix_(touched, moving)].T)
    width = max(64, _SERIAL_PRODUCT // (12 * len(moving)))
    for start in range(0, len(touched), width):
        piece = slice(start, start + width)
        _add_moves(moved, touched[piece], steps[:, moving], share[:, piece])
    return moved


def _add_moves(moved, touched, steps, share):
    """Move some vertices of every frame, in place: steps (t, m, 3, 4) blended by share (m, n)."""
    for frame, step in zip(moved, steps, strict=True):
        blended = (step.reshape(len(step), 12).T @ share).reshape(3, 4, -1)
        points = frame[touched].T
        frame[touched] += (blended[:, 0] * points[0] + blended[:, 1] * points[1] + blended[:, 2] * points[2]
                           + blended[:, 3]).T


def rotation_from_vector(vectors):
    """Rotation matrices of axis-angle vectors (Rodrigues).

    Args:
        vectors: (..., 3) float, axis times angle in radians.

    Returns:
        (..., 3, 3) of the same floating dtype.
    """
    vectors = np.asarray(vectors)
    vectors = vectors if vectors.dtype.kind == "f" else vectors.astype(np.float32)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape[:-1], 3, 3)
    # sinc keeps both factors exact at angle 0: sin(a) / a, and (1 - cos(a)) / a^2 as half a squared sinc.
    return (np.eye(3, dtype=vectors.dtype) + np.sinc(angle / np.pi) * cross
            + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross))


def rigid(rotation, offset):
    """(..., 4, 4) transforms of rotations (..., 3, 3) and offsets (..., 3), broadcast together."""
    shape = np.broadcast_shapes(rotation.shape[:-2], offset.shape[:-1])
    matrix = np.zeros((*shape, 4, 4), np.result_type(rotation, offset))
    matrix[..., :3, :3], matrix[..., :3, 3], matrix[..., 3, 3] = rotation, offset, 1
    return matrix
