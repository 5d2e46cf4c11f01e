"""Cepstra as two other libraries make them, to the last digit that matters: networks trained on those want no others.

`SPEECH_FEATURES` is python_speech_features (ATnet, DeepSpeech 0.1), `TENSORFLOW` the audio operations of TensorFlow
(DeepSpeech 0.2 and later). Both begin the window of row i at sample i * hop, where our own mfcc centres it there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from personare.audio.mel import BLOCK_ROWS, row_count
from personare.errors import InputError

RATE_HZ = 16000
_EPSILON = np.finfo(np.float64).eps
# ATnet's picture of a video frame: 28 rows of 12 cepstra, 120 ms before to 160 ms after it; sound is padded as much.
IMAGE_ROWS, IMAGE_COLUMNS, IMAGE_BEFORE = 28, 12, 12


@dataclass(frozen=True)
class Cepstra:
    """One way to make cepstra.

    Args:
        window_length, hop: samples at 16 kHz.
        preemphasis: a in y[i] = x[i] - a x[i-1].
        count: coefficients of a row.
        rows: ((t, window_length) float64 windows, count) -> (t, count) float64.
    """

    window_length: int
    hop: int
    preemphasis: float
    count: int
    rows: Callable[[np.ndarray, int], np.ndarray]


class CepstraStream:
    """Rows of sound that arrives in pieces.

    Args:
        kind: Cepstra.
        scale: what samples are multiplied with first; 32768 for networks that saw 16-bit numbers.
    """

    def __init__(self, kind, *, scale=1.0):
        self._kind, self._scale = kind, scale
        self._waiting, self._last = np.zeros(0), None

    @property
    def waiting(self):
        """Samples that are part of no whole window yet, or of one that later rows share."""
        return len(self._waiting)

    def push(self, samples):
        """Take (n,) float samples at 16 kHz, give the (t, count) float64 rows whose windows are whole."""
        samples = np.asarray(samples, np.float64) * self._scale
        if self._kind.preemphasis and len(samples):
            # The first sample of all has none before it to be taken off.
            before = np.concatenate([[0.0 if self._last is None else self._last], samples[:-1]])
            self._last = samples[-1]
            samples = samples - self._kind.preemphasis * before
        return self._rows(np.concatenate([self._waiting, samples]))

    def finish(self):
        """(1, count) row of the windows that zeros make whole, python_speech_features's last one; maybe (0, count)."""
        rest, self._waiting = self._waiting, np.zeros(0)
        return self._rows(np.concatenate([rest, np.zeros(self._kind.window_length - len(rest))]))

    def _rows(self, sound):
        kind = self._kind
        count = max(0, (len(sound) - kind.window_length) // kind.hop + 1)
        rows = np.empty((count, kind.count))
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(sound, kind.window_length)[:: kind.hop]
            for begin in range(0, count, BLOCK_ROWS):
                part = slice(begin, min(begin + BLOCK_ROWS, count))
                rows[part] = kind.rows(windows[part], kind.count)
        self._waiting = sound[count * kind.hop :].copy()
        return rows


def _speech_features(windows, count):
    """python_speech_features' mfcc(): power in 26 bands, orthonormal DCT-II, lifter 22, log energy in front."""
    power = np.abs(np.fft.rfft(windows, 512)) ** 2 / 512
    energy = power.sum(axis=1)
    bands = power @ _speech_filters()
    logs = np.log(np.where(bands == 0, _EPSILON, bands))
    rows = logs @ _speech_basis(count)
    rows[:, 0] = np.log(np.where(energy == 0, _EPSILON, energy))
    return rows


@lru_cache(maxsize=1)
def _speech_filters(bands=26, fft=512):
    """(257, 26) triangles between whole bins."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), bands + 2)
    edges = np.floor((fft + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE_HZ)
    bins = np.arange(fft // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = np.where((bins >= low) & (bins < centre), (bins - low) / np.maximum(centre - low, 1), 0)
    falling = np.where((bins >= centre) & (bins < high), (high - bins) / np.maximum(high - centre, 1), 0)
    return rising + falling


@lru_cache(maxsize=4)
def _speech_basis(count, bands=26, lifter=22):
    j = np.arange(count)
    basis = np.cos(np.pi / bands * (np.arange(bands)[:, None] + 0.5) * j) * np.sqrt(2 / bands)
    basis[:, 0] /= np.sqrt(2)
    return basis * (1 + lifter / 2 * np.sin(np.pi * j / lifter))


def _tensorflow(windows, count):
    """TensorFlow's mfcc(audio_spectrogram()): magnitudes in 40 bands, DCT-II whose first row is not halved."""
    length = windows.shape[1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    magnitude = np.abs(np.fft.rfft(windows * window, length))
    return np.log(np.maximum(magnitude @ _tensorflow_filters(length), 1e-12)) @ _tensorflow_basis(count)


@lru_cache(maxsize=2)
def _tensorflow_filters(length, bands=40, low_hz=20.0, high_hz=8000.0):
    """(length // 2 + 1, 40): each bin goes to the two bands whose centres it lies between."""
    bins = length // 2 + 1
    bin_hz = 0.5 * RATE_HZ / (bins - 1)

    def mel(hz):
        return 1127.0 * np.log1p(hz / 700.0)

    centres = mel(low_hz) + (mel(high_hz) - mel(low_hz)) / (bands + 1) * np.arange(1, bands + 2)
    filters = np.zeros((bins, bands))
    for i in range(int(1.5 + low_hz / bin_hz), int(high_hz / bin_hz) + 1):
        place = mel(i * bin_hz)
        band = int(np.searchsorted(centres, place)) - 1
        if band + 1 > bands:
            continue
        left = centres[band] if band >= 0 else mel(low_hz)
        share = (centres[band + 1] - place) / (centres[band + 1] - left)
        if band >= 0:
            filters[i, band] += share
        if band + 1 < bands:
            filters[i, band + 1] += 1 - share
    return filters


@lru_cache(maxsize=2)
def _tensorflow_basis(count, bands=40):
    j = np.arange(count)
    return np.sqrt(2 / bands) * np.cos(np.pi / bands * (np.arange(bands)[:, None] + 0.5) * j)


SPEECH_FEATURES = Cepstra(400, 160, 0.97, 13, _speech_features)
SPEECH_FEATURES_26 = Cepstra(400, 160, 0.97, 26, _speech_features)
TENSORFLOW = Cepstra(512, 320, 0.0, 26, _tensorflow)


def cepstra(samples, kind=SPEECH_FEATURES, *, scale=1.0):
    """Cepstra of whole sound, as many rows as the library gives.

    Args:
        samples: (n,) float at 16 kHz, in -1..1.
        kind: SPEECH_FEATURES, SPEECH_FEATURES_26 (a last part is filled up with zeros) or TENSORFLOW (it is dropped).
        scale: what samples are multiplied with first.

    Returns:
        (t, kind.count) float64.

    Source:
        J. Lyons, python_speech_features 0.6 (MIT); TensorFlow 1.15, core/kernels/mfcc*.cc, as described. Checked in
        tests/parity/test_deepspeech.py (1e-9 and 2e-5).
    """
    stream = CepstraStream(kind, scale=scale)
    rows = stream.push(samples)
    padded = kind.preemphasis and (not len(rows) or stream.waiting > kind.window_length - kind.hop)
    return np.concatenate([rows, stream.finish()]) if padded else rows


class ImageStream:
    """ATnet's pictures of sound that arrives in pieces: 28 rows of 12 cepstra around each video frame.

    Picture k is centred on k / image_hz and takes in 120 ms before and 175 ms after that; beyond the ends there is
    silence. One for every frame that the sound covers: the original leaves the last second or two out.

    Args:
        image_hz: pictures a second, of which 100 is a multiple.
    """

    def __init__(self, image_hz=25.0):
        if not (1 <= image_hz <= 100 and float(100 / image_hz).is_integer()):
            raise InputError("image_hz", expected="a rate that divides 100, such as 25", got=repr(image_hz),
                             remedy="use 25")
        self._image_hz, self._step = image_hz, round(100 / image_hz)
        self._cepstra = CepstraStream(SPEECH_FEATURES)
        # Silence of as many rows stands before the sound, so that row r of the stream begins at (r - 12) / 100 s.
        self._rows = self._cepstra.push(np.zeros(IMAGE_BEFORE * SPEECH_FEATURES.hop))[:, 1:]
        self._given, self._pushed, self._finished = 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples at 16 kHz, give the (t, 336) float32 pictures that are now complete."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        self._rows = np.concatenate([self._rows, self._cepstra.push(samples)[:, 1:]])
        return self._give(self._known() if self._pushed else 0)

    def finish(self):
        """The (t, 336) float32 pictures that were waiting for more sound; silence stands in for it."""
        if self._finished:
            return np.empty((0, IMAGE_ROWS * IMAGE_COLUMNS), np.float32)
        self._finished = True
        rows = (self._known() - self._given) * self._step + IMAGE_ROWS
        silence = np.zeros(rows * SPEECH_FEATURES.hop + SPEECH_FEATURES.window_length)
        self._rows = np.concatenate([self._rows, self._cepstra.push(silence)[:, 1:]])
        return self._give(self._known())

    def _known(self):
        return row_count(self._pushed, sample_rate_hz=RATE_HZ, rate_hz=self._image_hz)

    def _give(self, stop):
        whole = (len(self._rows) - IMAGE_ROWS) // self._step + 1
        count = max(0, min(stop - self._given, whole))
        images = np.empty((count, IMAGE_ROWS * IMAGE_COLUMNS), np.float32)
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(self._rows, IMAGE_ROWS, axis=0)[:: self._step][:count]
            images[:] = windows.transpose(0, 2, 1).reshape(count, -1)
        self._rows, self._given = self._rows[count * self._step :].copy(), self._given + count
        return images
