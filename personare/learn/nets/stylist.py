"""The network of style_avatar: windows of speech features, their energy and a style in, coefficients of a face out.

Wu et al., Imitating Arbitrary Talking Style for Realistic Audio-Driven Talking Face Synthesis (ACM MM 2021), section 3;
StyleFusionModel of its code, of which the sizes here are the defaults. Names and shapes of all tensors are those of the
published checkpoints, so weights go both ways. What differs: sizes are settings, so any front end, style and space of
coefficients fit, and one network may give expression and pose together. tests/parity/test_stylist.py holds it against
numbers of the original.
"""

from dataclasses import dataclass

import torch
from torch import nn

from personare.errors import InputError


@dataclass(frozen=True)
class StylistConfig:
    """Sizes of the network.

    Args:
        channels: of the speech features, 29 for DeepSpeech.
        columns: coefficients a frame: 64 expression, 7 pose, or both.
        style: entries of the style code.
        frames: of a window.
        context: rows of features before and after a window's own, of which there are two a frame.
        audio_width, energy_width: channels made of features and of energy.
        groups: (width, blocks) of each group; the first block of a group halves the rows.
        fusion_width, fusion_blocks: of the group behind the style; half of the width carries style, or as many
            channels as the last group leaves free.
        style_width: hidden channels of the style's own layers.
        dropout: before the style is joined, while training.
    """

    channels: int = 29
    columns: int = 64
    style: int = 135
    frames: int = 32
    context: int = 8
    audio_width: int = 48
    energy_width: int = 16
    groups: tuple[tuple[int, int], ...] = ((64, 3), (128, 4), (256, 14))
    fusion_width: int = 512
    fusion_blocks: int = 2
    style_width: int = 64
    dropout: float = 0.5

    def __post_init__(self):
        if self.fusion_width <= self.groups[-1][0]:
            raise InputError("fusion_width", expected=f"more than the {self.groups[-1][0]} channels of the last group",
                             got=str(self.fusion_width), remedy="leave room for the style")

    @property
    def rows(self):
        """Rows of features of a window."""
        return 2 * self.frames + 2 * self.context


class StyleBlock(nn.Module):
    """Pre-activation block: shortcut(x) + BN, conv, PReLU, strided conv, BN; no activation behind the sum."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        if inputs == width:
            self.shortcut_layer = nn.MaxPool1d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(nn.Conv1d(inputs, width, 1, stride, bias=False), nn.BatchNorm1d(width))
        self.res_layer = nn.Sequential(
            nn.BatchNorm1d(inputs), nn.Conv1d(inputs, width, 3, 1, 1, bias=False), nn.PReLU(width),
            nn.Conv1d(width, width, 3, stride, 1, bias=False), nn.BatchNorm1d(width))

    def forward(self, x):
        """(b, inputs, r) -> (b, width, ceil(r / stride))."""
        return self.shortcut_layer(x) + self.res_layer(x)


def _sound_layer(inputs, width):
    return nn.Sequential(nn.Conv1d(inputs, width, 3, 1, 1), nn.BatchNorm1d(width), nn.ReLU(),
                         nn.Conv1d(width, width, 3, 1, 1))


class Stylist(nn.Module):
    """StyleFusionModel.

    Args:
        config: StylistConfig.
    """

    def __init__(self, config=None):
        super().__init__()
        self.config = config = config or StylistConfig()
        last = config.groups[-1][0]
        self.audio_layer = _sound_layer(config.channels, config.audio_width)
        self.energy_layer = _sound_layer(1, config.energy_width)
        self.backbone1 = nn.Sequential()
        inputs = config.audio_width + config.energy_width
        for width, blocks in config.groups:
            for i in range(blocks):
                self.backbone1.append(StyleBlock(inputs, width, 1 if i else 2))
                inputs = width
        # The original drops the block that would widen and halve here; its number stays free.
        first = len(self.backbone1) + 1
        self.backbone2 = nn.Sequential()
        for i in range(config.fusion_blocks):
            self.backbone2.add_module(str(first + i), StyleBlock(config.fusion_width, config.fusion_width, 1))
        self.dropout = nn.Dropout(config.dropout)
        self.exp_sty_layer = nn.Sequential(nn.Linear(config.style, config.style_width), nn.ReLU(),
                                           nn.Linear(config.style_width, config.fusion_width - last))
        self.out_layer = nn.Sequential(
            nn.Upsample(config.frames, mode="linear", align_corners=False), nn.BatchNorm1d(config.fusion_width),
            nn.Conv1d(config.fusion_width, 64, 3, 1, 1, bias=False), nn.PReLU(64),
            nn.Conv1d(64, config.columns, 3, 1, 1, bias=False))

    def encode(self, audio, energy):
        """What the network hears before it knows the style.

        Args:
            audio: (b, channels, rows) float32.
            energy: (b, 1, rows) float32, root mean square of the sound.

        Returns:
            (b, width of the last group, rows / 2 to the number of groups).
        """
        x = torch.cat([self.audio_layer(audio), self.energy_layer(energy)], 1)  # (b, 64, 80)
        return self.backbone1(x)  # (b, 256, 10)

    def forward(self, audio, energy, style):
        """(b, columns, frames) coefficients of (b, channels, rows), (b, 1, rows) and a (b, style) code."""
        x = self.dropout(self.encode(audio, energy))
        style = self.exp_sty_layer(style)[:, :, None].expand(-1, -1, x.shape[2])
        x = self.backbone2(torch.cat([x, style], 1))  # (b, 512, 10)
        return self.out_layer(x)  # (b, columns, 32)


class WithEnergy(nn.Module):
    """A Stylist that finds the energy in the last column of its rows.

    Args:
        config: StylistConfig; its channels are the columns of a row without the energy.
    """

    def __init__(self, config):
        super().__init__()
        self.stylist = Stylist(config)

    def forward(self, rows, style):
        """(b, columns, frames) of (b, channels + 1, rows) and (b, style) codes."""
        return self.stylist(rows[:, :-1], rows[:, -1:], style)


class StylistWindows(nn.Module):
    """A network between its own units and those of the data.

    Args:
        net: network of (b, c, rows) and (b, style) to (b, columns, frames).
        row_mean, row_std: (channels + 1,) float32 that rows are set against; 0 and 1 leave them as they are.
        mean, std: (columns,) float32 of what it gives, likewise.
        rest: (columns,) float32 factors on the first entries of a style, which say where the face rests: the network
            gives what moves about that place. 0 leaves it out.
    """

    def __init__(self, net, *, row_mean, row_std, mean, std, rest):
        super().__init__()
        self.net = net
        for name, value in (("row_mean", row_mean), ("row_std", row_std), ("mean", mean), ("std", std), ("rest", rest)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def normal(self, rows, style):
        """(b, frames, columns) in units of std of (b, rows, c) rows and (b, style) codes."""
        return self.net(((rows - self.row_mean) / self.row_std).transpose(1, 2), style).transpose(1, 2)

    def forward(self, rows, style):
        """The same in the units of the data."""
        place = self.mean + self.rest * style[:, : len(self.rest)]
        return self.normal(rows, style) * self.std + place[:, None]
