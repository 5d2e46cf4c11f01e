"""How large lips and upper face move, and how smooth: the same for every method, in whatever columns it moves.

Columns that are shapes with names belong to the lips or to the upper face by what they are in ARKit's shapes. Codes of
statistical models belong to neither: there the vertices of a face say what of each code is upper face, once, as a
matrix (personare.transfer.upper_share), and a frame is split by it.

Smoothing is a Hann window around each frame, without delay: a frame needs frames after it, which the look-ahead of a
performance tells. Where lips touch, the mouth stays as the method had it, so closures are reached. All of this works
frame by frame or on a fixed window, so pieces of any size give the same as the whole.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from personare.errors import InputError
from personare.motion.articulation import MOUTH, TOUCHING_CM, articulate, lip_gap_cm
from personare.motion.pieces import joined
from personare.motion.retarget import can_convert, convert
from personare.spaces import ARKIT_52
from personare.types import Motion

MOST, LONGEST_MS = 2.0, 400.0
# Blinks and glances have strengths of their own, see Layers.
UPPER = tuple(name for name in ARKIT_52.columns if name.startswith(("brow", "eyeSquint", "eyeWide", "cheekSquint",
                                                                    "noseSneer")))
# From this lip gap on, cm, nothing of the unsmoothed mouth is left.
_APART_CM = 0.35
# A column belongs to a part of the face that makes up this share of its shapes.
_MOSTLY = 0.9
# Parts of rigs that have no counterpart among them.
_INSIDE = ("tongue", "tooth", "mouth", "cheek_suck")
# Joints of FLAME: the jaw is the lips' own; neck and eyes are no part of the face's strength.
_JAW, _KEPT = "jaw_", ("neck_", "left_eye_", "right_eye_")


@dataclass(frozen=True, eq=False)
class Strengths:
    """What is done to finished motion.

    Args:
        lips: size of jaw, lips, cheeks and tongue, 0 (at rest) .. 1 (as it is) .. 2; lips that meet still meet.
        upper: size of brows, squints and sneers, 0..2.
        smoothing_ms: width of the smoothing window at half its height, 0 (none) .. 400; a performance needs so much
            more look-ahead.
        share: for motion in codes, what of them is upper face, see personare.transfer.upper_share; None where columns
            are shapes with names.

    Raises:
        InputError: out of range.
    """

    lips: float = 1.0
    upper: float = 1.0
    smoothing_ms: float = 0.0
    share: np.ndarray | None = None

    def __post_init__(self):
        for name, most, unit in (("lips", MOST, "a strength"), ("upper", MOST, "a strength"),
                                 ("smoothing_ms", LONGEST_MS, "milliseconds")):
            value = getattr(self, name)
            real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not (real and 0 <= value <= most):
                raise InputError(name, expected=f"{unit} in 0..{most:g}", got=repr(value),
                                 remedy="use 40 for a little" if name == "smoothing_ms" else "use 1 for as it is")

    @property
    def plain(self):
        """Whether nothing is done."""
        return self.lips == 1 and self.upper == 1 and self.smoothing_ms == 0


@dataclass(frozen=True, eq=False)
class Parts:
    """Columns of a space by part of the face.

    Args:
        lips, upper: their numbers.
    """

    lips: np.ndarray
    upper: np.ndarray


@lru_cache(maxsize=64)
def parts_of(space):
    """Parts of a space whose columns are shapes with names; None for one of codes."""
    if not can_convert(space, ARKIT_52):
        return None
    shapes = convert(Motion(np.eye(len(space), dtype=np.float32), 30, space), ARKIT_52)[0]
    whole = np.maximum(shapes.values.sum(axis=1), 1e-9)
    lips, upper = (shapes.columns(names).sum(axis=1) / whole for names in (MOUTH, UPPER))
    inside = np.array([name.startswith(_INSIDE) for name in space.columns])
    return Parts(np.flatnonzero((lips > _MOSTLY) | inside), np.flatnonzero(upper > _MOSTLY))


def with_strengths(motion, strengths):
    """Motion whose lips and upper face are as large as wanted; frame by frame.

    Args:
        motion: Motion.
        strengths: Strengths; its smoothing is left to SmoothStream.

    Returns:
        Motion; the motion itself where both are 1.

    Raises:
        InputError: columns are codes and there is no share, or one of another size.
    """
    if (strengths.lips == 1 and strengths.upper == 1) or not len(motion):
        return motion
    parts = parts_of(motion.space)
    if parts is None:
        return _split(motion, strengths)
    values = motion.values
    if strengths.lips != 1:
        lips = parts.lips
        if set(ARKIT_52.columns) <= set(motion.space.columns):
            # Closures are kept by the same rule as for articulation; what it does not know is scaled alone.
            values = articulate(motion, strengths.lips).values
            known = set(motion.space.indices(MOUTH))
            lips = np.array([k for k in parts.lips if k not in known], np.int64)
        values = _sized(values, lips, strengths.lips)
    return replace(motion, values=_sized(values, parts.upper, strengths.upper))


def _sized(values, columns, strength):
    """Values with some columns times a strength; above 1 less and less near their limit, so nothing is cut off."""
    values = values.copy()
    given = values[:, columns].astype(np.float64)
    values[:, columns] = given * strength / (1 + max(strength - 1, 0) * np.clip(given, 0, 1)**2)
    return values


def _split(motion, strengths):
    """Codes split into what is upper face and what is not, and put together anew."""
    share, k = strengths.share, len(motion.space)
    if share is None or np.shape(share)[0] != k:
        raise InputError("lips and upper", expected=f"what of {motion.space.name} is upper face, since its columns are "
                         "codes", got="no face" if share is None else f"a face with {np.shape(share)[0]} columns",
                         remedy="name the face of this space, as in --face flame:PATH; in Python "
                         "Strengths(share=personare.transfer.upper_share(face))")
    given = motion.values.astype(np.float64)
    above = given * share if np.ndim(share) == 1 else np.einsum("tk,kl->tl", given, share)
    values = strengths.lips * (given - above) + strengths.upper * above
    for i, name in enumerate(motion.space.columns):
        if name.startswith(_JAW) or name.startswith(_KEPT):
            values[:, i] = given[:, i] * (strengths.lips if name.startswith(_JAW) else 1.0)
    return replace(motion, values=values.astype(np.float32))


def unsplit(columns):
    """(k,) bool, columns that upper_share leaves out: joints, which names tell."""
    return np.array([name.startswith((_JAW, *_KEPT)) for name in columns])


class SmoothStream:
    """Smooths consecutive chunks of one motion, closures kept.

    Args:
        fps: frames a second of the motion.
        smoothing_ms: see Strengths.

    Attributes:
        look_ahead_s: a frame depends on no frame later than this after it.
    """

    def __init__(self, fps, smoothing_ms):
        reach = smoothing_ms / 1000 * fps
        self._half = max(0, int(np.ceil(reach - 1e-9)) - 1)
        at = np.arange(-self._half, self._half + 1)
        window = 1 + np.cos(np.pi * at / max(reach, 1.0))
        self._weights = window / window.sum()
        self.look_ahead_s = self._half / fps
        self._kept = None

    def push(self, motion):
        """The frames that a chunk makes certain, as Motion; maybe none."""
        if not self._half or not len(motion):
            return motion
        if self._kept is None:
            self._kept = motion.frames(0, 0)
            motion = joined([*[motion.frames(0, 1)] * self._half, motion])
        self._kept = joined([self._kept, motion])
        return self._take()

    def finish(self):
        """The remaining frames; None where there are none."""
        if self._kept is None or not self._half:
            return None
        last = self._kept.frames(len(self._kept) - 1, len(self._kept))
        self._kept = joined([self._kept, *[last] * self._half])
        return self._take()

    def _take(self):
        motion, count = self._kept, len(self._kept) - 2 * self._half
        if count <= 0:
            return motion.frames(0, 0)
        smooth = sum(weight * motion.values[i:i + count].astype(np.float64) for i, weight in enumerate(self._weights))
        given = motion.frames(self._half, self._half + count)
        self._kept = motion.frames(count, len(motion))
        return replace(given, values=_closed(given, smooth).astype(np.float32))


def _closed(given, smooth):
    """Smoothed values whose mouth goes back to the given one where lips touch."""
    parts = parts_of(given.space)
    if parts is None:
        return smooth
    named = set(ARKIT_52.columns) <= set(given.space.columns)
    gap = lip_gap_cm(given if named else convert(given, ARKIT_52)[0])
    free = np.clip((gap - TOUCHING_CM) / (_APART_CM - TOUCHING_CM), 0, 1)
    touching = (1 - free * free * (3 - 2 * free))[:, None]
    smooth[:, parts.lips] += touching * (given.values[:, parts.lips] - smooth[:, parts.lips])
    return smooth
