"""Stanford PLY, ASCII and binary of both byte orders: vertices, colours, faces."""

import numpy as np

from personare.errors import InputError
from personare.faces.polygons import MOST_VERTICES, Polygons, checked_mesh, damaged, fans

_TYPES = {"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
          "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
          "double": "f8", "float64": "f8"}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_LONGEST_HEADER = 2**16
_MOST_ROWS = 4 * MOST_VERTICES
_INDEX_NAMES = ("vertex_indices", "vertex_index")


def read_ply(data, source="mesh.ply"):
    """Polygons of a PLY file.

    Args:
        data: bytes.
        source: its name, for errors.

    Raises:
        InputError: damaged, without faces, or larger than a head can be.
    """
    order, elements, body = _header(data, source)
    with np.errstate(invalid="ignore", over="ignore"):  # what is no finite number is told of below
        return _polygons(source, _tables(body, elements, order))


def _tables(body, elements, order):
    """Element name -> property -> numbers, or (values, counts) for a list; empty where the file ends too early."""
    try:
        return _ascii(body, elements) if order == "=" else _binary(body, elements, order)
    except (ValueError, IndexError, OverflowError, MemoryError):
        return {}


def _polygons(source, tables):
    if "vertex" not in tables or not {"x", "y", "z"} <= set(tables["vertex"]):
        raise damaged(source, "a file that ends before its vertices do, or vertices without x, y, z")
    vertex = tables["vertex"]
    faces = tables.get("face", {})
    corners, counts = next((faces[name] for name in _INDEX_NAMES if name in faces), ((), ()))
    if not len(corners):
        raise damaged(source, "no faces")
    triangles, _ = fans(corners.astype(np.int64), counts)
    vertices, triangles = checked_mesh(source, np.stack([vertex[axis] for axis in "xyz"], 1), triangles)
    color = None
    if {"red", "green", "blue"} <= set(vertex):
        scale = 255 if vertex["red"].dtype.kind in "iu" else 1
        color = np.stack([vertex[name] for name in ("red", "green", "blue")], 1).astype(np.float32) / scale
    uv = next((np.stack([vertex[a], vertex[b]], 1).astype(np.float32)
               for a, b in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")) if {a, b} <= set(vertex)), None)
    return Polygons(vertices, triangles, uv, None if uv is None else triangles, color,
                    np.zeros(len(triangles), np.int32))


def _header(data, source):
    """(byte order, [(name, rows, [(name, type, count type or None)])], body)."""
    end = data.find(b"end_header", 0, _LONGEST_HEADER)
    newline = data.find(b"\n", end)
    if not data.startswith(b"ply") or end < 0 or newline < 0:
        raise damaged(source, "no PLY header")
    order, elements = None, []
    try:
        for line in data[:end].decode("ascii", "replace").splitlines()[1:]:
            words = line.split()
            if words[:1] == ["format"]:
                order = _ORDERS[words[1]]
            elif words[:1] == ["element"]:
                elements.append((words[1], int(words[2]), []))
                if not 0 <= elements[-1][1] <= _MOST_ROWS:
                    raise damaged(source, f"{words[2][:20]} rows of {words[1]}")
            elif words[:2] == ["property", "list"]:
                elements[-1][2].append((words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[:1] == ["property"]:
                elements[-1][2].append((words[2], _TYPES[words[1]], None))
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(source, f"an unknown line in the header ({error})") from None
    if order is None:
        raise damaged(source, "no format in the header")
    return order, elements, data[newline + 1:]


def _ascii(body, elements):
    words, place, tables = body.split(), 0, {}
    for name, rows, properties in elements:
        if any(counted for _, _, counted in properties):
            table, place = _ascii_lists(words, place, rows, properties)
        else:
            width = len(properties)
            cells = words[place:place + rows * width]
            if len(cells) < rows * width:
                raise ValueError("too few numbers")
            numbers = np.array(cells, dtype="S").astype(np.float64).reshape(rows, width) if rows * width else (
                np.zeros((rows, width)))
            table = {key: numbers[:, i].astype(kind) for i, (key, kind, _) in enumerate(properties)}
            place += rows * width
        tables[name] = table
    return tables


def _ascii_lists(words, place, rows, properties):
    values = {key: ([], []) for key, _, _ in properties}
    if rows > len(words) - place:
        raise ValueError("too few rows")
    for _ in range(rows):
        for key, _, counted in properties:
            count = int(words[place]) if counted else 1
            place += 1 if counted else 0
            if not 0 <= count <= len(words) - place:
                raise ValueError("too few numbers")
            values[key][0].extend(words[place:place + count])
            values[key][1].append(count)
            place += count
    return {key: (np.array([float(word) for word in cells]), np.array(counts)) for key, (cells, counts) in
            values.items()}, place


def _binary(body, elements, order):
    place, tables = 0, {}
    for name, rows, properties in elements:
        if any(counted for _, _, counted in properties):
            tables[name], place = _binary_lists(body, place, rows, properties, order)
            continue
        dtype = np.dtype([(key, order + kind) for key, kind, _ in properties])
        table = np.frombuffer(body, dtype, rows, place) if rows and dtype.itemsize else np.zeros(rows, dtype)
        tables[name] = {key: table[key] for key, _, _ in properties}
        place += rows * dtype.itemsize
    return tables


def _binary_lists(body, place, rows, properties, order):
    """Lists of one length are read at once, which triangles and quads are; others row by row."""
    if rows == 0:
        return {key: (np.zeros(0), np.zeros(0, np.int64)) for key, _, _ in properties}, place
    lengths = _row_lengths(body, place, properties, order)
    fields = [field for i, (_, kind, counted) in enumerate(properties) for field in
              (([(f"{i}.n", order + counted)] if counted else []) + [(f"{i}", order + kind, (lengths[i],))])]
    dtype = np.dtype(fields)
    if rows * dtype.itemsize <= len(body) - place:
        table = np.frombuffer(body, dtype, rows, place)
        if all((table[f"{i}.n"] == lengths[i]).all() for i, (_, _, counted) in enumerate(properties) if counted):
            return {key: (table[f"{i}"].reshape(-1), np.full(rows, lengths[i])) for i, (key, _, _) in
                    enumerate(properties)}, place + rows * dtype.itemsize
    return _binary_rows(body, place, rows, properties, order)


def _row_lengths(body, place, properties, order):
    """How many values each property of the first row has."""
    lengths = []
    for _, kind, counted in properties:
        length = 1
        if counted:
            length = int(np.frombuffer(body, order + counted, 1, place)[0])
            place += np.dtype(counted).itemsize
        if not 0 <= length * np.dtype(kind).itemsize <= len(body) - place:
            raise ValueError("too few bytes")
        place += length * np.dtype(kind).itemsize
        lengths.append(length)
    return lengths


def _binary_rows(body, place, rows, properties, order):
    values = {key: ([], []) for key, _, _ in properties}
    for _ in range(rows):
        for (key, kind, _), length in zip(properties, _row_lengths(body, place, properties, order), strict=True):
            place += np.dtype(properties[[p[0] for p in properties].index(key)][2] or "V0").itemsize
            values[key][0].append(np.frombuffer(body, order + kind, length, place))
            values[key][1].append(length)
            place += length * np.dtype(kind).itemsize
    return {key: (np.concatenate(cells) if cells else np.zeros(0), np.array(counts)) for key, (cells, counts) in
            values.items()}, place
