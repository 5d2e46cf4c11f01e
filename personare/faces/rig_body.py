"""The vertices of a rig: morph targets, then the skin, only where something moves."""

from dataclasses import dataclass, replace

import numpy as np

from personare.faces.skin import Skin, skinned
from personare.types import Surface

# Normals of two vertices at one place are one normal where they lean apart by less than 60 degrees.
_SAME_NORMAL = 0.5
# Frames posed at once, so that the matrices of many joints stay small.
_FRAMES = 64


@dataclass(frozen=True, eq=False)
class Piece:
    """One Part in motion.

    Args:
        part: the Part.
        place: slice of its vertices among all.
        skin: Skin over its joints; its own node where it has none.
        joints: (j,) int, the nodes of those.
        moving: (m,) int, its vertices that targets or turning bones move.
        column: (m,) int, row of part.shapes of each of them, or -1.
    """

    part: object
    place: slice
    skin: Skin
    joints: np.ndarray
    moving: np.ndarray
    column: np.ndarray


@dataclass(frozen=True, eq=False)
class Body:
    """All vertices of a rig.

    Args:
        pieces: Pieces.
        rest: (v, 3) float32 world, metres.
        world: (n, 4, 4) float64 world_from_node at rest, +z out of the face.
        facing: (4, 4) float64 world_from_scene.
        bone_of: (n,) int, position of the Bone that moves each node, or -1.
        counts: node -> number of morph targets.
        starts: node -> (k,) float32 weights that the file starts with.
    """

    pieces: tuple
    rest: np.ndarray
    world: np.ndarray
    facing: np.ndarray
    bone_of: np.ndarray
    counts: dict
    starts: dict

    def posed(self, count, targets, turns):
        """Vertices in motion.

        Args:
            count: frames t.
            targets: node -> (t, k) float32, added to the weights that the file starts with.
            turns: for each Bone (t or 1, 4, 4), what it does to the world at rest.

        Returns:
            (t, v, 3) float32.
        """
        out = np.repeat(self.rest[None], count, axis=0)
        for start in range(0, count, _FRAMES):
            span = slice(start, min(start + _FRAMES, count))
            size = span.stop - span.start
            here = [turn if len(turn) == 1 else turn[span] for turn in turns]
            for piece in self.pieces:
                if len(piece.moving):
                    rows = targets.get(piece.part.node)
                    local = _morphed(piece, self.starts[piece.part.node], None if rows is None else rows[span], size)
                    world = self._joints(piece, here, size)
                    rows = np.arange(piece.place.start, piece.place.stop)[piece.moving]
                    out[span, rows] = skinned(_some(piece.skin, piece.moving), local, world)
        return out

    def _joints(self, piece, turns, count):
        """(t, j, 4, 4) float32 world_from_joint."""
        world = np.repeat(self.world[piece.joints][None], count, axis=0)
        for bone, turn in enumerate(turns):
            held = self.bone_of[piece.joints] == bone
            if held.any():
                world[:, held] = turn[:, None] @ self.world[piece.joints[held]]
        return world.astype(np.float32)

    def follow(self, chosen):
        """(v,) float32 in 0..1, how far each vertex follows some nodes.

        Args:
            chosen: (n,) bool.
        """
        share = np.zeros(len(self.rest), np.float32)
        for piece in self.pieces:
            share[piece.place] = piece.skin.weights[:, chosen[piece.joints]].sum(1)
        return share


def _some(skin, rows):
    return skin if len(rows) == len(skin.weights) else replace(skin, weights=skin.weights[rows])


def _morphed(piece, start, rows, count):
    """(t, m, 3) float32 positions of the moving vertices in the coordinates of their mesh."""
    part = piece.part
    local = part.points[piece.moving]
    held = np.flatnonzero(piece.column >= 0)
    if not len(held):
        return np.repeat(local[None], count, axis=0)
    weights = np.repeat(start[None], count, axis=0) if rows is None else start + rows
    used = np.flatnonzero(weights.any(0))
    shapes = part.shapes[np.ix_(used, piece.column[held])].reshape(len(used), 3 * len(held))
    local = np.repeat(local[None], count, axis=0)
    local[:, held] += (weights[:, used] @ shapes).reshape(count, -1, 3)
    return local


def build_body(gltf, nodes, parts, facing, bone_of):
    """The Body of parts.

    Args:
        gltf: Gltf.
        nodes: Nodes.
        parts: Parts, in the order of their vertices.
        facing: (4, 4) float64 world_from_scene.
        bone_of: (n,) int, position of the Bone that moves each node, or -1.
    """
    world = facing @ nodes.world
    counts, starts = {}, {}
    for part in parts:
        counts[part.node] = len(part.shapes)
        starts[part.node] = _start(gltf, part)
    pieces, place = [], 0
    for part in parts:
        pieces.append(_piece(part, slice(place, place + len(part.points)), bone_of))
        place += len(part.points)
    rest = np.empty((place, 3), np.float32)
    for piece in pieces:
        every = replace(piece, moving=np.arange(len(piece.part.points)), column=_columns(piece.part))
        local = _morphed(every, starts[piece.part.node], None, 1)
        rest[piece.place] = skinned(piece.skin, local, world[piece.joints][None].astype(np.float32))[0]
    return Body(tuple(pieces), rest, world, facing, bone_of, counts, starts)


def _start(gltf, part):
    """(k,) float32 weights that a mesh starts with at a node."""
    given = gltf.row("nodes", part.node).weights or gltf.row("meshes", part.mesh).weights
    start = np.array(given, np.float32) if len(given) == len(part.shapes) else np.zeros(len(part.shapes), np.float32)
    if not np.isfinite(start).all():
        raise gltf.wrong("finite weights of morph targets", str(given[:4]))
    return start


def _columns(part):
    """(v,) int, row of part.shapes of each vertex, or -1."""
    column = np.full(len(part.points), -1)
    column[part.moved] = np.arange(len(part.moved))
    return column


def _piece(part, place, bone_of):
    if len(part.joints):
        joints, binds, weights = part.joints, part.inverse_binds, part.weights
    else:
        joints, binds = np.array([part.node]), np.eye(4, dtype=np.float32)[None]
        weights = np.ones((len(part.points), 1), np.float32)
    skin = Skin(np.full(len(joints), -1), binds, weights)
    column = _columns(part)
    moves = (column >= 0) | (skin.weights[:, bone_of[joints] >= 0] > 0).any(1)
    moving = np.flatnonzero(moves)
    return Piece(part, place, skin, joints, moving, column[moving])


def build_surface(parts, rest, materials, used):
    """The Surface of parts.

    Args:
        parts: Parts with texture coordinates within 0..1, v counted downwards.
        rest: (v, 3) float32.
        materials: Materials.
        used: number of the material in the file -> its place in materials.
    """
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)])
    uv = np.concatenate([part.uv for part in parts]).astype(np.float64)
    return Surface(
        triangles=triangles.astype(np.int32), uv=np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32),
        color=np.concatenate([part.color for part in parts]), occlusion=np.ones(len(uv), np.float32),
        materials=tuple(materials), weld=_weld(parts, rest),
        triangle_material=np.concatenate([np.full(len(part.triangles), used[part.material]) for part in parts]))


def _weld(parts, rest):
    """(v,) int32, the first vertex of the same mesh at the same place with about the same normal."""
    mesh = np.concatenate([np.full(len(part.points), part.node) for part in parts])
    normals = np.concatenate([np.zeros_like(part.points) if part.normals is None else part.normals for part in parts])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(length, 1e-12)
    key = np.concatenate([mesh[:, None].astype(np.float32), rest], 1)
    _, first, place = np.unique(key, axis=0, return_index=True, return_inverse=True)
    weld = first[place.ravel()]
    apart = (normals * normals[weld]).sum(1) < _SAME_NORMAL
    apart &= (length[:, 0] > 0) & (length[weld, 0] > 0)
    return np.where(apart, np.arange(len(rest)), weld).astype(np.int32)


def taken(part, rows, uv, triangles):
    """A Part made of some vertices of another, in a new order, with new texture coordinates and triangles."""
    column = _columns(part)[rows]
    moved = np.flatnonzero(column >= 0)
    return replace(
        part, points=part.points[rows], normals=None if part.normals is None else part.normals[rows], uv=uv,
        color=part.color[rows], triangles=triangles, moved=moved, shapes=part.shapes[:, column[moved]],
        weights=part.weights[rows])
