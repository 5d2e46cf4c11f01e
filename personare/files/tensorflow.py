"""Weights in files of TensorFlow, read without it and with nothing of them run.

Four layouts: a frozen graph (.pb), of which only constants are looked at; the same with its constants outside, to be
mapped into memory (.pbmm); a checkpoint (.index beside .data-00000-of-00001); and a SavedModel, the folder of a
checkpoint (variables/) and a graph (saved_model.pb), of which again only constants are looked at.

Source:
    tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto, util/memmapped_file_system.proto,
    protobuf/{tensor_bundle,saved_model,meta_graph}.proto and lib/io/format.cc, whose tables are those of LevelDB.
"""

import math
import mmap
import struct
from pathlib import Path

import numpy as np

from personare.errors import InputError
from personare.files.protobuf import BYTES, VARINT, Damaged, fields, text, values, varint
from personare.files.snappy import unpacked

MOST_BYTES = 2**30        # of all tensors that are read; DeepSpeech's have 190 MB
_MOST_NAMES = 2**16
# Numbers of the types in types.proto.
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}
# Fields of TensorProto with single numbers, for those types whose tensors may come that way.
_SINGLES = {1: (5, "<f4"), 2: (6, "<f8")}
_MOST_REPEATED = 2**22
_REGION = "memmapped_package://"
_TABLE_MAGIC = 0xDB4775248B80FB57
_PLAIN, _SNAPPY, _MOST_BLOCK = 0, 1, 2**26
SAVED_MODEL = "saved_model.pb"


class Variables:
    """The tensors of a file by name, each read when it is asked for.

    Args:
        path: a frozen graph (.pb, .pbmm), or a checkpoint: its .index file, the path without suffix that TensorFlow
            names it by, or a folder with one checkpoint; or the folder of a SavedModel.

    Attributes:
        shapes: dict of name -> shape.

    Raises:
        InputError: missing, damaged, or another kind of file.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._total = 0
        self._places = self._guarded(self._found)
        self.shapes = {name: shape for name, (_, shape, _) in self._places.items()}

    def array(self, name):
        """One tensor as an array of its own.

        Raises:
            InputError: there is none of that name, its bytes are missing, or more than MOST_BYTES were read.
        """
        if name not in self._places:
            raise InputError(self.path, expected=f"a tensor named {name}", got=", ".join(list(self._places)[:8]),
                             remedy="check that it is the right file")
        return self._guarded(lambda: self._read(*self._places[name]))

    def _found(self):
        if index := index_of(self.path):
            graph = self.path / SAVED_MODEL
            return _checkpoint(index) | (dict(_saved_constants(graph)) if graph.is_file() else {})
        content = _mapped(self.path)
        regions = _regions(content)
        if regions is None:
            return dict(_constants(content, {}))
        graph = regions.get(".")
        if graph is None:
            raise Damaged("no graph among the mapped regions")
        return dict(_constants(graph, regions))

    def _read(self, kind, shape, stored):
        count = math.prod(shape)
        size = count * np.dtype(kind).itemsize
        self._total += size
        if self._total > MOST_BYTES:
            raise Damaged(f"more than {MOST_BYTES >> 20} MB of weights")
        raw = stored()
        numbers = np.frombuffer(raw[:size], kind)
        if len(numbers) == count:
            return numbers.reshape(shape).copy()
        # A tensor of few different numbers is stored without the repetitions of the last.
        if not len(numbers) or count > _MOST_REPEATED:
            raise Damaged(f"{len(numbers)} numbers for shape {shape}")
        return np.concatenate([numbers, np.full(count - len(numbers), numbers[-1], kind)]).reshape(shape)

    def _guarded(self, action):
        try:
            return action()
        except OSError as error:
            got = f"{Path(error.filename).name}: {error.strerror}" if error.filename else str(error)
            raise InputError(self.path, expected="weights of TensorFlow", got=got, remedy="check the path") from error
        except (ValueError, struct.error, OverflowError, MemoryError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            reason = str(error) if isinstance(error, Damaged) else f"damaged data ({type(error).__name__})"
            raise InputError(self.path, expected="a frozen graph or a checkpoint of TensorFlow", got=reason[:120],
                             remedy="download it again") from error


def _mapped(path):
    """A file as a memoryview that the system reads as it is looked at."""
    with open(path, "rb") as file:
        if not path.stat().st_size:
            raise Damaged("an empty file")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _constants(graph, regions):
    """(name, (type, shape, function that gives its bytes)) of the constants of a GraphDef."""
    count = 0
    for node in values(graph, 1, BYTES):
        name, kind, attributes = "", "", {}
        for number, how, value in fields(node):
            if how == BYTES and number in (1, 2):
                name, kind = (text(value), kind) if number == 1 else (name, text(value))
            elif how == BYTES and number == 5:
                attributes |= _attribute(value)
        count += 1
        if count > _MOST_NAMES:
            raise Damaged(f"more than {_MOST_NAMES} nodes")
        if kind == "Const" and "value" in attributes:
            for tensor in values(attributes["value"], 8, BYTES):
                if found := _tensor(tensor):
                    yield name, found
        elif kind == "ImmutableConst":
            found = _outside(attributes, regions)
            if found:
                yield name, found
    if not count:
        raise Damaged("no nodes of a graph")


def _saved_constants(path):
    """The same of the graphs of a SavedModel."""
    graphs = [graph for meta in values(_mapped(path), 2, BYTES) for graph in values(meta, 2, BYTES)]
    if not graphs:
        raise Damaged("no graph in saved_model.pb")
    for graph in graphs:
        yield from _constants(graph, {})


def _attribute(entry):
    """{name: AttrValue} of an entry of a node's map."""
    name, value = b"", b""
    for number, how, content in fields(entry):
        if how == BYTES:
            name, value = (content, value) if number == 1 else (name, content)
    return {text(name): value}


def _tensor(tensor):
    """(type, shape, bytes) of a TensorProto; None for text and other types."""
    kind, shape, content, singles = 0, (), None, []
    for number, how, value in fields(tensor):
        if number == 1 and how == VARINT:
            kind = value
        elif number == 2 and how == BYTES:
            shape = _shape(value)
        elif number == 4 and how == BYTES:
            content = value
        elif number == _SINGLES.get(kind, (0,))[0]:
            singles.append(value if how == BYTES else value.to_bytes(8 if kind == 2 else 4, "little"))
    if kind not in _TYPES:
        return None
    if content is None:
        content = b"".join(bytes(value) for value in singles)
    return _TYPES[kind], shape, lambda: content


def _shape(message):
    shape = tuple(sum(values(axis, 1, VARINT)) for axis in values(message, 2, BYTES))
    if len(shape) > 8 or any(n >= 2**31 for n in shape):
        raise Damaged(f"a tensor of shape {shape}")
    return shape


def _outside(attributes, regions):
    """The same of an ImmutableConst, whose numbers lie in a region of the file."""
    kind = sum(values(attributes.get("dtype", b""), 6, VARINT))
    shapes = values(attributes.get("shape", b""), 7, BYTES)
    names = values(attributes.get("memory_region_name", b""), 2, BYTES)
    region = regions.get(text(names[0]).removeprefix(_REGION)) if names else None
    if region is None or not shapes or kind not in _TYPES:
        return None
    return _TYPES[kind], _shape(shapes[0]), lambda: region


def _regions(content):
    """name -> memoryview of the regions of a memory-mapped package; None where the file is none."""
    if len(content) < 8:
        return None
    start = int.from_bytes(content[-8:], "little")
    if start >= len(content) - 8:
        return None
    found = {}
    try:
        for entry in values(content[start:-8], 1, BYTES):
            place, name, length = 0, "", 0
            for number, _, value in fields(entry):
                place, name, length = (value if number == 1 else place, text(value) if number == 2 else name,
                                       value if number == 3 else length)
            if place + length > start:
                raise Damaged("a region outside the file")
            found[name.removeprefix(_REGION)] = content[place : place + length]
    except (Damaged, TypeError):
        return None
    return found or None


def index_of(path):
    """Path of a checkpoint's index, or None where the path is no checkpoint."""
    if (path / SAVED_MODEL).is_file():
        return path / "variables" / "variables.index"
    if path.is_dir():
        indices = sorted(path.glob("*.index"))
        if len(indices) != 1:
            raise Damaged(f"{len(indices)} checkpoints in the folder; name one of them")
        return indices[0]
    beside = path.with_name(path.name + ".index")
    return path if path.suffix == ".index" else beside if beside.is_file() else None


def _checkpoint(index):
    """name -> (type, shape, bytes) of a checkpoint's variables."""
    stem, found, shards = index.name.removesuffix(".index"), {}, {}
    rows = dict(_rows(_mapped(index)))
    count = sum(values(rows.get("", b""), 1, VARINT)) or 1
    if count > 1024:
        raise Damaged(f"{count} data files")
    if sum(values(rows.get("", b""), 2, VARINT)):
        raise Damaged("numbers of another byte order")
    for name, entry in rows.items():
        told = {number: value for number, _, value in fields(entry)}
        if name and told.get(1) in _TYPES and 7 not in told:
            shard = told.get(3, 0)
            if shard not in shards:
                shards[shard] = _mapped(index.with_name(f"{stem}.data-{shard:05d}-of-{count:05d}"))
            start, size = told.get(4, 0), told.get(5, 0)
            if start + size > len(shards[shard]):
                raise Damaged(f"{name} ends outside the data")
            content = shards[shard][start : start + size]
            found[name] = _TYPES[told[1]], _shape(told.get(2, b"")), lambda content=content: content
    if not found:
        raise Damaged("no variables")
    return found


def _rows(table):
    """(key, value) of all rows of a table."""
    if len(table) < 48 or int.from_bytes(table[-8:], "little") != _TABLE_MAGIC:
        raise Damaged("no table of a checkpoint")
    footer = table[-48:-8]
    at = 0
    for _ in range(2):
        _, at = varint(footer, at)
    handle, _ = _handle(footer, at)
    for count, (_, place) in enumerate(_entries(_block(table, *handle))):
        if count > _MOST_NAMES:
            raise Damaged(f"more than {_MOST_NAMES} blocks")
        for key, value in _entries(_block(table, *_handle(place, 0)[0])):
            yield text(key), value


def _handle(view, at):
    start, at = varint(view, at)
    size, at = varint(view, at)
    return (start, size), at


def _block(table, start, size):
    if start + size + 5 > len(table):
        raise Damaged("a block outside the table")
    packing, block = table[start + size], table[start : start + size]
    if packing not in (_PLAIN, _SNAPPY):
        raise Damaged(f"a table of compression {packing}")
    return block if packing == _PLAIN else unpacked(block, most_bytes=_MOST_BLOCK)


def _entries(block):
    """(key, value) of a block, whose keys share their beginnings with the one before."""
    if len(block) < 4:
        raise Damaged("a block too short")
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    if end < 0:
        raise Damaged("a block too short")
    key, at = b"", 0
    while at < end:
        shared, at = varint(block, at)
        more, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or at + more + size > end or shared + more > 4096:
            raise Damaged("a row outside its block")
        key = key[:shared] + bytes(block[at : at + more])
        at += more
        yield key, block[at : at + size]
        at += size
