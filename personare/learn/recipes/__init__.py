"""How each method learns: a table of recipes, and what a recipe is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

import numpy as np

from personare.errors import InputError
from personare.spaces import unknown_name

# Method -> "module:Recipe class". A recipe's module imports torch; this table does not.
RECIPES = {
    "karras": "personare.learn.recipes.karras:KarrasRecipe",
    "karras-paper": "personare.learn.recipes.karras_paper:PaperRecipe",
    "stylist": "personare.learn.recipes.stylist:StylistRecipe",
    "facegood": "personare.learn.recipes.facegood:FacegoodRecipe",
    "puppetry": "personare.learn.recipes.puppetry:PuppetryRecipe",
    "puppetry-footage": "personare.learn.recipes.footage:FootageRecipe",
    "dvp": "personare.learn.recipes.dvp:DvpRecipe",
    "dvp-ridge": "personare.learn.recipes.dvp_ridge:DvpRidgeRecipe",
    "faceformer": "personare.learn.recipes.faceformer:FaceFormerRecipe",
    "facetalk": "personare.learn.recipes.facetalk:FacetalkRecipe",
}


def recipe_class(method):
    """The Recipe subclass of a method.

    Raises:
        InputError: the method is unknown or cannot be trained. MissingExtra: torch is not installed.
    """
    from personare.errors import MissingExtra

    if method not in RECIPES:
        raise unknown_name("method", method, tuple(RECIPES))
    module, _, name = RECIPES[method].partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise MissingExtra("learning", package=error.name, extra="learn") from error


@dataclass(frozen=True, eq=False)
class Item:
    """What one step learns from; torch tensors on the device of the network.

    Args:
        rows: (b, r, c) float32 rows of the front end; outside a clip they are padded as the recipe says.
        centres: (b, t) int64, the row within `rows` that each frame stands at.
        values: (b, t, k) float32, raw.
        known: (b, t) bool, false for frames past the end of a clip that is shorter than the item.
        speaker, emotion, clip: (b,) int64 indices, the last into Corpus.clips.
        first: (b,) int64 number of the first frame within its clip.
    """

    rows: object
    centres: object
    values: object
    known: object
    speaker: object
    emotion: object
    clip: object
    first: object

    def windows(self, before, after):
        """(b, t, before + 1 + after, c) rows around each frame."""
        import torch

        offsets = torch.arange(-before, after + 1, device=self.rows.device)
        index = self.centres[:, :, None] + offsets  # (b, t, w)
        b = torch.arange(len(self.rows), device=self.rows.device)[:, None, None]
        return self.rows[b, index]  # (b, t, w, c)


class Recipe(ABC):
    """How one method learns. Subclasses are final and named in RECIPES.

    Args:
        options: an instance of `options_type`.

    Attributes:
        method: name in the registry of what runs its bundles.
        summary: one sentence for the card of a bundle.
        training: what of train.TrainingOptions has another default.
        closed_form: whether `network` gives one that needs no steps, since it is solved for.
        options_type: frozen dataclass of the method's options, each documented; all have defaults.
        columns: names of the columns learned; () for those that ever leave 0 in the data.
        frames: consecutive frames of one item.
        rows_before, rows_after: rows that an item has before the row of its first frame and after that of its last.
        padding: "silence", "edge" or "zero": what stands for rows outside a clip.
    """

    method: str = ""
    summary: str = ""
    training: ClassVar[dict] = {}
    closed_form: bool = False
    options_type: type
    columns: tuple[str, ...] = ()
    frames: int = 1
    rows_before: int = 0
    rows_after: int = 0
    padding: str = "silence"

    def __init__(self, options):
        self.options = options

    @property
    @abstractmethod
    def fps(self):
        """Frames a second of the network."""

    @abstractmethod
    def front_end(self):
        """The FrontEnd of its rows."""

    @abstractmethod
    def network(self, corpus):
        """The torch network for a prepared.Corpus; weights drawn from torch's own generator."""

    def loss(self, network, item, generator):
        """Scalar tensor of an Item; a recipe that needs chance takes it from the torch generator.

        Raises:
            InputError: the method is solved for in closed form and takes no steps.
        """
        raise InputError("method", expected="one that learns in steps", got=type(self).__name__,
                         remedy="train.fit solves for this one")

    @abstractmethod
    def predict(self, network, corpus, clip):
        """(t, k) float32 NumPy values of a prepared.PreparedClip, by the network in evaluation mode."""

    @abstractmethod
    def export(self, network, corpus):
        """What a bundle needs: (files: name -> bytes, config: dict), as store.write_bundle takes them."""

    def pad_with_zeros(self):
        """Called where nobody can say what silence gives, since the clips hold rows and the front end's files are away.

        Raises:
            InputError: the method cannot do without.
        """
        self.padding = "zero" if self.padding == "silence" else self.padding

    def spoken(self, corpus, clip):
        """Options of a bundle's session that make it say what predict does: a dict of style and seed."""
        return {}

    def optimiser(self, network, learning_rate):
        """A torch optimiser; Adam unless the recipe has its own."""
        import torch

        return torch.optim.Adam(network.parameters(), lr=learning_rate)

    def rate_at(self, progress):
        """Share of the learning rate when a share 0..1 of the steps is done; a cosine down to a hundredth."""
        warm = min(1.0, progress / 0.05 + 0.05)
        return warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(progress, 1.0))))


def options_of(kind, given):
    """An options dataclass of plain values by name, texts such as "0.001" or "true" included.

    Raises:
        InputError: no such option, or not a value it can have.
    """
    import dataclasses

    import msgspec

    known = {field.name for field in dataclasses.fields(kind)}
    for name in given:
        if name not in known:
            raise unknown_name("option", name, tuple(sorted(known)))
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError("option", expected=f"values of {kind.__name__}", got=str(error),
                         remedy="see the docstring of its options") from error


def check_ranges(options, **ranges):
    """Refuse a number of an options dataclass that is out of its range.

    Args:
        options: the dataclass.
        ranges: name of a field -> (least, most).

    Raises:
        InputError: one of them is.
    """
    for name, (least, most) in ranges.items():
        if not least <= getattr(options, name) <= most:
            raise InputError(name, expected=f"{least:g} to {most:g}", got=repr(getattr(options, name)),
                             remedy="change it")
