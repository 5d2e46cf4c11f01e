"""The networks whose features LPIPS compares: AlexNet and VGG-16, as torchvision names their tensors.

Source:
    R. Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018; A. Krizhevsky,
    One weird trick for parallelizing convolutional neural networks, 2014; K. Simonyan and A. Zisserman, Very deep
    convolutional networks, ICLR 2015. No released weights were at hand: layouts are held to a second writing of them
    in tests/learn/test_convert_perceptual.py.
"""

from dataclasses import dataclass

import torch
from torch import nn

from personare.errors import InputError

# What the paper's scaling layer takes from RGB in -1..1, and divides by.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


@dataclass(frozen=True)
class _Layout:
    """Convolutions (number, outputs, kernel, stride, padding), those a pool comes before, those that are compared."""

    convolutions: tuple
    pooled: tuple
    pool: tuple
    compared: tuple


_VGG = ((0, 64), (2, 64), (5, 128), (7, 128), (10, 256), (12, 256), (14, 256), (17, 512), (19, 512), (21, 512),
        (24, 512), (26, 512), (28, 512))
LAYOUTS = {
    "alex": _Layout(((0, 64, 11, 4, 2), (3, 192, 5, 1, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1), (10, 256, 3, 1, 1)),
                    pooled=(3, 6), pool=(3, 2), compared=(0, 3, 6, 8, 10)),
    "vgg": _Layout(tuple((number, outputs, 3, 1, 1) for number, outputs in _VGG), pooled=(5, 10, 17, 24), pool=(2, 2),
                   compared=(2, 7, 14, 21, 28)),
}


class Features(nn.Module):
    """Activations of the layers that are compared.

    Args:
        kind: "alex" or "vgg".
    """

    def __init__(self, kind):
        super().__init__()
        self.layout, inputs = LAYOUTS[kind], 3
        self.features = nn.ModuleDict()
        for number, outputs, kernel, stride, padding in self.layout.convolutions:
            self.features[str(number)] = nn.Conv2d(inputs, outputs, kernel, stride, padding)
            inputs = outputs
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures):
        """Tuple of (n, c, h', w') of (n, 3, h, w) RGB in -1..1."""
        x, found = (pictures - self.shift) / self.scale, []
        for number, convolution in self.features.items():
            if int(number) in self.layout.pooled:
                x = torch.max_pool2d(x, *self.layout.pool)
            x = torch.relu(convolution(x))
            if int(number) in self.layout.compared:
                found.append(x)
        return tuple(found)


def is_linear(tensors):
    """Whether tensors are LPIPS's own weights, such as alex.pth of its release."""
    return "lin0.model.1.weight" in tensors


def perceptual_of(body, linear):
    """The network and its linear weights.

    Args:
        body: dict of name -> tensor, torchvision's AlexNet or VGG-16; its classifier is passed over.
        linear: dict of name -> tensor, alex.pth or vgg.pth of LPIPS.

    Returns:
        (Features, list of (c,) float arrays, one for each layer, kind).

    Raises:
        InputError: tensors of another layout, or of two networks.
    """
    weights = [linear.get(f"lin{i}.model.1.weight") for i in range(5)]
    for kind, layout in LAYOUTS.items():
        network = Features(kind)
        wanted = network.state_dict()
        own = {name: value for name, value in body.items() if name.startswith("features.")}
        widths = {number: outputs for number, outputs, *_ in layout.convolutions}
        shapes = [(1, widths[number], 1, 1) for number in layout.compared]
        if ({name: tuple(value.shape) for name, value in own.items()}
                == {name: tuple(value.shape) for name, value in wanted.items()}
                and [None if one is None else tuple(one.shape) for one in weights] == shapes):
            network.load_state_dict(own)
            return network, [one.reshape(-1).float().numpy() for one in weights], kind
    raise InputError("weights", expected="torchvision's AlexNet with LPIPS's alex.pth, or its VGG-16 with vgg.pth",
                     got=f"{len(body)} tensors such as {', '.join(list(body)[:2])}, and {len(linear)}",
                     remedy="give alexnet-owt-7be5be79.pth and alex.pth")
