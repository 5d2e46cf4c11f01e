"""FaceTalk's motion diffusion: noise to expression codes, told by sound what to say.

A transformer decoder looks at a window of frames whose first ones may be known already, and says the clean codes of
all of them. Each layer is self-attention, sound, feed-forward; each of the three is scaled and shifted by the time of
the diffusion (FiLM) before it is added. Frame i hears the sound of frame i alone (diagonal alignment): attention with
one key is a linear map of its value, so it is written as one. The sound of a frame comes from a small stack of
convolutions over the rows of a front end, which is where neighbouring sounds meet.

Differs from the paper in that windows go on from each other (frames that are known stand in front, as in
DiffPoseTalk), that codes may have any space, that style and strength can be asked for, and that lips may be told to
touch: gates, read off the sound alone, for personare/motion/lips.py.

Source:
    Aneja et al., FaceTalk: Audio-Driven Motion Diffusion for Neural Parametric Head Models, CVPR 2024; its code was
    never published. Sizes of the large preset and the time embedding are those of EDGE (Tseng et al., CVPR 2023).
    Numbers of masks, schedules and a related denoiser in tests/parity/test_facetalk.py.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from personare.motion.diffusion import alpha_bars, cosine_betas

ROTARY_BASE = 10000.0
# What the front end gives is bounded to so many standard deviations; silence lies far from the mean of speech.
ROW_LIMIT = 5.0
# FiLM starts near the identity, so that early training is that of a plain transformer.
FILM_START = 0.1
# How much of the last known frame is lost in the first frame after it, as a rate; learned for each column.
FADING = 0.25


@dataclass(frozen=True)
class FacetalkConfig:
    """Sizes of the network.

    Args:
        row_width: numbers in a row of the front end.
        columns: diffused columns.
        rows_per_frame: rows of the front end in a frame, >= 1.
        dilations: of the residual convolutions over sound, each of kernel 3.
        known: frames of a window that are known already, but for the first window.
        fresh: frames of a window that are made.
        width, layers, heads, feedforward: of the transformer.
        step_width: width of the time embedding inside FiLM.
        align: frames of sound to either side of its own that a frame hears; 0 is the paper's diagonal.
        causal: frames see no later frames of the window, as in the paper.
        styles: known styles; 0 for none.
        gates: whether the sound also says how closed the lips are.
        dropout: while training.
        carried: whether the answer is what the network adds to what is there already, by shares that the time says:
            the noisy frames, and the last known one; not so in the paper. Few steps then end nearer to the sound, and
            windows join without a jump.
    """

    row_width: int
    columns: int
    rows_per_frame: int = 2
    dilations: tuple[int, ...] = (1, 2)
    known: int = 15
    fresh: int = 30
    width: int = 192
    layers: int = 4
    heads: int = 4
    feedforward: int = 384
    step_width: int = 64
    align: int = 0
    causal: bool = False
    styles: int = 0
    gates: bool = False
    dropout: float = 0.1
    carried: bool = False

    @property
    def reach(self):
        """Frames to either side whose rows a frame hears, half of the stem's kernel aside."""
        return sum(self.dilations)

    def row_count(self, frames):
        """Rows that so many frames need: from rows_per_frame (i - reach) - rows_per_frame on, i the first frame."""
        return self.rows_per_frame * (frames + 2 * self.reach - 1) + 2 * self.rows_per_frame + 1


def paper(row_width, columns, **options):
    """FacetalkConfig at the size of EDGE's decoder: 47 million weights."""
    return FacetalkConfig(row_width, columns, width=512, layers=8, heads=8, feedforward=1024, step_width=512,
                          causal=True, **options)


class SoundEncoder(nn.Module):
    """Rows of a front end to one token a frame, and gates; valid, so whoever calls it brings the context."""

    def __init__(self, config, *, mean=None, std=None):
        super().__init__()
        self.register_buffer("mean", torch.zeros(config.row_width) if mean is None else torch.as_tensor(mean))
        self.register_buffer("std", torch.ones(config.row_width) if std is None else torch.as_tensor(std))
        kernel = 2 * config.rows_per_frame + 1
        self.stem = nn.Conv1d(config.row_width, config.width, kernel, stride=config.rows_per_frame)
        self.blocks = nn.ModuleList(nn.Conv1d(config.width, config.width, 3, dilation=dilation)
                                    for dilation in config.dilations)
        self.norm = nn.LayerNorm(config.width)
        self.gates = nn.Linear(config.width, 3) if config.gates else None

    def forward(self, rows):
        """Tokens of all frames whose context is there.

        Args:
            rows: (b, config.row_count(t), row_width) float32.

        Returns:
            tokens (b, t, width), gates (b, t, 3) logits or None.
        """
        x = ((rows - self.mean) / self.std).clamp(-ROW_LIMIT, ROW_LIMIT).transpose(1, 2)  # (b, c, r)
        x = functional.gelu(self.stem(x))  # (b, width, t + 2 reach)
        for block in self.blocks:
            cut = block.dilation[0]
            x = x[:, :, cut : x.shape[2] - cut] + functional.gelu(block(x))  # (b, width, t + what is left)
        tokens = self.norm(x.transpose(1, 2))  # (b, t, width)
        return tokens, None if self.gates is None else self.gates(tokens)


class Film(nn.Module):
    """(1 + scale) x + shift, both said by the condition."""

    def __init__(self, step_width, width):
        super().__init__()
        self.said = nn.Linear(step_width, 2 * width)
        with torch.no_grad():
            self.said.weight.mul_(FILM_START)
            self.said.bias.zero_()

    def forward(self, x, condition):
        """(b, t, width), (b, step_width) -> (b, t, width)."""
        scale, shift = self.said(functional.mish(condition))[:, None].chunk(2, dim=-1)
        return (1 + scale) * x + shift


class SelfAttention(nn.Module):
    """Multi-head attention among frames, places told by rotation of queries and keys."""

    def __init__(self, config):
        super().__init__()
        self.heads, self.causal = config.heads, config.causal
        self.into = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x, turn):
        """(b, t, width) and the (2, t, width / heads) cosines and sines of rotary -> (b, t, width)."""
        b, t, width = x.shape
        q, k, v = (part.reshape(b, t, self.heads, -1).transpose(1, 2) for part in self.into(x).chunk(3, dim=-1))
        q, k = rotated(q, turn), rotated(k, turn)  # (b, heads, t, width / heads)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])  # (b, heads, t, t)
        if self.causal:
            scores = scores.masked_fill(alignment_mask(t, t, before=t, after=0).to(x.device), -math.inf)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, width))


class HearingAttention(nn.Module):
    """Attention of frames to the sound around them; with no frame to either side a linear map."""

    def __init__(self, config):
        super().__init__()
        self.align, self.heads = config.align, config.heads
        self.value = nn.Linear(config.width, config.width)
        if config.align:
            self.query, self.key = nn.Linear(config.width, config.width), nn.Linear(config.width, config.width)
            self.out = nn.Linear(config.width, config.width)

    def forward(self, x, tokens):
        """(b, t, width) frames and (b, t, width) tokens of sound -> (b, t, width)."""
        if not self.align:
            return self.value(tokens)
        b, t, width = x.shape
        q, k, v = (part.reshape(b, t, self.heads, -1).transpose(1, 2)
                   for part in (self.query(x), self.key(tokens), self.value(tokens)))
        blocked = alignment_mask(t, t, before=self.align, after=self.align).to(x.device)
        scores = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(blocked, -math.inf)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, width))


class Layer(nn.Module):
    """Self-attention, sound and feed-forward, each normalised before and scaled by the time of the diffusion after."""

    def __init__(self, config):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(3))
        self.films = nn.ModuleList(Film(config.step_width, config.width) for _ in range(3))
        self.frames, self.sound = SelfAttention(config), HearingAttention(config)
        self.forward_in = nn.Linear(config.width, config.feedforward)
        self.forward_out = nn.Linear(config.feedforward, config.width)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, tokens, condition, turn):
        """(b, t, width) -> (b, t, width)."""
        x = x + self.films[0](self.drop(self.frames(self.norms[0](x), turn)), condition)
        x = x + self.films[1](self.drop(self.sound(self.norms[1](x), tokens)), condition)
        inner = self.forward_out(self.drop(functional.gelu(self.forward_in(self.norms[2](x)))))
        return x + self.films[2](self.drop(inner), condition)


class Denoiser(nn.Module):
    """The clean window of a noisy one."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.silence = nn.Parameter(torch.zeros(config.width))
        self.into = nn.Linear(config.columns + 2, config.width)
        self.time = nn.Sequential(nn.Linear(config.step_width, 4 * config.step_width), nn.Mish(),
                                  nn.Linear(4 * config.step_width, config.step_width))
        self.style = nn.Embedding(config.styles + 1, config.step_width)
        self.strength = nn.Linear(1, config.step_width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.columns)
        if config.carried:
            self.fading = nn.Parameter(torch.full((config.columns,), FADING))
            self.register_buffer("left", torch.as_tensor(alpha_bars(cosine_betas()), dtype=torch.float32))
        with torch.no_grad():
            self.style.weight.mul_(FILM_START)

    def forward(self, window, known, tokens, heard, time, style, strength):
        """Say the clean window.

        Args:
            window: (b, t, k) float32 standardised codes: noisy ones, known ones as they are, zeros where absent.
            known: (b, t) float32, 1 where a frame is known, -1 where there is none, 0 where it is noisy.
            tokens: (b, t, width) of the SoundEncoder.
            heard: (b,) float32, 1 to listen to the tokens, 0 to leave them out.
            time: (b,) int64 in 0..999.
            style: (b,) int64, 0 for any, otherwise the style's number from 1.
            strength: (b,) float32 > 0, factor on expression; 1 is as in the data.

        Returns:
            (b, t, k) float32.
        """
        flags = torch.stack([known.clamp(min=0), (-known).clamp(min=0)], dim=-1)  # (b, t, 2)
        x = self.into(torch.cat([window, flags], dim=-1))  # (b, t, width)
        heard = heard[:, None, None]
        tokens = heard * tokens + (1 - heard) * self.silence
        condition = (self.time(time_code(time, self.config.step_width)) + self.style(style)
                     + self.strength(strength.log()[:, None]))  # (b, step_width)
        turn = rotary(x.shape[1], self.config.width // self.config.heads).to(x)
        for layer in self.layers:
            x = layer(x, tokens, condition, turn)
        x = self.out(self.norm(x))  # (b, t, k)
        return self._carry(x, window, known, time) if self.config.carried else x

    def _carry(self, x, window, known, time):
        """(b, t, k) answer on top of the noisy frames and of the last known one, which fades frame by frame."""
        before, signal = self.config.known, self.left[time].sqrt()[:, None, None]
        far = torch.arange(x.shape[1], device=x.device) - before
        share = torch.exp(-far.clamp(min=0)[:, None] * self.fading.abs())  # (t, k)
        last = window[:, before - 1 : before] * known[:, before - 1 : before, None].clamp(min=0)  # (b, 1, k)
        return signal * window + (1 - signal) * share * last + (1 - signal.square()).sqrt() * x


class Facetalk(nn.Module):
    """Both parts, and the statistics of the codes.

    Args:
        config: FacetalkConfig.
        row_mean, row_std: (row_width,) of the front end.
        code_mean, code_std: (k,) of the codes.
    """

    def __init__(self, config, *, row_mean=None, row_std=None, code_mean=None, code_std=None):
        super().__init__()
        self.config = config
        self.encoder = SoundEncoder(config, mean=row_mean, std=row_std)
        self.denoiser = Denoiser(config)
        self.register_buffer("code_mean", torch.zeros(config.columns) if code_mean is None
                             else torch.as_tensor(code_mean))
        self.register_buffer("code_std", torch.ones(config.columns) if code_std is None else torch.as_tensor(code_std))


def rotary(count, size):
    """(2, count, size) float32 cosines and sines of rotary position embedding (Su et al., RoFormer, 2021)."""
    rate = ROTARY_BASE ** (-torch.arange(0, size, 2) / size)
    angle = (torch.arange(count)[:, None] * rate).repeat(1, 2)  # (count, size)
    return torch.stack([angle.cos(), angle.sin()])


def rotated(x, turn):
    """(b, heads, t, size) turned by each frame's own angles."""
    first, second = x.chunk(2, dim=-1)
    return x * turn[0] + torch.cat([-second, first], dim=-1) * turn[1]


def time_code(time, size):
    """(b, size) float32 sinusoids of (b,) int64 times, sines first."""
    half = size // 2
    rate = torch.exp(-math.log(ROTARY_BASE) / (half - 1) * torch.arange(half, device=time.device))
    angle = time[:, None].float() * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def alignment_mask(frames, tokens, *, before=0, after=0, tokens_per_frame=1):
    """Which tokens of sound a frame may not see.

    Args:
        frames, tokens: how many.
        before, after: frames to either side of its own that a frame sees the tokens of.
        tokens_per_frame: tokens a frame has.

    Returns:
        (frames, tokens) bool, True where blocked.
    """
    frame, owner = torch.arange(frames)[:, None], torch.arange(tokens)[None] // tokens_per_frame
    return (owner < frame - before) | (owner > frame + after)


def folded_attention(attention):
    """The linear map that diagonal alignment makes of attention.

    Args:
        attention: nn.MultiheadAttention.

    Returns:
        (weight (d, d), bias (d,)): out(value(token)); queries and keys have no say where there is one key.
    """
    d = attention.embed_dim
    value, bias = attention.in_proj_weight[2 * d :], attention.in_proj_bias[2 * d :]
    out = attention.out_proj
    return out.weight @ value, out.weight @ bias + out.bias
