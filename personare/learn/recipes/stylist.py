"""How the network of style_avatar learns, as published and better.

As published: one style code for each clip, from the clip itself, and the squared error. Better, and the default: the
code comes from another part of the clip, so that it says how somebody moves and not what is said; where the face
rests is taken from the code as it is, and the network learns what moves about that; the code is left out now and
then, so that there is an answer without one; the network keeps every frame in its place (learn/nets/stylist_time.py);
and the error of the motion from frame to frame counts too. The head is learned beside the face where the clips have
head poses, without what is faster than 3.5 Hz and against its own mean, as the original does it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from personare.audio.front_ends import open_front_end
from personare.errors import InputError
from personare.export.rotations import zyx
from personare.learn.export import graph_bytes
from personare.learn.nets.stylist import StylistConfig, StylistWindows, WithEnergy
from personare.learn.nets.stylist_time import CONTEXT_FRAMES, StylistTime
from personare.learn.recipes import Recipe, check_ranges
from personare.learn.recipes.karras import limited, limits, named_space, taken
from personare.motion.blending import Blend
from personare.motion.rates import between
from personare.motion.style_code import FORMULAS, UNIT_M, calm_pose, raw_code, style_code
from personare.motion.stylist import StylistOptions

MEAN, UNNAMED = "mean", "unnamed"
# Parts of a clip that codes are taken from, and how long they are.
PARTS, PART_S = 12, (4.0, 10.0)
# Frames of an item, and of a window of the finished bundle.
ITEM_FRAMES, WINDOW_FRAMES = 32, 8
# A clip has to be longer than this for the low-pass of its head.
_LEAST_FRAMES = 28


@dataclass(frozen=True)
class StylistRecipeOptions:
    """Settings of the method.

    Args:
        exact: the network of the paper and its way to learn.
        front_end: names of what it hears beside energy, joined by +: "mouth+phones", "deepspeech" (as the original),
            "mel", "wav2vec2:FOLDER", ...; rows at other rates than the first one's are interpolated.
        fps: frames a second.
        formula: of the style code: "means" or "published".
        head: whether the head is learned too, where the clips have poses.
        width: channels of the network that is not exact.
        dropout: share of its channels that are left out while learning, 0..1.
        style_dropout: share of the items whose style is left out, 0..1.
        style_noise: size of the noise on a code, in spreads over the clips.
        noise: largest size of the noise on the rows, in their own spread.
        velocity: weight of the error of the motion from frame to frame.
    """

    exact: bool = False
    front_end: str = "mouth+phones"
    fps: float = 25.0
    formula: str = "means"
    head: bool = True
    width: int = 96
    dropout: float = 0.3
    style_dropout: float = 0.2
    style_noise: float = 0.3
    noise: float = 0.3
    velocity: float = 2.0

    def __post_init__(self):
        check_ranges(self, fps=(5, 120), width=(16, 1024), dropout=(0, 0.99), style_dropout=(0, 1),
                     style_noise=(0, 10), noise=(0, 10), velocity=(0, 100))
        if self.formula not in FORMULAS:
            raise InputError("formula", expected=f"one of {', '.join(FORMULAS)}", got=repr(self.formula),
                             remedy="use one")


class StylistRecipe(Recipe):
    """See the module."""

    method, options_type = "stylist", StylistRecipeOptions
    summary = "Speech and a style to a face that moves as somebody does, after style_avatar"
    training: ClassVar[dict] = {"rounds": 5, "steps": 50, "batch_size": 32, "learning_rate": 1e-3, "average": 0.99}
    padding = "edge"

    def __init__(self, options):
        super().__init__(options)
        # Rows around an item, of which there are two a frame; frames of a window of the bundle, and to the next one.
        exact = StylistConfig()
        self._context = exact.context if options.exact else 2 * CONTEXT_FRAMES
        self._window, self._stride = (exact.frames, 8) if options.exact else (WINDOW_FRAMES, WINDOW_FRAMES)
        self.frames = ITEM_FRAMES
        self._front_end = self._opened()
        rows_a_frame = self._front_end.rate_hz / options.fps
        self.rows_before = int(np.ceil(self._context / 2 * rows_a_frame)) + 1
        self.rows_after = int(np.ceil((self._context / 2 + 1) * rows_a_frame)) + 1

    @property
    def fps(self):
        """Frames a second of the network."""
        return self.options.fps

    def front_end(self):
        """What is heard, and behind it the energy."""
        return self._front_end

    def _opened(self):
        parts = []
        for text in self.options.front_end.split("+"):
            name, _, path = text.partition(":")
            given = ({"probabilities": True} if name == "deepspeech" else {}) | ({"path": path} if path else {})
            parts.append({"name": name, "options": given, "scale": "root" if name == "phones" else "linear"})
        rates = [open_front_end(part["name"], **part["options"]).rate_hz for part in parts]
        late = {"late": True} if self.options.exact else {}
        parts.append({"name": "energy", "options": {"rate_hz": rates[0], **late}})
        return open_front_end("joint", parts=parts, rate_hz=rates[0] if len(set(rates)) > 1 else None)

    def network(self, corpus):
        """The network, and what it needs to know of each clip."""
        options = self.options
        self._head = options.head and all(clip.head_pose is not None for clip in corpus.clips)
        self._poses = [_calm(clip) if self._head else np.zeros((len(clip.values), 0)) for clip in corpus.clips]
        codes = [self._raw_codes(clip) for clip in corpus.clips]
        learned = np.concatenate([code for code, clip in zip(codes, corpus.clips, strict=True) if not clip.held_out])
        self._code_mean, self._code_std = learned.mean(axis=0), np.maximum(learned.std(axis=0), 1e-4)
        self._codes = torch.from_numpy(np.stack([(code - self._code_mean) / self._code_std for code in codes])
                                       .astype(np.float32))
        means = options.formula == "means" and not options.exact
        rests = [clip.values.mean(axis=0) if means else np.zeros(len(corpus.columns)) for clip in corpus.clips]
        moved = [np.concatenate([clip.values - rest, pose], axis=1)
                 for clip, rest, pose in zip(corpus.clips, rests, self._poses, strict=True)]
        self._targets = alike_long(moved)
        values = np.concatenate([one for one, clip in zip(moved, corpus.clips, strict=True) if not clip.held_out])
        std, faces = np.maximum(values.std(axis=0), 1e-5), len(corpus.columns)
        mean, rest = (np.zeros(len(std)), np.zeros(len(std))) if means else (values.mean(axis=0), np.zeros(len(std)))
        if means:
            mean[:faces], rest[:faces] = self._code_mean[:faces], self._code_std[:faces]
        # A column counts by how much it moves, not as a square: neither the jaw alone nor every column alike.
        share = std.copy()
        share[:faces] /= share[:faces].mean()
        share[faces:] = 0.25
        self._share = torch.from_numpy(share.astype(np.float32))
        row_mean, row_std = corpus.row_mean, np.maximum(corpus.row_std, 1e-3)
        if options.exact:
            row_mean, row_std = np.zeros_like(row_mean), np.ones_like(row_std)
            mean, std = np.zeros_like(mean), np.ones_like(std)
        self._middle = torch.from_numpy((np.zeros(len(mean)) if means else mean).astype(np.float32))
        channels, columns, style = corpus.front_end.width, len(mean), len(self._code_mean)
        net = (WithEnergy(StylistConfig(channels=channels - 1, columns=columns, style=style)) if options.exact else
               StylistTime(channels, columns, style, options.width, options.dropout))
        return StylistWindows(net, row_mean=row_mean, row_std=row_std, mean=mean, std=std, rest=rest)

    def _raw_codes(self, clip):
        """(PARTS, s) float64: raw codes of parts of a clip, of the whole one alone where it is exact."""
        pose, count = _pose(clip) if self._head else np.zeros((len(clip.values), 0)), len(clip.values)
        if self.options.exact:
            return np.repeat(raw_code(clip.values, pose, formula=self.options.formula)[None], PARTS, axis=0)
        found = []
        for i in range(PARTS):
            size = min(count, round(self.fps * (PART_S[0] + (PART_S[1] - PART_S[0]) * i / (PARTS - 1))))
            first = (count - size) * (i * 7 % PARTS) // (PARTS - 1)
            found.append(raw_code(clip.values[first : first + size], pose[first : first + size],
                                  formula=self.options.formula))
        return np.stack(found)

    def loss(self, network, item, generator):
        """Squared error of the values and of their motion, by how much each column moves."""
        options, b = self.options, len(item.rows)
        device = item.rows.device

        def drawn(*shape):
            return torch.rand(shape, generator=generator, device=device)

        step = self._front_end.rate_hz / (2 * options.fps)
        first = item.first[:, None].double()
        begin = (first * 2 * step + 0.5).floor() - self.rows_before
        grid = torch.arange(-self._context, 2 * self.frames + self._context, device=device)
        rows = taken(item.rows, ((2 * first + grid) * step - begin).float().clamp_min(0))
        code = self._codes.to(device)[item.clip, (drawn(b) * PARTS).long()]
        if not options.exact:
            noise = torch.randn(rows.shape, generator=generator, device=device) * network.row_std
            rows = rows + options.noise * drawn(b, 1, 1) * noise
            code = code + options.style_noise * torch.randn(code.shape, generator=generator, device=device)
            code = code * (drawn(b, 1) >= options.style_dropout)
        frames = item.first[:, None] + torch.arange(self.frames, device=device)
        target = self._targets.to(device)[item.clip[:, None], frames.clamp_max(self._targets.shape[1] - 1)]
        known = item.known[:, :, None]
        if options.exact:
            return ((network(rows, code) - target) * known).square().mean()
        error = (network.normal(rows, code) - (target - self._middle.to(device)) / network.std) * known
        share = self._share.to(device)
        return ((error.square() + options.velocity * torch.nn.functional.pad(error.diff(dim=1), (0, 0, 1, 0)).square())
                * share).mean()

    def predict(self, network, corpus, clip):
        """Curves of a clip in its speaker's style, or in none where nothing of the speaker was learned from."""
        return self.spoken_with(network, corpus, clip, self.code(corpus, clip))[:, : len(corpus.columns)]

    def code(self, corpus, clip):
        """(s,) float32: the style of a clip's speaker; zeros, which is the mean, for a stranger."""
        mean = np.zeros(len(self._code_mean), np.float32)
        return self.styles(corpus).get(corpus.speakers[clip.speaker] or UNNAMED, mean)

    def styles(self, corpus):
        """dict of speaker -> (s,) float32, the mean code of the clips that were learned from."""
        found = {}
        for codes, clip in zip(self._codes.numpy(), corpus.clips, strict=True):
            if not clip.held_out:
                found.setdefault(corpus.speakers[clip.speaker] or UNNAMED, []).append(codes.mean(axis=0))
        return {name: np.mean(codes, axis=0) for name, codes in found.items()}

    def code_of(self, corpus, clip, first, stop):
        """(s,) float32 code of frames first <= i < stop of a clip, as the bundle makes one of a take."""
        pose = _pose(clip) if self._head else np.zeros((len(clip.values), 0))
        return style_code(clip.values[first:stop], pose[first:stop], formula=self.options.formula,
                          mean=self._code_mean, std=self._code_std, fps=self.fps)

    def spoken_with(self, network, corpus, clip, code):
        """(t, k + p) float32: curves and head of a clip with a (s,) code, as the bundle gives them."""
        frames = len(clip.values)
        options = StylistOptions("", self.fps, "", frames=self._window, stride=self._stride)
        step = corpus.front_end.rate_hz / (2 * self.fps)
        sound_s = len(clip.rows) / corpus.front_end.rate_hz
        grid = between(clip.rows, np.arange(int(np.ceil(2 * self.fps * sound_s - 1e-6))) * step)
        blend = Blend(options, self._targets.shape[2])
        starts = range(self._stride - self._window, frames, self._stride)
        places = 2 * np.array(starts)[:, None] + np.arange(-self._context, 2 * self._window + self._context)
        windows = torch.from_numpy(grid[np.clip(places, 0, len(grid) - 1)])
        with torch.no_grad():
            outputs = network(windows, torch.from_numpy(code)[None].expand(len(windows), -1)).numpy()
        for start, window in zip(starts, outputs, strict=True):
            blend.add(start, window)
        values = blend.take(frames)
        return np.concatenate([limited(corpus, values[:, : len(corpus.columns)]), values[:, len(corpus.columns) :]], 1)

    def spoken(self, corpus, clip):
        """The style that predict gives a clip."""
        name = corpus.speakers[clip.speaker] or UNNAMED
        return {"style": name if name in self.styles(corpus) else MEAN}

    def export(self, network, corpus):
        """The graph, and a style for each speaker and for their mean."""
        width, size, count = corpus.front_end.width, len(self._code_mean), 2 * self._window + 2 * self._context
        low, high = limits(corpus)
        styles = {MEAN: np.zeros(size), **self.styles(corpus)}
        graph = graph_bytes(network, {"rows": torch.randn(5, count, width), "style": torch.zeros(5, size)}, ["values"])
        return {"model.onnx": graph}, {
            "front_end": corpus.front_end.name, "front_end_options": corpus.front_end.options, "frame_hz": self.fps,
            **named_space(corpus), "lowest": low, "highest": high, "frames": self._window, "context": self._context,
            "stride": self._stride, "pose": "angles" if self._head else "", "formula": self.options.formula,
            "code_mean": self._code_mean.tolist(), "code_std": self._code_std.tolist(),
            "styles": {name: code.tolist() for name, code in styles.items()}, "style": MEAN}

    def optimiser(self, network, learning_rate):
        """Adam with the decay of the original, or AdamW, since little data needs more."""
        if self.options.exact:
            return torch.optim.Adam(network.parameters(), lr=learning_rate, weight_decay=1e-4)
        return torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.05)


def _pose(clip):
    """(t, 6) float64 angles and decimetres of a clip's head."""
    return np.concatenate([zyx(clip.head_pose[:, :3, :3]), clip.head_pose[:, :3, 3] / UNIT_M], axis=1)


def _calm(clip):
    """(t, 6) float64: the head against its own mean, without what is faster than 3.5 Hz."""
    pose = _pose(clip)
    if len(pose) < _LEAST_FRAMES:
        return pose - pose.mean(axis=0)
    angles, place = calm_pose(pose[:, :3], pose[:, 3:])
    return np.concatenate([angles, place], axis=1)


def alike_long(parts):
    """(n, longest, k) float32 tensor of (t, k) arrays, the last row of each repeated."""
    longest = max(len(part) for part in parts)
    rows = [part[np.minimum(np.arange(longest), len(part) - 1)] for part in parts]
    return torch.from_numpy(np.stack(rows).astype(np.float32))
