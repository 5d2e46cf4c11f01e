"""Numbers out of MATLAB files (version 5 to 7, as scipy.io.savemat and old MATLAB write them), with bounded memory.

Written after "MAT-File Format" (The MathWorks, 1999-2019), level 5. Only numeric and text arrays are read; cells,
structs and objects are passed over. Files of version 7.3 are HDF5 and refused by name.
"""

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from personare.errors import InputError

MOST_BYTES = 2**30        # of one variable; shapePC of the Basel Face Model has 128 MB
_HEADER = 128             # 116 bytes of text, 8 of offset, 2 of version, 2 that tell the byte order
_MATRIX, _COMPRESSED = 14, 15
# Codes of what is stored (16 is UTF-8, 17 UTF-16), and of what MATLAB makes of it (4 is text).
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
          16: "u1", 17: "u2"}
_CLASSES = {4: "u2", 6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x08
_PIECE = 2**20


class _Damaged(Exception):
    """What is wrong with the bytes."""


def read_mat(path, names=None):
    """Variables of a .mat file.

    Args:
        path: the file.
        names: the wanted variables; default all numeric ones. Others are skipped without being unpacked.

    Returns:
        dict of name -> array in MATLAB's shape, at least two axes.

    Raises:
        InputError: missing, damaged, of another version, too large, or without a wanted name.
    """
    path, found = Path(path), {}
    try:
        with open(path, "rb") as file:
            order = _byte_order(file.read(_HEADER), path)
            for name, array in _variables(file, order, path.stat().st_size, names):
                found[name] = array
    except OSError as error:
        raise InputError(path, expected="a MATLAB file", got=error.strerror or str(error),
                         remedy="check the path") from error
    except (_Damaged, zlib.error, struct.error, ValueError, KeyError, IndexError) as error:
        told = " ".join(f"damaged data ({error})".split())[:200]
        raise InputError(path, expected="a MATLAB file of version 5 to 7", got=told,
                         remedy="download it again") from error
    missing = [name for name in names or () if name not in found]
    if missing:
        raise InputError(path, expected=f"the variable {missing[0]}", got=", ".join(found) or "none",
                         remedy="check that it is the right file")
    return found


def _byte_order(header, path):
    """'<' or '>' of a file's header."""
    mark = header[126:128]
    if mark in (b"IM", b"MI") and len(header) == _HEADER:
        order = "<" if mark == b"IM" else ">"
        if struct.unpack(order + "H", header[124:126])[0] == 0x0100:
            return order
    got = "an HDF5 file (version 7.3)" if b"HDF5" in header or b"MATLAB 7.3" in header else "something else"
    raise InputError(path, expected="a MATLAB file of version 5 to 7", got=got,
                     remedy="save it with -v7, or download the original")


def _variables(file, order, size, names):
    """(name, array) of every wanted numeric variable."""
    while len(tag := file.read(8)) == 8:
        kind, length = struct.unpack(order + "II", tag)
        if length > size - file.tell():
            raise _Damaged("an element longer than the file")
        after = file.tell() + length
        if kind == _COMPRESSED:
            source = _Inflated(file, length)
            inner, length = struct.unpack(order + "II", source.take(8))
            if inner != _MATRIX:
                raise _Damaged("a compressed element that is no array")
        elif kind == _MATRIX:
            source = _Stored(file, length)
        else:
            raise _Damaged(f"an element of type {kind}")
        variable = _variable(source, order, names)
        if variable is not None:
            yield variable
        file.seek(after)


class _Stored:
    """Bytes of a file, taken in order."""

    def __init__(self, file, length):
        self._file, self._left = file, length

    def take(self, count):
        if count > self._left:
            raise _Damaged("an array longer than its element")
        self._left -= count
        return self._file.read(count)


class _Inflated:
    """Bytes of a deflated stretch of a file, unpacked only as far as they are asked for."""

    def __init__(self, file, length):
        self._file, self._left, self._inflate, self._ready = file, length, zlib.decompressobj(), b""

    def take(self, count):
        parts, missing = [], count
        while missing:
            if not self._ready:
                self._ready = self._more(missing)
            parts.append(self._ready[:missing])
            missing -= len(parts[-1])
            self._ready = self._ready[len(parts[-1]):]
        return b"".join(parts)

    def _more(self, count):
        packed = self._inflate.unconsumed_tail
        if not packed:
            packed = self._file.read(min(_PIECE, self._left))
            self._left -= len(packed)
        ready = self._inflate.decompress(packed, min(count, _PIECE))
        if not ready and not (packed and not self._inflate.eof):
            raise _Damaged("an array that ends too early")
        return ready


def _variable(source, order, names):
    """(name, array), or None for one that is not wanted or not numeric."""
    flags = _element(source, order, most=8)[1]
    kind, is_complex = flags[0] if order == "<" else flags[3], (flags[1] if order == "<" else flags[2]) & _COMPLEX
    shape = tuple(int(n) for n in np.frombuffer(_element(source, order, most=256)[1], order + "i4"))
    name = _element(source, order, most=256)[1].decode("ascii", "replace")
    if kind not in _CLASSES or is_complex or (names is not None and name not in names):
        return None
    dtype = np.dtype(order + _CLASSES[kind])
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) * dtype.itemsize > MOST_BYTES:
        raise _Damaged(f"{name} of shape {shape}")
    stored, data = _element(source, order, most=math.prod(shape) * 8)
    numbers = np.frombuffer(data, order + _TYPES[stored])
    if len(numbers) != math.prod(shape):
        raise _Damaged(f"{len(numbers)} numbers in {name} of shape {shape}")
    return name, numbers.reshape(shape, order="F").astype(dtype.newbyteorder("="), copy=False)


def _element(source, order, *, most):
    """(type, bytes) of the next element of an array; small ones keep their bytes inside the tag."""
    tag = source.take(8)
    kind, length = struct.unpack(order + "II", tag)
    if kind >> 16:
        kind, length = kind & 0xFFFF, kind >> 16
        if length > 4:
            raise _Damaged("a small element of more than 4 bytes")
        return kind, tag[4:4 + length]
    if length > most:
        raise _Damaged("an element larger than the array it belongs to")
    data = source.take(length)
    source.take(-length % 8)
    return kind, data
