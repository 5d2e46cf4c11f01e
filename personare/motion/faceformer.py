"""FaceFormer: each frame from the frames before it and the sound, decoded one after the other.

Fan et al. (CVPR 2022); the network is learn/nets/faceformer.py. The original decodes all frames anew for each further
one and has masks for 600. Here a frame's keys and values are kept, so that it costs the same however many went before;
what came more than `memory` frames ago is forgotten, which begins where the original ends. Needs NumPy only, and
what its front end needs.
"""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from personare.arrays import checked
from personare.assets import user_path
from personare.audio.wav2vec2 import SpeechEncoder, Wav2Vec2Options, front_end_of
from personare.errors import AssetError, InputError
from personare.files.arrays import read_npz
from personare.motion.windows import WindowMethod, WindowSession
from personare.store import read_bundle

# Frames that a frame looks back on: as many as the original's masks have.
MEMORY = 600
_EPSILON = 1e-5
_SELF, _CROSS = "self_attn", "multihead_attn"
_LAYER = "transformer_decoder.layers.0."
WEIGHTS, SPEECH, _MOST_BYTES = "decoder.npz", "speech.onnx", 1 << 30
_PAIRS = ("weight", "bias")
_INNER = (f"{_SELF}.out_proj", f"{_CROSS}.out_proj", "linear1", "linear2", "norm1", "norm2", "norm3")
_OUTER = ("audio_feature_map", "vertice_map", "vertice_map_r", *(_LAYER + part for part in _INNER))
NAMES = ("obj_vector.weight", *(f"{part}.{name}" for part in _OUTER for name in _PAIRS),
         *(f"{_LAYER}{part}.in_proj_{name}" for part in (_SELF, _CROSS) for name in _PAIRS))
# What stands around the decoder: mean and deviation of rows, the face it adds to, and the unit it adds in.
AROUND = ("mean", "std", "rest", "size")


def slopes(heads):
    """How fast each head of the attention forgets, by whole periods: 2^-8/h, 2^-16/h, ... as in ALiBi.

    Args:
        heads: 1 or more; where it is no power of two, those of the next lower one come first and every second of
            the next higher one behind.

    Source:
        Press et al., Train Short, Test Long (ICLR 2022).
    """
    whole = 2 ** math.floor(math.log2(heads))
    first = [2.0 ** (-8.0 * (i + 1) / whole) for i in range(whole)]
    return first if whole == heads else first + slopes(2 * whole)[::2][:heads - whole]


def periodic_encoding(width, period):
    """(period, width) float32: sines and cosines of a frame's place in its period."""
    angle = np.arange(period, dtype=np.float32)[:, None] * np.exp(
        np.arange(0, width, 2, dtype=np.float32) * np.float32(-math.log(10000.0) / width))
    place = np.empty((period, width), np.float32)
    place[:, 0::2], place[:, 1::2] = np.sin(angle), np.cos(angle)
    return place


class Decoder:
    """The decoder of one take: rows of features in, frames out, in pieces of any size with the same result.

    Args:
        weights: dict of name -> float32 array, as a checkpoint of the network names them.
        speaker: (s,) float32, one hot or a mixture.
        heads, period, tokens: see learn.nets.faceformer.FaceFormerConfig.
        memory: frames that a frame looks back on, 1 or more.
    """

    def __init__(self, weights, speaker, *, heads, period, tokens=1, memory=MEMORY):
        self._weights, self._heads, self._period, self._tokens = weights, heads, period, tokens
        width = len(weights["audio_feature_map.bias"])
        self._style = weights["obj_vector.weight"] @ speaker  # (d,)
        # What the last hidden state becomes as the next input: out through one map and in through the other.
        self._again = weights["vertice_map.weight"] @ weights["vertice_map_r.weight"]  # (d, d)
        self._start = (weights["vertice_map.weight"] @ weights["vertice_map_r.bias"]
                       + weights["vertice_map.bias"] + self._style)
        self._place = periodic_encoding(width, period)
        self._slopes = np.float32(slopes(heads))[:, None]
        self._size = width // heads
        # Keys and values of the last `memory` frames, twice as much room so that they move seldom.
        self._kept = np.empty((2, heads, 2 * memory, self._size), np.float32)
        self._memory, self._stop, self._frame, self._last = memory, 0, 0, None

    def decode(self, features):
        """(t, columns) float32 of the next (t * tokens, channels) rows of features."""
        w, count = self._weights, len(features) // self._tokens
        sound = features @ w["audio_feature_map.weight"].T + w["audio_feature_map.bias"]
        keys, values = self._heard(sound, count)
        hidden = np.empty((count, len(self._style)), np.float32)
        for i in range(count):
            hidden[i] = self._step(keys[i], values[i])
        return hidden @ w["vertice_map_r.weight"].T + w["vertice_map_r.bias"]

    def _heard(self, sound, count):
        """Keys and values of the sound, each (t, heads, tokens, size): a frame sees its own tokens only."""
        width = sound.shape[1]
        weight = self._weights[f"{_LAYER}{_CROSS}.in_proj_weight"][width:]
        both = sound @ weight.T + self._weights[f"{_LAYER}{_CROSS}.in_proj_bias"][width:]
        both = both.reshape(count, self._tokens, 2, self._heads, self._size)
        return both[:, :, 0].transpose(0, 2, 1, 3), both[:, :, 1].transpose(0, 2, 1, 3)

    def _step(self, keys, values):
        """(d,) hidden state of the next frame."""
        x = self._style if self._last is None else self._again @ self._last + self._start
        x = x + self._place[self._frame % self._period]
        x = self._normed("norm1", x + self._look_back(x))
        query = self._projected(_CROSS, x, 0)
        x = self._normed("norm2", x + self._out(_CROSS, _attend(query, keys, values, 0.0)))
        inner = np.maximum(self._linear("linear1", x), 0)
        x = self._normed("norm3", x + self._linear("linear2", inner))
        self._frame += 1
        self._last = x
        return x

    def _look_back(self, x):
        if self._stop == self._kept.shape[2]:
            self._kept[:, :, : self._memory] = self._kept[:, :, self._memory:]
            self._stop = self._memory
        for which in (0, 1):
            self._kept[which, :, self._stop] = self._projected(_SELF, x, which + 1)
        self._stop += 1
        first = max(0, self._stop - self._memory)
        keys, values = self._kept[:, :, first : self._stop]
        behind = np.arange(self._stop - first - 1, -1, -1) // self._period
        return self._out(_SELF, _attend(self._projected(_SELF, x, 0), keys, values, -behind * self._slopes))

    def _projected(self, part, x, which):
        """(heads, size) query (0), key (1) or value (2)."""
        rows = slice(which * len(x), (which + 1) * len(x))
        weight, bias = (self._weights[f"{_LAYER}{part}.in_proj_{name}"][rows] for name in ("weight", "bias"))
        return (weight @ x + bias).reshape(self._heads, self._size)

    def _out(self, part, x):
        return self._linear(f"{part}.out_proj", x.reshape(-1))

    def _linear(self, name, x):
        return self._weights[f"{_LAYER}{name}.weight"] @ x + self._weights[f"{_LAYER}{name}.bias"]

    def _normed(self, name, x):
        x = x - x.mean()
        x = x / np.sqrt(np.square(x).mean() + np.float32(_EPSILON))
        return x * self._weights[f"{_LAYER}{name}.weight"] + self._weights[f"{_LAYER}{name}.bias"]


def _attend(query, keys, values, bias):
    """(heads, size) of (heads, size) queries over (heads, n, size) keys and values."""
    score = (keys @ query[:, :, None])[:, :, 0] / np.float32(math.sqrt(query.shape[1])) + bias
    score = np.exp(score - score.max(axis=1, keepdims=True))
    return ((score / score.sum(axis=1, keepdims=True))[:, None] @ values)[:, 0]


@dataclass(frozen=True)
class FaceFormerOptions:
    """The method's own settings on a card.

    Args:
        heads, period: see learn.nets.faceformer.FaceFormerConfig.
        every: every so many rows of a window count, from the first one.
        memory: frames that a frame looks back on.
        tokens: parts that those rows are heard as; one for all of them, or one for each.
        encoder: of a bundle that brings its own speech encoder, how it is run; None for the front end of the card.
    """

    heads: int
    period: int
    every: int = 1
    memory: int = MEMORY
    tokens: int = 1
    encoder: Wav2Vec2Options | None = None


class FaceFormer:
    """An opened bundle.

    Args:
        bundle: store.Bundle.

    Attributes:
        card: the bundle's card.
        options: windows.WindowOptions.
        styles: names of the people it can speak as, where there are several.
    """

    def __init__(self, bundle):
        self._bundle, brings = bundle, SPEECH in bundle.card.files
        self._windows = WindowMethod(bundle, graph="", front_end=self._own_ears if brings else None)
        self.card, self.options, self.styles = self._windows.card, self._windows.options, self._windows.styles
        try:
            self._own = msgspec.convert(self.options.own, FaceFormerOptions)
        except msgspec.ValidationError as error:
            raise AssetError(
                f"{bundle.folder}: its card does not fit this release ({error}); update personare") from error
        path = bundle.path(WEIGHTS)
        try:
            self._arrays = read_npz(path, NAMES + AROUND, most_bytes=_MOST_BYTES)
            self._check()
        except (InputError, ValueError, IndexError) as error:
            raise AssetError(f"{path}: nothing that fits its card ({error}); train the bundle again") from error

    def session(self, *, fps=30.0, style=None, seed=0):
        """A new take.

        Args:
            fps: frames a second, > 0.
            style: name of one of `styles`, or (s,) shares of them; None for the bundle's own choice.
            seed: the method is deterministic; any gives the same.

        Returns:
            windows.WindowSession.

        Raises:
            InputError: a style that is not there.
        """
        code, plan, own = self._windows.code_of(style), self._windows.plan(), self._own
        decoder = Decoder(self._arrays, np.ones(1, np.float32) if code is None else code, heads=own.heads,
                          period=own.period, tokens=own.tokens, memory=own.memory)
        mean, std, rest, size = (self._arrays[name] for name in AROUND)

        def run(windows):
            rows = ((windows[:, :: own.every] - mean) / std).reshape(len(windows) * own.tokens, -1)
            return decoder.decode(rows) * size + rest

        # A session gives its windows in order, each once, so that the decoder goes from frame to frame.
        return WindowSession(replace(plan, run=run), fps=fps)

    def _own_ears(self):
        """FrontEnd of the speech encoder that came with the weights."""
        options = self._own.encoder
        if options is None:
            raise AssetError(f"{self._bundle.folder}: its card does not say how its speech encoder is run; convert the "
                             "checkpoint again")
        encoder = SpeechEncoder(self._bundle.path(SPEECH), options)
        return front_end_of(encoder, {}, options.window_s, options.context_s)

    def _check(self):
        """Refuse arrays whose sizes do not belong together."""
        arrays, options = self._arrays, self.options
        width, columns = len(arrays["audio_feature_map.bias"]), len(options.columns or options.whole_space())
        rows = len(range(0, options.rows_before + 1 + options.rows_after, self._own.every))
        if width % self._own.heads or width % 2:
            raise ValueError(f"width {width} for {self._own.heads} heads")
        if self._own.tokens < 1 or rows % self._own.tokens:
            raise ValueError(f"{rows} rows for {self._own.tokens} tokens")
        people = len(next(iter(options.styles.values()))) if self.styles else 1
        shapes = {"audio_feature_map.weight": (width, rows // self._own.tokens * len(arrays["mean"])),
                  "size": (1,), "rest": (columns,),
                  "obj_vector.weight": (width, people),
                  "vertice_map.weight": (width, columns), "vertice_map.bias": (width,),
                  "vertice_map_r.weight": (columns, width), "vertice_map_r.bias": (columns,),
                  "std": arrays["mean"].shape}
        for part in (_LAYER + _SELF, _LAYER + _CROSS):
            shapes |= {f"{part}.in_proj_weight": (3 * width, width), f"{part}.in_proj_bias": (3 * width,),
                       f"{part}.out_proj.weight": (width, width), f"{part}.out_proj.bias": (width,)}
        inner = len(arrays[f"{_LAYER}linear1.bias"])
        shapes |= {f"{_LAYER}linear1.weight": (inner, width), f"{_LAYER}linear2.weight": (width, inner)}
        shapes |= {f"{_LAYER}norm{i}.{name}": (width,) for i in (1, 2, 3) for name in ("weight", "bias")}
        for name, shape in shapes.items():
            checked(name, arrays[name], shape)


def open_faceformer(path=None):
    """Open a bundle that `personare learn faceformer` or `personare convert` wrote.

    Args:
        path: its folder; default models/faceformer in personare's home. No bundle comes with personare.

    Returns:
        FaceFormer.

    Raises:
        AssetError: the bundle is missing, damaged, or of a newer version.
    """
    return FaceFormer(read_bundle(user_path("models", "faceformer") if path is None else path))
