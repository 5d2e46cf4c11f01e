"""The live loop: sound in on one thread, frames out on the clock."""

import threading
from bisect import bisect_left
from collections import deque
from queue import Empty, Queue

import numpy as np

from personare.live.clock import Clock, Pacer
from personare.live.delays import AUTO, DelayLine
from personare.live.meter import Figures, Jitter, LoopBack, Series
from personare.motion.performance import Performance

_LONGEST_WAIT_S = 0.05
# A source that has said nothing for so long is taken to be silent: the face goes to rest, blinks and breathes on.
IDLE_S = 0.2
_SILENT_STEP_S = 0.01
# Frames that wait for their time, seconds; a source that runs further ahead has to wait itself.
_MOST_AHEAD_S = 4.0
_MOST_CHUNKS = 2000
# Sound that waits for computing, seconds; a source that gives more than time has room for has to wait.
_MOST_QUEUED_S = 10.0


class Show:
    """One live performance.

    Args:
        source: from open_source.
        sinks: list of sinks.
        fps: frames a second.
        clock: Clock; a simulated one in tests.
        audio_delay: of sinks that play sound: "auto" to meet the picture, or seconds.
        loop_back: whether packets are sent to oneself too, and timed on arrival.
        **options: model, layers, emotion, articulation, as for Performance.
    """

    def __init__(self, source, sinks, *, fps=30.0, clock=Clock, audio_delay=AUTO, loop_back=False, **options):
        self.source, self.sinks, self.fps, self._clock = source, list(sinks), fps, clock
        # The first run of a network is slow; it is taken before anybody waits for it.
        Performance(from_hz=source.rate_hz, fps=fps, **options).push(np.zeros(source.rate_hz, np.float32))
        self.performance = Performance(from_hz=source.rate_hz, fps=fps, **options)
        self.pacer = Pacer(fps, self._send, clock=clock)
        self._lines = [DelayLine(sink, clock=clock, delay=audio_delay, due=self.pacer.due)
                       for sink in self.sinks if hasattr(sink, "play")]
        # A sink may have a gate that is closed while nobody is meant to be heard.
        self._gates = [sink.gate for sink in self.sinks if getattr(sink, "gate", None)]
        self._compute, self._latency, self._jitter = Series(), Series(), Jitter(fps)
        self._loop_back = LoopBack(fps, now=clock.now) if loop_back else None
        self.sinks += [self._loop_back] if loop_back else []
        self._heard_s, self._heard_at = deque(maxlen=_MOST_CHUNKS), deque(maxlen=_MOST_CHUNKS)
        self._heard = self._given = self._taken = 0
        self._fed_at = self._sound_at = clock.now()
        self._say = lambda text: None
        self._stop = threading.Event()
        self.broken = []

    def run(self, *, say=None):
        """Play until the sound ends or stop() is called.

        Args:
            say: called with a sentence when a sink fails and is left out.

        Returns:
            Figures. The source and the sinks are closed, recordings written.
        """
        self._say = say or (lambda text: None)
        queue = Queue(_MOST_CHUNKS)
        listener = threading.Thread(target=self._listen, args=(queue,), name="personare-listen", daemon=True)
        listener.start()
        try:
            self._fed_at = self._sound_at = self._clock.now()
            while not self._stop.is_set():
                wait = self._pump()
                if len(self.pacer.waiting) > _MOST_AHEAD_S * self.fps:
                    self._clock.sleep(min(wait or 0.0, _LONGEST_WAIT_S))
                    continue
                longest = _SILENT_STEP_S if self._idle else _LONGEST_WAIT_S
                try:
                    chunk = queue.get(timeout=longest if wait is None else min(wait, longest))
                except Empty:
                    chunk = None
                if chunk is _END:
                    self.pacer.add(self._split(self.performance.finish()))
                    self._drain()
                    break
                if chunk is None:
                    self._hear_nothing()
                else:
                    self._taken += len(chunk)
                    self._sound_at = self._clock.now()
                    self.hear(chunk)
        finally:
            self.stop()
            self.source.close()
            for sink in self.sinks:
                sink.close()
        return self.figures()

    def hear(self, samples):
        """Take sound now: compute, and hand the new frames to the pacer."""
        begin = self._fed_at = self._clock.now()
        if any(not gate.open for gate in self._gates):
            samples = np.zeros_like(samples)
        self._heard += len(samples)
        self._heard_s.append(self._heard / self.source.rate_hz)
        self._heard_at.append(begin)
        for taker in (*self.sinks, *self._lines):
            if hasattr(taker, "hear"):
                taker.hear(samples, self.source.rate_hz)
        motion = self.performance.push(samples)
        self._compute.add(1000 * (self._clock.now() - begin))
        self.pacer.add(self._split(motion))

    @property
    def delay_s(self):
        """Seconds from sound being spoken to its face being shown, to delay it by; None before the first frame."""
        due = self.pacer.due(self._heard / self.source.rate_hz)
        return None if due is None else max(0.0, due - self._fed_at)

    @property
    def _idle(self):
        """Whether a source that should speak has been silent for long."""
        return self.source.live and self._clock.now() - self._sound_at > IDLE_S

    def _hear_nothing(self):
        """Silence for as long as nothing has come, so that the face rests instead of stopping in mid-word."""
        if self._idle:
            missing = int((self._clock.now() - self._fed_at) * self.source.rate_hz)
            if missing >= _SILENT_STEP_S * self.source.rate_hz:
                self.hear(np.zeros(missing, np.float32))

    def stop(self):
        """End the performance."""
        self._stop.set()

    def figures(self):
        """Figures so far."""
        own = self._loop_back
        arrivals = {} if own is None else {
            "arrival_ms": own.arrival_ms.values(), "wire_ms": own.wire_ms.values(),
            "arrival_jitter_ms": own.jitter.series.values(), "lost": own.sent - own.came}
        return Figures(1000 * self.performance.look_ahead_s, self._compute.values(), self._latency.values(),
                       1000 * self.pacer.lateness_s.values(), self._jitter.series.values(), self.pacer.shown,
                       self.pacer.dropped, self._heard / self.source.rate_hz,
                       None if self.delay_s is None else 1000 * self.delay_s, **arrivals)

    def _listen(self, queue):
        try:
            for chunk in self.source.chunks():
                self._given += 0 if chunk is None else len(chunk)
                while self._given - self._taken > _MOST_QUEUED_S * self.source.rate_hz and not self._stop.is_set():
                    self._clock.sleep(_SILENT_STEP_S)
                if self._stop.is_set():
                    return
                queue.put(chunk)
        except Exception as error:  # what is left of the performance ends in order
            self._say(f"{type(self.source).__name__} failed: {error}")
        finally:
            queue.put(_END)

    def _pump(self):
        """Show and play what is due; seconds until more is, or None."""
        waits = [self.pacer.pump()]
        for line in list(self._lines):
            try:
                waits.append(line.pump())
            except Exception as error:  # one sink's trouble must not stop the others
                self._lines.remove(line)
                self._leave_out(line.sink, error)
        return min((wait for wait in waits if wait is not None), default=None)

    def _drain(self):
        while (wait := self._pump()) is not None and not self._stop.is_set():
            self._clock.sleep(wait)

    def _split(self, motion):
        return [motion.frames(i, i + 1) for i in range(len(motion))]

    def _send(self, index, motion):
        now = self._clock.now()
        chunk = bisect_left(self._heard_s, index / self.fps)
        if chunk < len(self._heard_at):
            # Sound of this time was spoken before the end of the piece it came in.
            spoken_at = self._heard_at[chunk] - self._heard_s[chunk] + index / self.fps
            self._latency.add(1000 * (now - spoken_at))
            if self._loop_back is not None:
                self._loop_back.time(index, spoken_at)
        self._jitter.add(index, now)
        for sink in list(self.sinks):
            try:
                sink.send(index, motion)
            except Exception as error:  # one sink's trouble must not stop the others
                self._leave_out(sink, error)

    def _leave_out(self, sink, error):
        self.sinks.remove(sink)
        self.broken.append((sink, error))
        self._say(f"{type(sink).__name__} failed and is left out: {error}")


_END = object()
