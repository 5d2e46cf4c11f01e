"""NumPy's own files, read with nothing executed, with sizes checked before memory is taken, and only what is asked."""

import math
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from personare.errors import InputError

_LAST_LETTER = 0x10FFFF   # of Unicode; Python's own text breaks on what lies above
MOST_BYTES = 2**30        # of one file's arrays together
_LOCAL_HEADER = struct.Struct("<4s22xHH")


def read_npz(path, names=None, *, optional=(), most_bytes=MOST_BYTES):
    """Some or all arrays of an .npz file.

    Args:
        path: the file.
        names: wanted arrays; default all.
        optional: more wanted ones, left out of the result where the file lacks them.
        most_bytes: what all wanted arrays together may take.

    Returns:
        dict of name -> array.

    Raises:
        InputError: missing, damaged, too large, holding Python objects, or without a wanted name.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw, zipfile.ZipFile(raw) as file:
            inside = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
            wanted = list(inside) if names is None else [*names, *(name for name in optional if name in inside)]
            missing = [name for name in wanted if name not in inside]
            if missing:
                raise InputError(path, expected=f"an array named {missing[0]}", got=", ".join(inside)[:200] or "none",
                                 remedy="check that it is the right file")
            total = sum(inside[name].file_size for name in wanted)
            if total > most_bytes:
                raise InputError(path, expected=f"at most {most_bytes >> 20} MB of arrays", got=f"{total >> 20} MB",
                                 remedy="check that it is a face")
            return {name: _member(raw, file, inside[name]) for name in wanted}
    except OSError as error:
        raise InputError(path, expected="an .npz file", got=error.strerror or str(error),
                         remedy="check the path") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError, KeyError,
            struct.error, SyntaxError, UnicodeError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="an .npz file of plain arrays", got=_told(error),
                         remedy="write or download it again") from error


def npz_names(path):
    """Names of the arrays in an .npz file, as a frozenset; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as file:
            return frozenset(name.removesuffix(".npy") for name in file.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return frozenset()


def _told(error):
    return " ".join(f"damaged data ({error})".split())[:200]


def _member(raw, file, info):
    """One array; stored ones are read in one go, past zipfile's checksum, which would take most of the time."""
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        raw.seek(info.header_offset)
        signature, name_length, extra_length = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
        if signature != b"PK\x03\x04":
            raise ValueError("no file where one should begin")
        raw.seek(name_length + extra_length, 1)
        return read_array(raw, info.file_size)
    with file.open(info) as stream:
        return read_array(stream, info.file_size)


def read_array(stream, size):
    """One array in .npy form from an open binary file, where exactly size bytes belong to it.

    Raises:
        ValueError: the header is damaged, promises another size, or names Python objects.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the array format")
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > 2**16:
        raise ValueError("a header longer than any array needs")
    shape, fortran, dtype = _header(stream.read(length))
    data_size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or data_size != size - 8 - width - length:
        raise ValueError("Python objects" if dtype.hasobject else f"{size} bytes for shape {shape} {dtype}")
    if hasattr(stream, "fileno") and not isinstance(stream, zipfile.ZipExtFile):
        numbers = np.fromfile(stream, dtype, math.prod(shape)) if dtype.itemsize else np.zeros(math.prod(shape), dtype)
    else:
        numbers = np.frombuffer(bytearray(stream.read(data_size)), dtype) if data_size else np.zeros(shape, dtype)
    if numbers.size != math.prod(shape):
        raise ValueError("an array that ends too early")
    if dtype.kind == "U" and data_size:
        letters = numbers.view(np.dtype("u4").newbyteorder(dtype.byteorder))
        if letters.max() > _LAST_LETTER:
            raise ValueError("text that is no text")
    return numbers.reshape(shape, order="F" if fortran else "C")


def _header(text):
    """(shape, fortran, dtype) of an .npy header: a dict literal of three keys."""
    import ast

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of odd literals in a damaged file
        fields = ast.literal_eval(text.decode("latin1"))
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise ValueError("a header without shape and type")
    shape = fields["shape"]
    if not (isinstance(shape, tuple) and len(shape) < 32 and all(type(n) is int and n >= 0 for n in shape)):
        raise ValueError(f"an array of shape {shape}"[:80])
    if not isinstance(fields["descr"], str):
        raise ValueError("an array of records")
    return shape, bool(fields["fortran_order"]), np.dtype(fields["descr"])


def read_npy(path, *, most_bytes=MOST_BYTES, objects=False):
    """The array of an .npy file.

    Args:
        path: the file.
        most_bytes: larger files are refused.
        objects: whether Python objects may be in it; they are then read as data, see personare.files.pickles.

    Returns:
        The array; for an object array what it holds, plain values and arrays.

    Raises:
        InputError: missing, damaged, too large, or holding Python objects that are no data.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(256)
            file.seek(0)
            if size > most_bytes:
                raise ValueError(f"{size >> 20} MB where {most_bytes >> 20} are the limit")
            if objects and b"|O" in start:
                return _read_objects(file, path)
            return read_array(file, size)
    except OSError as error:
        raise InputError(path, expected="an .npy file", got=error.strerror or str(error),
                         remedy="check the path") from error
    except (ValueError, SyntaxError, UnicodeError, TypeError, OverflowError, MemoryError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="an .npy file of a plain array", got=_told(error),
                         remedy="write or download it again") from error


def _read_objects(file, path):
    from personare.files.pickles import parse_pickle

    width = 2 if np.lib.format.read_magic(file) == (1, 0) else 4
    file.seek(int.from_bytes(file.read(width), "little"), 1)
    return parse_pickle(file.read(), path)
