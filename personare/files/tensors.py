"""One tensor a file, as torch.save writes it: read and written without torch, and with nothing of a file run.

Both layouts are read: the archive of torch 1.6 and later, and the row of pickles before it.
"""

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.files.pickled_arrays import BUILDERS, Foreign, Unreadable
from personare.files.pickles import _run

MOST_BYTES = 2**24        # of a file; the coefficients of a frame have a few hundred
_OLD_MAGIC, _OLD_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "<i1",
          "Byte": "<u1", "Bool": "?"}
_SPECS = {BUILDERS[f"torch.{name}Storage"]: spec for name, spec in _TYPES.items()}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_tensor(path, *, most_bytes=MOST_BYTES):
    """The tensor of a .pt file as an array.

    Args:
        path: the file.
        most_bytes: larger files, and larger contents of archives, are refused.

    Returns:
        Array of the tensor's shape and type.

    Raises:
        InputError: missing, too large, damaged, or anything else than one plain tensor.
    """
    path = Path(path)
    try:
        if path.stat().st_size > most_bytes:
            raise Unreadable(f"{path.stat().st_size >> 20} MB")
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns of odd escapes in the text of a damaged file
            return _window(*(_archived if content.startswith(b"PK") else _pickled)(content, most_bytes))
    except OSError as error:
        raise InputError(path, expected="a .pt file", got=error.strerror or str(error),
                         remedy="check the path") from error
    except (Unreadable, zipfile.BadZipFile, zlib.error, ValueError, TypeError, IndexError, KeyError, AttributeError,
            OverflowError, MemoryError, RecursionError, EOFError, NotImplementedError, RuntimeError,
            struct.error) as error:
        reason = " ".join(str(error).split())[:120] if isinstance(error, Unreadable) else \
            f"damaged data ({type(error).__name__})"
        raise InputError(path, expected="one plain tensor of torch.save", got=reason,
                         remedy="save it with torch.save(tensor.cpu(), path)") from error


def tensor_bytes(array):
    """Bytes of a .pt file that torch.load reads as a float32 tensor, with weights_only too.

    Args:
        array: any shape, float32.
    """
    array = np.asarray(array, "<f4", order="C")
    strides = [stride // 4 for stride in array.strides]
    program = b"".join((
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((", _text("storage"), b"ctorch\nFloatStorage\n", _text("0"),
        _text("cpu"), _number(array.size), b"tQ", _number(0), b"(", *map(_number, array.shape), b"t(",
        *map(_number, strides), b"t\x89ccollections\nOrderedDict\n)RtR."))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("data.pkl", program), ("byteorder", b"little"), ("data/0", array.tobytes()),
                              ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", _EPOCH), content)
    return file.getvalue()


def _text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def _number(value):
    return b"J" + struct.pack("<i", value)


def _archived(content, most_bytes):
    """(description of a tensor, bytes of its storage) in an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist()[:64] if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise Unreadable("an archive without a tensor")
        folder = names[0].removesuffix("data.pkl")

        def member(name):
            info = archive.getinfo(folder + name)
            if info.file_size > most_bytes:
                raise Unreadable(f"{info.file_size >> 20} MB")
            return archive.read(info)

        if folder + "byteorder" in archive.namelist() and member("byteorder") != b"little":
            raise Unreadable("numbers of another byte order")
        tensor = _run(io.BytesIO(member("data.pkl")))
        return tensor, member("data/" + str(_storage(tensor)[2]))


def _pickled(content, _):
    """The same in a row of pickles: magic number, version, system, tensor, keys of storages; then their numbers."""
    file = io.BytesIO(content)
    if _run(file) != _OLD_MAGIC or _run(file) != _OLD_PROTOCOL or not _run(file)["little_endian"]:
        raise Unreadable("no tensor file")
    tensor, keys = _run(file), _run(file)
    if not isinstance(keys, list) or keys != [_storage(tensor)[2]]:
        raise Unreadable("several storages")
    file.read(8)
    return tensor, file.read()


def _storage(tensor):
    """What a tensor says of its storage: word, type, key, device, length."""
    if not (isinstance(tensor, Foreign) and tensor.kind == "tensor"):
        raise Unreadable("something else than a tensor")
    storage = tensor.arguments[0]
    if not (isinstance(storage, Foreign) and storage.kind == "storage" and len(storage.arguments[0]) >= 3):
        raise Unreadable("a tensor without numbers")
    return storage.arguments[0]


def _window(tensor, raw):
    """The array that a tensor shows of its storage."""
    spec = _SPECS.get(_storage(tensor)[1])
    offset, shape, strides = tensor.arguments[1:4]
    plain = all(type(n) is int and 0 <= n < 2**31 for n in (offset, *shape, *strides))
    if spec is None or not plain or len(shape) != len(strides) or len(shape) > 8:
        raise Unreadable("a tensor of unknown form")
    numbers = np.frombuffer(raw[:len(raw) - len(raw) % np.dtype(spec).itemsize], spec)
    count = 1
    for n in shape:
        count *= n
    if not count:
        return np.zeros(shape if max(shape) < 2**20 else 0, spec)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= len(numbers) or count > len(numbers):
        raise Unreadable("a tensor that leaves its storage")
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, [n * numbers.itemsize for n in strides]).copy()
