"""How AudioDVP's neural face renderer is trained: drawings of seven frames to a picture, against a judge of patches.

Beyond the ends of a clip the outermost drawing is repeated; the original has grey there, which it never draws.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from personare.errors import InputError
from personare.learn import portrait_tasks as tasks
from personare.learn.nets.dvp_renderer import dvp_judge, dvp_renderer
from personare.learn.portrait_data import as_picture
from personare.learn.portrait_losses import binary_adversary
from personare.learn.recipes import check_ranges
from personare.portraits.style_avatar import DRAW_GRAPH

HALF, PIXELS = 127.5, 100.0


@dataclass(frozen=True)
class RefinerOptions(tasks.Sizes):
    """Settings of the renderer.

    Args:
        drawings: frames that are seen, an odd number.
        width: channels of the first level; as published 64, 140.9 million numbers.
        levels: of the U-Net; as published 8, for pictures of 256 pixels.
        judge_width: channels of the judge's first layer.
        flip: whether frames are mirrored now and then.
    """

    drawings: int = 7
    width: int = 64
    levels: int = 8
    judge_width: int = 64
    flip: bool = True

    def __post_init__(self):
        check_ranges(self, drawings=(1, 31), width=(1, 512), judge_width=(1, 512))
        if self.drawings % 2 == 0:
            raise InputError("drawings", expected="an odd number", got=str(self.drawings), remedy="change it")
        if self.vgg:
            raise InputError("vgg", expected="nothing: this method compares pixels alone", got=self.vgg,
                             remedy="leave it out")


class RefinerTask(tasks.Task):
    """Drawings to pictures of what they draw."""

    name, options_type = "dvp-renderer", RefinerOptions
    summary = "AudioDVP's neural face renderer of one person"
    # 6,000 frames for 250 rounds in batches of 16.
    schedule = tasks.Schedule(93_750, 16, 2e-4)
    needs: ClassVar[tuple[str, ...]] = ("drawn",)

    @property
    def divisor(self):
        """What the U-Net halves by."""
        return 2**self.options.levels

    def networks(self, data):
        """Renderer and judge."""
        options = self.options
        return nn.ModuleDict({
            "renderer": dvp_renderer(drawings=options.drawings, width=options.width, levels=options.levels),
            "judge": dvp_judge(drawings=options.drawings, width=options.judge_width)})

    def item(self, clip, rng):
        """One frame without its background, and the drawings around it."""
        frame, reach = int(rng.integers(len(clip))), self.options.drawings // 2
        around = np.clip(np.arange(frame - reach, frame + reach + 1), 0, len(clip) - 1)
        drawings = as_picture(clip.drawn[around], half=HALF).reshape(-1, *clip.drawn.shape[1:3])
        picture = np.where(clip.background[frame], np.float32(-1), as_picture(clip.pictures[frame], half=HALF))
        if self.options.flip and rng.random() < 0.5:
            drawings, picture = drawings[..., ::-1].copy(), picture[..., ::-1].copy()
        return {"drawings": drawings, "picture": picture}

    def make(self, networks, batch):
        """The picture."""
        return {"picture": networks["renderer"](batch["drawings"])}

    def judge_loss(self, networks, made, batch):
        """Half of how wrong its verdicts are on either."""
        return 0.5 * sum(binary_adversary(networks["judge"](torch.cat([batch["drawings"], picture], 1)),
                                          real=bool(real))
                         for real, picture in enumerate((made["picture"].detach(), batch["picture"])))

    def loss(self, networks, made, batch):
        """Pixels, and the verdict."""
        verdict = networks["judge"](torch.cat([batch["drawings"], made["picture"]], 1))
        return PIXELS * functional.l1_loss(made["picture"], batch["picture"]) + binary_adversary(verdict, real=True)

    def compared(self, made, batch):
        """Finished pictures."""
        return made["picture"], batch["picture"]

    def graphs(self, networks):
        """Drawings to pictures."""
        side = 2**self.options.levels
        return {DRAW_GRAPH: (networks["renderer"], {"drawings": torch.rand(2, 3 * self.options.drawings, side, side)},
                             "made")}
