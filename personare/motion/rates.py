"""From rows of one rate to rows of another, as they come: a method's own frames to those that are asked for, say."""

import math

import numpy as np


class Frames:
    """Values at frame_hz in, values at fps out; whole fractions of frame_hz are exact, others interpolated.

    Args:
        frame_hz: frames a second of the method.
        fps: frames a second wanted.
        width: numbers in a frame.
    """

    def __init__(self, *, frame_hz, fps, width):
        self.step = frame_hz / fps
        self._values, self._first, self._frame = np.empty((0, width), np.float32), 0, 0
        self._last = np.zeros((1, width), np.float32)

    @property
    def between(self):
        """How far behind a frame, in frames of the method, the later of its two neighbours may lie; 0..1."""
        return max(math.ceil(self.step * i - 1e-9) - self.step * i for i in range(1000))

    def needed(self, count):
        """How many of the method's frames `count` frames need."""
        return math.ceil((count - 1) * self.step - 1e-9) + 1

    def add(self, values):
        """Take the next (t, width) float32 values of the method."""
        if len(values):
            self._values, self._last = np.concatenate([self._values, values]), values[-1:]

    def hold(self, count):
        """Let the last value stand for those that `count` frames need and that never came."""
        missing = self.needed(count) - self._first - len(self._values)
        if missing > 0:
            self.add(np.repeat(self._last, missing, axis=0))

    def take(self, most=math.inf):
        """The (t, width) float32 frames that are certain by now and were not given yet, up to number `most`."""
        stop, known = self._frame, self._first + len(self._values)
        while stop < most and self.needed(stop + 1) <= known:
            stop += 1
        if stop == self._frame:
            return self._values[:0]
        frames = between(self._values, np.arange(self._frame, stop) * self.step - self._first)
        self._frame = stop
        keep = max(0, min(int(stop * self.step) - self._first, len(self._values)))
        self._values, self._first = self._values[keep:].copy(), self._first + keep
        return frames


def between(rows, place):
    """Rows at places between those of (t, c) float32, linearly interpolated; beyond the last one it is repeated."""
    # A whole number that came out a hair off stays whole.
    place = np.where(np.abs(place - np.round(place)) < 1e-6, np.round(place), place)
    low, high = (np.minimum(f(place).astype(np.int64), len(rows) - 1) for f in (np.floor, np.ceil))
    share = (place - np.floor(place)).astype(np.float32)[:, None]
    return rows[low] * (1 - share) + rows[high] * share
