"""Bundles of the originals' renderers, told apart by their cards, and run alike: scenes in, drawn pictures out.

A scene says of one frame where each pixel lies on the face, which do not show it, and what picture is around.
"""

from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import final

import numpy as np

from personare.assets import open_graph
from personare.errors import AssetError, InputError
from personare.portraits.style_avatar import DRAW_GRAPH, METHODS, StyleAvatar
from personare.portraits.surfaces import looked_up
from personare.store import read_bundle

PUPPETRY, REFINER = "puppetry-renderer", "dvp-renderer"
# The value of a colour that is 0 to these two.
_HALF = np.float32(127.5)
# A corner of the texture is no background, which is exactly -1.
_CORNER = np.float32(-1 + 1e-4)


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """One frame to be drawn.

    Args:
        uv: (h, w, 2) float32 in 0..1.
        outside: (h, w) bool, pixels that show no face.
        picture: (h, w, 3) uint8, what is around the face.
        expression: (k,) float32 columns of the face, for textures that change with it; None.
    """

    uv: np.ndarray
    outside: np.ndarray
    picture: np.ndarray
    expression: np.ndarray | None = None


def open_renderer(folder):
    """StyleAvatarRenderer, PuppetryRenderer or RefinerRenderer of a bundle.

    Raises:
        AssetError: no bundle, or one of another method.
    """
    method = read_bundle(folder).card.method
    if method in METHODS:
        return StyleAvatarRenderer(StyleAvatar(folder))
    if method in (PUPPETRY, REFINER):
        return (PuppetryRenderer if method == PUPPETRY else RefinerRenderer)(read_bundle(folder))
    raise AssetError(f"{folder}: a bundle of {method}, which draws no faces; give one of "
                     f"{', '.join((*METHODS, PUPPETRY, REFINER))}")


@final
class StyleAvatarRenderer:
    """style_avatar's renderer; see style_avatar.StyleAvatar.

    Args:
        avatar: StyleAvatar.

    Raises:
        InputError: the bundle blends only.
    """

    def __init__(self, avatar):
        self.avatar, self.config = avatar, avatar.bundle.card.config
        if not avatar.draws:
            raise InputError("renderer", expected="a bundle that draws faces", got=avatar.bundle.card.method,
                             remedy="give one of style-avatar, style-avatar-person or style-avatar-nvp")

    def pictures(self, scenes, texture):
        """Iterator of (h, w, 3) uint8 of an iterable of SceneFrame; texture (r, r, 3) uint8 of the person."""
        neural = self.avatar.own if self.avatar.own is not None else self.avatar.neural_texture(texture)
        for scene in scenes:
            outside = scene.outside[None]
            face = self.avatar.faces(neural, scene.uv[None], outside)
            yield self.avatar.composed(face, scene.picture[None], outside)[0]


@final
class PuppetryRenderer:
    """Neural Voice Puppetry's renderer of one person, whose texture is in it.

    Args:
        bundle: store.Bundle.
    """

    def __init__(self, bundle):
        self.config, self._graph = bundle.card.config, open_graph(bundle.path(DRAW_GRAPH))
        self._told = self.config["own"]["texture"]
        if self._told == "audio":
            raise InputError("renderer", expected="a texture that changes with the expression or not at all",
                             got="one that hears", remedy="run its graph draw.onnx with your rows of sound")

    def pictures(self, scenes, texture=None):
        """Iterator of (h, w, 3) uint8 of an iterable of SceneFrame; the bundle's own texture is drawn.

        Raises:
            InputError: expressions of another length than it was trained with.
        """
        columns = self.config["own"]["columns"] or 76
        for scene in scenes:
            uv = np.where(scene.outside[..., None], np.float32(-1), np.maximum(2 * scene.uv - 1, _CORNER))
            fields = {"uv": _first(uv), "picture": _first(scene.picture.astype(np.float32) / _HALF - 1)}
            if self._told == "expression":
                told = scene.expression
                if told is None or len(told) != columns:
                    raise InputError("expression", expected=f"{columns} columns", got="none" if told is None
                                     else str(len(told)), remedy="use the face that the clips were made with")
                fields["condition"] = np.asarray(told, np.float32)[None]
            yield _bytes(self._graph.run(None, fields)[0])


@final
class RefinerRenderer:
    """AudioDVP's renderer: the texture on the moving mesh, seven frames of it, to a picture of the face alone.

    Args:
        bundle: store.Bundle.
    """

    def __init__(self, bundle):
        self.config, self._graph = bundle.card.config, open_graph(bundle.path(DRAW_GRAPH))

    def pictures(self, scenes, texture):
        """Iterator of (h, w, 3) uint8 of an iterable of SceneFrame, in its picture; it looks three frames ahead."""
        reach = self.config["own"]["drawings"] // 2
        scenes = iter(scenes)
        first = next(scenes, None)
        if first is None:
            return
        known = deque([(first, self._drawn(first, texture))] * (reach + 1), maxlen=2 * reach + 1)
        waiting = chain(((scene, self._drawn(scene, texture)) for scene in scenes), [None] * reach)
        for _ in range(reach):
            known.append(next(waiting) or known[-1])
        while True:
            drawings = np.concatenate([drawn for _, drawn in known])[None]
            made = _bytes(self._graph.run(None, {"drawings": drawings})[0])
            scene = known[reach][0]
            yield np.where(scene.outside[..., None], scene.picture, made)
            try:
                known.append(next(waiting) or known[-1])
            except StopIteration:
                return

    @staticmethod
    def _drawn(scene, texture):
        """(3, h, w) float32 of the texture on the mesh, black around it."""
        seen = np.where(scene.outside[..., None], 0, looked_up(texture, scene.uv))
        return _first(seen.astype(np.float32) / _HALF - 1)[0]


def _first(values):
    """(1, c, h, w) float32 of (h, w, c)."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 0)[None], np.float32)


def _bytes(made):
    """(h, w, 3) uint8 of (1, 3, h, w) in -1..1."""
    return np.clip(np.round(_HALF * (np.moveaxis(made[0], 0, -1) + 1)), 0, 255).astype(np.uint8)
