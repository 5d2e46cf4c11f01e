"""Per-channel energy normalisation: mel energies behind an automatic gain control, whole or streamed alike."""

from dataclasses import dataclass

import numpy as np

from personare.audio.mel import DEFAULT_MEL, LogMelStream, MelOptions
from personare.errors import InputError
from personare.types import Audio, Features


@dataclass(frozen=True)
class PcenOptions:
    """Settings of per-channel energy normalisation; the defaults are those of its authors.

    Args:
        mel: MelOptions of the band energies below it; its rate_hz is the rate of the rows.
        smoothing_s: time constant of the running mean that energies are divided by, > 0.
        gain: power of that mean, 0 (no normalisation) to 1 (all of the level is taken out).
        bias: added before the root, > 0.
        root: power of the compression, above 0 and up to 1.
        floor: added to the running mean, > 0; 1 is the energy of a full-scale sine.

    Raises:
        InputError: a value is out of its range.
    """

    mel: MelOptions = DEFAULT_MEL
    smoothing_s: float = 0.4
    gain: float = 0.98
    bias: float = 2.0
    root: float = 0.5
    floor: float = 1e-7

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("mel", isinstance(self.mel, MelOptions), "MelOptions")
        check("smoothing_s", 0 < self.smoothing_s <= 60, "more than 0, at most 60 seconds")
        check("gain", 0 <= self.gain <= 1, "0 to 1")
        check("bias", 0 < self.bias <= 1000, "more than 0")
        check("root", 0 < self.root <= 1, "more than 0, at most 1")
        check("floor", np.finfo(np.float32).tiny <= self.floor <= 1, "a small positive number")

    @property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on (resampling aside)."""
        return self.mel.look_ahead_s


DEFAULT_PCEN = PcenOptions()


def pcen(audio, *, options=DEFAULT_PCEN):
    """Per-channel energy normalisation of sound: (energy / (floor + mean) ** gain + bias) ** root - bias ** root.

    The mean runs over the past alone and begins at the first row. Times and padding are those of log_mel.

    Args:
        audio: Audio, or AudioStream for sound that should not be in memory at once; any sample rate.
        options: PcenOptions.

    Returns:
        Features of kind "pcen": (t, band_count) float32, 0 or more; t = ceil(duration_s * rate_hz), at least 1.

    Source:
        Wang, Getreuer, Hughes, Lyon and Saurous, Trainable frontend for robust and far-field keyword spotting,
        ICASSP 2017, equation 1. Checked in tests/audio/test_pcen.py against a plain loop in float64.
    """
    stream = PcenStream(options, source_rate_hz=audio.rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(samples) for samples in chunks]
    rows.append(stream.finish())
    return Features(np.concatenate(rows), options.mel.rate_hz, "pcen")


class PcenStream:
    """The same front end for sound that arrives in pieces of any size.

    Args:
        options: PcenOptions.
        source_rate_hz: rate of the pushed samples; default options.mel.sample_rate_hz.
    """

    def __init__(self, options=DEFAULT_PCEN, *, source_rate_hz=None):
        self.options = options
        self._mel = LogMelStream(options.mel, source_rate_hz=source_rate_hz)
        self._share = 1.0 - np.exp(-1.0 / (options.smoothing_s * options.mel.rate_hz))
        self._mean = None

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, band_count) float32 rows that are now complete."""
        return self._normalised(self._mel.push(samples))

    def finish(self):
        """The (t, band_count) float32 rows that were waiting for more sound."""
        return self._normalised(self._mel.finish())

    def _normalised(self, rows):
        options = self.options
        energies = np.exp(rows.astype(np.float64))
        means = np.empty_like(energies)
        for i, energy in enumerate(energies):
            self._mean = energy if self._mean is None else self._mean + self._share * (energy - self._mean)
            means[i] = self._mean
        scaled = energies / (options.floor + means) ** options.gain
        return ((scaled + options.bias) ** options.root - options.bias**options.root).astype(np.float32)
