"""Formats that are folders of files, written as safely as the others: complete, or not at all."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from personare.errors import OutputError


@contextmanager
def atomic_folder(path, *, is_ours):
    """Yield a temporary folder beside `path` that takes its place on success and vanishes on any failure.

    Args:
        path: the final folder, in one that exists. A folder that is there already is replaced if every file in it
            could have been written by the same format, so that nothing else is ever lost.
        is_ours: function of a file's path inside, a PurePath, that says whether this format writes such files.

    Raises:
        OutputError: a file or a folder of other things is in the way, or the disk is full.
    """
    path = Path(path)
    _check_place(path, is_ours)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose another folder") from error
    try:
        yield temporary
        # mkdtemp lets nobody else in; a folder made the common way has the rights that this file system gives.
        os.chmod(temporary, 0o777 & ~_umask())
        _put(temporary, path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or error
        raise OutputError(f"{path}: writing failed ({reason}); free space or choose another") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_place(path, is_ours):
    if path.is_dir():
        strange = next((inside for inside in path.rglob("*") if not inside.is_dir()
                        and not is_ours(inside.relative_to(path))), None)
        if strange is not None:
            raise OutputError(f"{path}: a folder with other files in it, such as {strange.name}; choose another name")
    elif path.exists():
        raise OutputError(f"{path}: expected a folder to write, got a file; choose another name")


def _put(temporary, path):
    """Rename into place; what was there before comes back if that fails."""
    old = temporary.with_name(temporary.name + ".old")
    if path.is_dir():
        os.rename(path, old)
    try:
        os.rename(temporary, path)
    except OSError:
        if old.is_dir():
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def numbered_files(folder, pattern, *, most=1_000_000):
    """Files of a folder that are named after a frame, in the order of their numbers.

    Args:
        folder: where they lie.
        pattern: glob such as "frame_*.npz"; the last number in a name is that of the frame.
        most: files at which the folder is given up.

    Returns:
        List of (number, Path).
    """
    found = []
    for path in Path(folder).glob(pattern):
        digits = "".join(c if c.isdecimal() and c.isascii() else " " for c in path.stem).split()
        if digits and len(digits[-1]) < 12 and len(found) < most:
            found.append((int(digits[-1]), path))
    return sorted(found)
