"""How the network of Karras et al. 2017 learns, as their paper has it.

Half a second of normalised autocorrelation around a frame; an emotion for every training frame, learned along; position
and motion loss on two adjacent frames and regularisation of the emotion, each divided by its own running size; sound
and curves shifted together by up to half a frame at random; noise on the layers. From the paper's text, since there is
no code of it: rows of sound stand on a grid common to all frames, so a frame's window is off by up to 4 ms.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.nets.karras import (
    Balance,
    Karras,
    KarrasConfig,
    motion_loss,
    position_loss,
    regularisation_loss,
)
from personare.learn.recipes import Recipe
from personare.learn.recipes.karras import limited, limits, named_space, taken
from personare.motion.karras import MEAN

FPS, ROWS_HZ, HEIGHT, WIDTH = 30.0, 125.0, 32, 64
# Rows before and after a frame's own in its window; rows of half a frame that sound may be shifted by.
BEFORE, AFTER, SHIFT = 32, 31, 2


@dataclass(frozen=True)
class PaperOptions:
    """Settings of the method.

    Args:
        emotion_size: numbers of an emotion; 16 to 24 in the paper.
        noise: whether layers' inputs are noisy while learning.
        shift: whether sound and curves are shifted at random.
        dropout: before the last layer while learning, 0..1; the paper has none.
    """

    emotion_size: int = 16
    noise: bool = True
    shift: bool = True
    dropout: float = 0.0

    def __post_init__(self):
        for name, ok, expected in (("emotion_size", 1 <= self.emotion_size <= 256, "1 to 256"),
                                   ("dropout", 0 <= self.dropout < 1, "0 or more and below 1")):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")


class Balanced(nn.Module):
    """The network and the sizes of its losses, which belong to a run that may be interrupted.

    Args:
        config: nets.karras.KarrasConfig.
        firsts: (clips,) int64, the row of the emotion database that each clip starts at.
    """

    def __init__(self, config, firsts):
        super().__init__()
        self.karras, self.balance = Karras(config), Balance(3)
        self.register_buffer("firsts", torch.as_tensor(firsts))

    def forward(self, rows, emotion=None):
        """(b, outputs) or (b, t, outputs) of (b, w, c) or (b, t, w, c) windows, rows of sound in order of time."""
        return self.karras(rows.transpose(-1, -2), emotion)


class PaperRecipe(Recipe):
    """See the module."""

    method, options_type = "karras", PaperOptions
    summary = "Speech to curves as in Karras et al. 2017"
    training: ClassVar[dict] = {"rounds": 100, "steps": 100, "batch_size": 50, "learning_rate": 1e-3}
    # Two adjacent frames, and one on either side for curves between frames.
    frames = 4
    rows_before, rows_after = BEFORE + SHIFT, AFTER + SHIFT
    fps = FPS

    def front_end(self):
        """Normalised autocorrelation of 16 ms of sound, every 8 ms."""
        return open_front_end("lpc", rate_hz=ROWS_HZ, order=HEIGHT - 1, correlation=True)

    def network(self, corpus):
        """The network, with an emotion for every frame to learn from."""
        counts = [0 if clip.held_out else len(clip.values) for clip in corpus.clips]
        config = KarrasConfig(len(corpus.columns), HEIGHT, WIDTH, "paper", self.options.emotion_size, sum(counts),
                              self.options.dropout, self.options.noise)
        return Balanced(config, np.cumsum([0, *counts[:-1]]))

    def loss(self, network, item, generator):
        """The balanced sum of the paper's three losses on the two frames in the middle."""
        b = len(item.rows)
        shift = torch.randint(-SHIFT, SHIFT + 1, (b, 1), generator=generator, device=item.rows.device)
        shift = shift * int(self.options.shift)
        offsets = torch.arange(-BEFORE, AFTER + 1, device=item.rows.device)
        index = (item.centres[:, 1:3] + shift)[:, :, None] + offsets  # (b, 2, w)
        windows = item.rows[torch.arange(b, device=index.device)[:, None, None], index]  # (b, 2, w, c)
        at = torch.arange(1, 3, device=index.device) + shift * (FPS / ROWS_HZ)  # (b, 2)
        values = taken(item.values, at)
        known = item.known[:, 3]
        frames = network.firsts[item.clip][:, None] + item.first[:, None] + torch.arange(1, 3, device=index.device)
        emotion = network.karras.database[frames.clamp_max(len(network.karras.database) - 1)]  # (b, 2, e)
        predicted = network(windows, emotion)
        parts = [predicted[known], values[known], emotion[known]]
        return network.balance(position_loss(*parts[:2]), motion_loss(*parts[:2]), regularisation_loss(parts[2]))

    def predict(self, network, corpus, clip):
        """Curves of a clip with the mean of the database."""
        rows = torch.from_numpy(corpus.windows(clip, rows_before=BEFORE, rows_after=AFTER, padding=self.padding))
        with torch.no_grad():
            parts = [network(part).numpy() for part in rows.split(256)]
        return limited(corpus, np.concatenate(parts))

    def export(self, network, corpus):
        """The graph, and for styles the mean of the database and that of each clip."""
        database = network.karras.database.detach()
        styles = {MEAN: database.mean(0).tolist()}
        for i, clip in enumerate(corpus.clips):
            if not clip.held_out:
                first = int(network.firsts[i])
                styles[clip.name] = database[first : first + len(clip.values)].mean(0).tolist()
        low, high = limits(corpus)
        example = {"rows": torch.randn(3, WIDTH, HEIGHT), "style": torch.zeros(3, self.options.emotion_size)}
        return {"model.onnx": graph_bytes(network, example, ["values"])}, {
            "front_end": corpus.front_end.name, "front_end_options": corpus.front_end.options, "frame_hz": FPS,
            "rows_before": BEFORE, "rows_after": AFTER, "padding": self.padding, **named_space(corpus), "lowest": low,
            "highest": high, "styles": styles, "style": MEAN}
