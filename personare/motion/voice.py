"""A person's way to speak: speech -> the expressions of their own tracked face, solved for in closed form.

From the footage's own sound: curves of the built-in model and phone posteriors of the frames around each picture,
through one ridge regression (see adapt.py), to what was tracked. Where footage has no sound, the built-in curves are
brought to the range of the person's own.
"""

from itertools import pairwise

import numpy as np

from personare.arrays import resample_in_time
from personare.audio.phones import phones
from personare.errors import InputError
from personare.motion.adapt import Adapter, fit_adapter
from personare.motion.layers import STILL
from personare.motion.performance import Performance, joined
from personare.spaces import ARKIT_52
from personare.types import Audio, Motion

# Frames on either side that count, and delays that are tried, in frames.
REACH, LAGS = 3, (-4, -3, -2, -1, 0, 1, 2, 3, 4)
# Pieces of the footage, each left out once to find how strongly the solution is held back.
_PIECES = 5
# Footage below this says too little about how somebody speaks.
LEAST_S = 5.0
_RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0)
# Share of frames that may lie beyond what is taken as the range of a curve.
_BEYOND = 0.02


def heard(audio, fps, *, model="vox", articulation=1.0, progress=None):
    """What a voice is told of sound.

    Args:
        audio: Audio or AudioStream.
        fps: frames a second.
        model, articulation: as for personare.animate.
        progress: called with (seconds done, seconds in total or None).

    Returns:
        (Motion in arkit-52 without layers, (t, 42) float32 phone posteriors of the same frames).
    """
    stream = audio.stream() if isinstance(audio, Audio) else audio
    performance, pieces, done = Performance(model, from_hz=stream.rate_hz, fps=fps, layers=STILL,
                                            articulation=articulation), [], 0
    for chunk in stream.chunks():
        pieces.append(performance.push(chunk))
        done += len(chunk)
        if progress:
            progress(done / stream.rate_hz, stream.duration_s)
    motion = joined([*pieces, performance.finish()])
    rows = phones(stream)
    rows = resample_in_time(rows.values, from_hz=rows.rate_hz, to_hz=fps, frame_count=len(motion))
    return motion, rows


def fit_voice(told, rows, target, *, lags=LAGS):
    """Solve for a person's voice.

    Args:
        told, rows: of heard, at the target's frame rate.
        target: Motion of what was tracked meanwhile, the columns that move the mouth.
        lags: delays of the picture to try, in frames.

    Returns:
        Adapter, with rows as its extra columns.

    Raises:
        InputError: less than five seconds in common.
    """
    count = min(len(told), len(target))
    if count < LEAST_S * target.fps:
        raise InputError("footage", expected=f"{LEAST_S:g} s of speech or more", got=f"{count / target.fps:.1f} s",
                         remedy="film more, half a minute is good")
    edges = np.linspace(0, count, _PIECES + 1).astype(int)
    pieces = [slice(a, b) for a, b in pairwise(edges)]
    return fit_adapter([(told.frames(p.start, p.stop), target.frames(p.start, p.stop)) for p in pieces],
                       extra=[rows[p] for p in pieces], reach=REACH, lags=lags, ridges=_RIDGES)


def scaled_voice(target):
    """The voice of footage without sound: built-in curves, each brought from 0..1 to the person's own range.

    Args:
        target: Motion of what was tracked, the columns that move the mouth.

    Returns:
        Adapter without extra columns. Columns that the built-in model does not have stay at their median.
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


def spoken(adapter, told, rows, bounds):
    """Motion of the person's mouth columns for what was heard.

    Args:
        adapter: of fit_voice or scaled_voice.
        told, rows: of heard.
        bounds: (lowest, highest) (c,) of the person's columns; what a voice says is kept within.
    """
    motion = Motion(told.columns(adapter.source.columns), told.fps, adapter.source) \
        if told.space.columns != adapter.source.columns else told
    return adapter.apply(motion, extra=rows if adapter.extra else None, limits=bounds)
