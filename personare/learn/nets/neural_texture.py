"""Neural textures: features learned on a face's own surface and looked up where a pixel shows it.

Three kinds of Neural Voice Puppetry: one that never changes, and two whose features pass a convolution with kernels
that the sound or the expression makes, frame by frame. Names of all tensors are those of the original. Unlike there a
batch may hold several frames: kernels differ between frames, the learned map does not, so one product serves all.

Source:
    J. Thies et al., Deferred Neural Rendering, SIGGRAPH 2019; Neural Voice Puppetry, ECCV 2020; met in
    tests/parity/test_puppetry_renderer.py (1e-5), with either meaning of the corners of a texture.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from personare.errors import InputError
from personare.learn.nets.puppetry import SLOPE, WIDE_SLOPE

# Kernels that a frame makes: features to features over 4 x 4 texels.
KERNEL = 4
# Rows of sound that a frame hears, as released.
WINDOW = 16
KINDS = ("static", "audio", "expression")
_WIDTHS = (32, 32, 64, 64)


def look_up(texture, uv, *, align_corners=True, padding="border"):
    """Features of a texture at the places that pixels show.

    Args:
        texture: (b or 1, c, r, r) float32, row 0 at v = -1.
        uv: (b, 2 or more, h, w) float32, u and v in -1..1 as the first two channels.
        align_corners: whether -1 and 1 are the centres of the outer texels, as when the method was published; else
            their outer edges.
        padding: "border" repeats the edge beyond it, "zeros" ends there.

    Returns:
        (b, c, h, w) float32.
    """
    places = uv[:, :2].permute(0, 2, 3, 1)  # (b, h, w, 2)
    if texture.shape[0] != places.shape[0]:
        texture = texture.expand(places.shape[0], -1, -1, -1)
    return functional.grid_sample(texture, places, mode="bilinear", padding_mode=padding, align_corners=align_corners)


class NeuralTexture(nn.Module):
    """A square of learned features, sampled where uv says.

    Args:
        kind: "static", "audio" or "expression".
        features: channels.
        size: texels of a side.
        columns: of a row of the front end for "audio", of an expression for "expression".
        window: rows of sound that a frame hears; "audio" alone, 16 as released or another power of two.
        align_corners: see look_up.

    Raises:
        InputError: an unknown kind, or a window that halving does not bring to 1.
    """

    def __init__(self, kind="static", *, features=16, size=256, columns=None, window=WINDOW, align_corners=True):
        super().__init__()
        if kind not in KINDS:
            raise InputError("kind", expected=f"one of {', '.join(KINDS)}", got=repr(kind), remedy="use one")
        if window not in (2, 4, 8, 16, 32, 64):
            raise InputError("window", expected="2, 4, 8, 16, 32 or 64 rows", got=repr(window), remedy="change it")
        self.kind, self.features, self.align_corners = kind, features, align_corners
        self.data = nn.Parameter(torch.randn(1, features, size, size))
        columns = columns or {"audio": 29, "expression": 76}.get(kind)
        if kind == "audio":
            self.convNet, columns = _hearing(columns, window)
        if kind != "static":
            self.fullNet = nn.Sequential(nn.Linear(columns, 128), nn.LeakyReLU(SLOPE), nn.Linear(128, 64),
                                         nn.LeakyReLU(SLOPE), nn.Linear(64, features * features * KERNEL**2), nn.Tanh())

    def texture(self, condition=None):
        """The map as a frame has it.

        Args:
            condition: None for "static"; (b, window, columns) float32 rows of sound for "audio"; (b, columns) float32
                for "expression".

        Returns:
            (b or 1, features, r, r) float32; r is one more than the learned size for those that change.
        """
        if self.kind == "static":
            return self.data
        heard = condition
        if self.kind == "audio":
            heard = self.convNet(condition.transpose(1, 2)[..., None]).flatten(1)  # (b, 64)
        c = self.features
        kernels = self.fullNet(heard).view(-1, c, c * KERNEL**2)
        # The convolution as one product, since graphs that run elsewhere want to know their kernels beforehand.
        texels = functional.unfold(self.data, KERNEL, padding=KERNEL // 2)[0]  # (16 c, (r + 1) ** 2)
        side = self.data.shape[2] + 1
        return (kernels @ texels).view(-1, c, side, side)

    def forward(self, uv, condition=None):
        """Features where pixels show the face.

        Args:
            uv: (b, 2 or more, h, w) float32 in -1..1.
            condition: see texture.

        Returns:
            (b, features, h, w) float32.
        """
        return look_up(self.texture(condition), uv, align_corners=self.align_corners)


def _hearing(columns, window):
    """Convolutions that make 64 numbers, or fewer for a short window, of the rows a frame hears; and how many."""
    halvings = window.bit_length() - 1
    widths = [columns, *_WIDTHS[:halvings], *[_WIDTHS[-1]] * (halvings - len(_WIDTHS))]
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, (3, 1), (2, 1), (1, 0)),
                   nn.LeakyReLU(SLOPE if outputs == _WIDTHS[0] else WIDE_SLOPE)]
    return nn.Sequential(*layers), widths[-1]
