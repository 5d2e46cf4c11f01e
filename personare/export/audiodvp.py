"""AudioDVP's coefficients: a folder with delta/, rotation/ and translation/, one tensor file for each frame.

Files count from 00001.pt, at 25 frames a second. `delta` (64, 1) is the expression, `rotation` (3, 1) the angles of
R = Rz Ry Rx in radians, `translation` (3, 1) a shift before the rotation, V' = R (V - t), in units of 92.16 mm.
AudioDVP fits the mirror image of the face, so its numbers are a space of their own, audiodvp-64, and its head turns the
other way than the person's; both are kept as the files have them.

Source:
    X. Wen et al., Photorealistic Audio-driven Video Portraits, TVCG 2020, code: reconstruction dump and reenactment.
"""

import re

import numpy as np

from personare.errors import InputError
from personare.export.folders import atomic_folder, numbered_files
from personare.export.reading import unreadable
from personare.export.rotations import from_zyx, poses, zyx
from personare.export.timing import numbered_rows
from personare.files.tensors import read_tensor, tensor_bytes
from personare.spaces import AUDIODVP_64, Space, numbered
from personare.types import Motion

FPS = 25.0
# Basel vertices are micrometres; the original divides them by 92156.7.
UNIT_M = 92156.7e-6
_OURS = re.compile(r"(delta|rotation|translation)/\d+\.pt")
_MOST_COLUMNS = 4096


def is_ours(name):
    """Whether such a folder has files of that path."""
    return bool(_OURS.fullmatch(name.as_posix()))


def write(path, take, *, progress=None):
    """Write a folder with the expression and the pose of every frame.

    Args:
        path: of the folder.
        take: Take with a motion in audiodvp-64; one at another rate than 25 fps is interpolated.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: a motion in another space.
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    motion = take.motion.at_fps(FPS)
    if motion.space != AUDIODVP_64:
        raise InputError("motion", expected="the space audiodvp-64", got=motion.space.name,
                         remedy="convert the motion first")
    parts = {"delta": motion.values, **_pose_columns(motion)}
    with atomic_folder(path, is_ours=is_ours) as folder:
        for name in parts:
            (folder / name).mkdir()
        for number in range(len(motion)):
            for name, rows in parts.items():
                (folder / name / f"{number + 1:05d}.pt").write_bytes(tensor_bytes(rows[number][:, None]))
            if progress:
                progress((number + 1) * len(take.motion) // len(motion), len(take.motion))


def _pose_columns(motion):
    """rotation and translation (t, 3) of a motion's head pose; nothing for a head at rest."""
    if motion.head_pose is None:
        return {}
    turn, shift = motion.head_pose[:, :3, :3].astype(np.float64), motion.head_pose[:, :3, 3]
    # V' = R V + shift = R (V - t) gives t = -R^T shift.
    return {"rotation": zyx(turn), "translation": -np.einsum("tji,tj->ti", turn, shift) / UNIT_M}


def fits(path):
    """Whether there is such a folder, or one of its parts."""
    return path.is_dir() and any(next(path.glob(pattern), None) for pattern in ("delta/*.pt", "*.pt"))


def read(path):
    """Read a folder; frames that are missing in between are interpolated.

    Args:
        path: of the folder, or of its part delta/ (or reenact_delta/) alone.

    Returns:
        Motion at 25 fps in audiodvp-64, with head pose where the folder has rotation/ and translation/.

    Raises:
        InputError: no such files, or damaged ones.
    """
    folder = path / "delta" if (path / "delta").is_dir() else path
    beside = path if (path / "delta").is_dir() else path.parent
    try:
        first, values = _rows(folder)
        pose = None
        if folder.name == "delta" and all((beside / name).is_dir() for name in ("rotation", "translation")):
            (turned, angles), (moved, shifts) = (_rows(beside / name) for name in ("rotation", "translation"))
            if {turned, moved, first} != {first} or not angles.shape == shifts.shape == (len(values), 3):
                raise ValueError("rotation and translation of other frames than delta")
            turn = from_zyx(angles)
            pose = poses(turn, -np.einsum("tij,tj->ti", turn, shifts.astype(np.float64)) * UNIT_M)
        count = values.shape[1]
        if count > _MOST_COLUMNS:
            raise ValueError(f"tensors of {count} numbers")
        space = AUDIODVP_64 if count == len(AUDIODVP_64) else Space(f"tensors-{count}", numbered("delta", count))
        return Motion(values, FPS, space, pose)
    except ValueError as error:
        raise unreadable(path, error) from error


def _rows(folder):
    """(number of the first frame, (t, k) float32) of a folder of tensors."""
    files = numbered_files(folder, "*.pt")
    with np.errstate(over="ignore"):
        rows = [read_tensor(path).astype(np.float32).ravel() for _, path in files]
    return files[0][0] if files else 0, numbered_rows([number for number, _ in files], rows)
