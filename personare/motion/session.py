"""Run a network over sound that arrives in pieces: any pieces, the same motion, bounded memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personare.arrays import checked
from personare.audio.mel import MelOptions, row_count
from personare.audio.networks import NetworkStream
from personare.errors import InputError
from personare.spaces import space_named
from personare.types import Motion

# Sound taken in at a time, seconds, so that one long push does not need more memory than many short ones.
BLOCK_S = 4.0


@dataclass(frozen=True)
class Pipeline:
    """What a session runs, and how far each part of it sees.

    Frame i of the network stands at i / frame_hz and depends on the rows from 2 (i - frames_before) - 1 to
    2 (i + frames_after) + 1 of a front end that runs at twice the frame rate.

    Args:
        mel: the front end, rate_hz = 2 frame_hz.
        run: ((2 (frames_before + t + frames_after) + 1, c) rows) -> (t, d) outputs of the network.
        decode: ((t + reach_before + reach_after, d) outputs) -> (t, k) values in `space`; must work frame by
            frame otherwise.
        frames_before, frames_after: context of the network, in frames.
        reach_before, reach_after: frames before and after its own that decode looks at.
        space: name of the space of the values.
    """

    mel: MelOptions
    run: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    frames_before: int
    frames_after: int
    reach_before: int
    reach_after: int
    space: str

    @property
    def frame_hz(self):
        """Frames a second of the network."""
        return self.mel.rate_hz / 2


class Session:
    """One take: push sound, get the frames that are certain by now, finish.

    Args:
        pipeline: Pipeline.
        fps: frames a second of the motion, > 0. The network's own rate and its whole fractions are exact;
            other rates are interpolated between neighbouring frames.

    Attributes:
        rate_hz: rate of the sound to push.
        fps: frames a second.
        look_ahead_s: frame i depends on no sound after i / fps + look_ahead_s.
    """

    def __init__(self, pipeline, *, fps=30.0):
        if not (isinstance(fps, int | float | np.number) and np.isfinite(fps) and fps > 0):
            raise InputError("fps", expected="a positive number of frames a second", got=repr(fps),
                             remedy="use 30 or 60")
        self.rate_hz = pipeline.mel.sample_rate_hz
        self.fps = float(fps)
        self._pipeline = pipeline
        self._network = NetworkStream(pipeline.mel, pipeline.run, frames_before=pipeline.frames_before,
                                      frames_after=pipeline.frames_after, first_frame=-pipeline.reach_before)
        self._step = pipeline.frame_hz / self.fps
        self._whole_step = int(self._step) if self._step.is_integer() else 0
        self._outputs = np.empty((0, 0), np.float32)
        self._values = np.empty((0, 0), np.float32)
        self._first_value = 0
        self._frame = 0
        self._pushed = 0
        self._finished = False
        # Sound too short for another frame waits: most pushes of live sound then cost next to nothing.
        self._waiting, self._needed = [], 0
        space = space_named(pipeline.space)
        self._nothing = Motion(np.empty((0, len(space)), np.float32), self.fps, space)

    @property
    def look_ahead_s(self):
        """Seconds of sound after a frame's own time that the frame depends on."""
        pipeline = self._pipeline
        frames = pipeline.frames_after + pipeline.reach_after
        between = max(math.ceil(self._step * i) - self._step * i for i in range(1000))
        # Rows are centred on the nearest sample, at most half a sample late.
        rounding_s = 0.5 / self.rate_hz
        return ((frames + between) / pipeline.frame_hz + 1 / pipeline.mel.rate_hz + pipeline.mel.look_ahead_s
                + rounding_s)

    def push(self, samples):
        """Take the next samples and give the frames that no later sound can change.

        Args:
            samples: (n,) float32, mono at rate_hz, nominally in [-1, 1]; n may be 0.

        Returns:
            Motion of the new frames; maybe none.

        Raises:
            InputError: not (n,), not finite, or the session is finished.
        """
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound",
                             remedy="use a new session")
        samples = checked("samples", samples, ("n",))
        self._pushed += len(samples)
        self._waiting.append(samples)
        if self._pushed < self._needed:
            return self._nothing
        pieces = self._pieces()
        self._needed = self._network.samples_until(self._position(self._frame) + self._pipeline.reach_after)
        return self._motion(pieces)

    def _pieces(self):
        """(t, k) values that the waiting sound makes certain, in pieces."""
        samples = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        self._waiting = []
        block = int(BLOCK_S * self.rate_hz)
        pieces = []
        for begin in range(0, len(samples), block):
            self._advance(self._network.push(samples[begin : begin + block]))
            # The last row is held back: a frame is given only if the recording reaches it.
            pieces.append(self._frames(self._ready()))
        return pieces

    def finish(self):
        """Give the remaining frames; silence follows the sound.

        Returns:
            Motion; with all that push gave, max(1, ceil(duration_s * fps)) frames.
        """
        if self._finished:
            return self._motion([])
        self._finished = True
        pieces = self._pieces() if self._waiting else []
        self._advance(self._network.finish())
        count = row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=self.fps)
        last = math.ceil((count - 1) * self._step) + 1
        while self._first_value + len(self._values) <= last:
            self._advance(self._network.silence())
        return self._motion([*pieces, self._frames(count)])

    def _advance(self, outputs):
        """Decode the network's outputs as far as their neighbours are there."""
        if outputs is None:
            return
        reach = self._pipeline.reach_before + self._pipeline.reach_after
        self._outputs = np.concatenate([self._outputs, outputs]) if self._outputs.size else outputs
        if len(self._outputs) > reach:
            values = self._pipeline.decode(self._outputs)
            self._values = np.concatenate([self._values, values]) if self._values.size else values
            self._outputs = self._outputs[len(values) :].copy()

    def _position(self, frame):
        """Number of the last frame of the network that a frame of the result is made of."""
        return math.ceil(frame * self._step - 1e-9)

    def _ready(self):
        """How many frames of the result are certain: their neighbours are there and the sound reaches them."""
        complete = self._first_value + len(self._values)
        count = self._frame
        while self._position(count) < complete:
            count += 1
        known = row_count(self._pushed, sample_rate_hz=self.rate_hz, rate_hz=self.fps) if self._pushed else 0
        return max(self._frame, min(count, known))

    def _frames(self, stop):
        """(t, k) values of frames self._frame <= i < stop, and let go of what no later frame needs."""
        if stop <= self._frame:
            return np.empty((0, self._values.shape[1]), np.float32)
        if self._whole_step:
            begin, end = (i * self._whole_step - self._first_value for i in (self._frame, stop))
            frames = self._values[begin:end:self._whole_step].copy()
        else:
            frames = self._between(np.arange(self._frame, stop) * self._step - self._first_value)
        self._frame = stop
        keep = max(0, min(int(stop * self._step) - self._first_value, len(self._values)))
        self._values = self._values[keep:].copy()
        self._first_value += keep
        return frames

    def _between(self, position):
        """(t, k) values at (t,) positions, interpolated."""
        # A whole number that came out a hair off stays whole.
        position = np.where(np.abs(position - np.round(position)) < 1e-6, np.round(position), position)
        low = np.floor(position).astype(np.int64)
        high = np.ceil(position).astype(np.int64)
        share = (position - low).astype(np.float32)[:, None]
        return self._values[low] * (1 - share) + self._values[high] * share

    def _motion(self, pieces):
        pieces = [piece for piece in pieces if len(piece)]
        if not pieces:
            return self._nothing
        values = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        return Motion(values, self.fps, self._nothing.space)
