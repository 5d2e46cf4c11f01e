"""The network of Karras et al. 2017, and FACEGOOD Audio2Face's two readings of it.

An image of sound (front end's coefficients down, time across) is folded along the coefficients by a formant network
and along time by an articulation network that is told an emotion at every layer; two linear layers give the curves.

T. Karras, T. Aila, S. Laine, A. Herva, J. Lehtinen: Audio-Driven Facial Animation by Joint End-to-End Learning of Pose
and Emotion, ACM Transactions on Graphics 36(4), 2017. From it: an emotion vector for every training frame, learned
along; position, motion and regularisation losses, each divided by its own running size; noise on the layers' inputs.
FACEGOOD (MIT) has no emotion to choose: "tf2" feeds a constant through convolutions, "tf1" a convolution of the sound.
tests/parity/test_karras.py holds both against the numbers of the original code (2e-6), losses included.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

VARIANTS = ("paper", "tf2", "tf1")
FORMANT_WIDTHS, ARTICULATION_WIDTH, BASIS = (72, 108, 162, 243, 256), 256, 150
# Each training item's layer inputs are scaled by this to the power of a standard normal number, a map at a time.
NOISE_BASE = 1.4


@dataclass(frozen=True)
class KarrasConfig:
    """Size of the network.

    Args:
        outputs: curves.
        height: coefficients of the front end, 2 or more.
        width: its rows in the window of one frame, 2 or more.
        variant: "paper", or FACEGOOD's "tf2" or "tf1".
        emotion_size: numbers of an emotion.
        emotions: rows of the learned database ("paper" only); one for each training frame.
        dropout: before the last layer, while training; the paper has none.
        noise: whether layer inputs are noisy while training, as in the paper.

    Raises:
        ValueError: an unknown variant.
    """

    outputs: int = 37
    height: int = 32
    width: int = 64
    variant: str = "paper"
    emotion_size: int = 16
    emotions: int = 1
    dropout: float = 0.0
    noise: bool = True

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ValueError(f"variant {self.variant!r} is none of {', '.join(VARIANTS)}")

    @property
    def last_height(self):
        """Rows that the last layer of the formant network folds; 2 of FACEGOOD's 32."""
        return math.ceil(self.height / 16)

    @property
    def last_width(self):
        """Columns that the last layer of the articulation network folds; 4 of FACEGOOD's 64."""
        return math.ceil(self.width / 16)


class SameConv(nn.Module):
    """Convolution, then ReLU, padded as TensorFlow's SAME does it: the odd one of the zeros comes last."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride)
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        """(b, c, h, w) -> (b, d, ceil(h / stride), ceil(w / stride))."""
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if any(pads):
            x = functional.pad(x, pads)
        return torch.relu(self.convolution(x))


class Karras(nn.Module):
    """The three networks in a row.

    Args:
        config: KarrasConfig.

    Attributes:
        database: (emotions, emotion_size) learned emotions of the training frames ("paper").
        constant: (1, emotion_size, 1, width) what "tf2" has instead, drawn once and not trained.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        size, width, paper = config.emotion_size, ARTICULATION_WIDTH, config.variant == "paper"
        ins, last = (1, *FORMANT_WIDTHS), config.last_height
        self.formant = nn.ModuleList(
            SameConv(ins[i], ins[i + 1], (3, 1) if i < 4 else (last, 1), (2, 1) if i < 4 else (last, 1))
            for i in range(5))
        last = config.last_width
        steps = (2, 2, 2, 2, last)
        # The paper tells the emotion to the first layer's output too; nothing is told before it.
        self.articulation = nn.ModuleList(
            SameConv(width + (size if i else 0), width, (1, 3 if i < 4 else last), (1, steps[i])) for i in range(5))
        if paper:
            self.database = nn.Parameter(torch.randn(config.emotions, size))
        else:
            jumps = (2, 4, 8, 16, 16 * last)
            kernels = (3, 3, 3, 3, 3 if config.variant == "tf1" else last)
            self.emotion = nn.ModuleList(SameConv(size, size, (1, kernels[i]), (1, jumps[i])) for i in range(5))
        if config.variant == "tf2":
            self.register_buffer("constant", torch.randn(1, size, 1, config.width))
        if config.variant == "tf1":
            self.heard = SameConv(1, size, (3, 1), (config.height, 1))
        self.basis_weights = nn.Linear(width + size, BASIS)
        self.drop = nn.Dropout(config.dropout)
        self.basis = nn.Linear(BASIS, config.outputs)

    def forward(self, images, emotion=None):
        """Curves of every image.

        Args:
            images: (b, height, width) float32; or (b, t, height, width) for frames that share their noise.
            emotion: (b, emotion_size) or (b, t, emotion_size) float32, "paper" only; default the database's mean.

        Returns:
            (b, outputs) or (b, t, outputs) float32.
        """
        frames = images.shape[:-2]
        shared = frames[-1] if len(frames) == 2 else 1
        x = images.reshape(-1, 1, *images.shape[-2:])  # (b, 1, h, w)
        told = self._told(x, emotion)
        for layer in self.formant:
            x = layer(self._noisy(x, shared))  # (b, c, h / 2, w), at last (b, 256, 1, w)
        for layer, more in zip(self.articulation, told, strict=True):
            x = layer(self._noisy(x, shared))  # (b, 256, 1, w / 2), at last (b, 256, 1, 1)
            x = torch.cat([x, more.expand(x.shape[0], -1, 1, x.shape[3])], 1)  # (b, 256 + e, 1, w)
        x = self.basis(self.drop(self.basis_weights(x.flatten(1))))  # (b, outputs)
        return x.reshape(*frames, -1)

    def heard_emotion(self, images):
        """(b, emotion_size, 1, width) what FACEGOOD's networks take for an emotion: of the sound, or constant."""
        if self.config.variant == "tf1":
            return self.heard(images.reshape(-1, 1, *images.shape[-2:]))
        return self.constant.expand(images.shape[:-2].numel(), -1, -1, -1)

    def _told(self, x, emotion):
        """What each articulation layer is told, (b or 1, emotion_size, 1, its width or 1)."""
        if self.config.variant == "paper":
            vector = self.database.mean(0, keepdim=True) if emotion is None else emotion.flatten(0, -2)
            return [vector[:, :, None, None]] * 5
        source = self.constant if self.config.variant == "tf2" else self.heard(x)
        return [layer(source) for layer in self.emotion]

    def _noisy(self, x, shared):
        """(b, c, h, w) with every map scaled at random while training, alike in frames of one item."""
        if not (self.training and self.config.noise and self.config.variant == "paper"):
            return x
        gain = NOISE_BASE ** torch.randn(len(x) // shared, x.shape[1], device=x.device)
        return x * gain.repeat_interleave(shared, 0)[:, :, None, None]


def position_loss(predicted, curves):
    """Mean squared error, the paper's P; any shapes that agree."""
    return functional.mse_loss(predicted, curves)


def motion_loss(predicted, curves):
    """Twice the mean squared error of the step between neighbouring frames, the paper's M.

    Args:
        predicted, curves: (b, t, k) consecutive frames, t >= 2.
    """
    return 2 * functional.mse_loss(predicted.diff(dim=1), curves.diff(dim=1))


def regularisation_loss(emotion):
    """How fast the learned emotion changes, against its size, the paper's R: it should not carry what is heard.

    Args:
        emotion: (b, t, e) of consecutive frames, t >= 2.
    """
    return 2 * emotion.diff(dim=1).square().mean() / emotion.square().mean().clamp_min(1e-12)


class Balance(nn.Module):
    """Losses divided by their own running size, as Adam does with gradients, so that none has to be weighed.

    The sizes are buffers: a run that is interrupted goes on with them.

    Args:
        count: losses.
        decay: of the running mean of the squares.
    """

    def __init__(self, count, *, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("squares", torch.zeros(count))

    def forward(self, *losses):
        """Sum of the balanced losses; scalars, always as many."""
        self.step += 1
        now = torch.stack([loss.detach() for loss in losses]).square()
        self.squares.copy_(self.decay * self.squares + (1 - self.decay) * now)
        size = (self.squares / (1 - self.decay ** self.step.item())).sqrt() + 1e-8
        return (torch.stack(losses) / size).sum()


def facegood_loss(predicted, curves, emotion, *, variant="tf2"):
    """The loss of FACEGOOD's trainers.

    Its "motion" term compares the first half of a shuffled batch with the second, so it is none; its regularisation
    is 0 with the constant emotion of "tf2", and "tf1" leaves the factor and mean over channels out.

    Args:
        predicted, curves: (b, k) float32, b even.
        emotion: (b, e, 1, w) float32, see Karras.heard_emotion.
        variant: "tf2" or "tf1".

    Returns:
        Scalar tensor.
    """
    half = len(predicted) // 2
    motion = 2 * ((curves[:half] - curves[half:]) - (predicted[:half] - predicted[half:])).square().mean()
    one, other = emotion[:half], emotion[half:]
    change = (one - other).square().sum(2)  # (b / 2, e, w): over the height
    size = one.square().sum(3).mean()
    if variant == "tf2":
        change = 2 * change.sum(2).mean(1)  # (b / 2,)
    return position_loss(predicted, curves) + motion + (change / size).mean()
