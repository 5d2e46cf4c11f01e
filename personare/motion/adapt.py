"""Motion adapted to another rig or person in closed form: ridge regression over a few frames, from minutes of pairs.

A model speaks the shapes it was trained for; somebody's rig has others, or the same with other sizes and habits. From
a few minutes of both side by side one linear map is solved for: columns of neighbouring frames and their square roots
(lips leave contact faster than they open) to the target's columns, with an intercept, at the lag that fits best. Where
a face rests differs from take to take and is in no sound, so the map is solved for about each clip's own mean. How much
ridge holds each column back is chosen by leaving each clip out once. There are no iterations and nothing random.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.arrays import checked, resample_in_time
from personare.audio.energy import EnergyOptions, energy
from personare.audio.phones import phones
from personare.errors import InputError
from personare.spaces import Space, space_named
from personare.types import Motion

RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_FORMAT, LARGEST_BYTES = 1, 256 << 20
# Sound of a frame's level, and how far below a clip's loudest (98th percentile) it is told apart, in dB.
LEVEL_S, LEVEL_DB, LOUDEST = 0.04, 50, 98


@dataclass(frozen=True, eq=False)
class Adapter:
    """A map from motion in one space to motion in another.

    Args:
        source: Space of what it takes; extra columns come after those of the space.
        target: Space of what it gives.
        columns: (c,) int64, the source's columns in use.
        extra: how many extra columns it takes beside them.
        reach: frames on either side that it looks at.
        lag: frames by which the target runs behind the source.
        fps: frames a second it was fitted at.
        mean, scale: (f,) float64 of the features, f = 2 (2 reach + 1) (c + extra).
        weight: (f, d) float64.
        intercept: (d,) float64, the target's mean.
    """

    source: Space
    target: Space
    columns: np.ndarray
    extra: int
    reach: int
    lag: int
    fps: float
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    intercept: np.ndarray

    def apply(self, motion, *, extra=None, limits=(0.0, 1.0)):
        """The motion as the target has it.

        Args:
            motion: Motion in the source space, at any frame rate; at another than fps it is resampled there and back.
            extra: (t, e) float, the extra columns it was fitted with, at the motion's frames; None for none.
            limits: least and greatest value of the result.

        Returns:
            Motion of as many frames in the target space, the head pose carried over.

        Raises:
            InputError: another space, or another number of extra columns.
        """
        if motion.space.columns != self.source.columns:
            raise InputError("motion", expected=f"motion in {self.source.name}", got=motion.space.name,
                             remedy="convert it first, or fit an adapter for it")
        rows = _rows(motion, extra, self.columns, self.extra)
        if not len(motion):
            return Motion(np.zeros((0, len(self.target))), motion.fps, self.target, motion.head_pose)
        if motion.fps != self.fps:
            count = max(1, round(len(rows) * self.fps / motion.fps))
            rows = _resampled(rows, count, motion.fps / self.fps)
        values = (features(rows, self.reach, self.lag) - self.mean) / self.scale @ self.weight + self.intercept
        if len(values) != len(motion):
            values = _resampled(values, len(motion), self.fps / motion.fps)
        return Motion(np.clip(values, *limits), motion.fps, self.target, motion.head_pose)

    def save(self, path):
        """Write it as .npz, replaced only once complete."""
        from personare.store import atomic_path

        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(file, version=_FORMAT, source=self.source.name, source_columns=np.array(self.source.columns),
                     target=self.target.name, target_columns=np.array(self.target.columns), columns=self.columns,
                     numbers=np.array([self.extra, self.reach, self.lag]), fps=self.fps, mean=self.mean,
                     scale=self.scale, weight=self.weight, intercept=self.intercept)


def read_adapter(path):
    """An Adapter that save wrote; nothing in the file is executed.

    Raises:
        InputError: no such file, or not one of these.
    """
    from personare.files.arrays import read_npz

    names = ("version", "source", "source_columns", "target", "target_columns", "columns", "numbers", "fps", "mean",
             "scale", "weight", "intercept")
    try:
        file = read_npz(path, names, most_bytes=LARGEST_BYTES)
        if int(file["version"]) != _FORMAT:
            raise ValueError(f"version {file['version']}")
        extra, reach, lag = (int(number) for number in file["numbers"])
        adapter = Adapter(
            Space(str(file["source"]), tuple(map(str, file["source_columns"]))),
            Space(str(file["target"]), tuple(map(str, file["target_columns"]))),
            file["columns"].astype(np.int64), extra, reach, lag, float(file["fps"]),
            *(file[name].astype(np.float64) for name in ("mean", "scale", "weight", "intercept")))
        width = 2 * (2 * reach + 1) * (len(adapter.columns) + extra)
        checked("weight", adapter.weight, (width, len(adapter.target)), dtype=np.float64)
        for name in ("mean", "scale"):
            checked(name, getattr(adapter, name), (width,), dtype=np.float64)
        checked("intercept", adapter.intercept, (len(adapter.target),), dtype=np.float64)
        if len(adapter.columns) and not 0 <= adapter.columns.min() <= adapter.columns.max() < len(adapter.source):
            raise ValueError("columns out of range")
        return adapter
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(path, expected="an adapter written by Adapter.save", got=str(error)[:120],
                         remedy="fit it again") from error


def fit_adapter(pairs, *, extra=None, reach=2, lags=(-2, -1, 0, 1, 2), ridges=RIDGES):
    """Solve for an Adapter.

    Args:
        pairs: list of (source Motion, target Motion) of the same takes, all at one frame rate, each two of a length
            that differs by less than a quarter of a second; several clips allow the ridge to be chosen.
        extra: list of (t, e) float for each pair, more columns to go by, such as sound_columns; None for none.
        reach: frames on either side, 0..30.
        lags: delays of the target to try, in frames.
        ridges: strengths to try, in variances of a feature.

    Returns:
        Adapter. Columns that never move in the source are left out; those of the target keep their mean.

    Raises:
        InputError: no pairs, or pairs that do not belong together.
    """
    source, target, fps = _checked_pairs(pairs)
    extra = extra or [None] * len(pairs)
    counts = [min(len(one), len(other)) for one, other in pairs]
    moving = np.concatenate([one.values for one, _ in pairs])
    columns = np.flatnonzero(moving.std(axis=0) > 1e-4)
    # Twins, such as left and right of a symmetric model, count once.
    _, first = np.unique(np.round(moving[:, columns], 5), axis=1, return_index=True)
    columns = columns[np.sort(first)]
    width = 0 if extra[0] is None else np.shape(extra[0])[1]
    rows = [_rows(one, more, columns, width)[:count] for (one, _), more, count in zip(pairs, extra, counts,
                                                                                     strict=True)]
    wanted = [other.values[:count].astype(np.float64) for (_, other), count in zip(pairs, counts, strict=True)]
    lag = min(lags, key=lambda lag: _fit_error([features(r, 0, lag) for r in rows], wanted, 0.1))
    inputs = [features(r, reach, lag) for r in rows]
    moments = [_moments(x, y) for x, y in zip(inputs, wanted, strict=True)]
    best = _best_ridges(moments, inputs, wanted, ridges) if len(pairs) > 1 else np.zeros(len(target), np.int64)
    solved = [_solved(moments, ridge) for ridge in (ridges if len(pairs) > 1 else (0.1,))]
    mean, scale, weight, intercept = solved[0]
    weight = np.stack([weights for _, _, weights, _ in solved])[best, :, np.arange(len(target))].T
    return Adapter(source, target, columns, width, reach, lag, fps, mean, scale, weight, intercept)


def sound_columns(audio, motion):
    """Extra columns of what is heard: the level of the sound and the phones.

    Args:
        audio: Audio that the motion was made of.
        motion: Motion; its frames and rate count.

    Returns:
        (t, 43) float64: level in -1..0.1, 0 for the clip's loudest sounds; then square roots of the 42 posteriors.
    """
    rms = energy(audio, options=EnergyOptions(rate_hz=motion.fps, window_s=LEVEL_S)).values
    level = 20 * np.log10(np.maximum(rms, 1e-3))
    level = np.clip((level - np.percentile(level, LOUDEST)) / LEVEL_DB, -1, 0.1)
    heard = phones(audio)
    rows = resample_in_time(heard.values, from_hz=heard.rate_hz, to_hz=motion.fps, frame_count=len(motion))
    level = resample_in_time(level, from_hz=motion.fps, to_hz=motion.fps, frame_count=len(motion))
    return np.concatenate([level, np.sqrt(np.maximum(rows, 0))], axis=1, dtype=np.float64)


def features(rows, reach, lag=0):
    """Neighbouring frames beside each other.

    Args:
        rows: (t, c) float, t >= 1.
        reach: frames on either side; beyond the ends the first and last are repeated.
        lag: row i looks around i - lag.

    Returns:
        (t, 2 (2 reach + 1) c) float64: values, then their signed square roots.
    """
    index = np.clip(np.arange(len(rows))[:, None] - lag + np.arange(-reach, reach + 1), 0, len(rows) - 1)
    seen = rows[index].reshape(len(rows), -1)
    return np.concatenate([seen, np.sign(seen) * np.sqrt(np.abs(seen))], axis=1)


def _rows(motion, extra, columns, width):
    """(t, c + e) float64 columns in use, then the extra ones."""
    if (extra is None) != (width == 0):
        raise InputError("extra", expected=f"{width} extra columns", got="none" if extra is None else "some",
                         remedy="give those it was fitted with")
    rows = motion.values[:, columns].astype(np.float64)
    return rows if extra is None else np.concatenate(
        [rows, checked("extra", extra, (len(motion), width), dtype=np.float64)], axis=1)


def _resampled(rows, count, step):
    """(count, c): rows at i * step, linearly interpolated."""
    position = np.minimum(np.arange(count) * step, len(rows) - 1)
    low = position.astype(np.int64)
    share = (position - low)[:, None]
    return rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share


def _checked_pairs(pairs):
    """(source space, target space, fps)."""
    if not pairs:
        raise InputError("pairs", expected="at least one pair of motions", got="none", remedy="record some")
    (one, other), *_ = pairs
    for source, target in pairs:
        rates = {float(source.fps), float(target.fps), float(one.fps)}
        if len(rates) > 1:
            raise InputError("pairs", expected="one frame rate", got=", ".join(f"{rate:g}" for rate in sorted(rates)),
                             remedy="bring them together with Motion.at_fps")
        if source.space.columns != one.space.columns or target.space.columns != other.space.columns:
            raise InputError("pairs", expected="the same two spaces throughout",
                             got=f"{source.space.name} to {target.space.name}", remedy="convert the others")
        if abs(len(source) - len(target)) > source.fps / 4 or not min(len(source), len(target)):
            raise InputError("pairs", expected="two motions of the same take",
                             got=f"{len(source)} and {len(target)} frames", remedy="cut them to the same time")
    return space_named(one.space), space_named(other.space), float(one.fps)


def _moments(x, y):
    """What ridge regression needs to know of one clip, about its own means, so that clips can be left out."""
    mean, rest = x.mean(axis=0), y.mean(axis=0)
    return np.array([len(x)], float), x.sum(axis=0), (x - mean).T @ (x - mean), y.sum(axis=0), (x - mean).T @ (y - rest)


def _solved(moments, ridge):
    """(mean, scale, weight, intercept) of several clips' moments together."""
    count, x, xx, y, xy = (sum(parts) for parts in zip(*moments, strict=True))
    scale = np.sqrt(np.diag(xx) / count) + 1e-6
    covariance = xx / count / scale / scale[:, None] + ridge * np.eye(len(scale))
    return x / count, scale, np.linalg.solve(covariance, xy / count / scale[:, None]), y / count


def _motion_error(solved, x, y):
    """(d,) squared error of a clip about its own mean."""
    mean, scale, weight, _ = solved
    error = (x - mean) / scale @ weight - y
    return ((error - error.mean(axis=0)) ** 2).sum(axis=0)


def _fit_error(inputs, wanted, ridge):
    solved = _solved([_moments(x, y) for x, y in zip(inputs, wanted, strict=True)], ridge)
    return sum(_motion_error(solved, x, y).sum() for x, y in zip(inputs, wanted, strict=True))


def _best_ridges(moments, inputs, wanted, ridges):
    """(d,) int64, for each target column the number of the ridge with the least error on clips that were left out."""
    errors = np.zeros((len(ridges), wanted[0].shape[1]))
    for i, (x, y) in enumerate(zip(inputs, wanted, strict=True)):
        for k, ridge in enumerate(ridges):
            errors[k] += _motion_error(_solved(moments[:i] + moments[i + 1 :], ridge), x, y)
    return np.argmin(errors, axis=0)
