"""Figures of a live run: how late frames are and why, as percentiles; and packets sent to oneself, timed on arrival."""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from personare.live import packets

PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
_MOST = 100_000
_NAME = "personare"
# Version, two names with their lengths: what comes before the frame number in our packets.
_HEAD = 1 + 2 * (4 + len(_NAME))
_IN_FLIGHT = 256


class Series:
    """The last numbers of a long row, in memory that does not grow.

    Args:
        most: how many are kept.
    """

    def __init__(self, most=_MOST):
        self._kept, self._count = np.zeros(most, np.float32), 0

    def add(self, value):
        """Keep one number; the oldest makes way."""
        self._kept[self._count % len(self._kept)] = value
        self._count += 1

    def values(self):
        """(n,) float32 copy of what is kept, in no order."""
        return self._kept[:self._count].copy()


@dataclass(frozen=True, eq=False)
class Figures:
    """What a live run measured.

    Args:
        look_ahead_ms: sound that the model waits for.
        compute_ms: (n,) milliseconds of computing for each chunk of sound.
        latency_ms: (n,) from the moment the sound at a frame's own time was spoken to its being sent.
        late_ms: (n,) how much after its due time each frame was sent.
        jitter_ms: (n,) how far the time between two frames was from 1 / fps.
        shown, dropped: frames.
        sound_s: seconds of sound heard.
        delay_ms: by how much sound has to be delayed to meet the picture; None before the first frame.
        arrival_ms, wire_ms, arrival_jitter_ms: of the loop-back, see LoopBack; empty where there was none.
        lost: packets of the loop-back that never came.
    """

    look_ahead_ms: float
    compute_ms: np.ndarray
    latency_ms: np.ndarray
    late_ms: np.ndarray
    jitter_ms: np.ndarray
    shown: int
    dropped: int
    sound_s: float
    delay_ms: float | None = None
    arrival_ms: np.ndarray = field(default_factory=partial(np.empty, 0))
    wire_ms: np.ndarray = field(default_factory=partial(np.empty, 0))
    arrival_jitter_ms: np.ndarray = field(default_factory=partial(np.empty, 0))
    lost: int = 0

    def percentiles(self):
        """name -> {"p50", "p95", "p99", "max"} of each series that was measured, milliseconds."""
        series = {"sound to packet": self.latency_ms, "sound to arrival": self.arrival_ms, "compute": self.compute_ms,
                  "late": self.late_ms, "jitter": self.jitter_ms, "arrival jitter": self.arrival_jitter_ms,
                  "socket": self.wire_ms}
        levels = list(PERCENTILES.values())
        return {name: dict(zip(PERCENTILES, (float(v) for v in np.percentile(values, levels)), strict=True))
                for name, values in series.items() if len(values)}

    def totals(self):
        """name -> number for everything that is no series."""
        delay = {} if self.delay_ms is None else {"sound delay ms": self.delay_ms}
        computed_s = float(self.compute_ms.sum()) / 1000
        totals = {"look-ahead ms": self.look_ahead_ms, **delay, "frames shown": self.shown,
                  "frames dropped": self.dropped, "sound s": self.sound_s}
        if self.sound_s > 0 and len(self.compute_ms) < _MOST:
            totals["compute ms for each 10 ms"] = 10 * computed_s / self.sound_s
        return totals | ({"packets lost": self.lost} if len(self.arrival_ms) else {})


class Jitter:
    """How far the times between events are from the regular ones.

    Args:
        fps: events a second.
    """

    def __init__(self, fps):
        self._step_s, self._last, self.series = 1 / fps, None, Series()

    def add(self, index, at_s):
        """Event number index came at that time."""
        if self._last is not None and index > self._last[0]:
            self.series.add(1000 * abs(at_s - self._last[1] - (index - self._last[0]) * self._step_s))
        self._last = index, at_s


class LoopBack:
    """A sink that sends Live Link packets to a socket of its own and times them on arrival.

    What it measures is what a receiver on this machine would see: the moment at which a packet can be read, not the one
    at which it was handed over.

    Args:
        fps: frames a second.
        now: the clock; the same that says when sound was spoken.
    """

    def __init__(self, fps, *, now=time.monotonic):
        self._fps, self._now, self.jitter = fps, now, Jitter(fps)
        self.arrival_ms, self.wire_ms, self.sent, self.came = Series(), Series(), 0, 0
        # (number, spoken at, sent at) of the packets under way, by their number.
        self._under_way = [None] * _IN_FLIGHT
        self._in, self._out = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._in.bind(("127.0.0.1", 0))
        self._in.settimeout(0.2)
        self._out.connect(self._in.getsockname())
        self._out.setblocking(False)
        self._open = True
        self._thread = threading.Thread(target=self._receive, name="personare-loop-back", daemon=True)
        self._thread.start()

    def time(self, index, spoken_at):
        """Say when the sound of a frame was spoken, before it is sent."""
        self._under_way[index % _IN_FLIGHT] = index, spoken_at, self._now()

    def send(self, index, motion):
        """Send one frame."""
        content = packets.livelink(packets.livelink_values(motion)[0], device=_NAME, subject=_NAME,
                                   time_s=index / self._fps, fps=self._fps)
        try:
            self._out.send(content + struct.pack(">q", index))
            self.sent += 1
        except OSError:
            self.sent += 1      # counted as lost, since it never comes

    def _receive(self):
        while self._open:
            try:
                content = self._in.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            now = self._now()
            if len(content) <= _HEAD + 8:
                continue
            (index,) = struct.unpack(">q", content[-8:])
            self.came += 1
            self.jitter.add(index, now)
            entry = self._under_way[index % _IN_FLIGHT]
            if entry is not None and entry[0] == index:
                self.wire_ms.add(1000 * (now - entry[2]))
                self.arrival_ms.add(1000 * (now - entry[1]))

    def close(self):
        """Wait for what is under way, then let the sockets go."""
        for _ in range(20):
            if self.came >= self.sent:
                break
            time.sleep(0.01)
        self._open = False
        self._thread.join(1)
        self._in.close()
        self._out.close()
