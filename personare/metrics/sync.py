"""Lip sync of a video: how much later the mouth moves in the picture than in the sound.

The built-in model says how far lips are apart for the sound, the landmarks say how far they are in the picture; one
curve slid along the other has its best correlation at the lag. Both are freed of what changes more slowly than
syllables, so that a smile or a turn of the head does not count.
"""

from dataclasses import dataclass

import numpy as np

from personare.errors import InputError

RATE_HZ = 100.0
# Lags looked for, either way; a second as good a lag further away than NEAR_S makes the answer ambiguous.
MOST_S, NEAR_S = 0.5, 0.15
# What changes more slowly than over this time is left out of both curves.
_DRIFT_S = 1.0
# Below this correlation, or this far above the next best lag, a lag says nothing.
LEAST_R, LEAST_MARGIN = 0.30, 0.06
# The built-in model's lips are so much later than the people it was measured on: the median over the six clips of
# shared/data/paired_bfm, none of which is among the videos that docs/evaluate.md compares with.
MODEL_LATE_MS = 34.0
# Sound and picture have to overlap by this much.
LEAST_S = 0.8
# Middle of the upper and of the lower lip's inner edge, and two pairs beside it (MediaPipe's 478 landmarks).
INNER_LIPS = ((13, 14), (82, 87), (312, 317))
_EYES = (33, 263)


@dataclass(frozen=True)
class Sync:
    """What was measured.

    Args:
        lag_ms: how much later the mouth moves in the picture than in the sound; + = picture late.
        correlation: of the two lip gaps at that lag, -1..1.
        margin: how much that is above the best at any lag more than 150 ms away.
        measurable: whether correlation and margin are large enough to believe it.
    """

    lag_ms: float
    correlation: float
    margin: float
    measurable: bool


def lip_gaps(points):
    """Lip gap of landmarks in eye distances, so that size and turns of the head do not count.

    Args:
        points: (t, 478, 3) float landmarks, NaN where no face was seen.

    Returns:
        (t,) float64; NaN where no face was seen.
    """
    points = np.asarray(points, np.float64)
    eyes = np.linalg.norm(points[:, _EYES[0]] - points[:, _EYES[1]], axis=1)
    gaps = [np.linalg.norm(points[:, low] - points[:, high], axis=1) for low, high in INNER_LIPS]
    return np.mean(gaps, axis=0) / eyes


def sync_of(heard, seen, times_s, *, late_ms=0.0):
    """The lag between what the sound asks of the lips and what the picture shows.

    Args:
        heard: (n,) float lip gap for the sound, RATE_HZ a second from time 0 on.
        seen: (t,) float lip gap in the pictures, NaN where unknown.
        times_s: (t,) their rising times.
        late_ms: how late `heard` itself is.

    Returns:
        Sync; where fewer than 0.8 s are known, or one of the two never moves, one with a correlation of 0 that is
        not measurable.
    """
    known = np.isfinite(seen)
    if known.sum() < 3 or times_s[known][-1] - times_s[known][0] < LEAST_S:
        return Sync(0.0, 0.0, 0.0, False)
    first, last = times_s[known][0], min(times_s[known][-1], (len(heard) - 1) / RATE_HZ)
    at = np.arange(int(np.ceil(first * RATE_HZ)), int(last * RATE_HZ) + 1)
    if len(at) < LEAST_S * RATE_HZ:
        return Sync(0.0, 0.0, 0.0, False)
    shown = _without_drift(np.interp(at / RATE_HZ, times_s[known], seen[known]))
    heard = _without_drift(np.asarray(heard, np.float64))
    most = int(MOST_S * RATE_HZ)
    lags = np.arange(-most, most + 1)
    r = np.array([_correlation(heard, shown, at, lag) for lag in lags])
    best = int(np.argmax(r))
    if r[best] <= 0:
        return Sync(0.0, 0.0, 0.0, False)
    margin = float(r[best] - r[np.abs(lags - lags[best]) > NEAR_S * RATE_HZ].max())
    lag_ms = late_ms + 1000 / RATE_HZ * (lags[best] + _between(r, best))
    within = 0 < best < len(lags) - 1
    return Sync(float(lag_ms), float(r[best]), margin, bool(within and r[best] >= LEAST_R and margin >= LEAST_MARGIN))


def _correlation(heard, shown, at, lag):
    """Pearson's r of the picture with the sound `lag` rows earlier, where both are known."""
    places = at - lag
    inside = (places >= 0) & (places < len(heard))
    if inside.sum() < LEAST_S * RATE_HZ / 2:
        return -1.0
    x, y = heard[places[inside]], shown[inside]
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 1e-12 else 0.0


def _without_drift(curve):
    """A curve less its mean under a wide Hann window."""
    half = round(_DRIFT_S * RATE_HZ)
    window = np.hanning(2 * half + 1)
    share = np.convolve(np.ones(len(curve)), window, mode="full")[half:half + len(curve)]
    return curve - np.convolve(curve, window, mode="full")[half:half + len(curve)] / share


def _between(r, best):
    """Where between rows the parabola through the best one and its neighbours peaks, -0.5..0.5."""
    if not 0 < best < len(r) - 1:
        return 0.0
    low, middle, high = r[best - 1:best + 2]
    bend = low - 2 * middle + high
    return float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def heard_gap(audio):
    """(n,) float64 cm: how far the lips of an average head are apart for a sound, RATE_HZ a second.

    Args:
        audio: Audio.
    """
    from personare.motion.layers import STILL
    from personare.motion.mouth import measures_cm
    from personare.motion.performance import Performance
    from personare.motion.pieces import joined

    performance = Performance("vox", from_hz=audio.rate_hz, fps=RATE_HZ, layers=STILL)
    motion = joined([performance.push(audio.samples), performance.finish()])
    return np.maximum(measures_cm(motion)[:, 0], 0)


def measure_sync(path, *, landmarker=None, progress=None):
    """Measure the lip sync of a video with sound.

    Args:
        path: of the video.
        landmarker: path of MediaPipe's face_landmarker.task; default the user's copy.
        progress: called with (pictures done, pictures in total or None).

    Returns:
        Sync.

    Raises:
        InputError: no video, no sound track, silence, or no face.
        MissingExtra: mediapipe is not installed. AssetError: its model file is missing.
    """
    from personare.audio.load import load
    from personare.tracking.detect import detect

    audio = load(path)
    if float(np.abs(audio.samples).max(initial=0)) < 1e-4:
        raise InputError(path, expected="a video with a voice", got="a silent sound track",
                         remedy="pass the recording with its sound")
    found = detect(path, model=landmarker, progress=progress)
    return sync_of(heard_gap(audio), lip_gaps(found.points), found.times_s, late_ms=MODEL_LATE_MS)
