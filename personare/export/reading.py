"""What every reader does first: look at the size of a file before anything of it is taken into memory."""

from itertools import islice
from pathlib import Path

import numpy as np

from personare.errors import InputError

# One hour of 60 fps curves is 59 MB as arrays and about 170 MB as text; three hours of either fit.
LARGEST_BYTES = 512 << 20
# An hour of JSON at 60 fps is 94 MB and 216,000 frames; more than twice as much is refused before it is decoded.
LARGEST_JSON_BYTES, _MOST_FRAMES = 256 << 20, 2_000_000
# Frames are decoded one by one, so that Python's own lists and numbers, 32 bytes each, never stand for a whole file.
# One frame, or the list of names, is 20 kB where it is large.
_LARGEST_PART_BYTES = 1 << 20
# Some libraries quote the bytes that they do not understand.
_LONGEST_REASON = 300


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
    """A file of JSON as an object of a msgspec type; its large parts should be of type list[msgspec.Raw].

    Raises:
        InputError: no file, too large, no JSON, or not of that type.
    """
    import msgspec

    try:
        content = checked_size(path, limit=LARGEST_JSON_BYTES).read_bytes()
        if content.count(b"[") + content.count(b"{") > 64 * _MOST_FRAMES:
            raise unreadable(path, "more lists than any take has")
        return msgspec.json.decode(content, type=kind)
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def decoded_parts(path, parts, kind):
    """Iterator of the msgspec.Raw parts of a document, each decoded when it is asked for.

    Args:
        path: for messages.
        parts: list of msgspec.Raw.
        kind: msgspec type of each.

    Raises:
        InputError: too many, one too large, or one not of that type.
    """
    import msgspec

    if len(parts) > _MOST_FRAMES:
        raise unreadable(path, f"{len(parts):,} frames")
    decoder = msgspec.json.Decoder(kind)
    for part in parts:
        if memoryview(part).nbytes > _LARGEST_PART_BYTES:
            raise unreadable(path, f"{memoryview(part).nbytes >> 20} MB in one frame")
        try:
            yield decoder.decode(part)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise unreadable(path, error) from error


def stacked(rows, width):
    """(t, width) float32 of an iterator of t lists of numbers; too large ones become infinite.

    Raises:
        ValueError: a list has another length.
    """
    pieces = [np.zeros((0, width), np.float32)]
    while block := list(islice(rows, 1024)):
        with np.errstate(over="ignore"):
            pieces.append(np.array(block, np.float64).reshape(len(block), width).astype(np.float32))
    return np.concatenate(pieces)


def unreadable(path, reason):
    """An InputError that says why a file cannot be read as what it should be; a reason that says so already is kept."""
    if isinstance(reason, InputError) and reason.argument.startswith(str(path)):  # this file, or one in this folder
        return InputError(reason.argument, expected=reason.expected, got=reason.got, remedy=reason.remedy)
    got = " ".join(str(reason).split())[:_LONGEST_REASON].rstrip(".")
    return InputError(path, expected="a complete file of this format", got=got, remedy="export it again")
