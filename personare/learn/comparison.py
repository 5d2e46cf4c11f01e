"""How good a prediction is, and what it has to beat: the mean, ridge regression on log-mel, the built-in model."""

import numpy as np

from personare.arrays import correlations
from personare.audio.front_ends import features_of, open_front_end
from personare.audio.load import load
from personare.motion.layers import STILL
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.motion.retarget import can_convert, convert
from personare.spaces import ARKIT_52

# Sound that the regression sees on either side of a frame, and the bands it sees it in: as FACEGOOD's window is long.
REACH_S, BANDS, STEP_S = 0.26, 32, 1 / 30
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
MOST_FOLDS = 5
# A column that moves less than this share of the one that moves most is not asked for.
LEAST_SHARE = 0.02


def figures(truth, predicted):
    """How much of the motion is predicted.

    Args:
        truth, predicted: (t, k) float32.

    Returns:
        dict: "r2" 1 - squared error / variance, pooled over columns; "r2_mean" the mean of that of each column that
        moves; "r" mean correlation of those (0 where a prediction is constant); "error" mean absolute error.
    """
    moving = moving_columns(truth)
    error, spread = (truth - predicted) ** 2, (truth - truth.mean(axis=0)) ** 2
    if not moving.any():
        return {"r2": float("nan"), "r2_mean": float("nan"), "r": float("nan"),
                "error": float(np.abs(truth - predicted).mean())}
    each = 1 - error.sum(axis=0)[moving] / spread.sum(axis=0)[moving]
    return {"r2": float(1 - error.sum() / spread.sum()), "r2_mean": float(each.mean()),
            "r": float(correlations(truth, predicted)[moving].mean()),
            "error": float(np.abs(truth - predicted).mean())}


def moving_columns(truth):
    """(k,) bool, columns of (t, k) values that move."""
    spread = truth.std(axis=0)
    return spread > max(LEAST_SHARE * spread.max(initial=0), 1e-6)


def baselines(corpus):
    """What a prediction of the held-out clips has to beat; clips without sound leave the built-in model out.

    Args:
        corpus: prepared.Corpus with clips to learn from and held-out ones.

    Returns:
        dict: name -> list of (t, k) float32, one for each held-out clip: "mean", "ridge", and "built-in" where the
        space can be reached from ARKit's.
    """
    found = {"mean": [np.repeat(corpus.value_mean[None], len(clip.values), axis=0) for clip in corpus.held_out],
             "ridge": ridge(corpus)}
    reached = can_convert(ARKIT_52, corpus.space) or set(corpus.space.columns) <= set(ARKIT_52.columns)
    if reached and all(clip.sound for clip in corpus.held_out):
        found["built-in"] = [built_in(clip, corpus) for clip in corpus.held_out]
    return found


def ridge(corpus):
    """Ridge regression from log-mel energies around each frame; its strength is chosen by leaving out clips.

    Where a clip has no sound it is from the rows of the front end instead.

    Returns:
        list of (t, k) float32, one for each held-out clip.
    """
    front_end = open_front_end("mel", band_count=BANDS, rate_hz=float(round(2 * corpus.fps)))
    if corpus.has_sound:
        heard = {clip.name: features_of(front_end, load(clip.sound)).values for clip in corpus.clips}
    else:
        front_end, heard = corpus.front_end, {clip.name: clip.rows for clip in corpus.clips}
    rows = {clip.name: around(heard[clip.name], len(clip.values), corpus.fps, front_end.rate_hz)
            for clip in corpus.clips}
    learned = corpus.to_learn
    everything = np.concatenate([rows[clip.name] for clip in learned])
    mean, scale = everything.mean(axis=0), np.maximum(everything.std(axis=0), 1e-4)
    sums = [_sums((rows[clip.name] - mean) / scale, clip.values - corpus.value_mean) for clip in learned]
    folds = [sums[i::MOST_FOLDS] for i in range(min(MOST_FOLDS, len(sums)))]
    strength = RIDGES[2] if len(folds) < 2 else min(RIDGES, key=lambda strength: _left_out(folds, strength))
    weight = _solved(sums, strength)
    return [((rows[clip.name] - mean) / scale @ weight + corpus.value_mean).astype(np.float32)
            for clip in corpus.held_out]


def around(rows, count, fps, rate_hz):
    """(count, w) float32 rows of sound around each frame, those at the edges repeated."""
    reach = round(REACH_S / STEP_S)
    centres = np.arange(count)[:, None] / fps + np.arange(-reach, reach + 1) * STEP_S
    index = np.clip(np.round(centres * rate_hz).astype(np.int64), 0, len(rows) - 1)
    return rows[index].reshape(count, -1)


def _sums(x, y):
    """What the normal equations need of one clip."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    return x.T @ x, x.T @ y, (y**2).sum(), len(x)


def _solved(sums, strength):
    gram, moment, count = sum(one[0] for one in sums), sum(one[1] for one in sums), sum(one[3] for one in sums)
    return np.linalg.solve(gram / count + strength * np.eye(len(gram)), moment / count)


def _left_out(folds, strength):
    """Squared error over all folds, each predicted by the others."""
    total = 0.0
    for i, fold in enumerate(folds):
        weight = _solved([one for j, other in enumerate(folds) if j != i for one in other], strength)
        for gram, moment, square, _ in fold:
            total += square - 2 * (weight * moment).sum() + (weight * (gram @ weight)).sum()
    return total


def built_in(clip, corpus):
    """(t, k) float32: the built-in model's curves of a clip's sound, in the columns of the corpus."""
    audio = load(clip.sound)
    performance = Performance("vox", from_hz=audio.rate_hz, fps=corpus.fps, layers=STILL)
    motion = joined([performance.push(audio.samples), performance.finish()])
    if not set(corpus.space.columns) <= set(motion.space.columns):
        motion, _ = convert(motion, corpus.space)
    values = motion.columns(corpus.columns)
    return values[np.minimum(np.arange(len(clip.values)), len(values) - 1)]
