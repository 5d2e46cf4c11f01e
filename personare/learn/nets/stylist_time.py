"""Style and speech to motion as convolutions at the frame rate: personare's own network for the method stylist.

style_avatar's network squeezes a window of 32 frames into 10 steps and stretches them again, so nothing faster than
3 Hz comes through, and lips do not meet. Here every frame keeps its place: pairs of rows become one frame each, blocks
of dilated convolutions look CONTEXT_FRAMES to either side, and the style scales and shifts what each block says
(feature-wise modulation; Perez et al., AAAI 2018). No frame depends on where its window begins.
"""

from torch import nn

DILATIONS = (1, 2, 4)
CONTEXT_FRAMES = sum(DILATIONS) + 1
STYLE_WIDTH = 32


class StylistTime(nn.Module):
    """The network.

    Args:
        channels: numbers in a row.
        columns: numbers in a frame.
        style: numbers of a style code.
        width: channels of a layer.
        dropout: share of the channels left out while learning.
    """

    def __init__(self, channels, columns, style, width, dropout):
        super().__init__()
        self.enter = nn.Conv1d(channels, width, 2, stride=2)
        self.near = nn.Conv1d(width, width, 3)
        self.blocks = nn.ModuleList(nn.Conv1d(width, width, 3, dilation=dilation) for dilation in DILATIONS)
        self.leave = nn.Conv1d(width, columns, 1)
        self.styled = nn.Sequential(nn.Linear(style, STYLE_WIDTH), nn.ReLU(),
                                    nn.Linear(STYLE_WIDTH, 2 * width * len(DILATIONS)))
        self.dropout = nn.Dropout1d(dropout)
        nn.init.zeros_(self.styled[2].weight)
        nn.init.zeros_(self.styled[2].bias)

    def forward(self, rows, style):
        """(b, columns, n) frames of (b, channels, 2 n + 4 CONTEXT_FRAMES) rows and (b, style) codes."""
        x = nn.functional.gelu(self.near(nn.functional.gelu(self.enter(rows))))
        scales = self.styled(style).unflatten(1, (len(DILATIONS), 2, -1))[..., None]  # (b, blocks, 2, width, 1)
        for i, (block, dilation) in enumerate(zip(self.blocks, DILATIONS, strict=True)):
            y = block(self.dropout(x)) * (1 + scales[:, i, 0]) + scales[:, i, 1]
            x = x[:, :, dilation:-dilation] + nn.functional.gelu(y)
        return self.leave(x)
