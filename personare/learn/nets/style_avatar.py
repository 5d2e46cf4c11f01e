"""The networks of style_avatar's renderer: a texture of features, looked up and drawn as a face; judge and blender.

texture encoder (a U-Net, pooled to a quarter) -> neural texture -> looked up where pixels show the face -> generator
(pix2pixHD's local enhancer) -> a face; a second generator blends it into a picture whose background was kept. Names of
all tensors are those of the original, so weights go both ways. Pictures are (b, 3, h, w) in -1..1; uv is in 0..1.

Source:
    H. Wu et al., Imitating Arbitrary Talking Style for Realistic Audio-Driven Talking Face Synthesis, ACM MM 2021;
    T.-C. Wang et al., pix2pixHD, CVPR 2018. Its numbers are met in tests/parity/test_style_avatar.py (1e-4).
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from personare.learn.nets.neural_texture import look_up

SLOPE = 0.2
# Pictures of a texture that are encoded together, as released; their colours follow one another.
TEXTURES = 3
FEATURES = 16
# The lower quarter of a picture: there the background shrinks by nine pixels, so that chin and neck are painted anew.
UPPER_QUARTERS, SHRUNK_PX = 3, 9


@dataclass(frozen=True)
class StyleAvatarConfig:
    """Sizes of the networks; the defaults are those of the release.

    Args:
        textures: pictures of a texture that are encoded together.
        features: channels of the neural texture.
        encoder_width: channels of the first level of the texture encoder.
        width: channels of the local part of a generator; its global part has twice as many.
        blocks, local_blocks: residual blocks of its global and its local part.
        halvings: of its global part.
        judge_width: channels of the first layer of the judge.
        frames: consecutive frames that the judge sees beside one picture of the person.
    """

    textures: int = TEXTURES
    features: int = FEATURES
    encoder_width: int = 64
    width: int = 64
    blocks: int = 9
    local_blocks: int = 3
    halvings: int = 3
    judge_width: int = 64
    frames: int = 3


def texture_encoder(config):
    """Texture pictures to a neural texture of a quarter of their sides."""
    return TextureUNet(3 * config.textures, config.features, width=config.encoder_width)


def generator(config, inputs=None):
    """Features, or for the blender 3 colours, to a picture."""
    return LocalEnhancer(inputs or config.features, 3, width=config.width, blocks=config.blocks,
                         local_blocks=config.local_blocks, halvings=config.halvings)


def judge(config):
    """What tells drawn stretches of frames from real ones."""
    return ScaleJudge(3 + 3 * config.frames, width=config.judge_width)


class TextureUNet(nn.Module):
    """The U-Net of the texture encoder; without pooling, that of style_avatar's own picture of Neural Voice Puppetry.

    Args:
        inputs, outputs: channels.
        width: of the first level; the original: 64.
        pooled: whether the result has a quarter of the sides.
    """

    def __init__(self, inputs, outputs, *, width=64, pooled=True):
        super().__init__()
        self.pooled = pooled
        down = [inputs, *(width * times for times in (1, 2, 4, 8, 8))]
        for i in range(5):
            self.add_module(f"down{i + 1}", _Convolved(nn.Conv2d(down[i], down[i + 1], 3, 2, 1), down[i + 1]))
        # Each level but the outermost has that of its size beside it.
        up = [(down[5], down[5]), (down[5] + down[4], down[4]), (down[4] + down[3], down[3]),
              (down[3] + down[2], down[2])]
        for i, (before, after) in enumerate(up):
            self.add_module(f"up{i + 1}", _Convolved(nn.Conv2d(before, after, 3, padding=1), after, doubled=True))
        self.up5 = _Convolved(nn.Conv2d(down[2], outputs, 3, padding=1), None, doubled=True)

    def forward(self, x):
        """(b, outputs, h / 4, w / 4), or h and w, in -1..1 of (b, inputs, h, w); sides divisible by 32."""
        levels = [self.down1(x)]
        for level in (self.down2, self.down3, self.down4, self.down5):
            levels.append(level(levels[-1]))
        x = self.up1(levels[4])
        for level, beside in zip((self.up2, self.up3, self.up4), levels[3:0:-1], strict=True):
            x = level(torch.cat([beside, x], 1))
        x = self.up5(x)
        return torch.tanh(functional.avg_pool2d(x, 4, 4, 1) if self.pooled else x)


class _Convolved(nn.Module):
    """A convolution, doubled before it where wanted, normalised after it unless it is the last."""

    def __init__(self, convolution, normalised, *, doubled=False):
        super().__init__()
        first = [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)] if doubled else []
        last = [] if normalised is None else [nn.InstanceNorm2d(normalised), nn.LeakyReLU(SLOPE)]
        nn.init.xavier_uniform_(convolution.weight)
        self.conv = nn.Sequential(*first, convolution, *last)

    def forward(self, x):
        return self.conv(x)


class LocalEnhancer(nn.Module):
    """pix2pixHD's generator of two scales, doubling by copies and not by transposed convolutions.

    Args:
        inputs, outputs: channels.
        width: of the local part; the global part has twice as many.
        blocks, local_blocks: residual blocks of the global and the local part.
        halvings: of the global part.
    """

    def __init__(self, inputs, outputs=3, *, width=64, blocks=9, local_blocks=3, halvings=3):
        super().__init__()
        wide = 2 * width
        layers = [*_opened(inputs, wide)]
        for i in range(halvings):
            layers += _halved(wide << i, wide << i + 1)
        layers += [_Residual(wide << halvings) for _ in range(blocks)]
        for i in reversed(range(halvings)):
            layers += _doubled(wide << i + 1, wide << i)
        self.model = nn.Sequential(*layers)
        self.model1_1 = nn.Sequential(*_opened(inputs, width), *_halved(width, wide))
        self.model1_2 = nn.Sequential(*[_Residual(wide) for _ in range(local_blocks)], *_doubled(wide, width),
                                      nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh())

    def forward(self, x):
        """(b, outputs, h, w) in -1..1 of (b, inputs, h, w) float32; sides divisible by 2 ** (halvings + 1)."""
        coarse = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return self.model1_2(self.model1_1(x) + self.model(coarse))


class _Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width))

    def forward(self, x):
        return x + self.conv_block(x)


def _opened(inputs, outputs):
    return nn.ReflectionPad2d(3), nn.Conv2d(inputs, outputs, 7), nn.InstanceNorm2d(outputs), nn.ReLU()


def _halved(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, 2, 1), nn.InstanceNorm2d(outputs), nn.ReLU()


def _doubled(inputs, outputs):
    return (nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3),
            nn.InstanceNorm2d(outputs), nn.ReLU())


class ScaleJudge(nn.Module):
    """pix2pixHD's discriminator: the same judge twice, the second at half the size; all it saw on the way is given.

    Args:
        inputs: channels.
        width: of the first layer.
        scales: how many judges.
    """

    def __init__(self, inputs, *, width=64, scales=2):
        super().__init__()
        self.scales = scales
        shapes = [(inputs, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1),
                  (8 * width, 1, 1)]
        for scale in range(scales):
            for i, (before, after, stride) in enumerate(shapes):
                layers = [nn.Conv2d(before, after, 4, stride, 2)]
                layers += [nn.InstanceNorm2d(after)] if 0 < i < 4 else []
                layers += [nn.LeakyReLU(SLOPE)] if i < 4 else []
                self.add_module(f"scale{scale}_layer{i}", nn.Sequential(*layers))

    def forward(self, x):
        """list over scales, the finest first, of lists of (b, c, h, w): what each layer gives, the verdict last."""
        found = []
        for scale in reversed(range(self.scales)):
            seen = [x]
            for i in range(5):
                seen.append(getattr(self, f"scale{scale}_layer{i}")(seen[-1]))
            found.append(seen[1:])
            if scale:
                x = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return found


def sampled(neural_texture, uv):
    """Features where pixels show the face.

    Args:
        neural_texture: (b or 1, c, r, r) float32, row 0 at v = 0.
        uv: (b, 2, h, w) float32 in 0..1.

    Returns:
        (b, c, h, w) float32.
    """
    return look_up(neural_texture, 2 * uv - 1, align_corners=False, padding="zeros")


def shrunk_background(background):
    """The background without what lies within nine pixels of the face in the lower quarter.

    Args:
        background: (b, 1, h, w) float32, 1 where there is no face.

    Returns:
        (b, 1, h, w) float32.
    """
    first = background.shape[2] * UPPER_QUARTERS // 4
    size = 2 * SHRUNK_PX + 1
    lower = -functional.max_pool2d(-background[:, :, first:], size, 1, SHRUNK_PX)
    return torch.cat([background[:, :, :first], lower], 2)


def blended(blender, face, picture, background):
    """A face in the picture's own background, all else painted by the blender.

    Args:
        blender: generator of 3 colours.
        face: (b, 3, h, w) in -1..1, 0 outside the face.
        picture: (b, 3, h, w) in -1..1; of it only the shrunk background is looked at.
        background: (b, 1, h, w) float32, 1 where there is no face.

    Returns:
        (b, 3, h, w) in -1..1.
    """
    kept = shrunk_background(background)
    return blender(kept * picture + face) * (1 - kept) + kept * picture


def started(network):
    """Convolutions as pix2pix draws them: normal numbers of 0.02, and zeros."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            nn.init.zeros_(module.bias)
    return network
