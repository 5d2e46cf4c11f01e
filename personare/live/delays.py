"""Sound that waits until the face of its time is shown, so that picture and sound meet."""

from collections import deque

import numpy as np

from personare.errors import InputError
from personare.live.sources import CHUNK_S

AUTO = "auto"
# Sound that waits for its first frame, or for a receiver, seconds; the oldest goes first.
_MOST_WAITING_S = 20.0
LONGEST_DELAY_MS = 10_000


def delay_of(text):
    """AUTO, or seconds, of what --audio-delay says.

    Raises:
        InputError: neither "auto" nor milliseconds in 0..10000.
    """
    if text == AUTO:
        return AUTO
    try:
        delay_ms = float(text)
    except ValueError:
        delay_ms = np.nan
    if not 0 <= delay_ms <= LONGEST_DELAY_MS:
        raise InputError("--audio-delay", expected=f"auto or milliseconds in 0..{LONGEST_DELAY_MS}", got=f"'{text}'",
                         remedy="auto makes picture and sound meet")
    return delay_ms / 1000


class DelayLine:
    """Hands sound to a sink when its time has come, in pieces of 10 ms.

    Args:
        sink: object with play((n,) float32, rate in Hz); its attribute lead_s, if there is one, says how many seconds
            it takes itself from play() to being heard.
        clock: Clock.
        delay: AUTO for when due(time) says so, else seconds after the sound was heard.
        due: time of the sound in seconds -> when its face is shown, on the clock, or None while nobody knows.

    Attributes:
        dropped_s: seconds of sound that waited for too long.
        late_s: how late each of the last thousand pieces was handed over.
    """

    def __init__(self, sink, *, clock, delay=AUTO, due=None):
        self.sink, self._clock, self._delay, self._due = sink, clock, delay, due
        self._waiting, self._heard, self.dropped_s = deque(), 0, 0.0
        self.late_s = deque(maxlen=1000)

    def hear(self, samples, rate_hz):
        """Take (n,) float32 that was heard until now."""
        now, size = self._clock.now(), max(1, round(CHUNK_S * rate_hz))
        for start in range(0, len(samples), size):
            piece = samples[start:start + size]
            begin_s = self._heard / rate_hz
            heard_at = now - (len(samples) - start) / rate_hz
            self._waiting.append((begin_s, heard_at, piece, rate_hz))
            self._heard += len(piece)
        while self._waiting and self._heard / rate_hz - self._waiting[0][0] > _MOST_WAITING_S:
            self.dropped_s += len(self._waiting.popleft()[2]) / rate_hz

    def pump(self):
        """Hand over what is due; seconds until the next piece is, or None where none waits for a known time."""
        lead_s = getattr(self.sink, "lead_s", 0.0)
        while self._waiting:
            begin_s, heard_at, piece, rate_hz = self._waiting[0]
            due = self._due(begin_s) if self._delay == AUTO else heard_at + self._delay
            if due is None:
                return None
            now = self._clock.now()
            if due - lead_s > now:
                return due - lead_s - now
            self._waiting.popleft()
            self.late_s.append(now - due + lead_s)
            self.sink.play(piece, rate_hz)
        return None
