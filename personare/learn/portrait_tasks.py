"""What the networks of portraits are asked to learn: one task for each way to train them, in a written table.

A task draws an item of a clip, makes a picture of it, and says how wrong that is. Networks and weights of the terms
are those of the originals; sizes are options, since theirs take days on a GPU and ours minutes on a processor.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from importlib import import_module
from typing import ClassVar

import numpy as np

from personare.errors import InputError
from personare.learn.portrait_data import as_picture
from personare.learn.portrait_losses import VGG19, VGGFeatures
from personare.spaces import unknown_name

# Name -> "module:Task class".
TASKS = {
    "style-avatar": "personare.learn.portrait_style_avatar:RenderTask",
    "style-avatar-blender": "personare.learn.portrait_style_avatar:BlendTask",
    "style-avatar-person": "personare.learn.portrait_style_avatar:PersonTask",
    "style-avatar-nvp": "personare.learn.portrait_style_avatar:PuppetryTask",
    "puppetry-renderer": "personare.learn.portrait_puppetry:RendererTask",
    "dvp-renderer": "personare.learn.portrait_dvp:RefinerTask",
}


def task_class(name):
    """The Task subclass of a name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in TASKS:
        raise unknown_name("portrait method", name, tuple(TASKS))
    module, _, kind = TASKS[name].partition(":")
    return getattr(import_module(module), kind)


@dataclass(frozen=True)
class Schedule:
    """How a task is learned unless somebody says otherwise; as published.

    Args:
        steps: batches in all.
        batch_size: items in a batch.
        learning_rate: of Adam, whose momentum is .5 as in all of these works.
        falls: shares of the steps at which the learning rate is multiplied by `factor`.
        factor: see falls.
    """

    steps: int
    batch_size: int
    learning_rate: float
    falls: tuple[float, ...] = ()
    factor: float = 1.0

    def rate_at(self, step, steps):
        """Learning rate of a step of so many."""
        return self.learning_rate * self.factor ** sum(step >= share * steps for share in self.falls)


class Task(ABC):
    """One way to train. Subclasses are final and named in TASKS.

    Args:
        options: an instance of options_type.

    Attributes:
        name: in TASKS.
        summary: one sentence for the card of a bundle.
        options_type: frozen dataclass of its options, each documented, all with defaults.
        schedule: Schedule.
        needs: optional arrays of a clip that it cannot do without.
        vgg: layout of the network that compares pictures, see portrait_losses.
    """

    name: str = ""
    summary: str = ""
    options_type: type
    schedule: ClassVar[Schedule]
    needs: ClassVar[tuple[str, ...]] = ()
    vgg: ClassVar[tuple] = VGG19

    def __init__(self, options):
        self.options = options
        self.eyes = seeing(options.vgg, self.vgg) if options.vgg else None

    @property
    @abstractmethod
    def divisor(self):
        """Number that divides the sides of its pictures."""

    @abstractmethod
    def networks(self, data):
        """nn.ModuleDict of what is trained; the one called "judge", if any, by the verdicts."""

    @abstractmethod
    def item(self, clip, rng):
        """dict of name -> array of one item of a clip, drawn with a NumPy generator."""

    @abstractmethod
    def make(self, networks, batch):
        """dict of what the networks make of a batch, a dict of name -> (b, ...) tensors."""

    @abstractmethod
    def loss(self, networks, made, batch):
        """Scalar tensor: how wrong what was made is."""

    @abstractmethod
    def compared(self, made, batch):
        """(what was made, what it should be): tensors of pictures in -1..1, for a figure that judges do not move."""

    def judge_loss(self, networks, made, batch):
        """Scalar tensor for the judge; None where there is none."""
        return None

    @abstractmethod
    def graphs(self, networks):
        """What runs of it without torch: dict of file name -> (module, dict of example inputs, name of the output)."""

    def arrays(self, networks):
        """dict of name -> array that belongs to the graphs."""
        return {}

    def own(self):
        """Settings that a bundle is opened with again: a dict of plain values."""
        return {field.name: getattr(self.options, field.name) for field in fields(self.options) if field.name != "vgg"}

    def checked(self, clip):
        """The clip, if it has what the task needs.

        Raises:
            InputError: it lacks something.
        """
        for name in self.needs:
            if getattr(clip, name) is None:
                raise InputError(clip.name, expected=f"an array {name}", got="none",
                                 remedy=f"make clips with it; {self.name} cannot be learned without")
        return clip


def seeing(path, layout):
    """A VGG network with torchvision's weights.

    Args:
        path: vgg16-*.pth or vgg19-*.pth, nothing in it is run; safetensors with the same names.
        layout: portrait_losses.VGG16 or VGG19.

    Raises:
        InputError: not the weights of that network.
    """
    from personare.learn.convert import read_tensors

    tensors = {name: value for name, value in read_tensors(path).items() if name.startswith("features.")}
    width = len(tensors.get("features.0.weight", ()))
    network = VGGFeatures(layout, width=width or 64)
    wanted = set(network.state_dict())
    try:
        network.load_state_dict({name: value for name, value in tensors.items() if name in wanted})
    except RuntimeError as error:
        raise InputError(path, expected=f"weights of torchvision's VGG-{16 if len(layout) < 16 else 19}",
                         got=" ".join(str(error).split())[:120], remedy="give its .pth file") from error
    return network.eval()


def pictures_of(clip, frames, *, masked=False):
    """(n, 3, h, w) float32 in -1..1 of some frames; 0 on the background where masked."""
    values = as_picture(clip.pictures[frames])
    return values * ~clip.background[frames][:, None] if masked else values


def uv_of(clip, frames):
    """(n, 2, h, w) float32 in 0..1."""
    return np.moveaxis(clip.uv[frames].astype(np.float32), -1, 1)


def background_of(clip, frames):
    """(n, 1, h, w) float32, 1 where there is no face."""
    return clip.background[frames][:, None].astype(np.float32)


def texture_of(clip, count):
    """(3 count, r, r) float32 in -1..1: the first textures of a clip one after another, the last repeated."""
    index = np.minimum(np.arange(count), len(clip.texture) - 1)
    return as_picture(clip.texture[index]).reshape(3 * count, *clip.texture.shape[1:3])


def flat(tensor):
    """(b * n, ...) of (b, n, ...)."""
    return tensor.flatten(0, 1)


def loaded(path, needed=()):
    """(networks: dict of name -> dict of tensors, config: dict) of a bundle of a portrait network.

    Args:
        path: folder of the bundle.
        needed: names of networks that it must have.

    Raises:
        AssetError, InputError: no such bundle, or without one of those.
    """
    from personare.learn.portrait_export import WEIGHTS
    from personare.store import read_bundle

    bundle = read_bundle(path)
    if WEIGHTS not in bundle.card.files:
        raise InputError(path, expected=f"a bundle with {WEIGHTS}", got=", ".join(bundle.card.files) or "an empty one",
                         remedy="give one that personare learn or convert made of a renderer")
    from safetensors.torch import load_file

    networks = {}
    for name, value in load_file(bundle.path(WEIGHTS)).items():
        part, _, key = name.partition(".")
        networks.setdefault(part, {})[key] = value
    missing = [name for name in needed if name not in networks]
    if missing:
        raise InputError(path, expected=f"a bundle with a network called {missing[0]}",
                         got=f"one of {bundle.card.method} with {', '.join(networks)}", remedy="give another one")
    return networks, bundle.card.config


def fill(network, tensors, source):
    """Load weights into a network.

    Raises:
        InputError: they are of another network or size.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        told = " ".join(str(error).split())[:160]
        raise InputError(source, expected=f"weights of a {type(network).__name__} of the same sizes", got=told,
                         remedy="give the sizes that it was made with") from error
    return network


@dataclass(frozen=True)
class Sizes:
    """What options of all tasks have in common.

    Args:
        vgg: path of torchvision's weights of VGG-19 (VGG-16 for puppetry-renderer); "" leaves the terms out that need
            them, and results are less sharp.
    """

    vgg: str = ""
