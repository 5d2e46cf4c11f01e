"""The wire format of protocol buffers, read field by field: no schema, no code made from one, nothing run.

A message is a row of fields, each a number, how it is stored, and a value; see "Encoding", protobuf.dev.
"""

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
_SIZES = {FIXED_64: 8, FIXED_32: 4}
_MOST_VARINT = 10         # bytes of one number of 64 bits


class Damaged(ValueError):
    """Bytes that are no message; the text says what is wrong."""


def fields(message):
    """The fields of a message, in order.

    Args:
        message: bytes or memoryview; not copied.

    Yields:
        (number, kind, value): value is an int for VARINT, FIXED_64 and FIXED_32, a memoryview for BYTES, which is
        text, packed numbers or a message inside.

    Raises:
        Damaged: the bytes end inside a field, or are stored in a way that there is not.
    """
    view, at = memoryview(message), 0
    while at < len(view):
        tag, at = varint(view, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 2**29:
            raise Damaged(f"field {number}")
        if kind == VARINT:
            value, at = varint(view, at)
        elif kind == BYTES:
            size, at = varint(view, at)
            value, at = _taken(view, at, size)
        elif kind in _SIZES:
            raw, at = _taken(view, at, _SIZES[kind])
            value = int.from_bytes(raw, "little")
        else:
            raise Damaged(f"a field of kind {kind}")
        yield number, kind, value


def values(message, number, kind):
    """Values of one field of a message, as a list; others, and those stored in another way, are passed over."""
    return [value for found, how, value in fields(message) if found == number and how == kind]


def varint(view, at):
    """(number, place behind it) of a number of 64 bits or fewer that begins at a place.

    Raises:
        Damaged: it does not end.
    """
    number = 0
    for i in range(_MOST_VARINT):
        if at + i >= len(view):
            raise Damaged("an end inside a number")
        byte = view[at + i]
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at + i + 1
    raise Damaged("a number without end")


def text(value):
    """A str of a BYTES value.

    Raises:
        Damaged: it is none, or longer than any name.
    """
    if len(value) > 4096:
        raise Damaged(f"a name of {len(value)} letters")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise Damaged("a name that is no text") from error


def _taken(view, at, size):
    if size > len(view) - at:
        raise Damaged("an end inside a field")
    return view[at : at + size], at + size
