"""Many voices on one model: what servers share. Each voice is fed by a connection and gives frames to it.

Sound that comes while a voice waits for its turn is computed with it in one piece, so a machine with more voices works
in longer pieces, which cost less, and gets a little later instead of stopping. An event loop owns the voices; threads
compute, since the network and most of NumPy let other threads run meanwhile.
"""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from personare.arrays import checked_number
from personare.audio.resampling import checked_rate
from personare.errors import InputError, PersonareError
from personare.live.prometheus import Histogram
from personare.motion.performance import Performance, open_method

# Sound computed in one go, seconds: a voice that was given a whole file lets others have their turn.
PIECE_S = 1.0
# Less than this is not worth a run, seconds.
_LEAST_S = 0.005


async def or_trouble(step, reading):
    """The result of awaiting `step`, or what went wrong meanwhile with `reading`, a task."""
    step = asyncio.ensure_future(step)
    await asyncio.wait({step, reading}, return_when=asyncio.FIRST_COMPLETED)
    if reading.done() and reading.exception():
        step.cancel()
        await asyncio.wait({step})
        raise reading.exception()
    return await step


class BusyError(PersonareError):
    """All the sessions that a server may have are taken."""


class LimitError(PersonareError):
    """A connection goes beyond what the server allows it."""


@dataclass(frozen=True)
class Limits:
    """What one server allows.

    Args:
        sessions: voices at the same time.
        sound_s: seconds of sound for one voice.
        message_s: seconds of sound in one message.
        waiting_s: seconds of sound that may wait for computing, then the connection is not read for a while.
        idle_s: seconds without a message, or without reading frames, until a connection is ended.
    """

    sessions: int = 64
    sound_s: float = 3600.0
    message_s: float = 10.0
    waiting_s: float = 10.0
    idle_s: float = 30.0

    def __post_init__(self):
        for name in ("sessions", "sound_s", "message_s", "waiting_s", "idle_s"):
            checked_number(name, getattr(self, name), "(a limit)")


class Host:
    """Voices of one model, and figures about them.

    Args:
        model: name of a method or path of a bundle; opened once, for all voices.
        limits: Limits.
        threads: that compute.
        share: for a model of codes, what of them is upper face, see motion.strengths.Strengths.

    Attributes:
        counts: name -> number, for metrics: voices, refused, failed, frames, sound_ms, compute_ms.
        open_voices: how many there are now.
        latency: Histogram of seconds from the coming of the sound that makes a frame certain to the frame.
    """

    def __init__(self, model="vox", *, limits=None, threads=2, share=None):
        self.model, self.limits, self._share = str(model), limits or Limits(), share
        self.method = open_method(model)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="personare-voice")
        self.counts, self.open_voices, self.latency = Counter(), 0, Histogram()
        # The first run of a network is slow; it is taken before anybody waits for it.
        Performance(self.method, from_hz=16000).push(np.zeros(16000, np.float32))

    def open(self, *, rate_hz=16000, fps=30.0, **options):
        """A new Voice.

        Args:
            rate_hz: rate of its sound.
            fps: frames a second.
            **options: layers, emotion, articulation, strengths, as for Performance.

        Raises:
            BusyError: as many as allowed are open. InputError: an option is out of range.
        """
        if self.open_voices >= self.limits.sessions:
            self.counts["refused"] += 1
            raise BusyError(f"sessions: expected at most {self.limits.sessions} at a time, got one more; try again "
                            "later, or raise --sessions")
        if self._share is not None and options.get("strengths"):
            options["strengths"] = replace(options["strengths"], share=self._share)
        return Voice(self, checked_rate("rate", rate_hz), Performance(self.method, from_hz=rate_hz, fps=fps, **options),
                     fps)

    async def compute(self, work, *arguments):
        """Run work(*arguments) on a thread, and count the time it takes of the processor."""
        def _timed():
            begin = time.thread_time()
            try:
                return work(*arguments), None, time.thread_time() - begin
            except Exception as error:  # raised again below, on the loop's side
                return None, error, time.thread_time() - begin

        result, error, spent_s = await asyncio.get_running_loop().run_in_executor(self._pool, _timed)
        self.counts["compute_ms"] += 1000 * spent_s
        if error is not None:
            raise error
        return result

    def close(self):
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Voice:
    """One take: `await hear(samples)` and `end()` on one side, `async for motion in frames()` on the other.

    Attributes:
        performance: what computes it.
        rate_hz, fps: of its sound and its frames.
        heard: samples so far.
    """

    def __init__(self, host, rate_hz, performance, fps):
        self.rate_hz, self.fps, self.performance = rate_hz, fps, performance
        self._host, self._waiting, self._count, self._feelings = host, [], 0, []
        self.heard = self._done = self._given = 0
        self._came_at = time.monotonic()
        self._ended = self._closed = False
        self._more, self._room = asyncio.Event(), asyncio.Event()
        host.open_voices += 1
        host.counts["voices"] += 1

    async def hear(self, samples):
        """Take (n,) float32 more sound; waits while too much of it waits for computing.

        Raises:
            LimitError: the message, or the sound in all, is too long. InputError: samples that are no numbers.
        """
        limits = self._host.limits
        if len(samples) > limits.message_s * self.rate_hz:
            raise LimitError(f"message: expected at most {limits.message_s:g} s of sound, got "
                             f"{len(samples) / self.rate_hz:.1f} s; send shorter pieces")
        if self.heard + len(samples) > limits.sound_s * self.rate_hz:
            raise LimitError(f"sound: expected at most {limits.sound_s:g} s, got more; open another session")
        if len(samples) and not np.isfinite(samples).all():
            raise InputError("samples", expected="finite numbers", got="NaN or infinity", remedy="check the source")
        self._waiting.append(samples)
        self._came_at = time.monotonic()
        self._count += len(samples)
        self.heard += len(samples)
        self._more.set()
        while self._count > limits.waiting_s * self.rate_hz and not self._closed:
            self._room.clear()
            await self._room.wait()

    def feel(self, mixture, *, at_s=0.0):
        """Change to another emotion, see Performance.feel."""
        self._feelings.append((mixture, at_s))

    def end(self):
        """No more sound comes."""
        self._ended = True
        self._more.set()

    async def frames(self):
        """Async iterator of Motion, each of one frame or more, until the sound has ended and all of it is done."""
        while True:
            while not (self._ended or self._worth_it()):
                self._more.clear()
                await self._more.wait()
            came_at = self._came_at
            if self._count:
                motion = await self._host.compute(self._push, self._take(), self._felt())
            elif self._ended:
                break
            if len(motion):
                self._host.latency.observe(time.monotonic() - came_at)
                yield self._counted(motion)
        motion = await self._host.compute(self.performance.finish)
        if len(motion):
            yield self._counted(motion)

    def close(self):
        """Let the session go; may be called twice."""
        if not self._closed:
            self._closed = True
            self._host.open_voices -= 1
            self._room.set()
            self._more.set()

    def _worth_it(self):
        """Whether the sound that waits makes another frame certain."""
        wanted = self._given / self.fps + self.performance.look_ahead_s - self._done / self.rate_hz
        return self._count >= max(wanted, _LEAST_S) * self.rate_hz

    def _push(self, samples, feelings):
        for mixture, at_s in feelings:
            self.performance.feel(mixture, at_s=at_s)
        return self.performance.push(samples)

    def _felt(self):
        feelings, self._feelings = self._feelings, []
        return feelings

    def _take(self):
        samples = np.concatenate(self._waiting)
        piece, rest = np.split(samples, [round(PIECE_S * self.rate_hz)])
        self._waiting, self._count = [rest] if len(rest) else [], len(rest)
        self._done += len(piece)
        self._host.counts["sound_ms"] += 1000 * len(piece) / self.rate_hz
        self._room.set()
        return piece

    def _counted(self, motion):
        self._given += len(motion)
        self._host.counts["frames"] += len(motion)
        return motion
