"""A person's way to speak: speech -> the expressions of their own tracked face, solved for in closed form.

What is heard of a picture's moment is compared with what was heard of the moments of the footage, and each picture
answers as those like it do: kernel ridge regression (see voice_learning.py). Heard are the curves of the built-in model
and the phones it takes them from, up to 0.2 s before and after the moment. Least squares err on the small side and
never quite close lips; so lips are then opened as far as the person's own go, quantile by quantile, and closed where a
p, b or m is heard. Where footage has no sound, the built-in curves are brought to the range of the person's own.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from personare.arrays import checked
from personare.audio.phones import PhoneStream
from personare.errors import InputError
from personare.motion.adapt import Adapter, read_adapter
from personare.motion.articulation import articulate, checked_articulation, lip_gap_cm
from personare.motion.layers import STILL
from personare.motion.performance import Performance
from personare.motion.pieces import joined
from personare.motion.strengths import SmoothStream, Strengths, with_strengths
from personare.spaces import ARKIT_52, Space, sound_columns
from personare.types import Audio, Motion

# What is heard comes so often a second. Around each moment these times count, those near it most.
RATE_HZ = 60.0
OFFSETS_S = np.arange(-6, 7) / 30
_BELL_S = 0.1
# Share of curves, square roots of phones and logarithms of phones in how alike two moments are, and how fast likeness
# falls with distance. Chosen by leaving out a fifth of three clips in turn, like everything here.
SHARES, STEEPNESS = (0.4, 0.3, 0.3), 0.5
_LEAST_PHONE = 1e-3
# Lips are told to be closed where these phones are likelier than the first number, surely from the second on, and the
# curves have lips within so many centimetres of each other.
_CLOSED, _LIKELY, _TOUCHING_CM = ("P", "B", "M"), (0.3, 0.6), (0.10, 0.35)
# Share of frames that may lie beyond what is taken as the range of a curve.
_BEYOND = 0.02
_BLOCK, _FORMAT, _LARGEST_BYTES = 512, 2, 256 << 20


@dataclass(frozen=True, eq=False)
class Heard:
    """What a voice is told of sound.

    Args:
        curves: Motion in ARKit-52 of a model for everybody, RATE_HZ frames a second, without layers.
        phones: (t, p) float32 posteriors at the same times.
        closed: (t,) float32, how surely lips are closed, 0..1.
    """

    curves: Motion
    phones: np.ndarray
    closed: np.ndarray

    def __len__(self):
        return len(self.curves)

    @property
    def duration_s(self):
        """Length of the sound."""
        return len(self) / RATE_HZ


@dataclass(frozen=True, eq=False)
class Opening:
    """How far a person's lips go apart, and how they close. Gaps are sums of columns, without the gap at rest.

    Args:
        gap: (k,) metres by which each column at 1 parts the lips.
        along: (k,) how the person's mouth moves for each metre of gap.
        given: (q,) rising gaps that the regression gives, wanted: (q,) those of the person as often reached.
        shut: gap at which the person's lips are closed.
        rest: (k,) the mouth with closed lips.
    """

    gap: np.ndarray
    along: np.ndarray
    given: np.ndarray
    wanted: np.ndarray
    shut: float
    rest: np.ndarray

    def opened(self, values):
        """(t, k) values whose gaps are the person's own."""
        gap = values @ self.gap
        return values + (self._wanted(gap) - gap)[:, None] * self.along

    def closed(self, values, share):
        """(t, k) values whose lips are closed as far as (t,) shares say; those that are closed stay."""
        return values - (share * np.maximum(values @ self.gap - self.shut, 0))[:, None] * self.along

    def sized(self, values, amount):
        """(t, k) values whose movements are so many times as large; closed lips stay closed."""
        return values if amount == 1 else self.rest + amount * (values - self.rest)

    def _wanted(self, gap):
        """Gaps brought from those given to those wanted; beyond both ends as steep as there, but not steeper than 2."""
        low, high = (np.diff(self.wanted)[[0, -1]] / np.maximum(np.diff(self.given)[[0, -1]], 1e-9)).clip(0, 2)
        beyond = low * np.minimum(gap - self.given[0], 0) + high * np.maximum(gap - self.given[-1], 0)
        return np.interp(gap, self.given, self.wanted) + beyond


@dataclass(frozen=True, eq=False)
class Voice:
    """Sound to one person's mouth.

    Args:
        target: Space of the columns that it gives.
        columns: (c,) int64 curves of ARKit-52 that count.
        lag_s: seconds by which the picture runs behind the sound.
        mean, scale: (w,) float32 of the rows of rows_of.
        rows: (r, w) float32, what was heard of the footage.
        times_s: (m,) float64, moments of the footage that answer.
        weight: (m, k) float64 their answers.
        rest: (k,) float64 mean of the footage.
        opening: Opening.
        axes: (f, s) float32, from surroundings to numbers on what is heard, which a painter may ask for.
    """

    target: Space
    columns: np.ndarray
    lag_s: float
    mean: np.ndarray
    scale: np.ndarray
    rows: np.ndarray
    times_s: np.ndarray
    weight: np.ndarray
    rest: np.ndarray
    opening: Opening
    axes: np.ndarray

    def __post_init__(self):
        k, (r, w) = len(self.target), np.shape(self.rows)
        m, q = len(self.times_s), len(self.opening.given)
        for name, shape, dtype in (("columns", ("c",), np.int64), ("rows", (r, w), np.float32),
                                   ("mean", (w,), np.float32), ("scale", (w,), np.float32),
                                   ("times_s", (m,), np.float64), ("weight", (m, k), np.float64),
                                   ("rest", (k,), np.float64), ("axes", (len(OFFSETS_S) * w, "s"), np.float32)):
            checked(name, getattr(self, name), shape, dtype=dtype)
        for name, shape in (("gap", (k,)), ("along", (k,)), ("rest", (k,)), ("given", (q,)), ("wanted", (q,))):
            checked(name, getattr(self.opening, name), shape, dtype=np.float64)
        if q < 2 or not (r and m and len(self.columns)) or (np.diff(self.opening.given) <= 0).any():
            raise InputError("voice", expected="footage that was heard, and two rising gaps or more", got="none",
                             remedy="learn the portrait again")

    def values(self, heard, times_s):
        """(t, k) float64 columns at some times of what is heard, as least squares have them."""
        found = np.empty((len(times_s), len(self.target)))
        known = surroundings(self.rows, self.times_s, self.mean, self.scale)
        rows = rows_of(heard, self.columns)
        for at in range(0, len(times_s), _BLOCK):
            given = surroundings(rows, times_s[at : at + _BLOCK] - self.lag_s, self.mean, self.scale)
            found[at : at + _BLOCK] = likeness(given, known, len(self.columns)) @ self.weight + self.rest
        return found

    def sounds(self, heard, times_s):
        """(t, s) float32 numbers on what is heard at some times, about unit variance."""
        rows, found = rows_of(heard, self.columns), np.empty((len(times_s), self.axes.shape[1]), np.float32)
        for at in range(0, len(times_s) if self.axes.size else 0, _BLOCK):
            around = surroundings(rows, times_s[at : at + _BLOCK] - self.lag_s, self.mean, self.scale)
            found[at : at + _BLOCK] = around.reshape(len(around), -1) @ self.axes
        return found

    def save(self, path):
        """Write it as .npz, replaced only once complete."""
        from personare.store import atomic_path

        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(file, version=_FORMAT, target=self.target.name, target_columns=np.array(self.target.columns),
                     lag_s=self.lag_s, **{name: getattr(self, name) for name in _ARRAYS},
                     **{f"opening_{name}": getattr(self.opening, name) for name in Opening.__dataclass_fields__})


_ARRAYS = ("columns", "mean", "scale", "rows", "times_s", "weight", "rest", "axes")


def read_voice(path):
    """The Voice of a portrait, or the Adapter of one whose footage had no sound; nothing in the file is executed.

    Raises:
        InputError: no such file, or not one of these.
    """
    from personare.files.arrays import read_npz

    file = read_npz(path, ("version",), optional=("target", "target_columns", "lag_s", *_ARRAYS, *(
        f"opening_{name}" for name in Opening.__dataclass_fields__)), most_bytes=_LARGEST_BYTES)
    if "lag_s" not in file:
        return read_adapter(path)
    try:
        if int(file["version"]) != _FORMAT:
            raise ValueError(f"version {file['version']}")
        opening = {name: file[f"opening_{name}"] for name in Opening.__dataclass_fields__}
        opening["shut"] = float(opening["shut"])
        return Voice(Space(str(file["target"]), tuple(map(str, file["target_columns"]))),
                     lag_s=float(file["lag_s"]), opening=Opening(**opening), **{name: file[name] for name in _ARRAYS})
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(path, expected="a voice that `personare portrait learn` wrote", got=str(error)[:120],
                         remedy="learn the portrait again") from error


def heard(audio, *, model="vox", progress=None):
    """What a voice is told of sound.

    Args:
        audio: Audio or AudioStream.
        model: as for personare.animate; one that gives ARKit-52, such as vox.
        progress: called with (seconds done, seconds in total or None).

    Returns:
        Heard.

    Raises:
        InputError: a model of another space.
    """
    stream = audio.stream() if isinstance(audio, Audio) else audio
    performance = Performance(model, from_hz=stream.rate_hz, fps=RATE_HZ, layers=STILL)
    listener, pieces, rows, done = PhoneStream(source_rate_hz=stream.rate_hz), [], [], 0
    for chunk in stream.chunks():
        pieces.append(performance.push(chunk))
        rows.append(listener.push(chunk))
        done += len(chunk)
        if progress:
            progress(done / stream.rate_hz, stream.duration_s)
    curves, phones = joined([*pieces, performance.finish()]), np.concatenate([*rows, listener.finish()])
    if curves.space.columns != ARKIT_52.columns:
        raise InputError("model", expected=f"one that gives {ARKIT_52.name}, such as vox", got=f"one that gives "
                         f"{curves.space.name}", remedy="leave out --model with --portrait")
    count = min(len(curves), len(phones))
    curves, phones = curves.frames(0, count), phones[:count]
    names = listener.options.names
    sure = phones[:, [names.index(name) for name in _CLOSED]].sum(axis=1)
    near = 1 - _smooth(lip_gap_cm(curves), *_TOUCHING_CM)
    return Heard(curves, phones, (_smooth(sure, *_LIKELY) * near).astype(np.float32))


def rows_of(heard, columns):
    """(t, c + 2 p) float32: curves, square roots of phones, their logarithms."""
    floor = np.float32(_LEAST_PHONE)
    return np.concatenate([heard.curves.values[:, columns], np.sqrt(heard.phones),
                           np.log(np.maximum(heard.phones, floor))], axis=1)


def surroundings(rows, times_s, mean, scale):
    """(t, o, w) float32: rows around some times, each number in its deviations, those near the time weighing most."""
    bell = np.exp(-0.5 * (OFFSETS_S / _BELL_S) ** 2)
    bell /= np.sqrt(np.square(bell).sum())
    place = np.clip((np.asarray(times_s)[:, None] + OFFSETS_S) * RATE_HZ, 0, len(rows) - 1)
    low = place.astype(np.int64)
    share = (place - low)[..., None].astype(np.float32)
    scaled = ((rows - mean) / scale).astype(np.float32)
    found = scaled[low] * (1 - share) + scaled[np.minimum(low + 1, len(rows) - 1)] * share
    return found * bell[:, None].astype(np.float32)


def likeness(given, known, curves):
    """(t, m) float64, how alike (t, o, w) and (m, o, w) surroundings are, 1 for the same."""
    phones, found = (known.shape[2] - curves) // 2, np.zeros((len(given), len(known)))
    edges = (0, curves, curves + phones, curves + 2 * phones)
    for share, start, stop in zip(SHARES, edges[:-1], edges[1:], strict=True):
        one, other = (part[..., start:stop].reshape(len(part), -1).astype(np.float64) for part in (given, known))
        square = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * one @ other.T
        found += share * np.exp(-STEEPNESS * np.sqrt(np.maximum(square, 0) / (stop - start)))
    return found


def scaled_voice(target):
    """The voice of footage without sound: built-in curves, each brought from 0..1 to the person's own range.

    Args:
        target: Motion of what was tracked, the columns that move the mouth.

    Returns:
        Adapter. Columns that the built-in model does not have stay at their median.
    """
    low, high = np.quantile(target.values.astype(np.float64), (_BEYOND, 1 - _BEYOND), axis=0)
    middle = np.median(target.values, axis=0).astype(np.float64)
    both = [name for name in target.space.columns if name in ARKIT_52.columns]
    weight = np.zeros((2 * len(both), len(target.space)))
    for k, name in enumerate(both):
        column = target.space.index(name)
        # The model's own curves reach about 0.7; a range that was hardly seen is not shrunk to nothing.
        weight[k, column] = np.clip((high[column] - low[column]) / 0.7, 0.3, 1.5)
        middle[column] = low[column]
    ones = np.ones(2 * len(both))
    return Adapter(ARKIT_52, target.space, np.array(ARKIT_52.indices(both), np.int64), 0, 0, 0, float(target.fps),
                   np.zeros_like(ones), ones, weight, middle)


def spoken(voice, heard, fps, bounds, *, articulation=1.0, strengths=None):
    """Motion of the person's mouth columns for what was heard, then of a voice's numbers on the sound, if any.

    Args:
        voice: Voice, or Adapter of scaled_voice.
        heard: Heard.
        fps: frames a second.
        bounds: (lowest, highest) (c,) of the person's columns; what a voice says is kept within.
        articulation: 0.3..2, size of the mouth's movements.
        strengths: Strengths; lips multiplies the same size, smoothing calms all but closures.

    Raises:
        InputError: articulation is out of range, or an upper face is asked for.
    """
    strengths, amount = strengths or Strengths(), checked_articulation(articulation)
    if strengths.upper != 1:
        raise InputError("upper", expected="1 with a portrait from footage, whose eyes and brows are those of the "
                         "footage", got=f"{strengths.upper:g}", remedy="leave out --upper-face")
    if isinstance(voice, Adapter):
        curves = with_strengths(articulate(heard.curves.at_fps(fps), amount), replace(strengths, smoothing_ms=0))
        return _smoothed(voice.apply(curves, limits=bounds), strengths)
    times_s = np.arange(max(1, int(np.ceil(heard.duration_s * fps - 1e-6)))) / fps
    opening = voice.opening
    free = opening.opened(voice.values(heard, times_s))
    free = _smoothed(Motion(free.astype(np.float32), fps, voice.target), strengths).values.astype(np.float64)
    shut = opening.closed(free, closed_at(heard, times_s - voice.lag_s, fps))
    values, names = np.clip(opening.sized(shut, amount * strengths.lips), *bounds), sound_columns(voice.axes.shape[1])
    if not names:
        return Motion(values, fps, voice.target)
    return Motion(np.concatenate([values, voice.sounds(heard, times_s)], axis=1), fps,
                  Space(f"{voice.target.name} and sound", voice.target.columns + names))


def closed_at(heard, times_s, fps):
    """(t,) how surely lips are closed in pictures at some times: the surest moment within half a picture."""
    around = np.linspace(-0.5, 0.5, 5) / fps
    place = np.rint((times_s[:, None] + around) * RATE_HZ).astype(np.int64)
    return heard.closed[np.clip(place, 0, len(heard) - 1)].max(axis=1)


def _smoothed(motion, strengths):
    stream = SmoothStream(motion.fps, strengths.smoothing_ms)
    first, last = stream.push(motion), stream.finish()
    return first if last is None else joined([first, last])


def _smooth(value, low, high):
    """0 below the first number, 1 above the second, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)
