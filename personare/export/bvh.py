"""Biovision hierarchy (.bvh): head and eyes as joints, for any program that takes motion capture.

Lengths are centimetres and angles degrees, as motion capture has them; +y up, +z out of the face. The root `Head`
stands at the face's pivot and follows the head pose; `LeftEye` and `RightEye` turn against it as eyeLook* says. All
rotations are in the order z, x, y: R = Rz Rx Ry. Everything else that a face does has no place here.

Source:
    M. Meredith, S. Maddock, Motion Capture File Formats Explained, University of Sheffield CS-01-11, section 3.3.
"""

import numpy as np

from personare.export.eyes import eye_angles, looks_of
from personare.store import atomic_path

CM = 100.0
ROTATION = "Zrotation Xrotation Yrotation"
# Eyeballs against the pivot of the head, where the face does not name them: half of 63 mm between the pupils (N. A.
# Dodgson, Variation and extrema of human interpupillary distance, 2004); height and depth of an adult skull.
EYE_M = (0.0315, 0.035, 0.075)
_ROWS = 1024


def write(path, take, *, progress=None):
    """Write the pose of the head and the directions of the eyes.

    Args:
        path: where to.
        take: Take; a face gives the places of the joints.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion, places = take.motion, _places(take.face)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as file:
        file.write(_hierarchy(places))
        file.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {1 / motion.fps:.9g}\n")
        for start in range(0, len(motion), _ROWS):
            rows = _channels(motion.frames(start, start + _ROWS), places["Head"])
            layout = " ".join(["%.6f"] * rows.shape[1]) + "\n"
            # Adding zero turns -0.0, which would print a sign, into 0.0.
            file.write(layout * len(rows) % tuple((np.round(rows, 6) + 0.0).ravel().tolist()))
            if progress:
                progress(start + len(rows), len(motion))


def _places(face):
    """name -> (3,) metres of Head, LeftEye and RightEye."""
    pivot = np.zeros(3) if face is None else np.asarray(face.head_pivot, np.float64)
    named = {joint.name: joint.pivot for joint in getattr(face, "joints", ())}
    eyes = {f"{side}Eye": named.get(f"eye{side}", pivot + np.array([sign * EYE_M[0], *EYE_M[1:]]))
            for side, sign in (("Left", 1), ("Right", -1))}
    return {"Head": pivot, **{name: np.asarray(place, np.float64) for name, place in eyes.items()}}


def _hierarchy(places):
    """Text of the joints with their offsets in centimetres."""
    def offset(place):
        return "OFFSET " + " ".join(f"{x * CM + 0.0:.6f}" for x in place)

    eyes = "".join(f"""  JOINT {name}
  {{
    {offset(places[name] - places["Head"])}
    CHANNELS 3 {ROTATION}
    End Site
    {{
      OFFSET 0.000000 0.000000 1.200000
    }}
  }}
""" for name in ("LeftEye", "RightEye"))
    return f"""HIERARCHY
ROOT Head
{{
  {offset(np.zeros(3))}
  CHANNELS 6 Xposition Yposition Zposition {ROTATION}
{eyes}}}
"""


def _channels(motion, pivot):
    """(t, 12) float64: place in cm and angles of the head, then angles of the eyes, degrees."""
    pose = motion.head_pose if motion.head_pose is not None else np.tile(np.eye(4), (len(motion), 1, 1))
    angles = eye_angles(looks_of(motion))
    # Programs differ in whether they add the root's offset to its channels, so it is zero and they hold it all.
    columns = [(pivot + pose[:, :3, 3]) * CM, np.degrees(_zxy(pose[:, :3, :3].astype(np.float64)))]
    for first in (0, 3):
        yaw, pitch = angles[:, first], angles[:, first + 1]
        # Live Link counts yaw to the subject's right; the gaze turns down with a positive turn about x.
        columns.append(np.degrees(_zxy(_turn_y(-yaw) @ _turn_x(pitch))))
    return np.hstack(columns)


def _zxy(matrices):
    """(t, 3) angles z, x, y in radians of (t, 3, 3) rotations R = Rz Rx Ry."""
    m = matrices
    return np.stack([np.arctan2(-m[:, 0, 1], m[:, 1, 1]), np.arcsin(np.clip(m[:, 2, 1], -1, 1)),
                     np.arctan2(-m[:, 2, 0], m[:, 2, 2])], axis=1)


def _turn_x(angle):
    one, zero, c, s = np.ones_like(angle), np.zeros_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([one, zero, zero, zero, c, -s, zero, s, c], axis=1).reshape(-1, 3, 3)


def _turn_y(angle):
    one, zero, c, s = np.ones_like(angle), np.zeros_like(angle), np.cos(angle), np.sin(angle)
    return np.stack([c, zero, s, zero, one, zero, -s, zero, c], axis=1).reshape(-1, 3, 3)
