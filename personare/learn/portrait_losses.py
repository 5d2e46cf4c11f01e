"""What pictures of a talking face are asked to get right: pixels, what a network sees in them, an adversary."""

import torch
from torch import nn
from torch.nn import functional

# Torchvision's numbers of the convolutions and poolings of two networks; a text is where features are taken after.
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M")
VGG19 = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512)
# Layers of VGG-16 whose inner products are the style, and the one that is the content: relu 1_2, 2_2, 3_3, 4_3.
STYLE_LAYERS, CONTENT_LAYER = (3, 8, 15, 22), 8
# Layers of VGG-19 that pix2pixHD compares (relu 1_1, 2_1, 3_1, 4_1, 5_1), and how much each counts.
COMPARED = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}
# What the weights of torchvision expect of pictures in 0..1.
IMAGE_MEAN, IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """The convolutions of a VGG network, with the names that torchvision gives them; nothing of it learns.

    Args:
        layout: VGG16 or VGG19.
        width: of its first layer, for small ones in tests; the original: 64.
    """

    def __init__(self, layout=VGG16, *, width=64):
        super().__init__()
        layers, channels = [], 3
        for outputs in layout:
            if outputs == "M":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            outputs = outputs * width // 64
            layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU()]
            channels = outputs
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def forward(self, pictures, wanted):
        """list of features after each of the wanted layers, of (b, 3, h, w) float32."""
        found, x = [], pictures
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in wanted:
                found.append(x)
            if len(found) == len(wanted):
                break
        return found


def content_and_style(vgg, pictures, targets):
    """How two pictures differ to VGG-16: in what is there, and in how it is drawn.

    As Neural Voice Puppetry has it: pictures are mapped to 0..1 and to nothing else.

    Args:
        vgg: VGGFeatures(VGG16).
        pictures, targets: (b, 3, h, w) float32 in -1..1.

    Returns:
        (content, style), scalar tensors: mean square of features, sum of mean squares of Gram matrices.
    """
    mine, theirs = (vgg((x + 1) / 2, STYLE_LAYERS) for x in (pictures, targets))
    place = STYLE_LAYERS.index(CONTENT_LAYER)
    style = sum(functional.mse_loss(gram(a), gram(b)) for a, b in zip(mine, theirs, strict=True))
    return functional.mse_loss(mine[place], theirs[place]), style


def gram(features):
    """(b, c, c) inner products of the channels of (b, c, h, w), divided by c h w."""
    b, c, h, w = features.shape
    flat = features.view(b, c, h * w)
    return flat @ flat.transpose(1, 2) / (c * h * w)


def perceptual(vgg, pictures, targets, *, normalised=False):
    """pix2pixHD's: weighted mean differences of VGG-19's features.

    Args:
        vgg: VGGFeatures(VGG19).
        pictures, targets: (b, 3, h, w) float32 in -1..1.
        normalised: whether pictures are brought to what torchvision's weights expect; pix2pixHD does not.

    Returns:
        Scalar tensor; nothing flows into the targets.
    """
    if normalised:
        mean, std = (pictures.new_tensor(values)[:, None, None] for values in (IMAGE_MEAN, IMAGE_STD))
        pictures, targets = (((x + 1) / 2 - mean) / std for x in (pictures, targets))
    mine, theirs = vgg(pictures, COMPARED), vgg(targets, COMPARED)
    return sum(share * functional.l1_loss(a, b.detach())
               for share, a, b in zip(COMPARED.values(), mine, theirs, strict=True))


def masked_l1(pictures, targets, mask):
    """Mean difference over the pixels of a mask alone.

    Args:
        pictures, targets: (b, c, h, w) float32.
        mask: (b, 1, h, w) bool or float32.

    Returns:
        Scalar tensor; 0 where the mask is empty.
    """
    weight = mask.to(pictures.dtype)
    count = weight.sum() * pictures.shape[1]
    return ((pictures - targets).abs() * weight).sum() / count.clamp_min(1)


def puppetry_loss(rendered, picture, inside, *, vgg=None):
    """Neural Voice Puppetry's sum of differences, each a mean over the pixels it is about.

    The original divides two of the three by the pixels of the face without having multiplied by those of the picture,
    so they weigh nothing; tests/parity has that, too.

    Args:
        rendered: puppetry_renderer.Rendered.
        picture: (b, 3, h, w) float32 in -1..1, the truth.
        inside: (b, 1, h, w) bool, pixels that show the face.
        vgg: VGGFeatures(VGG16) for what a network sees in the pictures, weighed by ten as well; None leaves it out.

    Returns:
        Scalar tensor.
    """
    loss = (masked_l1(rendered.features[:, :3], picture, inside) + 5 * masked_l1(rendered.face, picture, inside)
            + 10 * functional.l1_loss(rendered.picture, picture))
    if vgg is not None:
        content, style = content_and_style(vgg, rendered.picture, picture)
        loss = loss + 10 * (content + style)
    return loss


def binary_adversary(judged, real):
    """Mean cross entropy of logits against all real or all made."""
    target = torch.ones_like(judged) if real else torch.zeros_like(judged)
    return functional.binary_cross_entropy_with_logits(judged, target)


def square_adversary(verdicts, real):
    """pix2pixHD's: sum over scales of the mean square distance of the verdicts from 1 for real, 0 for made.

    Args:
        verdicts: what nets.style_avatar.ScaleJudge gives.
        real: whether they are asked to be those of real pictures.
    """
    return sum((scale[-1] - float(real)).square().mean() for scale in verdicts)


def features_matched(made, real):
    """Sum of mean differences of what a judge saw of made and of real pictures; nothing flows into the real ones.

    Args:
        made, real: what nets.style_avatar.ScaleJudge gives.
    """
    return sum(functional.l1_loss(a, b.detach()) for mine, theirs in zip(made, real, strict=True)
               for a, b in zip(mine[:-1], theirs[:-1], strict=True))


def laplacian(pictures, targets, *, levels=3):
    """Sum over the bands of two Laplacian pyramids of their mean differences.

    Args:
        pictures, targets: (b, c, h, w) float32, sides divisible by 2 ** levels.
        levels: bands.
    """
    return sum(functional.l1_loss(a, b) for a, b in zip(_bands(pictures, levels), _bands(targets, levels),
                                                        strict=True))


def _bands(x, levels):
    """What each halving of a picture loses, the finest first."""
    bands = []
    for _ in range(levels):
        half = _smoothed(x)[..., ::2, ::2]
        spread = torch.zeros_like(x)
        spread[..., ::2, ::2] = 4 * half
        bands.append(x - _smoothed(spread))
        x = half
    return bands


def _smoothed(x):
    """Weighed 1 4 6 4 1 both ways, mirrored at the edge."""
    row = x.new_tensor([1, 4, 6, 4, 1]) / 16
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 5, 5)
    return functional.conv2d(functional.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=x.shape[1])
