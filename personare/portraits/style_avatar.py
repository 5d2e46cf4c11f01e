"""Bundles of style_avatar's renderer, run without torch: where each pixel lies on a face to pictures of it.

texture pictures -> neural texture, once; that and uv -> a face; that and a picture's background -> a picture. Bundles
come from `personare learn style-avatar` and `personare convert`.

Source:
    H. Wu et al., Imitating Arbitrary Talking Style, ACM MM 2021; graphs meet the networks in
    tests/learn/test_portrait_bundles.py (1e-5).
"""

import io

import numpy as np

from personare.arrays import checked
from personare.assets import open_graph
from personare.errors import AssetError, InputError
from personare.store import read_bundle

TEXTURE_GRAPH, DRAW_GRAPH, BLEND_GRAPH, NEURAL = "texture.onnx", "draw.onnx", "blend.onnx", "neural.npy"
METHODS = ("style-avatar", "style-avatar-blender", "style-avatar-person", "style-avatar-nvp")
# Frames drawn at once; more takes memory and is hardly quicker.
BATCH = 2


class StyleAvatar:
    """An opened bundle.

    Args:
        folder: of the bundle.

    Raises:
        AssetError: no bundle of this method, or a damaged one.

    Attributes:
        own: (1, c, s, s) float32, the neural texture of the person that the bundle was tuned to; None.
    """

    def __init__(self, folder):
        self.bundle = read_bundle(folder)
        if self.bundle.card.method not in METHODS:
            raise AssetError(f"{folder}: a bundle of {self.bundle.card.method}, not of style_avatar's renderer; give "
                             f"one of {', '.join(METHODS)}")
        files = self.bundle.card.files
        self._graphs = {name: open_graph(self.bundle.path(name)) for name in (TEXTURE_GRAPH, DRAW_GRAPH, BLEND_GRAPH)
                        if name in files}
        self.own = None
        if NEURAL in files:
            self.own = np.load(io.BytesIO(self.bundle.path(NEURAL).read_bytes()), allow_pickle=False)

    @property
    def draws(self):
        """Whether it draws faces; a blender alone does not."""
        return DRAW_GRAPH in self._graphs

    @property
    def blends(self):
        """Whether it puts faces into pictures, too."""
        return BLEND_GRAPH in self._graphs

    def neural_texture(self, texture=None):
        """What the generator draws from.

        Args:
            texture: (r, r, 3) or (n, r, r, 3) uint8 sRGB, what is seen of the face's surface, row 0 at v = 0; sides
                divisible by 32. None takes the person's own, which a tuned bundle has.

        Returns:
            (1, c, s, s) float32.

        Raises:
            InputError: no texture given to a bundle that has none of its own, or another shape.
        """
        if texture is None:
            if self.own is None:
                raise InputError("texture", expected="a picture of the face's surface", got="none",
                                 remedy="give one, or a bundle tuned to a person")
            return self.own
        graph = self._graph(TEXTURE_GRAPH, "encodes textures")
        texture = np.asarray(texture)
        texture = texture[None] if texture.ndim == 3 else texture
        r = texture.shape[1] if texture.ndim == 4 else 0
        if texture.dtype != np.uint8 or texture.ndim != 4 or texture.shape[1:] != (r, r, 3) or not r or r % 32:
            raise InputError("texture", expected="(r, r, 3) uint8, r divisible by 32",
                             got=f"{texture.shape} {texture.dtype}", remedy="resize it")
        index = np.minimum(np.arange(self.bundle.card.config["own"]["textures"]), len(texture) - 1)
        return graph.run(None, {"texture": _signed(texture[index]).reshape(1, -1, r, r)})[0]

    def faces(self, neural, uv, background):
        """Faces on nothing.

        Args:
            neural: (1, c, s, s) float32, see neural_texture.
            uv: (t, h, w, 2) float32 in 0..1.
            background: (t, h, w) bool, pixels that show no face.

        Returns:
            (t, h, w, 3) float32 in -1..1, 0 on the background.
        """
        graph = self._graph(DRAW_GRAPH, "draws faces")
        background = checked("background", background, ("t", "h", "w"), dtype=bool)
        uv = checked("uv", uv, (*background.shape, 2))
        fields = {"uv": np.moveaxis(uv, -1, 1), "background": background[:, None].astype(np.float32)}
        return _run(graph, fields, {"neural": np.asarray(neural, np.float32)})

    def composed(self, faces, pictures, background):
        """Faces in the background of pictures.

        Args:
            faces: (t, h, w, 3) float32, see faces.
            pictures: (t, h, w, 3) uint8.
            background: (t, h, w) bool.

        Returns:
            (t, h, w, 3) uint8 sRGB; by the blender where the bundle has one, else cut out.
        """
        pictures = checked("pictures", pictures, ("t", "h", "w", 3), dtype=np.uint8)
        background = checked("background", background, pictures.shape[:3], dtype=bool)
        faces = checked("faces", faces, pictures.shape)
        if not self.blends:
            return np.where(background[..., None], pictures, as_bytes(faces))
        fields = {"face": np.moveaxis(faces, -1, 1), "picture": _signed(pictures),
                  "background": background[:, None].astype(np.float32)}
        return as_bytes(_run(self._graphs[BLEND_GRAPH], fields, {}))

    def frames(self, uv, background, pictures, *, texture=None):
        """Pictures one after another; memory does not grow with their number.

        Args:
            uv: iterable of (h, w, 2) float32 in 0..1.
            background: iterable of (h, w) bool.
            pictures: iterable of (h, w, 3) uint8 that the faces are put into.
            texture: see neural_texture.

        Yields:
            (h, w, 3) uint8 sRGB.
        """
        neural = self.neural_texture(texture)
        for places, outside, picture in zip(uv, background, pictures, strict=True):
            outside = np.asarray(outside, bool)[None]
            face = self.faces(neural, np.asarray(places, np.float32)[None], outside)
            yield self.composed(face, np.asarray(picture)[None], outside)[0]

    def _graph(self, name, does):
        if name not in self._graphs:
            raise AssetError(f"{self.bundle.folder}: has no {name}; give a bundle that {does}")
        return self._graphs[name]


def as_bytes(values):
    """(..., 3) uint8 of (..., 3) float32 in -1..1, 0 being 128."""
    return np.clip(np.round(128 * (np.asarray(values, np.float32) + 1)), 0, 255).astype(np.uint8)


def _signed(pictures):
    """(t, 3, h, w) float32 of (t, h, w, 3) uint8."""
    return np.ascontiguousarray(np.moveaxis(pictures.astype(np.float32) / 128 - 1, -1, 1))


def _run(graph, fields, fixed):
    """(t, h, w, 3) of a graph over frames, a few at a time."""
    count = len(next(iter(fields.values())))
    made = [graph.run(None, fixed | {name: np.ascontiguousarray(value[i : i + BATCH])
                                     for name, value in fields.items()})[0] for i in range(0, count, BATCH)]
    return np.moveaxis(np.concatenate(made), 1, -1)
