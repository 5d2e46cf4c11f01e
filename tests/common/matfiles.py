"""MATLAB files for tests, written by hand after the format's specification."""

import struct

import numpy as np

TYPES = {"f8": (9, 6), "f4": (7, 7), "u1": (2, 9), "u2": (4, 11), "i4": (5, 12)}


def element(kind, data):
    """One element with its 8-byte tag and padding."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, shape, data, *, stored=9, kind=6):
    """A numeric array as MATLAB writes it; shape and data need not agree."""
    body = (element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
            + element(1, name.encode()) + element(stored, data))
    return struct.pack("<II", 14, len(body)) + body


def mat(*elements):
    """A whole file."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + b"".join(elements)


def write_mat(path, arrays):
    """Write a dict of arrays of two axes."""
    parts = []
    for name, array in arrays.items():
        array = np.asarray(array)
        stored, kind = TYPES[array.dtype.str[1:]]
        parts.append(matrix(name, array.shape, array.tobytes("F"), stored=stored, kind=kind))
    path.write_bytes(mat(*parts))
