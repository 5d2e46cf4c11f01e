"""The parts of a face's mesh, and how a smooth warp moves them: skin bends, eyeballs and teeth stay whole."""

import numpy as np

from personare.portraits.points import EYES, OUTER_LIPS

INSIDE = ("mouth", "teeth", "gums", "tongue")
EYE_RADIUS_M = 0.0125
# How much larger or smaller than the face's own a person's eyeballs and teeth can be.
_EYE_SIZES, _TEETH_SIZES = (0.8, 2.5), (0.85, 1.3)
# The hollow of the mouth follows the lips where it is closer to them than this.
_HOLLOW_BENDS_M = 0.008
# The throat is the hindmost share of the hollow of the mouth, and what is behind its end by so much.
_THROAT_SHARE, _THROAT_M = 0.25, 0.004
# The corners of the eyes reach so far below the eyeballs.
_CORNERS_M = 0.006


def kinds_of(surface, rest):
    """(f,) uint8 of each triangle: 0 skin, 1 eye, 2 inside the mouth, 3 hair and what else the photo shows itself."""
    names = [material.name for material in surface.materials]
    kind = np.array([1 if name == "eye" else 2 if name in INSIDE else 0 if name == "skin" else 3
                     for name in names], np.uint8)[surface.triangle_material]
    eyes = np.unique(surface.triangles[kind == 1])
    if len(eyes):
        # The corners of the eyes are made of the tongue's material; they are as the photo shows them.
        height = rest[surface.triangles[:, 0], 1]
        kind[(kind == 2) & (height > rest[eyes, 1].min() - _CORNERS_M)] = 0
    hollow = np.unique(surface.triangles[kind == 2][np.array(names)[surface.triangle_material][kind == 2] == "mouth"])
    if len(hollow):
        # The throat at its end is closed with skin.
        low, high = rest[hollow].min(axis=0), rest[hollow].max(axis=0)
        high[2] = low[2] + _THROAT_SHARE * (high[2] - low[2])
        within = ((rest >= low - _THROAT_M) & (rest <= high)).all(axis=1)
        kind[(kind == 0) & within[surface.triangles].all(axis=1)] = 2
    return kind


def named(surface, name):
    """(f,) bool, the triangles of a material."""
    names = np.array([material.name for material in surface.materials])
    return (names == name)[surface.triangle_material]


def warp(points, moves, vertices, *, noise):
    """Displacements of points carried to vertices: the smoothest field, affine far away.

    Args:
        points: (n, 3) metres, moves: (n, 3) metres, vertices: (v, 3) metres.
        noise: metres by which points may be missed.

    Returns:
        (v, 3) float64 metres.

    Source:
        Carr et al., Reconstruction and Representation of 3D Objects with Radial Basis Functions, SIGGRAPH 2001:
        the kernel r in three dimensions, with a smoothing term.
    """
    n = len(points)
    unit = np.linalg.norm(np.ptp(points, axis=0))
    middle = points.mean(axis=0)
    near, far = (points - middle) / unit, (vertices - middle) / unit
    system = np.zeros((n + 4, n + 4))
    # The kernel falls with distance, so its weight of smoothing is negative; its scale is that of n points in a unit.
    system[:n, :n] = np.linalg.norm(near[:, None] - near[None], axis=2) - (noise / unit) * 4 * np.eye(n)
    system[:n, n], system[n, :n] = 1, 1
    system[:n, n + 1:], system[n + 1:, :n] = near, near.T
    solved = np.linalg.solve(system - 1e-9 * np.diag(np.r_[np.zeros(n), np.ones(4)]),
                             np.concatenate([moves, np.zeros((4, 3))]))
    out = np.empty(vertices.shape)
    for start in range(0, len(vertices), 4096):
        part = far[start:start + 4096]
        kernel = np.sqrt(np.maximum((part**2).sum(1)[:, None] + (near**2).sum(1) - 2 * part @ near.T, 0))
        out[start:start + 4096] = kernel @ solved[:n] + solved[n] + part @ solved[n + 1:]
    return out


def parts_kept_whole(face, expressed, shift, anchors, moves, through):
    """A shift of the skin, made to move eyeballs and teeth without bending them.

    Args:
        face: LinearFace.
        expressed: (v, 3) its vertices with the expression of the photo.
        shift: (v, 3) metres, changed in place.
        anchors, moves: (n, 3) landmarks on those vertices, and how far they are moved.
        through: corners (n, 3), weights (n, 3) and index (n,) of the landmarks.

    Returns:
        shift.
    """
    kind, triangles = kinds_of(face.surface, face.rest), face.surface.triangles
    corners, weights, index = through
    names = np.array([material.name for material in face.surface.materials])[face.surface.triangle_material]
    place = {k: i for i, k in enumerate(index.tolist())}
    for side, sign in (("Left", 1), ("Right", -1)):
        ball = np.unique(triangles[kind == 1])
        ball = ball[sign * face.rest[ball, 0] > 0]
        rim = [place[k] for k in EYES[side] if k in place]
        if len(ball) and len(rim) > 3:
            middle = expressed[ball].mean(axis=0)
            here = anchors[rim]
            wide = np.ptp((here + moves[rim])[:, 0]) / max(np.ptp(here[:, 0]), 1e-6)
            size = float(np.clip(wide, *_EYE_SIZES))
            shift[ball] = moves[rim].mean(axis=0) + (size - 1) * (expressed[ball] - middle)
            shift[ball] -= np.array([0, 0, max(size - 1, 0) * 0.5 * EYE_RADIUS_M])
    stiff = np.unique(triangles[np.isin(names, ("teeth", "gums", "tongue")) & (kind == 2)])
    rim = [place[k] for k in OUTER_LIPS if k in place]
    if len(stiff):
        here, there = anchors[rim], anchors[rim] + moves[rim]
        size = float(np.clip(np.ptp(there[:, 0]) / max(np.ptp(here[:, 0]), 1e-6), *_TEETH_SIZES))
        move = there.mean(axis=0) - here.mean(axis=0)
        # Lips that an expression draws aside do not take the teeth along; those of a person stand in their middle.
        move[0] = there[:, 0].mean() - (face.rest[corners[rim]] * weights[rim, :, None]).sum(axis=1)[:, 0].mean()
        shift[stiff] = move + (size - 1) * (expressed[stiff] - here.mean(axis=0))
        # The hollow begins at the lips, which bend, and ends behind the teeth, with which it must stay.
        hollow = np.unique(triangles[named(face.surface, "mouth")])
        away = np.linalg.norm(expressed[hollow, None] - here[None], axis=2).min(axis=1)
        bends = np.exp(-((away / _HOLLOW_BENDS_M) ** 2))[:, None]
        stays = move + (size - 1) * (expressed[hollow] - here.mean(axis=0))
        shift[hollow] = bends * shift[hollow] + (1 - bends) * stays
    return shift
