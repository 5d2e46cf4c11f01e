"""Fits of the Basel model by Deep3DFaceRecon and its kin (.mat, .npz): expression, pose, and the rest of the fit.

One file for a clip, with `coeff` (t, 257) or with `id`, `exp`, `tex`, `angle`, `gamma`, `trans`, or a folder with such
a file for every frame; SadTalker's `coeff_3dmm` (t, 70 or 73) is expression, angles and place. R = Rz Ry Rx, lengths
are decimetres, the camera stands at z = 10. Frames are taken to be 25 a second.

Source:
    Y. Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, 2019;
    sicxu/Deep3DFaceRecon_pytorch.
"""

import struct

import numpy as np

from personare.errors import InputError
from personare.export.folders import numbered_files
from personare.export.reading import unreadable
from personare.export.rotations import from_zyx, poses, zyx
from personare.export.timing import numbered_rows
from personare.files.arrays import npz_names, read_npz
from personare.files.matlab import read_mat
from personare.spaces import BFM_64, DEEP3D_257
from personare.store import atomic_path
from personare.types import Motion

FPS, UNIT_M = 25.0, 0.1
# Names in the files -> columns of deep3d-257.
PARTS = {"id": slice(0, 80), "exp": slice(80, 144), "tex": slice(144, 224), "angle": slice(224, 227),
         "gamma": slice(227, 254), "trans": slice(254, 257)}
_NEEDED = ("exp", "angle", "trans")
_MOST_BYTES = 1 << 28


def write(path, take, *, progress=None):
    """Write a .mat file with `coeff` and its six parts, one row for each frame, float32.

    Args:
        path: where to.
        take: Take with a motion in deep3d-257, or in bfm-64: then angles and place come from the head pose, and
            identity, texture and light are 0. Motion at another rate than 25 fps is interpolated.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: a motion in another space.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = take.motion.at_fps(FPS)
    if motion.space not in (DEEP3D_257, BFM_64):
        raise InputError("motion", expected="the space deep3d-257 or bfm-64", got=motion.space.name,
                         remedy="convert the motion first")
    table = motion.values
    if motion.space == BFM_64:
        table = np.zeros((len(motion), len(DEEP3D_257)), np.float32)
        table[:, PARTS["exp"]] = motion.values
        if motion.head_pose is not None:
            table[:, PARTS["angle"]] = zyx(motion.head_pose[:, :3, :3])
            table[:, PARTS["trans"]] = motion.head_pose[:, :3, 3] / UNIT_M
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(b"MATLAB 5.0 MAT-file, written by personare".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49))
        for name, columns in {"coeff": slice(0, 257), **PARTS}.items():
            file.write(_matrix(name, table[:, columns]))
        if progress:
            progress(len(take.motion), len(take.motion))


def _matrix(name, array):
    """One float32 variable of a level 5 MAT-file, not compressed."""
    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)

    single, float_code, int_code, uint_code, char_code, matrix_code = 7, 7, 5, 6, 1, 14
    body = (element(uint_code, struct.pack("<II", single, 0)) + element(int_code, struct.pack("<ii", *array.shape))
            + element(char_code, name.encode()) + element(float_code, array.astype("<f4").tobytes(order="F")))
    return struct.pack("<II", matrix_code, len(body)) + body


def fits(path):
    """Whether there is such a file, or a folder of them."""
    if path.is_dir():
        return next(path.glob("*.mat"), None) is not None
    if path.suffix.lower() == ".npz":
        return set(_NEEDED) <= npz_names(path)
    return path.suffix.lower() == ".mat"


def read(path):
    """Read a file or folder of fits.

    Args:
        path: .mat, .npz, or a folder of .mat files with numbers in their names.

    Returns:
        Motion at 25 fps, or what the file says: in deep3d-257 where identity, texture and light are there, else in
        bfm-64. Its head pose is that of the fit about the model's own origin; the place is counted from its median,
        because a camera is no rest pose.

    Raises:
        InputError: not such a file, or damaged.
    """
    try:
        if path.is_dir():
            files = numbered_files(path, "*.mat")
            tables = [_table(file) for _, file in files]
            if any(len(table) != 1 for table, _ in tables):
                raise ValueError("a file with more than one frame in a folder of frames")
            values = numbered_rows([number for number, _ in files], [table[0] for table, _ in tables])
            fps, full = FPS, all(full for _, full in tables)
        else:
            fps = FPS
            values, full = _table(path)
            if path.suffix.lower() == ".npz" and "fps" in npz_names(path):
                fps = float(read_npz(path, ["fps"], most_bytes=1 << 16)["fps"])
        shifts = values[:, PARTS["trans"]].astype(np.float64)
        shifts -= np.median(shifts, axis=0) if len(shifts) else 0
        pose = poses(from_zyx(values[:, PARTS["angle"]]), shifts * UNIT_M)
        return Motion(values if full else values[:, PARTS["exp"]], fps, DEEP3D_257 if full else BFM_64, pose)
    except (ValueError, TypeError) as error:
        raise unreadable(path, error) from error


def _table(path):
    """((t, 257) float32, whether identity, texture and light are known) of one file."""
    arrays = read_npz(path, _NEEDED, optional=("id", "tex", "gamma"), most_bytes=_MOST_BYTES) \
        if path.suffix.lower() == ".npz" else read_mat(path)
    with np.errstate(over="ignore"):
        arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items() if array.dtype.kind in "fiu"}
    whole = arrays.get("coeff")
    if whole is not None and whole.ndim == 2 and whole.shape[1] == len(DEEP3D_257):
        return whole, True
    short = arrays.get("coeff_3dmm")
    if short is not None and short.ndim == 2 and short.shape[1] in (70, 73):
        # SadTalker: expression, angles, place, and where there are 73 the crop of the picture.
        arrays = {"exp": short[:, :64], "angle": short[:, 64:67], "trans": short[:, 67:70]}
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise unreadable(path, f"no coeff, and no {', '.join(missing)}")
    rows = max(array.shape[0] if array.ndim == 2 else 1 for array in (arrays[name] for name in _NEEDED))
    table = np.zeros((rows, len(DEEP3D_257)), np.float32)
    for name, columns in PARTS.items():
        if name in arrays:
            table[:, columns] = _part(path, name, arrays[name], columns.stop - columns.start, rows)
    return table, all(name in arrays for name in PARTS)


def _part(path, name, array, width, rows):
    """(rows, width) of one part; a single row, such as the identity of a clip, holds for all."""
    array = array.reshape(1, -1) if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] != width or array.shape[0] not in (1, rows):
        raise unreadable(path, f"{name} of shape {array.shape} for {rows} frames")
    return array
