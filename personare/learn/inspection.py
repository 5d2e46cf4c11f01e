"""What is wrong with a data set before anything is learned from it: lag, drift, clipping, dead and frozen curves."""

from dataclasses import dataclass

import numpy as np

from personare.motion.checks import warnings_of
from personare.motion.layers import STILL
from personare.motion.performance import Performance
from personare.motion.pieces import joined

# Lags looked at, the rate they are looked at with, and how far two ends of a clip may differ.
FARTHEST_S, RATE_HZ, DRIFT_MS, LAG_MS = 0.4, 60.0, 50.0, 60.0
# A lag counts as measured where it explains this much more of the variance than lags do on average.
LEAST_GAIN = 0.04
LEAST_S, LEAST_DRIFT_S = 2.0, 20.0
_CLIPPED, _CLIPPED_SHARE, _DEAD, _FROZEN_SHARE = 0.999, 1e-3, 1e-4, 0.07
# Frames after which one is repeated: 24 raised to 30 is 5, 25 to 30 is 6.
PERIODS = tuple(range(2, 13))


@dataclass(frozen=True)
class Finding:
    """One thing about one clip.

    Args:
        clip: name of it; "" for the whole data set.
        kind: "lag", "drift", "clipping", "silence", "dead", "frozen", "jump" or "curves".
        text: sentence for a user.
        lag_ms: where kind is "lag", what was measured.
    """

    clip: str
    kind: str
    text: str
    lag_ms: float | None = None


def inspected(dataset, *, progress=None):
    """Everything worth knowing about a data set.

    Args:
        dataset: dataset.Dataset.
        progress: called with (clips done, clips in total).

    Returns:
        (findings, lags): list of Finding, and dict clip -> lag in ms, None where it cannot be measured. A lag is how
        much later the curves move than the sound, beyond what the clip's meta says already.
    """
    findings, lags, moving = [], {}, np.zeros(len(dataset.space), bool)
    for done, clip in enumerate(dataset.clips):
        motion, audio = clip.motion, None if clip.sound is None else clip.audio()
        moving |= motion.values.std(axis=0) > _DEAD
        told = [*(() if audio is None else _sound(audio)), *_curves(motion)]
        findings += [Finding(clip.name, kind, text) for kind, text in told]
        heard = stored_at_rate(clip.rows) if audio is None else spoken(audio)
        found = lag_ms(heard, motion)
        lags[clip.name] = None if found is None else found - clip.meta.sync_lag_ms
        if found is not None and abs(lags[clip.name]) > LAG_MS:
            later = "later" if lags[clip.name] > 0 else "earlier"
            findings.append(Finding(clip.name, "lag", f"curves move {abs(lags[clip.name]):.0f} ms {later} than the "
                                    "sound; write it into sync_lag_ms with --write-lags", lags[clip.name]))
        findings += [Finding(clip.name, "drift", text) for text in _drift(heard, motion)]
        if progress:
            progress(done + 1, len(dataset.clips))
    still = [name for name, moves in zip(dataset.space.columns, moving, strict=True) if not moves]
    if still:
        findings.append(Finding("", "dead", f"{len(still)} of {len(dataset.space)} columns never move: "
                                f"{', '.join(still[:6])}{' ...' if len(still) > 6 else ''}; they are not learned"))
    return findings, lags


def spoken(audio):
    """(t, c) float32, 60 rows a second: curves of the built-in model, which move with the sound."""
    performance = Performance("vox", from_hz=audio.rate_hz, fps=RATE_HZ, layers=STILL)
    values = joined([performance.push(audio.samples), performance.finish()]).values
    return values[:, values.std(axis=0) > 1e-3]


def stored_at_rate(rows):
    """(t, c) float32, 60 rows a second, of StoredRows: they too move with the sound."""
    places = np.arange(int(rows.duration_s * RATE_HZ)) * rows.rate_hz / RATE_HZ
    values = np.stack([np.interp(places, np.arange(len(rows.values)), column) for column in rows.values.T], 1)
    return values[:, values.std(axis=0) > 1e-3].astype(np.float32)


def lag_ms(heard, motion):
    """How much later curves move than the sound they belong to.

    For every lag the curves are regressed on what the built-in model says; the lag that explains most wins.

    Args:
        heard: see spoken and stored_at_rate.
        motion: Motion in any space.

    Returns:
        Milliseconds, or None where no lag explains clearly more than the others, or the clip is below 2 s.
    """
    values = motion.at_fps(RATE_HZ).values.astype(np.float64)
    count, far = min(len(heard), len(values)), round(FARTHEST_S * RATE_HZ)
    if count < LEAST_S * RATE_HZ + 2 * far or not heard.shape[1]:
        return None
    x = _whitened(heard[far : count - far].astype(np.float64))
    values = values - values.mean(axis=0)
    # Columns of a hundredth of the motion are not asked.
    values = values[:, values.std(axis=0) > 0.1 * values.std(axis=0).max(initial=0)]
    explained = np.array([_explained(x, values[far + lag : count - far + lag]) for lag in range(-far, far + 1)])
    best = int(explained.argmax())
    if explained[best] - np.median(explained) < LEAST_GAIN or not 0 < best < 2 * far:
        return None
    before, at, after = explained[best - 1 : best + 2]
    between = 0.5 * (before - after) / (before - 2 * at + after)
    return float((best - far + between) / RATE_HZ * 1000)


def _whitened(x):
    """(n, c) columns of unit covariance that span those of x."""
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return u[:, s > 0.03 * s.max(initial=1e-9)]


def _explained(x, y):
    """Share of the variance of (n, k) values that orthonormal (n, c) columns explain."""
    y = y - y.mean(axis=0)
    return float(((x.T @ y) ** 2).sum() / max((y**2).sum(), 1e-12))


def _drift(heard, motion):
    """Sentences about a lag that is another at the end than at the beginning."""
    if motion.duration_s < LEAST_DRIFT_S:
        return
    third, rows = len(motion) // 3, len(heard) // 3
    first, last = (lag_ms(heard[a : a + rows], motion.frames(b, b + third))
                   for a, b in ((0, 0), (round((len(motion) - third) / motion.fps * RATE_HZ), len(motion) - third)))
    if first is not None and last is not None and abs(last - first) > DRIFT_MS:
        rate = motion.fps * (1 + (last - first) / 1000 / (motion.duration_s * 2 / 3))
        yield (f"the lag goes from {first:.0f} to {last:.0f} ms: the frame rate is rather {rate:.4g} than "
               f"{motion.fps:g}, or frames are missing")


def _sound(audio):
    """(kind, sentence) pairs about the sound."""
    size = np.abs(audio.samples)
    loudest = float(size.max(initial=0))
    if loudest < 1e-3:
        yield "silence", "the sound is silent"
    elif loudest < 0.02:
        yield "silence", f"the sound is very quiet, {20 * np.log10(loudest):.0f} dB at its loudest"
    share = float((size >= _CLIPPED * max(loudest, 1.0)).mean()) if len(size) else 0.0
    if share > _CLIPPED_SHARE:
        yield "clipping", f"{100 * share:.1f} % of the samples are clipped; record at a lower level"


def _curves(motion):
    """(kind, sentence) pairs about the curves."""
    # Codes that are only numbered have neither units nor sides.
    if not all(name[-3:].isdecimal() for name in motion.space.columns[:2]):
        yield from (("curves", text) for text in warnings_of(motion))
    values = motion.values
    step = np.abs(np.diff(values, axis=0))
    size = np.sqrt((step**2).sum(axis=1))
    # A repeated frame is a small step between two that are not; of clean takes it is 2 % of the steps.
    dips = size[1:-1] < 0.5 * np.minimum(size[:-2], size[2:])
    if len(dips) > 60 and dips.mean() > _FROZEN_SHARE:
        again = [np.corrcoef(dips[:-lag], dips[lag:])[0, 1] for lag in PERIODS]
        if max(again) > 0.15:
            # Twice a period fits as well as the period.
            period = next(lag for lag, fits in zip(PERIODS, again, strict=True) if fits > 0.7 * max(again))
            yield "frozen", (f"one frame in {period} repeats the one before: the take was made at "
                             f"{motion.fps * (1 - 1 / period):.3g} frames a second and raised to {motion.fps:g}")
    spread = values.max(axis=0) - values.min(axis=0)
    sizes = step[:, spread > 1e-3] / spread[spread > 1e-3]
    if len(sizes) > 30 and sizes.size:
        frame, column = np.unravel_index(int(sizes.argmax()), sizes.shape)
        usual = np.quantile(sizes[:, column][sizes[:, column] > 0], 0.98)
        if sizes[frame, column] > 0.6 and sizes[frame, column] > 8 * usual:
            name = [n for n, s in zip(motion.space.columns, spread, strict=True) if s > 1e-3][column]
            yield "jump", f"{name} jumps through {100 * sizes[frame, column]:.0f} % of its range in frame {frame + 1}"
