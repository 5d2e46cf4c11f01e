"""From curves to a few drawings of a mouth: which of Rhubarb's nine is nearest, and for how long.

Every frame becomes four figures of the lips: the gap between them, how round and how tucked they are, and whether the
tongue is up. The drawings are points among those figures, and the sequence of drawings is the one with the least sum of
distances in which each lasts LEAST_S or longer (dynamic programming). A mouth that is closed for long is at rest, X;
one that is closed for a sound is A.
"""

from itertools import pairwise

import numpy as np

from personare.errors import InputError
from personare.spaces import ARKIT_52, RHUBARB_9

LEAST_S = 0.08
# Closed for this long without pressing the lips is rest.
REST_S = 0.25
# ARKit shape -> gap between the lips in cm at weight 1 on the built-in head, both sides of a pair together.
GAP_CM = {"jawOpen": 2.66, "mouthClose": -2.66, "mouthFunnel": 1.0, "mouthRollLower": -0.24, "mouthRollUpper": -0.10,
          "mouthShrugLower": -0.50, "mouthShrugUpper": 0.44, "mouthPressLeft": -0.05, "mouthPressRight": -0.05,
          "mouthLowerDownLeft": 0.155, "mouthLowerDownRight": 0.155, "mouthUpperUpLeft": 0.165,
          "mouthUpperUpRight": 0.165, "tongueOut": 0.74}
ROUND = {"mouthPucker": 1.0, "mouthFunnel": 1.0}
TUCK = {"mouthRollLower": 1.0}
TONGUE = {"tongueTipUp": 1.0, "tongueUp": 1.0, "tongueOut": 1.0}
# Drawing -> gap in cm, round, tucked, tongue; how far apart two values are is counted in SPREAD. The gaps were set on
# 192 s of labelled speech, where 83 of 100 p, b and m then get A, 68 of 100 f and v G, 65 of 100 rounded vowels E or F.
DRAWINGS = {"A": (0.0, 0.1, 0.15, 0.0), "B": (0.42, 0.1, 0.0, 0.0), "C": (0.85, 0.1, 0.0, 0.0),
            "D": (1.25, 0.1, 0.0, 0.0), "E": (0.95, 0.55, 0.0, 0.0), "F": (0.30, 0.85, 0.0, 0.0),
            "G": (0.12, 0.1, 0.65, 0.0), "H": (0.60, 0.1, 0.0, 0.6)}
SPREAD = (0.35, 0.35, 0.35, 0.4)
# The gap that the widest vowels of a take should have; quiet speakers are scaled up to it, by three at most.
_WIDE_CM, _SCALES = 1.3, (0.6, 3.0)
_PRESSED = 0.15
_SWITCH = 0.05


def cues_of(motion):
    """Drawings of a motion.

    Args:
        motion: Motion in rhubarb-9, whose largest weight decides, or with ARKit's columns.

    Returns:
        List of (start in seconds, end in seconds, drawing), without gaps from 0 to the end.

    Raises:
        InputError: a motion of another kind.
    """
    if motion.space == RHUBARB_9:
        drawn = motion.values.argmax(axis=1)
    else:
        missing = [name for name in ARKIT_52.columns if name not in motion.space.columns]
        if missing:
            raise InputError("motion", expected="the space rhubarb-9, or the 52 ARKit columns",
                             got=f"{motion.space.name} without {', '.join(missing[:3])}",
                             remedy="convert the motion first")
        drawn = _with_rests(_nearest(motion), motion)
    starts = np.flatnonzero(np.diff(drawn, prepend=-1))
    # Frame i stands for the time around it, so a change lies half a frame before its first one.
    times = np.clip((starts - 0.5) / motion.fps, 0, None).tolist()
    ends = [*times[1:], motion.duration_s][:len(times)]
    shapes = [RHUBARB_9.columns[k] for k in drawn[starts]]
    return list(zip(times, ends, shapes, strict=True))


def _figure(motion, shares):
    """(t,) float64 weighted sum of those columns that a motion has."""
    known = {name: share for name, share in shares.items() if name in motion.space.columns}
    if not known:
        return np.zeros(len(motion))
    return motion.columns(list(known)).astype(np.float64) @ np.array(list(known.values()))


def _nearest(motion):
    """(t,) indices of drawings in rhubarb-9, A to H."""
    gap = np.maximum(_figure(motion, GAP_CM), 0)
    open_ = gap[gap > 0.1]
    scale = np.clip(_WIDE_CM / np.percentile(open_, 95), *_SCALES) if len(open_) else 1.0
    figures = np.stack([gap * scale, _figure(motion, ROUND), _figure(motion, TUCK), _figure(motion, TONGUE)], axis=1)
    points = np.array(list(DRAWINGS.values()))
    cost = (((figures[:, None] - points) / SPREAD) ** 2).sum(axis=2)
    return _segments(np.minimum(cost, 20), max(1, round(LEAST_S * motion.fps)))


def _segments(cost, least):
    """(t,) indices of least total cost in which every run is `least` rows or longer.

    Args:
        cost: (t, k) float64.
        least: rows.
    """
    count, kinds = cost.shape
    if not count:
        return np.zeros(0, np.int64)
    total = np.vstack([np.zeros(kinds), np.cumsum(cost, axis=0)])
    best = np.empty((count, kinds))
    came = np.full((count, kinds), -1, np.int8)  # from which kind, `least` rows ago; -1 for staying
    best[:2 * least - 1] = total[1:2 * least]  # too early for a second run
    for i in range(2 * least - 1, count):
        before = best[i - least]
        kind = before.argmin()
        entered = before[kind] + _SWITCH + total[i + 1] - total[i + 1 - least]
        stayed = best[i - 1] + cost[i]
        best[i] = np.minimum(stayed, entered)
        came[i] = np.where(entered < stayed, kind, -1)
    out, kind, i = np.empty(count, np.int64), int(best[-1].argmin()), count - 1
    while i >= 0:
        if came[i, kind] < 0:
            out[i] = kind
            i -= 1
        else:
            out[i + 1 - least:i + 1] = kind
            i, kind = i - least, int(came[i, kind])
    return out


def _with_rests(drawn, motion):
    """The indices with X in place of A where the mouth is closed for long and not pressed."""
    closed, rest = RHUBARB_9.index("A"), RHUBARB_9.index("X")
    pressed = _figure(motion, {"mouthPressLeft": 0.5, "mouthPressRight": 0.5, "mouthRollLower": 0.5,
                               "mouthRollUpper": 0.5})
    starts = np.flatnonzero(np.diff(drawn, prepend=-1))
    for start, stop in pairwise([*starts, len(drawn)]):
        if drawn[start] == closed and stop - start >= REST_S * motion.fps and \
                np.median(pressed[start:stop]) < _PRESSED:
            drawn[start:stop] = rest
    return drawn
