"""The notations of arrays that pickles use: NumPy, SciPy sparse, chumpy, torch; read as data, see pickles.py."""

import re

import numpy as np

_MOST_NUMBERS = 2**27     # of one array, 1 GB as float64
_DEEPEST = 100


class Unreadable(Exception):
    """Something in a pickle that is no data; the message says what."""


class Foreign:
    """One object of another library, as the file describes it: what it is, its arguments, its state."""

    def __init__(self, kind, *arguments):
        self.kind, self.arguments, self.state = kind, arguments, None


def _made(kind):
    def make(*arguments):
        return Foreign(kind, *arguments)
    return make


def _plain_object(*arguments):
    """copyreg's way of making an object of a class: the class is one of ours, the rest does not matter."""
    if arguments and callable(arguments[0]) and arguments[0] in _CLASSES:
        return arguments[0]()
    raise Unreadable("an object of an unknown class")


def _encoded(text, encoding="latin1"):
    """Bytes that Python 3 wrote for Python 2 to read."""
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise Unreadable(f"text in {encoding}")
    return text.encode("latin1")


def _no_bytes():
    """Empty bytes, which Python 3 writes for Python 2 as a call of bytes()."""
    return b""


def _ordered_dict(pairs=()):
    """collections.OrderedDict, empty or of (key, value) pairs."""
    if not (isinstance(pairs, list | tuple) and all(isinstance(pair[0], str | int) for pair in pairs)):
        raise Unreadable("a dict of unknown form")
    return dict(pairs)


_ARRAY, _DTYPE, _SCALAR, _BUFFER = _made("array"), _made("dtype"), _made("scalar"), _made("buffer")
_OBJECT = _made("object")
_CH, _SELECT = _made("chumpy"), _made("selection")
_SPARSE = {kind: _made(kind) for kind in ("csc", "csr")}
_STORAGE_TYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2",
                  "Char": "<i1", "Byte": "<u1", "Bool": "?"}
_STORAGES = {name: _made(f"torch {spec}") for name, spec in _STORAGE_TYPES.items()}
_TENSOR, _TENSOR_BYTES = _made("tensor"), _made("tensor bytes")

# Full name in a pickle -> our notation of it. Nothing that is not listed here is ever made.
BUILDERS = {
    **{f"numpy.{core}.multiarray.{name}": builder for core in ("core", "_core")
       for name, builder in (("_reconstruct", _ARRAY), ("scalar", _SCALAR))},
    **{f"numpy.{core}.numeric._frombuffer": _BUFFER for core in ("core", "_core")},
    "numpy.ndarray": _OBJECT, "numpy.dtype": _DTYPE,
    **{f"scipy.sparse.{module}.{kind}_{what}": builder for kind, builder in _SPARSE.items()
       for module in (kind, f"_{kind}") for what in ("matrix", "array")},
    "chumpy.ch.Ch": _CH, "chumpy.reordering.Select": _SELECT,
    "copy_reg._reconstructor": _plain_object, "copyreg._reconstructor": _plain_object,
    "__builtin__.object": _OBJECT, "builtins.object": _OBJECT,
    "__builtin__.bytes": _no_bytes, "builtins.bytes": _no_bytes,
    "collections.OrderedDict": _ordered_dict, "_codecs.encode": _encoded,
    "torch._utils._rebuild_tensor_v2": _TENSOR, "torch.storage._load_from_bytes": _TENSOR_BYTES,
    **{f"torch.{name}Storage": builder for name, builder in _STORAGES.items()},
}
_CLASSES = frozenset((_CH, _SELECT, *_SPARSE.values()))


def resolve(value, load_tensor_bytes):
    """value with every Foreign in it replaced by the array it describes; shared objects stay shared.

    Args:
        value: what the stack machine left.
        load_tensor_bytes: reads torch's nested format.

    Raises:
        Unreadable: an object of unknown form, or nesting deeper than any model has.
    """
    done = {}

    def walk(item, depth):
        if depth > _DEEPEST:
            raise Unreadable("deeper nesting than any model has")
        if id(item) in done:
            return done[id(item)][1]
        if isinstance(item, dict):
            done[id(item)] = (item, result := {})
            result.update((key, walk(part, depth + 1)) for key, part in item.items())
        elif isinstance(item, list):
            done[id(item)] = (item, result := [])
            result.extend(walk(part, depth + 1) for part in item)
        elif isinstance(item, tuple):
            result = tuple(walk(part, depth + 1) for part in item)
        elif isinstance(item, Foreign):
            result = _array(item, lambda part: walk(part, depth + 1), load_tensor_bytes)
        elif item is None or isinstance(item, bool | int | float | str | bytes | bytearray):
            return item
        else:
            raise Unreadable("a class where data should be")
        done[id(item)] = (item, result)
        return result

    return walk(value, 0)


def _array(foreign, walk, load_tensor_bytes):
    kind = foreign.kind
    if kind == "array":
        return _from_state(foreign.state, walk)
    if kind == "buffer":
        data, dtype, shape, order = foreign.arguments
        return _shaped(data, _dtype(dtype), shape, order == "F")
    if kind == "scalar":
        dtype, data = foreign.arguments
        return _shaped(data, _dtype(dtype), (), False)[()]
    if kind in _SPARSE:
        return _dense(kind, walk(foreign.state))
    if kind in ("chumpy", "selection"):
        return _of_chumpy(kind, foreign.state, walk)
    if kind == "tensor":
        return _tensor(foreign.arguments, load_tensor_bytes)
    raise Unreadable(f"a {kind} where an array should be")


def _dtype(foreign):
    """numpy.dtype of its description; plain numbers and text only, "O" for lists of objects."""
    if not (isinstance(foreign, Foreign) and foreign.kind == "dtype"):
        raise Unreadable("an array without a type")
    spec = foreign.arguments[0]
    order = foreign.state[1] if foreign.state else "|"
    if not (isinstance(spec, str) and re.fullmatch(r"[<>|=]?([biufc]1?\d|[SU]\d{1,4}|O8?|\?)", spec)):
        raise Unreadable(f"an array of type {spec!r:.40}")
    if spec.startswith("O"):
        return np.dtype(object)
    dtype = np.dtype(spec)
    return dtype.newbyteorder(order) if order in ("<", ">") else dtype


def _from_state(state, walk):
    version_shape_dtype = state if len(state) == 5 else (1, *state)
    _, shape, dtype, fortran, data = version_shape_dtype
    dtype = _dtype(dtype)
    if dtype.kind == "O":
        if not isinstance(data, list) or len(data) != _count(shape):
            raise Unreadable("an array of objects that does not fit its shape")
        items = [walk(item) for item in data]
        return items[0] if shape == () else items
    return _shaped(data, dtype, shape, bool(fortran))


def _count(shape):
    if not (isinstance(shape, tuple) and len(shape) < 9 and all(type(n) is int and n >= 0 for n in shape)):
        raise Unreadable(f"an array of shape {shape!r:.40}")
    count = 1
    for n in shape:
        count *= n
    if count > _MOST_NUMBERS:
        raise Unreadable(f"an array of {count} numbers")
    return count


def _shaped(data, dtype, shape, fortran):
    data = data.encode("latin1") if isinstance(data, str) else data
    if dtype.kind == "O" or not isinstance(data, bytes | bytearray) or len(data) != _count(shape) * dtype.itemsize:
        raise Unreadable("an array whose data does not fit its shape")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _dense(kind, state):
    """The full matrix of a compressed one."""
    shape = state.get("_shape", state.get("shape"))
    data, indices, starts = (np.asarray(state[name]).ravel() for name in ("data", "indices", "indptr"))
    rows, columns = shape
    lines = columns if kind == "csc" else rows
    counts = np.diff(starts)
    if _count(shape) > _MOST_NUMBERS // 8 or len(starts) != lines + 1 or (counts < 0).any() or starts[0] != 0 or not (
            starts[-1] == len(indices) == len(data)):
        raise Unreadable("a sparse matrix that does not fit its shape")
    line = np.repeat(np.arange(lines), counts)
    if len(indices) and not 0 <= indices.min() <= indices.max() < (rows if kind == "csc" else columns):
        raise Unreadable("a sparse matrix whose indices leave it")
    matrix = np.zeros((rows, columns), data.dtype)
    np.add.at(matrix, (indices, line) if kind == "csc" else (line, indices), data)
    return matrix


def _of_chumpy(kind, state, walk):
    """The values behind a chumpy array: stored ones, or a selection of another's."""
    fields = walk(state)
    fields = fields[0] if isinstance(fields, tuple) else fields
    if kind == "chumpy":
        return np.asarray(fields["x"])
    chosen = np.asarray(fields["a"]).ravel()[np.asarray(fields["idxs"])]
    shape = fields.get("preferred_shape")
    return chosen.reshape(shape) if shape is not None else chosen


def _tensor(arguments, load_tensor_bytes):
    """A torch tensor: a window with strides on a storage."""
    storage, offset, size, stride = arguments[:4]
    if not (isinstance(storage, Foreign) and storage.kind == "tensor bytes" and len(storage.arguments) == 1):
        raise Unreadable("a tensor whose numbers lie in another file")
    data = storage.arguments[0]
    stored, raw = load_tensor_bytes(_encoded(data) if isinstance(data, str) else data)
    described = stored.arguments[0]
    spec = described[1]
    spec = next((_STORAGE_TYPES[name] for name, builder in _STORAGES.items() if builder is spec), None)
    if spec is None:
        raise Unreadable("a tensor of unknown type")
    numbers = np.frombuffer(raw[8:], spec)
    strides = tuple(step * numbers.itemsize for step in stride)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if _count(size) == 0:
        return np.zeros(size, spec)
    if min((offset, *stride)) < 0 or last >= len(numbers) or _count(size) > len(numbers):
        raise Unreadable("a tensor that leaves its storage")
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, strides).copy()
