"""A person's way to speak: speech -> the expressions of their own tracked face, solved for in closed form.

From the footage's own sound: curves of the built-in model of the frames around each picture, through one ridge
regression (see adapt.py), to what was tracked. Phone posteriors beside the curves were tried: on half a minute of
footage they explain no more. Where footage has no sound, the built-in curves are brought to the range of the person's
own.
"""

from itertools import pairwise

import numpy as np

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
    """What a voice is told of sound: the curves of a model for everybody.

    Args:
        audio: Audio or AudioStream.
        fps: frames a second.
        model, articulation: as for personare.animate.
        progress: called with (seconds done, seconds in total or None).

    Returns:
        Motion in the model's space, without layers.
    """
    stream = audio.stream() if isinstance(audio, Audio) else audio
    performance, pieces, done = Performance(model, from_hz=stream.rate_hz, fps=fps, layers=STILL,
                                            articulation=articulation), [], 0
    for chunk in stream.chunks():
        pieces.append(performance.push(chunk))
        done += len(chunk)
        if progress:
            progress(done / stream.rate_hz, stream.duration_s)
    return joined([*pieces, performance.finish()])


def fit_voice(told, target, *, lags=LAGS):
    """Solve for a person's voice.

    Args:
        told: Motion of heard, at the target's frame rate.
        target: Motion of what was tracked meanwhile, the columns that move the mouth.
        lags: delays of the picture to try, in frames.

    Returns:
        Adapter.

    Raises:
        InputError: less than five seconds in common.
    """
    count = min(len(told), len(target))
    if count < LEAST_S * target.fps:
        raise InputError("footage", expected=f"{LEAST_S:g} s of speech or more", got=f"{count / target.fps:.1f} s",
                         remedy="film more, half a minute is good")
    pieces = list(pairwise(np.linspace(0, count, _PIECES + 1).astype(int)))
    return fit_adapter([(told.frames(*piece), target.frames(*piece)) for piece in pieces], reach=REACH, lags=lags,
                       ridges=_RIDGES)


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


def spoken(voice, told, bounds):
    """Motion of the person's mouth columns for what was heard.

    Args:
        voice: Adapter of fit_voice or scaled_voice.
        told: Motion of heard.
        bounds: (lowest, highest) (c,) of the person's columns; what a voice says is kept within.

    Raises:
        InputError: a model of another space than voices are learned from.
    """
    if told.space.columns != voice.source.columns:
        missing = [name for name in voice.source.columns if name not in told.space.columns]
        if missing:
            raise InputError("model", expected=f"one that gives {voice.source.name}, such as vox",
                             got=f"one that gives {told.space.name}", remedy="leave out --model with --portrait")
        told = Motion(told.columns(voice.source.columns), told.fps, voice.source)
    return voice.apply(told, limits=bounds)
