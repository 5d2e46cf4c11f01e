"""How Audio2ExpressionNet of Neural Voice Puppetry learns: one set of audio expressions, a mapping for each person.

Losses and their proportions are the paper's, in units of the data's own spread; the original's are in vertices of a
face model that is not public. What differs: any front end, whose rows are normalised; the filter starts at the frame
itself and its early loss is that frame's, where the original's are one frame late; weights start at a size that learns
in minutes, neighbours in time always belong to the same take, and rows get some noise.
"""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.learn.export import graph_bytes
from personare.learn.nets.puppetry import CODE_SCALE, Puppetry, PuppetryConfig
from personare.learn.recipes import Recipe, check_ranges
from personare.learn.recipes.hearing import heard_through
from personare.learn.recipes.karras import limited, limits, named_space
from personare.motion.puppetry import FILTER, MAPPING
from personare.motion.windows import GRAPH

MEAN, UNNAMED = "mean", "unnamed"
# An item: a frame and its two neighbours.
_FRAMES = 3


@dataclass(frozen=True)
class PuppetryRecipeOptions:
    """Settings of the method.

    Args:
        front_end: what it hears with, see recipes.hearing; the original: "deepspeech".
        fps: frames a second; the original: 25.
        window: rows of a window, a power of two from 2 to 64; the original: 16.
        codes: audio expressions.
        slots_before, slots_after: frames that the filter looks at.
        early: weight of the loss on the frame before it is filtered.
        motion: weight of the loss on differences of neighbouring frames; the original: 20.
        noise: largest size of the noise on the rows, in their own spread.
        dropout: share of the rows' columns left out over a whole item, 0..1.
    """

    front_end: str = "phones+mel"
    fps: float = 30.0
    window: int = 32
    codes: int = 32
    slots_before: int = 3
    slots_after: int = 4
    early: float = 3.0
    motion: float = 2.0
    noise: float = 0.3
    dropout: float = 0.1

    def __post_init__(self):
        PuppetryConfig(window=self.window, codes=self.codes)
        check_ranges(self, fps=(1, 240), slots_before=(0, 30), slots_after=(0, 30), early=(0, 1e3), motion=(0, 1e3),
                     noise=(0, 10), dropout=(0, 0.99), codes=(1, 1024))


class Speaking(nn.Module):
    """The network between rows and values as they are.

    Args:
        network: nets.puppetry.Puppetry.
        mean, std: (c,) float32 of the rows.
        rest: (people, k) float32 means of the values.
        size: what a difference of values is divided by in the loss.
    """

    def __init__(self, network, *, mean, std, rest, size):
        super().__init__()
        self.network = network
        for name, value in (("mean", mean), ("std", std), ("rest", rest), ("size", size)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def codes(self, rows):
        """(n, codes) of (n, window, c) rows."""
        return self.network.codes((rows - self.mean) / self.std)

    def filtered(self, codes):
        """(n, codes) of (n, slots, codes)."""
        return self.network.filtered(codes)

    def values(self, codes, share):
        """(n, k) of (n, codes) and (n, people) shares of people."""
        weight = torch.einsum("np,pkc->nkc", share, self.network.mapping[0])
        return self.size * CODE_SCALE * torch.einsum("nkc,nc->nk", weight, codes) + share @ self.rest


class _Part(nn.Module):
    def __init__(self, network, name):
        super().__init__()
        self.network, self.name = network, name

    def forward(self, x):
        return getattr(self.network, self.name)(x)


class PuppetryRecipe(Recipe):
    """See the module."""

    method, options_type, frames, padding = "puppetry", PuppetryRecipeOptions, _FRAMES, "silence"
    summary = "Audio2ExpressionNet of Neural Voice Puppetry, trained on clips"
    training: ClassVar[dict] = {"rounds": 20, "steps": 100, "batch_size": 32, "learning_rate": 1e-3, "average": 0.99}

    def __init__(self, options):
        super().__init__(options)
        self._front_end = heard_through(options.front_end)
        self._step = self._front_end.rate_hz / options.fps
        self._own_before, self._own_after = options.window // 2, options.window - options.window // 2 - 1
        self.rows_before = self._own_before + int(np.ceil(options.slots_before * self._step)) + 1
        self.rows_after = self._own_after + int(np.ceil(options.slots_after * self._step)) + 1

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
        """The network, with a mapping for each person."""
        options, people = self.options, self.people(corpus)
        network = Puppetry(PuppetryConfig(corpus.front_end.width, options.window, options.codes, options.slots_before,
                                          options.slots_after, len(corpus.columns), len(people)))
        for module in network.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                nn.init.xavier_normal_(module.weight)
        with torch.no_grad():
            network.mapping.mul_(1 / (CODE_SCALE * options.codes**0.5))
            network.attentionNet[0].weight.mul_(0.1)
            network.attentionNet[0].bias.copy_(-0.5 * (torch.arange(network.config.slots) - options.slots_before) ** 2)
        own = [np.concatenate([clip.values for clip in corpus.to_learn if corpus.speakers[clip.speaker] == name])
               for name in people]
        spread = np.sqrt(np.mean([part.var(axis=0).mean() for part in own]))
        self._person = torch.tensor([people.index(name) if name in people else -1 for name in corpus.speakers])
        return Speaking(network, mean=corpus.row_mean, std=np.maximum(corpus.row_std, 1e-3),
                        rest=np.stack([part.mean(axis=0) for part in own]), size=max(float(spread), 1e-6))

    def share(self, network, person):
        """(n, people) shares of (n,) numbers of people; equal ones where the number is -1."""
        count = len(network.rest)
        known = torch.nn.functional.one_hot(person.clamp_min(0), count).float()
        return torch.where(person[:, None] >= 0, known, torch.full_like(known, 1 / count))

    def loss(self, network, item, generator):
        """The paper's: three frames, the middle one before it is filtered, and their differences; root mean squares."""
        options, b = self.options, len(item.rows)
        rows = item.rows

        def drawn(*shape):
            return torch.rand(shape, generator=generator, device=rows.device)

        noise = torch.randn(rows.shape, generator=generator, device=rows.device) * network.std
        rows = rows + options.noise * drawn(b, 1, 1) * noise
        kept = (drawn(b, 1, rows.shape[2]) >= options.dropout).float()
        rows = kept * rows + (1 - kept) * network.mean
        offsets = torch.arange(-options.slots_before, _FRAMES + options.slots_after, device=rows.device)
        frames = item.first[:, None] + offsets
        places = [torch.floor(at.double() * self._step + 0.5).long() for at in (frames, item.first[:, None])]
        centres = places[0] - places[1] + item.centres[:, :1]
        index = centres[:, :, None] + torch.arange(-self._own_before, self._own_after + 1, device=rows.device)
        windows = rows[torch.arange(b, device=rows.device)[:, None, None], index]  # (b, frames, window, c)
        codes = network.codes(windows.flatten(0, 1)).view(b, len(offsets), -1)
        slots = codes.unfold(1, network.network.config.slots, 1).transpose(2, 3)  # (b, 3, slots, codes)
        filtered = network.filtered(slots.flatten(0, 1)).view(b, _FRAMES, -1)
        share = self.share(network, self._person.to(rows.device)[item.speaker])
        whole = torch.cat([filtered, codes[:, options.slots_before + 1][:, None]], 1)
        said = network.values(whole.flatten(0, 1), share.repeat_interleave(_FRAMES + 1, 0)).view(b, _FRAMES + 1, -1)
        truth = torch.cat([item.values, item.values[:, 1:2]], 1)
        known = torch.cat([item.known, item.known[:, 1:2]], 1)
        off = (said - truth) / network.size * known[:, :, None]
        before, own, after, early = off.unbind(1)
        parts = sum(_size(part) for part in (before, own, after)) + options.early * _size(early)
        return parts + options.motion * sum(_size(part) for part in (own - after, before - own, after - before))

    def predict(self, network, corpus, clip):
        """Values of a clip as its own speaker, or as the mean of those known."""
        options = self.options
        frames = np.arange(-options.slots_before, len(clip.values) + options.slots_after)
        windows = corpus.windows(clip, rows_before=self._own_before, rows_after=self._own_after, padding=self.padding,
                                 frames=frames)
        with torch.no_grad():
            codes = torch.cat([network.codes(part) for part in torch.from_numpy(windows).split(256)])
            slots = codes.unfold(0, network.network.config.slots, 1).transpose(1, 2)
            share = self.share(network, torch.tensor([self._number(corpus, clip)]))
            values = network.values(network.filtered(slots), share.expand(len(slots), -1))
        return limited(corpus, values.numpy())

    def _number(self, corpus, clip):
        people, name = self.people(corpus), corpus.speakers[clip.speaker]
        return people.index(name) if name in people else -1

    def spoken(self, corpus, clip):
        """The speaker that predict takes."""
        people, number = self.people(corpus), self._number(corpus, clip)
        return {} if len(people) < 2 else {"style": MEAN if number < 0 else people[number] or UNNAMED}

    def export(self, network, corpus):
        """Two graphs and the mappings; people are styles where there are several."""
        config, people, count = network.network.config, self.people(corpus), len(network.rest)
        styles = {} if count < 2 else {MEAN: [1 / count] * count} | {
            name or UNNAMED: np.eye(count)[i].tolist() for i, name in enumerate(people)}
        weight = network.size * CODE_SCALE * network.network.mapping[0]
        mappings, (low, high) = io.BytesIO(), limits(corpus)
        np.savez(mappings, weight=weight.detach().numpy(), intercept=network.rest.numpy())
        rows, slots = torch.randn(3, config.window, config.row_width), torch.randn(3, config.slots, config.codes)
        files = {GRAPH: graph_bytes(_Part(network, "codes"), {"rows": rows}, ["values"]), MAPPING: mappings.getvalue(),
                 FILTER: graph_bytes(_Part(network, "filtered"), {"codes": slots}, ["values"])}
        return files, {
            "front_end": corpus.front_end.name, "front_end_options": corpus.front_end.options, "frame_hz": corpus.fps,
            "rows_before": self._own_before, "rows_after": self._own_after, "padding": self.padding,
            **named_space(corpus), "lowest": low, "highest": high, "styles": styles, "style": MEAN if styles else "",
            "own": {"slots_before": config.slots_before, "slots_after": config.slots_after, "edges": "run"}}

    def optimiser(self, network, learning_rate):
        """Adam with the original's moments."""
        return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.5, 0.999))


def _size(x):
    return torch.sqrt(x.square().mean() + 1e-12)
