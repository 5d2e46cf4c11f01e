"""A person learned from footage of their own: from what is heard to what that face does, by likeness to known frames.

Where there are minutes of a target, audio expressions that were made for everybody are not all that can be known of
it. Each frame is compared with the frames of the footage, by the sound around it (rows near its middle count most) and
by the audio expressions around it, and answers as those do that are like it: kernel ridge regression, solved in closed
form. Its settings are chosen by leaving out a quarter of the footage in turn. It runs without torch; what it costs
grows with the frames that are kept, which are at most a few thousand.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from personare.arrays import checked
from personare.errors import InputError
from personare.motion.mapping import MOST_LAG, aligned, check_pairs, fit_mapping
from personare.spaces import Space, numbered
from personare.types import Motion

# Frames on either side whose audio expressions count.
REACH = 4
# Frames left out on either side of a quarter that is left out, since neighbours see the same sound.
GAP, FOLDS = 12, 4
# Windows of more rows are thinned, rows of more numbers brought to so many of their principal axes.
MOST_ROWS, MOST_NUMBERS, AXES = 16, 48, 32
# Footage below this is better served by a mapping.
LEAST_S = 30.0
_BLOCK = 256
# What a number that hardly moves is divided by, so that it does not count.
_NOTHING = 1e30


@dataclass(frozen=True)
class Likeness:
    """How frames are compared, and how strongly answers are held back.

    Args:
        spread: rows, the deviation of the bell by which rows around the middle of a window count.
        sound: share of the likeness of sound, 0..1; the rest is that of audio expressions.
        steepness: how fast likeness falls with distance: exp(-steepness distance), distances of 1.4 being usual.
        ridge: how strongly answers are held back.
    """

    spread: float
    sound: float
    steepness: float
    ridge: float


# Tried, from left to right, the others as the best so far has them.
START = Likeness(spread=3.0, sound=0.6, steepness=0.5, ridge=0.3)
TRIED = (("steepness", (0.5, 1.0, 2.0)), ("sound", (0.3, 0.5, 0.6, 0.7, 1.0)), ("spread", (2.0, 3.0, 4.0)),
         ("lag", (-2, -1, 0, 1, 2)), ("ridge", (0.1, 0.2, 0.3, 0.5, 1.0)))


@dataclass(frozen=True, eq=False)
class Footage:
    """What was learned of a person.

    Args:
        target: Space of what it gives.
        likeness: Likeness.
        lag: frames by which the target runs behind what is heard.
        kept: (r,) int64, numbers of the rows of a window that count.
        axes: (c, a) float32, from the numbers of a row to those that count.
        rows: (r a,) float32, what these are divided by, all rows of a window beside each other.
        codes: (d,) float32, the same for the audio expressions around a frame.
        known_rows: (m, r a) float32, the footage's windows, brought to that and divided already.
        known_codes: (m, d) float32.
        weight: (m, k) float32.
        intercept: (k,) float32.
        explained: share of the variance of left-out quarters of the footage that it explains, and that a mapping
            from the same audio expressions does.
    """

    target: Space
    likeness: Likeness
    lag: int
    kept: np.ndarray
    axes: np.ndarray
    rows: np.ndarray
    codes: np.ndarray
    known_rows: np.ndarray
    known_codes: np.ndarray
    weight: np.ndarray
    intercept: np.ndarray
    explained: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self):
        known = checked("known_rows", self.known_rows, ("m", "f"))
        checked("rows", self.rows, (known.shape[1],))
        axes = checked("axes", self.axes, ("c", "a"))
        checked("kept", self.kept, (known.shape[1] // axes.shape[1],), dtype=np.int64)
        codes = checked("known_codes", self.known_codes, (len(known), "d"))
        checked("codes", self.codes, (codes.shape[1],))
        checked("weight", self.weight, (len(known), len(self.target)))
        checked("intercept", self.intercept, (len(self.target),))
        if not -MOST_LAG <= self.lag <= MOST_LAG:
            raise InputError("lag", expected=f"-{MOST_LAG}..{MOST_LAG} frames", got=repr(self.lag), remedy="change it")

    @cached_property
    def _known(self):
        """Known rows and codes, and their sizes. In 32 bits small distances would be lost to rounding."""
        whole = [known.astype(np.float64) for known in (self.known_rows, self.known_codes)]
        return [(known, np.square(known).sum(axis=1)) for known in whole]

    def values(self, rows, codes):
        """(t, k) float32 for (t, w c) rows and (t, d) audio expressions around each frame."""
        like, found = self.likeness, np.empty((len(rows), len(self.target)), np.float32)
        rows = thinned(rows.astype(np.float64), self.kept, self.axes)
        given = rows / self.rows, codes.astype(np.float64) / self.codes
        shares = like.sound, 1 - like.sound
        parts = [(one, *known, share) for one, known, share in zip(given, self._known, shares, strict=True) if share]
        for at in range(0, len(rows), _BLOCK):
            kernel = sum(share * _alike(distances(given[at : at + _BLOCK], known, sizes), like.steepness)
                         for given, known, sizes, share in parts)
            found[at : at + _BLOCK] = kernel @ self.weight + self.intercept
        return found


def thinned(rows, kept, axes):
    """(t, r a) of (t, w c) rows of windows: the rows that count, in the numbers that count."""
    return (rows.reshape(len(rows), -1, len(axes))[:, kept] @ axes).reshape(len(rows), -1)


def _axes(takes, columns):
    """(c, a) float32: principal axes of the rows of all takes, or the numbers themselves where there are few."""
    if columns <= MOST_NUMBERS:
        return np.eye(columns, dtype=np.float32)
    # The row in the middle of each window; the others are those of its neighbours.
    own = np.concatenate([rows.reshape(len(rows), -1, columns)[:, rows.shape[1] // columns // 2]
                          for rows, *_ in takes]).astype(np.float64)
    spread = own.std(axis=0)
    spread = np.where(spread > 1e-3 * spread.max(initial=0), spread, _NOTHING)
    centred = (own - own.mean(axis=0)) / spread
    _, directions = np.linalg.eigh(centred.T @ centred / len(own))
    return (directions[:, ::-1][:, :AXES] / spread[:, None]).astype(np.float32)


def distances(given, known, sizes):
    """(t, m) root mean square differences of (t, f) and (m, f); sizes: squares of known, summed."""
    far = np.square(given).sum(axis=1)[:, None] + sizes - 2 * (given @ known.T)
    return np.sqrt(np.maximum(far, 0) / given.shape[1])


def _alike(far, steepness):
    return np.exp(np.multiply(far, -steepness, out=far), out=far)


def bell(count, middle, spread):
    """(count,) float32 weights of rows, of mean square 1."""
    weight = np.exp(-0.5 * ((np.arange(count) - middle) / spread) ** 2)
    return (weight / np.sqrt(np.square(weight).mean())).astype(np.float32)


def fit_footage(takes, *, middle, columns, most=4000, tried=TRIED):
    """Learn a person from footage.

    Args:
        takes: list of (rows (t, w columns), codes (t, d), Motion of the target), as Puppetry.heard gives the first two.
        middle: number of the window's row that stands at the frame.
        columns: numbers in a row.
        most: frames that are kept; of longer footage an even choice, which answers for the others too.
        tried: pairs of the name of a setting of Likeness, or "lag", and values to try.

    Returns:
        Footage.

    Raises:
        InputError: no takes, takes that do not belong together, or less than half a minute of them.
    """
    if not takes:
        raise InputError("takes", expected="one or more", got="none", remedy="record some footage")
    fps = takes[0][2].fps
    seconds = sum(min(len(rows), len(motion)) for rows, _, motion in takes) / fps
    if seconds < LEAST_S:
        raise InputError("takes", expected=f"{LEAST_S:g} s of footage or more", got=f"{seconds:.1f} s",
                         remedy="use fit_mapping, which needs less")
    material = _Material(takes, middle, columns, most)
    best, lag, score = START, 0, material.explained(START, 0)
    kept = best, lag
    for name, values in tried:
        for value in values:
            trial, delay = (best, value) if name == "lag" else (replace(best, **{name: value}), lag)
            explained = material.explained(trial, delay)
            if explained > score + 1e-4:
                score, kept = explained, (trial, delay)
        best, lag = kept
    return material.solved(best, lag, (score, material.mapped()))


class _Material:
    """Footage made ready for many trials.

    Args:
        takes, middle, columns, most: see fit_footage.
    """

    def __init__(self, takes, middle, columns, most):
        window = takes[0][0].shape[1] // columns
        every = -(-window // MOST_ROWS)
        self._kept, self._axes = np.arange(middle % every, window, every), _axes(takes, columns)
        self._takes = [(thinned(rows, self._kept, self._axes), codes, motion) for rows, codes, motion in takes]
        self._middle, self._most = (middle - middle % every) // every, most
        space = Space("any", ("any",))
        self._space = check_pairs([(Motion(np.zeros((len(rows), 1), np.float32), motion.fps, space), motion)
                                   for rows, _, motion in takes])
        self._cache = {}

    def explained(self, like, lag):
        """Share of the variance of left-out quarters that is explained."""
        rows, codes, y = self._tried(lag)
        known = self._known(len(y))
        by_rows, by_codes = self._scales(like, rows, codes)
        kernel = _kernel(like, rows / by_rows, codes / by_codes, known)
        error = spread = 0.0
        for inside, outside in quarters(len(y)):
            rest, own = y[inside].mean(axis=0), np.flatnonzero(np.isin(known, inside))
            weight = _solved(kernel[np.ix_(inside, own)], kernel[np.ix_(known[own], own)], y[inside] - rest, like.ridge)
            error += np.square(kernel[np.ix_(outside, own)] @ weight + rest - y[outside]).sum()
            spread += np.square(y[outside] - rest).sum()
        return 1 - error / max(spread, 1e-30)

    def mapped(self):
        """The same of a mapping from the audio expressions around a frame."""
        _, own, y = self._tried(0)
        space, error, spread = Space("codes", numbered("code", own.shape[1])), 0.0, 0.0
        for inside, outside in quarters(len(y)):
            pair = (Motion(own[inside], 25.0, space), Motion(y[inside].astype(np.float32), 25.0, self._space))
            found = fit_mapping([pair], lags=(0,))
            error += np.square(own[outside] @ found.weight.T + found.intercept - y[outside]).sum()
            spread += np.square(y[outside] - y[inside].mean(axis=0)).sum()
        return 1 - error / max(spread, 1e-30)

    def solved(self, like, lag, explained):
        """Footage of all there is."""
        rows, codes, y = self._aligned(lag)
        known = self._known(len(y))
        by_rows, by_codes = self._scales(like, rows, codes)
        rows, codes, rest = rows / by_rows.astype(np.float64), codes / by_codes.astype(np.float64), y.mean(axis=0)
        weight = _solved(_kernel(like, rows, codes, known), _kernel(like, rows[known], codes[known],
                                                                    np.arange(len(known))), y - rest, like.ridge)
        arrays = (self._axes, by_rows, by_codes, rows[known], codes[known], weight, rest)
        return Footage(self._space, like, lag, self._kept, *(array.astype(np.float32) for array in arrays),
                       tuple(float(part) for part in explained))

    def _known(self, count):
        """Numbers of the frames that are kept."""
        return np.arange(count)[:: max(1, -(-count // self._most))]

    def _tried(self, lag):
        """Of long footage an even part; settings need no more."""
        whole = self._aligned(lag)
        return tuple(part[:: max(1, len(part) // (2 * self._most))] for part in whole)

    def _aligned(self, lag):
        """Rows, codes and values of all takes that belong to each other."""
        if lag not in self._cache:
            parts = []
            for rows, codes, motion in self._takes:
                x, y = aligned(np.concatenate([rows, codes], axis=1), motion.values, lag)
                parts.append((x[:, : rows.shape[1]].astype(np.float32), x[:, rows.shape[1] :].astype(np.float32), y))
            self._cache = {lag: tuple(np.concatenate(side) for side in zip(*parts, strict=True))}
        return self._cache[lag]

    def _scales(self, like, rows, codes):
        """What rows and codes are divided by; numbers that hardly move say nothing."""
        weight = np.repeat(bell(len(self._kept), self._middle, like.spread), self._axes.shape[1])
        return tuple(np.where(spread > 1e-3 * spread.max(initial=0), spread, _NOTHING).astype(np.float32) / of
                     for spread, of in ((rows.std(axis=0), np.maximum(weight, 1e-6)), (codes.std(axis=0), 1.0)))


def _kernel(like, rows, codes, known):
    """(t, m) likeness of all frames to those of the numbers `known`; rows and codes divided already."""
    return sum(share * _alike(distances(part, part[known], np.square(part[known]).sum(axis=1)),
                                          like.steepness)
               for part, share in ((rows, like.sound), (codes, 1 - like.sound)) if share > 0)


def _solved(kernel, known, wanted, ridge):
    """(m, k) float64 weights of known frames for (n, m) likeness of all frames to them."""
    if len(kernel) == len(known):
        return np.linalg.solve(known.astype(np.float64) + ridge * np.eye(len(known)), wanted)
    normal = kernel.T.astype(np.float64) @ kernel + ridge * known
    return np.linalg.solve(normal + 1e-6 * np.trace(normal) / len(normal) * np.eye(len(normal)), kernel.T @ wanted)


def quarters(count):
    """(inside, outside) numbers of frames for each quarter that is left out, with a gap between the two."""
    edges = np.linspace(0, count, FOLDS + 1).astype(int)
    everything = np.arange(count)
    for first, stop in pairwise(edges):
        yield everything[(everything < first - GAP) | (everything >= stop + GAP)], everything[first:stop]
