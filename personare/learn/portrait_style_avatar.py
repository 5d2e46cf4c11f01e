"""How style_avatar's renderer, its blender, a person of its own and its picture of NVP are trained, as published.

The terms without VGG's weights are those of the original; with them (`--option vgg=...`) all are.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from personare.learn import portrait_tasks as tasks
from personare.learn.nets import style_avatar as nets
from personare.learn.portrait_data import as_picture
from personare.learn.portrait_graphs import Blending, Drawing, Painting, Texture, blending_inputs, drawing_inputs
from personare.learn.portrait_losses import features_matched, laplacian, perceptual, square_adversary
from personare.learn.recipes import check_ranges
from personare.portraits.style_avatar import BLEND_GRAPH, DRAW_GRAPH, NEURAL, TEXTURE_GRAPH

# Weights of the terms: of pixels, of what VGG sees and of the judge's features; of the pyramid; of a judge's feature.
TERM, PYRAMID, FEATURE = 10.0, 50.0, 5.0
# The original lowers its rate from 60 % of its steps on, ten times.
_LATE = tuple(round(0.6 + 0.04 * i, 2) for i in range(10))


@dataclass(frozen=True)
class StyleAvatarOptions(tasks.Sizes):
    """Settings of the renderer.

    Args:
        textures: pictures of a texture that are encoded together.
        features: channels of the neural texture.
        encoder_width: channels of the first level of the texture encoder; as published: 64.
        width: channels of the generator's local part; as published: 64, 183.5 million numbers.
        blocks, local_blocks, halvings: of the generator.
        judge_width: channels of the judge's first layer.
        frames: consecutive frames that are judged together.
    """

    textures: int = 3
    features: int = 16
    encoder_width: int = 64
    width: int = 64
    blocks: int = 9
    local_blocks: int = 3
    halvings: int = 3
    judge_width: int = 64
    frames: int = 3

    def __post_init__(self):
        check_ranges(self, textures=(1, 16), features=(3, 256), encoder_width=(1, 512), width=(1, 512), blocks=(0, 32),
                     local_blocks=(0, 32), halvings=(0, 5), judge_width=(1, 512), frames=(1, 16))

    @property
    def config(self):
        """nets.style_avatar.StyleAvatarConfig."""
        return nets.StyleAvatarConfig(**{field.name: getattr(self, field.name)
                                         for field in fields(nets.StyleAvatarConfig)})


class RenderTask(tasks.Task):
    """Any person from some texture pictures: encoder and generator, against a judge of three frames."""

    name, options_type = "style-avatar", StyleAvatarOptions
    summary = "Renderer of style_avatar: a photo's texture and where each pixel lies on it to a face"
    schedule = tasks.Schedule(1_000_000, 6, 2e-4, falls=_LATE, factor=0.7)

    @property
    def divisor(self):
        """The global part works on half the size."""
        return 2 ** (self.options.halvings + 1)

    def networks(self, data):
        """Encoder, generator, judge."""
        config = self.options.config
        return nn.ModuleDict({"encoder": nets.started(nets.texture_encoder(config)),
                              "generator": nets.started(nets.generator(config)),
                              "judge": nets.started(nets.judge(config))})

    def item(self, clip, rng):
        """Consecutive frames behind those that the texture is of, and the first as what the person looks like."""
        count = self.options.frames
        first = int(rng.integers(min(count, max(0, len(clip) - count)), max(1, len(clip) - count + 1)))
        frames = np.minimum(np.arange(first, first + count), len(clip) - 1)
        return {"texture": tasks.texture_of(clip, self.options.textures), "uv": tasks.uv_of(clip, frames),
                "background": tasks.background_of(clip, frames),
                "picture": tasks.pictures_of(clip, frames, masked=True),
                "person": tasks.pictures_of(clip, np.array([0]), masked=True)[0]}

    def make(self, networks, batch):
        """Features where the face shows, and the face; frames of an item stand in a row."""
        count = batch["uv"].shape[1]
        neural = networks["encoder"](batch["texture"]).repeat_interleave(count, 0)
        sampled = nets.sampled(neural, tasks.flat(batch["uv"]))
        face = 1 - tasks.flat(batch["background"])
        return {"colours": sampled[:, :3] * face, "face": networks["generator"](sampled) * face}

    def judge_loss(self, networks, made, batch):
        """Half of how wrong its verdicts are on either."""
        verdicts = (networks["judge"](self._beside(batch, pictures)) for pictures in (
            made["face"].detach(), tasks.flat(batch["picture"])))
        return 0.5 * sum(square_adversary(verdict, real=bool(real)) for real, verdict in enumerate(verdicts))

    def loss(self, networks, made, batch):
        """Pixels of the texture's own colours and of the face, what VGG and the judge see, and the verdict."""
        truth = tasks.flat(batch["picture"])
        fake = networks["judge"](self._beside(batch, made["face"]))
        with torch.no_grad():
            real = networks["judge"](self._beside(batch, truth))
        loss = TERM * (functional.l1_loss(made["colours"], truth) + functional.l1_loss(made["face"], truth))
        loss = loss + FEATURE * features_matched(fake, real) + square_adversary(fake, real=True)
        return loss + seen(self, made["face"], truth)

    def graphs(self, networks):
        """Texture pictures to a neural texture; that, uv and background to a face."""
        graphs = {TEXTURE_GRAPH: (networks["encoder"], {"texture": torch.zeros(1, 3 * self.options.textures, 64, 64)},
                                  "neural"),
                  DRAW_GRAPH: (Drawing(networks["generator"]), drawing_inputs(self.options.features), "made")}
        if "blender" in networks:
            graphs[BLEND_GRAPH] = Blending(networks["blender"]), blending_inputs(), "made"
        return graphs

    def compared(self, made, batch):
        """Faces."""
        return made["face"], tasks.flat(batch["picture"])

    @staticmethod
    def _beside(batch, pictures):
        """(b, 3 + 3 frames, h, w): how the person looks, and frames of it."""
        person = batch["person"]
        return torch.cat([person, pictures.reshape(len(person), -1, *pictures.shape[2:])], 1)


@dataclass(frozen=True)
class BlenderOptions(tasks.Sizes):
    """Settings of the blender.

    Args:
        width, blocks, local_blocks, halvings: of its generator; as published: 64, 9, 3, 3.
    """

    width: int = 64
    blocks: int = 9
    local_blocks: int = 3
    halvings: int = 3

    def __post_init__(self):
        check_ranges(self, width=(1, 512), blocks=(0, 32), local_blocks=(0, 32), halvings=(0, 5))


def composed_loss(task, made, truth, mouth):
    """Pixels, those of the mouth again, the pyramid, and what VGG sees of a finished picture."""
    loss = TERM * (functional.l1_loss(made, truth) + functional.l1_loss(made * mouth, truth * mouth))
    return loss + PYRAMID * laplacian(made, truth) + seen(task, made, truth)


def seen(task, made, truth):
    """What VGG sees, where its weights are given; else 0."""
    return TERM * perceptual(task.eyes, made, truth) if task.eyes is not None else 0.0


def one_frame(clip, rng, *, mouth=True):
    """Arrays of one frame of a clip: uv, background, picture, and around its mouth."""
    frame = np.array([rng.integers(len(clip))])
    found = {"uv": tasks.uv_of(clip, frame)[0], "background": tasks.background_of(clip, frame)[0],
             "picture": tasks.pictures_of(clip, frame)[0]}
    if mouth:
        known = clip.mouth if clip.mouth is not None else ~clip.background
        found["mouth"] = known[frame].astype(np.float32)
    return found | {"frame": frame[0]}


class BlendTask(tasks.Task):
    """A drawn face into the picture that it is of."""

    name, options_type = "style-avatar-blender", BlenderOptions
    summary = "Blender of style_avatar: a drawn face into the background that was kept"
    schedule = tasks.Schedule(1_000_000, 8, 2e-4, falls=_LATE, factor=0.7)
    needs = ("drawn",)

    @property
    def divisor(self):
        """The global part works on half the size."""
        return 2 ** (self.options.halvings + 1)

    def networks(self, data):
        """The blender."""
        options = self.options
        return nn.ModuleDict({"blender": nets.started(nets.LocalEnhancer(
            3, width=options.width, blocks=options.blocks, local_blocks=options.local_blocks,
            halvings=options.halvings))})

    def item(self, clip, rng):
        """One frame, and what was drawn of it."""
        found = one_frame(clip, rng)
        drawn = as_picture(clip.drawn[found["frame"]])
        # What is drawn holds 0 and not -1 outside the face, as style_avatar's renderer gives it.
        return found | {"drawn": drawn * (1 - found["background"])}

    def make(self, networks, batch):
        """The finished picture."""
        return {"picture": nets.blended(networks["blender"], batch["drawn"], batch["picture"], batch["background"])}

    def loss(self, networks, made, batch):
        """See composed_loss."""
        return composed_loss(self, made["picture"], batch["picture"], batch["mouth"])

    def compared(self, made, batch):
        """Finished pictures."""
        return made["picture"], batch["picture"]

    def graphs(self, networks):
        """Face, picture and background to the finished picture."""
        return {BLEND_GRAPH: (Blending(networks["blender"]), blending_inputs(), "made")}


@dataclass(frozen=True)
class PersonOptions(tasks.Sizes):
    """Settings of a person's own renderer.

    Args:
        start: folder of a bundle of style-avatar to start from.
        blender: folder of a bundle of style-avatar-blender to start from; "" takes the one in `start` or a new one.
        blender_width: of a new blender.
    """

    start: str = ""
    blender: str = ""
    blender_width: int = 64


class PersonTask(tasks.Task):
    """A trained renderer for one person: the encoder's texture becomes free, all else learns a little more."""

    name, options_type = "style-avatar-person", PersonOptions
    summary = "style_avatar's renderer and blender, tuned to one person"
    schedule = tasks.Schedule(5000, 2, 1e-5, falls=(0.4, 0.8), factor=0.5)
    needs: ClassVar[tuple[str, ...]] = ()
    config: ClassVar[dict] = {}

    @property
    def divisor(self):
        """Enough for generators of three halvings, as published."""
        return 16

    def networks(self, data):
        """Texture, generator, blender."""
        from personare.errors import InputError

        if not self.options.start:
            raise InputError("start", expected="the bundle of a trained renderer", got="none",
                             remedy="--option start=FOLDER; personare learn style-avatar or convert makes one")
        weights, config = tasks.loaded(self.options.start, ("encoder", "generator"))
        known = {field.name: config["own"].get(field.name, field.default) for field in fields(nets.StyleAvatarConfig)}
        self.config = nets.StyleAvatarConfig(**known)
        encoder = tasks.fill(nets.texture_encoder(self.config), weights["encoder"], self.options.start)
        generator = tasks.fill(nets.generator(self.config), weights["generator"], self.options.start)
        clip = data.clip(data.names[0])
        with torch.no_grad():
            texture = encoder.eval()(torch.from_numpy(tasks.texture_of(clip, self.config.textures))[None])
        return nn.ModuleDict({"texture": Texture(texture), "generator": generator,
                              "blender": self._blender(weights)})

    def _blender(self, weights):
        found, source = weights.get("blender"), self.options.start
        if self.options.blender:
            other, _ = tasks.loaded(self.options.blender, ("blender",))
            found, source = other["blender"], self.options.blender
        if found is None:
            return nets.started(nets.generator(nets.StyleAvatarConfig(width=self.options.blender_width), 3))
        return tasks.fill(enhancer_like(found), found, source)

    def item(self, clip, rng):
        """One frame."""
        return one_frame(clip, rng)

    def make(self, networks, batch):
        """The face alone, and in the picture."""
        face = networks["generator"](nets.sampled(networks["texture"](), batch["uv"])) * (1 - batch["background"])
        return {"face": face, "picture": nets.blended(networks["blender"], face, batch["picture"],
                                                      batch["background"])}

    def loss(self, networks, made, batch):
        """Of the finished picture, and of the face alone."""
        truth = batch["picture"] * (1 - batch["background"])
        return (composed_loss(self, made["picture"], batch["picture"], batch["mouth"])
                + TERM * functional.l1_loss(made["face"], truth) + seen(self, made["face"], truth))

    def compared(self, made, batch):
        """Finished pictures."""
        return made["picture"], batch["picture"]

    def graphs(self, networks):
        """uv and background to a face; that into the picture."""
        return {DRAW_GRAPH: (Drawing(networks["generator"]), drawing_inputs(self.config.features), "made"),
                BLEND_GRAPH: (Blending(networks["blender"]), blending_inputs(), "made")}

    def arrays(self, networks):
        """The person's texture."""
        return {NEURAL: networks["texture"]().detach().cpu().numpy()}

    def own(self):
        """Sizes of the renderer it started from."""
        return vars(self.config) | {"kept": "shrunk"}


@dataclass(frozen=True)
class PuppetryOptions(tasks.Sizes):
    """Settings of style_avatar's own picture of Neural Voice Puppetry.

    Args:
        features: channels of the texture.
        size: texels of a side.
        width: channels of the first level of its two U-Nets; as published: 64.
    """

    features: int = 16
    size: int = 256
    width: int = 64

    def __post_init__(self):
        check_ranges(self, features=(3, 256), size=(4, 2048), width=(1, 512))


class PuppetryTask(tasks.Task):
    """What style_avatar compares itself with: a free texture and two U-Nets, for one person."""

    name, options_type = "style-avatar-nvp", PuppetryOptions
    summary = "Neural Voice Puppetry as style_avatar compares itself with it"
    schedule = tasks.Schedule(10_000, 2, 1e-4, falls=(0.5,), factor=0.5)

    @property
    def divisor(self):
        """Its U-Nets halve five times and normalise what is left."""
        return 64

    def networks(self, data):
        """Texture, generator, blender."""
        options = self.options
        return nn.ModuleDict({
            "texture": Texture(torch.randn(1, options.features, options.size, options.size)),
            "generator": nets.TextureUNet(options.features, 3, width=options.width, pooled=False),
            "blender": nets.TextureUNet(3, 3, width=options.width, pooled=False)})

    def item(self, clip, rng):
        """One frame."""
        return one_frame(clip, rng)

    def make(self, networks, batch):
        """The face alone, and the picture around it, all of it painted."""
        outside = batch["background"]
        face = networks["generator"](nets.sampled(networks["texture"](), batch["uv"])) * (1 - outside)
        return {"face": face, "picture": networks["blender"](face + outside * batch["picture"])}

    def loss(self, networks, made, batch):
        """Pixels of face, picture and mouth, and what VGG sees."""
        truth, mouth = batch["picture"] * (1 - batch["background"]), batch["mouth"]
        loss = sum(functional.l1_loss(a, b) for a, b in (
            (made["face"], truth), (made["picture"], batch["picture"]),
            (made["picture"] * mouth, batch["picture"] * mouth)))
        return TERM * loss + seen(self, made["face"], truth) + seen(self, made["picture"], batch["picture"])

    def compared(self, made, batch):
        """Finished pictures."""
        return made["picture"], batch["picture"]

    def graphs(self, networks):
        """uv and background to a face; that, and the background, to a picture."""
        return {DRAW_GRAPH: (Drawing(networks["generator"]), drawing_inputs(self.options.features), "made"),
                BLEND_GRAPH: (Painting(networks["blender"]), blending_inputs(), "made")}

    def arrays(self, networks):
        """The person's texture."""
        return {NEURAL: networks["texture"]().detach().cpu().numpy()}


def enhancer_like(tensors):
    """A LocalEnhancer of the sizes of a dict of weights.

    Args:
        tensors: name -> tensor.
    """
    first = tensors["model1_1.1.weight"]
    blocks = sum(name.startswith("model.") and name.endswith("conv_block.1.weight") for name in tensors)
    local = sum(name.startswith("model1_2.") and name.endswith("conv_block.1.weight") for name in tensors)
    convolutions = sum(name.startswith("model.") and name.count(".") == 2 and name.endswith(".weight")
                       for name in tensors)
    return nets.LocalEnhancer(first.shape[1], width=len(first), blocks=blocks, local_blocks=local,
                              halvings=(convolutions - 1) // 2)
