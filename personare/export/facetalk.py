"""FaceTalk's data: a folder with one .npz of an expression code for every frame, at 24 frames a second.

The codes are those of NPHM (200) or MonoNPHM (100). Layout: nphm_tracking/nphm_expressions/frame_00000.npz on, and the
sound as audio/cleaned_audio.wav. The name of the array inside was never published; ours is `expression`, and any sole
array of one code is read.

Source:
    FaceTalk (CVPR 2024), README: data layout; NPHM, codes of 200 numbers.
"""

import re

import numpy as np

from personare.errors import InputError
from personare.export.folders import atomic_folder, numbered_files
from personare.export.reading import unreadable
from personare.export.timing import numbered_rows
from personare.export.wav import write_wav
from personare.files.arrays import read_npz
from personare.spaces import MONONPHM_100, NPHM_200
from personare.types import Motion

FPS, RATE_HZ = 24.0, 16000
_KEYS = ("expression", "exp", "lat_expr", "z_ex")
_FRAMES, _SOUND = "nphm_tracking/nphm_expressions", "audio/cleaned_audio.wav"
_OURS = re.compile(rf"{_FRAMES}/frame_\d+\.npz|{_SOUND}")
_MOST_BYTES = 1 << 20


def is_ours(name):
    """Whether such a folder has files of that path."""
    return bool(_OURS.fullmatch(name.as_posix()))


def write(path, take, *, progress=None):
    """Write a folder with a file for every frame and, where the take has it, the sound at 16 kHz.

    Args:
        path: of the folder.
        take: Take with a motion in nphm-200 or mononphm-100; one at another rate than 24 fps is interpolated.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: a motion in another space.
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    motion = take.motion.at_fps(FPS)
    if motion.space not in (NPHM_200, MONONPHM_100):
        raise InputError("motion", expected="the space nphm-200 or mononphm-100", got=motion.space.name,
                         remedy="convert the motion first")
    with atomic_folder(path, is_ours=is_ours) as folder:
        (folder / _FRAMES).mkdir(parents=True)
        for number, code in enumerate(motion.values):
            np.savez(folder / _FRAMES / f"frame_{number:05d}.npz", expression=code)
            if progress:
                progress((number + 1) * len(take.motion) // len(motion), len(take.motion))
        if take.audio is not None:
            (folder / "audio").mkdir()
            write_wav(folder / _SOUND, take.audio, rate_hz=RATE_HZ)


def fits(path):
    """Whether a folder holds such files."""
    return path.is_dir() and any(next(path.glob(pattern), None) for pattern in (
        "frame_*.npz", "nphm_expressions/frame_*.npz", f"{_FRAMES}/frame_*.npz"))


def read(path):
    """Read the codes of a folder; frames that are missing in between are interpolated.

    Args:
        path: of the folder, or of one in it that holds frame_*.npz.

    Returns:
        Motion at 24 fps, in nphm-200 or mononphm-100.

    Raises:
        InputError: no such files, or damaged ones.
    """
    files = next((found for inside in (".", "nphm_expressions", _FRAMES)
                  if (found := numbered_files(path / inside, "frame_*.npz"))), [])
    spaces = {len(space): space for space in (NPHM_200, MONONPHM_100)}
    try:
        rows = [_code(file) for _, file in files]
        values = numbered_rows([number for number, _ in files], rows)
        if values.shape[1] not in spaces:
            raise ValueError(f"codes of {values.shape[1]} instead of {' or '.join(map(str, spaces))} numbers")
        return Motion(values, FPS, spaces[values.shape[1]])
    except ValueError as error:
        raise unreadable(path, error) from error


def _code(path):
    """The code in one file."""
    arrays = read_npz(path, most_bytes=_MOST_BYTES)
    name = next((name for name in _KEYS if name in arrays), next(iter(arrays)) if len(arrays) == 1 else None)
    if name is None or arrays[name].dtype.kind != "f" or arrays[name].ndim == 0:
        raise unreadable(path, f"no array {' or '.join(_KEYS)} of numbers")
    with np.errstate(over="ignore"):
        return arrays[name].astype(np.float32).ravel()
