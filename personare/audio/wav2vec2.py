"""wav2vec 2.0, HuBERT and their like as a front end: your own checkpoint, converted once, run without torch.

`personare convert FOLDER -o speech.bundle` makes a bundle of a Hugging Face folder (learn/nets/wav2vec2.py); here its
graph runs through onnxruntime on one thread. Every row looks at all sound there is, so sound longer than a window is
read in windows that share context; shorter sound is read in one piece, as the original does.
"""

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from personare.assets import open_graph, user_path
from personare.audio.front_ends import FrontEnd
from personare.audio.mel import row_count
from personare.errors import AssetError, InputError
from personare.store import CARD, read_bundle, sha256

GRAPH = "model.onnx"
SAMPLE_RATE_HZ = 16000
# Added to the variance of the sound before its root, as the original's feature extractor does.
_LEAST_VARIANCE = 1e-7


@dataclass(frozen=True)
class Wav2Vec2Options:
    """What the card of a bundle says on how to run it.

    Args:
        width: numbers in a row.
        rate_hz: rows a second.
        least_samples: samples that the network needs at least.
        normalised: whether sound is brought to mean 0 and variance 1 first.
        window_s, context_s: sound is read in windows of window_s with context_s before and behind; a whole multiple
            of both one row and 20 ms.
    """

    width: int
    rate_hz: float
    least_samples: int
    normalised: bool = True
    window_s: float = 10.0
    context_s: float = 2.5


class SpeechEncoder:
    """A graph of samples to rows.

    Args:
        path: of the graph.
        options: Wav2Vec2Options.
    """

    def __init__(self, path, options):
        self._path, self.options = path, options

    @cached_property
    def _graph(self):
        return open_graph(self._path)

    def run(self, samples):
        """(t, width) float32 rows of (n,) float32 samples at 16 kHz, read in one piece."""
        missing = self.options.least_samples - len(samples)
        samples = np.pad(samples, (0, max(missing, 0)))
        if self.options.normalised:
            whole = samples.astype(np.float64)
            samples = ((whole - whole.mean()) / np.sqrt(whole.var() + _LEAST_VARIANCE)).astype(np.float32)
        return self._graph.run(None, {"samples": samples[None]})[0][0]


def open_encoder(bundle):
    """The SpeechEncoder of a store.Bundle of method "wav2vec2".

    Raises:
        AssetError: a bundle of something else, damaged or of a newer version.
    """
    path = bundle.path(GRAPH)
    if bundle.card.method != "wav2vec2":
        raise AssetError(f"{bundle.folder}: a bundle of {bundle.card.method}, not of a speech encoder; name one "
                         "made by personare convert of a wav2vec 2.0 or HuBERT folder")
    try:
        return SpeechEncoder(path, msgspec.convert(bundle.card.config, Wav2Vec2Options))
    except msgspec.ValidationError as error:
        raise AssetError(
            f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error


def wav2vec2(*, path=None, sha256=None, window_s=None, context_s=None):
    """The front end of a converted checkpoint.

    Args:
        path: folder of the bundle; None for models/wav2vec2 in personare's home.
        sha256: of its card, where a model was trained on it; another one is refused.
        window_s, context_s: see Wav2Vec2Options; default what the card says.

    Returns:
        FrontEnd.

    Raises:
        InputError: another bundle than the one trained on, or windows that are no whole number of rows.
        AssetError: the bundle is missing or damaged.
    """
    folder = path or user_path("models", "wav2vec2")
    bundle = read_bundle(folder)
    found = card_hash(folder)
    if sha256 and sha256 != found:
        raise InputError(folder, expected=f"the speech encoder whose card has sha256 {sha256[:12]}...",
                         got=f"{found[:12]}...", remedy="name the bundle that the model was trained on")
    encoder = open_encoder(bundle)
    window_s = encoder.options.window_s if window_s is None else window_s
    context_s = encoder.options.context_s if context_s is None else context_s
    _check_windows(encoder.options, window_s, context_s)
    options = {"sha256": found, "window_s": float(window_s), "context_s": float(context_s)}
    return front_end_of(encoder, options | ({"path": str(path)} if path else {}), window_s, context_s)


def front_end_of(encoder, options, window_s, context_s):
    """The FrontEnd of a SpeechEncoder; options are those on a card, windows are seconds."""
    return FrontEnd("wav2vec2", options, encoder.options.rate_hz, SAMPLE_RATE_HZ, encoder.options.width,
                    window_s + 2 * context_s + 0.5 / SAMPLE_RATE_HZ,
                    lambda: SpeechStream(encoder, window_s=window_s, context_s=context_s))


def card_hash(path):
    """Hex digest of a bundle's card, which lists those of all its files."""
    from pathlib import Path

    return sha256(Path(path) / CARD)


def _check_windows(options, window_s, context_s):
    for name, value, least in (("window_s", window_s, 1.0), ("context_s", context_s, 0.0)):
        rows = value * options.rate_hz if isinstance(value, int | float) else np.nan
        if not (least <= value <= 60 and abs(rows - round(rows)) < 1e-6 and abs(50 * value - round(50 * value)) < 1e-6):
            raise InputError(name, expected=f"{least:g}..60 s, a whole number of rows and of 20 ms", got=repr(value),
                             remedy="use a multiple of 0.1 s")


class SpeechStream:
    """Rows of sound that arrives in pieces.

    A window is read when twice its context has followed it, or the sound has ended; what then remains belongs to the
    last window. Sound up to window_s + 2 context_s is so read in one piece.

    Args:
        encoder: SpeechEncoder.
        window_s, context_s: see Wav2Vec2Options.
    """

    def __init__(self, encoder, *, window_s, context_s):
        self._encoder = encoder
        self._window_s, self._context_s = window_s, context_s
        self._kept = np.empty(0, np.float32)
        self._first, self._block, self._given, self._finished = 0, 0, 0, False

    def push(self, samples):
        """Take (n,) float32 samples, give the (t, width) float32 rows that no later sound can change."""
        if self._finished:
            raise InputError("samples", expected="no sound after finish()", got="more sound", remedy="use a new stream")
        self._kept = np.concatenate([self._kept, np.asarray(samples, np.float32)])
        rows = [np.empty((0, self._encoder.options.width), np.float32)]
        while self._pushed > self._sample((self._block + 1) * self._window_s + 2 * self._context_s):
            rows.append(self._read((self._block + 1) * self._window_s))
            self._block += 1
        return np.concatenate(rows)

    def finish(self):
        """The (t, width) float32 rows that were waiting for more sound."""
        empty = np.empty((0, self._encoder.options.width), np.float32)
        if self._finished:
            return empty
        self._finished = True
        return self._read(None) if self._pushed > self._sample(self._block * self._window_s) else empty

    @property
    def _pushed(self):
        return self._first + len(self._kept)

    @staticmethod
    def _sample(time_s):
        return round(time_s * SAMPLE_RATE_HZ)

    def _read(self, stop_s):
        """Rows of the window up to stop_s; None for the last one."""
        rate_hz = self._encoder.options.rate_hz
        start_s = max(0.0, self._block * self._window_s - self._context_s)
        stop = self._pushed if stop_s is None else self._sample(stop_s + self._context_s)
        rows = self._encoder.run(self._kept[self._sample(start_s) - self._first : stop - self._first])
        count = row_count(self._pushed, sample_rate_hz=SAMPLE_RATE_HZ, rate_hz=rate_hz) if stop_s is None \
            else round(stop_s * rate_hz)
        # A row that would look past the end is like the last one that does not.
        wanted = np.arange(self._given, count) - round(start_s * rate_hz)
        self._given = count
        keep = self._sample(max(0.0, (self._block + 1) * self._window_s - self._context_s)) - self._first
        if stop_s is not None and keep > 0:
            self._kept, self._first = self._kept[keep:].copy(), self._first + keep
        return rows[np.minimum(wanted, len(rows) - 1)]
