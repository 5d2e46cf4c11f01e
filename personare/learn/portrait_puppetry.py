"""How Neural Voice Puppetry's renderer is trained: one person, crops around the face, masks normalised rightly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from personare.errors import InputError
from personare.learn import portrait_tasks as tasks
from personare.learn.nets.puppetry_renderer import PuppetryRenderer, RendererConfig, outside_of
from personare.learn.portrait_data import as_picture
from personare.learn.portrait_graphs import Puppet
from personare.learn.portrait_losses import VGG16, binary_adversary, puppetry_loss
from personare.learn.recipes import check_ranges
from personare.portraits.style_avatar import DRAW_GRAPH

HALF = 127.5


@dataclass(frozen=True)
class PuppetryRendererOptions(tasks.Sizes):
    """Settings of the renderer.

    Args:
        texture: "static", "audio" (clips with rows) or "expression" (clips with expressions).
        features: channels of the texture.
        texture_size: texels of a side.
        columns, window: of what the texture is told; 0 takes the original's.
        levels, form, width: of both U-Nets; as published: 5, "" and 64.
        erosion: factor of the growth of the hole that is painted anew; 1 suits pictures of 512 pixels.
        decoder_sees_background: as published; the author says it need not.
        crop: pixels of a side of what is learned from at once, around a pixel of the face; 0 for whole pictures.
        adversary: weight of the judge; as published 0, where it is not trained here.
    """

    texture: str = "static"
    features: int = 16
    texture_size: int = 256
    columns: int = 0
    window: int = 16
    levels: int = 5
    form: str = ""
    width: int = 64
    erosion: float = 1.0
    decoder_sees_background: bool = True
    crop: int = 192
    adversary: float = 0.0

    def __post_init__(self):
        check_ranges(self, features=(3, 256), texture_size=(4, 4096), columns=(0, 4096), width=(1, 512),
                     erosion=(0, 10), crop=(0, 4096), adversary=(0, 1000))
        step = 1 if self.form == "DC" else 2**self.levels
        if self.crop % step:
            raise InputError("crop", expected=f"a number divisible by {step}", got=str(self.crop), remedy="change it")

    @property
    def config(self):
        """nets.puppetry_renderer.RendererConfig."""
        return RendererConfig(self.texture, self.features, self.texture_size, self.columns or None, self.window,
                              self.levels, self.form, self.width, self.erosion,
                              decoder_sees_background=self.decoder_sees_background)


class RendererTask(tasks.Task):
    """The whole renderer at once."""

    name, options_type, vgg = "puppetry-renderer", PuppetryRendererOptions, VGG16
    summary = "Neural Voice Puppetry's renderer of one person"
    # Two minutes of footage for fifty rounds.
    schedule = tasks.Schedule(150_000, 1, 2e-4)
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options):
        super().__init__(options)
        self.condition = {"static": None, "audio": "rows", "expression": "expressions"}.get(options.texture)
        self.needs = (self.condition,) if self.condition else ()

    @property
    def divisor(self):
        """What the U-Nets halve by; "DC" keeps the size."""
        return 1 if self.options.form == "DC" else 2**self.options.levels

    def networks(self, data):
        """The renderer, and its judge where it counts."""
        renderer = PuppetryRenderer(self.options.config)
        return nn.ModuleDict({"renderer": renderer} | ({"judge": renderer.netD} if self.options.adversary else {}))

    def item(self, clip, rng):
        """One frame, cropped around the face."""
        frame = int(rng.integers(len(clip)))
        rows, columns = _crop(~clip.background[frame], self.options.crop, rng)
        uv = np.where(clip.background[frame][..., None], -1, 2 * clip.uv[frame].astype(np.float32) - 1)
        # A corner of the texture is no background.
        uv[~clip.background[frame]] = np.maximum(uv[~clip.background[frame]], -1 + 1e-4)
        found = {"uv": np.moveaxis(uv[rows, columns], -1, 0).astype(np.float32),
                 "picture": as_picture(clip.pictures[frame, rows, columns], half=HALF)}
        return found | ({"condition": getattr(clip, self.condition)[frame]} if self.condition else {})

    def make(self, networks, batch):
        """What the renderer gives."""
        return {"rendered": networks["renderer"](batch["uv"], batch["picture"], batch.get("condition"))}

    def judge_loss(self, networks, made, batch):
        """Half of how wrong its verdicts are on either."""
        if not self.options.adversary:
            return None
        pictures = (made["rendered"].picture.detach(), batch["picture"])
        return 0.5 * sum(binary_adversary(networks["judge"](_beside(batch, picture)), real=bool(real))
                         for real, picture in enumerate(pictures))

    def loss(self, networks, made, batch):
        """See portrait_losses.puppetry_loss."""
        rendered = made["rendered"]
        loss = puppetry_loss(rendered, batch["picture"], ~outside_of(batch["uv"]), vgg=self.eyes)
        if self.options.adversary:
            verdict = networks["judge"](_beside(batch, rendered.picture))
            loss = loss + self.options.adversary * binary_adversary(verdict, real=True)
        return loss

    def compared(self, made, batch):
        """Finished pictures."""
        return made["rendered"].picture, batch["picture"]

    def graphs(self, networks):
        """Places, picture and what the texture is told to a picture."""
        side, options = max(64, 2**self.options.levels), self.options
        told = {"audio": torch.zeros(2, options.window, options.columns or 29),
                "expression": torch.zeros(2, options.columns or 76)}
        inputs = {"uv": torch.rand(2, 2, side, side), "picture": torch.rand(2, 3, side, side)}
        inputs |= {"condition": told[options.texture]} if self.condition else {}
        return {DRAW_GRAPH: (Puppet(networks["renderer"]), inputs, "made")}


def _beside(batch, pictures):
    """(b, 6, h, w): uv with a third channel of zeros, and colours."""
    uv = batch["uv"]
    return torch.cat([uv, torch.zeros_like(uv[:, :1]), pictures], 1)


def _crop(face, size, rng):
    """Slices of rows and columns of a square around a pixel of the face, inside the picture."""
    h, w = face.shape
    if not size or (size >= h and size >= w):
        return slice(None), slice(None)
    if size > min(h, w):
        raise InputError("crop", expected=f"at most {min(h, w)} for pictures of {w} x {h}", got=str(size),
                         remedy="--option crop=0 takes whole pictures")
    places = np.argwhere(face)
    middle = places[rng.integers(len(places))] if len(places) else np.array([h // 2, w // 2])
    top, left = (int(np.clip(at - size // 2, 0, side - size)) for at, side in zip(middle, (h, w), strict=True))
    return slice(top, top + size), slice(left, left + size)
