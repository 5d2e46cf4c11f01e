"""From a method's own frames to those of any rate, as they come."""

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

    @property
    def between(self):
        """How far behind a frame, in frames of the method, the later of its two neighbours may lie; 0..1."""
        return max(math.ceil(self.step * i - 1e-9) - self.step * i for i in range(1000))

    def needed(self, count):
        """How many of the method's frames `count` frames need."""
        return math.ceil((count - 1) * self.step - 1e-9) + 1

    def add(self, values):
        """Take the next (t, width) float32 values of the method."""
        self._values = np.concatenate([self._values, values])

    def take(self, most):
        """The (t, width) float32 frames that are certain by now and were not given yet, up to number `most`."""
        stop, known = self._frame, self._first + len(self._values)
        while stop < most and self.needed(stop + 1) <= known:
            stop += 1
        if stop == self._frame:
            return self._values[:0]
        position = np.arange(self._frame, stop) * self.step - self._first
        # A whole number that came out a hair off stays whole.
        position = np.where(np.abs(position - np.round(position)) < 1e-6, np.round(position), position)
        low, high = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
        share = (position - low).astype(np.float32)[:, None]
        frames = self._values[low] * (1 - share) + self._values[high] * share
        self._frame = stop
        keep = max(0, min(int(stop * self.step) - self._first, len(self._values)))
        self._values, self._first = self._values[keep:].copy(), self._first + keep
        return frames
