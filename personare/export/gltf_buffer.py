"""The binary chunk of a glTF file: arrays in, accessor numbers out."""

import numpy as np

VERTICES, ELEMENTS = 34962, 34963
_COMPONENT = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Buffer:
    """Collects arrays.

    Attributes:
        pieces: what the chunk holds, in order, as bytes-like objects.
        size: their length in bytes, always a multiple of 4.
    """

    def __init__(self):
        self.pieces, self.size = [], 0
        self._views, self._accessors, self._nothing = [], [], {}

    def tables(self):
        """The buffers, bufferViews and accessors of the document."""
        return {"buffers": [{"byteLength": self.size}], "bufferViews": self._views, "accessors": self._accessors}

    def add_bytes(self, content, **fields):
        """Number of a new buffer view with these bytes."""
        content = memoryview(content).cast("B")
        self._views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(content), **fields})
        self.pieces += [content, b"\0" * (-len(content) % 4)]
        self.size += len(content) + -len(content) % 4
        return len(self._views) - 1

    def add(self, array, kind, *, bounds=False, vertex=False, target=None, shares=False):
        """Number of a new accessor.

        Args:
            array: (n,) or (n, width) of uint8, uint16, uint32 or float32, n >= 1.
            kind: SCALAR, VEC2, VEC3, VEC4 or MAT4.
            bounds: say the smallest and largest value, as positions and times must.
            vertex: it is a vertex attribute.
            target: what else the buffer view is for.
            shares: whole numbers stand for shares of the largest one, as weights do.
        """
        rows = np.ascontiguousarray(array).reshape(-1, _WIDTH[kind])
        fields = {"target": VERTICES} if vertex else {"target": target} if target else {}
        entry = {"bufferView": self.add_bytes(rows, **fields), **_description(rows, kind, shares)}
        return self._append(entry | (_bounds(rows) if bounds else {}))

    def add_sparse(self, rows, threshold, *, bounds=False):
        """Number of a VEC3 accessor that is zero but for the rows with a component above a threshold.

        Args:
            rows: (n, 3) float32, or int8 or int16 for steps of 1 / 127 or 1 / 32767 (KHR_mesh_quantization).
            threshold: rows no larger than this count as zero.
            bounds: say the smallest and largest value.
        """
        where = np.flatnonzero(np.abs(rows).max(axis=1) > threshold)
        if not len(where):
            return self._zeros(rows, bounds)
        index = where.astype(np.uint16 if len(rows) <= 1 << 16 else np.uint32)
        values = np.ascontiguousarray(rows[where])
        entry = _description(rows, "VEC3") | {"sparse": {
            "count": len(where),
            "indices": {"bufferView": self.add_bytes(index), "componentType": _COMPONENT[index.dtype.name]},
            "values": {"bufferView": self.add_bytes(values)}}}
        if bounds:
            with_zero = values if len(where) == len(rows) else np.vstack([values, np.zeros((1, 3), rows.dtype)])
            entry |= _bounds(with_zero)
        return self._append(entry)

    def _zeros(self, rows, bounds):
        """One accessor for all targets of one length that move nothing."""
        key = len(rows), bounds, rows.dtype
        if key not in self._nothing:
            entry = _description(rows, "VEC3") | (_bounds(np.zeros((1, 3), rows.dtype)) if bounds else {})
            self._nothing[key] = self._append(entry)
        return self._nothing[key]

    def _append(self, entry):
        self._accessors.append(entry)
        return len(self._accessors) - 1


def _description(rows, kind, shares=False):
    steps = {"normalized": True} if shares or rows.dtype.kind == "i" else {}
    return {"componentType": _COMPONENT[rows.dtype.name], "count": len(rows), "type": kind, **steps}


def _bounds(rows):
    return {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
