"""Shapes, correctives and joints of the built-in head, unpacked from its bundle and fitted to an identity.

A shape made for one head is too large for a child and too small for a long face. So the shapes of the mouth grow with
the mouth, those of an eye turn and grow with that eye, and the jaw keeps its angle about a hinge that moves.
"""

import numpy as np

from personare.faces.joints import HEAD, Joint, matrices
from personare.faces.linear import Corrective

BYTE = 255  # weights in 0..1 are stored as bytes
_LEAST_GAIN, _MOST_GAIN = 0.6, 1.7


def mirror_name(name):
    """The name of the other side's shape; shapes of no side keep theirs."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def counterparts(twin):
    """(v,) index of each vertex's mirror image, from `twin`, which names it for the right side's only."""
    other = twin.astype(np.int64)
    copy = np.flatnonzero(other != np.arange(len(other)))
    other[other[copy]] = copy
    return other


def unpack(data, targets, unit_m):
    """Displacements of every target as lists of the vertices that move.

    Args:
        data: arrays of the bundle; of mirror images only one side is stored.
        targets: (n) tuples of columns.
        unit_m: metres of one stored step.

    Returns:
        (n) pairs of vertices (m,) int and steps (m, 3) float32 metres.
    """
    other, ends = counterparts(data["twin"]), np.cumsum(data["shape_counts"])
    flip = np.float32([-1, 1, 1])
    out, place = [], {}
    for k, (columns, end, count) in enumerate(zip(targets, ends, data["shape_counts"], strict=True)):
        vertices = data["shape_vertices"][end - count:end].astype(np.int64)
        steps = data["shape_steps"][end - count:end] * np.float32(unit_m)
        image = frozenset(map(mirror_name, columns))
        if image == frozenset(columns):
            twice = other[vertices] != vertices
            vertices = np.concatenate([vertices, other[vertices[twice]]])
            steps = np.concatenate([steps, steps[twice] * flip])
        elif image in place:
            vertices, steps = out[place[image]]
            vertices, steps = other[vertices], steps * flip
        place[frozenset(columns)] = k
        out.append((vertices, steps))
    return out


class Fit:
    """How an identity changes the shapes.

    Args:
        data: arrays of the bundle.
        config: its settings.
        weights: identity axis -> weight.
        moves: (v, 3) displacement of the identity at rest.
    """

    def __init__(self, data, config, weights, moves):
        def total(table, zero):
            return sum((w * np.array(table[axis]) for axis, w in weights.items() if axis in table), np.array(zero))

        self._left = data["rest"][:, 0] >= 0
        self._eye_share = data["eye_weight"] / np.float32(BYTE)
        self._mouth_share = data["mouth_weight"] / np.float32(BYTE)
        self._eye = total(config["eye_maps"], np.zeros((3, 3)))
        self._mouth = total(config["mouth_maps"], np.zeros(3)).astype(np.float32)
        self._gains = {}
        for axis, weight in weights.items():
            for column, share in config["gains"].get(axis, {}).items():
                self._gains[column] = self._gains.get(column, 1.0) + weight * share
        self._moves = moves
        self._jaw, self._lips = (data[name] / np.float32(BYTE) for name in ("jaw", "lip_share"))
        jaw = config["joints"]["jaw"]
        self._hinge_move = total(jaw["moves_m"], np.zeros(3))
        self._turns = {name: np.array(turn) for name, turn in jaw["turns_rad"].items()}

    def gain(self, column):
        """By which factor the shape of a column grows; both sides alike."""
        share = self._gains.get(column, self._gains.get(mirror_name(column), 1.0))
        return float(np.clip(share, _LEAST_GAIN, _MOST_GAIN))

    def fitted(self, columns, vertices, steps):
        """Displacements (m, 3) of a target on this identity."""
        for column in columns:
            steps = steps * np.float32(self.gain(column))
        kind = columns[-1]  # of a corrective the shape that is corrected; the first says when
        if kind.startswith("eye"):
            mirror = np.diag([-1.0, 1.0, 1.0])
            turn, turned = self._eye.T, (mirror @ self._eye @ mirror).T
            here = np.where(self._left[vertices, None], steps @ turn, steps @ turned)
            return steps + self._eye_share[vertices, None] * here.astype(np.float32)
        if columns == ("mouthClose",):
            return steps - self._lips[vertices, None] * self.jaw_change(vertices, "jawOpen")
        if kind in self._turns:
            return steps + self.jaw_change(vertices, kind)
        if kind.startswith("jaw"):
            return steps
        return steps * (1 + self._mouth_share[vertices, None] * self._mouth)

    def jaw_change(self, vertices, column):
        """(m, 3) how much further a turn of the jaw takes vertices that stand elsewhere on this identity."""
        offset = self._moves[vertices] - self._hinge_move
        turns = matrices(self._jaw[vertices, None] * self._turns[column]) - np.eye(3)
        return np.einsum("mij,mj->mi", turns, offset).astype(np.float32)


def _straight(stretch):
    """(3, 3) the rotation nearest to 1 + stretch."""
    u, _, vt = np.linalg.svd(np.eye(3) + stretch)
    return u @ vt


def dense(lists, vertices):
    """(k, v, 3) float32 displacements of pairs (vertices, steps)."""
    shapes = np.zeros((len(lists), vertices, 3), np.float32)
    for shape, (index, steps) in zip(shapes, lists, strict=True):
        shape[index] = steps
    return shapes


def correctives(names, lists):
    """Correctives of tuples of columns and pairs (vertices, steps)."""
    return tuple(Corrective(tuple(columns), vertices, steps)
                 for columns, (vertices, steps) in zip(names, lists, strict=True))


def joints(data, config, weights, eye, *, head_weight, head_pivot):
    """The Joints jaw, eyeLeft, eyeRight and head.

    Args:
        data, config, weights: as for Fit.
        eye: (v,) bool, vertices of the eyeballs.
        head_weight: (v,) float32.
        head_pivot: (3,) metres.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    left = data["rest"][:, 0] >= 0

    def pivot(said):
        moves = [weights[axis] * np.array(move) for axis, move in said["moves_m"].items() if axis in weights]
        return np.array(said["pivot_m"]) + sum(moves, np.zeros(3))

    jaw, ball = config["joints"]["jaw"], config["joints"]["eyeLeft"]
    tilt = _straight(sum((weights[axis] * np.array(map_) for axis, map_ in config["eye_maps"].items()
                          if axis in weights), np.zeros((3, 3))))
    gaze = {name: tilt @ turn for name, turn in ball["turns_rad"].items()}
    mirrored = {mirror_name(name): turn * (1, -1, -1) for name, turn in gaze.items()}
    return (Joint("jaw", pivot(jaw), data["jaw"] / np.float32(BYTE), jaw["turns_rad"]),
            Joint("eyeLeft", pivot(ball), (eye & left).astype(np.float32), gaze),
            Joint("eyeRight", pivot(ball) * flip, (eye & ~left).astype(np.float32), mirrored),
            Joint(HEAD, head_pivot, head_weight))
