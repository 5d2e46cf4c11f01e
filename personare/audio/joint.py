"""Several front ends side by side: rows of phones beside log-mel energies, say, as one front end."""

import numpy as np

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


def joint(*, parts):
    """Front ends beside each other.

    Args:
        parts: list of dicts with the "name" of a front end, its "options", and "scale": "linear" (default) or "root"
            for the square root of its rows; 1 to 8, all with one rate of rows and of sound.

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
    rates = {(one.rate_hz, one.sample_rate_hz) for one in opened}
    if len(rates) > 1:
        raise InputError("parts", expected="front ends of one rate", got=", ".join(
            f"{one.name} at {one.rate_hz:g} Hz of {one.sample_rate_hz} Hz" for one in opened),
            remedy='set "rate_hz" in the options of a part')
    kept = [{"name": one.name, "options": one.options, "scale": scale}
            for one, scale in zip(opened, scales, strict=True)]
    return FrontEnd("joint", {"parts": kept}, opened[0].rate_hz, opened[0].sample_rate_hz,
                    sum(one.width for one in opened), max(one.look_ahead_s for one in opened),
                    lambda: JointStream([one.stream() for one in opened], scales))
