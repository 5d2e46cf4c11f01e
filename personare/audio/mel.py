"""Log-mel front end: sound -> rows of log band energies, whole or streamed with the same result."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from personare.errors import InputError
from personare.types import Audio, Features

# Rows worked on together: 256 windows of 400 float32 samples are 0.4 MB and stay in the second-level cache.
BLOCK_ROWS = 256

# Slaney's Auditory Toolbox: 200/3 Hz a mel up to 1 kHz (15 mel), then 27 mel for each factor of 6.4.
SLANEY_HZ_PER_MEL = 200.0 / 3.0
SLANEY_KNEE_HZ = 1000.0
SLANEY_KNEE_MEL = SLANEY_KNEE_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = np.log(6.4) / 27.0


@dataclass(frozen=True)
class MelOptions:
    """Settings of the log-mel front end.

    Args:
        band_count: bands, 1..512.
        rate_hz: rows a second, 1..1000; it need not divide sample_rate_hz.
        window_s: length of the analysis window in seconds, 0.001..1.
        sample_rate_hz: sound is resampled to this first, 1000..192000.
        f_min_hz, f_max_hz: lower edge of the first and upper edge of the last band,
            0 <= f_min_hz < f_max_hz <= sample_rate_hz / 2.
        floor: added to every energy before the logarithm, > 0; 1 is the energy of a full-scale sine in the
            middle of a band, so 1e-8 is 80 dB below it.
        fft_size: points of the Fourier transform; 0 takes the window's length, rounded up to a product of 2, 3, 5.
        scale: "slaney" (linear below 1 kHz) or "htk" (logarithmic throughout).
        window: "hann", "hamming" or "rectangular".
        preemphasis: a in y[i] = x[i] - a x[i-1], 0 <= a < 1; 0 for none.

    Raises:
        InputError: a value is out of its range.
    """

    band_count: int = 80
    rate_hz: float = 100.0
    window_s: float = 0.025
    sample_rate_hz: int = 16000
    f_min_hz: float = 0.0
    f_max_hz: float = 8000.0
    floor: float = 1e-8
    fft_size: int = 0
    scale: str = "slaney"
    window: str = "hann"
    preemphasis: float = 0.0

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("band_count", isinstance(self.band_count, int) and 1 <= self.band_count <= 512, "1 to 512 bands")
        check("rate_hz", 1 <= self.rate_hz <= 1000, "1 to 1000 rows a second")
        check("window_s", 0.001 <= self.window_s <= 1, "0.001 to 1 second")
        check("sample_rate_hz", isinstance(self.sample_rate_hz, int) and 1000 <= self.sample_rate_hz <= 192000,
              "a whole number of 1000 to 192000 Hz")
        check("f_max_hz", 0 < self.f_max_hz <= self.sample_rate_hz / 2, "at most half of sample_rate_hz")
        check("f_min_hz", 0 <= self.f_min_hz < self.f_max_hz, "0 or more, below f_max_hz")
        check("floor", np.finfo(np.float32).tiny <= self.floor <= 1, "a small positive number")
        check("fft_size", self.fft_size == 0 or self.window_length <= self.fft_size <= 2**20,
              f"0, or {self.window_length} (the window's samples) to {2**20}")
        check("scale", self.scale in ("slaney", "htk"), "'slaney' or 'htk'")
        check("window", self.window in ("hann", "hamming", "rectangular"), "'hann', 'hamming' or 'rectangular'")
        check("preemphasis", 0 <= self.preemphasis < 1, "0 or more, below 1")

    @property
    def window_length(self):
        """Samples in the analysis window."""
        return max(2, round(self.window_s * self.sample_rate_hz))

    @property
    def fft_length(self):
        """Points of the Fourier transform in use."""
        return self.fft_size or _smooth_size(self.window_length)

    @property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on (resampling aside)."""
        return (self.window_length - self.window_length // 2) / self.sample_rate_hz


DEFAULT_MEL = MelOptions()


def log_mel(audio, *, options=DEFAULT_MEL):
    """Log-mel energies of sound.

    Row i stands at time i / rate_hz: its window is centred there (on the nearest sample), and silence is
    assumed before the first and after the last sample. There is no normalisation over the recording, so a
    streamed run gives the same rows, and twice the gain adds ln 4 to every energy well above the floor.

    Args:
        audio: Audio, or AudioStream for sound that should not be in memory at once; any sample rate.
        options: MelOptions.

    Returns:
        Features of kind "mel": (t, band_count) float32, natural logarithm of energy + floor;
        t = ceil(duration_s * rate_hz), at least 1.

    Source:
        Filters of Slaney, Auditory Toolbox, 1998 (scale "slaney", without area normalisation), or of the HTK
        Book 3.4, section 5.4 (scale "htk"). Checked in tests/audio/test_mel.py against a plain loop in float64.
    """
    stream = LogMelStream(options, source_rate_hz=audio.rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(samples) for samples in chunks]
    rows.append(stream.finish())
    return Features(np.concatenate(rows), options.rate_hz, "mel")


class LogMelStream:
    """The same front end for sound that arrives in pieces of any size.

    Args:
        options: MelOptions.
        source_rate_hz: rate of the pushed samples; default options.sample_rate_hz.
    """

    def __init__(self, options=DEFAULT_MEL, *, source_rate_hz=None):
        self.options = options
        self._source_rate_hz = source_rate_hz or options.sample_rate_hz
        self._resampler = None
        if self._source_rate_hz != options.sample_rate_hz:
            from personare.audio.resampling import Resampler

            self._resampler = Resampler(self._source_rate_hz, options.sample_rate_hz)
        self._window = _scaled_window(options)
        self._filters = filter_matrix(options)
        # Sound not yet out of reach of coming windows; it starts at sample number _start of the recording.
        self._length = options.window_length
        self._half = self._length // 2
        self._start = -self._half
        self._waiting = np.zeros(-self._start, np.float32)
        self._last_sample = np.float32(0)
        self._row = 0
        self._pushed = 0
        self._finished = False

    def push(self, samples):
        """Take the next samples and give the rows that are now complete.

        Args:
            samples: (n,) float32; n may be 0.

        Returns:
            (t, band_count) float32; t may be 0.
        """
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        self._append(samples)
        return self._rows_up_to(self._complete_rows())

    def finish(self):
        """Rows that were waiting for more sound; silence stands in for it.

        Returns:
            (t, band_count) float32.
        """
        if self._finished:
            return np.empty((0, self.options.band_count), np.float32)
        if self._resampler is not None:
            self._append(self._resampler.finish())
        self._finished = True
        count = row_count(self._pushed, sample_rate_hz=self._source_rate_hz, rate_hz=self.options.rate_hz)
        end = self._first_sample(count - 1) + self.options.window_length
        missing = end - (self._start + len(self._waiting))
        if missing > 0:
            # Behind the pre-emphasis, which would make a click of the sudden end.
            self._waiting = np.concatenate([self._waiting, np.zeros(missing, np.float32)])
        return self._rows_up_to(count)

    def samples_until(self, row):
        """How many samples at options.sample_rate_hz must have been pushed before that row can come."""
        return int(self._first_sample(row)) + self._length

    def _append(self, samples):
        samples = np.asarray(samples, np.float32)
        if self.options.preemphasis and len(samples):
            previous = np.concatenate([[self._last_sample], samples[:-1]])
            self._last_sample = samples[-1]
            samples = samples - np.float32(self.options.preemphasis) * previous
        self._waiting = np.concatenate([self._waiting, samples])

    def _first_sample(self, row):
        """Number of the first sample in a row's window; an array of rows gives an array."""
        samples_per_row = self.options.sample_rate_hz / self.options.rate_hz
        if isinstance(row, int):
            return math.floor(row * samples_per_row + 0.5) - self._half
        return np.floor(row * samples_per_row + 0.5).astype(np.int64) - self._half

    def _complete_rows(self):
        """How many rows lie wholly in the sound received, and inside the recording as far as it is known."""
        end = self._start + len(self._waiting)
        rate = self.options.rate_hz / self.options.sample_rate_hz
        count = max(self._row, int((end - self._length + self._half) * rate) - 1)
        while self._first_sample(count) + self._length <= end:
            count += 1
        known = row_count(self._pushed, sample_rate_hz=self._source_rate_hz, rate_hz=self.options.rate_hz)
        return min(count, known)

    def _rows_up_to(self, stop):
        """Compute rows self._row <= i < stop and let go of sound that no later row needs."""
        stop = max(stop, self._row)
        energies = np.empty((stop - self._row, self.options.band_count), np.float32)
        if stop > self._row:
            first = self._first_sample(np.arange(self._row, stop)) - self._start
            windows = _windows(self._waiting, self._length)
            for begin in range(0, len(first), BLOCK_ROWS):
                part = slice(begin, begin + BLOCK_ROWS)
                np.matmul(self._power(windows[first[part]]), self._filters, out=energies[part])
            energies += np.float32(self.options.floor)
            np.log(energies, out=energies)
            self._row = stop
        keep = min(int(self._first_sample(self._row)) - self._start, len(self._waiting))
        if keep > 0:
            self._waiting = self._waiting[keep:].copy()
            self._start += keep
        return energies

    def _power(self, windows):
        """Power spectra of (t, window_length) samples, (t, fft_length // 2 + 1) float32."""
        windows *= self._window
        spectrum = np.fft.rfft(windows, self.options.fft_length)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        return power


def _windows(samples, length):
    """(n - length + 1, length) view of all windows of (n,) samples: sliding_window_view without its checks."""
    (step,) = samples.strides
    return np.ndarray((len(samples) - length + 1, length), samples.dtype, samples, strides=(step, step))


def row_count(sample_count, *, sample_rate_hz, rate_hz):
    """Rows, or frames, that cover some sound: ceil(duration_s * rate_hz), at least 1.

    Args:
        sample_count: samples of sound.
        sample_rate_hz, rate_hz: rates of the sound and of the rows.
    """
    # The small term keeps whole numbers whole after a division that was not exact.
    return max(1, math.ceil(sample_count * rate_hz / sample_rate_hz - 1e-6))


def mel_from_hz(frequency_hz, scale="slaney"):
    """Mel of frequencies in Hz; scale is "slaney" or "htk"."""
    frequency_hz = np.asarray(frequency_hz, np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + frequency_hz / 700.0)
    above = SLANEY_KNEE_MEL + np.log(np.maximum(frequency_hz, SLANEY_KNEE_HZ) / SLANEY_KNEE_HZ) / SLANEY_LOG_STEP
    return np.where(frequency_hz < SLANEY_KNEE_HZ, frequency_hz / SLANEY_HZ_PER_MEL, above)


def hz_from_mel(mel, scale="slaney"):
    """Inverse of mel_from_hz."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = SLANEY_KNEE_HZ * np.exp(SLANEY_LOG_STEP * (np.maximum(mel, SLANEY_KNEE_MEL) - SLANEY_KNEE_MEL))
    return np.where(mel < SLANEY_KNEE_MEL, mel * SLANEY_HZ_PER_MEL, above)


def band_edges_hz(options=DEFAULT_MEL):
    """(band_count + 2,) float64 Hz; band k rises from edge k to its centre k + 1 and falls to edge k + 2."""
    low, high = mel_from_hz([options.f_min_hz, options.f_max_hz], options.scale)
    return hz_from_mel(np.linspace(low, high, options.band_count + 2), options.scale)


@lru_cache(maxsize=8)
def filter_matrix(options=DEFAULT_MEL):
    """Triangular filters of peak 1 between band edges.

    Returns:
        (fft_length // 2 + 1, band_count) float32; multiply power spectra (t, bins) with it from the right.
    """
    bins_hz = np.arange(options.fft_length // 2 + 1)[:, None] * (options.sample_rate_hz / options.fft_length)
    edges = band_edges_hz(options)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _scaled_window(options):
    """(window_length,) float32, scaled so that a full-scale sine has power 1 in its own bin."""
    n = options.window_length
    # The middle lies on sample n // 2, also where n is odd.
    turn = 2.0 * np.pi * (np.arange(n) + n % 2 / 2) / n
    shape = {
        "hann": 0.5 - 0.5 * np.cos(turn),
        "hamming": 0.54 - 0.46 * np.cos(turn),
        "rectangular": np.ones(n),
    }[options.window]
    return (shape * (2.0 / shape.sum())).astype(np.float32)


def _smooth_size(n):
    """Smallest product of 2, 3 and 5 that is n or more: sizes the Fourier transform is fast at."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1
