"""Mel-frequency cepstral coefficients on top of the log-mel front end, whole or streamed with the same result."""

from dataclasses import dataclass

import numpy as np

from personare.audio.mel import LogMelStream, MelOptions
from personare.errors import InputError
from personare.types import Audio, Features

# Bands and window usual for speech recognition (Davis and Mermelstein 1980 took 20; HTK's example 26).
SPEECH_MEL = MelOptions(band_count=26, window="hamming", preemphasis=0.97)


@dataclass(frozen=True)
class MfccOptions:
    """Settings of the MFCC front end.

    Args:
        mel: MelOptions of the band energies below it; its rate_hz is the rate of the rows.
        coefficient_count: coefficients kept, 1..mel.band_count; the first is the mean log energy times
            sqrt(band_count).
        lifter: L in the sine lifter 1 + L/2 sin(pi j / L) of coefficient j, 2 or more; 0 for none.
        delta_order: 0 coefficients alone; 1 their slopes in time behind them; 2 the slopes of those as well.
        delta_width: rows on each side that a slope is fitted over, 1..50.

    Raises:
        InputError: a value is out of its range.
    """

    mel: MelOptions = SPEECH_MEL
    coefficient_count: int = 13
    lifter: int = 22
    delta_order: int = 0
    delta_width: int = 2

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("mel", isinstance(self.mel, MelOptions), "MelOptions")
        bands = self.mel.band_count
        check("coefficient_count", 1 <= self.coefficient_count <= bands, f"1 to {bands}, the number of bands")
        check("lifter", self.lifter == 0 or self.lifter >= 2, "0, or 2 and more")
        check("delta_order", self.delta_order in (0, 1, 2), "0, 1 or 2")
        check("delta_width", 1 <= self.delta_width <= 50, "1 to 50 rows")

    @property
    def channel_count(self):
        """Channels of the result."""
        return self.coefficient_count * (1 + self.delta_order)

    @property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on (resampling aside)."""
        return self.mel.look_ahead_s + self.delta_order * self.delta_width / self.mel.rate_hz


DEFAULT_MFCC = MfccOptions()


def mfcc(audio, *, options=DEFAULT_MFCC):
    """Mel-frequency cepstral coefficients of sound.

    An orthonormal DCT-II over the rows of log_mel(), whose times, padding and lack of normalisation they share.

    Args:
        audio: Audio, or AudioStream for sound that should not be in memory at once; any sample rate.
        options: MfccOptions.

    Returns:
        Features of kind "mfcc": (t, channel_count) float32, t = ceil(duration_s * rate_hz), at least 1.

    Source:
        Davis and Mermelstein, IEEE ASSP 28(4), 1980; lifter and slopes as in the HTK Book 3.4, equations 5.12
        and 5.16. Checked in tests/audio/test_mfcc.py against plain loops in float64.
    """
    stream = MfccStream(options, source_rate_hz=audio.rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(samples) for samples in chunks]
    rows.append(stream.finish())
    return Features(np.concatenate(rows), options.mel.rate_hz, "mfcc")


class MfccStream:
    """The same front end for sound that arrives in pieces of any size.

    Args:
        options: MfccOptions.
        source_rate_hz: rate of the pushed samples; default options.mel.sample_rate_hz.
    """

    def __init__(self, options=DEFAULT_MFCC, *, source_rate_hz=None):
        self.options = options
        self._mel = LogMelStream(options.mel, source_rate_hz=source_rate_hz)
        self._basis = cosine_matrix(options)
        self._slopes = [_SlopeStream(options.coefficient_count, options.delta_width)
                        for _ in range(options.delta_order)]

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, channel_count) float32 rows that are now complete."""
        rows = self._mel.push(samples) @ self._basis
        for slope in self._slopes:
            rows = slope.push(rows)
        return rows

    def finish(self):
        """The (t, channel_count) float32 rows that were waiting for more sound."""
        rows = self._mel.finish() @ self._basis
        for slope in self._slopes:
            rows = np.concatenate([slope.push(rows), slope.finish()])
        return rows


class _SlopeStream:
    """Puts behind each row the slope in time of its last `count` columns.

    The slope is that of a line fitted to `width` rows on each side; the first and the last row stand in for rows
    outside the recording.
    """

    def __init__(self, count, width):
        self._count, self._width = count, width
        offsets = np.arange(-width, width + 1, dtype=np.float32)
        self._weights = offsets / np.square(offsets).sum()
        self._waiting = None

    def push(self, rows):
        """Take (t, c) rows, give (u, c + count); the last `width` rows wait for their successors."""
        if not len(rows):
            return self._empty(rows)
        if self._waiting is None:
            self._waiting = np.repeat(rows[:1], self._width, axis=0)
        self._waiting = np.concatenate([self._waiting, rows])
        return self._give()

    def finish(self):
        """Rows that were waiting, (u, c + count)."""
        self._waiting = np.concatenate([self._waiting, np.repeat(self._waiting[-1:], self._width, axis=0)])
        return self._give()

    def _give(self):
        ready = len(self._waiting) - 2 * self._width
        if ready <= 0:
            return self._empty(self._waiting)
        last = self._waiting[:, -self._count:]
        slopes = np.zeros((ready, self._count), np.float32)
        for place, weight in enumerate(self._weights):
            slopes += weight * last[place:place + ready]
        rows = np.concatenate([self._waiting[self._width:self._width + ready], slopes], axis=1)
        self._waiting = self._waiting[ready:]
        return rows

    def _empty(self, rows):
        return np.empty((0, rows.shape[1] + self._count), np.float32)


def cosine_matrix(options=DEFAULT_MFCC):
    """(band_count, coefficient_count) float32: orthonormal DCT-II with the lifter in it, used from the right."""
    bands = options.mel.band_count
    j = np.arange(options.coefficient_count)
    basis = np.cos(np.pi / bands * (np.arange(bands)[:, None] + 0.5) * j) * np.sqrt(2.0 / bands)
    basis[:, 0] /= np.sqrt(2.0)
    if options.lifter:
        basis *= 1.0 + options.lifter / 2.0 * np.sin(np.pi * j / options.lifter)
    return basis.astype(np.float32)
