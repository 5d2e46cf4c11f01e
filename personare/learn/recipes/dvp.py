"""How AudioDVP's audio network learns, as published: squared error, Adam, ten times through the data in fives.

There is no bend in the network, so what it learns can also be solved for: recipe dvp-ridge. What differs: any front
end, whose rows are brought to mean 0 and deviation 1 unless --option normalised=false.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.nets.dvp import AudioExpression
from personare.learn.recipes import Recipe
from personare.learn.recipes.hearing import heard_through
from personare.learn.recipes.karras import limited, limits, named_space
from personare.motion.windows import GRAPH


@dataclass(frozen=True)
class DvpOptions:
    """Settings of the method.

    Args:
        front_end: what it hears with, see recipes.hearing; the original: "atnet".
        fps: frames a second; the original: 25.
        rows: rows seen around a frame, odd, 7 or more; the original: 7, at 25 a second.
        normalised: whether rows are brought to mean 0 and deviation 1, and values to mean 0; the original: false.
    """

    front_end: str = "phones+mel"
    fps: float = 30.0
    rows: int = 31
    normalised: bool = True

    def __post_init__(self):
        check_options(self)
        if self.rows < 7:
            raise InputError("rows", expected="7 or more", got=repr(self.rows), remedy="change it")


def check_options(options):
    """Refuse an even number of rows and frame rates out of range."""
    if options.rows % 2 == 0 or not 1 <= options.rows <= 999:
        raise InputError("rows", expected="an odd number from 1 to 999", got=repr(options.rows), remedy="change it")
    if not 1 <= options.fps <= 240:
        raise InputError("fps", expected="1 to 240", got=repr(options.fps), remedy="change it")


class Scaled(nn.Module):
    """A network between rows and values as they are.

    Args:
        network: (n, w, c) rows -> (n, k) or (n, k, 1).
        mean, std: (c,) float32 of the rows.
        rest: (k,) float32 added to what it gives.
    """

    def __init__(self, network, mean, std, rest):
        super().__init__()
        self.network = network
        for name, value in (("mean", mean), ("std", std), ("rest", rest)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def forward(self, rows):
        """(n, k) of (n, w, c)."""
        return self.network((rows - self.mean) / self.std).flatten(1) + self.rest


class DvpRecipe(Recipe):
    """See the module."""

    method, options_type, padding = "dvp", DvpOptions, "zero"
    summary = "AudioDVP's audio network, trained by its own recipe"
    training: ClassVar[dict] = {"rounds": 10, "steps": 600, "batch_size": 5, "learning_rate": 1e-3, "average": 0.0,
                                "clip": 0.0}

    def __init__(self, options):
        super().__init__(options)
        self._front_end = heard_through(options.front_end)
        self.rows_before = self.rows_after = options.rows // 2

    @property
    def fps(self):
        """Frames a second."""
        return self.options.fps

    def front_end(self):
        """The one that the options name."""
        return self._front_end

    def network(self, corpus):
        """The published network."""
        network = AudioExpression(frames=self.options.rows, features=corpus.front_end.width,
                                  outputs=len(corpus.columns))
        width, count = corpus.front_end.width, len(corpus.columns)
        if not self.options.normalised:
            return Scaled(network, np.zeros(width), np.ones(width), np.zeros(count))
        return Scaled(network, corpus.row_mean, np.maximum(corpus.row_std, 1e-3), corpus.value_mean)

    def loss(self, network, item, generator):
        """Mean squared error."""
        rows = item.windows(self.rows_before, self.rows_after)
        said = network(rows.flatten(0, 1)).view_as(item.values)
        return (said - item.values)[item.known].square().mean()

    def predict(self, network, corpus, clip):
        """Values of a clip."""
        return said(self, network, corpus, clip)

    def export(self, network, corpus):
        """The graph."""
        return exported(self, network, corpus)

    def optimiser(self, network, learning_rate):
        """Adam with the original's moments."""
        return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.5, 0.999))

    def rate_at(self, progress):
        """Constant, as in the original."""
        return 1.0


def said(recipe, network, corpus, clip):
    """(t, k) float32 of a network that sees a window for each frame, held between the limits."""
    windows = torch.from_numpy(corpus.windows(clip, rows_before=recipe.rows_before, rows_after=recipe.rows_after,
                                              padding=recipe.padding))
    with torch.no_grad():
        return limited(corpus, np.concatenate([network(part).numpy() for part in windows.split(256)]))


def exported(recipe, network, corpus):
    """(files, config) of such a network."""
    rows = torch.randn(3, recipe.rows_before + 1 + recipe.rows_after, corpus.front_end.width)
    return {GRAPH: graph_bytes(network, {"rows": rows}, ["values"])}, config_of(recipe, corpus)


def config_of(recipe, corpus):
    """What the card of such a network says."""
    front_end, (low, high) = corpus.front_end, limits(corpus)
    return {
        "front_end": front_end.name, "front_end_options": front_end.options, "frame_hz": corpus.fps,
        "rows_before": recipe.rows_before, "rows_after": recipe.rows_after, "padding": recipe.padding,
        **named_space(corpus), "lowest": low, "highest": high}
