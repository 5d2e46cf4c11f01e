"""Audio expressions to a person's or a rig's columns: ridge regression with an intercept, solved for at once.

Neural Voice Puppetry finds its mapping by 90 epochs of Adam, in parameter space or on the vertices of a face with the
mouth weighing more. Without a ridge both have the same solution; with one, vertices matter: what moves the face little
is held back more, and the delay is the one that serves the mouth. Both are solved here in milliseconds.
"""

from dataclasses import dataclass

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.spaces import Space

# Delays of the target, frames, of which the best is taken.
LAGS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
MOST_LAG = 25
# What a vertex that is no part of the mouth weighs, beside 1 for one that is; the original adds as much to its mask.
ELSEWHERE = 0.1


@dataclass(frozen=True, eq=False)
class Mapping:
    """Audio expressions to a target: values[i] = codes[i - lag] @ weight.T + intercept.

    Args:
        target: Space of what it gives.
        weight: (k, c) float32.
        intercept: (k,) float32.
        lag: frames by which the target runs behind the codes, -25..25.
    """

    target: Space
    weight: np.ndarray
    intercept: np.ndarray
    lag: int = 0

    def __post_init__(self):
        weight = checked("weight", self.weight, (len(self.target), "c"))
        checked("intercept", self.intercept, (len(weight),))
        if not -MOST_LAG <= self.lag <= MOST_LAG:
            raise InputError("lag", expected=f"-{MOST_LAG}..{MOST_LAG} frames", got=repr(self.lag), remedy="change it")


def fit_mapping(pairs, *, ridge=0.01, lags=LAGS, metric=None):
    """Solve for the Mapping of a person: ridge regression with an intercept, at the lag that explains most.

    Args:
        pairs: list of (Motion of audio expressions, Motion of the target) of the same takes at one frame rate, each
            two of a length that differs by less than a quarter of a second.
        ridge: how strongly codes are held back, in variances of a code, >= 0; 0 is least squares.
        lags: delays of the target to try, frames; one of them is no search.
        metric: (k, k) float, what errors count, see vertex_metric; None for all columns alike.

    Returns:
        Mapping.

    Raises:
        InputError: no pairs, pairs that do not belong together, a negative ridge, or a metric of another size.
    """
    if not pairs or not lags or ridge < 0:
        raise InputError("pairs" if not pairs else "ridge, lags", expected="one pair or more, a lag, a ridge >= 0",
                         got=f"{len(pairs)} pairs, {ridge}, {lags}", remedy="change that")
    target = check_pairs(pairs)
    size = len(target)
    metric = np.eye(size) if metric is None else checked("metric", metric, (size, size), dtype=np.float64)
    shares, directions = np.linalg.eigh((metric + metric.T) / 2)
    shares = np.maximum(shares / max(shares.mean(), 1e-30), 0)
    found = []
    for lag in dict.fromkeys(lags):
        x, y = (np.concatenate(side) for side in zip(*(aligned(one.values, other.values, lag)
                                                       for one, other in pairs), strict=True))
        weight, intercept = _solved(x, y, ridge, shares, directions)
        error, spread = ((part @ directions) ** 2 @ shares for part in (x @ weight + intercept - y, y - y.mean(axis=0)))
        found.append((error.sum() / max(spread.sum(), 1e-30), abs(lag), lag, weight, intercept))
    _, _, lag, weight, intercept = min(found, key=lambda one: one[:2])
    return Mapping(target, weight.T.astype(np.float32), intercept.astype(np.float32), lag)


def check_pairs(pairs):
    """Space of the target of (codes, target) pairs of motions.

    Raises:
        InputError: they do not belong together.
    """
    (one, other), *_ = pairs
    for codes, target in pairs:
        same = codes.space.columns == one.space.columns and target.space.columns == other.space.columns
        if not same or len({float(motion.fps) for motion in (codes, target, one)}) > 1:
            raise InputError("pairs", expected="two spaces and one frame rate throughout",
                             got=f"{codes.space.name} at {codes.fps:g}, {target.space.name} at {target.fps:g}",
                             remedy="convert the others, or use Motion.at_fps")
        if abs(len(codes) - len(target)) > codes.fps / 4 or not min(len(codes), len(target)):
            raise InputError("pairs", expected="two motions of the same take",
                             got=f"{len(codes)} and {len(target)} frames", remedy="cut them to the same time")
    return other.space


def aligned(codes, target, lag):
    """Rows of both that belong to each other: float64 codes[i - lag] beside target[i]."""
    count = min(len(codes), len(target))
    kept = max(count - abs(lag), 1)
    first = max(lag, 0)
    return (codes[first - lag : first - lag + kept].astype(np.float64) if count > abs(lag) else codes[:1].astype(float),
            target[first : first + kept].astype(np.float64) if count > abs(lag) else target[:1].astype(float))


def _solved(x, y, ridge, shares, directions):
    """(c, k) weight and (k,) intercept; a direction that counts little in the metric is held back more."""
    mean, rest = x.mean(axis=0), y.mean(axis=0)
    # Codes are small numbers; a code that never moves gets a weight of 0.
    scale = x.std(axis=0)
    scale = np.where(scale > 0, scale, np.inf)
    x = (x - mean) / scale
    own, axes = np.linalg.eigh(x.T @ x / len(x))
    along = axes.T @ (x.T @ ((y - rest) @ directions)) / len(x)  # (c, k)
    strength = own[:, None] * shares[None] + ridge
    kept = strength > 1e-12 * max(own.max(initial=0.0), 1e-30)
    weight = np.where(kept, along * shares[None] / np.where(kept, strength, 1), 0)
    weight = (axes @ weight @ directions.T) / scale[:, None]
    return weight, rest - mean @ weight


def vertex_metric(shapes, weights):
    """What an error of each two columns means on a face: the metric of its vertices.

    Args:
        shapes: (k, v, 3) float, displacement of each vertex at weight 1 of each column, such as LinearFace.shapes.
        weights: (v,) float >= 0, what each vertex counts, such as mouth_weights or a mask of your own and 0.1.

    Returns:
        (k, k) float64 with sum_v weights[v] |sum_k e[k] shapes[k, v]|^2 = e @ metric @ e.
    """
    shapes = checked("shapes", shapes, ("k", "v", 3), dtype=np.float64)
    weights = checked("weights", weights, (shapes.shape[1],), dtype=np.float64)
    if weights.min(initial=0) < 0 or not weights.sum() > 0:
        raise InputError("weights", expected="0 or more, some above", got=f"{weights.min(initial=0):g} to "
                         f"{weights.max(initial=0):g}", remedy="give a mask, or mouth_weights")
    flat = (shapes * np.sqrt(weights)[None, :, None]).reshape(len(shapes), -1)
    return flat @ flat.T


def mouth_weights(face, *, opening=("jawOpen",), elsewhere=ELSEWHERE):
    """How much each vertex of a face counts: 1 where the mouth moves most, `elsewhere` where it does not move.

    Args:
        face: LinearFace whose columns have names.
        opening: columns whose movement tells where the mouth is.
        elsewhere: weight of the rest of the face, >= 0.

    Returns:
        (v,) float64 in elsewhere..1 + elsewhere.

    Raises:
        InputError: the face has no such column; give vertex_metric a mask of your own.
    """
    moves = np.linalg.norm(face.shapes[face.space.indices(opening)], axis=2).max(axis=0).astype(np.float64)
    return moves / max(moves.max(), 1e-30) + elsewhere
