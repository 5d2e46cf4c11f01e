"""Networks that read a face's coefficients off a picture: Deep3DFaceRecon's, and the one AudioDVP trains on a video.

Both are a ResNet-50 and a last layer. Names and shapes of all tensors are those of the originals, so weights go both
ways: Deep3DFaceRecon_pytorch's epoch_20.pth, and for AudioDVP the ResNet-50 of VGGFace2.

Source:
    Y. Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, CVPRW 2019; X. Wen et al.,
    Photorealistic Audio-driven Video Portraits, TVCG 2020, section 3; K. He et al., Deep Residual Learning, CVPR 2016.
    AudioDVP's numbers are met in tests/parity/test_deep3d.py; of Deep3DFaceRecon no numbers were at hand, its layout is
    held to a second writing of it there.
"""

import torch
from torch import nn

from personare.errors import InputError

BLOCKS, WIDTHS, EXPANSION = (3, 4, 6, 3), (64, 128, 256, 512), 4
FEATURES = EXPANSION * WIDTHS[-1]
# Identity, expression, texture, angles, light, and translation across and along the view.
HEADS = (80, 64, 80, 3, 27, 2, 1)
# AudioDVP: expression, light, angles, translation; identity and texture are no outputs but shared by a whole video.
DVP_PARTS = {"expression": 64, "light": 27, "angles_rad": 3, "translation": 3}
# What AudioDVP subtracts from RGB in 0..1.
DVP_MEAN = (0.5141, 0.4074, 0.3588)


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut.

    Args:
        inputs, width: channels in and in the middle; four times width out.
        stride: of the whole block.
        early: whether the first convolution strides, as in Caffe, or the middle one, as in torchvision.
    """

    def __init__(self, inputs, width, stride, *, early):
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, stride if early else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1 if early else stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        """(b, 4 width, h / stride, w / stride) of (b, inputs, h, w)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """The body of both networks: 2048 features of a picture.

    Args:
        caffe: as in Caffe: strides come early, and pooling rounds up instead of padding.
    """

    def __init__(self, *, caffe):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.maxpool = nn.MaxPool2d(3, 2, 0, ceil_mode=True) if caffe else nn.MaxPool2d(3, 2, 1)
        inputs = WIDTHS[0]
        for i, (count, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True), 1):
            layer = nn.Sequential()
            for k in range(count):
                layer.append(Bottleneck(inputs, width, 2 if i > 1 and k == 0 else 1, early=caffe))
                inputs = EXPANSION * width
            self.add_module(f"layer{i}", layer)

    def forward(self, pictures):
        """(b, 2048, 1, 1) of (b, 3, 224, 224)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(pictures))))  # (b, 64, 56, 56)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (b, 2048, 7, 7)
        return x.mean((2, 3), keepdim=True)


class Deep3D(nn.Module):
    """Deep3DFaceRecon_pytorch's R-Net: 257 coefficients of an aligned picture, see faces/bfm_crop.py."""

    def __init__(self):
        super().__init__()
        self.backbone = ResNet50(caffe=False)
        self.final_layers = nn.ModuleList(nn.Conv2d(FEATURES, count, 1) for count in HEADS)
        for layer in self.final_layers:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pictures):
        """(b, 257) in the space deep3d-257, of (b, 3, 224, 224) RGB in 0..1."""
        x = self.backbone(pictures)
        return torch.cat([layer(x) for layer in self.final_layers], 1).flatten(1)


class DvpReconstruction(ResNet50):
    """AudioDVP's network: what of a face changes from frame to frame. It begins at the mean face, unlit but for 0.7.

    The original dumps its coefficients in training mode, so that each depends on the other pictures of its batch;
    call eval() first.
    """

    def __init__(self):
        super().__init__(caffe=True)
        self.fc = nn.Linear(FEATURES, sum(DVP_PARTS.values()))
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, pictures):
        """(b, 97) of (b, 3, 224, 224), see dvp_pictures; split_dvp names the parts."""
        return self.fc(super().forward(pictures).flatten(1))


def dvp_pictures(pictures):
    """(b, 3, 224, 224) RGB in 0..1 as AudioDVP's network is fed them, its mean taken off."""
    return pictures - torch.tensor(DVP_MEAN, dtype=pictures.dtype, device=pictures.device)[:, None, None]


def split_dvp(values):
    """dict of parts of (b, 97): expression (b, 64), light (b, 3, 9), angles_rad (b, 3), translation (b, 3).

    They are for face_model(convention="audiodvp"); gamma's bands of three colours are turned to three colours of bands.
    """
    parts = dict(zip(DVP_PARTS, values.split(list(DVP_PARTS.values()), 1), strict=True))
    return parts | {"light": parts["light"].view(-1, 9, 3).mT}


def is_deep3d(tensors):
    """Whether a checkpoint is one of Deep3DFaceRecon_pytorch."""
    return {"backbone.conv1.weight", "final_layers.0.weight", "final_layers.6.bias"} <= set(tensors)


def deep3d_of(tensors):
    """Deep3D with the weights of a checkpoint, in evaluation mode.

    Args:
        tensors: dict of name -> array, what epoch_20.pth holds as net_recon.

    Raises:
        InputError: tensors of another layout.
    """
    network = Deep3D()
    state = {name: torch.as_tensor(value) for name, value in tensors.items()}
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, value)  # nothing but training reads it
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError("tensors", expected="those of Deep3DFaceRecon_pytorch with a ResNet-50",
                         got=" ".join(str(error).split())[:160], remedy="give its epoch_20.pth") from error
    return network.eval()
