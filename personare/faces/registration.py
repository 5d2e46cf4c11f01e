"""Which point of one head is which point of another: rigid fit, smooth warp by landmarks, then closest points.

Sources:
    Umeyama, Least-squares estimation of transformation parameters, 1991; Carr et al., Reconstruction and representation
    of 3D objects with radial basis functions, 2001; Amberg et al., Optimal step nonrigid ICP, 2007; Ericson, Real-Time
    Collision Detection, 2004 (closest point on a triangle).
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError, MissingExtra

# Stiffness of the warp, from a sheet of steel to one of rubber, relative to the pull of the closest points.
_STIFFNESS = (30.0, 30.0, 10.0, 10.0, 3.0, 1.0, 0.5)
# How far, relative to the spread of the landmarks, each step looks for the surface.
_SEARCH = (0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)
_ANCHOR_PULL = 4.0
_CANDIDATES = 12
_REACH = 1.60            # How far beyond the landmarks the warp follows the surface, relative to their spread.
_NEAR = 0.060            # How far apart, relative to the spread, two surfaces may be to count as one.
_SAME_SIDE = 0.35        # Cosine between normals above which two surfaces look the same way.


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Vertices of one mesh and the points of another that they are.

    Args:
        vertices: (n,) int32, the target's vertices that have a counterpart.
        corners: (n, 3) int32, the source's vertices around it.
        weights: (n, 3) float32 barycentric weights of the corners.
        turn: (3, 3) float32, turns and scales a displacement of the source into the target's axes and units.
        gap_m: (n,) float32, distance between the warped source and the target there, in the target's units.
        warped: (s, 3) float32, the source's vertices laid on the target.
    """

    vertices: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    turn: np.ndarray
    gap_m: np.ndarray
    warped: np.ndarray

    def carried(self, field):
        """A displacement field (..., s, 3) of the source at the target's vertices, (..., n, 3), in target units."""
        picked = sum(field[..., self.corners[:, i], :] * self.weights[:, i, None] for i in range(3))
        return picked @ self.turn.T


def register(source, target, source_anchors, target_anchors):
    """Lay a source mesh on a target mesh of another topology.

    Args:
        source, target: (vertices (v, 3) float, triangles (f, 3) int) each.
        source_anchors, target_anchors: (n, 3) float positions of the same n landmarks on both, at least 6.

    Returns:
        Correspondence of the part of the target that the landmarks surround.

    Raises:
        InputError: too few landmarks, or surfaces that do not come together.
        MissingExtra: scipy is not installed.
    """
    _scipy()
    if len(source_anchors) < 6 or len(source_anchors) != len(target_anchors):
        raise InputError("landmarks", expected="at least 6, the same ones on both meshes",
                         got=f"{len(source_anchors)} and {len(target_anchors)}", remedy="name more of them")
    points, faces = np.asarray(source[0], np.float64), np.asarray(source[1])
    goal, goal_faces = np.asarray(target[0], np.float64), np.asarray(target[1])
    here, there = np.asarray(source_anchors, np.float64), np.asarray(target_anchors, np.float64)
    turn, shift = similarity(here, there)
    spread = float(np.linalg.norm(there - there.mean(axis=0), axis=1).max())
    faces, goal_faces = _part_with(faces, points, here), _part_with(goal_faces, goal, there)
    warped = _bent(points @ turn.T + shift, here @ turn.T + shift, there)
    warped = _settled(warped, faces, goal, goal_faces, (_nearest_vertices(points, faces, here), there), spread)
    return _matched(warped, faces, goal, goal_faces, there, turn, spread)


def same_vertices(source, target):
    """Correspondence of two faces that share their triangles, vertex by vertex; None for any others."""
    one, other = source.surface.triangles, target.surface.triangles
    if one.shape != other.shape or not np.array_equal(one, other):
        return None
    here, there = source.neutral(), target.neutral()
    turn, _ = similarity(here.astype(np.float64), there.astype(np.float64))
    index = np.arange(len(here), dtype=np.int32)
    alone = np.zeros((len(here), 3), np.float32)
    alone[:, 0] = 1
    return Correspondence(index, np.repeat(index[:, None], 3, axis=1), alone, turn.astype(np.float32),
                          np.zeros(len(here), np.float32), there)


def similarity(here, there):
    """(3, 3) turn with scale and (3,) shift that carry points (n, 3) nearest to others, in the least-squares sense."""
    a, b = here.mean(axis=0), there.mean(axis=0)
    u, size, vt = np.linalg.svd((there - b).T @ (here - a))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt * ((size * sign).sum() / max(((here - a) ** 2).sum(), 1e-30))
    return turn, b - turn @ a


def normals_of(vertices, triangles):
    """(v, 3) float64 unit normals, area weighted."""
    corners = vertices[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3))
    for i in range(3):
        np.add.at(normals, triangles[:, i], facing)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def closest_points(queries, query_normals, vertices, triangles):
    """The point of a mesh nearest to each query among those that look the same way.

    Args:
        queries, query_normals: (n, 3) float.
        vertices, triangles: the mesh.

    Returns:
        triangle (n,) int, -1 where nothing near looks the same way; weights (n, 3); distance (n,).
    """
    from scipy.spatial import cKDTree

    corners = vertices[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
    count = min(_CANDIDATES, len(triangles))
    _, near = cKDTree(corners.mean(axis=1)).query(queries, k=count)
    near = near.reshape(len(queries), count)
    best = np.full(len(queries), np.inf)
    triangle, weights = np.full(len(queries), -1), np.zeros((len(queries), 3))
    for candidate in near.T:
        share = _on_triangle(queries, corners[candidate])
        distance = np.linalg.norm((share[:, :, None] * corners[candidate]).sum(axis=1) - queries, axis=1)
        better = (distance < best) & ((facing[candidate] * query_normals).sum(axis=1) > _SAME_SIDE)
        best[better], triangle[better], weights[better] = distance[better], candidate[better], share[better]
    return triangle, weights, best


def _on_triangle(points, corners):
    """(n, 3) barycentric weights of the point of each triangle (n, 3, 3) nearest to each point."""
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (p * ab).sum(1), (p * ac).sum(1)
    down = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / down, (d00 * d21 - d01 * d20) / down
    inside = np.stack([1 - v - w, v, w], axis=1)
    best, share = np.where(inside.min(axis=1) >= 0, -1.0, np.inf), inside
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge = corners[:, j] - corners[:, i]
        at = np.clip(((points - corners[:, i]) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-30), 0, 1)
        far = ((corners[:, i] + at[:, None] * edge - points) ** 2).sum(1)
        on_edge = np.zeros_like(inside)
        on_edge[:, i], on_edge[:, j] = 1 - at, at
        nearer = far < best
        best, share = np.where(nearer, far, best), np.where(nearer[:, None], on_edge, share)
    return share


def _part_with(triangles, vertices, anchors):
    """The triangles of the connected part of a mesh that most anchors lie on; vertices at one place are joined."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, joined = np.unique(np.round(vertices / max(np.ptp(vertices), 1e-30), 6), axis=0, return_inverse=True)
    edges = joined.reshape(-1)[triangles]
    ones = np.ones(len(edges) * 2)
    graph = coo_matrix((ones, (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 2]])),
                       shape=(joined.max() + 1,) * 2)
    _, part = connected_components(graph, directed=False)
    votes = part[joined.reshape(-1)[_nearest_vertices(vertices, triangles, anchors)]]
    return triangles[part[edges[:, 0]] == np.bincount(votes).argmax()]


def _nearest_vertices(vertices, triangles, points):
    from scipy.spatial import cKDTree

    used = np.unique(triangles)
    return used[cKDTree(vertices[used]).query(points)[1]]


def _bent(points, here, there):
    """Points moved with anchors, smoothly in between (biharmonic splines with a plane)."""
    from scipy.interpolate import RBFInterpolator

    here, first = np.unique(np.round(here, 9), axis=0, return_index=True)
    moved = RBFInterpolator(here, there[first] - here, kernel="linear", degree=1,
                            smoothing=1e-4 * np.ptp(here, axis=0).max())
    return points + moved(points)


def _settled(warped, faces, goal, goal_faces, anchors, spread):
    """Warped vertices drawn onto the goal's surface, step by step less stiffly."""
    from scipy.sparse import coo_matrix, diags, identity
    from scipy.sparse.linalg import splu
    from scipy.spatial import cKDTree

    used = np.unique(faces)
    reach = cKDTree(anchors[1]).query(warped[used])[0] < _REACH * spread
    slot = np.full(len(warped), -1)
    slot[used] = np.arange(len(used))
    edges = np.unique(np.sort(slot[faces][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    rows = np.repeat(np.arange(len(edges)), 2)
    steps = coo_matrix((np.tile([1.0, -1.0], len(edges)), (rows, edges.reshape(-1))), shape=(len(edges), len(used)))
    stiff = (steps.T @ steps).tocsc()
    pinned, places = slot[anchors[0]], anchors[1]
    for stiffness, search in zip(_STIFFNESS, _SEARCH, strict=True):
        now = warped[used]
        triangle, share, gap = closest_points(now, normals_of(warped, faces)[used], goal, goal_faces)
        pulled = reach & (triangle >= 0) & (gap < search * spread)
        aim = (share[:, :, None] * goal[goal_faces[triangle]]).sum(axis=1) - now
        pull, force = pulled.astype(float), aim * pulled[:, None]
        np.add.at(pull, pinned, _ANCHOR_PULL)
        np.add.at(force, pinned, _ANCHOR_PULL * (places - now[pinned]))
        system = stiffness * stiff + diags(pull) + 1e-6 * identity(len(used))
        warped = warped.copy()
        warped[used] = now + splu(system.tocsc()).solve(force)
    return warped


def _matched(warped, faces, goal, goal_faces, anchors, turn, spread):
    from scipy.spatial import cKDTree

    used = np.unique(goal_faces)
    used = used[cKDTree(anchors).query(goal[used])[0] < _REACH * spread]
    triangle, share, gap = closest_points(goal[used], normals_of(goal, goal_faces)[used], warped, faces)
    met = (triangle >= 0) & (gap < _NEAR * spread)
    if met.sum() < 50:
        raise InputError("faces", expected="two heads whose surfaces come together",
                         got=f"{int(met.sum())} vertices that meet", remedy="check the landmarks, units and axes")
    return Correspondence(used[met].astype(np.int32), faces[triangle[met]].astype(np.int32),
                          share[met].astype(np.float32), turn.astype(np.float32), gap[met].astype(np.float32),
                          warped.astype(np.float32))


def _scipy():
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise MissingExtra("finding one head's points on another", package="scipy", extra="faces") from error
