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
        run: ((2 (frames_before + t + frames_after) + 1, c) rows) -> (t, d) outputs of the network. A CarriedRun
            brings its context itself: ((2 t + 1, c) rows) -> (t, d) outputs of frames that lie frames_after earlier.
        frames_before, frames_after: context of the network, in frames.
        first_frame: number of the first frame wanted, 0 or less.
    """

    def __init__(self, mel, run, *, frames_before, frames_after, first_frame=0):
        self._mel, self._run = LogMelStream(mel), run
        self._after = frames_after
        self._silence = np.full((2 * BLOCK_FRAMES, mel.band_count), np.log(mel.floor), np.float32)
        # Frames of rows that come before those of the first output, and outputs to leave out at the start.
        self._context, lead, self._skip = frames_before + frames_after, frames_before - first_frame, 0
        if isinstance(run, CarriedRun):
            lead = max(0, -first_frame - frames_after)
            self._context, self._skip = 0, first_frame + frames_after + lead
        self._rows = np.tile(self._silence[:1], (2 * lead + 1, 1))

    @property
    def size(self):
        """Numbers held back for coming frames; bounded."""
        return self._rows.size

    def samples_until(self, frame):
        """How many samples must have been pushed before an output for that frame can come."""
        return self._mel.samples_until(2 * (frame + self._after) + 1)

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
        if not outputs:
            return None
        made = np.concatenate(outputs) if len(outputs) > 1 else outputs[0]
        if self._skip:
            skipped = min(self._skip, len(made))
            self._skip -= skipped
            made = made[skipped:]
        return made if len(made) else None


class CarriedRun:
    """One pass through a graph that hands on what it needs of the past: no frame is computed twice.

    Args:
        graph: onnxruntime session with inputs rows (2 t + 1, c) and state (s, w), outputs (t, d) and the next state.
        state: (s, w) float32 after endless silence, see silent_state.
    """

    def __init__(self, graph, state):
        self._graph, self._state = graph, state

    def __call__(self, rows):
        """(t, d) float32 outputs of the next t frames."""
        *outputs, self._state = self._graph.run(None, {"rows": rows, "state": self._state})
        return np.concatenate(outputs, axis=1)


def carries(graph):
    """Whether an onnxruntime session hands its state on."""
    return any(value.name == "state" for value in graph.get_inputs())


def silent_state(graph, mel):
    """(s, w) float32 state of a carrying graph after endless silence.

    Args:
        graph: onnxruntime session.
        mel: MelOptions of its front end.
    """
    shape = next(value.shape for value in graph.get_inputs() if value.name == "state")
    # Each of the s frames it remembers has been silent, and so have those they came from.
    rows = np.full((2 * shape[0] + 1, mel.band_count), np.log(mel.floor), np.float32)
    return graph.run(["next"], {"rows": rows, "state": np.zeros(shape, np.float32)})[0]
