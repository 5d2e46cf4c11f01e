"""The scene of a glTF file: where its nodes stand, and what is drawn at each.

Source:
    Khronos Group, glTF 2.0 specification, sections 3.5 (scenes) and 3.7 (geometry, skins).
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError
from personare.faces.gltf import FARTHEST
from personare.faces.skin import order_of, world_from_joints

MOST_NODES = 20_000
_MOST_SETS = 4  # JOINTS_0..JOINTS_3, sixteen joints for a vertex
_LIST, _STRIP, _FAN = 4, 5, 6
_VERTEX_BYTES = 64  # place at rest and in the world, normal, coordinates, colour


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive at one node, with the vertices that it uses.

    Args:
        node, mesh: where it hangs, and the mesh it is of.
        material: index, or None.
        points: (v, 3) float32 at rest, in the coordinates of the mesh.
        normals: (v, 3) float32 or None.
        uv: (v, 2) float32, v counted downwards as in the file.
        color: (v, 3) float32 linear RGB.
        triangles: (f, 3) int32.
        moved: (m,) int, vertices that some morph target moves.
        shapes: (k, m, 3) float32, what each target of the mesh does to them.
        joints: (j,) int, nodes that its vertices follow; empty where it follows its own node.
        inverse_binds: (j, 4, 4) float32.
        weights: (v, j) float32.
    """

    node: int
    mesh: int
    material: int | None
    points: np.ndarray
    normals: np.ndarray | None
    uv: np.ndarray
    color: np.ndarray
    triangles: np.ndarray
    moved: np.ndarray
    shapes: np.ndarray
    joints: np.ndarray
    inverse_binds: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of a file at rest.

    Args:
        parents: (n,) int32, -1 for a root.
        order: node numbers, parents first.
        local: (n, 4, 4) float64 parent_from_node.
        world: (n, 4, 4) float64.
        shown: (n,) bool, part of the scene that is drawn.
    """

    parents: np.ndarray
    order: list
    local: np.ndarray
    world: np.ndarray
    shown: np.ndarray

    def follows(self, joint):
        """(n,) bool, the nodes that move when one does: itself and all below."""
        follows = np.zeros(len(self.parents), bool)
        for node in self.order:
            follows[node] = node == joint or (self.parents[node] >= 0 and follows[self.parents[node]])
        return follows


def read_nodes(gltf):
    """The Nodes of a file.

    Raises:
        InputError: too many, a child that does not exist or has two parents, or nodes in a circle.
    """
    rows = gltf.tables.nodes
    if not 0 < len(rows) <= MOST_NODES:
        raise gltf.wrong(f"1 to {MOST_NODES} nodes", f"{len(rows)}")
    parents = np.full(len(rows), -1, np.int32)
    for number, node in enumerate(rows):
        for child in node.children:
            gltf.row("nodes", child)
            if parents[child] >= 0 or child == number:
                raise gltf.wrong("a tree of nodes", f"node {child} with two parents or its own")
            parents[child] = number
    try:
        order = order_of(parents)
    except InputError:
        raise gltf.wrong("a tree of nodes", "nodes that are their own ancestors") from None
    local = np.stack([_local(node) for node in rows])
    with np.errstate(over="ignore", invalid="ignore"):
        world = world_from_joints(local, parents)
    if not (np.isfinite(world).all() and np.abs(world).max() < FARTHEST):
        raise gltf.wrong("transforms of nodes within reason", "infinite or huge ones")
    return Nodes(parents, order, local, world, _shown(gltf, parents, order))


def _local(node):
    """(4, 4) parent_from_node."""
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T
    x, y, z, w = node.rotation
    size = x * x + y * y + z * z + w * w
    s = 2 / size if 1e-12 < size < 1e12 else 0.0
    turn = np.array([[1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
                     [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
                     [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.scale)
    matrix[:3, 3] = node.translation
    return matrix


def _shown(gltf, parents, order):
    """(n,) bool, nodes of the scene that is drawn; all of them where there is none."""
    if not gltf.tables.scenes:
        return np.ones(len(parents), bool)
    roots = gltf.row("scenes", gltf.tables.scene or 0).nodes
    shown = np.zeros(len(parents), bool)
    for root in roots:
        gltf.row("nodes", root)
        shown[root] = True
    for node in order:
        shown[node] |= parents[node] >= 0 and shown[parents[node]]
    return shown


def target_names(gltf, mesh):
    """Names of a mesh's morph targets: those in extras, of the mesh or its first primitive, else target_0, ..."""
    count = len(mesh.primitives[0].targets)
    for extras in (mesh.extras, mesh.primitives[0].extras):
        names = extras.get("targetNames") if isinstance(extras, dict) else None
        if isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names):
            return names
    return [f"target_{i}" for i in range(count)]


def read_parts(gltf, nodes):
    """Every Part that is drawn, in the order of the nodes.

    Raises:
        InputError: vertices, indices, targets or skins that do not fit together, or no triangles at all.
    """
    parts, seen = [], {}
    for number, node in enumerate(gltf.tables.nodes):
        if node.mesh is None or not nodes.shown[number]:
            continue
        mesh = gltf.row("meshes", node.mesh)
        count = len(mesh.primitives[0].targets)
        for primitive in mesh.primitives:
            if len(primitive.targets) != count:
                raise gltf.wrong(f"{count} morph targets in every part of a mesh", f"{len(primitive.targets)}")
            if primitive.mode in (_LIST, _STRIP, _FAN) and "POSITION" in primitive.attributes:
                part = _read_part(gltf, number, node, primitive, seen)
                parts += [part] if len(part.triangles) else []
    if not parts:
        raise InputError(gltf.path, expected="a mesh of triangles", got="none",
                         remedy="name a file that holds a character")
    return parts


def _read_part(gltf, number, node, primitive, seen):
    """The Part of one primitive."""
    def read(kind, name, most):
        key = primitive.attributes[name], kind
        if key not in seen:
            seen[key] = gltf.floats(key[0], kind=kind, most=most)
        return seen[key]

    def rows(kind, name, most=np.inf):
        values = read(kind, name, most)
        if len(values) != count:
            raise gltf.wrong(f"{count} rows of {name}, as of POSITION", f"{len(values)}")
        return _some(values, used)

    attributes, count = primitive.attributes, len(read("VEC3", "POSITION", FARTHEST))
    triangles, used = _triangles(gltf, primitive, count)
    # A mesh may hang at many nodes, and each has vertices of its own.
    gltf.charge(len(used) * _VERTEX_BYTES + triangles.nbytes)
    color = rows(("VEC3", "VEC4"), "COLOR_0")[:, :3] if "COLOR_0" in attributes else np.ones((len(used), 3), np.float32)
    moved, shapes = _shapes(gltf, primitive, count, used, seen)
    joints, binds, weights = _skin(gltf, node, primitive, rows, len(used))
    return Part(
        node=number, mesh=node.mesh, material=primitive.material, points=rows("VEC3", "POSITION", FARTHEST),
        normals=rows("VEC3", "NORMAL") if "NORMAL" in attributes else None,
        uv=_uv(gltf, primitive, rows, len(used)), color=np.clip(color, 0, 1), triangles=triangles, moved=moved,
        shapes=shapes, joints=joints, inverse_binds=binds, weights=weights)


def _some(rows, used):
    """Rows of those numbers; the array itself where that is all of them."""
    return rows if len(used) == len(rows) else rows[used]


def _triangles(gltf, primitive, count):
    """(f, 3) int32 over the vertices that are used, and the numbers of those."""
    if primitive.indices is None:
        corners = np.arange(count, dtype=np.int64)
    else:
        corners = gltf.array(primitive.indices, kind="SCALAR").reshape(-1)
        if corners.dtype.kind != "u" or corners.max() >= count:
            raise gltf.wrong(f"indices of {count} vertices", f"up to {corners.max()}")
        corners = corners.astype(np.int64)
    if primitive.mode == _LIST:
        corners = corners[:len(corners) // 3 * 3].reshape(-1, 3)
    elif len(corners) < 3:
        corners = corners[:0].reshape(0, 3)
    elif primitive.mode == _STRIP:
        corners = np.stack([corners[:-2], corners[1:-1], corners[2:]], 1)
        corners[1::2] = corners[1::2, [1, 0, 2]]
    else:
        corners = np.stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]], 1)
    place = np.zeros(count, np.int32)
    place[corners] = 1
    used = np.flatnonzero(place)
    place[used] = np.arange(len(used))
    return place[corners], used


def _shapes(gltf, primitive, count, used, seen):
    """(m,) vertices that any target moves, and (k, m, 3) float32 how far."""
    steps = []
    for target in primitive.targets:
        accessor = target.get("POSITION")
        if accessor is None:
            steps.append(None)
            continue
        if accessor not in seen:
            seen[accessor] = gltf.floats(accessor, kind="VEC3", most=FARTHEST)
        if len(seen[accessor]) != count:
            raise gltf.wrong(f"{count} rows in a morph target", f"{len(seen[accessor])}")
        steps.append(_some(seen[accessor], used))
    moves = np.zeros(len(used), bool)
    for step in steps:
        if step is not None:
            moves |= (step != 0).any(1)
    moved = np.flatnonzero(moves)
    gltf.charge(len(steps) * len(moved) * 12)
    shapes = np.zeros((len(steps), len(moved), 3), np.float32)
    for row, step in zip(shapes, steps, strict=True):
        if step is not None:
            row[:] = step[moved]
    return moved, shapes


def _skin(gltf, node, primitive, rows, count):
    """Joints in use, their inverse binds, and (v, j) float32 weights."""
    nothing = np.zeros(0, np.int64), np.zeros((0, 4, 4), np.float32), np.zeros((count, 0), np.float32)
    sets = [i for i in range(_MOST_SETS) if {f"JOINTS_{i}", f"WEIGHTS_{i}"} <= set(primitive.attributes)]
    if node.skin is None or not sets:
        return nothing
    skin = gltf.row("skins", node.skin)
    for joint in skin.joints:
        gltf.row("nodes", joint)
    index = np.concatenate([rows("VEC4", f"JOINTS_{i}") for i in sets], 1).astype(np.int64)
    weight = np.concatenate([rows("VEC4", f"WEIGHTS_{i}") for i in sets], 1)
    index[weight <= 0] = 0
    if index.max(initial=0) >= len(skin.joints) or index.min(initial=0) < 0:
        raise gltf.wrong(f"joints 0..{len(skin.joints) - 1}", f"{index.max()}")
    used, column = np.unique(index, return_inverse=True)
    gltf.charge(count * len(used) * 8)
    weights = np.zeros((count, len(used)), np.float32)
    np.add.at(weights, (np.arange(count)[:, None], column.reshape(index.shape)), np.maximum(weight, 0))
    binds = np.tile(np.eye(4, dtype=np.float32), (len(used), 1, 1))
    if skin.inverse_bind_matrices is not None:
        matrices = gltf.floats(skin.inverse_bind_matrices, kind="MAT4", most=FARTHEST)
        if len(matrices) < len(skin.joints):
            raise gltf.wrong(f"{len(skin.joints)} inverse bind matrices", f"{len(matrices)}")
        binds = matrices.reshape(-1, 4, 4).transpose(0, 2, 1)[used]
    return np.array(skin.joints, np.int64)[used], np.ascontiguousarray(binds), weights


def _uv(gltf, primitive, rows, count):
    """(v, 2) float32 coordinates of the base colour texture, moved as KHR_texture_transform says."""
    from personare.faces.gltf_looks import texture_place

    coordinates, transform = texture_place(gltf, primitive.material)
    name = f"TEXCOORD_{coordinates}"
    if name not in primitive.attributes:
        return np.zeros((count, 2), np.float32)
    uv = rows("VEC2", name, 1e6).astype(np.float64)
    return (uv @ transform[:, :2].T + transform[:, 2]).astype(np.float32)
