"""The network of Karras et al. as one convolution over time, with a style for every take: what personare adds.

The paper folds an image of half a second of sound for each frame, and works on the same rows for frame after frame.
Here the same order of things (sound folded first, then time, a style told at every layer of the second part, two linear
layers) runs over rows on a grid common to all frames, without zeros inside, so that neighbours share their work. The
database has a style for every take instead of an emotion for every frame; each is left out at random while training,
so that "no style" is an answer too.
"""

from dataclasses import dataclass

import torch
from torch import nn

DILATIONS = (1, 2, 4)
# Rows of the front end on either side of a frame's own that reach it: one for each of the two layers at the rate of
# the rows, two for every frame that the layers at the rate of the frames reach.
CONTEXT_ROWS = 2 + 2 * sum(DILATIONS)


@dataclass(frozen=True)
class KarrasTimeConfig:
    """Size of the network.

    Args:
        outputs: curves.
        channels: numbers in a row of the front end, which runs at twice the frame rate.
        styles: takes in the training data.
        width: channels of every layer.
        style_size: numbers of a style.
        dropout: after every layer, while training.
    """

    outputs: int
    channels: int
    styles: int
    width: int = 128
    style_size: int = 8
    dropout: float = 0.2


class KarrasTime(nn.Module):
    """Rows and a style to curves; valid, so whoever calls it brings the context.

    Args:
        config: KarrasTimeConfig.
        mean, std: (channels,) float32 of the rows.
        rest: (outputs,) float32, what it starts from: the mean of the curves.

    Attributes:
        styles: (styles, style_size) the learned database.
    """

    def __init__(self, config, *, mean=None, std=None, rest=None):
        super().__init__()
        self.config = config
        channels, width, size = config.channels, config.width, config.style_size
        self.register_buffer("mean", torch.zeros(channels) if mean is None else torch.as_tensor(mean))
        self.register_buffer("std", torch.ones(channels) if std is None else torch.as_tensor(std))
        self.styles = nn.Parameter(0.5 * torch.randn(config.styles, size))
        self.sound = nn.ModuleList([nn.Conv1d(channels, width, 1), nn.Conv1d(width, width, 3),
                                    nn.Conv1d(width, width, 3, stride=2)])
        self.motion = nn.ModuleList(nn.Conv1d(width + size, width, 3, dilation=dilation) for dilation in DILATIONS)
        self.weights = nn.Conv1d(width + size, 150, 1)
        self.basis = nn.Conv1d(150, config.outputs, 1)
        self.drop = nn.Dropout(config.dropout)
        if rest is not None:
            with torch.no_grad():
                self.basis.bias.copy_(torch.as_tensor(rest))

    def forward(self, rows, style):
        """Curves of all frames whose context is there.

        Args:
            rows: (b, 2 t - 1 + 2 CONTEXT_ROWS, channels) float32.
            style: (b, style_size) float32; zeros for none.

        Returns:
            (b, t, outputs) float32.
        """
        x = ((rows - self.mean) / self.std).transpose(1, 2)  # (b, channels, r)
        for layer in self.sound:
            x = self.drop(torch.relu(layer(x)))  # (b, width, r), at last (b, width, t + 14)
        for layer, dilation in zip(self.motion, DILATIONS, strict=True):
            x = x[:, :, dilation:-dilation] + self.drop(torch.relu(layer(_told(x, style))))  # two dilations shorter
        return self.basis(self.drop(self.weights(_told(x, style)))).transpose(1, 2)


class KarrasTimeWindows(nn.Module):
    """Several such networks and their mean, for the windows of consecutive frames, as motion/windows.py has them.

    Args:
        networks: list of KarrasTime of one config.
    """

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, rows, style):
        """(t, outputs) of (t, 2 CONTEXT_ROWS + 1, channels) windows two rows apart and (t, networks * size) styles."""
        rows = torch.cat([rows[:-1, :2].flatten(0, 1), rows[-1]])[None]  # (1, 2 t - 1 + context, channels)
        size = self.networks[0].config.style_size
        curves = [network(rows, style[:1, i * size : (i + 1) * size]) for i, network in enumerate(self.networks)]
        return torch.stack(curves).mean(0)[0]


def _told(x, style):
    """(b, c + s, t): the style beside every frame."""
    return torch.cat([x, style[:, :, None].expand(-1, -1, x.shape[2])], 1)
