"""What every reader does first: look at the size of a file before anything of it is taken into memory."""

from pathlib import Path

import numpy as np

from personare.errors import InputError

# One hour of 60 fps curves is 59 MB as arrays and about 170 MB as text; three hours of either fit.
LARGEST_BYTES = 512 << 20
# JSON becomes lists of Python's own numbers, 32 bytes each. An hour at 60 fps is 94 MB, 13 million numbers and
# at most 650 thousand lists; more than twice as much is refused before it is decoded.
LARGEST_JSON_BYTES, _MOST_NUMBERS, _MOST_LISTS = 256 << 20, 32_000_000, 2_000_000


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


def mentions(path, word):
    """Whether a file contains some bytes; False where it cannot be read, which its reader then explains."""
    try:
        with open(path, "rb") as file:
            content, tail = b" ", b""
            while content:
                content = file.read(1 << 20)
                if word in tail + content:
                    return True
                tail = content[-len(word):]
    except OSError:
        pass
    return False


def decoded_json(path, kind):
    """A file of JSON as an object of a msgspec type.

    Raises:
        InputError: no file, too large, no JSON, or not of that type.
    """
    import msgspec

    try:
        content = checked_size(path, limit=LARGEST_JSON_BYTES).read_bytes()
        if content.count(b",") > _MOST_NUMBERS or content.count(b"[") > _MOST_LISTS:
            raise InputError(path, expected=f"at most {_MOST_NUMBERS:,} numbers in {_MOST_LISTS:,} lists",
                             got="more", remedy="split a long take")
        return msgspec.json.decode(content, type=kind)
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


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
