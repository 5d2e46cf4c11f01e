"""When each frame is shown: evenly, as early as its sound allows, however the machine and two clocks wander."""

import time
from bisect import bisect_left, insort
from collections import deque

from personare.live.meter import Series

# The schedule follows the slower of two clocks by at most this much a second: a tenth of a frame that nobody sees.
SLEW = 0.003
# The first frames after a hole come while everything warms up: until their schedule has settled it is corrected sooner.
_FIRST_SLEW, _SETTLED_S = 0.05, 0.002
# Sound that pauses for longer than this starts a new schedule: the next frame comes as soon as it is there.
PAUSE_S = 0.25
# Frames that are ready this much before they are due come from a source that runs ahead: its pace is not followed.
AHEAD_S = 0.100
_MARGIN_S = 0.003
_WINDOW_S = 4.0
# Share of frames that the schedule waits for.
_USUAL = 0.95


class Clock:
    """Wall time, to be replaced by a simulated one in tests: now() in seconds, sleep(seconds)."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class Schedule:
    """Due times of frames that become ready in bursts.

    Frame i is due `margin` after the moment at which frames of its kind have been ready at the latest in the past
    seconds, counted along i / fps. A clock of the sound that runs faster or slower than the machine's shows as a drift
    of those moments and is followed slowly; a hole in the sound moves the schedule at once. Sound that is delivered
    faster than it is spoken moves nothing: its frames wait.

    Args:
        fps: frames a second.
        margin_s: room for jitter, seconds.
    """

    def __init__(self, fps, *, margin_s=_MARGIN_S):
        self.fps, self.margin_s = fps, margin_s
        self._anchor = None            # due time of frame 0
        self._last, self._settled = 0.0, False
        self._recent = deque()         # (time, ready - i / fps) of the last seconds
        self._sorted = []              # the latter in order

    def ready(self, index, now):
        """Say that frame `index` can be shown from now on.

        Returns:
            Its due time; one that has passed is late.
        """
        offset = now - index / self.fps
        if self._anchor is None or offset - self._anchor > PAUSE_S:
            self._anchor, self._recent, self._settled = offset + self.margin_s, deque(), False
            self._sorted = []
        self._recent.append((now, offset))
        insort(self._sorted, offset)
        while self._recent[0][0] < now - _WINDOW_S:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft()[1])]
        # The latest of the usual: single hiccups of the machine do not move the schedule, drops take care of them.
        place = _USUAL * (len(self._sorted) - 1)
        low, high = self._sorted[int(place)], self._sorted[min(int(place) + 1, len(self._sorted) - 1)]
        wanted = low + (place - int(place)) * (high - low) + self.margin_s
        if self._anchor - wanted > AHEAD_S:
            wanted = self._anchor
        self._settled |= len(self._recent) > self.fps and abs(wanted - self._anchor) < _SETTLED_S
        slew = SLEW if self._settled else _FIRST_SLEW
        step = slew * max(0.0, now - self._last) if self._last else 0.0
        self._anchor += min(max(wanted - self._anchor, -step), step)
        self._last = now
        return self._anchor + index / self.fps

    def due(self, time_s):
        """When, on the clock, the face of that time of the sound is shown; None before the first frame."""
        return None if self._anchor is None else self._anchor + time_s


class Pacer:
    """Shows frames at their due times; what is late by more than a frame is dropped and counted.

    Args:
        fps: frames a second.
        show: called with (index, frame) at each due time.
        clock: Clock.

    Attributes:
        shown, dropped: counts.
        waiting: frames that are not due yet.
        lateness_s: Series of how late each frame was shown.
    """

    def __init__(self, fps, show, *, clock=Clock, margin_s=_MARGIN_S):
        self._schedule, self._show, self._clock = Schedule(fps, margin_s=margin_s), show, clock
        self._next, self.waiting = 0, deque()
        self.shown = self.dropped = 0
        self.lateness_s = Series()

    def add(self, frames):
        """Take the next frames, in order; each is shown by pump()."""
        now = self._clock.now()
        for frame in frames:
            self.waiting.append((self._schedule.ready(self._next, now), self._next, frame))
            self._next += 1

    def due(self, time_s):
        """When, on the clock, the face of that time of the sound is shown; None before the first frame."""
        return self._schedule.due(time_s)

    def pump(self):
        """Show what is due; seconds until the next frame is, or None where none waits."""
        while self.waiting:
            due, index, frame = self.waiting[0]
            now = self._clock.now()
            if due > now:
                return due - now
            self.waiting.popleft()
            if now - due > 1 / self._schedule.fps and self.waiting and self.waiting[0][0] <= now:
                self.dropped += 1
                continue
            self.lateness_s.add(now - due)
            self._show(index, frame)
            self.shown += 1
        return None
