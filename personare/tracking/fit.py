"""Landmarks of a clip -> the person's face, its expression and pose in every picture: Gauss-Newton, all frames at once.

Unknown are, once for the clip, how the person differs from the face (smooth modes, then a small offset of each
landmark) and the focal length; for each frame six of pose and the columns that the landmarks see, within their bounds
and tied to the frame before. Large residuals count less (Geman and McClure), what is turned away not at all, and the
outline of the face only across its direction, for the detector lets it slide along.
"""

from dataclasses import dataclass, replace

import numpy as np

from personare.tracking.chain import solve_chain
from personare.tracking.identity import modes
from personare.tracking.landmarks import INNER_LIPS, IRIS, LIDS, LIP_PAIRS, OUTER_LIPS, OVAL

# In distances between the outer corners of the eyes: the noise of a landmark, a residual that no longer counts fully,
# and that at the start, when everything is off.
NOISE, OUTLIER, FAR_OFF = 0.010, 0.06, 0.2
_EYES = (33, 263)
_EYE_M = 0.091          # between the outer corners of an adult's eyes
_DISTANCE_M = 0.9       # of a face before a camera of which nothing is known
_NEIGHBOURS = 0.07      # the noise of 478 landmarks is shared among neighbours; so much of their evidence is their own
_POSE = 6
# How far pose and columns go in one step of 1 / 30 s.
_TURN_RAD, _MOVE_M, _COLUMN = 0.008, 0.0017, 0.08
_KEYFRAMES, _CHUNK = 48, 64
_ROUNDS, _STEPS = 6, 3
_OFFSET_M = 0.0015


@dataclass(frozen=True, eq=False)
class Fit:
    """What is known so far of a clip of t frames.

    Args:
        offsets: (n, 3) the person's landmarks at rest, less those of the face.
        focal_px: focal length.
        values: (t, k) columns of the Anchored.
        turn: (t, 3, 3), move: (t, 3): head pose about the face's pivot in the camera's coordinates, metres.
    """

    offsets: np.ndarray
    focal_px: float
    values: np.ndarray
    turn: np.ndarray
    move: np.ndarray

    def frames(self, picked):
        """The Fit of some frames."""
        return replace(self, values=self.values[picked], turn=self.turn[picked], move=self.move[picked])


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen and how much it counts.

    Args:
        points: (t, n, 2) pixels, 0 where not seen.
        seen: (t,) float 1 or 0.
        center_px: (2,) middle of the picture.
        unit_px: (t,) distance of the outer eye corners, foreshortening undone.
        weight: (n,) of each landmark.
        outline: (n,) bool, counts only across its direction.
        pairs: (p, 2) landmarks whose distance counts by itself, with pair_weight (p,).
        tied: (t,) float, how strongly a frame is tied to the one before; 0 at cuts.
        outlier: residual that no longer counts fully.
    """

    points: np.ndarray
    seen: np.ndarray
    center_px: np.ndarray
    unit_px: np.ndarray
    weight: np.ndarray
    outline: np.ndarray
    pairs: np.ndarray
    pair_weight: np.ndarray
    tied: np.ndarray
    outlier: float = OUTLIER

    def frames(self, picked, *, tied=None):
        """The Sight of some frames, untied unless told otherwise."""
        return replace(self, points=self.points[picked], seen=self.seen[picked], unit_px=self.unit_px[picked],
                       tied=np.zeros(len(self.points[picked])) if tied is None else tied)


def sight_of(face, detections):
    """Sight of Detections for an Anchored face."""
    points = detections.points[:, face.index].astype(np.float64)
    seen = np.isfinite(points[:, 0, 0])
    eyes = detections.points[:, _EYES]
    unit = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1).astype(np.float64)
    unit[~seen] = np.median(unit[seen])
    unit = np.maximum(unit, 0.5 * np.median(unit))
    weight, outline = np.full(len(face.index), 0.6), np.zeros(len(face.index), bool)
    for group, value in ((OUTER_LIPS, 2.0), (INNER_LIPS, 3.0), (IRIS, 2.0), (OVAL, 0.6),
                         (sum((pair for pairs in LIDS.values() for pair in pairs), ()), 2.0)):
        weight[face.of(group)] = value
    outline[face.of(OVAL)] = True
    pairs = [(pair, 4.0) for pair in LIP_PAIRS] + [(pair, 16.0) for pairs in LIDS.values() for pair in pairs]
    pairs = [(face.of(pair), value) for pair, value in pairs if len(face.of(pair)) == 2]
    step = np.diff(detections.times_s, prepend=detections.times_s[0] - 1 / max(detections.fps, 1))
    tied = (1 / 30) / np.clip(step, 1e-3, 1.0)
    tied[[0, *detections.cuts]] = 0
    return Sight(np.where(seen[:, None, None], points[:, :, :2], 0), seen.astype(float),
                 np.array(detections.size) / 2, unit, weight, outline, np.array([pair for pair, _ in pairs]),
                 np.array([value for _, value in pairs]), tied)


def fit(face, detections, *, focal_px=None, progress=None):
    """Fit a face to a clip.

    Args:
        face: Anchored.
        detections: Detections with at least one frame in which the face is seen.
        focal_px: focal length where it is known.
        progress: called with (steps done, steps in total).

    Returns:
        Fit.
    """
    sight = sight_of(face, detections)
    focal = focal_px or float(np.clip(np.median(sight.unit_px) * _DISTANCE_M / _EYE_M, 0.9 * max(detections.size),
                                      8 * max(detections.size)))
    start = started(face, detections, sight, focal)
    total, done = _ROUNDS + 2 * _STEPS, 0

    def step_done():
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    keys = keyframes(start, sight)
    few, part = start.frames(keys), sight.frames(keys)
    basis = modes(face.rest)
    code = np.zeros(len(basis))
    for outlier in np.geomspace(FAR_OFF, OUTLIER, _ROUNDS):
        part = replace(part, outlier=float(outlier))
        few = stepped(face, few, part)
        code = identity_step(face, few, part, basis, code)
        few = replace(few, offsets=np.tensordot(code, basis, 1))
        step_done()
    for _ in range(_STEPS):
        few = stepped(face, few, part)
        few = replace(few, offsets=np.tensordot(code, basis, 1) + own_offsets(face, few, part))
        step_done()
    values = start.values
    values[keys] = few.values
    whole = replace(start, offsets=few.offsets, values=_filled(values, keys))
    for _ in range(_STEPS):
        whole = stepped(face, whole, sight)
        step_done()
    return whole


def started(face, detections, sight, focal_px):
    """Fit with rest expression and poses from the detector's own depth."""
    t, pivot = len(sight.seen), face.face.head_pivot.astype(np.float64)
    turn, move = np.tile(np.eye(3), (t, 1, 1)), np.zeros((t, 3))
    steady = np.flatnonzero(~sight.outline)
    here = face.rest[steady]
    for i in np.flatnonzero(sight.seen):
        there = detections.points[i, face.index[steady]].astype(np.float64) * (1, -1, -1)
        scaled, shift = _similarity(here, there)
        scale = np.cbrt(np.linalg.det(scaled))
        turn[i] = scaled / scale
        middle = scaled @ pivot + shift
        depth = focal_px / scale
        move[i] = [(middle[0] - sight.center_px[0]) * depth / focal_px,
                   (middle[1] + sight.center_px[1]) * depth / focal_px, -depth]
        move[i] -= pivot
    known = np.flatnonzero(sight.seen)
    near = known[np.abs(np.arange(t)[:, None] - known).argmin(1)] if len(known) < t else np.arange(t)
    return Fit(np.zeros_like(face.rest), focal_px, np.zeros((t, len(face.columns))), turn[near], move[near])


def _similarity(here, there):
    from personare.faces.registration import similarity

    return similarity(here, there)


def keyframes(start, sight):
    """Indices of up to 48 seen frames, evenly spaced, and those turned farthest."""
    seen = np.flatnonzero(sight.seen)
    even = seen[np.unique(np.linspace(0, len(seen) - 1, _KEYFRAMES - 8).round().astype(int))]
    sideways = start.turn[seen, 0, 2]
    upwards = start.turn[seen, 1, 2]
    ends = [seen[np.argsort(axis)[at]] for axis in (sideways, upwards) for at in (0, len(seen) // 20, -1,
                                                                                -1 - len(seen) // 20)]
    return np.unique(np.concatenate([even, ends]))


def _filled(values, keys):
    """Values of the keyframes, interpolated between them."""
    frames = np.arange(len(values))
    return np.stack([np.interp(frames, keys, column) for column in values[keys].T], 1) if len(keys) > 1 else (
        np.repeat(values[keys], len(values), 0))


def projected(face, fit, start=0, stop=None):
    """Landmarks of a Fit on the picture and what they depend on.

    Returns:
        pixels (t, n, 2) relative to the middle, posed (t, n, 3) camera coordinates, local (t, n, 3) before pose.
    """
    values = fit.values[start:stop]
    pivot = face.face.head_pivot.astype(np.float64)
    local = face.rest + fit.offsets + face.moved(values) - pivot
    turned = local @ np.swapaxes(fit.turn[start:stop], 1, 2)
    posed = turned + (pivot + fit.move[start:stop])[:, None]
    depth = np.maximum(-posed[..., 2], 1e-3)
    return fit.focal_px * posed[..., :2] * (1, -1) / depth[..., None], posed, turned


def slopes(fit, posed):
    """(t, n, 2, 3) change of pixels with the posed point."""
    depth = np.maximum(-posed[..., 2], 1e-3)
    jacobian = np.zeros((*posed.shape[:2], 2, 3))
    jacobian[..., 0, 0] = fit.focal_px / depth
    jacobian[..., 1, 1] = -fit.focal_px / depth
    jacobian[..., 0, 2] = fit.focal_px * posed[..., 0] / depth**2
    jacobian[..., 1, 2] = -fit.focal_px * posed[..., 1] / depth**2
    return jacobian


def weighed(face, fit, sight, start, stop):
    """Residuals of some frames, their weights, and slopes with the posed point, all in units of the noise.

    Returns:
        residual (t, n, 2), scale (t, n, 2, 2) to multiply residuals and slopes with, slope (t, n, 2, 3), turned.
    """
    pixels, posed, turned = projected(face, fit, start, stop)
    part = slice(start, stop)
    residual = (sight.points[part] - sight.center_px - pixels) / sight.unit_px[part, None, None]
    robust = 1 / (1 + (residual**2).sum(-1) / sight.outlier**2)
    facing = (np.einsum("tij,nj->tni", fit.turn[part], face.normals) * -posed).sum(-1)
    facing /= np.linalg.norm(posed, axis=-1)
    shown = np.clip(facing / 0.25 + 0.4, 0, 1)
    weight = np.sqrt(_NEIGHBOURS * sight.weight) * robust * np.sqrt(shown) * sight.seen[part, None] / NOISE
    slope = slopes(fit, posed) / sight.unit_px[part, None, None, None]
    scale = weight[..., None, None] * np.eye(2)
    if sight.outline.any():
        middle = (pixels * ~sight.outline[:, None]).sum(1) / (~sight.outline).sum()
        outward = pixels[:, sight.outline] - middle[:, None]
        outward /= np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-9)
        scale[:, sight.outline] = (weight[:, sight.outline, None, None] * outward[..., :, None] * outward[..., None, :])
    return residual, scale, slope, turned


def equations(face, fit, sight, start, stop):
    """Normal equations of pose and columns of some frames: (t, q, q) and (t, q)."""
    residual, scale, slope, turned = weighed(face, fit, sight, start, stop)
    t, k = len(residual), len(face.columns)
    slope_of = np.empty((t, residual.shape[1], 2, _POSE + k))
    cross = np.zeros((*turned.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = turned[..., 2], -turned[..., 1], turned[..., 0]
    cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = -turned[..., 2], turned[..., 1], -turned[..., 0]
    slope_of[..., :3] = slope @ cross
    slope_of[..., 3:_POSE] = slope
    local = (slope[:, :, :, None, :] @ fit.turn[start:stop, None, None]).squeeze(3)       # slope with the local point
    slope_of[..., _POSE:] = np.matmul(local, face.shapes.transpose(1, 2, 0))
    rows, errors = [(scale @ slope_of).reshape(t, -1, _POSE + k)], [(scale @ residual[..., None]).reshape(t, -1)]
    if len(sight.pairs):
        up, low = sight.pairs.T
        apart = ((residual[:, up] - residual[:, low])**2).sum(-1)
        sure = np.sqrt(_NEIGHBOURS * sight.pair_weight) * sight.seen[start:stop, None] / NOISE
        sure = sure / (1 + apart / sight.outlier**2)
        rows.append((sure[..., None, None] * (slope_of[:, up] - slope_of[:, low])).reshape(t, -1, _POSE + k))
        errors.append((sure[..., None] * (residual[:, up] - residual[:, low])).reshape(t, -1))
    rows, errors = np.concatenate(rows, 1), np.concatenate(errors, 1)
    return np.swapaxes(rows, 1, 2) @ rows, (np.swapaxes(rows, 1, 2) @ errors[..., None])[..., 0]


def stepped(face, fit, sight):
    """A Fit after one Gauss-Newton step of pose and columns of every frame."""
    t, k = fit.values.shape
    system, right = np.empty((t, _POSE + k, _POSE + k)), np.empty((t, _POSE + k))
    for start in range(0, t, _CHUNK):
        part = slice(start, min(start + _CHUNK, t))
        system[part], right[part] = equations(face, fit, sight, part.start, part.stop)
    prior = np.concatenate([np.full(_POSE, 1e-6), 1 / face.spread**2])
    system[:, range(_POSE + k), range(_POSE + k)] += prior
    right[:, _POSE:] -= prior[_POSE:] * fit.values
    tie = sight.tied[:, None] / np.concatenate([np.full(3, _TURN_RAD), np.full(3, _MOVE_M),
                                                np.full(k, _COLUMN) * face.spread / face.spread.max()]) ** 2
    before = np.zeros((t, _POSE + k))
    before[1:, :3] = rotation_vectors(fit.turn[1:] @ np.swapaxes(fit.turn[:-1], 1, 2))
    before[1:, 3:_POSE] = np.diff(fit.move, axis=0)
    before[1:, _POSE:] = np.diff(fit.values, axis=0)
    held = np.zeros((t, _POSE + k), bool)
    held[:, _POSE:] = ((fit.values <= face.low) & (right[:, _POSE:] < 0)) | ((fit.values >= face.high)
                                                                            & (right[:, _POSE:] > 0))
    step = solve_chain(system, right, tie, before, held)
    values = np.clip(fit.values + step[:, _POSE:], face.low, face.high)
    return replace(fit, values=values, turn=rotations(step[:, :3]) @ fit.turn, move=fit.move + step[:, 3:_POSE])


def identity_step(face, fit, sight, basis, code):
    """The (m,) code of the person after one Gauss-Newton step, expression and pose fixed."""
    system, right = np.eye(len(code)), -code
    flat = basis.transpose(1, 2, 0)
    for start in range(0, len(fit.values), 8):
        residual, scale, slope, _ = weighed(face, fit, sight, start, start + 8)
        local = (slope[:, :, :, None, :] @ fit.turn[start:start + 8, None, None]).squeeze(3)
        rows = (scale @ np.matmul(local, flat)).reshape(-1, len(code))
        # Each frame says the same of the person; four frames' worth is evidence, the rest repetition.
        system, right = system + rows.T @ rows * _worth(fit), right + rows.T @ (scale @ residual[..., None]
                                                                                ).reshape(-1) * _worth(fit)
    return code + np.linalg.solve(system, right)


def own_offsets(face, fit, sight):
    """(n, 3) what is left to move of each landmark by itself."""
    n = len(face.rest)
    system, right = np.tile(np.eye(3) / _OFFSET_M**2, (n, 1, 1)), np.zeros((n, 3))
    for start in range(0, len(fit.values), 16):
        residual, scale, slope, _ = weighed(face, fit, sight, start, start + 16)
        rows = scale @ (slope[:, :, :, None, :] @ fit.turn[start:start + 16, None, None]).squeeze(3)
        system += np.einsum("tnij,tnik->njk", rows, rows)
        right += np.einsum("tnij,tni->nj", rows, (scale @ residual[..., None])[..., 0])
    return np.linalg.solve(system, right[..., None])[..., 0]


def _worth(fit):
    return min(1.0, 4 / len(fit.values))


def rotations(vectors):
    """(t, 3, 3) rotations of vectors (t, 3)."""
    from personare.faces.skin import rotation_from_vector

    return rotation_from_vector(np.asarray(vectors, np.float64)).astype(np.float64)


def rotation_vectors(turns):
    """(t, 3) axis times angle of small rotations (t, 3, 3)."""
    skew = np.stack([turns[:, 2, 1] - turns[:, 1, 2], turns[:, 0, 2] - turns[:, 2, 0],
                     turns[:, 1, 0] - turns[:, 0, 1]], 1) / 2
    sine = np.linalg.norm(skew, axis=1, keepdims=True)
    angle = np.arctan2(sine, (np.trace(turns, axis1=1, axis2=2)[:, None] - 1) / 2)
    return skew * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)
