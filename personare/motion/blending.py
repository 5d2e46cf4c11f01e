"""What a method of overlapping windows needs: rows on its own grid, and the blend of windows."""

import numpy as np


class Grid:
    """Rows of a front end at another rate, linearly interpolated, as they come.

    Args:
        stream: of the front end.
        front_end: FrontEnd.
        rate_hz: rows a second wanted; row j stands at j / rate_hz.
    """

    def __init__(self, stream, front_end, rate_hz):
        self._stream, self._step = stream, front_end.rate_hz / rate_hz
        self._rows, self._first, self._next = np.empty((0, front_end.width), np.float32), 0, 0

    def push(self, samples):
        """The (t, c) float32 rows that (n,) float32 samples make certain."""
        return self._take(self._stream.push(samples))

    def finish(self, count):
        """The remaining rows up to number count; the last one of the front end stands for what it has not."""
        rows = self._stream.finish()
        given = self._take(rows)
        missing = count - self._next
        last = self._rows[-1:]
        self._next = max(count, self._next)
        return np.concatenate([given, np.repeat(last, max(missing, 0), axis=0)])

    def _take(self, rows):
        self._rows = np.concatenate([self._rows, rows])
        known = self._first + len(self._rows)
        # Row j needs the row at ceil(j step); a hair of rounding must not ask for one more.
        stop = self._next
        while int(np.ceil(stop * self._step - 1e-6)) < known:
            stop += 1
        given = between(self._rows, np.arange(self._next, stop) * self._step - self._first)
        self._next = stop
        keep = max(0, min(int(stop * self._step) - self._first, len(self._rows) - 1))
        self._rows, self._first = self._rows[keep:].copy(), self._first + keep
        return given


def between(rows, place):
    """Rows at places between those of (t, c) float32, linearly interpolated; beyond the last one it is repeated."""
    # A whole number that came out a hair off stays whole.
    place = np.where(np.abs(place - np.round(place)) < 1e-6, np.round(place), place)
    low, high = (np.minimum(f(place).astype(np.int64), len(rows) - 1) for f in (np.floor, np.ceil))
    share = (place - np.floor(place)).astype(np.float32)[:, None]
    return rows[low] * (1 - share) + rows[high] * share


class Blend:
    """Overlapping windows of frames, averaged.

    Args:
        options: with frames and overlap, see StylistOptions.
        width: numbers in a frame.

    Attributes:
        first: number of the first frame not yet taken.
    """

    def __init__(self, options, width):
        place = (np.arange(options.frames) + 0.5) / options.frames
        smooth = np.sin(np.pi * place) ** 2
        self._weights = (np.ones_like(smooth) if options.overlap == "equal" else smooth).astype(np.float32)[:, None]
        self._sum, self._weight = np.zeros((0, width), np.float32), np.zeros((0, 1), np.float32)
        self.first = 0

    def add(self, start, window):
        """Blend in a (frames, width) window whose first frame is number start; frames before 0 do not count."""
        missing = start + len(window) - self.first - len(self._sum)
        if missing > 0:
            self._sum = np.concatenate([self._sum, np.zeros((missing, self._sum.shape[1]), np.float32)])
            self._weight = np.concatenate([self._weight, np.zeros((missing, 1), np.float32)])
        skip = max(0, self.first - start)
        if skip < len(window):
            place = slice(start + skip - self.first, start + len(window) - self.first)
            self._sum[place] += self._weights[skip:] * window[skip:]
            self._weight[place] += self._weights[skip:]

    def take(self, stop):
        """(t, width) float32 frames up to number stop, to which no window may be added any more."""
        count = max(0, stop - self.first)
        frames = self._sum[:count] / self._weight[:count]
        self._sum, self._weight, self.first = self._sum[count:].copy(), self._weight[count:].copy(), self.first + count
        return frames
