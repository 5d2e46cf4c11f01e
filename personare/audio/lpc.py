"""Linear prediction front end: sound -> rows of prediction polynomials, and FACEGOOD's images of them."""

from dataclasses import dataclass

import numpy as np

from personare.audio.mel import row_count
from personare.errors import InputError
from personare.types import Audio, Features

# Windows worked on together: 512 of 256 float64 samples are 1 MB.
BLOCK_ROWS = 512
# Pictures worked on together: enough to share windows, which come again every six of them.
BLOCK_IMAGES = 64
# FACEGOOD's picture of one video frame: 64 windows of 16 ms, 8 ms apart, in 520 ms of sound around it.
IMAGE_COLUMNS, IMAGE_S = 64, 0.520


@dataclass(frozen=True)
class LpcOptions:
    """Settings of the linear prediction front end; the defaults are FACEGOOD's.

    Args:
        order: of the prediction, 1..128; a row has order + 1 values, the first of them 1.
        window_s: length of the analysis window in seconds, 0.001..1; longer than `order` samples.
        rate_hz: rows a second, 1..1000.
        sample_rate_hz: sound is resampled to this first, 1000..192000.
        white_noise: share of the energy added to it, against ill-conditioned windows, 0..1.
        correlation: rows of the normalised autocorrelation that the prediction is solved from instead, as Karras et
            al. have it: mean taken off, R(lag) / R(0); 0 throughout for silence.

    Raises:
        InputError: a value is out of its range.
    """

    order: int = 31
    window_s: float = 0.016
    rate_hz: float = 125.0
    sample_rate_hz: int = 16000
    white_noise: float = 1e-9
    correlation: bool = False

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("order", isinstance(self.order, int) and 1 <= self.order <= 128, "1 to 128")
        check("sample_rate_hz", isinstance(self.sample_rate_hz, int) and 1000 <= self.sample_rate_hz <= 192000,
              "a whole number of 1000 to 192000 Hz")
        check("window_s", 0.001 <= self.window_s <= 1 and self.window_length > self.order + 1,
              "0.001 to 1 second, with more samples than the order")
        check("rate_hz", 1 <= self.rate_hz <= 1000, "1 to 1000 rows a second")
        check("white_noise", 0 <= self.white_noise <= 1, "0 to 1")
        check("correlation", isinstance(self.correlation, bool), "true or false")

    @property
    def window_length(self):
        """Samples in the analysis window."""
        return max(2, round(self.window_s * self.sample_rate_hz))

    @property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on (resampling aside)."""
        return (self.window_length - self.window_length // 2) / self.sample_rate_hz


DEFAULT_LPC = LpcOptions()


def lpc(audio, *, options=DEFAULT_LPC):
    """Prediction polynomials of sound.

    Row i stands at time i / rate_hz: its window is centred there (on the nearest sample), and silence is assumed
    before the first and after the last sample. Rows do not depend on the gain; silence gives 1, 0, 0, ...

    Args:
        audio: Audio, or AudioStream for sound that should not be in memory at once; any sample rate.
        options: LpcOptions.

    Returns:
        Features of kind "lpc": (t, order + 1) float32; t = ceil(duration_s * rate_hz), at least 1.

    Source:
        Levinson-Durbin recursion as in Makhoul, Proceedings of the IEEE 63(4), 1975. Checked in
        tests/audio/test_lpc.py against the solution of the normal equations and FACEGOOD's own numbers.
    """
    stream = LpcStream(options, source_rate_hz=audio.rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(samples) for samples in chunks]
    rows.append(stream.finish())
    return Features(np.concatenate(rows), options.rate_hz, "lpc")


def lpc_images(audio, *, fps=30.0):
    """What FACEGOOD's network sees: for each video frame the polynomials of 64 windows around it.

    Window k of frame i begins at sample int(i 1000 / fps * 16) + 128 k - 4160 of the sound, as in the original.

    Args:
        audio: Audio; resampled to 16 kHz where it is not.
        fps: video frames a second, > 0.

    Returns:
        (t, 32, 64) float64: prediction coefficient, window; t = int(duration_s * fps).

    Source:
        FACEGOOD Audio2Face (MIT), step 1, as described; equal to its output within 1e-5.
    """
    from personare.audio.resampling import resample

    options = DEFAULT_LPC
    sound = resample(audio, options.sample_rate_hz).samples.astype(np.float64)
    rate_khz, length = options.sample_rate_hz // 1000, options.window_length
    count = int(len(sound) / options.sample_rate_hz * fps)
    pad = int(IMAGE_S / 2 * options.sample_rate_hz)
    sound = np.concatenate([np.zeros(pad), sound, np.zeros(pad + length)])
    first = (np.arange(count) * (1000.0 / fps) * rate_khz).astype(np.int64)
    last = ((np.arange(count) * (1000.0 / fps) + 1000 * IMAGE_S) * rate_khz).astype(np.int64)
    starts = first[:, None] + length // 2 * np.arange(IMAGE_COLUMNS)
    images = np.empty((count, IMAGE_COLUMNS, options.order + 1))
    for begin in range(0, count, BLOCK_IMAGES):
        part = slice(begin, begin + BLOCK_IMAGES)
        images[part] = shared_polynomials(sound, starts[part], options)
    # Sound after the picture's own is silence; rounding leaves at most the last window of a picture short of it.
    for i in np.flatnonzero(starts[:, -1] + length > last):
        window = sound[starts[i, -1] : starts[i, -1] + length] * (starts[i, -1] + np.arange(length) < last[i])
        images[i, -1] = polynomials(window[None], options)[0]
    return images.transpose(0, 2, 1)


def shared_polynomials(sound, starts, options):
    """Polynomials of windows at some places, each place once: pictures a whole number of windows apart share theirs.

    Args:
        sound: (n,) float64.
        starts: (t, k) int64, first samples of the windows.
        options: LpcOptions.

    Returns:
        (t, k, order + 1) float64.
    """
    places, index = np.unique(starts, return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(sound, options.window_length)
    return polynomials(windows[places], options)[index.reshape(starts.shape)]


def polynomials(windows, options=DEFAULT_LPC):
    """Prediction polynomials of windows of sound, tapered by a symmetric Hann window.

    Args:
        windows: (t, n) float64 samples.
        options: LpcOptions.

    Returns:
        (t, order + 1) float64 coefficients of the prediction error filter; 1, 0, 0, ... for silence, and zeros
        from where the recursion has no answer. With options.correlation the normalised autocorrelation, R(0..order).
    """
    try:
        from personare.audio.lpc_compiled import fill
    except ImportError:
        fill = None
    if fill is None or options.correlation:
        return polynomials_ref(windows, options)
    result = np.empty((len(windows), options.order + 1))
    fill(np.ascontiguousarray(windows, np.float64), np.hanning(windows.shape[1]), options.white_noise, result)
    return result


def polynomials_ref(windows, options=DEFAULT_LPC):
    """The same in plain NumPy, all windows at once: what polynomials is tested against, and does without numba.
    """
    if options.correlation:
        windows = windows - windows.mean(axis=1, keepdims=True)
    tapered = windows * np.hanning(windows.shape[1])
    energy = np.stack([np.einsum("ij,ij->i", tapered[:, : windows.shape[1] - lag], tapered[:, lag:])
                       for lag in range(options.order + 1)], axis=1)
    if options.correlation:
        # Sound below a 16-bit step is silence, and would be noise at full size.
        heard = energy[:, :1] > windows.shape[1] * 2.0**-32
        return np.where(heard, energy / np.where(heard, energy[:, :1], 1), 0)
    energy[:, 0] *= 1 + options.white_noise
    result = np.zeros_like(energy)
    result[:, 0] = 1
    error, going = energy[:, 0].copy(), energy[:, 0] > 0
    for m in range(1, options.order + 1):
        known = np.einsum("ij,ij->i", result[:, :m], energy[:, m:0:-1])
        reflection = np.where(going, -known / np.where(going, error, 1), 0)
        going &= np.abs(reflection) < 1
        reflection = np.where(going, reflection, 0)
        result[:, 1 : m + 1] += reflection[:, None] * result[:, m - 1 :: -1][:, :m]
        error *= 1 - reflection**2
    return result


class LpcStream:
    """The same front end for sound that arrives in pieces of any size.

    Args:
        options: LpcOptions.
        source_rate_hz: rate of the pushed samples; default options.sample_rate_hz.
    """

    def __init__(self, options=DEFAULT_LPC, *, source_rate_hz=None):
        self.options = options
        self._source_rate_hz = source_rate_hz or options.sample_rate_hz
        self._resampler = None
        if self._source_rate_hz != options.sample_rate_hz:
            from personare.audio.resampling import Resampler

            self._resampler = Resampler(self._source_rate_hz, options.sample_rate_hz)
        # Sound not yet out of reach of coming windows; it starts at sample number _start of the recording.
        self._start = -(options.window_length // 2)
        self._waiting = np.zeros(-self._start, np.float32)
        self._row = 0
        self._pushed = 0
        self._finished = False

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, order + 1) float32 rows that are now complete."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        self._waiting = np.concatenate([self._waiting, np.asarray(samples, np.float32)])
        known = row_count(self._pushed, sample_rate_hz=self._source_rate_hz, rate_hz=self.options.rate_hz)
        end, stop = self._start + len(self._waiting), self._row
        while stop < known and self._first_sample(stop) + self.options.window_length <= end:
            stop += 1
        return self._rows_up_to(stop)

    def finish(self):
        """The (t, order + 1) float32 rows that were waiting for more sound; silence stands in for it."""
        if self._finished:
            return np.empty((0, self.options.order + 1), np.float32)
        self._finished = True
        if self._resampler is not None:
            self._waiting = np.concatenate([self._waiting, self._resampler.finish()])
        count = row_count(self._pushed, sample_rate_hz=self._source_rate_hz, rate_hz=self.options.rate_hz)
        missing = self._first_sample(count - 1) + self.options.window_length - (self._start + len(self._waiting))
        self._waiting = np.concatenate([self._waiting, np.zeros(max(missing, 0), np.float32)])
        return self._rows_up_to(count)

    def _first_sample(self, row):
        """Number of the first sample in a row's window; an array of rows gives an array."""
        centre = np.floor(np.asarray(row) * (self.options.sample_rate_hz / self.options.rate_hz) + 0.5)
        return centre.astype(np.int64) - self.options.window_length // 2

    def _rows_up_to(self, stop):
        """Rows self._row <= i < stop; sound that no later row needs is let go."""
        rows = np.empty((stop - self._row, self.options.order + 1), np.float32)
        if stop > self._row:
            first = self._first_sample(np.arange(self._row, stop)) - self._start
            windows = np.lib.stride_tricks.sliding_window_view(self._waiting, self.options.window_length)
            for begin in range(0, len(first), BLOCK_ROWS):
                part = slice(begin, begin + BLOCK_ROWS)
                rows[part] = polynomials(windows[first[part]].astype(np.float64), self.options)
            self._row = stop
        keep = min(int(self._first_sample(self._row)) - self._start, len(self._waiting))
        if keep > 0:
            self._waiting = self._waiting[keep:].copy()
            self._start += keep
        return rows
