"""Solving for a person's voice from half a minute of footage, in seconds; nothing in it is random.

Delay and ridge are chosen by leaving out a fifth of the footage in turn, by how the mouth's surface errs; the gaps
between lips of those left-out answers, beside the person's own, then say how far lips have to be opened.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from personare.errors import InputError
from personare.motion.voice import OFFSETS_S, RATE_HZ, Opening, Voice, likeness, rows_of, surroundings

# Footage below this says too little about how somebody speaks.
LEAST_S = 5.0
# Moments of the footage that answer; of longer footage an even choice.
MOST_KNOWN = 1500
# Delays of the picture that are tried, in seconds.
LAGS_S = tuple(number / RATE_HZ for number in range(-8, 9, 2))
_RIDGES = (0.2, 0.4, 0.8)
# Fifths that are left out, and frames beside each that are as well, since neighbours hear the same.
_PIECES, _GAP_S = 5, OFFSETS_S[-1]
# Gaps are brought to the person's at these quantiles, by this share of the way: answers that are learned from four
# fifths of the footage are smaller than those of all of it.
_QUANTILES, _WAY = (0.02, 0.10, 0.25, 0.50, 0.75, 0.90, 0.98), 0.8
# Closed lips are those of so many pictures.
_SHUT = 0.03


@dataclass(frozen=True, eq=False)
class Mouth:
    """What the columns of a voice do to a face.

    Args:
        metric: (k, k) float64, what errors count: mean square movement of the surface.
        gap: (k,) float64 metres by which each column at 1 parts the lips.
    """

    metric: np.ndarray
    gap: np.ndarray


def fit_voice(heard, target, times_s, mouth, *, lags_s=LAGS_S, sounds=0):
    """Solve for a person's voice.

    Args:
        heard: Heard of the footage's sound.
        target: Motion of what was tracked, the columns that move the mouth.
        times_s: (t,) times of its pictures in the sound, rising.
        mouth: Mouth of those columns.
        lags_s: delays of the picture to try, in seconds.
        sounds: numbers on what is heard that the voice is to tell a painter.

    Returns:
        (Voice, share of the variance of left-out fifths that it explains).

    Raises:
        InputError: less than five seconds in common, or nothing is heard.
    """
    common = np.flatnonzero(times_s < heard.duration_s)
    if len(common) < LEAST_S * target.fps:
        raise InputError("footage", expected=f"{LEAST_S:g} s of speech or more",
                         got=f"{len(common) / target.fps:.1f} s", remedy="film more, half a minute is good")
    common = common[:: -(-len(common) // MOST_KNOWN)]
    values, times_s = target.values[common].astype(np.float64), times_s[common]
    columns = _moving(heard.curves.values)
    if not len(columns):
        raise InputError("audio", expected="speech", got="silence", remedy="give the sound of the pictures, or leave "
                         "it out: the built-in model's curves are then brought to the person's range")
    rows = rows_of(heard, columns)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    # A number that hardly moves says nothing.
    scale = np.where(spread > 1e-3 * spread.max(initial=0), spread, np.float32(1e9))
    best = None
    for lag_s in lags_s:
        known = surroundings(rows, times_s - lag_s, mean, scale)
        kernel = likeness(known, known, len(columns))
        for ridge in _RIDGES:
            answers = _left_out(kernel, values, ridge, times_s)
            error = _size(answers - values, mouth.metric)
            if best is None or error < best[0]:
                best = error, lag_s, ridge, answers, kernel
    error, lag_s, ridge, answers, kernel = best
    rest = values.mean(axis=0)
    voice = Voice(target.space, columns, float(lag_s), mean, scale, rows, times_s - lag_s,
                  _solved(kernel, values - rest, ridge), rest, find_opening(answers, values, mouth.gap),
                  _axes(surroundings(rows, times_s - lag_s, mean, scale), sounds))
    return voice, 1 - error / max(_size(values - rest, mouth.metric), 1e-30)


def find_opening(answers, values, gap):
    """The Opening of a person.

    Args:
        answers: (t, k) float64 what regression gives.
        values: (t, k) float64 what the person did.
        gap: (k,) metres by which each column parts the lips.
    """
    own, rest = values @ gap, values.mean(axis=0)
    # How the mouth moves with its opening; a mouth that never opens moves as the columns say.
    spread = np.square(own - own.mean()).mean()
    along = ((values - rest) * (own - own.mean())[:, None]).mean(axis=0) / spread if spread > 1e-12 else (
        gap / max(gap @ gap, 1e-30))
    given, wanted = (np.quantile(one, _QUANTILES) for one in (answers @ gap, own))
    given = np.maximum.accumulate(given + 1e-7 * np.arange(len(given)))
    shut = float(np.quantile(own, _SHUT))
    return Opening(gap, along, given, given + _WAY * (wanted - given), shut, rest + (shut - rest @ gap) * along)


def _axes(around, count):
    """(f, s) float32 principal axes of (t, o, w) surroundings, of unit variance."""
    flat = around.reshape(len(around), -1).astype(np.float64)
    if not count:
        return np.zeros((flat.shape[1], 0), np.float32)
    _, spread, axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    return (axes[:count].T * np.sqrt(len(flat)) / np.maximum(spread[:count], 1e-6)).astype(np.float32)


def _moving(values):
    """(c,) int64 curves that move; twins, such as left and right of a symmetric model, count once."""
    columns = np.flatnonzero(values.std(axis=0) > 1e-4)
    _, first = np.unique(np.round(values[:, columns], 5), axis=1, return_index=True)
    return columns[np.sort(first)]


def _left_out(kernel, values, ridge, times_s):
    """(t, k) answers to each fifth, learned from the others."""
    answers = np.empty_like(values)
    for start, stop in pairwise(np.linspace(0, len(values), _PIECES + 1).astype(int)):
        far = (times_s < times_s[start] - _GAP_S) | (times_s > times_s[stop - 1] + _GAP_S)
        inside = np.flatnonzero(far)
        rest = values[inside].mean(axis=0)
        weight = _solved(kernel[np.ix_(inside, inside)], values[inside] - rest, ridge)
        answers[start:stop] = kernel[start:stop][:, inside] @ weight + rest
    return answers


def _solved(kernel, values, ridge):
    return np.linalg.solve(kernel + ridge * np.eye(len(kernel)), values)


def _size(error, metric):
    return float(np.einsum("tk,kl,tl->", error, metric, error))
