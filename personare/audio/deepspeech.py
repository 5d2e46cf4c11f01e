"""DeepSpeech's letters: how likely each of 28 letters and a blank is, 50 times a second, by its released networks.

The weights are the user's own copy: a frozen graph (output_graph.pb, or .pbmm) or a checkpoint of release 0.1 (two
directions, what Neural Voice Puppetry and VOCA saw) or 0.2 to 0.9 (one direction, what style_avatar saw). They are
read without TensorFlow and run in NumPy; which of the two a file holds is told by the names in it. Where there is no
such file the front end `phones` stands in: docs/audio/deepspeech.md, which also says what was checked.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from personare.audio.cepstra import RATE_HZ, SPEECH_FEATURES_26, TENSORFLOW, CepstraStream, cepstra
from personare.audio.mel import row_count
from personare.audio.resampling import resample
from personare.errors import AssetError, InputError
from personare.types import Features

ROWS_HZ, CONTEXT, CEPSTRA, LETTERS = 50.0, 9, 26, 29
_CLIP = 20.0
# 0.1 saw 16-bit numbers.
_SCALE_16_BIT = 32768.0
_BLOCK_ROWS = 200
_CELL = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
_CELLS_9 = (_CELL, "lstm_fused_cell", "cudnn_lstm/lstm_fused_cell", "rnn/multi_rnn_cell/cell_0/lstm_cell")
_CELLS_1 = ("bidirectional_rnn/{}/basic_lstm_cell", "bidirectional_rnn/{}/multi_rnn_cell/cell_0/basic_lstm_cell")


@dataclass(frozen=True, eq=False)
class Cell:
    """An LSTM, gates in the order input, candidate, forget, output.

    Args:
        kernel: (inputs + n, 4 n) float32.
        bias: (4 n,) float32; what the forget gate is given in advance is in it.
    """

    kernel: np.ndarray
    bias: np.ndarray

    @property
    def width(self):
        """Numbers of its state, n."""
        return len(self.bias) // 4

    def run(self, rows, state):
        """(t, n) float32 outputs of (t, inputs) rows; state is (output, memory), and is returned as it stands then."""
        n = self.width
        inner = rows @ self.kernel[: len(self.kernel) - n] + self.bias
        recurrent = self.kernel[len(self.kernel) - n :]
        outputs = np.empty((len(rows), n), np.float32)
        output, memory = state
        for i, row in enumerate(inner):
            gates = row + output @ recurrent
            memory = _sigmoid(gates[2 * n : 3 * n]) * memory + _sigmoid(gates[:n]) * np.tanh(gates[n : 2 * n])
            output = _sigmoid(gates[3 * n :]) * np.tanh(memory)
            outputs[i] = output
        return outputs, (output, memory)

    def start(self):
        """The state before the first row."""
        return np.zeros(self.width, np.float32), np.zeros(self.width, np.float32)


@dataclass(frozen=True, eq=False)
class DeepSpeech:
    """An opened network.

    Args:
        layers: dict of layer number, 1, 2, 3, 5, 6, to (weights (in, out), bias (out,)), float32.
        cells: one Cell, or those of both directions.
    """

    layers: dict
    cells: tuple

    @property
    def both_ways(self):
        """Whether it hears backwards as well, so that no row is known before the sound ends."""
        return len(self.cells) == 2

    @cached_property
    def look_ahead_s(self):
        """Seconds of sound after a row's own time that the row depends on; infinite for both ways."""
        window_s = TENSORFLOW.window_length / RATE_HZ
        return np.inf if self.both_ways else CONTEXT / ROWS_HZ + window_s

    def before(self, windows):
        """(t, hidden) float32: the three layers below the LSTM, of (t, 494) float32."""
        for number in (1, 2, 3):
            windows = self._dense(number, windows)
        return windows

    def after(self, rows):
        """(t, 29) float32 logits of the LSTM's outputs."""
        weights, bias = self.layers[6]
        return self._dense(5, rows) @ weights + bias

    def _dense(self, number, rows):
        weights, bias = self.layers[number]
        return np.clip(rows @ weights + bias, 0, _CLIP)

    def logits(self, rows):
        """(t, 29) float32 of the (t, 26) cepstra of a whole recording."""
        windows = context_windows(rows)
        if self.both_ways:
            # The whole clip's own mean and deviation, windows and the silence in them counted as they come.
            windows = (windows - windows.mean()) / max(windows.std(), 1e-12)
        below = self.before(windows.astype(np.float32))
        outputs, _ = self.cells[0].run(below, self.cells[0].start())
        if self.both_ways:
            back, _ = self.cells[1].run(below[::-1], self.cells[1].start())
            outputs = np.concatenate([outputs, back[::-1]], axis=1)
        return self.after(outputs)


def open_deepspeech(path):
    """Open a network.

    Args:
        path: output_graph.pb or .pbmm, or a checkpoint (its folder, its .index file or the path without suffix).

    Returns:
        DeepSpeech.

    Raises:
        InputError: missing, damaged, or not DeepSpeech's.
    """
    from personare.files.tensorflow import Variables

    if not Path(path).exists() and not Path(str(path) + ".index").exists():
        raise InputError(path, expected="DeepSpeech's output_graph.pb, .pbmm or checkpoint", got="nothing there",
                         remedy="download a release of mozilla/DeepSpeech, or use the front end phones")
    variables = Variables(path)
    known = variables.shapes
    names = [({n: (f"h{n}", f"b{n}") for n in (1, 2, 3, 5, 6)}, [cell.format(way) for way in ("fw", "bw")], 1.0)
             for cell in _CELLS_1]
    names += [({n: (f"layer_{n}/weights", f"layer_{n}/bias") for n in (1, 2, 3, 5, 6)}, [cell], 0.0)
              for cell in _CELLS_9]
    for layers, cells, forget in names:
        if all(f"{cell}/kernel" in known for cell in cells) and all(w in known and b in known
                                                                    for w, b in layers.values()):
            return _network(variables, layers, cells, forget)
    raise InputError(path, expected="the variables of DeepSpeech 0.1 or 0.2 to 0.9",
                     got=f"{len(known)} others, such as {', '.join(list(known)[:4])}"[:160],
                     remedy="give output_graph.pb of a release; .tflite and .scorer files are others")


def graph_path():
    """Path of the user's copy: the only network in the folder models/deepspeech of personare's home.

    Raises:
        AssetError: there is none, or more than one.
    """
    from personare.assets import user_path

    folder = user_path("models", "deepspeech")
    found = sorted(path for end in ("*.pb", "*.pbmm", "*.index") for path in folder.glob(end))
    if len(found) != 1:
        raise AssetError(f"{folder}: expected one of output_graph.pb, .pbmm or a checkpoint there, got {len(found)}; "
                         "put the one that is meant there, or give path")
    return found[0]


def hash_of(path):
    """Hex sha256 that tells one network from others: of a graph, or of a checkpoint's index, which has the sums of all
    its numbers in it.
    """
    from personare.files.tensorflow import index_of
    from personare.store import sha256

    return sha256(index_of(Path(path)) or path)


def _network(variables, layers, cells, forget):
    read = {n: tuple(variables.array(name).astype(np.float32) for name in pair) for n, pair in layers.items()}
    opened = []
    for name in cells:
        kernel, bias = (variables.array(f"{name}/{part}").astype(np.float32) for part in ("kernel", "bias"))
        width = len(bias) // 4 if bias.ndim == 1 else 0
        if kernel.shape != (kernel.shape[0], 4 * width) or kernel.shape[0] <= width:
            raise _misfit(variables.path, f"{kernel.shape} and {bias.shape} in {name}")
        bias[2 * width : 3 * width] += forget
        opened.append(Cell(kernel, bias))
    sizes = [CEPSTRA * (2 * CONTEXT + 1), *(read[n][0].shape[-1] for n in (1, 2, 3))]
    inner, above = opened[0].kernel.shape[0] - opened[0].width, len(opened) * opened[0].width
    wanted = {1: sizes[0], 2: sizes[1], 3: sizes[2], 5: above, 6: read[5][0].shape[-1]}
    for n, (weights, bias) in read.items():
        if weights.ndim != 2 or bias.shape != weights.shape[1:] or weights.shape[0] != wanted[n]:
            raise _misfit(variables.path, f"{weights.shape} and {bias.shape} in layer {n}")
    if read[6][0].shape[1] != LETTERS or inner != sizes[3] or len({cell.kernel.shape for cell in opened}) > 1:
        raise _misfit(variables.path, f"{read[6][0].shape[1]} letters")
    return DeepSpeech(read, tuple(opened))


def _misfit(path, got):
    return InputError(path, expected="DeepSpeech's English network: 494 numbers in, 29 letters out", got=got,
                      remedy="give output_graph.pb of a release")


def context_windows(rows):
    """(t, 494): each of (t, 26) rows between nine on either side, zeros beyond the ends."""
    padded = np.concatenate([np.zeros((CONTEXT, rows.shape[1])), rows, np.zeros((CONTEXT, rows.shape[1]))])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * CONTEXT + 1, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(rows), -1)


def deepspeech(audio, network, *, probabilities=False):
    """Letters of sound.

    Args:
        audio: Audio, any rate.
        network: DeepSpeech, see open_deepspeech.
        probabilities: whether shares that sum to 1 are given (style_avatar) and not what they are made of (Neural
            Voice Puppetry, VOCA).

    Returns:
        Features of kind "deepspeech": (t, 29) float32, 50 rows a second; t = ceil(duration_s * 50), at least 1.
    """
    stream = DeepSpeechStream(network, probabilities=probabilities)
    return Features(np.concatenate([stream.push(resample(audio, RATE_HZ).samples), stream.finish()]), ROWS_HZ,
                    "deepspeech")


class DeepSpeechStream:
    """The same for sound that arrives in pieces; with a network of both ways all rows come at the end.

    Row i stands at i / 50 s, where its window begins. The originals give no row to a last part that fills no window,
    here the last row is given once more where the sound goes on for that long.

    Args:
        network: DeepSpeech.
        probabilities: see deepspeech().
    """

    def __init__(self, network, *, probabilities=False):
        self._network, self._probabilities = network, probabilities
        self._cepstra = CepstraStream(TENSORFLOW)
        self._sound = []
        self._state = network.cells[0].start()
        self._rows = np.zeros((CONTEXT, CEPSTRA))
        self._last = None
        self._given, self._pushed, self._finished = 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples at 16 kHz, give the (t, 29) float32 rows that no later sound can change."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._pushed += len(samples)
        if self._network.both_ways:
            self._sound.append(np.asarray(samples, np.float32))
            return np.empty((0, LETTERS), np.float32)
        return self._run(self._cepstra.push(samples))

    def finish(self):
        """The (t, 29) float32 rows that were waiting for the end."""
        if self._finished:
            return np.empty((0, LETTERS), np.float32)
        self._finished = True
        if self._network.both_ways:
            sound = np.concatenate([*self._sound, np.zeros(0, np.float32)])
            self._sound = []
            rows = self._shown(self._network.logits(cepstra(sound, SPEECH_FEATURES_26, scale=_SCALE_16_BIT)[::2]))
        else:
            short = not self._given and len(self._rows) == CONTEXT
            rows = self._run(self._cepstra.finish() if short else np.zeros((0, CEPSTRA)))
            rows = np.concatenate([rows, self._run(np.zeros((CONTEXT, CEPSTRA)))])
        wanted = row_count(self._pushed, sample_rate_hz=RATE_HZ, rate_hz=ROWS_HZ) - self._given
        held = rows[-1:] if len(rows) else self._last
        self._given += wanted
        return np.concatenate([rows, *[held] * (wanted - len(rows))])[:wanted]

    def _run(self, cepstra):
        """Rows that are complete now; one direction only."""
        self._rows = np.concatenate([self._rows, cepstra])
        pieces = []
        while len(self._rows) > 2 * CONTEXT:
            taken = self._rows[: _BLOCK_ROWS + 2 * CONTEXT]
            windows = np.lib.stride_tricks.sliding_window_view(taken, 2 * CONTEXT + 1, axis=0)
            windows = windows.transpose(0, 2, 1).reshape(len(windows), -1).astype(np.float32)
            outputs, self._state = self._network.cells[0].run(self._network.before(windows), self._state)
            pieces.append(self._shown(self._network.after(outputs)))
            self._rows = self._rows[len(windows) :].copy()
        rows = np.concatenate(pieces) if pieces else np.empty((0, LETTERS), np.float32)
        self._given += 0 if self._finished else len(rows)
        self._last = rows[-1:] if len(rows) else self._last
        return rows

    def _shown(self, logits):
        if not self._probabilities:
            return logits
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)


class SparseStream:
    """Every k-th row of another stream, from the first on.

    Args:
        stream: with push and finish.
        step: k.
    """

    def __init__(self, stream, step):
        self._stream, self._step, self._skip = stream, step, 0

    def push(self, samples):
        """Take (n,) float32 samples, give those of its rows that stay."""
        return self._kept(self._stream.push(samples))

    def finish(self):
        """Those of the remaining rows that stay."""
        return self._kept(self._stream.finish())

    def _kept(self, rows):
        kept = rows[self._skip :: self._step]
        self._skip = (self._skip - len(rows)) % self._step
        return kept


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)
