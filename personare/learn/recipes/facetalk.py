"""How FaceTalk's motion diffusion learns on clips of one's own, in any space: ARKit, FLAME, codes of NPHM."""

from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np
import torch

from personare.errors import InputError
from personare.learn.diffusion import DiffusionOptions, facetalk_loss
from personare.learn.facetalk import block_network, facetalk_files, run_options
from personare.learn.nets.facetalk import Facetalk, FacetalkConfig, paper
from personare.learn.recipes import Recipe
from personare.learn.recipes.hearing import heard_through
from personare.learn.recipes.karras import UNNAMED, limits, named_space
from personare.learn.recipes.stylist import alike_long
from personare.motion.blocks import Blocks
from personare.motion.facetalk import decoded
from personare.motion.head import angles_from_rotation
from personare.motion.style_code import low_passed
from personare.spaces import HEAD_ANGLES

# A head that turns less than this, radians, stands still. What is faster than this is the tracker's: stylist's bound.
_LEAST_TURN, _FASTEST_HZ, _LEAST_FRAMES = 1e-3, 3.5, 32
SIZES, STYLES_OF = ("small", "paper"), ("speaker", "emotion", "none")


@dataclass(frozen=True)
class FacetalkTraining:
    """Settings of the method.

    Args:
        size: "small", 2 million weights, or "paper", 47 million, causal and without what is carried.
        known: frames that a block goes on from, 1 or more.
        fresh: frames that a block makes.
        overlap: of them, so many are made once more by the next block and blended, when the bundle is run.
        styles: what has a style of its own: "speaker", "emotion" or "none".
        strength_low, strength_high: range of the factor on expression that clips are learned with; 1 and 1 for none.
        deaf: share of items that are learned without the sound, 0..1; guidance needs some.
        velocity: weight of differences of neighbouring frames.
        dropout: share of numbers left out while learning, 0..1.
        steps: of sampling, 1..1000.
        guidance: of sampling, above 0; 1 for none.
        front_end: what it hears with, see recipes.hearing; in the paper "wav2vec2".
        fps: frames a second, a whole fraction of the front end's rows; 24 in the paper.
        head: whether the head's turn is learned too, where all clips have poses.
    """

    size: str = "small"
    known: int = 15
    fresh: int = 30
    overlap: int = 6
    styles: str = "speaker"
    strength_low: float = 0.8
    strength_high: float = 1.4
    deaf: float = 0.25
    velocity: float = 1.0
    dropout: float = 0.1
    steps: int = 8
    guidance: float = 1.5
    front_end: str = "phones+mel"
    fps: float = 30.0
    head: bool = True

    def __post_init__(self):
        def check(name, ok, expected):
            if not ok:
                raise InputError(name, expected=expected, got=repr(getattr(self, name)), remedy="change it")

        check("size", self.size in SIZES, f"one of {', '.join(SIZES)}")
        check("styles", self.styles in STYLES_OF, f"one of {', '.join(STYLES_OF)}")
        for name in ("known", "fresh"):
            check(name, 1 <= getattr(self, name) <= 1000, "1 to 1000 frames")
        check("overlap", 0 <= self.overlap < self.fresh, "0 or more frames and fewer than fresh")
        for name in ("deaf", "dropout"):
            check(name, 0 <= getattr(self, name) < 1, "0 or more and below 1")
        check("strength_low", 0.1 <= self.strength_low <= 1, "0.1 to 1")
        check("strength_high", 1 <= self.strength_high <= 4, "1 to 4")
        check("velocity", 0 <= self.velocity <= 100, "0 to 100")
        check("steps", 1 <= self.steps <= 1000, "1 to 1000")
        check("guidance", 0 < self.guidance <= 10, "above 0, up to 10")
        check("fps", 1 <= self.fps <= 240, "1 to 240")


class FacetalkRecipe(Recipe):
    """See the module."""

    method, options_type = "facetalk", FacetalkTraining
    summary = "Motion diffusion after FaceTalk: another take for every seed"
    training: ClassVar[dict] = {"rounds": 40, "steps": 50, "batch_size": 32, "learning_rate": 1.5e-3, "average": 0.99}

    def __init__(self, options):
        super().__init__(options)
        self._front_end = heard_through(options.front_end)
        rate_hz = self._front_end.rate_hz
        self._rows_per_frame = round(rate_hz / options.fps)
        if self._rows_per_frame < 1 or abs(rate_hz / options.fps - self._rows_per_frame) > 1e-9:
            raise InputError("fps", expected=f"{rate_hz:g} (rows of {options.front_end}) over a whole number",
                             got=f"{options.fps:g}", remedy=f"use {rate_hz / max(1, round(rate_hz / 30)):g}")
        self.frames = options.known + options.fresh
        config = self._config(1, 1, 0)
        self.rows_before = self.rows_after = config.rows_per_frame * (config.reach + 1)

    @property
    def fps(self):
        """As the options say."""
        return self.options.fps

    def front_end(self):
        """As the options say."""
        return self._front_end

    def pad_with_zeros(self):
        """Not possible: what follows a take is silence, and its row is asked for while the bundle runs."""
        raise InputError("data", expected=f"the files that {self._front_end.name} needs", got="rows alone",
                         remedy=f"put them there, see docs/audio/{self._front_end.name}.md, or learn puppetry or dvp")

    def _config(self, row_width, columns, styles):
        own = {"known": self.options.known, "fresh": self.options.fresh, "styles": styles,
               "dropout": self.options.dropout, "rows_per_frame": self._rows_per_frame}
        if self.options.size == "paper":
            return paper(row_width, columns, **own)
        return FacetalkConfig(row_width, columns, carried=True, **own)

    def network(self, corpus):
        """The network, with a style for each speaker or emotion."""
        self._angles = None
        mean, std = corpus.value_mean, corpus.value_std
        if self.turns(corpus):
            angles = [turned(clip.head_pose, corpus.fps) for clip in corpus.clips]
            learned = np.concatenate([one for one, clip in zip(angles, corpus.clips, strict=True) if not clip.held_out])
            self._angles = alike_long(angles)
            mean = np.concatenate([mean, np.zeros(len(HEAD_ANGLES), np.float32)])
            std = np.concatenate([std, np.maximum(learned.std(axis=0), _LEAST_TURN).astype(np.float32)])
        config = self._config(corpus.front_end.width, len(mean), len(self.names(corpus)))
        return Facetalk(config, row_mean=corpus.row_mean, row_std=np.maximum(corpus.row_std, 1e-2),
                        code_mean=mean, code_std=std)

    def turns(self, corpus):
        """Whether the head is learned beside the columns."""
        known = set(HEAD_ANGLES) & set(corpus.space.columns)
        posed = bool(corpus.clips) and all(clip.head_pose is not None for clip in corpus.clips)
        return self.options.head and posed and not known

    def columns_of(self, corpus):
        """Names of what is diffused."""
        return (*corpus.columns, *(HEAD_ANGLES if self.turns(corpus) else ()))

    def names(self, corpus):
        """Names of the styles; () where there are none."""
        if self.options.styles == "none":
            return ()
        every = corpus.speakers if self.options.styles == "speaker" else corpus.emotions
        return tuple(name or UNNAMED for name in every) if len(every) > 1 else ()

    def loss(self, network, item, generator):
        """See diffusion.facetalk_loss."""
        options = self.options
        told = DiffusionOptions(deaf=options.deaf, strengths=(options.strength_low, options.strength_high),
                                velocity=options.velocity)
        style = None
        if network.config.styles:
            style = (item.speaker if options.styles == "speaker" else item.emotion) + 1
        values = item.values
        if self._angles is not None:
            angles = self._angles.to(values.device)
            frames = item.first[:, None] + torch.arange(self.frames, device=values.device)
            values = torch.cat([values, angles[item.clip[:, None], frames.clamp_max(angles.shape[1] - 1)]], 2)
        return facetalk_loss(network, item.rows[:, : network.config.row_count(self.frames)], values, style=style,
                             valid=item.known, options=told, generator=generator)

    def predict(self, network, corpus, clip):
        """A take of a clip in its own style, by seed 0."""
        options = self._run_options(network, corpus)
        number = clip.speaker if self.options.styles == "speaker" else clip.emotion
        blocks = Blocks(block_network(network), options, style=number + 1 if options.styles else 0)
        made = []
        while sum(map(len, made)) < len(clip.values):
            rows = corpus.padded(clip, blocks.first_row, blocks.stop_row, self.padding)
            made.append(decoded(*blocks.next(rows), options))
        values = np.concatenate(made)[: len(clip.values)]
        return values[:, [options.names.index(name) for name in corpus.columns]]

    def spoken(self, corpus, clip):
        """The style that predict gives a clip."""
        names = self.names(corpus)
        number = clip.speaker if self.options.styles == "speaker" else clip.emotion
        return {"style": names[number]} if names else {}

    def _run_options(self, network, corpus):
        low, high = limits(corpus)
        space = {name: value for name, value in named_space(corpus).items() if name != "columns"}
        own = self.options
        return run_options(network, corpus.front_end, self.columns_of(corpus), overlap=own.overlap, steps=own.steps,
                           guidance=own.guidance, lowest=low, highest=high, styles=self.names(corpus),
                           brings=("head",) if self.turns(corpus) else (), **space)

    def export(self, network, corpus):
        """Both graphs, the weights, and how to run them."""
        return facetalk_files(network), msgspec.to_builtins(self._run_options(network, corpus))

    def optimiser(self, network, learning_rate):
        """AdamW, as motion diffusion is usually trained."""
        return torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.01)


def turned(head_pose, fps):
    """(t, 3) float32 yaw, pitch and roll of a clip's head, against their own mean and without what is too fast."""
    angles = np.unwrap(angles_from_rotation(head_pose[:, :3, :3].astype(np.float64)), axis=0)
    if len(angles) >= _LEAST_FRAMES and fps > 2 * _FASTEST_HZ:
        angles = low_passed(angles, cut=2 * _FASTEST_HZ / fps)
    return (angles - angles.mean(axis=0)).astype(np.float32)
