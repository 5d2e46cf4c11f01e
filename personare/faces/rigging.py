"""ARKit shapes for a head that has none: what the built-in head does, carried over triangle by triangle.

A triangle of the new head turns and stretches as the triangle of the template that lies there; the vertices follow in
the least-squares sense. Eyes, teeth and tongue stay rigid and move as the template's.

Source:
    Sumner and Popovic, Deformation transfer for triangle meshes, 2004, in the form of Botsch et al., Deformation
    transfer for detail-preserving surface editing, 2006 (a Poisson system instead of a fourth vertex).
"""


import numpy as np

from personare.faces.linear import LinearFace
from personare.faces.registration import closest_points, register, similarity

# The template's own places pull only so strongly that the sheet cannot drift: shape comes from turning and stretching.
_PLACE_PULL = 0.15
_FREE = 0.4
# Room around the template's teeth, in their own width, height and depth, that counts as mouth: before and behind them.
_MOUTH_ROOM = np.array([[0.5, 0.8, 2.5], [0.5, 0.8, 0.5]])
_SMOOTHING = 25
_SKIN_M, _LONGEST_BLINK = 0.0004, 1.6
_MEMBRANE = 0.02         # Weight of triangles that have no counterpart.


def with_shapes_of(template, face, template_anchors, face_anchors, *, lids=None):
    """A face with the shapes of another.

    Args:
        template: LinearFace whose shapes are wanted, such as sona.
        face: Face at rest, with any topology; its own shapes are not used.
        template_anchors, face_anchors: (n, 3) float positions of the same landmarks on both, see
            personare.tracking.landmarks.
        lids: name of a blink -> (p, 2, 3) float points of the face on the edges of upper and lower lid that should
            meet; blinks that fall short are lengthened.

    Returns:
        LinearFace in the template's space: the face's surface and rest, new shapes; head weight and pivot are the
        face's own. jawOpen and mouthClose together leave the lips as they rest.

    Raises:
        InputError: the two heads do not come together, or there are too few landmarks.
        MissingExtra: scipy is not installed.
    """
    rest, surface = np.asarray(face.neutral(), np.float64), face.surface
    points = register((template.neutral(), template.surface.triangles), (rest, surface.triangles), template_anchors,
                      face_anchors)
    joined = _joined(rest)
    part = _parts(surface.triangles, joined)
    skin = np.bincount(part[points.vertices]).argmax()
    sheet = _Sheet(template, rest, surface.triangles[part[surface.triangles[:, 0]] == skin], joined, points)
    shapes = np.zeros((len(template.space), len(rest), 3), np.float32)
    poses = _poses_to_carry(template)
    for k, pose in enumerate(poses):
        shapes[k] = sheet.moved(pose)
    _close_lids(shapes, template.space, rest, np.flatnonzero(part == skin), lids or {})
    _carry_parts(shapes, poses, template, rest, surface.triangles, part, skin, points)
    _close_again(shapes, template.space)
    return LinearFace(f"{face.name}/arkit", template.space, surface, rest.astype(np.float32), shapes, face.head_weight,
                      face.head_pivot)


def _poses_to_carry(template):
    """(k, v, 3) displacements to carry: each shape alone, but mouthClose on an open jaw, where it means something."""
    poses = template.shapes.copy()
    if {"jawOpen", "mouthClose"} <= set(template.space.columns):
        poses[template.space.index("mouthClose")] += template.shapes[template.space.index("jawOpen")]
    return poses


def _close_again(shapes, space):
    if {"jawOpen", "mouthClose"} <= set(space.columns):
        shapes[space.index("mouthClose")] -= shapes[space.index("jawOpen")]


class _Sheet:
    """The skin of the face: its triangles, what they are on the template, and a system factored once."""

    def __init__(self, template, rest, triangles, joined, points):
        from scipy.sparse import coo_matrix, diags
        from scipy.sparse.linalg import splu
        from scipy.spatial import cKDTree

        self.count = len(rest)
        self.used, self.points = np.unique(joined[triangles]), points
        slot = np.full(self.count, -1)
        slot[self.used] = np.arange(len(self.used))
        self.slot, self.corners = slot[joined], slot[joined[triangles]]
        here = rest[self.used]
        centre = here[self.corners].mean(axis=1)
        facing = np.cross(here[self.corners[:, 1]] - here[self.corners[:, 0]],
                          here[self.corners[:, 2]] - here[self.corners[:, 0]])
        facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
        theirs = template.surface.triangles[np.isin(template.surface.triangle_material, _skin_slots(template))]
        found, _, gap = closest_points(centre, facing, points.warped.astype(np.float64), theirs)
        region = np.zeros(self.count, bool)
        region[points.vertices] = True
        known = (found >= 0) & (gap < 3 * np.percentile(points.gap_m, 95) + 1e-9) & region[
            triangles].any(axis=1)
        self.theirs, self.known = theirs[found], known
        scale = np.cbrt(abs(np.linalg.det(points.turn)))
        self.turn = points.turn.astype(np.float64) / scale
        self.template = template.neutral().astype(np.float64)
        starts, ends = self.corners[:, [0, 1, 2]].reshape(-1), self.corners[:, [1, 2, 0]].reshape(-1)
        self.edges = here[starts] - here[ends]
        self.weight = np.repeat(np.where(known, 1.0, _MEMBRANE), 3)
        rows = np.arange(len(starts))
        self.step = (coo_matrix((np.ones(len(rows)), (rows, starts)), shape=(len(rows), len(here)))
                     - coo_matrix((np.ones(len(rows)), (rows, ends)), shape=(len(rows), len(here)))).tocsr()
        # Beyond the part that met the template the sheet is held the more, the further away.
        away, _ = cKDTree(rest[points.vertices]).query(here)
        self.pull = _PLACE_PULL * 0.1 + np.minimum(away / (_FREE * np.ptp(rest[points.vertices], axis=0).max()), 1) ** 2
        self.pull[self.slot[points.vertices]] = _PLACE_PULL
        system = self.step.T @ diags(self.weight) @ self.step + diags(self.pull)
        self.solve = splu(system.tocsc()).solve

    def moved(self, pose):
        """(v, 3) float32 displacement of every vertex of the face for a pose (s, 3) of the template."""
        stretch = _gradients(self.template, pose, self.theirs)
        stretch = self.turn @ stretch @ self.turn.T - np.eye(3)
        stretch[~self.known] = 0
        change = np.einsum("fij,fkj->fki", stretch, self.edges.reshape(-1, 3, 3)).reshape(-1, 3)
        force = self.step.T @ (self.weight[:, None] * change)
        places = np.zeros((len(self.used), 3))
        places[self.slot[self.points.vertices]] = self.points.carried(pose)
        moves = self.solve(force + self.pull[:, None] * places)
        result = np.zeros((self.count, 3), np.float32)
        on_skin = self.slot >= 0
        result[on_skin] = moves[self.slot[on_skin]]
        return result


def _gradients(rest, pose, triangles):
    """(f, 3, 3): how each triangle of a mesh turns and stretches, with its normal as the third direction."""
    def frame(vertices):
        one, two = (vertices[triangles[:, i]] - vertices[triangles[:, 0]] for i in (1, 2))
        across = np.cross(one, two)
        across /= np.sqrt(np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30))
        return np.stack([one, two, across], axis=2)

    flat = frame(rest)
    lost = np.abs(np.linalg.det(flat)) < 1e-18
    flat[lost] = np.eye(3)
    stretch = frame(rest + pose) @ np.linalg.inv(flat)
    stretch[lost] = np.eye(3)
    return stretch


def _skin_slots(face):
    return [i for i, material in enumerate(face.surface.materials) if material.name in ("skin", "mouth")] or list(
        range(len(face.surface.materials)))


def _joined(vertices):
    """(v,) int: the first vertex at the same place."""
    _, first, inverse = np.unique(np.round(vertices / max(np.ptp(vertices), 1e-30), 6), axis=0, return_index=True,
                                  return_inverse=True)
    return first[inverse.reshape(-1)]


def _parts(triangles, joined):
    """(v,) int: number of the connected part of each vertex."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = joined[triangles]
    pairs = np.r_[edges[:, [0, 1]], edges[:, [1, 2]]]
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(joined),) * 2)
    _, part = connected_components(graph, directed=False)
    return part[joined]


def _close_lids(shapes, space, rest, skin, lids):
    """Lengthen each blink until the lids meet."""
    from scipy.spatial import cKDTree

    tree = cKDTree(rest[skin])
    for name, pairs in lids.items():
        if name in space.columns and len(pairs):
            own = shapes[space.index(name)]
            moves = own[skin[tree.query(pairs, k=3)[1]]].mean(axis=2)             # (p, 2, 3)
            opening, closing = pairs[:, 0] - pairs[:, 1], moves[:, 1] - moves[:, 0]
            along = (opening * closing).sum(axis=1)
            if np.median(along) > 0:
                short = (opening**2).sum(axis=1) / np.maximum(along, 1e-12)
                own *= np.float32(np.clip(np.percentile(short, 90), 1, _LONGEST_BLINK))


def _carry_parts(shapes, poses, template, rest, triangles, part, skin, points):
    """Everything that is not skin: eyeballs turn, upper teeth stay, lower ones follow the jaw, the rest clings to skin.

    The template's part gives one rigid move for each pose; what lies further back than its own teeth moves on with it.
    """
    from scipy.spatial import cKDTree

    groups = _rigid_groups(template)
    turns = {name: [_rigid_move(points.warped[group].astype(np.float64), pose[group] @ points.turn.T)
                    for pose in poses] for name, group in groups.items()}
    on_skin = np.flatnonzero(part == skin)
    skin_tree = cKDTree(rest[on_skin])
    drawn = np.zeros(len(rest), bool)
    drawn[triangles] = True
    places = {name: points.warped[group].astype(np.float64) for name, group in groups.items()}
    members = [np.flatnonzero(part == number) for number in np.unique(part[drawn & (part != skin)])]
    _find_bite(places, [rest[here] for here in members])
    for here in members:
        shares = _shares(rest[here], places)
        if len(shares) == 1:
            _keep_off(shapes, rest, on_skin, here, space=template.space)
        if not shares:
            shapes[:, here] = shapes[:, on_skin[skin_tree.query(rest[here])[1]]]
            continue
        for name, share in shares.items():
            share = _spread(share, here, triangles)[:, None]
            for k, (turn, shift) in enumerate(turns[name]):
                shapes[k, here] += share * (rest[here] @ turn.T + shift - rest[here])


def _keep_off(shapes, rest, skin, eyeball, *, space):
    """Lift lids that a blink or squint would draw through an eyeball, in place."""
    points = rest[eyeball]
    # A sphere |p|^2 = 2 p c + (r^2 - |c|^2) through the points, in the least-squares sense.
    solved = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(axis=1), rcond=None)[0]
    centre = solved[:3]
    radius = np.percentile(np.linalg.norm(points - centre, axis=1), 98)
    near = skin[np.linalg.norm(rest[skin] - centre, axis=1) < 1.6 * radius]
    # What lies inside at rest, such as the back of a lid, stays as deep as it is.
    depth = np.minimum(np.linalg.norm(rest[near] - centre, axis=1), radius + _SKIN_M)
    for k, name in enumerate(space.columns):
        if name.startswith(("eyeBlink", "eyeSquint", "eyeLookDown")):
            there = rest[near] + shapes[k, near] - centre
            far = np.linalg.norm(there, axis=1)
            lift = np.maximum(depth - far, 0) * (np.linalg.norm(shapes[k, near], axis=1) > 0)
            shapes[k, near] += (there / np.maximum(far, 1e-9)[:, None] * lift[:, None]).astype(np.float32)


def _shares(vertices, places):
    """Name of a group -> (n,) share of it in the motion of each vertex of one part; empty for what clings to skin."""
    from scipy.spatial import cKDTree

    whole = np.ones(len(vertices))
    for name in ("eyeLeft", "eyeRight"):
        if name in places:
            size, round_ = np.ptp(places[name], axis=0).max(), np.ptp(vertices, axis=0)
            beside = np.linalg.norm((vertices.max(axis=0) + vertices.min(axis=0) - places[name].max(axis=0)
                                     - places[name].min(axis=0)) / 2)
            # As large as the template's, about there, and round: lashes and tear ducts are none of these.
            if beside < 0.6 * size and 0.4 * size < round_.max() < 2 * size and round_.min() > 0.4 * round_.max():
                return {name: whole}
    if not {"upper", "lower"} <= places.keys():
        return {}
    mouth = np.concatenate([places["upper"], places["lower"]])
    size = np.ptp(mouth, axis=0)
    room = size * _MOUTH_ROOM
    if ((vertices > mouth.min(axis=0) - room[0]) & (vertices < mouth.max(axis=0) + room[1])).all(axis=1).mean() < 0.9:
        return {}
    if np.ptp(vertices, axis=0).max() > 0.7 * size.max():
        # Gums and tongue in one piece: each vertex with what is nearest, the tongue with the jaw.
        low = np.concatenate([places["lower"], places.get("tongue", places["lower"])])
        above = (cKDTree(places["upper"]).query(vertices)[0] < cKDTree(low).query(vertices)[0]).astype(float)
    else:
        above = whole * float((vertices.mean(axis=0) - places["bite"]) @ places["up"] > 0)
    return {"upper": above, "lower": 1 - above}


def _find_bite(places, members):
    """Add to places "up" and "bite": the way from lower to upper teeth, and the height between the face's own rows."""
    if not {"upper", "lower"} <= places.keys():
        return
    high, low = places["upper"].mean(axis=0), places["lower"].mean(axis=0)
    up = (high - low) / np.linalg.norm(high - low)
    mouth = np.concatenate([places["upper"], places["lower"]])
    room = np.ptp(mouth, axis=0) * _MOUTH_ROOM
    middles = np.array([m.mean(axis=0) for m in members] or np.zeros((0, 3)))
    inside = ((middles > mouth.min(axis=0) - room[0]) & (middles < mouth.max(axis=0) + room[1])).all(axis=1)
    heights, rows = middles[inside] @ up, np.array([low @ up, high @ up])
    for _ in range(10):
        upper = np.abs(heights - rows[1]) < np.abs(heights - rows[0])
        if upper.any() and (~upper).any():
            rows = np.array([np.median(heights[~upper]), np.median(heights[upper])])
    places["up"], places["bite"] = up, up * rows.mean()


def _spread(share, vertices, triangles):
    """A share smoothed along the mesh where it changes from vertex to vertex."""
    if share.min() == share.max():
        return share
    slot = np.full(triangles.max() + 1, -1)
    slot[vertices] = np.arange(len(vertices))
    corners = slot[triangles]
    corners = corners[(corners >= 0).all(axis=1)]
    count = np.maximum(np.bincount(corners.reshape(-1), minlength=len(share)), 1)
    for _ in range(_SMOOTHING):
        mean = share[corners].mean(axis=1)
        share = sum(np.bincount(corners[:, i], mean, minlength=len(share)) for i in range(3)) / count
    return share


def _rigid_groups(template):
    """Name -> vertices of the template that move as one: eyeLeft, eyeRight, upper and lower teeth with gums."""
    names = [material.name for material in template.surface.materials]
    rest, triangles = template.neutral(), template.surface.triangles
    part = _parts(triangles, _joined(rest))
    jaw = template.shapes[template.space.index("jawOpen")] if "jawOpen" in template.space.columns else None
    groups = {}
    for slot, name in enumerate(names):
        vertices = np.unique(triangles[template.surface.triangle_material == slot])
        for number in np.unique(part[vertices]) if name in ("eye", "teeth", "gums", "tongue") else ():
            here = vertices[part[vertices] == number]
            side = rest[here, 0].mean()
            if name == "eye" and abs(side) > 0.01:
                groups.setdefault("eyeLeft" if side > 0 else "eyeRight", []).append(here)
            elif name == "tongue":
                groups.setdefault("tongue", []).append(here)
            elif name != "eye" and jaw is not None:
                groups.setdefault("lower" if jaw[here, 1].mean() < -1e-3 else "upper", []).append(here)
    return {name: np.concatenate(group) for name, group in groups.items()}


def _rigid_move(places, moves):
    """(3, 3) turn and (3,) shift of a group of points."""
    turn = _rotation(places, places + moves) if np.any(moves) else np.eye(3)
    return turn, (places + moves).mean(axis=0) - turn @ places.mean(axis=0)


def _rotation(here, there):
    """(3, 3) rotation that carries points nearest to others; none where they lie on a line."""
    turn, _ = similarity(here, there)
    size = np.cbrt(abs(np.linalg.det(turn)))
    return turn / size if size > 1e-6 else np.eye(3)
