"""Files of TensorFlow made without it: frozen graphs, mapped ones, checkpoints and SavedModels of named arrays."""

import numpy as np


def number(value):
    """A varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(place, content):
    """A field with bytes, text or a whole number in it."""
    if isinstance(content, int):
        return number(place << 3) + number(content)
    content = content.encode() if isinstance(content, str) else content
    return number(place << 3 | 2) + number(len(content)) + content


def shape_of(array):
    return b"".join(field(2, field(1, n)) for n in array.shape)


def attribute(name, value):
    return field(5, field(1, name) + field(2, value))


def frozen(arrays):
    """A GraphDef with a constant for each float32 array."""
    nodes = [field(1, field(1, "input_node") + field(2, "Placeholder") + attribute("dtype", field(6, 1)))]
    for name, array in arrays.items():
        tensor = field(1, 1) + field(2, shape_of(array)) + field(4, np.asarray(array, "<f4").tobytes())
        nodes.append(field(1, field(1, name) + field(2, "Const") + attribute("dtype", field(6, 1))
                           + attribute("value", field(8, tensor))))
    return b"".join(nodes)


def mapped(arrays):
    """The same with all numbers outside the graph."""
    content, entries, nodes = bytearray(), [], []

    def region(name, piece):
        place = field(1, len(content)) + field(2, f"memmapped_package://{name}") + field(3, len(piece))
        entries.append(field(1, place))
        content.extend(piece)

    for i, (name, array) in enumerate(arrays.items()):
        region(f"tensor{i}", np.asarray(array, "<f4").tobytes())
        nodes.append(field(1, field(1, name) + field(2, "ImmutableConst") + attribute("dtype", field(6, 1))
                           + attribute("shape", field(7, shape_of(array)))
                           + attribute("memory_region_name", field(2, f"memmapped_package://tensor{i}"))))
    region(".", b"".join(nodes))
    return bytes(content) + b"".join(entries) + len(content).to_bytes(8, "little")


def saved_model(folder, variables, constants):
    """Write the folder of a SavedModel; its variables are numbered as Keras does it."""
    index, data = checkpoint({f"variables/{i}/.ATTRIBUTES/VARIABLE_VALUE": array for i, array in enumerate(variables)})
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "variables.index").write_bytes(index)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(data)
    meta = field(1, field(4, "serve")) + field(2, frozen(constants))
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta))


def checkpoint(arrays, *, snappy=False):
    """(index, data) of a checkpoint; the blocks of its table compressed or not (letters only, nothing is copied)."""
    data, rows = b"", {"": field(1, 1)}
    for name, array in sorted(arrays.items()):
        raw = np.asarray(array, "<f4").tobytes()
        rows[name] = field(1, 1) + field(2, shape_of(array)) + field(4, len(data)) + field(5, len(raw))
        data += raw
    block, before = b"", b""
    for key, value in ((name.encode(), value) for name, value in rows.items()):
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b),
                      min(len(key), len(before)))
        block += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
        before = key
    table = bytearray()

    def store(block):
        block = block + bytes(4) + (1).to_bytes(4, "little")
        if snappy:
            parts = [block[i : i + 60] for i in range(0, len(block), 60)]
            block = number(len(block)) + b"".join(bytes([len(part) - 1 << 2]) + part for part in parts)
        place = number(len(table)), number(len(block))
        table.extend(block + bytes([snappy]) + bytes(4))
        return b"".join(place)

    handle = store(block)
    meta = store(b"")
    index = store(number(0) + number(1) + number(len(handle)) + b"z" + handle)
    footer = (meta + index).ljust(40, b"\0")
    return bytes(table) + footer + (0xDB4775248B80FB57).to_bytes(8, "little"), data
