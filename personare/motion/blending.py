"""Overlapping windows of frames, averaged."""

import numpy as np


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
