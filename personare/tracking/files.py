"""Tracks in .npz files: whoever reads takes finds the motion in them, whoever opens faces the person."""

import json

import numpy as np

from personare.errors import InputError
from personare.export import npz
from personare.faces.bundle import open_npz, pack_surface
from personare.faces.person import pack_person
from personare.files.arrays import npz_names, read_npz
from personare.rendering.camera import Camera
from personare.store import atomic_path
from personare.tracking.track import performance
from personare.types import Motion, Track

_CARD, _LAYOUT = "personare_track", 1
_ARRAYS = ("track_values", "track_pose", "track_times_s", "track_landmarks", "track_seen")


def write_track(track, path):
    """Write a Track to an .npz file, which also serves as a take (curves and head pose) and as a face (the person).

    Args:
        track: Track.
        path: where to; an existing file is replaced once the new one is complete.

    Raises:
        OutputError: the file could not be written.
    """
    take = performance(track)
    camera = track.camera
    card = {"layout": _LAYOUT, "source": track.source, "cuts": list(track.cuts), "notes": list(track.notes),
            "fps": track.motion.fps, "focal_px": camera.focal_px, "center_px": list(camera.center_px),
            "size": list(camera.size), "near_m": camera.near_m, "far_m": camera.far_m}
    arrays = npz.arrays_of(take) | _face_arrays(track.face) | {
        _CARD: np.array(json.dumps(card)), "track_values": track.motion.values, "track_pose": track.motion.head_pose,
        "track_times_s": track.times_s, "track_landmarks": track.landmarks, "track_seen": track.seen}
    if track.light is not None:
        arrays["track_light"] = track.light
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def is_track(path):
    """Whether a path is a file that write_track wrote."""
    return str(path).lower().endswith(".npz") and _CARD in npz_names(path)


def read_track(path):
    """The Track of a file that write_track wrote.

    Raises:
        InputError: missing, damaged, of a newer version, or no such file.
    """
    if _CARD not in npz_names(path):
        raise InputError(path, expected="a track, as written by personare track", got="an .npz file of something else",
                         remedy="track the video again, with -o take.npz")
    try:
        card = json.loads(str(read_npz(path, [_CARD])[_CARD][()]))
        if card["layout"] > _LAYOUT:
            raise InputError(path, expected=f"layout {_LAYOUT}", got=card["layout"], remedy="update personare")
        data = read_npz(path, _ARRAYS)
        light = read_npz(path, ["track_light"])["track_light"] if "track_light" in npz_names(path) else None
        w, h = card["size"]
        camera = Camera(np.eye(4), card["focal_px"], tuple(card["center_px"]), (w, h), card["near_m"], card["far_m"])
        face = open_npz(path)
        motion = Motion(data["track_values"], card["fps"], face.space, data["track_pose"])
        return Track(face, motion, camera, data["track_times_s"], data["track_landmarks"], data["track_seen"],
                     card["source"], tuple(card["cuts"]), light, tuple(card["notes"]))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a track, as written by personare track", got=f"a damaged one ({error})",
                         remedy="track the video again") from error


def _face_arrays(face):
    from personare.faces.bundle import card_arrays, pack_linear

    if face.name.partition("/")[0] == "sona":
        return card_arrays(*pack_person(face, face.name))
    card, arrays = pack_linear(face)
    return card_arrays(*pack_surface(face.surface, card | {"name": face.name}, arrays))
