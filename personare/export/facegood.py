"""FACEGOOD Audio2Face's pairs: a folder with BS_name.npy, BS_value.npy and the sound they belong to.

BS_value.npy holds (t, 116) float64 at 30 frames a second, BS_name.npy the names of its columns, as its script exports
them from Maya; its training takes sound at 16 kHz. FACEGOOD published several lists of names: its values follow the one
called 1015 or 1119_316, which is the space facegood-116. The list called 1119 is the order of its Unreal packets; a
value file that lies beside that list alone is still read in the right order.

Source:
    FACEGOOD/FACEGOOD-Audio2Face: ExportBsWeights.py, shirley_1015_bs_name.npy, doc/bsname.txt.
"""

from pathlib import PurePath

import numpy as np

from personare.errors import InputError
from personare.export.folders import atomic_folder
from personare.export.reading import LARGEST_BYTES, unreadable
from personare.export.wav import write_wav
from personare.files.arrays import read_npy
from personare.spaces import FACEGOOD_116, FACEGOOD_116_UE, SPACES, Space
from personare.types import Motion

FPS, RATE_HZ = 30.0, 16000
NAMES, VALUES, SOUND = "BS_name.npy", "BS_value.npy", "sound.wav"
_MOST_COLUMNS = 4096


def is_ours(name):
    """Whether such a folder has files of that path."""
    return name in (PurePath(NAMES), PurePath(VALUES), PurePath(SOUND))


def write(path, take, *, progress=None):
    """Write a folder with both arrays and, where the take has it, the sound at 16 kHz.

    Args:
        path: of the folder.
        take: Take with a motion in any space; one in facegood-116 or facegood-116-ue is written in the order of
            facegood-116. Motion at another rate than 30 fps is interpolated.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the folder could not be written, or holds other things; what was there before is unchanged.
    """
    motion = take.motion.at_fps(FPS)
    columns = motion.space.columns
    if set(columns) == set(FACEGOOD_116.columns):
        columns = FACEGOOD_116.columns
    with atomic_folder(path, is_ours=is_ours) as folder:
        np.save(folder / NAMES, np.array(columns, dtype=np.str_))
        np.save(folder / VALUES, motion.columns(columns).astype(np.float64))
        if take.audio is not None:
            write_wav(folder / SOUND, take.audio, rate_hz=RATE_HZ)
        if progress:
            progress(len(take.motion), len(take.motion))


def fits(path):
    """Whether there is such a folder, or an array with FACEGOOD's number of columns."""
    if path.is_dir():
        return (path / VALUES).is_file()
    return path.suffix.lower() == ".npy"


def read(path):
    """Read a folder, or an array of values alone.

    Args:
        path: of the folder, of BS_value.npy, or of another (t, 116) .npy file of FACEGOOD's.

    Returns:
        Motion at 30 fps; in the known space that has these names, facegood-116 where there are none, else in a space
        of its own.

    Raises:
        InputError: not such files, or damaged.
    """
    values_path = path / VALUES if path.is_dir() else path
    values = read_npy(values_path, most_bytes=LARGEST_BYTES)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or values.shape[1] > _MOST_COLUMNS:
        raise unreadable(values_path, f"an array of shape {values.shape} and type {values.dtype}")
    names = _names(values_path, values.shape[1])
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    try:
        if names is None:
            return Motion(values, FPS, FACEGOOD_116)
        known = next((space for space in SPACES.values() if set(space.columns) == set(names)), None)
        if known is not None:
            return Motion(values[:, [names.index(name) for name in known.columns]], FPS, known)
        return Motion(values, FPS, Space(f"facegood-{len(names)}", names))
    except InputError as error:
        raise unreadable(values_path, error) from error


def _names(values_path, count):
    """Names of the columns, or None for those of FACEGOOD's own data."""
    beside = values_path.with_name(NAMES)
    if values_path.name != VALUES or not beside.is_file():
        if count != len(FACEGOOD_116):
            raise InputError(values_path, expected=f"{len(FACEGOOD_116)} columns, or {NAMES} beside it",
                             got=f"{count} columns", remedy=f"name its columns in {NAMES}")
        return None
    names = read_npy(beside, most_bytes=1 << 20)
    if names.dtype.kind not in "US" or names.shape != (count,):
        raise unreadable(beside, f"an array of shape {names.shape} and type {names.dtype} for {count} columns")
    names = tuple(str(name) for name in names.astype(np.str_))
    # Nothing of FACEGOOD's was ever saved in Unreal's order, so that list beside values is the wrong one.
    return None if names == FACEGOOD_116_UE.columns else names
