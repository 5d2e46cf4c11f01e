"""How FaceFormer learns: frames said from the frames said before them, squared error, a style for each person.

As published but for the front end, which may be any (the original: wav2vec 2.0, trained along): each frame hears the
rows around it as one token. Items are short stretches of clips and not whole ones, so that a step is quick; values are
in units of their own spread.
"""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.learn.nets.faceformer import FaceFormer, FaceFormerConfig
from personare.learn.recipes import Recipe, check_ranges
from personare.learn.recipes.hearing import heard_through
from personare.learn.recipes.karras import limited, limits, named_space
from personare.motion.faceformer import AROUND, WEIGHTS, Decoder

MEAN, UNNAMED = "mean", "unnamed"


@dataclass(frozen=True)
class FaceFormerOptions:
    """Settings of the method.

    Args:
        front_end: what it hears with, see recipes.hearing; the original: "wav2vec2".
        fps: frames a second; the original: 30 and 25.
        context: rows heard on either side of a frame's own; 0 for front ends that know their context themselves.
        every: every so many of these rows count.
        width: of the decoder; the original: 64 and 128.
        heads: of the attention, divides width.
        period: frames after which position repeats; the original: 30 and 25.
        seconds: of one item, and so what it learns to look back on.
        noise: largest size of the noise on the rows, in their own spread.
    """

    front_end: str = "phones+mel"
    fps: float = 30.0
    context: int = 15
    every: int = 3
    width: int = 64
    heads: int = 4
    period: int = 30
    seconds: float = 1.0
    noise: float = 0.3

    def __post_init__(self):
        FaceFormerConfig(width=self.width, heads=self.heads)
        check_ranges(self, fps=(1, 240), context=(0, 500), every=(1, 99), width=(2, 2048), heads=(1, 64),
                     period=(1, 1000), seconds=(0.1, 60), noise=(0, 10))


class Heard(nn.Module):
    """The decoder with the numbers around it.

    Args:
        network: nets.faceformer.FaceFormer.
        mean, std: (c,) float32 of the rows.
        rest: (k,) float32, the face it adds to.
        size: unit of the values.
    """

    def __init__(self, network, *, mean, std, rest, size):
        super().__init__()
        self.network = network
        for name, value in (("mean", mean), ("std", std), ("rest", rest), ("size", size)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))


class FaceFormerRecipe(Recipe):
    """See the module."""

    method, options_type, padding = "faceformer", FaceFormerOptions, "silence"
    summary = "FaceFormer, trained on clips"
    training: ClassVar[dict] = {"rounds": 20, "steps": 40, "batch_size": 16, "learning_rate": 1e-3, "average": 0.99}

    def __init__(self, options):
        super().__init__(options)
        self._front_end = heard_through(options.front_end)
        self.rows_before = self.rows_after = options.context
        self.frames = max(2, round(options.seconds * options.fps))

    @property
    def fps(self):
        """Frames a second."""
        return self.options.fps

    def front_end(self):
        """The one that the options name."""
        return self._front_end

    def people(self, corpus):
        """Names of the people learned from, in order."""
        return tuple(dict.fromkeys(corpus.speakers[clip.speaker] for clip in corpus.to_learn))

    def network(self, corpus):
        """The decoder."""
        options, people = self.options, self.people(corpus)
        rows = len(range(0, 2 * options.context + 1, options.every))
        network = FaceFormer(FaceFormerConfig(rows * corpus.front_end.width, len(corpus.columns), options.width,
                                              options.period, len(people), 1, options.heads))
        self._person = torch.tensor([people.index(name) if name in people else -1 for name in corpus.speakers])
        size = float(np.sqrt(np.square(corpus.value_std).mean()))
        return Heard(network, mean=corpus.row_mean, std=np.maximum(corpus.row_std, 1e-3), rest=corpus.value_mean,
                     size=max(size, 1e-6))

    def loss(self, network, item, generator):
        """Squared error of frames said from those said before."""
        rows, b = item.rows, len(item.rows)
        noise = torch.randn(rows.shape, generator=generator, device=rows.device) * network.std
        level = torch.rand((b, 1, 1), generator=generator, device=rows.device)
        rows = (rows + self.options.noise * level * noise - network.mean) / network.std
        offsets = torch.arange(-self.rows_before, self.rows_after + 1, self.options.every, device=rows.device)
        index = item.centres[:, :, None] + offsets
        heard = rows[torch.arange(b, device=rows.device)[:, None, None], index].flatten(2)
        said = network.network.predict(heard, self.share(network, self._person.to(rows.device)[item.speaker]))
        off = said - (item.values - network.rest) / network.size
        return off[item.known].square().mean()

    def share(self, network, person):
        """(n, people) shares of (n,) numbers of people; equal ones where the number is -1."""
        count = network.network.config.speakers
        known = torch.nn.functional.one_hot(person.clamp_min(0), count).float()
        return torch.where(person[:, None] >= 0, known, torch.full_like(known, 1 / count))

    def predict(self, network, corpus, clip):
        """Values of a clip as its own speaker, or as the mean of those known; keys are kept, as at run time."""
        weights, options = self._weights(network), self.options
        share = self.share(network, torch.tensor([self._number(corpus, clip)]))[0].numpy()
        decoder = Decoder(weights, share, heads=options.heads, period=options.period)
        windows = corpus.windows(clip, rows_before=self.rows_before, rows_after=self.rows_after, padding=self.padding)
        rows = ((windows[:, :: options.every] - network.mean.numpy()) / network.std.numpy()).reshape(len(windows), -1)
        return limited(corpus, decoder.decode(rows) * network.size.numpy() + network.rest.numpy())

    def export(self, network, corpus):
        """The decoder's arrays; people are styles where there are several."""
        people, count, options = self.people(corpus), network.network.config.speakers, self.options
        styles = {} if count < 2 else {MEAN: [1 / count] * count} | {
            name or UNNAMED: np.eye(count)[i].tolist() for i, name in enumerate(people)}
        packed, (low, high) = io.BytesIO(), limits(corpus)
        around = {name: np.atleast_1d(getattr(network, name).numpy()) for name in AROUND}
        np.savez(packed, **self._weights(network), **around)
        return {WEIGHTS: packed.getvalue()}, {
            "front_end": corpus.front_end.name, "front_end_options": corpus.front_end.options, "frame_hz": corpus.fps,
            "rows_before": self.rows_before, "rows_after": self.rows_after, "padding": self.padding,
            **named_space(corpus), "lowest": low, "highest": high, "styles": styles, "style": MEAN if styles else "",
            "own": {"heads": options.heads, "period": options.period, "every": options.every}}

    def spoken(self, corpus, clip):
        """The speaker that predict takes."""
        people, number = self.people(corpus), self._number(corpus, clip)
        return {} if len(people) < 2 else {"style": MEAN if number < 0 else people[number] or UNNAMED}

    def _number(self, corpus, clip):
        people, name = self.people(corpus), corpus.speakers[clip.speaker]
        return people.index(name) if name in people else -1

    @staticmethod
    def _weights(network):
        return {name: value.detach().numpy() for name, value in network.network.state_dict().items()}
