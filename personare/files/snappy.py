"""Snappy, the compression of LevelDB's tables, read back: copies of what came before and letters between them.

Source:
    google/snappy, format_description.txt.
"""

from personare.files.protobuf import Damaged, varint

_LITERAL, _SHORT, _FAR = 0, 1, 3
# Lengths from here on in a literal's tag say how many bytes the length itself takes.
_LONG = 60


def unpacked(content, *, most_bytes):
    """The bytes that a compressed block stands for.

    Args:
        content: bytes or memoryview.
        most_bytes: blocks that promise more are refused.

    Raises:
        Damaged: it is none, or ends early.
    """
    view = memoryview(content)
    size, at = varint(view, 0)
    if size > most_bytes:
        raise Damaged(f"a block of {size} bytes")
    out = bytearray()
    while at < len(view):
        tag, at = view[at], at + 1
        kind = tag & 3
        if kind == _LITERAL:
            length, at = _length(view, tag >> 2, at)
            out += _taken(view, at, length)
            at += length
        else:
            width = kind if kind < _FAR else 4
            length = (tag >> 2 & 7) + 4 if kind == _SHORT else (tag >> 2) + 1
            back = int.from_bytes(_taken(view, at, width), "little") | ((tag >> 5) << 8 if kind == _SHORT else 0)
            at += width
            if not 0 < back <= len(out):
                raise Damaged("a copy of what was not there")
            # What is copied may run into itself: it repeats then.
            piece = bytes(out[-back:][:length])
            out += (piece * (length // len(piece) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise Damaged(f"{len(out)} bytes of a block of {size}")
    return bytes(out)


def _length(view, told, at):
    if told < _LONG:
        return told + 1, at
    width = told - _LONG + 1
    return int.from_bytes(_taken(view, at, width), "little") + 1, at + width


def _taken(view, at, size):
    if size > len(view) - at:
        raise Damaged("an end inside a block")
    return view[at : at + size]
