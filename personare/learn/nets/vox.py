"""The network behind the built-in model: log-mel rows in, mouth curves, gates and phones out."""

from dataclasses import dataclass

import torch
from torch import nn

from personare.learn.phones import PHONES
from personare.motion.lips import CURVES, GATES


@dataclass(frozen=True)
class VoxConfig:
    """Size and reach of the network.

    Args:
        band_count: bands of the log-mel front end, which runs at twice the frame rate.
        width: channels of the trunk.
        dilations: one residual block each.
        aheads: taps of each block (kernel 3) that lie in the future, 0, 1 or 2.
        dropout: between blocks, while training.
    """

    band_count: int = 64
    width: int = 288
    dilations: tuple[int, ...] = (1, 1, 2, 1, 2, 4, 8)
    aheads: tuple[int, ...] = (1, 1, 1, 1, 1, 0, 0)
    dropout: float = 0.1

    @property
    def frames_before(self):
        """Frames of the past that a frame depends on, the two rows of the stem aside."""
        return sum((2 - ahead) * dilation for dilation, ahead in zip(self.dilations, self.aheads, strict=True))

    @property
    def frames_after(self):
        """Frames of the future that a frame depends on, the one row of the stem aside."""
        return sum(ahead * dilation for dilation, ahead in zip(self.dilations, self.aheads, strict=True))


class Block(nn.Module):
    """x + f(x) with one dilated convolution of kernel 3 that eats its context: no padding inside."""

    def __init__(self, width, dilation, ahead, dropout):
        super().__init__()
        self.cut_before, self.cut_after = (2 - ahead) * dilation, ahead * dilation
        self.convolution = nn.Conv1d(width, width, 3, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        """(b, c, t) -> (b, c, t - 2 dilation)."""
        inner = x[:, :, self.cut_before : x.shape[2] - self.cut_after]  # (b, c, t - 2 dilation)
        return inner + self.drop(torch.relu(self.norm(self.convolution(x))))


class Vox(nn.Module):
    """Temporal convolutions at the frame rate; valid, so whoever calls it brings the context."""

    def __init__(self, config, *, mean=None, std=None):
        super().__init__()
        self.config = config
        bands = config.band_count
        self.register_buffer("mean", torch.zeros(bands) if mean is None else torch.as_tensor(mean))
        self.register_buffer("std", torch.ones(bands) if std is None else torch.as_tensor(std))
        self.stem = nn.Conv1d(bands, config.width, 3, stride=2, bias=False)
        self.stem_norm = nn.BatchNorm1d(config.width)
        self.blocks = nn.Sequential(*(Block(config.width, dilation, ahead, config.dropout)
                                      for dilation, ahead in zip(config.dilations, config.aheads, strict=True)))
        self.head = nn.Sequential(nn.Conv1d(config.width, config.width, 1), nn.ReLU(), nn.Dropout(config.dropout))
        self.phones = nn.Conv1d(config.width, len(PHONES), 1)
        self.curves = nn.Conv1d(config.width + len(PHONES), len(CURVES), 1)
        self.gates = nn.Conv1d(config.width + len(PHONES), len(GATES), 1)

    def forward(self, rows):
        """Predict all frames whose context is there.

        Args:
            rows: (b, r, band_count) float32 log-mel at twice the frame rate, r = 2 (frames_before + t +
                frames_after) + 1; the first row stands half a frame before the first frame's context.

        Returns:
            curves (b, t, 18) about 0..1, gates (b, t, 3) logits, phones (b, t, 42) logits.
        """
        x, phones = self.heard(rows)
        return tuple(part.transpose(1, 2) for part in (self.curves(x), self.gates(x), phones))

    def heard(self, rows):
        """What curves and gates are read off, (b, width + 42, t), and the phones' logits (b, 42, t)."""
        x = ((rows - self.mean) / self.std).transpose(1, 2)  # (b, bands, r)
        x = torch.relu(self.stem_norm(self.stem(x)))  # (b, width, before + t + after)
        x = self.head(self.blocks(x))  # (b, width, t)
        phones = self.phones(x)
        # Curves and gates see the phones too: a pose is nearly a weighted sum of the poses of phones.
        return torch.cat([x, phones.softmax(1)], 1), phones
