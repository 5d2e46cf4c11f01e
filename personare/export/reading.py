"""What every reader does first: look at the size of a file before anything of it is taken into memory."""

from pathlib import Path

import numpy as np

from personare.errors import InputError

# One hour of 60 fps curves is 59 MB as arrays and about 170 MB as text; three hours of either fit.
LARGEST_BYTES = 512 << 20
# Numbers of JSON take up to sixteen times their text while they are decoded; an hour at 30 fps is 47 MB.
LARGEST_JSON_BYTES = 128 << 20


def checked_size(path, *, limit=LARGEST_BYTES):
    """The path, once it is known to be a file of a size that can be read.

    Args:
        path: of a file.
        limit: most bytes.

    Raises:
        InputError: missing, not a file, empty, or too large.
    """
    path = Path(path)
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise unreadable(path, error.strerror) from error
    if size is None:
        raise InputError(path, expected="a file", got="a folder" if path.is_dir() else "nothing there",
                         remedy="check the path")
    if not 0 < size <= limit:
        raise InputError(path, expected=f"1 byte to {limit >> 20} MB", got="no bytes" if not size else
                         f"{size >> 20} MB", remedy="use a complete file, or split a long take")
    return path


def weight_table(rows, width):
    """(t, width) float32 of t lists of numbers; too large ones become infinite.

    Raises:
        ValueError: a list has another length.
    """
    table = np.array(rows, np.float64).reshape(len(rows), width)
    with np.errstate(over="ignore"):
        return table.astype(np.float32)


def unreadable(path, reason):
    """An InputError that says why a file cannot be read as what it should be."""
    return InputError(path, expected="a complete file of this format", got=str(reason).rstrip("."),
                      remedy="export it again")
