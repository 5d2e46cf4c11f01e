"""Predicted motion against the motion of a real take: curves, lips, timing, and the vertices of a face."""

from dataclasses import dataclass, replace

import numpy as np

from personare.arrays import correlations
from personare.errors import InputError
from personare.metrics.phonelip import fast_share
from personare.metrics.vertices import (
    lip_vertex_error,
    mean_vertex_error,
    regions,
    upper_face_dynamics_deviation,
)
from personare.motion.mouth import measures_cm
from personare.motion.retarget import can_convert, convert
from personare.types import Motion

# Columns that move less than this share of the one that moves most are left out of means over columns.
LEAST_SHARE = 0.02
# Frames whose vertices are in memory at a time.
_BLOCK = 128
# How far apart a closure and its counterpart may be, and the largest lag that is looked for.
NEAR_S, MOST_LAG_S = 0.05, 0.5
# Width of a blink's agreement with an accent, as Bailando's beat alignment has it: 3 frames at 30 a second.
BEAT_S = 0.1
_RATE_HZ = 100.0


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and the real take it is held against, at one frame rate, in one space and of one length.

    Args:
        predicted, truth: Motion.
        accents_s: times of the accents of the sound, None where there is no sound.
    """

    predicted: Motion
    truth: Motion
    accents_s: np.ndarray | None = None


def paired(predicted, truth, *, accents_s=None):
    """A Pair of two motions: the prediction converted to the truth's space and rate, both cut to the shorter one.

    Raises:
        InputError: no way from one space to the other, fewer than two frames, or lengths that differ by a tenth.
    """
    if predicted.space != truth.space:
        if not can_convert(predicted.space, truth.space):
            raise InputError("prediction", expected=f"motion in {truth.space.name}", got=predicted.space.name,
                             remedy="bring one of them to the other's face: personare convert --to")
        predicted, _ = convert(predicted, truth.space)
    longer, shorter = (pick(predicted.duration_s, truth.duration_s) for pick in (max, min))
    predicted = predicted.at_fps(truth.fps)
    count = min(len(predicted), len(truth))
    if count < 2 or longer - shorter > max(0.1 * longer, 0.25):
        raise InputError("prediction", expected=f"{len(truth)} frames of the same take, two or more",
                         got=f"{len(predicted)} frames at {truth.fps:g} fps", remedy="cut both to the same sound")
    return Pair(predicted.frames(0, count), truth.frames(0, count), accents_s)


def compare(pairs, *, face=None, lips=None):
    """Figures of predictions against real takes.

    Args:
        pairs: list of Pair in one space.
        face: LinearFace of that space whose vertices are compared; None for none.
        lips: (l,) vertex numbers of its lips; default told by its shapes.

    Returns:
        dict of name -> float; docs/evaluate.md defines each. "mouth" figures are there where the space has a way to
        ARKit's, "vertices" where a face is given, "beat_alignment" where the sound is known.
    """
    if not pairs or len({pair.truth.space for pair in pairs}) > 1:
        raise InputError("takes", expected="one or more, all in one space",
                         got=", ".join(sorted({pair.truth.space.name for pair in pairs})) or "none",
                         remedy="evaluate them one space at a time")
    figures = {"clips": float(len(pairs)), "seconds": float(sum(pair.truth.duration_s for pair in pairs))}
    figures |= _of_curves(pairs)
    if can_convert(pairs[0].truth.space, "arkit-52"):
        figures |= _of_mouths(pairs)
    if face is not None:
        figures |= of_vertices(pairs, face, lips)
    known = [pair for pair in pairs if pair.accents_s is not None]
    if known:
        figures["beat_alignment"] = float(np.nanmean([beat_alignment(blinks_s(pair.predicted), pair.accents_s)
                                                      for pair in known] or [np.nan]))
    return figures


def _of_curves(pairs):
    """r, R2 and error of the columns that move, all clips in a row."""
    truth, predicted = (np.concatenate([getattr(pair, side).values for pair in pairs]).astype(np.float64)
                        for side in ("truth", "predicted"))
    spread = truth.std(axis=0)
    moving = spread > LEAST_SHARE * spread.max()
    if not moving.any():
        raise InputError("truth", expected="a column that moves", got="a face at rest", remedy="check the take")
    truth, predicted = truth[:, moving], predicted[:, moving]
    error = ((truth - predicted) ** 2).mean(axis=0)
    return {"columns": float(moving.sum()), "r_mean": float(correlations(predicted, truth).mean()),
            "r2_mean": float((1 - error / truth.var(axis=0)).mean()),
            "r2_pooled": float(1 - error.sum() / truth.var(axis=0).sum()), "rmse": float(np.sqrt(error.mean()))}


def _of_mouths(pairs):
    """Figures of jaw and lips of an average head, see personare.motion.mouth."""
    found = [_mouth(pair) for pair in pairs]
    both = {name: np.concatenate([one[name] for one in found]) for name in ("gap", "jaw", "speed", "jaw_speed")}
    counts = np.sum([one["closures"] for one in found], axis=0)
    size = np.percentile(both["gap"], 95, axis=0)
    return {
        "jaw_r": float(correlations(both["jaw"][:, :1], both["jaw"][:, 1:])[0]),
        "lip_gap_r": float(correlations(both["gap"][:, :1], both["gap"][:, 1:])[0]),
        "lip_gap_error_cm": float(np.abs(np.diff(both["gap"])).mean()),
        "lip_gap_size": float(size[0] / max(size[1], 1e-9)),
        "closure_recall": float(counts[0] / counts[1]) if counts[1] else float("nan"),
        "closure_precision": float(counts[2] / counts[3]) if counts[3] else float("nan"),
        "jaw_velocity_error": float(np.abs(np.diff(both["jaw_speed"])).mean()),
        "lip_velocity_error_cm_s": float(np.abs(np.diff(both["speed"])).mean()),
        "lag_ms": float(np.median([one["lag"] for one in found])),
        "share_above_12_hz": fast_share([one["gap"][:, 0] for one in found]),
        "share_above_12_hz_truth": fast_share([one["gap"][:, 1] for one in found])}


def _mouth(pair):
    """Lip gap in cm and jawOpen of prediction and truth side by side, (t, 2) at 100 Hz, and what follows of them."""
    motions = [side if side.space.name == "arkit-52" else convert(side, "arkit-52")[0]
               for side in (pair.predicted, pair.truth)]
    motions = [motion.at_fps(_RATE_HZ) for motion in motions]
    gap = np.stack([np.maximum(measures_cm(motion)[:, 0], 0) for motion in motions], axis=1)
    jaw = np.stack([motion.column("jawOpen") for motion in motions], axis=1).astype(np.float64)
    limit = touch_limit(gap[:, 1])
    ours, theirs = (closures(side, limit) for side in gap.T)
    near = NEAR_S * _RATE_HZ
    return {"gap": gap, "jaw": jaw, "speed": np.diff(gap, axis=0) * _RATE_HZ,
            "jaw_speed": np.diff(jaw, axis=0) * _RATE_HZ, "lag": 1000 * lag_s(gap[:, 0], gap[:, 1]),
            "closures": (_met(theirs, ours, near), len(theirs), _met(ours, theirs, near), len(ours))}


def touch_limit(gap):
    """Gap up to which lips count as touching: least + max(.05 cm, 12 % of the range up to the 95th percentile).

    The least is the 2nd percentile of the real take: a tracked mouth is hardly ever shut to the millimetre.

    Args:
        gap: (t,) float cm of the real take.
    """
    least, most = np.percentile(gap, (2, 95))
    return float(least + max(0.05, 0.12 * (most - least)))


def closures(gap, limit):
    """(n, 2) int64 first and last row of every stretch at most `limit` apart between two wider ones."""
    edges = np.diff(np.concatenate([[0], (gap <= limit).astype(np.int8), [0]]))
    spans = np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1], axis=1)
    return spans[(spans[:, 0] > 0) & (spans[:, 1] < len(gap) - 1)]


def _met(wanted, given, near):
    """How many of the wanted spans a given one touches, `near` rows of slack."""
    return sum(bool(np.any((given[:, 0] <= last + near) & (given[:, 1] >= first - near))) for first, last in wanted)


def lag_s(predicted, truth, *, rate_hz=_RATE_HZ, most_s=MOST_LAG_S):
    """How much later than the truth a curve moves, by the largest correlation; NaN where one of them rests.

    Args:
        predicted, truth: (t,) float.
        rate_hz: rows a second.
        most_s: largest lag looked for, either way.
    """
    if min(np.ptp(predicted), np.ptp(truth)) < 1e-9:
        return float("nan")
    most = min(int(most_s * rate_hz), len(truth) // 2)
    lags = range(-most, most + 1)
    r = [correlations(predicted[max(lag, 0):len(predicted) + min(lag, 0), None],
                      truth[max(-lag, 0):len(truth) - max(lag, 0), None])[0] for lag in lags]
    return float(lags[int(np.argmax(r))] / rate_hz)


def of_vertices(pairs, face, lips=None):
    """LVE, FDD and MVE on a face, in mm and mm2.

    Args:
        pairs: list of Pair in the face's space.
        face: a types.Face.
        lips: (l,) vertex numbers; default told by the face's shapes. FDD needs those shapes.
    """
    upper = np.zeros(0, np.int64)
    if lips is None:
        lips, upper = regions(face)
    kept, errors, frames = [], [], []
    for pair in pairs:
        parts = []
        for first in range(0, len(pair.truth), _BLOCK):
            ours, theirs = (face.mesh(replace(side.frames(first, first + _BLOCK), head_pose=None)).vertices * 1000.0
                            for side in (pair.predicted, pair.truth))
            errors.append(mean_vertex_error([ours], [theirs]))
            frames.append(len(ours))
            parts.append((ours[:, lips], theirs[:, lips], ours[:, upper], theirs[:, upper]))
        kept.append([np.concatenate(part) for part in zip(*parts, strict=True)])
    lips_of = [[one[i] for one in kept] for i in (0, 1)]
    every = np.arange(len(lips))
    figures = {"lve_mm2": lip_vertex_error(*lips_of, every), "mve_mm": float(np.average(errors, weights=frames)),
               "lip_error_mm": lip_vertex_error(*lips_of, every, squared=False)}
    if len(upper):
        figures["fdd_signed_mm2"], figures["fdd_mm2"] = upper_face_dynamics_deviation(
            *([one[i] for one in kept] for i in (2, 3)), face.neutral()[upper] * 1000.0, np.arange(len(upper)))
    return figures


def blinks_s(motion):
    """(n,) seconds at which both lids of a motion in a space with ARKit's columns are most closed."""
    if "eyeBlinkLeft" not in motion.space.columns:
        return np.zeros(0)
    lids = motion.columns(("eyeBlinkLeft", "eyeBlinkRight")).mean(axis=1)
    shut = lids > max(0.5, 0.6 * float(lids.max(initial=0)))
    edges = np.diff(np.concatenate([[0], shut.astype(np.int8), [0]]))
    return np.array([first + int(np.argmax(lids[first:stop])) for first, stop in
                     zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]) / motion.fps


def accents_s(audio):
    """(n,) seconds of the accents of a voice: peaks of the rise of its log-mel bands (spectral flux).

    Args:
        audio: Audio.
    """
    from personare.audio.mel import log_mel

    bands = log_mel(audio)
    rise = np.maximum(np.diff(bands.values, axis=0), 0).mean(axis=1)
    width = max(1, round(0.05 * bands.rate_hz))
    smooth = np.convolve(rise, np.hanning(2 * width + 1)[1:-1] / width, mode="same")
    apart = max(1, round(0.15 * bands.rate_hz))
    peaks = [i for i in range(len(smooth)) if smooth[i] == smooth[max(0, i - apart):i + apart + 1].max()
             and smooth[i] > smooth.mean() + smooth.std()]
    return (np.array(peaks) + 1) / bands.rate_hz


def beat_alignment(events_s, beats_s, *, width_s=BEAT_S):
    """Mean over events of exp(-d^2 / (2 width^2)), d to the nearest beat (Bailando's, with the roles as there).

    Returns:
        float in 0..1; NaN without events or beats.
    """
    if not len(events_s) or not len(beats_s):
        return float("nan")
    distance = np.abs(np.asarray(events_s)[:, None] - np.asarray(beats_s)).min(axis=1)
    return float(np.exp(-(distance**2) / (2 * width_s**2)).mean())
