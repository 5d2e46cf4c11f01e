"""Rows of a front end kept in a file, for data that come with what was heard and not with the sound itself.

    features.npz: name, options (JSON), rate_hz, values (t, c), silence (c,) where it is known

Neural Voice Puppetry's folders hold DeepSpeech's letters alone; other sets may follow. The front end `stored` plays
such a file back: it gives its rows as sound of any content arrives.
"""

import io
import json
from dataclasses import dataclass, field

import numpy as np

from personare.arrays import checked, checked_number
from personare.audio.front_ends import FrontEnd
from personare.audio.mel import row_count
from personare.errors import InputError
from personare.files.arrays import read_npz
from personare.store import atomic_path

RATE_HZ = 16000


@dataclass(frozen=True, eq=False)
class StoredRows:
    """What a front end made of a recording.

    Args:
        name: of the front end.
        values: (t, c) float32, t >= 1; row i stands at i / rate_hz.
        rate_hz: rows a second, > 0.
        options: the front end's options that the rows depend on, plain values.
        silence: (c,) float32, its row of silence; None where that is not known.
    """

    name: str
    values: np.ndarray
    rate_hz: float
    options: dict = field(default_factory=dict)
    silence: np.ndarray | None = None

    def __post_init__(self):
        values = checked("values", self.values, ("t", "c"))
        if not values.size:
            raise InputError("values", expected="one row or more", got="none", remedy="give a recording's")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "rate_hz", checked_number("rate_hz", self.rate_hz, "rows a second"))
        if self.silence is not None:
            object.__setattr__(self, "silence", checked("silence", self.silence, (values.shape[1],)))

    @property
    def duration_s(self):
        """Seconds that the rows stand for."""
        return len(self.values) / self.rate_hz

    def fits(self, front_end):
        """Whether a FrontEnd would give rows of this kind."""
        return ((self.name, self.rate_hz, self.values.shape[1]) == (front_end.name, front_end.rate_hz, front_end.width)
                and all(front_end.options.get(name) == value for name, value in self.options.items()))

    def part(self, start_s, count):
        """The same from a time on, count rows; between two of them rows are interpolated."""
        at = np.clip(start_s * self.rate_hz + np.arange(count), 0, len(self.values) - 1)
        low = np.floor(at + 1e-6).astype(np.int64)
        share = np.maximum(at - low, 0).astype(np.float32)[:, None]
        high = np.minimum(low + 1, len(self.values) - 1)
        return StoredRows(self.name, self.values[low] * (1 - share) + self.values[high] * share, self.rate_hz,
                          self.options, self.silence)


def write_rows(path, rows):
    """Write StoredRows as a features.npz."""
    content = io.BytesIO()
    arrays = {} if rows.silence is None else {"silence": rows.silence}
    np.savez(content, name=rows.name, options=json.dumps(rows.options, sort_keys=True), rate_hz=rows.rate_hz,
             values=rows.values, **arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def read_rows(path):
    """StoredRows of a features.npz.

    Raises:
        InputError: missing, damaged, or numbers that are not finite; the message names the file.
    """
    arrays = read_npz(path, ["name", "options", "rate_hz", "values"], optional=["silence"])
    try:
        options, values = json.loads(str(arrays["options"])), arrays["values"]
        if not isinstance(options, dict):
            raise TypeError("options are no dict")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"a number that is none, the first in row {int(np.argwhere(~np.isfinite(values))[0, 0])}")
        return StoredRows(str(arrays["name"]), values, float(arrays["rate_hz"]), options, arrays.get("silence"))
    except (InputError, ValueError, TypeError, RecursionError) as error:
        raise InputError(path, expected="rows of a front end: name, options, rate_hz and (t, c) values",
                         got=str(error)[:200], remedy="make the file again, see docs/audio/stored.md") from error


def stored(*, path):
    """The front end that plays a file's rows back, whatever it hears.

    Args:
        path: of a features.npz.
    """
    rows = read_rows(path)
    silence = np.zeros(rows.values.shape[1], np.float32) if rows.silence is None else rows.silence
    return FrontEnd("stored", {"path": str(path)}, rows.rate_hz, RATE_HZ, rows.values.shape[1], 0.0,
                    lambda: StoredStream(rows), silence)


class StoredStream:
    """Rows of a file as sound arrives; the last one is held where there is more sound than rows.

    Args:
        rows: StoredRows.
    """

    def __init__(self, rows):
        self._rows, self._pushed, self._given, self._finished = rows, 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples at 16 kHz, give the rows whose time has come."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        return self._until(int(self._pushed / RATE_HZ * self._rows.rate_hz))

    def finish(self):
        """The remaining rows."""
        if self._finished:
            return self._until(self._given)
        self._finished = True
        return self._until(row_count(self._pushed, sample_rate_hz=RATE_HZ, rate_hz=self._rows.rate_hz))

    def _until(self, stop):
        index = np.minimum(np.arange(self._given, max(stop, self._given)), len(self._rows.values) - 1)
        self._given += len(index)
        return self._rows.values[index]
