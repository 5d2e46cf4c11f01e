"""The U-Net of pix2pix in the forms that the talking-portrait papers give it; names of all tensors are theirs.

Blocks are nested: each halves the picture, has the next one in its middle, doubles again and puts its own input beside
the result. Neural Voice Puppetry normalises on the way up only, and knows forms that upsample bilinearly ("BU") or keep
the size and widen the kernels instead ("DC"). AudioDVP normalises both ways and refines before it doubles.

Source:
    P. Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017; met in
    tests/parity/test_puppetry_renderer.py and test_dvp_renderer.py (1e-5).
"""

import torch
from torch import nn

from personare.errors import InputError

SLOPE = 0.2
# Widths of the levels in units of the first one's.
LEVELS = {3: (1, 2, 8), 5: (1, 2, 4, 8, 8), 6: (1, 2, 4, 8, 8, 8), 7: (1, 2, 4, 8, 8, 8, 8),
          8: (1, 2, 4, 8, 8, 8, 8, 8)}
FORMS = ("", "BU", "DC")
DROPOUT = 0.5


class UNet(nn.Module):
    """Picture in, picture in -1..1 out.

    Args:
        inputs, outputs: channels.
        levels: 3, 5, 6, 7 or 8; a picture's sides are divisible by 2 ** levels, except with "DC".
        form: "" for transposed convolutions, "BU" for bilinear upsampling and a convolution, "DC" for dilated
            convolutions that keep the size.
        width: channels of the first level; the originals: 64.
        norm: function of a number of channels to a layer; default InstanceNorm without parameters.
        norm_down: whether levels between the first and the last normalise on the way down, too.
        refine: whether two convolutions refine each level before it is doubled.
        dropout: whether the inner levels of the widest kind leave out half of their channels while learning.

    Raises:
        InputError: levels or form that do not exist.
    """

    def __init__(self, inputs, outputs=3, *, levels=5, form="", width=64, norm=nn.InstanceNorm2d, norm_down=False,
                 refine=False, dropout=False):
        super().__init__()
        if levels not in LEVELS:
            raise InputError("levels", expected=f"one of {', '.join(map(str, LEVELS))}", got=repr(levels),
                             remedy="change it")
        if form not in FORMS:
            raise InputError("form", expected='"", "BU" or "DC"', got=repr(form), remedy="use one of them")
        self.levels, self.form = levels, form
        widths = [width * times for times in LEVELS[levels]]
        block = None
        for level in reversed(range(levels)):
            outer = outputs if level == 0 else widths[level - 1]
            # The first of the widest is level 3; AudioDVP leaves out from level 5 on and in the innermost, too.
            drops = dropout and (level >= 5 if refine else 4 <= level < levels - 1)
            block = _Level(inputs if level == 0 else outer, widths[level], outer, inside=block, outermost=level == 0,
                           form=form, dilation=2 ** (levels - 1 - level), norm=norm, norm_down=norm_down,
                           refine=refine, drops=drops)
        self.model = block

    def forward(self, x):
        """(b, outputs, h, w) in -1..1 of (b, inputs, h, w) float32.

        Raises:
            InputError: sides that halving does not divide.
        """
        step = 1 if self.form == "DC" else 2**self.levels
        if not torch.jit.is_tracing() and (x.shape[2] % step or x.shape[3] % step):
            raise InputError("picture", expected=f"sides divisible by {step}", got=f"{x.shape[3]} x {x.shape[2]}",
                             remedy="resize or pad it, or use fewer levels")
        return self.model(x)


class _Level(nn.Module):
    """One level and those inside it; the original's places in its list of layers, so its names fit."""

    def __init__(self, inputs, inner, outer, *, inside, outermost, form, dilation, norm, norm_down, refine, drops):
        super().__init__()
        self.outermost, bias = outermost, norm is nn.InstanceNorm2d
        down = (nn.Conv2d(inputs, inner, 3, padding=dilation, dilation=dilation, bias=bias) if form == "DC" else
                nn.Conv2d(inputs, inner, 4, 2, 1, bias=bias))
        wide = inner if inside is None else 2 * inner
        layers = [] if outermost else [nn.LeakyReLU(SLOPE)]
        layers.append(down)
        if inside is not None:
            layers += [norm(inner)] if norm_down and not outermost else []
            layers.append(inside)
        layers.append(nn.ReLU())
        layers += [_Refining(wide, norm, drops)] if refine else []
        layers.append(_doubling(wide, outer, form, bias=bias or outermost))
        layers += [nn.Tanh()] if outermost else [norm(outer)]
        layers += [nn.Dropout(DROPOUT)] if drops else []
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class _Refining(nn.Module):
    """Two convolutions at the width of a level."""

    def __init__(self, width, norm, drops):
        super().__init__()
        self.model = nn.Sequential(*[
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), norm(width),
                          *([nn.Dropout(DROPOUT)] if drops else []), nn.ReLU()) for _ in range(2)])

    def forward(self, x):
        return self.model(x)


def _doubling(inputs, outputs, form, *, bias):
    """What doubles the sides; with "DC" they stay."""
    if form == "BU":
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                             nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias), nn.LeakyReLU(SLOPE))
    if form == "DC":
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias), nn.LeakyReLU(SLOPE))
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


class PatchDiscriminator(nn.Module):
    """Says of each patch of 70 x 70 pixels how real it looks (a logit).

    Args:
        inputs: channels of what is judged together.
        width: channels of the first layer; the originals: 64.
        norm: function of a number of channels to a layer.
    """

    def __init__(self, inputs, *, width=64, norm=nn.InstanceNorm2d):
        super().__init__()
        bias = norm is nn.InstanceNorm2d
        layers = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for before, after, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
            layers += [nn.Conv2d(width * before, width * after, 4, stride, 1, bias=bias), norm(width * after),
                       nn.LeakyReLU(SLOPE)]
        self.model = nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 1))

    def forward(self, x):
        """(b, 1, h / 8 - 2, w / 8 - 2) logits of (b, inputs, h, w) float32."""
        return self.model(x)
