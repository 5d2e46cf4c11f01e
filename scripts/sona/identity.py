"""Identity axes: smooth warps of space about the head, so that skin, teeth, brows and hair follow alike.

Places that coincide stay together (closed lips stay closed). Inside the orbits every warp becomes the same move for
ball, lids and lashes, so that a lid that covers the eye still does. Units are cm; |x| stands for both sides.
"""

from itertools import pairwise

import numpy as np

from sona import form
from sona.regions import smooth

EYE_REACH = (1.85, 1.30)      # half axes of the ellipse in front view within which lids and ball move as one
EYE_FADE = 1.55               # that ellipse times this: beyond it the skin moves freely
EYE_GROWTH = 0.13             # eye_size at 1: share by which ball and lids grow
EYE_TILT_RAD = np.radians(6.0)
# What the eye axes do to points about the left eyeball's centre, and to the displacements of lid and gaze shapes.
EYE_MAPS = {
    "eye_size": EYE_GROWTH * np.eye(3),
    "eye_tilt": EYE_TILT_RAD * np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
}
CHIN_Y, COLLAR_Y = -11.0, -19.0
MOUTH, MOUTH_REACH = np.array([0.0, -7.1, 8.8]), np.array([4.2, 3.2, 4.5])
# Axis -> column -> share by which the column's shape grows with the axis at 1, so that it is seen as well on that face.
GAINS = {"age": {"mouthSmileLeft": 0.30}, "lip_fullness": {"mouthRollLower": 0.25, "mouthRollUpper": 0.3}}


def _bump(p, centre, size):
    return np.exp(-(((p - centre) / size) ** 2).sum(1))


def _move(p, weight, x=0.0, y=0.0, z=0.0):
    """(n, 3) displacement (x, y, z) times a weight (n,); a constant x fades out at the midline, where sides meet."""
    if np.ndim(x) == 0:
        x = x * smooth(np.abs(p[:, 0]), 0.0, 0.8)
    return np.column_stack([np.broadcast_to(c, len(p)) * weight for c in (x, y, z)])


def _below(p, top, bottom):
    """0 above `top`, 1 at `bottom`, then back to 0 down the neck: what hangs on a longer face."""
    return smooth(-p[:, 1], -top, -bottom) * (1 - smooth(-p[:, 1], -CHIN_Y + 0.5, -COLLAR_Y))


def _head(p):
    """1 on the head, 0 below the neck."""
    return 1 - smooth(-p[:, 1], 9.5, 16.0)


def _face_axes(p):
    x, y, z = p.T
    front = smooth(z, 0.0, 6.0)
    return {
        "face_width": _move(p, _head(p) * (1 - 0.5 * smooth(y, 2.0, 9.0)), x=0.065 * x),
        "face_length": _move(p, _below(p, 0.5, -10.5), y=-1.0),
        "jaw_width": _move(p, _bump(p, (5.0, -7.6, 3.4), (3.0, 2.8, 3.8)), x=0.75),
        "jaw_height": _move(p, _bump(p, (4.9, -7.6, 2.4), (2.4, 2.2, 3.2)), x=0.12, y=-0.9, z=-0.1),
        "chin_protrusion": _move(p, _bump(p, (0, -10.4, 8.6), (2.6, 1.9, 3.2)), z=0.75),
        "chin_width": _move(p, _bump(p, (0, -10.2, 8.2), (2.9, 1.7, 3.0)), x=0.42 * x),
        "chin_height": _move(p, _below(p, -8.6, -10.8) * front, y=-0.75),
        "cheek_bones": _move(p, _bump(p, (4.7, -2.5, 6.0), (1.8, 1.4, 2.6)), x=0.45, y=0.10, z=0.35),
        "cheek_fullness": _move(p, _bump(p, (4.5, -5.7, 5.8), (2.0, 2.2, 3.2)), x=0.75, z=0.45),
        "brow_ridge": _move(p, _bump(p, (1.9, 1.75, 8.3), (3.2, 0.85, 2.2)), y=-0.10, z=0.42),
        "brow_height": _move(p, _bump(p, (2.8, 2.3, 8.0), (3.4, 1.15, 3.0)), y=0.50),
        "brow_angle": _move(p, _bump(p, (2.8, 1.95, 8.0), (3.6, 1.1, 3.0)), y=0.20 * (np.abs(x) - 2.9)),
        "forehead": _move(p, _bump(p, (0, 6.0, 7.6), (5.0, 3.2, 4.0)), y=0.15, z=0.75),
        "temples": _move(p, _bump(p, (6.2, 2.6, 4.0), (1.8, 3.0, 3.2)), x=0.40),
        "skull_width": _move(p, smooth(y, -4.0, 3.0), x=0.065 * x),
        "skull_height": _move(p, smooth(y, 2.0, 7.0), y=0.11 * np.maximum(y - 2.0, 0.0)),
        "skull_depth": _move(p, smooth(-z, -3.0, 5.0) * smooth(y, -5.0, 2.0), z=-0.8),
        "neck_width": _move(p, smooth(-y, 7.5, 12.5) * (1 - smooth(-y, 17.0, 21.5)) * (1 - smooth(np.abs(x), 6.0, 9.5)),
                            x=0.17 * x, z=0.13 * (z + 2.0)),
    }


def _feature_axes(p):
    x, y, z = p.T
    nose = _bump(p, (0, -3.9, 10.9), (1.7, 1.6, 2.4))
    over_seal = (y + 7.1) / 0.60
    lips = _bump(p, (0, -7.1, 9.8), (2.2, 0.95, 1.8))
    out = smooth(np.abs(x), 6.0, 7.1) * _bump(p, (7.6, -1.4, -1.6), (3.5, 4.2, 3.0))
    return {
        "nose_length": _move(p, _bump(p, (0, -4.4, 10.4), (1.7, 1.9, 2.2)), y=-0.60),
        "nose_width": _move(p, _bump(p, (0, -4.4, 10.0), (1.9, 1.3, 2.2)), x=0.32 * x),
        "nose_bridge": _move(p, _bump(p, (0, -1.0, 9.4), (1.0, 2.0, 2.0)), z=0.50),
        "nose_tip": _move(p, _bump(p, (0, -4.0, 11.2), (1.1, 0.9, 1.3)), y=0.42, z=0.10),
        "nose_projection": _move(p, nose, z=0.60),
        "lip_fullness": _move(p, lips, y=0.34 * np.clip(over_seal, -1.5, 1.5), z=0.22 * smooth(z, 8.2, 9.8)),
        "mouth_width": _move(p, _bump(p, (0, -7.1, 9.0), (4.2, 1.9, 3.6)), x=0.16 * x),
        "mouth_height": _move(p, _bump(p, (0, -7.1, 8.6), (4.6, 2.2, 4.0)), y=0.40),
        "mouth_curve": _move(p, _bump(p, (0, -7.0, 8.9), (3.6, 1.5, 3.0)), y=0.50 * smooth(np.abs(x), 0.5, 3.0)),
        "eye_spacing": _move(p, _bump(p, (3.15, 0, 7.0), (1.9, 2.2, 3.0)), x=0.26),
        "eye_depth": _move(p, _bump(p, (3.15, 0, 7.4), (2.6, 1.9, 3.0)), z=-0.30),
        "eye_size": np.zeros_like(p),
        "eye_tilt": np.zeros_like(p),
        "ear_size": 0.22 * out[:, None] * (p - (6.7, -1.5, -1.0)) * (0.6, 1.0, 1.0),
        "ear_angle": _move(p, out * smooth(np.abs(x), 6.6, 8.4), x=0.75, z=0.25),
    }


# Folds of an aged face in front view: points (x, y) of the line, depth of the groove, swell beside it, width; cm.
FOLDS = (
    (((1.75, -4.5), (2.45, -5.5), (2.95, -6.6), (3.15, -7.5)), 0.14, 0.20, 0.34),
    (((2.85, -7.9), (3.05, -8.7), (3.00, -9.6)), 0.05, 0.05, 0.40),
    (((1.75, -1.15), (2.60, -1.75), (3.70, -1.80), (4.60, -1.35)), 0.10, 0.00, 0.28),
)


def _folds(p):
    """(n, 3) grooves of age, with the flesh beside them hanging over."""
    x, y, z = p.T
    total = np.zeros(len(p))
    for line, groove, swell, width in FOLDS:
        line = np.array(line)
        best, side = np.full(len(p), 1e9), np.zeros(len(p))
        for a, b in pairwise(line):
            along = b - a
            t = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / (along @ along), 0, 1)
            dx, dy = x - a[0] - t * along[0], y - a[1] - t * along[1]
            far = np.hypot(dx, dy)
            side = np.where(far < best, np.sign(along[0] * dy - along[1] * dx), side)
            best = np.minimum(best, far)
        outer = np.exp(-((best - 2.0 * width) / (1.5 * width)) ** 2) * (side > 0)
        total += swell * outer - groove * np.exp(-(best / width) ** 2)
    return _move(p, total * smooth(z, 3.5, 6.0), x=0.35, z=0.9)


MIXES = {
    "femininity": {"jaw_width": -0.55, "chin_width": -0.40, "brow_ridge": -0.75, "brow_height": 0.40,
                   "neck_width": -0.55, "nose_width": -0.30, "nose_projection": -0.20, "nose_tip": 0.30,
                   "lip_fullness": 0.45, "cheek_bones": 0.25, "chin_height": -0.40, "jaw_height": -0.50,
                   "forehead": 0.25},
    "youth": {"face_length": -0.85, "forehead": 0.55, "cheek_fullness": 0.60, "nose_length": -0.60,
              "nose_projection": -0.65, "nose_bridge": -0.60, "nose_tip": 0.50, "chin_height": -0.40,
              "brow_ridge": -0.75, "jaw_width": -0.30, "neck_width": -0.80, "eye_size": 0.75, "mouth_width": -0.50,
              "lip_fullness": 0.25, "skull_height": 0.30, "nose_width": -0.25},
    "heaviness": {"cheek_fullness": 0.90, "jaw_width": 0.65, "neck_width": 0.95, "chin_width": 0.55, "face_width": 0.35,
                  "nose_width": 0.20},
    "age": {"lip_fullness": -0.65, "nose_length": 0.30, "ear_size": 0.40, "brow_height": -0.30, "cheek_fullness": -0.35,
            "eye_size": -0.20, "temples": -0.60},
}


def _mixed(p, fields):
    """The broad axes: sums of single ones, with what only they do."""
    own = {
        "femininity": np.zeros_like(p),
        "youth": np.zeros_like(p),
        "heaviness": _move(p, _bump(p, (0, -12.2, 5.2), (4.0, 1.8, 3.2)), y=-0.75, z=0.75),
        "age": _folds(p) + _move(p, _bump(p, (4.3, -9.0, 5.2), (1.5, 1.4, 2.2)), x=0.28, y=-0.45, z=0.10),
    }
    return {name: own[name] + sum(w * fields[part] for part, w in mix.items()) for name, mix in MIXES.items()}


def eye_weight(p, rigid):
    """(n,) 1 where a point moves as one with the eyeball of its side, fading out round the orbit."""
    a = np.abs(p[:, 0])
    q = np.hypot((a - form.EYE[0]) / EYE_REACH[0], (p[:, 1] - 0.05) / EYE_REACH[1])
    return np.where(rigid, 1.0, (1 - smooth(q, 1.0, EYE_FADE)) * smooth(p[:, 2], 2.0, 4.5))


def eye_map(name):
    """(3, 3) what an axis at 1 does to offsets from the left eyeball's centre."""
    parts = MIXES.get(name, {name: 1.0})
    return sum((w * EYE_MAPS[part] for part, w in parts.items() if part in EYE_MAPS), np.zeros((3, 3)))


def mouth_weight(p):
    """(v,) 0..1 how far shapes of the mouth grow with the mouth and the face round it."""
    return np.exp(-(((p - MOUTH) / MOUTH_REACH) ** 2).sum(1))


def mouth_maps(p, axes):
    """Axis -> (3,) by which share the axis at 1 stretches the mouth across, up and ahead; shapes grow with it.

    Args:
        p: (v, 3) rest.
        axes: axis -> (v, 3) displacement.
    """
    share = mouth_weight(p) ** 2
    x, y = p[:, 0], p[:, 1] - (share @ p[:, 1]) / share.sum()
    out = {}
    for name, move in axes.items():
        across = (share * x) @ move[:, 0] / ((share * x) @ x)
        up = (share * y) @ move[:, 1] / ((share * y) @ y)
        if max(abs(across), abs(up)) > 0.005:
            out[name] = [float(across), float(up), float(0.5 * (across + up))]
    return out


def point_moves(point):
    """Axis -> (3,) displacement of a point of the head, cm."""
    at = np.array([point], float)
    fields = _face_axes(at) | _feature_axes(at)
    fields |= _mixed(at, fields)
    return {name: field[0] for name, field in fields.items()}


def _carrier(p, part, part_names, triangles):
    """For every brow vertex the skin triangle before or behind it: corners (n, 3) and their weights (n, 3).

    Brows ride on the triangles, not on the warp itself, or they would sink into a coarse mesh that bends.
    """
    skin = triangles[(part[triangles] == 0).all(1)]
    middle = p[skin].mean(1)
    skin = skin[(middle[:, 2] > 4.0) & (middle[:, 1] > -0.5) & (middle[:, 1] < 4.5)]
    a, b, c = (p[skin[:, k], :2] for k in range(3))
    area = _cross(b - a, c - a)
    corners, weights = [], []
    for at in p[part == part_names.index("brows"), :2]:
        w = np.stack([_cross(b - at, c - at), _cross(c - at, a - at), _cross(a - at, b - at)], 1) / area[:, None]
        best = np.argmax(w.min(1))
        corners.append(skin[best])
        weights.append(np.clip(w[best], 0, 1) / np.clip(w[best], 0, 1).sum())
    return np.array(corners), np.array(weights)


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def axes(p, triangles, part, part_names, pieces):
    """Displacement of every vertex for every axis at weight 1.

    Args:
        p: (v, 3) rest, exactly symmetric where it can be.
        triangles: (f, 3).
        part: (v,) index into part_names.
        pieces: the parts in the order of part_names, without the skin.

    Returns:
        dict axis -> (v, 3), and (v,) the weight of the eye's own frame.
    """
    side = np.where(p[:, 0] < 0, -1.0, 1.0)
    q = p.copy()
    q[:, 0] = np.abs(q[:, 0])
    at = np.concatenate([q, [form.EYE]])
    fields = _face_axes(at) | _feature_axes(at)
    fields |= _mixed(at, fields)
    weight = eye_weight(q, np.isin(part, [part_names.index(k) for k in ("eye", "caruncle", "lashes")]))
    flip = np.column_stack([side, np.ones((len(p), 2))])
    out = {}
    for name, field in fields.items():
        eye = field[-1] + (q - form.EYE) @ eye_map(name).T
        out[name] = flip * (field[:-1] + weight[:, None] * (eye - field[:-1]))
    on_skin = _carrier(p, part, part_names, triangles)
    brows = part == part_names.index("brows")
    for field in out.values():
        field[brows] = (field[on_skin[0]] * on_skin[1][..., None]).sum(1)
    for name in part_names[1:]:
        piece, mine = pieces[part_names.index(name) - 1], part == part_names.index(name)
        for axis, field in piece.axes.items():
            out.setdefault(axis, np.zeros_like(p))[mine] += field
    return out, weight
