"""Neural Voice Puppetry's renderer: a neural texture, a network that makes a face of it, one that fits it in.

Texture -> features where pixels show the face -> "texture decoder" -> a face -> "inpainter" -> the face in a picture of
which a generous part around it was taken out, so that it closes the rim, too. Names of all tensors are those of the
original ("texture.", "texture_decoder.", "inpainter.", "netD.").

Source:
    J. Thies et al., Neural Voice Puppetry, ECCV 2020, section 4.4; met in
    tests/parity/test_puppetry_renderer.py (1e-5).
"""

from dataclasses import dataclass

import torch
from torch import nn

from personare.learn.nets.neural_texture import NeuralTexture
from personare.learn.nets.unet import PatchDiscriminator, UNet

# Pixels that the hole grows by, at 512 x 512 and factor 1: towards the throat, up, and to either side.
GROWN_PX = {"down": 40, "up": 8, "side": 15}
# uv of pixels that show no face.
NO_FACE = -1.0


@dataclass(frozen=True)
class RendererConfig:
    """Sizes of the renderer; the defaults are those of the release.

    Args:
        texture: "static", "audio" or "expression".
        features: channels of the texture.
        texture_size: texels of a side.
        columns: of what the texture is told, see NeuralTexture; None for the original's.
        window: rows of sound that the texture hears.
        levels, form, width: of both U-Nets.
        erosion: factor of the growth of the hole that is painted anew.
        align_corners: see neural_texture.look_up.
        decoder_sees_background: whether the decoder is given the background beside the features; the author says it
            need not be.
    """

    texture: str = "static"
    features: int = 16
    texture_size: int = 256
    columns: int | None = None
    window: int = 16
    levels: int = 5
    form: str = ""
    width: int = 64
    erosion: float = 1.0
    align_corners: bool = True
    decoder_sees_background: bool = True


@dataclass(frozen=True, eq=False)
class Rendered:
    """What the renderer gives for a batch; (b, c, h, w) float32, colours in -1..1.

    Args:
        features: what the texture has where pixels show the face.
        face: what the decoder makes of them.
        picture: the face in its background.
        background: what the inpainter was given of the picture.
        hole: (b, 1, h, w) bool, the part painted anew.
    """

    features: torch.Tensor
    face: torch.Tensor
    picture: torch.Tensor
    background: torch.Tensor
    hole: torch.Tensor


class PuppetryRenderer(nn.Module):
    """The networks together.

    Args:
        config: RendererConfig.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.texture = NeuralTexture(config.texture, features=config.features, size=config.texture_size,
                                     columns=config.columns, window=config.window, align_corners=config.align_corners)
        own = {"levels": config.levels, "form": config.form, "width": config.width}
        self.texture_decoder = UNet(config.features + 3 * config.decoder_sees_background, **own)
        self.inpainter = UNet(6, **own)
        # Judges uv beside a picture; only learning needs it.
        self.netD = PatchDiscriminator(6, width=64)
        for network in (self.texture_decoder, self.inpainter, self.netD):
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                    nn.init.xavier_normal_(module.weight, 0.02)
                    nn.init.zeros_(module.bias)

    def forward(self, uv, picture, condition=None):
        """Paint faces into pictures.

        Args:
            uv: (b, 2 or 3, h, w) float32, places on the texture in -1..1; (-1, -1) where there is no face.
            picture: (b, 3, h, w) float32 in -1..1; of it only what lies outside the hole is looked at.
            condition: of the texture, see NeuralTexture.texture.

        Returns:
            Rendered.
        """
        kept = grown_hole(outside_of(uv), self.config.erosion)  # (b, 1, h, w) bool
        background = torch.where(kept, picture, torch.zeros_like(picture))
        features = self.texture(uv, condition)
        seen = [features, background] if self.config.decoder_sees_background else [features]
        face = self.texture_decoder(torch.cat(seen, 1))
        painted = self.inpainter(torch.cat([face, background], 1))
        return Rendered(features, face, torch.where(kept, background, painted), background, ~kept)


def outside_of(uv):
    """(b, 1, h, w) bool: pixels of (b, 2 or more, h, w) uv that show no face."""
    return (uv[:, :1] <= NO_FACE) & (uv[:, 1:2] <= NO_FACE)


def grown_hole(outside, factor):
    """The pixels that are kept when the hole around a face has grown.

    Shifted once and not step by step, as in the original: a face is thicker than the shift.

    Args:
        outside: (b, 1, h, w) bool, pixels that show no face.
        factor: of GROWN_PX, 0 or more.

    Returns:
        (b, 1, h, w) bool, a part of outside.
    """
    down, up, side = (int(factor * GROWN_PX[name]) for name in ("down", "up", "side"))
    kept = outside & _shifted(outside, down, 2) & _shifted(outside, -up, 2)
    return kept & _shifted(kept, side, 3) & _shifted(kept, -side, 3)


def _shifted(mask, count, axis):
    """A mask moved along an axis; True comes in at the edge."""
    size = mask.shape[axis]
    rim = torch.ones_like(mask.narrow(axis, 0, min(abs(count), size)))
    rest = mask.narrow(axis, max(-count, 0), max(size - abs(count), 0)) if abs(count) < size else rim[..., :0, :0]
    if abs(count) >= size:
        return torch.ones_like(mask)
    return torch.cat([rim, rest] if count > 0 else [rest, rim], axis) if count else mask
