"""NumPy archives (.npz): curves and head pose without loss, read by `numpy.load` and by `read`."""

import zipfile
import zlib

import numpy as np

from personare.errors import InputError
from personare.export.reading import LARGEST_BYTES, checked_size, unreadable
from personare.spaces import SPACES, Space
from personare.store import atomic_path
from personare.types import Motion

FORMAT, VERSION = "personare-motion", 1
_PARTS = {"format": "U", "version": "iu", "values": "f", "fps": "f", "space": "U", "names": "U"}


def write(path, take, *, progress=None):
    """Write the motion of a take; the same arrays come back bit for bit.

    Args:
        path: where to; the suffix stays as it is.
        take: Take.
        progress: called with (frames done, frames in total).

    Raises:
        OutputError: the file could not be written; what was there before is unchanged.
    """
    motion = take.motion
    arrays = arrays_of(motion)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
        if progress:
            progress(len(motion), len(motion))


def arrays_of(motion):
    """name -> array of a Motion, as in the archive."""
    arrays = {"format": FORMAT, "version": VERSION, "values": motion.values, "fps": float(motion.fps),
              "space": motion.space.name, "names": np.array(motion.space.columns, dtype=np.str_)}
    return arrays if motion.head_pose is None else arrays | {"head_pose": motion.head_pose}


def fits(path):
    """Whether a file is an archive that `write` wrote; its size and the rest are checked by `read`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in _PARTS} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read(path):
    """Read the motion of an archive that `write` wrote.

    Args:
        path: of the .npz file.

    Returns:
        Motion, as it was written.

    Raises:
        InputError: not such an archive, damaged, of a newer version, or larger inside than a take can be.
    """
    path = checked_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            parts = _parts(path, archive)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise unreadable(path, error) from error
    if str(parts["format"]) != FORMAT or int(parts["version"]) != VERSION:
        raise unreadable(path, f"{parts['format']} version {parts['version']}")
    space = SPACES.get(str(parts["space"]))
    names = tuple(str(name) for name in parts["names"].ravel())
    if space is None or space.columns != names:
        space = Space(str(parts["space"]), names)
    try:
        return Motion(parts["values"], float(parts["fps"]), space, parts.get("head_pose"))
    except InputError as error:
        raise unreadable(path, error) from error


def _parts(path, archive):
    """name -> array of every part of the layout, sizes checked before anything is unpacked."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    missing = [name for name in _PARTS if f"{name}.npy" not in sizes]
    if missing:
        raise unreadable(path, f"an archive without {', '.join(missing)}")
    kinds = _PARTS | ({"head_pose": "f"} if "head_pose.npy" in sizes else {})
    total = sum(sizes[f"{name}.npy"] for name in kinds)
    if total > LARGEST_BYTES:
        raise unreadable(path, f"{total >> 20} MB of arrays")
    parts = {name: _array(path, archive, f"{name}.npy", kind) for name, kind in kinds.items()}
    for name in ("format", "version", "fps", "space"):
        if parts[name].shape != ():
            raise unreadable(path, f"a {name} of shape {parts[name].shape}")
    return parts


def _array(path, archive, name, kinds):
    """One array; what its header promises must be what its size holds."""
    content = archive.read(name)
    with archive.open(name) as file:
        try:
            version = np.lib.format.read_magic(file)
            header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = header[version](file)
        except (ValueError, KeyError) as error:
            raise unreadable(path, f"no array in {name}") from error
        start = file.tell()
    count = int(np.prod([int(n) for n in shape], dtype=object)) if shape else 1
    if dtype.kind not in kinds or dtype.hasobject or count * dtype.itemsize != len(content) - start:
        raise unreadable(path, f"a {name} that is not the array it should be")
    array = np.frombuffer(content, dtype, count, start)
    return array.reshape(shape, order="F" if fortran else "C")
