"""The 478 landmarks of MediaPipe's face landmarker, on pictures and on the meshes that were drawn on them.

The library is an extra (`track`); its model file is the user's own copy and is not shipped.

Source:
    Kartynnik et al., Real-time facial surface geometry from monocular video on mobile GPUs, 2019; MediaPipe Tasks.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from personare.assets import user_path
from personare.errors import AssetError, InputError, MissingExtra
from personare.types import Motion

COUNT = 478
MODEL = "face_landmarker.task"
# The two irises lie on eyeballs, and the face's outline (MediaPipe's FACE_OVAL) slides over the skin with the view.
IRIS = tuple(range(468, 478))
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
         150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
# Points of upper and lower lid that meet in a blink, subject's left and right eye.
LIDS = {"eyeBlinkLeft": ((386, 374), (385, 380), (387, 373), (384, 381), (388, 390)),
        "eyeBlinkRight": ((159, 145), (158, 153), (160, 144), (157, 154), (161, 163))}
# Inner and outer edges of the lips, and points of the inner edges that meet.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS = INNER_LIPS + OUTER_LIPS
LIP_PAIRS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318))
STEADY = np.setdiff1d(np.arange(COUNT), IRIS + OVAL)


def model_path(path=None):
    """The landmarker's model file: the given path, $PERSONARE_FACE_LANDMARKER, or the user's copy.

    Raises:
        AssetError: it is not there; the message says where to get it.
    """
    chosen = Path(path or os.environ.get("PERSONARE_FACE_LANDMARKER") or user_path("models", MODEL))
    if not chosen.is_file():
        raise AssetError(f"{chosen}: the face landmarker's model is not there; run personare fetch face_landmarker, or "
                         f"download {MODEL} from the pages of MediaPipe's Face Landmarker (Google, Apache 2.0), put it "
                         "there or set PERSONARE_FACE_LANDMARKER to its path")
    return chosen


@contextmanager
def hushed():
    """What MediaPipe's native code writes on standard error while it starts up goes nowhere."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):
        yield  # there is no standard error to write on
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def landmarks(pictures, *, model=None):
    """Landmarks of the clearest face on each picture.

    Args:
        pictures: iterable of (h, w, 3) uint8 sRGB.
        model: path of face_landmarker.task; default the user's copy.

    Returns:
        list of (478, 3) float32: x and y in pixels, z in the unit of x, smaller is nearer; None where there is no face.

    Raises:
        MissingExtra: mediapipe is not installed.
        AssetError: its model file is missing.
    """
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise MissingExtra("finding a face on a picture", package="mediapipe", extra="track") from error
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model_path(model))), num_faces=1)
    # Closed by hand: left to the interpreter's exit, the object prints an exception.
    with hushed(), vision.FaceLandmarker.create_from_options(options) as landmarker:
        return [_points(landmarker.detect(mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))), picture.shape)
            for picture in pictures]


def _points(found, shape):
    if not found.face_landmarks:
        return None
    points = np.array([(point.x, point.y, point.z) for point in found.face_landmarks[0]], np.float32)
    return points * np.float32([shape[1], shape[0], shape[1]])


def surface_points(pixels, vertices, triangles, camera):
    """What of a mesh lies under pixels of its picture.

    Args:
        pixels: (n, 2) float, x and y.
        vertices: (v, 3) float world, metres.
        triangles: (f, 3) int.
        camera: Camera of the picture.

    Returns:
        triangle (n,) int32, -1 where nothing is hit; weights (n, 3) float32 barycentric, of the nearest hit.
    """
    screen = camera.project(vertices)
    corners = screen[triangles]                                       # (f, 3, 3)
    low, high = corners[:, :, :2].min(axis=1), corners[:, :, :2].max(axis=1)
    (x0, y0), (x1, y1), (x2, y2) = (corners[:, i, :2].T for i in range(3))
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    front = (area < 0) & (corners[:, :, 2].min(axis=1) > 0)           # y runs down, so front faces turn clockwise
    hit, weights = np.full(len(pixels), -1, np.int32), np.zeros((len(pixels), 3), np.float32)
    for i, (x, y) in enumerate(np.asarray(pixels, np.float64)):
        near = np.flatnonzero(front & (low[:, 0] <= x) & (x <= high[:, 0]) & (low[:, 1] <= y) & (y <= high[:, 1]))
        one = ((x1[near] - x) * (y2[near] - y) - (x2[near] - x) * (y1[near] - y)) / area[near]
        two = ((x2[near] - x) * (y0[near] - y) - (x0[near] - x) * (y2[near] - y)) / area[near]
        share = np.stack([one, two, 1 - one - two], axis=1)
        inside = np.flatnonzero(share.min(axis=1) >= -1e-9)
        if len(inside):
            depth = (share[inside] * corners[near[inside], :, 2]).sum(axis=1)
            best = inside[np.argmin(depth)]
            hit[i], weights[i] = near[best], share[best]
    return hit, weights


def face_landmarks(face, *, model=None, size=512):
    """Where the landmarks lie on a face at rest.

    Args:
        face: Face; it is drawn from the front and looked at.
        model: path of face_landmarker.task; default the user's copy.
        size: width and height of the picture, pixels.

    Returns:
        (478, 3) float64 metres; NaN for a landmark that meets no surface.

    Raises:
        InputError: no face is seen on the picture, from the front and from a little above and below.
    """
    from personare.rendering.camera import frame_face
    from personare.rendering.frames import render_frames

    still = Motion(np.zeros((1, len(face.space)), np.float32), 30, face.space)
    for pitch in (0.0, 0.2, -0.2):
        camera = frame_face(face, (size, size), pitch_rad=pitch)
        found = landmarks(render_frames(face, still, camera=camera), model=model)[0]
        if found is not None:
            break
    else:
        raise InputError("face", expected="a head that looks along +z, eyes and mouth in sight",
                         got=f"'{face.name}', on whose picture no face is found",
                         remedy="turn it to +z with +y up, in metres, or give it eyes; personare face sheet shows it")
    triangle, weights = surface_points(found[:, :2], face.neutral(), face.surface.triangles, camera)
    points = (face.neutral()[face.surface.triangles[triangle]] * weights[:, :, None]).sum(axis=1, dtype=np.float64)
    points[triangle < 0] = np.nan
    return points


def common(here, there):
    """The steady landmarks that both of two faces have, (n, 3) each; here and there as of face_landmarks."""
    both = STEADY[np.isfinite(here[STEADY]).all(axis=1) & np.isfinite(there[STEADY]).all(axis=1)]
    return here[both], there[both]
