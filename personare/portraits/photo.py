"""A photo that talks: its own pixels on a mesh that moves, and a field around it; no network.

The mesh of the person lies on the photo, so each of its points knows which pixel it shows. In every frame the mesh is
drawn in its new shape and looks those pixels up. Hair, neck and background follow in a smooth field. What the photo
does not show is drawn: the inside of the mouth is that of the face itself, lit and coloured to suit; irises and whites
of the eyes are completed below the lids. Motion of zeros gives the photo itself.
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

import numpy as np

from personare.errors import InputError
from personare.portraits.eyes import eye_layers, lash_color, lid_layer
from personare.portraits.likeness import likeness, speech_of
from personare.portraits.looks import BEHIND_M, behind_of, drawn_of, fade_of, kinds_of_materials, looks_of
from personare.portraits.mouth import lips_mask, mouth_gain
from personare.portraits.parts import kinds_of, named
from personare.portraits.points import INNER_LIPS
from personare.portraits.surroundings import surroundings
from personare.portraits.teeth import seen_teeth, with_teeth
from personare.rendering.light import Lamp, Light
from personare.rendering.scene import FACET_COLUMNS, build_scene
from personare.spaces import ARKIT_52
from personare.types import Portrait

# Light on the inside of the mouth: soft, from where the photo was taken. Shadows are mouth.py's part.
MOUTH_LIGHT = Light("mouth", (Lamp((0.0, 0.3, 0.95), (0.95, 0.95, 0.95), size_rad=0.5),), sky=(0.2, 0.2, 0.2),
                    ground=(0.1, 0.1, 0.1), shoulder=1.0)
# Eyes and what is in the mouth are drawn as if farther away by so much, so that lids and lips stay in front of them.
_EYES_BACK_M, _MOUTH_BACK_M, _HOLLOW_BACK_M = 0.006, 0.004, 0.010
# The skin of a lid is shown in place of lashes stretched over it from this part of a blink on.
_LIDS_AHEAD = 2.5
_MOST_FRAMES = 4
# Blur less than this is not seen.
_SHARP_PX = 0.3
# Skin that is drawn by more than this is that of the face.
_SURE = 0.9
# The head without its neck lies round a point behind the eyes.
_EYES_TO_MIDDLE_M, _HEAD_M = 0.07, 0.16
# The chin lies below the top of the head by so much of the way to the pivot in the neck; measured on the built-in head.
_CHIN = 1.6
# Both blinks from which eyes count as closed: photos with open eyes have up to .34, one with closed eyes .80.
_EYES_CLOSED = 0.6


@final
@dataclass(frozen=True, eq=False)
class PhotoPortrait(Portrait):
    """A person on a photo.

    Args:
        likeness: Likeness.
        picture: (h, w, 3) uint8 the photo.
        around: Surroundings.
        scene: Scene of the part of the mesh that is drawn.
        kinds: (m,) uint8 of each material.
        looks: (v, LOOKS) float32, see pixels.draw_face.
        layers: white, irises, iris, lids, teeth, lips, gain, as in pixels.draw_face.
        back: (v,) float32 metres by which vertices are drawn farther away.
        lines: corners (m, 3) and weights (m, 3) of points along the edges of the left and right upper lid, and round
            the opening of the mouth.
        lashes: (4,) float32 sRGB levels of the lashes, and their width in pixels.
        taps: (n,) float32 of the blur that makes a mouth as sharp as the photo, see sharpness.soften; none for no blur.
        confidence: how surely the photo shows a human face, 0..1.
        notes: sentences on what a user should know.
    """

    likeness: object
    picture: np.ndarray
    around: object
    scene: object
    kinds: np.ndarray
    looks: np.ndarray
    layers: tuple
    back: np.ndarray
    lines: tuple
    lashes: np.ndarray
    taps: np.ndarray
    confidence: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def face(self):
        """The person's mesh."""
        return self.likeness.face

    @property
    def size(self):
        """(w, h) pixels."""
        return self.picture.shape[1], self.picture.shape[0]

    @property
    def fps(self):
        """Any rate suits a photo; this is the usual one."""
        return 30.0

    def frames(self, motion, *, threads=None):
        """Pictures of a Motion in the face's space, see Portrait; drawn a few ahead on `threads` threads."""
        count = (os.cpu_count() or 1) if threads is None else threads
        if not isinstance(count, int) or count < 1:
            raise InputError("threads", expected="a whole number above 0", got=repr(threads), remedy="pass 1 or more")
        return self._drawn_ahead(motion, speech_of(motion), count)

    def _drawn_ahead(self, motion, speech, threads):
        pool, waiting = ThreadPoolExecutor(threads, thread_name_prefix="personare-photo"), deque()
        try:
            for start in range(0, len(motion), _MOST_FRAMES):
                stop = start + _MOST_FRAMES
                waiting.append(pool.submit(self._draw, motion.frames(start, stop), speech[start:stop]))
                if len(waiting) > threads + 1:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _draw(self, motion, speech):
        """The pictures of a few frames, as a list."""
        from personare.portraits.pixels import draw_face, draw_lashes, warp_picture
        from personare.portraits.sharpness import soften
        from personare.rendering.raster import project, vertex_normals

        scene, white, irises, iris, lids, teeth, lips, gain = self.scene, *self.layers
        v = len(self.looks)
        points, screen = np.empty((v, 3), np.float32), np.zeros((v, 2), np.int32)
        nearness, attributes = np.empty(v, np.float32), scene.attributes.copy()
        facets = np.empty((len(scene.triangles), FACET_COLUMNS), np.float32)
        heights = np.empty((scene.shadow_size, scene.shadow_size), np.float32)
        pictures = []
        step = np.float32(self.around.step)
        blinks = np.clip(_LIDS_AHEAD * self.likeness.blinks(motion), 0, 1).astype(np.float32)
        moved = self.likeness.vertices(motion, speech), self.likeness.turns(motion), self.likeness.looks(motion)
        for frame, turn, look, blink, talk in zip(*moved, blinks, speech, strict=True):
            out = np.empty_like(self.picture)
            field = self.around.sources(self.likeness.camera, turn, frame)
            warp_picture(self.picture, field, step, out)
            *edges, rim = (self._line(frame, *line) for line in self.lines)
            project(np.ascontiguousarray(frame), scene.camera_from_world, scene.lens, points, screen, nearness)
            vertex_normals(points, scene.welded, scene.weld, attributes)
            # What lies back is compared as farther away, on the same pixels.
            nearness[:] = np.where(nearness > 0, nearness / (1 + self.back * nearness), 0)
            draw_face(points, screen, nearness, scene.triangles, attributes, scene.uv, scene.triangle_material,
                      scene.materials, scene.textures, scene.texels, scene.two_sided, scene.casts, scene.view,
                      scene.lamps, scene.ambient, scene.shadow_frame, facets, heights, self.kinds, self.looks,
                      self.picture, white, irises, iris, lids, teeth, lips, gain, field, step,
                      np.ascontiguousarray(blink), np.ascontiguousarray(look), rim, np.float32(talk), out)
            if talk > 0 and len(self.taps):
                soften(out, rim, self.taps, np.float32(talk))
            for line, share in zip(edges, blink, strict=True):
                if share > 0:
                    draw_lashes(out, line, self.lashes[:3], self.lashes[3], share)
            pictures.append(out)
        return pictures

    def _line(self, vertices, corners, weights):
        """(m, 2) float32 pixels of a line of points on the mesh, a little smoothed."""
        points = (vertices[corners] * weights[:, :, None]).sum(axis=1)
        line = self.likeness.camera.project(points)[:, :2].astype(np.float32)
        line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
        return line


def photo_portrait(picture, track, anchors, *, confidence=1.0, notes=()):
    """A photo as a portrait.

    Args:
        picture: (h, w, 3) uint8 sRGB.
        track: Track of it, of one frame.
        anchors: corners (n, 3), weights (n, 3) and index (n,) of the landmarks on the track's face, see likeness.
        confidence: how surely it shows a human face, 0..1.
        notes: sentences on what a user should know.

    Returns:
        PhotoPortrait.

    Raises:
        InputError: the face has no eyes or nothing inside its mouth.
    """
    kind = kinds_of(track.face.surface, track.face.rest)
    if not ({1, 2} <= set(kind.tolist()) and set(ARKIT_52.columns) <= set(track.face.space.columns)):
        raise InputError("face", expected="ARKit shapes, eyes, teeth and tongue, as sona has",
                         got=f"'{track.face.name}'", remedy="leave --face out with a photo")
    from personare.portraits.sharpness import blur_of, weights_of

    rim = _along(anchors, INNER_LIPS)
    if len(rim[0]) < len(INNER_LIPS):
        raise InputError("face", expected="lips on which the detector finds all landmarks", got=f"{len(rim[0])} of "
                         f"{len(INNER_LIPS)}", remedy="leave --face out with a photo")
    picture = np.array(picture, np.uint8, order="C")  # kernels want one of their own
    person = likeness(track, *anchors)
    seen = seen_teeth(picture, person.landmarks) if person.is_open else None
    person = with_teeth(person, seen, anchors)
    face, vertices = person.face, person.on_photo()
    triangles, pixels = face.surface.triangles, person.camera.project(vertices)
    behind = behind_of(face, vertices, person.camera, kind)
    hidden = behind > BEHIND_M
    fade = fade_of(person, vertices, pixels, hidden, kind)
    scene = build_scene(drawn_of(face.surface, kind, fade), vertices, person.camera, MOUTH_LIGHT)
    skin, eyes, inside = (np.isin(np.arange(len(vertices)), triangles[kind == k]) for k in range(3))
    shown = skin & ~hidden
    white, irises, iris = eye_layers(picture, person.landmarks)
    teeth = np.zeros(picture.shape[:2], np.uint8) if seen is None else seen.mask
    lips = lips_mask(picture.shape, person)
    gain = mouth_gain(picture, person, pixels, shown & (fade > _SURE), iris, teeth)
    layers = (white, irises, iris, lid_layer(picture, person.landmarks), teeth, lips, gain)
    hollow = np.isin(np.arange(len(vertices)), triangles[(kind == 2) & named(face.surface, "mouth")])
    back = (_EYES_BACK_M * eyes + np.where(hollow, _HOLLOW_BACK_M, _MOUTH_BACK_M * inside)).astype(np.float32)
    around = surroundings(person.camera, np.where(shown, fade, 0), pixels, skin & _of_head(face, eyes))
    blur = blur_of(picture, person.landmarks)
    lids = ((np.stack([edge] * 3, 1), np.full((len(edge), 3), 1 / 3, np.float32)) for edge in person.edges)
    return PhotoPortrait(person, picture, around, scene, kinds_of_materials(face.surface),
                         looks_of(person, vertices, pixels, behind, fade, kind), layers, back,
                         (*lids, rim), lash_color(picture, person.landmarks),
                         weights_of(blur) if blur > _SHARP_PX else np.zeros(0, np.float32), confidence,
                         (*notes, *_told(track)))


def _along(anchors, line):
    """corners (m, 3) and weights (m, 3) of a line of landmarks."""
    corners, weights, index = anchors
    place = {k: i for i, k in enumerate(np.asarray(index).tolist())}
    at = [place[k] for k in line if k in place]
    return np.asarray(corners)[at], np.asarray(weights, np.float32)[at]


def _of_head(face, eyes):
    """(v,) bool, the head without neck and shoulders."""
    middle = face.rest[eyes].mean(axis=0) - np.array([0, 0, _EYES_TO_MIDDLE_M], np.float32)
    top = face.rest[:, 1].max()
    return ((np.linalg.norm(face.rest - middle, axis=1) < _HEAD_M)
            & (face.rest[:, 1] > top - _CHIN * (top - face.head_pivot[1])))


def _told(track):
    """Sentences on what the photo cannot give."""
    if track.motion.columns(("eyeBlinkLeft", "eyeBlinkRight"))[0].min() < _EYES_CLOSED:
        return ()
    return ("the eyes are closed on this photo and stay closed; a photo with open eyes looks more alive",)
