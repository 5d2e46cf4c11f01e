"""Energy of sound, the root mean square of short windows: whether somebody speaks, and how loud, in one number."""

from dataclasses import dataclass

import numpy as np

from personare.arrays import checked_number
from personare.audio.mel import row_count
from personare.errors import InputError
from personare.types import Audio, Features


@dataclass(frozen=True)
class EnergyOptions:
    """How to measure.

    Args:
        rate_hz: rows a second.
        sample_rate_hz: rate the sound is brought to.
        window_s: length of sound of a row.
        late: whether that sound begins at the row's time, as librosa has it with center=False, or lies around it.
    """

    rate_hz: float = 50.0
    sample_rate_hz: int = 16000
    window_s: float = 0.032
    late: bool = False

    def __post_init__(self):
        checked_number("rate_hz", self.rate_hz, "rows a second", most=1000)
        checked_number("sample_rate_hz", self.sample_rate_hz, "Hz", least=1000, most=192000)
        checked_number("window_s", self.window_s, "seconds", least=1 / self.sample_rate_hz, most=10)

    @property
    def window_length(self):
        """Samples of a window."""
        return max(1, round(self.window_s * self.sample_rate_hz))

    @property
    def look_ahead_s(self):
        """Sound after a row's own time that it depends on."""
        before = 0 if self.late else self.window_length // 2
        return (self.window_length - before) / self.sample_rate_hz


DEFAULT_ENERGY = EnergyOptions()


def energy(audio, *, options=DEFAULT_ENERGY):
    """Energy of a whole recording.

    Args:
        audio: Audio or AudioStream; any rate.
        options: EnergyOptions.

    Returns:
        Features of kind "energy": (t, 1) float32, 0 for silence, .71 for a full sine; silence is assumed around the
        recording.
    """
    from personare.audio.resampling import Resampler

    stream, resampler = EnergyStream(options), Resampler(audio.rate_hz, options.sample_rate_hz)
    chunks = (audio.samples,) if isinstance(audio, Audio) else audio.chunks()
    rows = [stream.push(resampler.push(chunk)) for chunk in chunks]
    rows += [stream.push(resampler.finish()), stream.finish()]
    return Features(np.concatenate(rows), options.rate_hz, "energy")


class EnergyStream:
    """Rows of sound that arrives in pieces.

    Args:
        options: EnergyOptions.
    """

    def __init__(self, options=DEFAULT_ENERGY):
        self._options, self._length = options, options.window_length
        self._hop = options.sample_rate_hz / options.rate_hz
        # Sound in hand begins at sample _first; before the recording there is silence.
        self._offset = self._first = 0 if options.late else -(self._length // 2)
        self._kept, self._row, self._pushed, self._finished = np.zeros(-self._first, np.float32), 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, 1) float32 rows that are now complete."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        self._kept = np.concatenate([self._kept, np.asarray(samples, np.float32)])
        stop, known = self._row, self._known() if self._pushed else 0
        while stop < known and self._begin(stop) + self._length <= self._first + len(self._kept):
            stop += 1
        return self._rows(stop)

    def finish(self):
        """The (t, 1) float32 rows that were waiting for more sound; silence stands in for it."""
        if self._finished:
            return np.empty((0, 1), np.float32)
        self._finished = True
        missing = self._begin(self._known() - 1) + self._length - self._first - len(self._kept)
        self._kept = np.concatenate([self._kept, np.zeros(max(missing, 0), np.float32)])
        return self._rows(self._known())

    def _known(self):
        options = self._options
        return row_count(self._pushed, sample_rate_hz=options.sample_rate_hz, rate_hz=options.rate_hz)

    def _begin(self, row):
        return round(row * self._hop) + self._offset

    def _rows(self, stop):
        if stop <= self._row:
            return np.empty((0, 1), np.float32)
        begins = np.array([self._begin(row) for row in range(self._row, stop)], np.int64) - self._first
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, self._length)[begins]
        rows = np.sqrt(np.square(windows, dtype=np.float32).mean(axis=1, keepdims=True))
        keep = min(self._begin(stop) - self._first, len(self._kept))
        self._row, self._kept, self._first = stop, self._kept[keep:].copy(), self._first + keep
        return rows
