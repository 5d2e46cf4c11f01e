"""Lamps, ambient light, background and the way light becomes sRGB. All colours are linear RGB."""

import math
from dataclasses import dataclass, field

import numpy as np

from personare.spaces import unknown_name

# Steps of the table that turns light into sRGB, and the brightest light it knows. At the dark end sRGB rises by
# 12.92 * 255 = 3295 levels for one unit of light, so a step of 2 / 2**15 moves it by a fifth of a level.
TONE_STEPS = 2**15
TONE_LIMIT = 2.0


@dataclass(frozen=True)
class Lamp:
    """A distant soft light that stands still beside the camera.

    Args:
        towards: direction to the lamp in camera axes: +x right in the picture, +y up, +z to the viewer.
        color: linear RGB, light on a surface that faces the lamp; white skin shows it unchanged.
        size_rad: half the angle it fills; widens its highlights.
        shadow: how dark its shadow is, 0..1; only the first lamp of a Light throws one.
    """

    towards: tuple[float, float, float]
    color: tuple[float, float, float]
    size_rad: float = 0.1
    shadow: float = 0.0


@dataclass(frozen=True)
class Background:
    """A calm backdrop that fades from a glow behind the head to the edges.

    Args:
        glow: linear RGB behind the head.
        edge: linear RGB at the corners.
        center: (x, y) of the glow as shares of the picture, from the upper left corner.
    """

    glow: tuple[float, float, float] = (0.54, 0.545, 0.55)
    edge: tuple[float, float, float] = (0.25, 0.265, 0.285)
    center: tuple[float, float] = (0.5, 0.45)


@dataclass(frozen=True)
class Light:
    """How a scene is lit.

    Args:
        name: such as "studio".
        lamps: direct lights; none for unlit.
        sky, ground: linear RGB of the ambient light from above and below.
        background: what stands behind the face.
        shoulder: light above this share of white is rolled off softly instead of clipped; 1 for plain.
    """

    name: str
    lamps: tuple[Lamp, ...]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    background: Background = field(default_factory=Background)
    shoulder: float = 0.75


STUDIO = Light(
    "studio",
    lamps=(
        Lamp((-0.56, 0.52, 0.66), (1.02, 0.94, 0.85), size_rad=0.15, shadow=0.75),  # key: warm, from the upper left
        Lamp((0.80, 0.08, 0.65), (0.23, 0.245, 0.28), size_rad=0.35),  # fill: weak, cool, opposite
        Lamp((0.55, 0.38, -0.75), (0.80, 0.86, 0.96), size_rad=0.15),  # rim: from behind, parts hair from backdrop
    ),
    sky=(0.16, 0.175, 0.20),
    ground=(0.10, 0.083, 0.072),
)
UNLIT = Light("unlit", lamps=(), sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0), shoulder=1.0)

LIGHTS = {light.name: light for light in (STUDIO, UNLIT)}


def light_named(name):
    """The preset of that name; a Light is returned as it is.

    Raises:
        InputError: no such preset; the message lists them.
    """
    if isinstance(name, Light):
        return name
    if name not in LIGHTS:
        raise unknown_name("light", name, tuple(LIGHTS))
    return LIGHTS[name]


def srgb(linear):
    """sRGB levels 0..255 of linear light 0..1, float64, not rounded (IEC 61966-2-1)."""
    linear = np.clip(np.asarray(linear, np.float64), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def linear(levels):
    """Linear light 0..1 of sRGB levels 0..255, float64."""
    share = np.asarray(levels, np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def rolled_off(light, shoulder):
    """Light 0.. with everything above the shoulder bent to stay below 1, smooth and rising."""
    light = np.asarray(light, np.float64)
    if shoulder >= 1:
        return np.minimum(light, 1.0)
    room = 1 - shoulder
    return np.where(light <= shoulder, light, 1 - room * np.exp(-np.maximum(light - shoulder, 0) / room))


def tone_table(shoulder):
    """(TONE_STEPS,) uint8 sRGB levels of light i * TONE_LIMIT / TONE_STEPS."""
    light = np.arange(TONE_STEPS) * (TONE_LIMIT / TONE_STEPS)
    return np.rint(srgb(rolled_off(light, shoulder))).astype(np.uint8)


def lamp_table(light):
    """(lamps, 8) float32: unit direction, colour, size, darkness of the first one's shadow."""
    table = np.zeros((len(light.lamps), 8), np.float32)
    for row, lamp in zip(table, light.lamps, strict=True):
        row[:3] = np.divide(lamp.towards, math.hypot(*lamp.towards))
        row[3:6] = lamp.color
        row[6] = lamp.size_rad
    if light.lamps:
        table[0, 7] = light.lamps[0].shadow
    return table


def backdrop(background, size):
    """(h, w, 3) float32 linear light of a background."""
    w, h = size
    x = (np.arange(w) + 0.5) / w - background.center[0]
    y = (np.arange(h) + 0.5) / h - background.center[1]
    # At the corners, 0.7 of the picture away, this has faded to a seventh.
    share = np.exp(-4 * (x[None, :] ** 2 + y[:, None] ** 2))[..., None]
    return (np.multiply(share, background.glow) + np.multiply(1 - share, background.edge)).astype(np.float32)


def dithered(levels):
    """(h, w, 3) uint8 of sRGB levels, rounded up or down in a fixed fine pattern that hides the steps between them.

    The pattern is interleaved gradient noise (Jimenez, Next Generation Post Processing in Call of Duty, 2014);
    it stands still, so a video spends nothing on it after its first frame.
    """
    y, x = np.indices(levels.shape[:2])
    noise = np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y)[0])[0]
    # The thousandth keeps whole levels what they are after float32 arithmetic.
    return np.clip(np.floor(levels + (0.001 + 0.998 * noise[..., None])), 0, 255).astype(np.uint8)
