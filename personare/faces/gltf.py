"""Reading glTF 2.0 (.glb, .gltf, .vrm): every size and offset is checked before it is used.

A file is trusted in nothing: lengths against what is there, counts against what memory may hold, indices against
their tables, names of further files against the folder. Nothing is executed, and nothing is fetched.

Source:
    Khronos Group, glTF 2.0 specification, sections 3.6 (binary data) and 4 (GLB).
"""

import base64
import binascii
import struct
from pathlib import Path
from typing import final
from urllib.parse import unquote

import msgspec
import numpy as np

from personare.errors import InputError
from personare.faces.gltf_tables import Tables, without_nulls

LARGEST_BYTES = 512 << 20      # of a file and of all files beside it
MOST_ROWS = 4_000_000          # of one accessor; the largest scanned heads have a tenth of it
MOST_DECODED_BYTES = 1 << 29   # of all arrays together
FARTHEST = 1e5                 # metres from the origin at which a vertex is a mistake
_MOST_LISTS, _MOST_VALUES = 400_000, 4_000_000
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_DTYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_LARGEST_STRIDE = 252
# What packs vertices so that they cannot be read without a decoder of its own.
PACKED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_KNOWN = ("KHR_texture_transform", "KHR_mesh_quantization", "KHR_texture_basisu", "KHR_lights_punctual",
          "KHR_xmp_json_ld", "EXT_mesh_gpu_instancing", "VRM")
_KNOWN_STARTS = ("KHR_materials_", "EXT_texture_", "EXT_lights_", "MSFT_", "VRMC_", "KHR_animation_pointer")


@final
class Gltf:
    """An opened file.

    Attributes:
        path: where it came from.
        document: the JSON as read, for writing it again; not to be changed.
        tables: the same, typed.
        buffers: (bytes-like, ...) one for each buffer of the document.
    """

    def __init__(self, path, document, tables, buffers):
        self.path, self.document, self.tables, self.buffers = path, document, tables, buffers
        self._decoded = 0

    def wrong(self, expected, got):
        """An InputError about this file."""
        return InputError(self.path, expected=expected, got=got, remedy="export it again")

    def row(self, table, index):
        """One row of a table such as "nodes".

        Raises:
            InputError: it has no such row.
        """
        rows = getattr(self.tables, table)
        if index is None or not 0 <= index < len(rows):
            raise self.wrong(f"one of its {len(rows)} {table}", f"number {index}")
        return rows[index]

    def charge(self, size):
        """Count memory that arrays of this file take.

        Raises:
            InputError: together they take more than MOST_DECODED_BYTES.
        """
        self._decoded += size
        if self._decoded > MOST_DECODED_BYTES:
            raise InputError(self.path, expected=f"at most {MOST_DECODED_BYTES >> 20} MB of vertices and shapes",
                             got="more", remedy="reduce the mesh or its morph targets")

    def view(self, index, *, offset=0, size=None):
        """Bytes of a buffer view, as a memoryview.

        Raises:
            InputError: no such view, compressed, or it leaves its buffer.
        """
        view = self.row("buffer_views", index)
        for name in PACKED:
            if name in view.extensions:
                raise packed(self.path, name)
        self.row("buffers", view.buffer)
        content = memoryview(self.buffers[view.buffer])
        if view.byte_offset + view.byte_length > len(content):
            raise self.wrong(f"buffer views within {len(content)} bytes",
                             f"{view.byte_length} bytes at {view.byte_offset}")
        size = view.byte_length - offset if size is None else size
        if not 0 <= size <= view.byte_length - offset:
            raise self.wrong(f"data within a buffer view of {view.byte_length} bytes", f"{size} bytes at {offset}")
        return content[view.byte_offset + offset:view.byte_offset + offset + size]

    def array(self, index, *, kind):
        """Values of an accessor.

        Args:
            index: of the accessor.
            kind: "SCALAR", "VEC2", "VEC3", "VEC4" or "MAT4", or a tuple of those it may be.

        Returns:
            (n, width) in the type of the file, sparse rows filled in.

        Raises:
            InputError: another kind, or it leaves its buffer view.
        """
        accessor = self.row("accessors", index)
        dtype = _DTYPES.get(accessor.component_type)
        if dtype is None or accessor.type not in ((kind,) if isinstance(kind, str) else kind):
            raise self.wrong(f"an accessor of {kind}", f"{accessor.type} of type {accessor.component_type}")
        if accessor.count > MOST_ROWS:
            raise InputError(self.path, expected=f"at most {MOST_ROWS:,} vertices in a part",
                             got=f"{accessor.count:,}", remedy="reduce the mesh")
        shape, dtype = (accessor.count, _WIDTHS[accessor.type]), np.dtype(dtype)
        self._check_there(accessor, shape[1] * dtype.itemsize)
        self.charge(shape[0] * shape[1] * dtype.itemsize)
        if accessor.buffer_view is None:
            rows = np.zeros(shape, dtype)
        else:
            stride = self.row("buffer_views", accessor.buffer_view).byte_stride or shape[1] * dtype.itemsize
            content = self.view(accessor.buffer_view, offset=accessor.byte_offset)
            rows = np.ndarray(shape, dtype, content, strides=(stride, dtype.itemsize)).copy()
        if accessor.sparse:
            self._fill(rows, accessor.sparse)
        return rows

    def _check_there(self, accessor, width):
        """Refuse an accessor that claims more than its view holds, before anything of it is taken into memory."""
        if accessor.buffer_view is None:
            return
        view = self.row("buffer_views", accessor.buffer_view)
        stride = view.byte_stride or width
        if not width <= stride <= max(_LARGEST_STRIDE, width):
            raise self.wrong(f"a stride of {width}..{_LARGEST_STRIDE} bytes", f"{stride}")
        self.view(accessor.buffer_view, offset=accessor.byte_offset, size=(accessor.count - 1) * stride + width)

    def _fill(self, rows, sparse):
        """Put the rows of a sparse accessor in their places."""
        dtype = np.dtype(_DTYPES.get(sparse.indices.component_type, np.float32))
        if dtype.kind != "u" or sparse.count > len(rows):
            raise self.wrong(f"at most {len(rows)} sparse rows with whole numbers",
                             f"{sparse.count} of type {sparse.indices.component_type}")
        size = sparse.count * dtype.itemsize
        where = np.frombuffer(self.view(sparse.indices.buffer_view, offset=sparse.indices.byte_offset, size=size),
                              dtype).astype(np.int64)
        if where.max() >= len(rows) or (np.diff(where) <= 0).any():
            raise self.wrong(f"sparse indices that rise within 0..{len(rows) - 1}", f"up to {where.max()}")
        size = sparse.count * rows.shape[1] * rows.itemsize
        values = self.view(sparse.values.buffer_view, offset=sparse.values.byte_offset, size=size)
        rows[where] = np.frombuffer(values, rows.dtype).reshape(-1, rows.shape[1])

    def floats(self, index, *, kind, most=np.inf):
        """Like array, but (n, width) float32; whole numbers are scaled where the file says so.

        Args:
            most: refuse numbers beyond this.

        Raises:
            InputError: also for NaN and infinity.
        """
        rows = self.array(index, kind=kind)
        scaled = self.tables.accessors[index].normalized
        if rows.dtype != np.float32:
            limit = np.iinfo(rows.dtype).max
            self.charge(rows.size * 4)
            rows = rows.astype(np.float32)
            if scaled:
                rows = np.maximum(rows / np.float32(limit), -1)
        largest = np.abs(rows).max()
        if not largest <= most or not np.isfinite(largest):
            raise self.wrong(f"numbers within {most:g}" if np.isfinite(most) else "finite numbers", f"{largest:g}")
        return rows

    def picture(self, index):
        """Encoded bytes of an image: of its buffer view, its data: address or the file beside it."""
        image = self.row("images", index)
        if image.buffer_view is not None:
            return bytes(self.view(image.buffer_view))
        if image.uri is None:
            raise self.wrong("an image with a buffer view or a uri", f"neither in image {index}")
        return _resolved(self.path, image.uri, LARGEST_BYTES)


def packed(path, name):
    """An InputError about an extension that packs vertices."""
    return InputError(path, expected="vertices without compression", got=f"the extension {name}",
                      remedy="export it again with mesh compression (Draco, meshopt) switched off")


def read_gltf(path):
    """Open a glTF file and what lies beside it.

    Args:
        path: .glb, .vrm or .gltf, at most 512 MB with its buffers.

    Returns:
        Gltf.

    Raises:
        InputError: missing, truncated, no glTF 2.0, an extension that cannot be read, or sizes that do not fit.
    """
    path = Path(path)
    content = _file_bytes(path, LARGEST_BYTES)
    text, chunk = _chunks(path, content) if content[:4] == b"glTF" else (content, None)
    document, tables = _decoded(path, text)
    for name in (*tables.extensions_required, *tables.extensions_used):
        if name in PACKED:
            raise packed(path, name)
    for name in tables.extensions_required:
        if name not in _KNOWN and not name.startswith(_KNOWN_STARTS):
            raise InputError(path, expected="extensions known here", got=f"{name}, which it requires",
                             remedy="export it again without that extension")
    return Gltf(path, document, tables, _buffers(path, tables, chunk))


def _file_bytes(path, limit):
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None or not 0 < size <= limit:
            got = "nothing there" if size is None else f"{size >> 20} MB" if size else "no bytes"
            raise InputError(path, expected=f"a file of 1 byte to {limit >> 20} MB", got=got,
                             remedy="check the path and the file")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a file that can be read", got=str(error), remedy="check it") from error


def _chunks(path, content):
    """JSON text and binary chunk of a .glb."""
    def wrong(expected, got):
        return InputError(path, expected=expected, got=got, remedy="export it again, or copy it again")

    if len(content) < 20:
        raise wrong("a complete .glb", f"{len(content)} bytes")
    _, version, total, length, kind = struct.unpack_from("<IIIII", content)
    if version != 2:
        raise wrong("glTF 2.0", f"version {version}")
    if total > len(content):
        raise wrong(f"{total} bytes, as it says itself", f"{len(content)}")
    if kind != _JSON or 20 + length > total:
        raise wrong("a first chunk of JSON within the file", f"{length} bytes of kind {kind:#x}")
    text, place = memoryview(content)[20:20 + length], 20 + length
    if place + 8 > total:
        return text, None
    size, kind = struct.unpack_from("<II", content, place)
    if kind != _BIN:
        return text, None
    if place + 8 + size > total:
        raise wrong("a binary chunk within the file", f"{size} bytes at {place}")
    return text, memoryview(content)[place + 8:place + 8 + size]


def _decoded(path, text):
    """The document as plain objects and as typed tables."""
    text = bytes(text)
    try:
        if text.count(b"[") + text.count(b"{") > _MOST_LISTS or text.count(b",") > _MOST_VALUES:
            raise InputError(path, expected=f"at most {_MOST_LISTS:,} lists and objects", got="more",
                             remedy="export it with its data in a binary file")
        document = msgspec.json.decode(text)
        try:
            tables = msgspec.json.decode(text, type=Tables)
        except msgspec.ValidationError:
            # Some exporters write null for nothing, and 1.0 for 1.
            tables = msgspec.convert(without_nulls(document), Tables, strict=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, expected="a glTF document", got=str(error), remedy="export it again") from error
    if not tables.asset.version.startswith("2."):
        raise InputError(path, expected="glTF 2.0", got=f"version {tables.asset.version}", remedy="export it as 2.0")
    return document, tables


def _buffers(path, tables, chunk):
    """The bytes of every buffer."""
    buffers, room = [], LARGEST_BYTES
    for number, buffer in enumerate(tables.buffers):
        if buffer.uri is not None:
            content = _resolved(path, buffer.uri, room)
        elif number == 0 and chunk is not None:
            content = chunk
        else:
            raise InputError(path, expected="a binary chunk or a uri for every buffer", got=f"neither for {number}",
                             remedy="export it again")
        if len(content) < buffer.byte_length:
            raise InputError(path, expected=f"{buffer.byte_length} bytes in buffer {number}", got=f"{len(content)}",
                             remedy="copy or export it again")
        room -= len(content)
        if room < 0:
            raise InputError(path, expected=f"at most {LARGEST_BYTES >> 20} MB of buffers", got="more",
                             remedy="reduce the model")
        buffers.append(memoryview(content)[:buffer.byte_length])
    return tuple(buffers)


def _resolved(path, uri, room):
    """Bytes of a data: address, or of a file in the folder of the document and nowhere else."""
    if uri.startswith("data:"):
        head, comma, text = uri.partition(",")
        if not comma or not head.endswith(";base64"):
            raise InputError(path, expected="data: addresses in base64", got=head[:60], remedy="export it as .glb")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError(path, expected="data: addresses in base64", got=str(error),
                             remedy="export it again") from error
    name = unquote(uri)
    folder, target = path.parent.resolve(), Path(name)
    leaves = target.is_absolute() or ".." in target.parts or ":" in name or "\\" in name or "\0" in name
    if leaves or not (folder / target).resolve().is_relative_to(folder):
        raise InputError(path, expected="files in its own folder", got=f"'{uri[:80]}'",
                         remedy="keep all files in one folder, or export it as .glb")
    return _file_bytes(folder / target, max(room, 1))
