"""Errors of the vertices of a face, as papers on speech-driven animation report them.

LVE (MeshTalk, FaceFormer) and FDD (CodeTalker) are those of the published code, which takes squared distances where
the papers' text speaks of distances; MVE and diversity are FaceDiffuser's. Figures are in the vertices' own unit or
its square: metres give metres.
"""

from itertools import combinations

import numpy as np

from personare.arrays import checked
from personare.errors import InputError

# A vertex belongs to a region if its shapes move it by this share of the most that they move any vertex.
_SHARE = 0.25
_LIP_SHAPES = ("mouthClose", "mouthFunnel", "mouthPucker", "mouthRoll", "mouthShrug", "mouthPress")
_UPPER_SHAPES = ("brow", "eyeBlink", "eyeSquint", "eyeWide", "cheekSquint")


def regions(face):
    """Lips and upper half of a face, told by what its shapes move.

    Args:
        face: LinearFace with shapes named as in ARKit.

    Returns:
        ((l,) int64, (u,) int64) vertex numbers of the lips and of the upper half.

    Raises:
        InputError: a face without such shapes.
    """
    found = []
    for wanted in (_LIP_SHAPES, _UPPER_SHAPES):
        index = [i for i, name in enumerate(face.space.columns) if name.startswith(wanted)]
        if not index or not hasattr(face, "shapes"):
            raise InputError("face", expected="a face with the shapes of ARKit", got=face.name,
                             remedy="name the vertices of its lips: --lips FILE")
        moved = np.linalg.norm(face.shapes[index], axis=-1).max(axis=0)
        found.append(np.flatnonzero(moved >= _SHARE * moved.max()))
    return tuple(found)


def lip_vertex_error(predicted, truth, lips, *, squared=True):
    """LVE: the largest error of a lip vertex in each frame, mean over the frames of all sequences.

    Args:
        predicted, truth: lists of (t, v, 3) float, one for each sequence.
        lips: (l,) vertex numbers.
        squared: the published figure; False takes distances, which have a unit that one can read.

    Returns:
        float.
    """
    worst = np.concatenate([_squares(p[:, lips], t[:, lips]).max(axis=1) for p, t in _pairs(predicted, truth)])
    return float(worst.mean() if squared else np.sqrt(worst).mean())


def upper_face_dynamics_deviation(predicted, truth, rest, upper):
    """FDD: how much more the upper face moves in the truth than in the prediction.

    The measure of one vertex is the standard deviation over time of its squared distance from rest.

    Args:
        predicted, truth: lists of (t, v, 3) float, one for each sequence.
        rest: (v, 3) float, or a list of those.
        upper: (u,) vertex numbers.

    Returns:
        (signed as published, mean of the sequences' absolute values), floats.
    """
    pairs = _pairs(predicted, truth)
    rests = rest if isinstance(rest, list) else [rest] * len(pairs)
    each = []
    for (p, t), still in zip(pairs, rests, strict=True):
        still = checked("rest", still, (t.shape[1], 3), dtype=np.float64)[upper]
        moved = [_squares(one[:, upper], still).std(axis=0).mean() for one in (t, p)]
        each.append(moved[0] - moved[1])
    return float(np.mean(each)), float(np.abs(each).mean())


def mean_vertex_error(predicted, truth):
    """MVE: mean distance over all vertices, frames and sequences; arguments as in lip_vertex_error."""
    each = [np.sqrt(_squares(p, t)) for p, t in _pairs(predicted, truth)]
    return float(sum(one.sum() for one in each) / sum(one.size for one in each))


def diversity(samples):
    """Mean distance of the vertices between every two predictions for one sound.

    Args:
        samples: list of two or more (t, v, 3) float.

    Returns:
        float.

    Raises:
        InputError: fewer than two.
    """
    if len(samples) < 2:
        raise InputError("samples", expected="two predictions or more", got=f"{len(samples)}",
                         remedy="predict with several seeds or styles")
    return float(np.mean([mean_vertex_error([one], [other]) for one, other in combinations(samples, 2)]))


def _pairs(predicted, truth):
    """List of (predicted, truth) as float64, of one shape each."""
    if len(predicted) != len(truth) or not len(truth):
        raise InputError("predicted", expected=f"{len(truth)} sequences, one or more", got=f"{len(predicted)}",
                         remedy="give a prediction for each")
    pairs = []
    for one, other in zip(predicted, truth, strict=True):
        other = checked("truth", other, ("t", "v", 3), dtype=np.float64)
        pairs.append((checked("predicted", one, other.shape, dtype=np.float64), other))
    return pairs


def _squares(one, other):
    return ((one - other) ** 2).sum(axis=-1)
