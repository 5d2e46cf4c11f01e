"""FACEGOOD Audio2Face's own network, trained as its step 4 trains it: the original, to compare with.

Images of linear prediction, one for each frame; its loss of a shuffled batch, learning rate and decay. Its epochs are
rounds here, drawn with replacement; it leaves out every second frame of silence of its clips of words, which is not
done here, since which those are is not in the data.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.nets.karras import Karras, KarrasConfig, facegood_loss
from personare.learn.recipes import Recipe
from personare.learn.recipes.karras import named_space

FPS, HEIGHT, WIDTH = 30.0, 32, 64
EPOCHS, DECAY, EVERY = 200, 0.98, 10


@dataclass(frozen=True)
class FacegoodOptions:
    """Settings of the method.

    Args:
        variant: "tf2", the network of 2023, or "tf1", that of 2021.
        dropout: before the last layer while learning, 0..1; 0.5 in both originals.
    """

    variant: str = "tf2"
    dropout: float = 0.5

    def __post_init__(self):
        for name, ok, expected in (("variant", self.variant in ("tf1", "tf2"), "tf2 or tf1"),
                                   ("dropout", 0 <= self.dropout < 1, "0 or more and below 1")):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")


class ImageWindows(nn.Module):
    """The network for rows that are flattened images, as the front end gives them.

    Args:
        network: nets.karras.Karras.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, rows):
        """(t, outputs) of (t, 1, 2048) windows of one row."""
        return self.network(rows.reshape(-1, HEIGHT, WIDTH))


class FacegoodRecipe(Recipe):
    """See the module."""

    method, options_type, padding = "karras", FacegoodOptions, "silence"
    summary = "FACEGOOD Audio2Face's network, trained by its own recipe"
    training: ClassVar[dict] = {"rounds": EPOCHS, "steps": 500, "batch_size": 32, "learning_rate": 1e-3,
                                "average": 0.0, "clip": 0.0}
    fps = FPS

    def front_end(self):
        """Images of linear prediction, one for each frame."""
        return open_front_end("lpc", image_hz=FPS)

    def network(self, corpus):
        """The network of one of the two releases."""
        return Karras(KarrasConfig(len(corpus.columns), HEIGHT, WIDTH, self.options.variant,
                                   dropout=self.options.dropout))

    def loss(self, network, item, generator):
        """The original's, over halves of a shuffled batch; the last item of an odd one is left out."""
        count = len(item.rows) // 2 * 2
        rows = item.windows(0, 0)[:count]
        images = rows.reshape(count, HEIGHT, WIDTH)
        return facegood_loss(network(images), item.values[:count, 0], network.heard_emotion(images),
                             variant=self.options.variant)

    def predict(self, network, corpus, clip):
        """Curves of a clip; not held between limits, as in the original."""
        rows = torch.from_numpy(corpus.windows(clip, rows_before=0, rows_after=0))
        with torch.no_grad():
            return np.concatenate([network(part.reshape(-1, HEIGHT, WIDTH)).numpy() for part in rows.split(256)])

    def export(self, network, corpus):
        """The graph; there are no styles."""
        example = {"rows": torch.randn(3, 1, HEIGHT * WIDTH)}
        return {"model.onnx": graph_bytes(ImageWindows(network), example, ["values"])}, {
            "front_end": corpus.front_end.name, "front_end_options": corpus.front_end.options, "frame_hz": FPS,
            "rows_before": 0, "rows_after": 0, "padding": self.padding, **named_space(corpus)}

    def optimiser(self, network, learning_rate):
        """Adam as TensorFlow has it."""
        return torch.optim.Adam(network.parameters(), lr=learning_rate, eps=1e-8)

    def rate_at(self, progress):
        """0.98 for every ten of 200 epochs."""
        return DECAY ** int(progress * EPOCHS / EVERY)
