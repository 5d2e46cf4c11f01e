"""Audio2ExpressionNet of Neural Voice Puppetry: windows of sound in, a person's expressions out, smoothed in time.

Names and shapes of all tensors are those of the released checkpoint, so weights go both ways. Windows of any width and
any length that is a power of two are taken, the release has 16 rows of DeepSpeech's 29 logits.

Source:
    J. Thies et al., Neural Voice Puppetry, ECCV 2020, sections 4.1 and 4.2; its numbers with its own checkpoint are met
    in tests/parity/test_puppetry.py (1e-5).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from personare.errors import InputError

# The released net is steeper in its two wide convolutions, by the default of the layer there.
SLOPE, WIDE_SLOPE = 0.02, 0.2
# Codes are small numbers; the original gives the mapping ten times as much of them.
CODE_SCALE = 10.0
_WIDTHS = (32, 32, 64, 64)


@dataclass(frozen=True)
class PuppetryConfig:
    """Sizes of the network.

    Args:
        row_width: columns of a row of the front end.
        window: rows of a window, 2, 4, 8, 16, 32 or 64; frame i sees the rows from i - window / 2 on.
        codes: audio expressions, the numbers that all people share.
        slots_before, slots_after: frames that the temporal filter looks at beside the frame itself.
        outputs: target columns.
        people: mappings from codes to outputs.

    Raises:
        InputError: a window that halving does not bring to 1, or a size below 1.
    """

    row_width: int = 29
    window: int = 16
    codes: int = 32
    slots_before: int = 3
    slots_after: int = 4
    outputs: int = 76
    people: int = 1

    def __post_init__(self):
        if self.window not in (2, 4, 8, 16, 32, 64):
            raise InputError("window", expected="2, 4, 8, 16, 32 or 64 rows", got=repr(self.window), remedy="change it")
        for name in ("row_width", "codes", "outputs", "people"):
            if getattr(self, name) < 1:
                raise InputError(name, expected="1 or more", got=repr(getattr(self, name)), remedy="change it")

    @property
    def slots(self):
        """Frames that the temporal filter looks at."""
        return self.slots_before + 1 + self.slots_after


class Puppetry(nn.Module):
    """The network; one set of codes for all people, and a matrix for each.

    Args:
        config: PuppetryConfig.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        halvings = config.window.bit_length() - 1
        widths = [config.row_width, *_WIDTHS[:halvings], *[_WIDTHS[-1]] * (halvings - len(_WIDTHS))]
        layers = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, (3, 1), (2, 1), (1, 0)),
                       nn.LeakyReLU(SLOPE if outputs == _WIDTHS[0] else WIDE_SLOPE)]
        self.convNet = nn.Sequential(*layers)
        self.fullNet = nn.Sequential(nn.Linear(widths[-1], 128), nn.LeakyReLU(SLOPE), nn.Linear(128, 64),
                                     nn.LeakyReLU(SLOPE), nn.Linear(64, config.codes), nn.Tanh())
        layers, narrow = [], config.codes
        while narrow > 1:
            layers += [nn.Conv1d(narrow, narrow // 2, 3, padding=1), nn.LeakyReLU(SLOPE)]
            narrow //= 2
        self.attentionConvNet = nn.Sequential(*layers)
        self.attentionNet = nn.Sequential(nn.Linear(config.slots, config.slots), nn.Softmax(1))
        self.mapping = nn.Parameter(torch.randn(1, config.people, config.outputs, config.codes))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                nn.init.xavier_normal_(module.weight, 0.02)
                nn.init.zeros_(module.bias)

    def codes(self, windows):
        """Audio expressions of windows, before the filter.

        Args:
            windows: (n, window, row_width) float32.

        Returns:
            (n, codes) in -1..1.
        """
        x = self.convNet(windows.transpose(1, 2)[..., None])  # (n, 64, 1, 1)
        return self.fullNet(x.flatten(1))

    def attention(self, codes):
        """(n, slots) shares of the slots, of (n, slots, codes)."""
        x = self.attentionConvNet(codes.transpose(1, 2))  # (n, 1, slots)
        return self.attentionNet(x.flatten(1))

    def filtered(self, codes):
        """(n, codes): the slots of (n, slots, codes) weighed by their shares."""
        return (codes * self.attention(codes)[..., None]).sum(1)

    def expressions(self, codes, person):
        """(n, outputs) of (n, codes) and (n,) int64 numbers of people."""
        return CODE_SCALE * torch.einsum("nkc,nc->nk", self.mapping[0][person], codes)

    def forward(self, windows, person):
        """Expressions of frames of which all slots are known.

        Args:
            windows: (n, slots, window, row_width) float32.
            person: (n,) int64.

        Returns:
            expressions (n, outputs), and the codes behind them (n, codes).
        """
        count, slots = windows.shape[:2]
        codes = self.codes(windows.flatten(0, 1)).view(count, slots, -1)  # (n, slots, codes)
        codes = self.filtered(codes)  # (n, codes)
        return self.expressions(codes, person), codes


def puppetry_of(tensors):
    """The network of a dict of tensors, in evaluation mode.

    Args:
        tensors: dict of name -> array of the released layout.

    Raises:
        InputError: tensors of another layout.
    """
    try:
        _, people, outputs, codes = tensors["mapping"].shape
        row_width = tensors["convNet.0.weight"].shape[1]
        halvings = sum(name.startswith("convNet.") and name.endswith(".weight") for name in tensors)
        slots = tensors["attentionNet.0.bias"].shape[0]
        network = Puppetry(PuppetryConfig(row_width, 2**halvings, codes, (slots - 1) // 2, slots // 2, outputs, people))
        network.load_state_dict({name: torch.as_tensor(value) for name, value in tensors.items()})
    except (KeyError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise InputError("tensors", expected="those of an Audio2ExpressionNet",
                         got=" ".join(str(error).split())[:120], remedy="give the file latest_netG.pth") from error
    return network.eval()
