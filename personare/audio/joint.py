"""Several front ends side by side: rows of phones beside log-mel energies, say, as one front end."""

import numpy as np

from personare.arrays import checked_number
from personare.audio.mel import row_count
from personare.errors import InputError


class JointStream:
    """Rows of several streams of one rate, beside each other as soon as all have them.

    Args:
        streams: each with push((n,) float32) -> (t, c) rows and finish() -> (t, c).
        scales: one for each, "linear" or "root": the square root brings out what is small, for probabilities.
    """

    def __init__(self, streams, scales):
        self._streams, self._scales = list(streams), list(scales)
        self._waiting = [None] * len(self._streams)

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, width) float32 rows that all streams have."""
        return self._joined([stream.push(samples) for stream in self._streams])

    def finish(self):
        """The (t, width) float32 rows that were waiting for more sound."""
        return self._joined([stream.finish() for stream in self._streams])

    def _joined(self, parts):
        parts = [np.sqrt(np.maximum(part, 0)) if scale == "root" else part
                 for part, scale in zip(parts, self._scales, strict=True)]
        self._waiting = [new if old is None else np.concatenate([old, new])
                         for old, new in zip(self._waiting, parts, strict=True)]
        count = min(len(rows) for rows in self._waiting)
        rows = np.concatenate([rows[:count] for rows in self._waiting], axis=1, dtype=np.float32)
        self._waiting = [rows[count:].copy() for rows in self._waiting]
        return rows


class RateStream:
    """Rows of another stream at another rate: between two of them they are interpolated, after the last it is held.

    Args:
        stream: with push((n,) float32) -> (t, c) rows and finish() -> (t, c).
        from_hz, to_hz: rates of its rows, and of those that are wanted.
        sample_rate_hz: of its sound.
    """

    def __init__(self, stream, *, from_hz, to_hz, sample_rate_hz):
        self._stream, self._step, self._to_hz, self._sample_rate_hz = stream, from_hz / to_hz, to_hz, sample_rate_hz
        self._rows, self._first, self._given, self._pushed = None, 0, 0, 0

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, c) float32 rows that are now between two others."""
        self._pushed += len(samples)
        self._add(self._stream.push(samples))
        last = self._first + len(self._rows) - 1
        return self._until(int(np.floor(last / self._step + 1e-9)) + 1)

    def finish(self):
        """The (t, c) float32 rows that were waiting for more sound."""
        self._add(self._stream.finish())
        return self._until(row_count(self._pushed, sample_rate_hz=self._sample_rate_hz, rate_hz=self._to_hz))

    def _add(self, rows):
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])

    def _until(self, stop):
        place = np.arange(self._given, max(stop, self._given)) * self._step - self._first
        if not len(place) or not len(self._rows):
            return np.empty((0, self._rows.shape[1]), np.float32)
        place = np.clip(place, 0, len(self._rows) - 1)
        low = np.floor(place + 1e-9).astype(np.int64)
        high = np.minimum(low + 1, len(self._rows) - 1)
        share = np.maximum(place - low, 0).astype(np.float32)[:, None]
        rows = self._rows[low] * (1 - share) + self._rows[high] * share
        self._given += len(rows)
        keep = min(int(self._given * self._step + 1e-9) - self._first, len(self._rows) - 1)
        if keep > 0:
            self._rows, self._first = self._rows[keep:].copy(), self._first + keep
        return rows


def joint(*, parts, rate_hz=None):
    """Front ends beside each other.

    Args:
        parts: list of dicts with the "name" of a front end, its "options", and "scale": "linear" (default) or "root"
            for the square root of its rows; 1 to 8, all with one rate of sound, and of rows unless there is a rate_hz.
        rate_hz: rows a second; rows of parts at other rates are interpolated. None for the rate of the parts.

    Returns:
        FrontEnd.

    Raises:
        InputError: no parts, a part of another form, or parts of different rates.
    """
    from personare.audio.front_ends import FrontEnd, open_front_end

    known = {"name", "options", "scale"}
    fine = isinstance(parts, list | tuple) and 1 <= len(parts) <= 8 and all(
        isinstance(part, dict) and "name" in part and set(part) <= known
        and part.get("scale", "linear") in ("linear", "root") for part in parts)
    if not fine:
        raise InputError("parts", expected="1 to 8 front ends, each with name, options and scale (linear or root)",
                         got=repr(parts)[:80], remedy='such as [{"name": "phones", "scale": "root"}]')
    opened = [open_front_end(part["name"], **part.get("options", {})) for part in parts]
    scales = [part.get("scale", "linear") for part in parts]
    if rate_hz is not None:
        rate_hz = checked_number("rate_hz", rate_hz, "rows a second", least=1, most=1000)
    rates = {(one.rate_hz if rate_hz is None else rate_hz, one.sample_rate_hz) for one in opened}
    if len(rates) > 1:
        raise InputError("parts", expected="front ends of one rate", got=", ".join(
            f"{one.name} at {one.rate_hz:g} Hz of {one.sample_rate_hz} Hz" for one in opened),
            remedy='set "rate_hz" in the options of a part, or beside the parts')
    kept = [{"name": one.name, "options": one.options, "scale": scale}
            for one, scale in zip(opened, scales, strict=True)]
    found, sample_rate_hz = rates.pop()
    late = [one.look_ahead_s + (1 / one.rate_hz if one.rate_hz != found else 0) for one in opened]

    def stream(one):
        return one.stream() if one.rate_hz == found else RateStream(
            one.stream(), from_hz=one.rate_hz, to_hz=found, sample_rate_hz=sample_rate_hz)

    return FrontEnd("joint", {"parts": kept} | ({} if rate_hz is None else {"rate_hz": rate_hz}), found, sample_rate_hz,
                    sum(one.width for one in opened), max(late),
                    lambda: JointStream([stream(one) for one in opened], scales))
