"""What a client of the HTTP service may ask for: the command line's options, as names and numbers alone.

Nothing that a client says becomes a path: models, faces and styles are names, of the registry and of the model.
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Literal, get_type_hints

from fastapi import Depends, Query
from pydantic import ConfigDict, ValidationError, create_model

from personare import registry
from personare.errors import InputError
from personare.motion.emotion import emotion_of
from personare.motion.layers import layers_of
from personare.motion.strengths import Strengths
from personare.spaces import unknown_name

# Formats that are one file of bounded size, and what browsers call them.
KINDS = {"csv": "text/csv", "json": "application/json", "npz": "application/octet-stream", "glb": "model/gltf-binary",
         "mp4": "video/mp4", "vrma": "model/gltf-binary", "a2f": "application/json", "a2f-csv": "text/csv",
         "mediapipe": "application/json", "rhubarb": "text/tab-separated-values", "rhubarb-json": "application/json"}
LEAST_PIXELS, MOST_PIXELS = 16, 2048
_NAME, _FACE = r"^[A-Za-z0-9_-]{1,64}$", r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64})?$"
# What is said in place of pydantic's own words.
_EXPECTED = {"extra_forbidden": "an option that there is",
             "string_pattern_mismatch": "a name, or what /docs says"}
_FEELING = r"^[A-Za-z]{1,20}(:\d?\.?\d{1,4})?(, ?[A-Za-z]{1,20}(:\d?\.?\d{1,4})?){0,20}$"


@dataclass(frozen=True)
class Manner:
    """How a voice is performed, as the command line's options of the same names."""

    fps: Annotated[float, Query(ge=1, le=240, description="Frames a second.")] = 30.0
    seed: Annotated[int, Query(ge=0, le=2**31, description="Another number, other blinks and glances.")] = 0
    blink: Annotated[float, Query(ge=0, le=2, description="How often the eyes close.")] = 1.0
    gaze: Annotated[float, Query(ge=0, le=2, description="Size of glances.")] = 1.0
    head: Annotated[float, Query(ge=0, le=2, description="Size of head motion.")] = 1.0
    brows: Annotated[float, Query(ge=0, le=2, description="Size of brow raises.")] = 1.0
    loudness: Annotated[float, Query(ge=0, le=2, description="How far lips follow a raised or dropped voice.")] = 1.0
    breath: Annotated[float, Query(ge=0, le=2, description="How far lips part before speech; live, frames "
                                                           "come 0.7 s later.")] = 0.0
    still: Annotated[bool, Query(description="Lips only.")] = False
    emotion: Annotated[str | None, Query(pattern=_FEELING, max_length=400, description="joy:0.5,surprise:0.3")] = None
    articulation: Annotated[float, Query(ge=0.3, le=2, description="0.5 mumbles, 1.5 exaggerates.")] = 1.0
    lips: Annotated[float, Query(ge=0, le=2, description="Size of all that the mouth does.")] = 1.0
    upper_face: Annotated[float, Query(ge=0, le=2, description="Size of brows, squints and sneers.")] = 1.0
    smoothing: Annotated[float, Query(ge=0, le=400, description="Milliseconds; live, frames come so much later.")] = 0.0
    style: Annotated[str | None, Query(pattern=_NAME, description="For models that have styles: a name.")] = None

    def options(self):
        """Options of Performance.

        Raises:
            InputError: no emotion has that name.
        """
        layers = layers_of(still=self.still, blink=self.blink, gaze=self.gaze, head=self.head, brows=self.brows,
                           loudness=self.loudness, breath=self.breath, seed=self.seed)
        return {"fps": self.fps, "layers": layers, "emotion": emotion_of(self.emotion),
                "articulation": self.articulation, "style": self.style,
                "strengths": Strengths(self.lips, self.upper_face, self.smoothing)}


@dataclass(frozen=True)
class Order:
    """What a client wants made of its sound."""

    manner: Annotated[Manner, Depends()]
    format: Annotated[Literal[tuple(KINDS)], Query(description="What to make: curves, a character or a film.")] = "csv"
    model: Annotated[str | None, Query(pattern=_NAME, description="Name of a model; default the server's.")] = None
    face: Annotated[str | None, Query(pattern=_FACE, description="Name of a face, sona/mara; default the server's.")
                    ] = None
    size: Annotated[str, Query(pattern=r"^\d{2,4}(x\d{2,4})?$", description="Pixels of a film, 512 or 720x1280.")
                    ] = "512"

    @property
    def pixels(self):
        """Width and height of a film."""
        width, _, height = self.size.partition("x")
        return int(width), int(height or width)

    def checked(self):
        """This order, where what it names is there.

        Raises:
            InputError: a model, face or emotion is unknown, or a size out of range.
        """
        for kind, argument in (("motion", self.model), ("faces", self.face)):
            name = (argument or "").partition("/")[0]
            if argument is not None and name not in registry.names(kind):
                raise unknown_name({"motion": "model", "faces": "face"}[kind], name, registry.names(kind))
        if not all(LEAST_PIXELS <= side <= MOST_PIXELS for side in self.pixels):
            raise InputError("size", expected=f"512 or 720x1280, each in {LEAST_PIXELS}..{MOST_PIXELS}", got=self.size,
                             remedy="give pixels")
        self.manner.options()
        return self


def order_of(options):
    """The Order that texts by name stand for, of an address or a form.

    Raises:
        InputError: an option is unknown or out of range.
    """
    values = _values_of(Order, options)
    manner = {field.name: values.pop(field.name) for field in fields(Manner)}
    return Order(Manner(**manner), **values).checked()


def manner_of(options):
    """The Manner that texts by name stand for; raises as order_of."""
    return Manner(**_values_of(Manner, options))


def _values_of(kind, options):
    try:
        return _model_of(kind).model_validate(options).model_dump()
    except ValidationError as error:
        raise said(error.errors()) from error


@cache
def _model_of(kind):
    """The options of Order or Manner as one pydantic model, where others are forbidden."""
    hints = {field.name: (get_type_hints(owner, include_extras=True)[field.name], field.default)
             for owner in {Manner, kind} for field in fields(owner) if field.name != "manner"}
    return create_model("Options", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **hints)


def said(errors):
    """The first of pydantic's errors as InputError."""
    first = errors[0]
    name, got = str(first["loc"][-1])[:60], repr(first.get("input"))[:60]
    expected = _EXPECTED.get(first["type"]) or first["msg"].removeprefix("Input should be ")
    return InputError(name, expected=expected, got=got, remedy="see /docs")
