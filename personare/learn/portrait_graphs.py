"""Networks of portraits as they run without torch: what goes in is numbers, what comes out a picture."""

import torch
from torch import nn

from personare.learn.nets import style_avatar as nets


class Texture(nn.Module):
    """A neural texture that is learned as it is.

    Args:
        data: (1, c, r, r) float32, where it starts.
    """

    def __init__(self, data):
        super().__init__()
        self.data = nn.Parameter(data.detach().clone())

    def forward(self):
        """(1, c, r, r)."""
        return self.data


class Drawing(nn.Module):
    """One neural texture, places and background to faces on nothing.

    Args:
        generator: a network of features to colours.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, neural, uv, background):
        """(t, 3, h, w) in -1..1 of (1, c, r, r), (t, 2, h, w) in 0..1 and (t, 1, h, w)."""
        neural = neural.expand(uv.shape[0], -1, -1, -1)
        return self.generator(nets.sampled(neural, uv)) * (1 - background)


class Blending(nn.Module):
    """Faces into pictures whose shrunk background is kept.

    Args:
        blender: a network of colours to colours.
    """

    def __init__(self, blender):
        super().__init__()
        self.blender = blender

    def forward(self, face, picture, background):
        """(t, 3, h, w) of (t, 3, h, w) twice and (t, 1, h, w)."""
        return nets.blended(self.blender, face, picture, background)


class Painting(nn.Module):
    """Faces into pictures that are painted anew as a whole.

    Args:
        blender: a network of colours to colours.
    """

    def __init__(self, blender):
        super().__init__()
        self.blender = blender

    def forward(self, face, picture, background):
        """(t, 3, h, w) of (t, 3, h, w) twice and (t, 1, h, w)."""
        return self.blender(face + background * picture)


class Puppet(nn.Module):
    """Neural Voice Puppetry's renderer: places and a picture to that picture with the face in it.

    Args:
        renderer: nets.puppetry_renderer.PuppetryRenderer.
    """

    def __init__(self, renderer):
        super().__init__()
        self.renderer = renderer

    def forward(self, uv, picture, condition=None):
        """(t, 3, h, w) in -1..1."""
        return self.renderer(uv, picture, condition).picture


def drawing_inputs(features, side=64):
    """Example inputs of Drawing."""
    return {"neural": torch.zeros(1, features, 16, 16), "uv": torch.rand(2, 2, side, side),
            "background": torch.zeros(2, 1, side, side)}


def blending_inputs(side=64):
    """Example inputs of Blending and Painting."""
    return {"face": torch.rand(2, 3, side, side), "picture": torch.rand(2, 3, side, side),
            "background": torch.zeros(2, 1, side, side)}
