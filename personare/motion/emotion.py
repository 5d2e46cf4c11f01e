"""Emotion over time: mixtures with time codes, smooth changes, and a face that shows them while it speaks.

The lips keep their contacts. What raises corners or brows acts all the time, what presses lips in pauses more than in
speech. What opens lips does so as far as they are open already, and never by much; the rest goes to mouthClose.
Smiles give way to rounded lips. Everything works frame by frame or on past frames alone, so pieces of
any size give the same numbers as the whole. Poses and manners: personare/motion/expressions.py.
"""

import csv
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.motion.articulation import CLOSE_CM, lip_gap_cm, openness
from personare.motion.expressions import ALIASES, EMOTIONS, ONSET, POSES
from personare.motion.head import ease_rows, smooth_noise
from personare.spaces import ARKIT_52, unknown_name
from personare.types import Motion

NEUTRAL = "neutral"
LARGEST_BYTES = 32 << 20
_A2F_PREFIX, _A2F_TIME = "emotion_values.", "time_code"


@dataclass(frozen=True)
class Emotion:
    """What somebody feels, and when.

    Args:
        keys: ((time s, {name: strength}), ...) in order of time. From each time on the face changes to that mixture;
            what it does not name fades. A first key at 0 holds from the start; before the first key the face is
            neutral. Names: see expressions.EMOTIONS, and "neutral"; strengths in 0..1.
        transition_s: how long a change takes, 0.05..10 s; surprise comes in half that, sadness in nearly twice.

    Raises:
        InputError: an unknown name, a strength out of range, or times out of order.
    """

    keys: tuple
    transition_s: float = 0.6

    def __post_init__(self):
        keys = tuple((_time(time_s), _mixture(mixture)) for time_s, mixture in self.keys)
        for (before, _), (after, _) in pairwise(keys):
            if after <= before:
                raise InputError("keys", expected="rising times", got=f"{after:g} s after {before:g} s",
                                 remedy="sort them, one key a time")
        if not (isinstance(self.transition_s, int | float) and 0.05 <= self.transition_s <= 10):
            raise InputError("transition_s", expected="seconds in 0.05..10", got=repr(self.transition_s),
                             remedy="use 0.6")
        object.__setattr__(self, "keys", keys)


def emotion_of(value):
    """An Emotion of whatever a user may say.

    Args:
        value: Emotion; None for neutral; a dict such as {"joy": 0.7}; a text such as "joy", "joy:0.7" or
            "joy:0.5,surprise:0.3"; the path of a csv file, see read_emotions; or a Motion whose columns are emotions.

    Raises:
        InputError: none of these, or as Emotion and read_emotions.
    """
    if isinstance(value, Emotion):
        return value
    if value is None:
        return Emotion(())
    if isinstance(value, dict):
        return Emotion(((0.0, value),))
    if isinstance(value, Path) or (isinstance(value, str) and value.lower().endswith(".csv")):
        return read_emotions(value)
    if isinstance(value, str):
        return Emotion(((0.0, _parsed(value)),))
    if isinstance(value, Motion):
        names = [_name(column) for column in value.space.columns]
        return Emotion(tuple(_changing((i / value.fps, dict(zip(names, np.clip(row, 0, 1).tolist(), strict=True)))
                                       for i, row in enumerate(value.values))))
    raise InputError("emotion", expected="an Emotion, a text, a dict or the path of a csv file",
                     got=type(value).__name__, remedy="pass \"joy:0.7\"")


def read_emotions(path):
    """Time codes from a csv file.

    Two layouts: ours, a header `time,joy,sadness` with seconds and strengths below; and that of NVIDIA
    Audio2Face-3D's clients, with `time_code` and `emotion_values.<name>` among its columns. Other columns are left
    alone; names it does not know are an error.

    Args:
        path: of a file of at most 32 MB.

    Returns:
        Emotion; rows that repeat the last mixture are one key.

    Raises:
        InputError: not of that form; the message gives the line.
    """
    from personare.export.reading import checked_size

    try:
        with open(checked_size(path, limit=LARGEST_BYTES), encoding="utf8", newline="") as file:
            return Emotion(tuple(_changing(_rows(csv.reader(file), path))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, expected="a csv file of emotions", got=str(error), remedy="see emotion.md") from error


def _rows(lines, path):
    """(time, mixture) of each line."""
    header = [word.strip() for word in next(lines, [])]
    if _A2F_TIME in header:
        columns = {i: word.removeprefix(_A2F_PREFIX) for i, word in enumerate(header) if word.startswith(_A2F_PREFIX)}
        at = header.index(_A2F_TIME)
    else:
        at, columns = 0, {i: word for i, word in enumerate(header) if i}
        if not header or header[0].lower() not in ("time", "time_s"):
            raise InputError(path, expected="a header 'time,joy,...' or one with time_code",
                             got=repr(",".join(header)[:60]), remedy="name the columns in the first line")
    columns = {i: _name(word) for i, word in columns.items()}
    for number, line in enumerate(lines, 2):
        if not any(word.strip() for word in line):
            continue
        try:
            time_s, mixture = float(line[at]), {}
            for i, name in columns.items():
                if i < len(line) and line[i].strip():
                    mixture[name] = mixture.get(name, 0.0) + float(line[i])
        except (ValueError, IndexError):
            raise InputError(path, expected="seconds and strengths", got=f"line {number}: {','.join(line)[:60]!r}",
                             remedy="write numbers") from None
        yield time_s, mixture


def _changing(rows):
    """Those rows whose mixture is another than that of the row before."""
    last = None
    for time_s, mixture in rows:
        if mixture != last:
            yield time_s, mixture
            last = mixture


def _parsed(text):
    mixture = {}
    for part in text.split(","):
        word, _, strength = part.partition(":")
        name = _name(word.strip())
        try:
            mixture[name] = float(strength) if strength.strip() else 1.0
        except ValueError:
            raise InputError("emotion", expected="NAME:STRENGTH, as in joy:0.7", got=f"'{part}'",
                             remedy="write a number in 0..1") from None
    return mixture


def _name(word):
    name = ALIASES.get(word.lower(), word.lower())
    if name not in (*EMOTIONS, NEUTRAL):
        raise unknown_name("emotion", word, (NEUTRAL, *EMOTIONS))
    return name


def _time(value):
    if not (isinstance(value, int | float | np.number) and np.isfinite(value) and value >= 0):
        raise InputError("time", expected="seconds >= 0", got=repr(value), remedy="count from the start of the sound")
    return float(value)


def _mixture(mixture):
    """The same as {canonical name: strength} without neutral."""
    found = {}
    for word, strength in mixture.items():
        name = _name(word)
        if not (isinstance(strength, int | float | np.number) and 0 <= strength <= 1):
            raise InputError(name, expected="a strength in 0..1", got=repr(strength), remedy="use 1 for all of it")
        if name != NEUTRAL:
            found[name] = float(strength)
    return found


class EmotionTrack:
    """The strengths of an Emotion at rising times; keys may be added while it runs.

    Args:
        emotion: Emotion.
    """

    def __init__(self, emotion):
        self._transition_s = emotion.transition_s * ONSET
        self._settled = np.zeros(len(EMOTIONS))
        self._last = np.zeros(len(EMOTIONS))
        # Changes that are not over: (start s, (e,) difference). A key at 0 is no change but the state at the start.
        self._changes = deque()
        for time_s, mixture in emotion.keys:
            if time_s == 0:
                self._settled = self._last = _row(mixture)
            else:
                self.add(time_s, mixture)

    @property
    def silent(self):
        """Whether nothing was ever felt."""
        return not self._changes and not self._last.any() and not self._settled.any()

    def add(self, time_s, mixture):
        """From time_s on change to another mixture; a time before that of a key so far counts as that one's."""
        row = _row(mixture)
        if self._changes:
            time_s = max(time_s, self._changes[-1][0])
        self._changes.append((time_s, row - self._last))
        self._last = row

    def strengths(self, time_s):
        """(t, e) strengths in 0..1 at (t,) rising times, none before those of an earlier call."""
        values = np.tile(self._settled, (len(time_s), 1))
        if not self._changes:
            return values
        longest = self._transition_s.max()
        for start_s, change in self._changes:
            if start_s > time_s[-1]:
                break
            values += change * ease_rows((time_s[:, None] - start_s) / self._transition_s)
        while self._changes and self._changes[0][0] + longest < time_s[0]:
            self._settled = self._settled + self._changes.popleft()[1]
        return np.clip(values, 0, 1)


def _row(mixture):
    row = np.zeros(len(EMOTIONS))
    for name, strength in _mixture(mixture).items():
        row[EMOTIONS.index(name)] = strength
    return row


_NAMES = ARKIT_52.columns
_UPPER = np.array([name.startswith(("eye", "brow")) for name in _NAMES])
_OPENING = np.array([name.startswith(("jawOpen", "mouthUpperUp", "mouthLowerDown", "mouthFunnel")) for name in _NAMES])
_PRESSING = np.array([name.startswith(("mouthPress", "mouthRoll", "mouthShrug")) for name in _NAMES])
_SPREADING = np.array([name.startswith(("mouthSmile", "mouthStretch", "mouthDimple")) for name in _NAMES])
# Lips are moved apart by no more than this, cm, so that speech stays as smooth as it was.
MOST_OPENING_CM = 0.3
_SIDE = np.array([name.endswith("Left") - float(name.endswith("Right")) for name in _NAMES])
# Faces are a little uneven (posed expressions are stronger on the left: Sackeim, Gur and Saucy 1978), and waver.
UNEVEN, WAVER, WAVER_HZ = 0.06, 0.12, 0.35
# How much of the mouth's pose is given up while speaking, how much of what presses lips, and of spreading in a fully
# rounded mouth.
SPEAKING_SHARE, PRESSING_SHARE, PUCKER_SHARE, FUNNEL_SHARE = 0.2, 0.9, 0.65, 0.35


def pose_of(strengths, time_s, *, seed, activity):
    """What the face would show without speech.

    Args:
        strengths: (t, e) in 0..1, columns EMOTIONS.
        time_s: (t,) seconds, rising.
        seed: an integer >= 0, picks unevenness and wavering.
        activity: (t,) 0 in silence .. 1 in speech.

    Returns:
        (t, 52) float64 in 0..1, columns ARKIT_52. Several emotions meet as 1 - (1 - a)(1 - b), so that none goes
        beyond its limit.
    """
    pose = np.zeros((len(time_s), len(_NAMES)))
    for strength, row in zip(strengths.T, POSES, strict=True):
        if strength.any():
            pose = 1 - (1 - pose) * (1 - strength[:, None] * row)
    brow, mouth, side = (smooth_noise(time_s * WAVER_HZ, seed=seed, channel=channel) for channel in (20, 21, 22))
    waver = 1 + WAVER * np.where(_UPPER, brow[:, None], mouth[:, None])
    lasting = np.random.default_rng([seed, 23]).uniform(0.3, 1.0)
    uneven = 1 + UNEVEN * _SIDE * (lasting + 0.5 * side[:, None])
    given_up = np.where(_UPPER, 0.0, np.where(_PRESSING, PRESSING_SHARE, SPEAKING_SHARE))
    quieter = 1 - given_up * np.asarray(activity)[:, None]
    return np.clip(pose * np.clip(waver, 0.6, 1.4) * uneven * quieter, 0, 1)


def blend(motion, pose):
    """A speaking face that shows an expression, with the contacts of its lips kept.

    Args:
        motion: Motion with the ARKit-52 columns.
        pose: (t, 52) float in 0..1, columns ARKIT_52.

    Returns:
        Motion. Lips that touched touch: the pose moves the lip gap of an average head by nothing where lips meet,
        and by up to 0.3 cm where they are well apart.
    """
    given = motion.columns(_NAMES).astype(np.float64)
    gap = lip_gap_cm(motion)
    rounded = PUCKER_SHARE * motion.column("mouthPucker") + FUNNEL_SHARE * motion.column("mouthFunnel")
    free = openness(gap)
    share = np.where(_OPENING, free[:, None], np.where(_SPREADING, np.clip(1 - rounded, 0.2, 1)[:, None], 1.0))
    mixed = motion.with_columns(dict(zip(_NAMES, (given + pose * share * (1 - given)).T, strict=True)))
    opened = np.maximum(lip_gap_cm(mixed) - gap, 0)
    wanted = free * MOST_OPENING_CM * np.tanh(opened / MOST_OPENING_CM)
    closing = mixed.column("mouthClose") + np.maximum(opened - wanted, 0) / CLOSE_CM
    return mixed.with_columns({"mouthClose": np.clip(closing, 0, 1)})
