"""A video or a photo -> a Track: the person's face, and its expression and head pose in every picture."""

from dataclasses import replace

import numpy as np

from personare.errors import InputError
from personare.faces.joints import HEAD
from personare.registry import load
from personare.rendering.camera import Camera
from personare.tracking.anchors import anchored
from personare.tracking.detect import SMALLEST_PX, Detections, detect
from personare.tracking.fit import fit
from personare.tracking.identity import spread_out
from personare.tracking.landmarks import landmarks
from personare.types import Motion, Track

_ANCHORED, _MOST_KEPT = {}, 4
# Times of pictures that are off the beat by more than this share of it make a rate that varies.
_UNEVEN = 0.1


def track(path, *, face=None, model=None, focal_px=None, progress=None):
    """Follow the face in a video.

    Args:
        path: of the video, any container; phones' turned pictures stand upright.
        face: Face to fit, linear or taken as such; default the built-in head.
        model: path of MediaPipe's face_landmarker.task; default the user's copy.
        focal_px: focal length of the camera, where it is known.
        progress: called with (pictures done, in total): detection makes up four fifths of it, fitting the rest.

    Returns:
        Track.

    Raises:
        InputError: no video, or no face in it that is large enough. AssetError: the landmarker's model is missing.
        MissingExtra: mediapipe is not installed.
    """
    head = anchored_face(face, model)
    found = detect(path, model=model, progress=progress and (lambda done, total: progress(
        done, None if total is None else total * 5 // 4)))
    count = len(found.points)
    return fitted_track(head, found, source=str(path), focal_px=focal_px, progress=progress and (
        lambda done, total: progress(count + count // 4 * done // total, count + count // 4)))


def track_picture(picture, *, face=None, model=None, focal_px=None, source="photo"):
    """Fit a face to a single picture.

    Args:
        picture: (h, w, 3) uint8 sRGB, upright.
        face, model, focal_px: as for track.
        source: what the picture is called in messages.

    Returns:
        Track of one frame.

    Raises:
        InputError: no face, or one that is too small; otherwise as track.
    """
    head = anchored_face(face, model)
    points = landmarks([picture], model=model)[0]
    if points is None:
        raise InputError(source, expected="a face that looks towards the camera", got="none that is found",
                         remedy="crop the picture to the face, or take a sharper one from the front")
    h, w = picture.shape[:2]
    found = Detections(points[None], np.zeros(1), (w, h), 25.0)
    if found.eye_px < SMALLEST_PX:
        raise InputError(source, expected=f"eyes at least {SMALLEST_PX:g} pixels apart", got=f"{found.eye_px:.0f}",
                         remedy="crop the picture to the face and scale it up")
    return fitted_track(head, found, source=source, focal_px=focal_px)


def fitted_track(head, found, *, source="", focal_px=None, progress=None):
    """Track of an Anchored face and Detections; see track."""
    result = fit(head, found, focal_px=focal_px, progress=progress)
    values = np.zeros((len(found.points), len(head.face.space)), np.float32)
    values[:, head.columns] = result.values
    pose = np.tile(np.eye(4, dtype=np.float32), (len(values), 1, 1))
    pose[:, :3, :3], pose[:, :3, 3] = result.turn, result.move
    w, h = found.size
    depth = -(result.move[:, 2] + head.face.head_pivot[2])
    camera = Camera(np.eye(4), result.focal_px, (w / 2, h / 2), (w, h), near_m=max(0.05 * float(depth.min()), 1e-3),
                    far_m=10 * float(depth.max()) + 1)
    motion = Motion(values, found.fps, head.face.space, pose)
    return Track(personal(head, result.offsets), motion, camera, found.times_s, found.points, found.found, source,
                 found.cuts, notes=found.notes)


def personal(head, offsets):
    """The face of an Anchored in the shape that its landmarks, moved by offsets (n, 3), ask for."""
    face = head.face
    places = np.concatenate([face.rest, *(joint.pivot[None] for joint in face.joints)])
    carried = spread_out(head.rest, offsets, places)
    rest, ones = face.rest + carried[:len(face.rest)], np.ones(len(face.rest), np.float32)
    joints = tuple(replace(joint, weight=ones) if joint.name == HEAD else replace(joint, pivot=joint.pivot + move)
                   for joint, move in zip(face.joints, carried[len(face.rest):], strict=True))
    return replace(face, rest=rest, head_weight=ones, joints=joints)


def performance(track, *, fps=None):
    """The motion of a Track as a take for another face: evenly timed, head pose about where the head is mostly.

    Args:
        track: Track.
        fps: frames a second; default the mean rate of the video.

    Returns:
        Motion in the space of the track's face.
    """
    motion, rate = track.motion, fps or track.motion.fps
    even = np.arange(len(track)) / motion.fps
    if len(track) > 1 and np.abs(track.times_s - even).max() > _UNEVEN / motion.fps:
        motion = _evenly(motion, track.times_s, even)
    pose = motion.head_pose.copy()
    pose[:, :3, 3] -= np.median(pose[:, :3, 3], axis=0)
    return replace(motion, head_pose=pose).at_fps(rate)


def _evenly(motion, times_s, even):
    """A Motion with pictures at times_s (t,) as one with frames at the times even (t,)."""
    after = np.clip(np.searchsorted(times_s, even), 1, len(times_s) - 1)
    share = np.clip((even - times_s[after - 1]) / (times_s[after] - times_s[after - 1]), 0, 1).astype(np.float32)
    values = (1 - share[:, None]) * motion.values[after - 1] + share[:, None] * motion.values[after]
    pose = (1 - share[:, None, None]) * motion.head_pose[after - 1] + share[:, None, None] * motion.head_pose[after]
    u, _, vt = np.linalg.svd(pose[:, :3, :3])
    pose[:, :3, :3] = u @ vt
    return replace(motion, values=values, head_pose=pose)


def anchored_face(face, model):
    """Anchored of a face; the last few are kept, for looking at a face takes seconds."""
    face = load("faces", "sona")() if face is None else face
    key = (face.name, len(face.neutral()), face.neutral().tobytes()[:4096], str(model or ""))
    if key not in _ANCHORED:
        while len(_ANCHORED) >= _MOST_KEPT:
            _ANCHORED.pop(next(iter(_ANCHORED)))
        _ANCHORED[key] = anchored(face, model=model)
    return _ANCHORED[key]
