"""Motion diffusion block after block: each goes on from the last frames of the one before, and overlaps it.

A frame has noise of its own, so that the frames which two blocks make begin alike; where they differ the two answers
are blended, as in DiffPoseTalk's windows with known frames in front and EDGE's with shared halves.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personare.motion.diffusion import alpha_bars, cosine_betas, sample, sampling_times

# Apart from other uses of the same seed.
_NOISE = 11


@dataclass(frozen=True, eq=False)
class BlockNetwork:
    """A network as Blocks wants it, of onnxruntime or of torch.

    Args:
        hear: (rows (1, r, c)) -> tokens (1, t, width) and gates (1, t, 3) as logits, or None for these.
        denoise: (window (b, n, k), known (b, n), tokens (b, n, width), heard (b,), time (b,), style (b,), strength
            (b,)) -> (b, n, k); see learn.nets.facetalk.Denoiser.
    """

    hear: Callable
    denoise: Callable


class Blocks:
    """Codes of one take, one block after the other.

    Args:
        network: BlockNetwork.
        options: FacetalkOptions.
        style: number of a style, 0 for any.
        strength: factor on expression, > 0.
        seed: integer >= 0 of all noise.
    """

    def __init__(self, network, options, *, style=0, strength=1.0, seed=0):
        self._network, self._options = network, options
        self._style, self._strength, self._seed = style, strength, seed
        self._left, self._times = alpha_bars(cosine_betas()), sampling_times(options.steps)
        self._start, self._hop = 0, options.fresh - options.overlap
        # The first block also hears what lies before the take.
        self._heard = -options.known
        self._tokens = self._gates = self._last = self._draft = None

    @property
    def first_row(self):
        """Number of the first row that the next block hears; negative before the take."""
        return self._options.rows_per_frame * (self._heard - self._options.reach - 1)

    @property
    def stop_row(self):
        """Number of the row behind the last one that the next block hears."""
        options = self._options
        return options.rows_per_frame * (self._start + options.fresh + options.reach) + 1

    def next(self, rows):
        """Make a block.

        Args:
            rows: (stop_row - first_row, c) float32.

        Returns:
            codes (fresh - overlap, k) float32, standardised, and gates of the same frames as logits or None.
        """
        options, width = self._options, len(self._options.columns)
        tokens, gates = (None if new is None else new[0] if old is None else np.concatenate([old, new[0]])
                         for old, new in zip((self._tokens, self._gates), self._network.hear(rows[None]), strict=True))
        known = np.full(options.known + options.fresh, 0, np.float32)
        known[: options.known] = -1 if self._last is None else 1
        before = np.zeros((options.known, width), np.float32) if self._last is None else self._last
        noise = self._noise(np.arange(self._start, self._start + options.fresh))

        def denoise(x, time):
            return self._answer(np.concatenate([before, x]), known, tokens, time)[options.known :]

        codes = sample(denoise, noise, left=self._left, times=self._times, order=options.order)
        if self._draft is not None:
            share = (np.arange(1, options.overlap + 1, dtype=np.float32) / (options.overlap + 1))[:, None]
            codes[: options.overlap] = (1 - share) * self._draft + share * codes[: options.overlap]
        codes, self._draft = codes[: self._hop], codes[self._hop :]
        self._last = np.concatenate([before, codes])[len(codes) :]
        self._start, self._heard = self._start + self._hop, self._start + options.fresh
        kept = len(tokens) - options.known - options.overlap
        told = None if gates is None else gates[options.known : options.known + self._hop]
        self._tokens, self._gates = tokens[kept:], None if gates is None else gates[kept:]
        return codes, told

    def _noise(self, frames):
        """(t, k) float32 standard normal, each frame's own: blocks that share frames begin alike."""
        draws = [np.random.default_rng([self._seed, _NOISE, frame]) for frame in frames.tolist()]
        return np.stack([rng.standard_normal(len(self._options.columns), np.float32) for rng in draws])

    def _answer(self, window, known, tokens, time):
        """The clean window, guided away from what the network would say without the sound."""
        count = 1 if self._options.guidance == 1 else 2
        heard = np.array([1, 0], np.float32)[:count]

        def each(value, kind):
            return np.full(count, value, kind)

        def both(array):
            return np.repeat(array[None], count, axis=0)

        given = self._network.denoise(both(window), both(known), both(tokens), heard, each(time, np.int64),
                                      each(self._style, np.int64), each(self._strength, np.float32))
        if count == 1:
            return given[0]
        return given[1] + np.float32(self._options.guidance) * (given[0] - given[1])
