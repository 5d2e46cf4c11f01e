"""A photo whose face a network draws: a renderer of one of the originals in the place of the photo's own pixels.

The photo moves as it does without a network (portraits/photo.py): hair, neck and background with it. Of each frame a
square around the face is drawn anew by the network, from the photo's texture and from where each pixel lies on the
face, and put back with a soft edge.
"""

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from personare.errors import InputError
from personare.portraits.crops import put
from personare.portraits.layouts import background
from personare.portraits.likeness import speech_of
from personare.portraits.renderers import SceneFrame, open_renderer
from personare.portraits.surfaces import Unwrapper, places, surface_of, window_around, window_picture
from personare.types import Portrait

# Pixels of the drawn square's side where the bundle does not say, and of the texture; those of style_avatar.
WINDOW_PX, TEXTURE_PX = 224, 256
# Over this share of the square the drawn face fades into the photo, from its outline inwards.
_FADE_SHARE = 1 / 48
# Layouts of textures that are not those of our faces.
_FOREIGN = ("bfm",)


@final
@dataclass(frozen=True, eq=False)
class RenderedPhoto(Portrait):
    """A person on a photo, the face drawn by a network.

    Args:
        photo: PhotoPortrait.
        renderer: what renderers.open_renderer gives.
        surface: FaceSurface in the layout that the renderer knows; default the face's own.

    Raises:
        InputError: it was trained on the textures of another face.
    """

    photo: Portrait
    renderer: object
    surface: object = None

    def __post_init__(self):
        layout = self.renderer.config.get("layout", "")
        if layout in _FOREIGN and self.surface is None:
            raise InputError("renderer", expected="a bundle that knows the textures of this face",
                             got=f"one of {layout}", remedy="name your copy of that face, --face bfm.npz, with its "
                             "uv.npy beside it; or train a bundle on clips of personare portrait clips")
        if layout not in _FOREIGN and self.surface is not None:
            raise InputError("face", expected="a face whose own textures the bundle knows", got="the Basel model",
                             remedy="leave --face out")

    @property
    def face(self):
        """The person's mesh."""
        return self.photo.face

    @property
    def size(self):
        """(w, h) pixels."""
        return self.photo.size

    @property
    def fps(self):
        """Any rate suits a photo."""
        return self.photo.fps

    @property
    def notes(self):
        """Sentences on what a user should know."""
        return self.photo.notes

    @cached_property
    def texture(self):
        """(r, r, 3) uint8: what the photo shows of the face's surface."""
        person = self.photo.likeness
        unwrapper = Unwrapper(self._surface, TEXTURE_PX)
        unwrapper.look(self.photo.picture, person.camera, person.on_photo())
        return unwrapper.texture()

    def frames(self, motion):
        """Pictures of a Motion in the face's space, see Portrait."""
        person, size = self.photo.likeness, self._window_px
        matrix, camera = window_around(self._surface, person.camera, person.on_photo()[None], size)
        # Renderers may look some frames ahead.
        waiting = deque()
        for drawn in self.renderer.pictures(self._scenes(motion, matrix, camera, waiting), self.texture):
            picture, face = waiting.popleft()
            yield put(picture, matrix, drawn.astype(np.float32) / 255, _cover(face))

    def _scenes(self, motion, matrix, camera, waiting):
        """SceneFrames of a motion; whole pictures and where the face is in the window are put into waiting."""
        person, speech = self.photo.likeness, speech_of(motion)
        weights = self.face.weights(motion)
        for i, picture in enumerate(self.photo.frames(motion)):
            vertices = person.vertices(motion.frames(i, i + 1), speech[i : i + 1])[0]
            uv, number, _ = places(self._surface, camera, vertices)
            outside = number < 0 if self.surface is None else background(number)
            waiting.append((picture, ~outside))
            yield SceneFrame(uv, outside, window_picture(picture, matrix, camera.size[0]), weights[i])

    @cached_property
    def _surface(self):
        return surface_of(self.face) if self.surface is None else self.surface

    @property
    def _window_px(self):
        """Pixels of the square: what the bundle was trained on."""
        sizes = self.renderer.config.get("size") or [WINDOW_PX]
        return int(sizes[0])


def rendered_photo(photo, folder, surface=None):
    """A PhotoPortrait with the face drawn by a bundle; see RenderedPhoto.

    Args:
        photo: PhotoPortrait.
        folder: of the bundle.
        surface: FaceSurface, where the bundle knows another face's layout; see layouts.laid_on.
    """
    return RenderedPhoto(photo, open_renderer(folder), surface)


def _cover(face):
    """(s, s) float32: how much of what is drawn is shown, 0 outside the face and along its outline."""
    reach = max(1, round(_FADE_SHARE * len(face)))
    size = 2 * reach + 1
    padded = np.pad(face.astype(np.float32), reach)
    rows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0).mean(axis=-1)
    share = np.lib.stride_tricks.sliding_window_view(rows, size, axis=1).mean(axis=-1)
    return np.clip(2 * share - 1, 0, 1).astype(np.float32) * face

