"""Networks of temporal convolutions over log-mel rows, run on sound that arrives in pieces."""

import numpy as np

from personare.audio.mel import LogMelStream

# Frames a network is run on at a time; four seconds at 60 frames a second keep it in the processor's cache.
BLOCK_FRAMES = 240


class NetworkStream:
    """Outputs of a network, frame by frame, as soon as the sound they depend on is there.

    Frame i of the network stands at i / frame_hz and depends on the rows from 2 (i - frames_before) - 1 to
    2 (i + frames_after) + 1 of a log-mel front end that runs at twice the frame rate. Silence is assumed before
    and after the sound.

    Args:
        mel: MelOptions of the front end, rate_hz = 2 frame_hz.
        run: ((2 (frames_before + t + frames_after) + 1, c) rows) -> (t, d) outputs of the network.
        frames_before, frames_after: context of the network, in frames.
        first_frame: number of the first frame wanted, 0 or less.
    """

    def __init__(self, mel, run, *, frames_before, frames_after, first_frame=0):
        self._mel, self._run = LogMelStream(mel), run
        self._context = frames_before + frames_after
        self._silence = np.full((2 * BLOCK_FRAMES, mel.band_count), np.log(mel.floor), np.float32)
        before = 2 * (frames_before - first_frame) + 1
        self._rows = np.tile(self._silence[:1], (before, 1))

    @property
    def size(self):
        """Numbers held back for coming frames; bounded."""
        return self._rows.size

    def push(self, samples):
        """Take (n,) float32 samples at mel.sample_rate_hz, give the (t, d) float32 frames now complete, or None."""
        return self._take(self._mel.push(samples))

    def finish(self):
        """The frames that only the end of the sound makes complete, (t, d) float32, or None."""
        return self._take(self._mel.finish())

    def silence(self):
        """After finish(): further frames that silence gives, (t, d) float32, or None before there is one."""
        return self._take(self._silence)

    def _take(self, rows):
        self._rows = np.concatenate([self._rows, rows])
        outputs, start = [], 0
        while (count := min((len(self._rows) - start - 1) // 2 - self._context, BLOCK_FRAMES)) > 0:
            outputs.append(self._run(self._rows[start : start + 2 * (self._context + count) + 1]))
            start += 2 * count
        self._rows = self._rows[start:].copy()
        return np.concatenate(outputs) if outputs else None
