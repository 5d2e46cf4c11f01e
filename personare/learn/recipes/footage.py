"""A target's own footage on top of a bundle of puppetry, solved for in closed form: see motion/footage.py."""

import io
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.learn.recipes import Recipe
from personare.learn.recipes.hearing import front_end_named
from personare.learn.recipes.karras import limited, limits, named_space
from personare.motion.footage import REACH, fit_footage
from personare.motion.puppetry import FILTER, FOOTAGE, FOOTAGE_ARRAYS, open_puppetry
from personare.motion.windows import GRAPH
from personare.store import read_bundle
from personare.types import Motion


@dataclass(frozen=True)
class FootageOptions:
    """Settings of the method.

    Args:
        base: folder of a bundle of puppetry: of convert, or of learn puppetry on any clips; what it was mapped to does
            not matter.
        frames: frames that are kept at most; what a frame costs grows with them.
    """

    base: str = ""
    frames: int = 4000

    def __post_init__(self):
        if not 100 <= self.frames <= 20000:
            raise InputError("frames", expected="100 to 20000", got=repr(self.frames), remedy="change it")


class Known(nn.Module):
    """A Footage as a module, so that its numbers are kept like those of any network.

    Args:
        footage: motion.footage.Footage.
    """

    def __init__(self, footage):
        super().__init__()
        self.footage = footage
        for name in FOOTAGE_ARRAYS:
            self.register_buffer(name, torch.from_numpy(getattr(footage, name)))


class FootageRecipe(Recipe):
    """See the module."""

    method, options_type, closed_form = "puppetry", FootageOptions, True
    summary = "a target's own footage on top of audio expressions"

    def __init__(self, options):
        super().__init__(options)
        if not options.base:
            raise InputError("base", expected="the folder of a bundle of puppetry", got="none",
                             remedy="add --option base=FOLDER; personare convert or learn puppetry makes one")
        bundle = read_bundle(options.base)
        if bundle.card.method != "puppetry":
            raise InputError("base", expected="a bundle of puppetry", got=f"one of {bundle.card.method}",
                             remedy="give another folder")
        self._bundle, self._base = bundle, open_puppetry(options.base)

    @property
    def fps(self):
        """Frames a second of the bundle below."""
        return self._base.options.frame_hz

    def front_end(self):
        """That of the bundle below."""
        options = self._base.options
        return front_end_named(options.front_end, **options.front_end_options)

    def pad_with_zeros(self):
        """As the bundle below does, or not at all."""
        if self._base.options.padding == "silence":
            raise InputError("base", expected="a bundle that was learned without DeepSpeech's network as well",
                             got="one that knows what silence gives", remedy="put the network there, see "
                             "docs/audio/deepspeech.md")

    def network(self, corpus):
        """The footage, learned."""
        takes = [(*self._heard(corpus, clip, 0), Motion(clip.values, corpus.fps, _learned(corpus)))
                 for clip in corpus.to_learn]
        return Known(fit_footage(takes, middle=self._base.options.rows_before, columns=corpus.front_end.width,
                                 most=self.options.frames))

    def predict(self, network, corpus, clip):
        """Values of a clip."""
        return limited(corpus, network.footage.values(*self._heard(corpus, clip, network.footage.lag)))

    def export(self, network, corpus):
        """The graph of the bundle below, and the footage."""
        packed, (low, high), footage = io.BytesIO(), limits(corpus), network.footage
        np.savez(packed, **{name: getattr(footage, name) for name in FOOTAGE_ARRAYS})
        kept = ("front_end", "front_end_options", "frame_hz", "rows_before", "rows_after", "padding")
        files = {name: self._bundle.path(name).read_bytes() for name in (GRAPH, FILTER)}
        own = {"slots_before": 0, "slots_after": 0, "lag": footage.lag, "likeness": asdict(footage.likeness),
               "edges": "run"}
        config = {name: self._bundle.card.config[name] for name in kept if name in self._bundle.card.config}
        return files | {FOOTAGE: packed.getvalue()}, config | named_space(corpus) | {
            "lowest": low, "highest": high, "own": own}

    def _heard(self, corpus, clip, lag):
        options = self._base.options
        frames = np.arange(-REACH - lag, len(clip.values) + REACH - lag)
        windows = corpus.windows(clip, rows_before=options.rows_before, rows_after=options.rows_after,
                                 padding=options.padding, frames=frames)
        return self._base.heard(windows, beyond=True)


def _learned(corpus):
    from personare.spaces import Space

    return Space("learned", corpus.columns)
