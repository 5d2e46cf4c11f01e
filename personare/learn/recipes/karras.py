"""How the network of Karras et al. learns as a convolution over time: personare's own variant, and the default.

What differs from the paper is said in learn/nets/karras_time.py. Sound is heard as phones, as curves of the
built-in model and as log-mel energies, so that little data has to teach little about sound; takes are stretched in
time, and styles left out at random.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.learn.export import graph_bytes
from personare.learn.nets.karras_time import CONTEXT_ROWS, KarrasTime, KarrasTimeConfig, KarrasTimeWindows
from personare.learn.recipes import Recipe
from personare.learn.recipes.hearing import heard_through
from personare.motion.karras import MEAN, NONE

FPS, ROWS_HZ = 30.0, 60.0
UNNAMED = "unnamed"
STYLES_OF = ("clip", "speaker", "emotion", "none")


@dataclass(frozen=True)
class KarrasOptions:
    """Settings of the method.

    Args:
        width: channels of a layer.
        networks: how many learn side by side; their mean is what is said.
        styles: what has a style of its own: "clip", "speaker", "emotion" or "none".
        style_size: numbers of a style.
        dropout: share of the numbers of each layer that are left out while learning, 0..1.
        style_dropout: share of the items whose style is left out, so that there is an answer without one, 0..1.
        seconds: of one item.
        stretch: items are played slower or faster by up to this factor, 1..1.5; 1 for not at all.
        noise: largest size of the noise on the rows, in their own spread.
        masked: share of the row's numbers that are left out over a whole item, 0..1.
        velocity: weight of the paper's motion loss on adjacent frames beside the position loss.
        bands: log-mel energies heard beside the phones; 0 for phones alone.
        phones: whether phones are heard; bands must not be 0 where they are not.
        mouth: whether the built-in model's curves are heard.
        front_end: what is heard instead of these, see recipes.hearing; "" for them. Rows at other rates than 60 a
            second are interpolated.
    """

    width: int = 128
    networks: int = 2
    styles: str = "clip"
    style_size: int = 8
    dropout: float = 0.2
    style_dropout: float = 0.3
    seconds: float = 1.6
    stretch: float = 1.18
    noise: float = 0.3
    masked: float = 0.1
    velocity: float = 0.5
    bands: int = 64
    phones: bool = True
    mouth: bool = True
    front_end: str = ""

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        for name in ("width", "networks", "style_size"):
            check(name, 1 <= getattr(self, name) <= 4096, "1 to 4096")
        for name in ("dropout", "style_dropout", "masked"):
            check(name, 0 <= getattr(self, name) < 1, "0 or more and below 1")
        check("styles", self.styles in STYLES_OF, f"one of {', '.join(STYLES_OF)}")
        check("seconds", 0.1 <= self.seconds <= 60, "0.1 to 60 seconds")
        check("stretch", 1 <= self.stretch <= 1.5, "1 to 1.5")
        check("noise", 0 <= self.noise <= 10, "0 to 10")
        check("velocity", 0 <= self.velocity <= 100, "0 to 100")
        check("bands", self.bands == 0 or 8 <= self.bands <= 128, "0, or 8 to 128")
        check("phones", self.phones or self.bands > 0, "true, where there are no bands")


class KarrasRecipe(Recipe):
    """See the module."""

    method, options_type = "karras", KarrasOptions
    summary = "Speech to curves after Karras et al. 2017, as one convolution over time"
    training: ClassVar[dict] = {"rounds": 10, "steps": 50, "batch_size": 16, "learning_rate": 2e-3, "average": 0.99}
    rows_before = rows_after = CONTEXT_ROWS
    fps = FPS

    def __init__(self, options):
        super().__init__(options)
        self._learned = max(2, round(options.seconds * FPS))
        # Played faster, an item needs more of the recording, context included.
        self.frames = int(np.ceil((2 * self._learned - 1 + 2 * CONTEXT_ROWS) * options.stretch / 2)) - CONTEXT_ROWS + 2

    def front_end(self):
        """Phones, as square roots, mouth and log-mel energies, or what the options name; 60 rows a second."""
        if self.options.front_end:
            heard = heard_through(self.options.front_end)
            return open_front_end("joint", parts=[{"name": heard.name, "options": heard.options}], rate_hz=ROWS_HZ)
        parts = [{"name": "phones", "scale": "root"}] if self.options.phones else []
        if self.options.mouth:
            parts.append({"name": "mouth"})
        if self.options.bands:
            parts.append({"name": "mel", "options": {"band_count": self.options.bands, "rate_hz": ROWS_HZ}})
        return open_front_end("joint", parts=parts)

    def network(self, corpus):
        """The networks, with a style for each group of clips."""
        config = KarrasTimeConfig(len(corpus.columns), corpus.front_end.width, max(1, len(self.groups(corpus)[0])),
                                  self.options.width, self.options.style_size, self.options.dropout)
        spread = np.maximum(corpus.row_std, 1e-3)
        self._group_of_clip = torch.from_numpy(self.groups(corpus)[1])
        return nn.ModuleList(KarrasTime(config, mean=corpus.row_mean, std=spread, rest=corpus.value_mean)
                             for _ in range(self.options.networks))

    def groups(self, corpus):
        """(names of what has a style, (clips,) int64 which of them each clip is; -1 for a held-out clip of none)."""
        if self.options.styles == "none":
            return (), np.full(len(corpus.clips), -1)
        named = {"clip": lambda clip: clip.name, "speaker": lambda clip: corpus.speakers[clip.speaker],
                 "emotion": lambda clip: corpus.emotions[clip.emotion]}[self.options.styles]
        names = tuple(dict.fromkeys(named(clip) for clip in corpus.to_learn))
        return names, np.array([names.index(named(clip)) if named(clip) in names else -1 for clip in corpus.clips])

    def loss(self, network, item, generator):
        """Position and motion loss of stretched, noisy items."""
        options, b = self.options, len(item.rows)

        def drawn(*shape):
            return torch.rand(shape, generator=generator, device=item.rows.device)

        factor = options.stretch ** (2 * drawn(b, 1) - 1)
        count = 2 * self._learned - 1 + 2 * CONTEXT_ROWS
        spare = (item.rows.shape[1] - 2 - (count - 1) * factor).clamp_min(0)
        # Frames stand on every second row; the first frame's own row is number rows_before.
        position = drawn(b, 1) * spare + torch.arange(count, device=factor.device) * factor  # (b, rows)
        rows = taken(item.rows, position)
        at = (position[:, CONTEXT_ROWS : CONTEXT_ROWS + 2 * self._learned - 1 : 2] - self.rows_before) / 2
        last = item.known.sum(1, keepdim=True) - 1
        known = (at >= 0) & (at <= last)
        values = taken(item.values, at.clamp_min(0).minimum(last.clamp_min(0)))
        first = network[0]
        noise = torch.randn(rows.shape, generator=generator, device=rows.device) * first.std
        rows = rows + options.noise * drawn(b, 1, 1) * noise
        kept = (drawn(b, 1, rows.shape[2]) >= options.masked).float()
        rows = kept * rows + (1 - kept) * first.mean
        groups = self._group_of_clip.to(item.clip.device)[item.clip]
        told = ((drawn(b, 1) >= options.style_dropout) & (groups[:, None] >= 0)).float()
        total = 0
        for one in network:
            error = (one(rows, one.styles[groups.clamp_min(0)] * told) - values) * known[:, :, None]
            total = total + error.square().mean() + 2 * options.velocity * error.diff(dim=1).square().mean()
        return total

    def predict(self, network, corpus, clip):
        """Curves of a clip in the style it has, or in none."""
        code = self.code(network, corpus, clip)
        return self.spoken_with(network, corpus, clip, code)

    def code(self, network, corpus, clip):
        """(1, networks * style_size) tensor: the style of a clip's group; zeros where it has none."""
        group, size = self._group_of(corpus, clip), self.options.style_size
        codes = [one.styles[group : group + 1] if group >= 0 else torch.zeros(1, size) for one in network]
        return torch.cat(codes, 1).detach()

    def _group_of(self, corpus, clip):
        """Number of a clip's group, -1 for none."""
        names = [other.name for other in corpus.clips]
        return int(self.groups(corpus)[1][names.index(clip.name)])

    def spoken_with(self, network, corpus, clip, code):
        """(t, k) float32 curves of a clip with a code."""
        with torch.no_grad():
            return limited(corpus, self.voiced(network, torch.from_numpy(self.rows_of(corpus, clip))[None], code)[0]
                           .numpy())

    def rows_of(self, corpus, clip):
        """(2 t - 1 + context, c) float32 rows of a whole clip."""
        return corpus.padded(clip, -CONTEXT_ROWS, 2 * len(clip.values) - 1 + CONTEXT_ROWS, self.padding)

    def voiced(self, network, rows, code):
        """(b, t, k) mean of the networks for (b, r, c) rows and (b, networks * style_size) codes."""
        size = self.options.style_size
        return torch.stack([one(rows, code[:, i * size : (i + 1) * size]) for i, one in enumerate(network)]).mean(0)

    def spoken(self, corpus, clip):
        """The style that predict gives a clip."""
        group = self._group_of(corpus, clip)
        return {} if group < 0 else {"style": self.groups(corpus)[0][group] or UNNAMED}

    def export(self, network, corpus):
        """The graph, and a style for each group, for their mean, and for none."""
        front_end, (names, _) = corpus.front_end, self.groups(corpus)
        size = self.options.style_size * len(network)
        every = torch.cat([one.styles for one in network], 1).detach()
        styles = {NONE: [0.0] * size}
        if names:
            styles |= {MEAN: every.mean(0).tolist()}
            styles |= {name or UNNAMED: every[i].tolist() for i, name in enumerate(names)}
        low, high = limits(corpus)
        width = 2 * CONTEXT_ROWS + 1
        graph = graph_bytes(KarrasTimeWindows(network), {"rows": torch.randn(5, width, front_end.width),
                                                         "style": torch.zeros(5, size)}, ["values"])
        return {"model.onnx": graph}, {
            "front_end": front_end.name, "front_end_options": front_end.options, "frame_hz": FPS,
            "rows_before": CONTEXT_ROWS, "rows_after": CONTEXT_ROWS, "padding": self.padding, **named_space(corpus),
            "lowest": low, "highest": high, "styles": styles, "style": NONE}

    def optimiser(self, network, learning_rate):
        """AdamW; little data needs the decay."""
        return torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.05)


def taken(rows, position):
    """(b, n, c) rows between those of (b, r, c), at (b, n) positions 0 <= p <= r - 1."""
    low = position.floor().long().clamp(0, rows.shape[1] - 1)
    high = (low + 1).clamp_max(rows.shape[1] - 1)
    share = (position - low)[:, :, None]
    index = torch.arange(len(rows), device=rows.device)[:, None]
    return rows[index, low] * (1 - share) + rows[index, high] * share


def limits(corpus):
    """(lowest, highest) that values are held between: 0 and 1 where the data never leaves them, else none."""
    values = [clip.values for clip in corpus.to_learn]
    weights = min(v.min() for v in values) >= -1e-6 and max(v.max() for v in values) <= 1 + 1e-6
    return (0.0, 1.0) if weights else (None, None)


def limited(corpus, values):
    """float32 values held between the limits."""
    low, high = limits(corpus)
    return values if low is None else np.clip(values, low, high)


def named_space(corpus):
    """What a card says of the space and the learned columns."""
    from personare.spaces import SPACES

    space = corpus.space
    known = SPACES.get(space.name) == space
    return {"space": space.name, "space_columns": () if known else space.columns,
            "columns": () if corpus.columns == space.columns else corpus.columns}
