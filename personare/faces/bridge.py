"""Motion of one face on another whose shapes mean something else: least squares over corresponding vertices."""

from dataclasses import dataclass

import numpy as np

from personare.faces.bounded import bounded_least_squares
from personare.faces.registration import Correspondence
from personare.faces.rig_names import arkit_columns
from personare.types import Face, Motion

# Two vertices of one pair of lips: this near at rest and this far apart when the mouth opens, relative to the largest.
_LIPS_NEAR, _LIPS_PART = 0.12, 0.5
_LIP_WEIGHT, _RIDGE = 6.0, 1e-3
_SPRING = 0.01
_WHOLE = ("mouthLeft", "mouthRight", "jawLeft", "jawRight")
_STEP = 0.2
_OPENING = ("jawOpen", "jaw_open", "JawOpen", "mouthOpen", "aa", "A", "a")


@dataclass(frozen=True, eq=False)
class Bridge:
    """Two faces joined point by point, with everything that does not depend on the motion worked out.

    Args:
        source, target: the faces.
        points: Correspondence from source to target.
        pairs: (p, 2) int, rows of points.vertices on the upper and the lower lip that meet at rest.
        basis: (k, n, 3) float32 displacement of each column of the target at its corresponding vertices.
        gram: (k, k) of the target's columns, cross: (m, k) of source against target, own: (m, m) of the source's, all
            as weighted products of displacements.
    """

    source: Face
    target: Face
    points: Correspondence
    pairs: np.ndarray
    basis: np.ndarray
    gram: np.ndarray
    cross: np.ndarray
    own: np.ndarray

    def convert(self, motion, *, low=0.0, high=1.0, spring=_SPRING):
        """Motion of the source as Motion of the target.

        Args:
            motion: Motion in the source's space.
            low, high: bounds of the target's values; number or (k,). Codes of statistical models need other bounds
                than 0..1.
            spring: how strongly neighbouring frames hold together; 0 lets each frame stand alone.

        Returns:
            Motion in the target's space, with the head pose of the source.
        """
        values = bounded_least_squares(self.gram, motion.values @ self.cross, low=low, high=high, ridge=_RIDGE,
                                       spring=spring)
        return Motion(values, motion.fps, self.target.space, motion.head_pose)

    def error(self, motion, converted):
        """How far the target's vertices are from where the source's motion would put them.

        Args:
            motion: Motion of the source.
            converted: Motion of the target.

        Returns:
            dict: mean_mm and worst_mm (95th percentile) over the face, lips_mm over the lips, gap_mm over the
            distance between the lips.
        """
        wanted = _still(self.source, motion)
        got = _still(self.target, converted)
        far, near, gap = [], [], []
        for here, there in zip(wanted, got, strict=True):
            miss = self.points.carried(here) - there[self.points.vertices]
            far.append(np.linalg.norm(miss, axis=1))
            if len(self.pairs):
                near.append(far[-1][np.unique(self.pairs)])
                gap.append(np.linalg.norm(miss[self.pairs[:, 0]] - miss[self.pairs[:, 1]], axis=1))
        figures = {"mean_mm": float(np.mean(far)), "worst_mm": float(np.percentile(far, 95))}
        if near:
            figures |= {"lips_mm": float(np.mean(near)), "gap_mm": float(np.mean(gap))}
        return {name: 1000 * value for name, value in figures.items()}


def bridge(source, target, points):
    """Join two faces.

    Args:
        source, target: Faces; a face whose shapes are not linear is taken at its unit poses.
        points: Correspondence from source to target.

    Returns:
        Bridge.
    """
    fields = points.carried(unit_displacements(source))               # (m, n, 3)
    basis = unit_displacements(target)[:, points.vertices]             # (k, n, 3)
    pairs = lip_pairs(source, target, points, fields, basis)
    rows, columns = _weighted(fields, pairs), _weighted(basis, pairs)
    return Bridge(source, target, points, pairs, basis, columns @ columns.T, rows @ columns.T,
                  rows @ rows.T)


def unit_displacements(face):
    """(k, v, 3) float32: where each column at 1, alone, moves every vertex, metres."""
    shapes = getattr(face, "shapes", None)
    if shapes is not None:
        return shapes
    # Joints turn along an arc: a small step says better where speech takes them than a whole one.
    poses = Motion(_STEP * np.eye(len(face.space), dtype=np.float32), 30, face.space)
    return np.concatenate([(face.mesh(poses.frames(i, i + 8)).vertices - face.neutral()) / np.float32(_STEP)
                           for i in range(0, len(poses), 8)])


def lip_pairs(source, target, points, fields, basis):
    """(p, 2) int rows of points.vertices: neighbours at rest that part when the mouth opens."""
    from scipy.spatial import cKDTree

    opening = [field for face, of_face in ((source, fields), (target, basis))
               for name, field in zip(face.space.columns, of_face, strict=True) if name in _OPENING]
    if not opening:
        return np.zeros((0, 2), int)
    moves = opening[0]
    largest = np.linalg.norm(moves, axis=1).max(initial=0)
    pairs = cKDTree(target.neutral()[points.vertices]).query_pairs(_LIPS_NEAR * largest, output_type="ndarray")
    apart = np.linalg.norm(moves[pairs[:, 0]] - moves[pairs[:, 1]], axis=1)
    pairs = pairs[apart > _LIPS_PART * largest]
    nearest = np.linalg.norm(np.diff(target.neutral()[points.vertices[pairs]], axis=1)[:, 0], axis=1)
    order = np.argsort(nearest)
    _, first = np.unique(pairs[order, 0], return_index=True)           # each upper vertex with its nearest lower one
    return pairs[order[first]]


def shape_warnings(face):
    """Sentences about a face whose shapes or size look wrong: sides exchanged, dead shapes, units.

    Args:
        face: Face with ARKit-like names.

    Returns:
        tuple of str.
    """
    neutral, moves, says = face.neutral(), unit_displacements(face), []
    size = np.linalg.norm(moves, axis=2)                               # (k, v)
    height = float(np.ptp(neutral[:, 1]))
    if not 0.1 < height < 2.5:
        says.append(f"the head is {height:.3g} m high: lengths are metres, so this looks like another unit; scale it")
    middle, right, wrong = float(np.median(neutral[:, 0])), 0, []
    for k, name in enumerate(face.space.columns):
        known = [column for column in arkit_columns(name) if column.endswith(("Left", "Right"))]
        if len(known) == 1 and size[k].max() > 0 and known[0] not in _WHOLE:
            side = (size[k] * (neutral[:, 0] - middle)).sum() / size[k].sum()
            agrees = (side > 0) == known[0].endswith("Left")
            right, wrong = right + agrees, wrong + [name] * (not agrees)
    if len(wrong) > max(2, right):
        says.append(f"{len(wrong)} of {right + len(wrong)} sided shapes move the other side, as {wrong[0]}: left and "
                    "right look exchanged (Left is the subject's left, +x)")
    dead = [name for k, name in enumerate(face.space.columns) if size[k].max() < 1e-6 and arkit_columns(name)
            and name != "tongueOut"]
    if dead:
        says.append(f"shapes that move nothing: {', '.join(dead[:6])}{' ...' if len(dead) > 6 else ''}")
    return tuple(says)


def order_warnings(joined):
    """Sentences about columns that move like others of another name: a shuffled list of shapes.

    Args:
        joined: Bridge of two faces with ARKit-like names.

    Returns:
        tuple of str.
    """
    theirs = {column: i for i, name in enumerate(joined.source.space.columns) for column in arkit_columns(name)[:1]}
    fields = joined.points.carried(unit_displacements(joined.source))
    flat = fields.reshape(len(fields), -1) / np.maximum(np.linalg.norm(fields, axis=(1, 2)), 1e-12)[:, None]
    found = []
    for k, name in enumerate(joined.target.space.columns):
        own = [theirs[column] for column in arkit_columns(name)[:1] if column in theirs]
        size = np.linalg.norm(joined.basis[k])
        if own and size > 0:
            alike = flat @ joined.basis[k].reshape(-1) / size
            best = int(np.argmax(alike))
            if alike[best] > 0.6 and alike[best] > alike[own[0]] + 0.3:
                found.append((name, joined.source.space.columns[best]))
    if len(found) < 3:
        return ()
    return (f"{len(found)} shapes move like others, {found[0][0]} like {found[0][1]} for one: the names look shuffled",)


def _weighted(fields, pairs):
    """(k, r) rows of least squares: every vertex alike, and the lips once more, each and against each other."""
    k, n, _ = fields.shape
    parts = [fields.reshape(k, -1) / np.sqrt(n)]
    if len(pairs):
        lips = np.unique(pairs)
        parts.append(fields[:, lips].reshape(k, -1) * np.sqrt(_LIP_WEIGHT / len(lips)))
        apart = fields[:, pairs[:, 0]] - fields[:, pairs[:, 1]]
        parts.append(apart.reshape(k, -1) * np.sqrt(_LIP_WEIGHT / len(pairs)))
    return np.concatenate(parts, axis=1).astype(np.float64)


def _still(face, motion):
    """Displacements (v, 3) of each frame without the head pose, one at a time."""
    motion = Motion(motion.values, motion.fps, motion.space)
    for start in range(0, len(motion), 16):
        yield from face.mesh(motion.frames(start, start + 16)).vertices - face.neutral()
