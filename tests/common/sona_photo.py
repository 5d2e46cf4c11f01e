"""Photos of the built-in head with everything known: landmarks, camera, and what any motion looks like."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from personare.faces.sona import open_sona
from personare.portraits.photo import photo_portrait
from personare.rendering.camera import frame_face
from personare.rendering.frames import render_frames
from personare.types import Motion, Track


def anchors():
    """corners, weights, index of the detector's landmarks on the built-in head, as personare.tracking finds them."""
    with np.load(Path(__file__).with_name("sona_landmarks.npz")) as file:
        return file["corners"], file["weights"].astype(np.float32), file["index"].astype(np.int64)


def motion_of(face, *rows, turns=None):
    """Motion of dicts of columns, and rotations (t, 3, 3)."""
    values = np.zeros((len(rows), len(face.space)), np.float32)
    for row, columns in zip(values, rows, strict=True):
        for name, value in columns.items():
            row[face.space.index(name)] = value
    pose = np.tile(np.eye(4, dtype=np.float32), (len(rows), 1, 1))
    if turns is not None:
        pose[:, :3, :3] = turns
    return Motion(values, 30, face.space, pose)


class Sitter:
    """The built-in head before a camera, and the portrait of a photo of it with some expression."""

    def __init__(self, size=320, **expression):
        self.face = open_sona()
        self.face = replace(self.face, head_weight=np.ones(len(self.face.rest), np.float32))
        self.camera = frame_face(self.face, (size, size), margin=0.12)
        self.expression = expression
        self.picture = self.truth(motion_of(self.face, expression))[0]

    def truth(self, motion):
        """Pictures of a motion, by the renderer, without light so that nothing but places changes."""
        return list(render_frames(self.face, motion, camera=self.camera, light="unlit"))

    def landmarks(self, motion):
        """(478, 2) pixels of the landmarks in the first frame of a motion."""
        corners, weights, index = anchors()
        points = self.camera.project(self.face.mesh(motion).vertices[0])
        found = np.zeros((478, 3), np.float32)
        found[index] = (points[corners] * weights[:, :, None]).sum(axis=1)
        return found

    def portrait(self, picture=None):
        """PhotoPortrait of the photo, or of another picture of the same geometry."""
        motion = motion_of(self.face, self.expression)
        track = Track(self.face, motion, self.camera, np.zeros(1), self.landmarks(motion)[None], np.ones(1, bool))
        return photo_portrait(self.picture if picture is None else picture, track, anchors())


def psnr(one, other, mask=None):
    """Peak signal to noise ratio of two pictures, dB, where a mask (h, w) is set."""
    difference = (one.astype(float) - other) ** 2
    return 10 * np.log10(255**2 / max(difference[mask].mean() if mask is not None else difference.mean(), 1e-9))
