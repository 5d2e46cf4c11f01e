"""Painter: a small network that paints the moving part of a face into the rest of a picture.

A neural texture lies on the mesh: one that stays and one that the expression adds to. Sampled where the mesh is seen,
it goes through a U-Net beside the picture's own surroundings, so that what is painted continues them. Full resolution
is kept by folding 2x2 pixels into channels, which makes it about ten times smaller and faster than the U-Nets of the
papers. Nothing in it depends on the size of a batch.

Source:
    Thies et al., Neural Voice Puppetry, 2020: neural texture, rendered by coordinates, that the audio expression adds
    to. Differs: it sees the picture around the mouth (as AudioDVP's refiner does), one network in place of two, no
    perceptual loss.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class PainterOptions:
    """Size of the network.

    Args:
        size: pixels of the window's side, a multiple of 32.
        parts: parts of the mesh, skin among them.
        code: numbers that describe an expression.
        texels: side of the neural texture.
        channels: of the texture; the first three start as the mean colours.
        added: channels that the expression adds to.
        widths: channels of the U-Net from fine to coarse.
    """

    size: int = 160
    parts: int = 5
    code: int = 12
    texels: int = 160
    channels: int = 10
    added: int = 6
    widths: tuple[int, ...] = (32, 48, 64, 80, 96)


class Painter(nn.Module):
    """See above.

    Args:
        options: PainterOptions.
        texture: (3, r, r) float32 mean colours in the atlas, 0..1; canvas: (3, s, s) the mean window, for what is
            painted anew where there is no mesh. None for grey, where weights are loaded afterwards.
    """

    def __init__(self, options, texture=None, canvas=None):
        super().__init__()
        self.options = options
        r, s, extra = options.texels, options.size, options.channels - 3
        texture = torch.full((3, r, r), 0.5) if texture is None else texture
        canvas = torch.full((3, s, s), 0.5) if canvas is None else canvas
        self.texture = nn.Parameter(torch.cat([texture, 0.1 * torch.randn(extra, r, r)])[None])
        self.added = nn.Parameter(0.01 * torch.randn(options.code, options.added * (r // 4) ** 2))
        self.canvas = nn.Parameter(canvas[None].clone())
        widths = options.widths
        entry = 4 * (4 + options.channels + options.parts)
        self.down = nn.ModuleList(_convolutions(before, after) for before, after in
                                  zip((entry, *widths[:-1]), widths, strict=True))
        self.up = nn.ModuleList(_convolutions(coarse + fine, fine) for coarse, fine in
                                zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.told = nn.ModuleList(nn.Linear(options.code, 2 * width) for width in widths[::-1])
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        for layer in (*self.told, self.last):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, picture, uv, part, depth, code):
        """Paint.

        Args:
            picture: (b, 3, s, s) float32 in 0..1; what is hidden is not looked at.
            uv: (b, s, s, 2) float32 place in the atlas.
            part: (b, s, s) float32 whole numbers, 0 no mesh, 1 skin, 2.. inside.
            depth: (b, s, s) float32, above 0 where it is painted anew.
            code: (b, c) float32 expression, about unit variance.

        Returns:
            (b, 3, s, s) float32, about 0..1.
        """
        hidden = (depth > 0).float()[:, None]
        meshed = (part > 0).float()[:, None]
        sampled = functional.grid_sample(self.woven(code), uv * 2 - 1, align_corners=False,
                                         padding_mode="border") * meshed           # (b, c, s, s)
        parts = torch.stack([(part == k + 1).float() for k in range(self.options.parts)], 1)
        x = torch.cat([(picture - 0.5) * (1 - hidden), hidden, sampled, parts], 1)
        x = functional.pixel_unshuffle(x, 2)
        kept = []
        for i, layer in enumerate(self.down):
            x = layer(functional.avg_pool2d(x, 2) if i else x)
            kept.append(x)
        x = _told(kept.pop(), self.told[0], code)
        for layer, told in zip(self.up, list(self.told)[1:], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = _told(layer(torch.cat([x, kept.pop()], 1)), told, code)
        base = sampled[:, :3] + (1 - meshed) * self.canvas
        return base + functional.pixel_shuffle(self.last(x), 2)

    def woven(self, code):
        """(b, c, r, r) the texture of expressions."""
        options = self.options
        side = options.texels // 4
        added = (code @ self.added).view(-1, options.added, side, side)
        added = functional.interpolate(added, scale_factor=4.0, mode="bilinear", align_corners=False)
        rest = self.texture[:, options.added:].expand(len(code), -1, -1, -1)
        return torch.cat([self.texture[:, :options.added] + added, rest], 1)


def _convolutions(before, after):
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1),
                         nn.Conv2d(after, after, 3, padding=1), nn.LeakyReLU(0.1))


def _told(x, layer, code):
    """Features scaled and shifted as the expression says."""
    scale, shift = layer(code)[:, :, None, None].chunk(2, 1)
    return x * (1 + scale) + shift
